/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of a record that is built: does any rule need it? For calls that are not as frequent as opens, and opens whose hooks hang on functions of the
 * kernel, where the record has what the kernel worked with. What the rules will read is what is looked at.
 */
#pragma once

#include "push_judge.h"
#include "push_path.h"

/* Begins a look at the record in s. False: everything of its kind is wanted. */
static __always_inline bool push__look(struct push_run *r, struct scratch *s, struct walk *w)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	if (!s || !w)
		return false;
	struct ev_head *head = (void *)s->rec;
	r->set = push__set();
	r->row = r->set ? push__type(r->set, head->type) : 0;
	if (!r->row || push__tries(task))
		return false;
	r->s = s;
	r->w = w;
	push__user(r, task);
	w->push.unknown = (head->flags & (EVF_TEXT_CUT | EVF_TEXT_FAULT | EVF_PATH_CUT | EVF_RES_UNKNOWN)) != 0;
	return true;
}

/* A path argument in the record: made absolute, and as it is written. */
static __always_inline void push__told_path(struct push_run *r, struct text name, struct text base)
{
	struct push_state *p = &r->w->push;
	__u32 at = name.off, from = base.off;

	if (!name.len || at >= TIERCEL_RECORD_MAX || from >= TIERCEL_RECORD_MAX) {
		p->unknown = 1;
		return;
	}
	bool relative = push__rec_byte(r->s, at) != '/';
	if (relative && (!base.len || push__rec_byte(r->s, from) != '/')) {
		p->unknown = 1;
		return;
	}
	p->base = from;
	p->base_end = from + base.len;
	push__both(r, relative, at, at + name.len);
}

/* The kernel's own path. */
static __always_inline void push__told_real(struct push_run *r, struct text real)
{
	__u32 at = real.off;

	if (!real.len || push__rec_byte(r->s, at) != '/') {
		r->w->push.unknown = 1;
		return;
	}
	push__begin(r);
	push__scan_own(r, at + 1, at + real.len);
	push__step(r, PUSH_END);
}

static __always_inline bool push__leave_out(struct push_run *r)
{
	struct ev_head *head = (void *)r->s->rec;

	if (push__wanted(r, (void *)bpf_get_current_task_btf()))
		return false;
	count__filtered(head->type);
	return true;
}

/* Static, as all that look: so the verifier knows s and w as values of maps. */
static __noinline __attribute__((unused)) int push__path_record(struct scratch *s, struct walk *w)
{
	struct push_run r;

	if (!push__look(&r, s, w))
		return 0;
	push__user_ranges(&r);
	struct ev_path *ev = (void *)s->rec;
	w->push.facts[0] |= push__either(ev->res >= 0, PF_SUCCEEDED);
	push__told_path(&r, ev->name, ev->base);
	return push__leave_out(&r);
}

static __noinline __attribute__((unused)) int push__paths_record(struct scratch *s, struct walk *w)
{
	struct push_run r;

	if (!push__look(&r, s, w))
		return 0;
	push__user_ranges(&r);
	struct ev_paths *ev = (void *)s->rec;
	w->push.facts[0] |= push__either(ev->res >= 0, PF_SUCCEEDED);
	push__told_path(&r, ev->first, ev->base);
	push__told_path(&r, ev->second, ev->base2);
	return push__leave_out(&r);
}
