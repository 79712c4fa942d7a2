/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths through the automaton: as they are, and cleaned as user space cleans them. */
#pragma once

#include "push_program.h"

/* Of the record. The verifier of 6.1 wants the bound on the very register that is added. */
static __always_inline __u8 push__rec_byte(const struct scratch *s, __u64 at)
{
	barrier_var(at);
	return at < TIERCEL_RECORD_MAX ? s->rec[at] : 0;
}

static __always_inline __u64 push__rec_eight(const struct scratch *s, __u64 at)
{
	barrier_var(at);
	return at <= TIERCEL_RECORD_MAX - 8 ? *(__u64 *)&s->rec[at] : 0;
}

/* A slash: the name before it has ended. "." and ".." and nothing are names that cleaning takes away. */
static __always_inline void push__slash(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	if (p->len == 0) {
		p->odd = 1;
	} else if (p->dots && p->len <= 2) {
		p->odd = 1;
		if (p->len == 2 && p->depth > 0)
			p->depth--;
		p->state = p->folders[p->depth & (PUSH_DEPTH_MAX - 1)];
	} else {
		p->depth++;
		if (p->depth >= PUSH_DEPTH_MAX)
			p->unknown = 1;
		p->names[p->depth & (PUSH_DEPTH_MAX - 1)] = p->state;
		push__step(r, r->set->class_of['/']);
		p->folders[p->depth & (PUSH_DEPTH_MAX - 1)] = p->state;
	}
	p->len = 0;
	p->dots = 1;
}

static __always_inline void push__byte(struct push_run *r, __u8 byte)
{
	struct push_state *p = &r->w->push;
	if (byte == '/') {
		push__slash(r);
		return;
	}
	push__step(r, r->set->class_of[byte]);
	p->len++;
	if (byte != '.')
		p->dots = 0;
}

/* The caller's text is in s->rec, the kernel's in w->buf. */
static long push__own(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= TIERCEL_RECORD_MAX)
		return 1;
	push__byte(r, push__rec_byte(r->s, at));
	p->at = at + 1;
	return 0;
}

static long push__walked(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= TIERCEL_PATH_MAX)
		return 1;
	push__byte(r, r->w->buf[at & (TIERCEL_PATH_MAX - 1)]);
	p->at = at + 1;
	return 0;
}

/*
 * A text that needs no cleaning, as nearly all, goes through eight bytes at a time. What the name so far is, in two bits: nothing, ".", "..",
 * any other. By three times that and what comes (another byte, a dot, a slash): what it is then, and whether a name that cleaning takes away has ended.
 */
#define NAME_OTHER 3
#define NAME_NEXT (3u | 1u << 2 | 3u << 6 | 2u << 8 | 3u << 12 | 3u << 14 | 3u << 18 | 3u << 20)
#define NAME_ODD (1u << 2 | 1u << 5 | 1u << 8)

struct push_scan {
	__u64 bytes; /* the next one lowest */
	__u32 state, name, odd;
};

static __always_inline void push__scan(struct push_run *r, struct push_scan *scan)
{
	__u32 class = r->set->class_of[scan->bytes & 255];
	__u32 kind = scan->name * 3 + (class >> 6);

	scan->odd |= NAME_ODD >> (kind & 15) & 1;
	scan->name = NAME_NEXT >> (kind * 2 & 31) & 3;
	scan->state = push__next(r, scan->state, class);
	scan->bytes >>= 8;
}

/* No loop: the verifier of 6.1 takes none whose end runs into its head. */
static __always_inline void push__eight(struct push_run *r, __u64 bytes, __u32 left)
{
	struct push_state *p = &r->w->push;
	struct push_scan scan = {.bytes = bytes, .state = p->state, .name = p->name, .odd = p->odd};

	push__scan(r, &scan);
#define SCAN_IF(n)             \
	if (left <= (n))       \
		goto scanned;  \
	push__scan(r, &scan);
	SCAN_IF(1) SCAN_IF(2) SCAN_IF(3) SCAN_IF(4) SCAN_IF(5) SCAN_IF(6) SCAN_IF(7)
#undef SCAN_IF
scanned:
	p->at += 8;
	p->state = scan.state;
	p->name = scan.name;
	p->odd = scan.odd;
}

static long push__own_eight(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at, end = p->end;

	if (at >= end)
		return 1;
	if (at > TIERCEL_RECORD_MAX - 8)
		return p->unknown = 1;
	push__eight(r, push__rec_eight(r->s, at), end - at);
	return 0;
}

