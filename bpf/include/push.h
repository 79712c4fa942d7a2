/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Does any rule need this event (schema/push.h)? Asked before a record is built. What cannot be read, is too long or
 * written in an odd way counts as wanted: only what certainly satisfies no rule is left out, and that is counted.
 */
#pragma once

#include "../schema/push.h"
#include "task.h"

/* The set in force. One slot: the pointer in it is exchanged, so a program sees the old set or the new one, whole. */
struct push_sets_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct push_set));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct push_sets_inner);
} push_sets __weak SEC(".maps");

extern volatile bool push_on;	     /* a set is in force */
extern volatile __u32 push_never[2]; /* children of these processes try the hooks: all that they do is told */

struct push_run {
	const struct push_set *set;
	const struct push_type *row; /* of the event's type */
	const struct scratch *s; /* the caller's text is in its rec */
	struct walk *w;		 /* the kernel's in its buf; and all that changes, so that the verifier takes it for unknown */
};

/* From one state to the next; what ends there is found. */
static __always_inline __u32 push__next(struct push_run *r, __u32 state, __u32 class)
{
	struct push_state *p = &r->w->push;
	const struct push_set *set = r->set;
	__u64 at = (__u64)state * PUSH_CLASSES_MAX + (class & (PUSH_CLASSES_MAX - 1));

	barrier_var(at); /* the verifier of 6.1 wants the bound on this very register */
	__u32 next = set->next[at & (PUSH_STATES_MAX * PUSH_CLASSES_MAX - 1)];

	state = next & (PUSH_STATES_MAX - 1);
	if (!(next & PUSH_FINDS))
		return state;
	const struct push_out *o = &set->outs[set->out_of[state] & (PUSH_OUTS_MAX - 1)];
	for (int i = 0; i < PUSH_WORDS; i++)
		p->facts[i] |= o->facts[i];
	return state;
}

static __always_inline void push__step(struct push_run *r, __u32 class)
{
	r->w->push.state = push__next(r, r->w->push.state, class);
}

static __always_inline const struct push_set *push__set(void)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&push_sets, &zero);

	return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}
