/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the facts of an event to whether it is wanted; and facts that no text gives. */
#pragma once

#include "push_program.h"

static long push__clause(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= PUSH_CLAUSES_MAX)
		return 1;
	const struct push_clause *c = &r->set->clauses[at & (PUSH_CLAUSES_MAX - 1)];
	__u64 any = 0;
	for (int w = 0; w < PUSH_WORDS; w++)
		any |= c->any_of[w] & p->facts[w];
	if (any && c->last)
		return p->wanted = 1;
	p->at = any ? at + 1 : c->next;
	return 0;
}

static __always_inline bool push__satisfies(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	const struct push_type *type = r->row;
	__u64 some = 0;

	for (int w = 0; w < PUSH_WORDS; w++)
		some |= type->some_of[w] & p->facts[w];
	if (!some)
		return false;
	p->at = type->first;
	p->end = type->end;
	p->wanted = 0;
	bpf_loop(PUSH_CLAUSES_MAX, push__clause, r, 0);
	return p->wanted;
}

static __always_inline const struct push_type *push__type(const struct push_set *set, __u16 type)
{
	__u32 row = set->type_of[type & 511];

	return row && row <= PUSH_TYPES_MAX ? &set->types[(row - 1) & (PUSH_TYPES_MAX - 1)] : 0;
}

static __always_inline __u64 push__either(bool holds, int fact)
{
	return 1ull << (holds ? fact : fact + 1);
}

/* All facts of its own are there: is the event wanted? What the program is comes last, since that is looked up. */
static __always_inline bool push__wanted(struct push_run *r, struct task_struct *task)
{
	struct push_state *p = &r->w->push;
	bool known = push__of_last(r, task);

	if (p->unknown || !push__satisfies(r))
		return p->unknown;
	return known || !push__of_program(r, task) || push__satisfies(r);
}

/* Processes whose parent is the agent or its broker. */
static __always_inline bool push__tries(struct task_struct *task)
{
	__u32 parent = task__read_only(task)->real_parent->tgid;

	return parent == push_never[0] || parent == push_never[1];
}

/* Does one of the ends lie in it? */
static __always_inline bool range__has(const struct push_range *range, const struct push_end *end)
{
	if (!range->family)
		return end->family && end->port >= range->low && end->port <= range->high;
	return end->family == range->family && !((end->address[0] ^ range->address[0]) & range->mask[0]) &&
	       !((end->address[1] ^ range->address[1]) & range->mask[1]);
}

/* Facts below PF_TEXTS; 0 is none of them. */
static __always_inline __u64 push__bit(__u32 fact)
{
	return fact ? 1ull << (fact & 63) : 0;
}

/* What came of a test, at the last of its ranges. */
static __always_inline void push__range_ends(struct push_state *p, const struct push_range *range, bool sure)
{
	if (p->in_range)
		p->facts[0] |= push__bit(range->in);
	if (!p->in_range || !sure)
		p->facts[0] |= push__bit(range->out);
	p->in_range = 0;
}

static __always_inline void push__range(struct push_state *p, const struct push_range *range)
{
	bool sure = true; /* that all values are known */
	if (range->side == PUSH_USER) {
		p->in_range |= p->uid >= range->low && p->uid <= range->high;
	} else {
		__u32 ends = p->sides[range->side & 15];
		if ((ends & 1 && range__has(range, &p->ends[0])) || (ends & 2 && range__has(range, &p->ends[1])))
			p->in_range = 1;
		sure = (ends == 1 && p->ends[0].family) || (ends == 2 && p->ends[1].family);
	}
	if (range->last)
		push__range_ends(p, range, sure);
}

static long push__some_ranges(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;

#pragma unroll
	for (int n = 0; n < PUSH_RANGES_STEP; n++) {
		__u32 at = p->at;
		if (at >= p->end || at >= PUSH_RANGES_MAX)
			return 1;
		push__range(p, &r->set->ranges[at & (PUSH_RANGES_MAX - 1)]);
		p->at = at + 1;
	}
	return 0;
}

static __always_inline void push__ranges(struct push_run *r, __u32 from, __u32 end)
{
	struct push_state *p = &r->w->push;

	p->at = from;
	p->end = end;
	p->in_range = 0;
	if (from < end)
		bpf_loop(PUSH_RANGES_MAX / PUSH_RANGES_STEP, push__some_ranges, r, 0);
}

/* Begins a look at an event, with what its user says, but for ranges: these are looked at together with others. */
static __always_inline void push__user(struct push_run *r, struct task_struct *task)
{
	struct push_state *p = &r->w->push;

	__builtin_memset(p, 0, __builtin_offsetof(struct push_state, folders));
	p->uid = task__read_only(task)->cred->euid.val;
	p->facts[0] = push__either(p->uid == 0, PF_ROOT);
}

static __always_inline void push__user_ranges(struct push_run *r)
{
	push__ranges(r, r->set->ranges_of_calls, r->set->ranges_of_users);
}