static long push__walked_eight(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at, end = p->end;

	if (at >= end || at >= TIERCEL_PATH_MAX)
		return 1;
	push__eight(r, *(__u64 *)&r->w->buf[at], end - at);
	return 0;
}

static __always_inline void push__begin(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	p->depth = p->len = p->name = 0;
	p->dots = 1;
	p->state = push__next(r, r->set->begin, r->set->class_of['/']);
	p->folders[0] = p->state;
}

static __always_inline void push__scan_own(struct push_run *r, __u32 at, __u32 end)
{
	r->w->push.at = at;
	r->w->push.end = end;
	bpf_loop(TIERCEL_PATH_MAX / 8 + 1, push__own_eight, r, 0);
}

/* The path in w->buf, which begins with a slash unless it is of nothing that has a name in a folder. */
static __always_inline void push__scan_walked(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 pos = r->w->pos;

	if (r->w->cut || r->w->nameless || pos >= TIERCEL_PATH_MAX) {
		p->unknown = 1;
		return;
	}
	push__begin(r);
	p->at = pos + 1;
	p->end = TIERCEL_PATH_MAX;
	bpf_loop(TIERCEL_PATH_MAX / 8 + 1, push__walked_eight, r, 0);
}

/* A folder that a path is relative to, and the slash behind it. The kernel's own paths are clean. */
static __always_inline void push__scan_base(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	bool is_root;

	if (p->base_end) {
		push__begin(r);
		push__scan_own(r, p->base + 1, p->base_end);
		is_root = p->base + 1 == p->base_end;
	} else {
		push__scan_walked(r);
		is_root = r->w->pos == TIERCEL_PATH_MAX - 1;
	}
	if (!is_root)
		push__step(r, r->set->class_of['/']);
	p->odd = p->name = 0;
}

/* A last name that cleaning takes away leaves the folder before it, without its slash. */
static __always_inline void push__end(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 depth = p->depth;

	if (!p->len || (p->dots && p->len <= 2)) {
		if (p->len == 2 && depth > 0)
			depth--;
		p->state = depth > 0 ? p->names[depth & (PUSH_DEPTH_MAX - 1)] : p->folders[0];
	}
	push__step(r, PUSH_END);
}

/* Cleaned name by name, behind the folder in w->buf if it is relative to that. */
static __always_inline void push__cleaned(struct push_run *r, bool relative, __u32 at, __u32 end)
{
	struct push_state *p = &r->w->push;

	push__begin(r);
	if (relative) {
		p->at = (p->base_end ? p->base : r->w->pos) + 1;
		p->end = p->base_end ? p->base_end : TIERCEL_PATH_MAX;
		if (p->base_end)
			bpf_loop(TIERCEL_PATH_MAX, push__own, r, 0);
		else
			bpf_loop(TIERCEL_PATH_MAX, push__walked, r, 0);
		if (p->len) /* not the root itself */
			push__slash(r);
	}
	p->at = at;
	p->end = end;
	bpf_loop(TIERCEL_PATH_MAX, push__own, r, 0);
	push__end(r);
}

/* Absolute, or relative to a folder that is in w->buf: as it is where it is clean. False: it is not. */
static __always_inline bool push__clean(struct push_run *r, bool relative, __u32 at, __u32 end)
{
	struct push_state *p = &r->w->push;

	if (relative)
		push__scan_base(r);
	else
		push__begin(r);
	push__scan_own(r, relative ? at : at + 1, end);
	if (p->odd || p->name != NAME_OTHER)
		return false;
	push__step(r, PUSH_END);
	return true;
}

/* The text at s->rec[at .. end), made absolute; then as it is written, where that is something else. Returns whether it was clean. */
static __always_inline bool push__both(struct push_run *r, bool relative, __u32 at, __u32 end)
{
	struct push_state *p = &r->w->push;

	p->odd = 0;
	bool clean = push__clean(r, relative, at, end);

	if (p->unknown || (clean && !relative))
		return clean;
	if (!clean)
		push__cleaned(r, relative, relative ? at : at + 1, end);
	p->state = r->set->begin;
	push__scan_own(r, at, end);
	push__step(r, PUSH_END);
	p->odd = 0;
	if (!relative)
		return clean;
	if (clean) { /* pmatch takes the first slash for granted */
		push__begin(r);
		push__scan_own(r, at, end);
		push__step(r, PUSH_END);
	} else {
		push__cleaned(r, false, at, end);
	}
	return clean;
}
