/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the rules look for in a program's path and name (push.h), kept with the leader of its threads from the start of the program on: what a
 * program calls itself later, and what becomes of its file, changes neither these nor what user space knows. Of who began before the agent, or
 * before the set in force, user space says what it knows; until then nothing is kept, and anything may be so.
 */
#pragma once

#include "push.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct push_program);
} push_programs __weak SEC(".maps");

/* A text anywhere in the record, up to a NUL. */
static long push__told(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= TIERCEL_RECORD_MAX)
		return 1;
	__u8 byte = r->s->rec[at];
	if (!byte)
		return 1;
	push__step(r, r->set->class_of[byte]);
	p->at = at + 1;
	return 0;
}

static __always_inline void push__text(struct push_run *r, __u32 begin, __u32 off, __u32 len)
{
	struct push_state *p = &r->w->push;

	p->state = begin;
	p->at = off;
	p->end = off + len;
	bpf_loop(TIERCEL_PATH_MAX, push__told, r, 0);
	push__step(r, PUSH_END);
}

/* The record in s is the current task's start of a program. Not global, so that the verifier knows s and w as values of maps. */
static __noinline __attribute__((unused)) int push__started(struct scratch *s, struct walk *w)
{
	if (!s || !w)
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	const struct push_set *set = push__set();
	struct ev_exec *ev = (void *)s->rec;

	__u32 exe = ev->exepath.off;
	if (!push_on || !set || ev->head.flags & EVF_PATH_CUT || !ev->exepath.len)
		return 0;
	barrier_var(exe);
	if (exe >= TIERCEL_RECORD_MAX || s->rec[exe] != '/') /* a program in no folder, whose name rules may take for its path */
		return 0;
	struct push_run r = {.set = set, .s = s, .w = w};
	struct push_state *p = &w->push;
	__builtin_memset(p, 0, __builtin_offsetof(struct push_state, folders));
	push__text(&r, set->begin_exe, ev->exepath.off, ev->exepath.len);
	push__text(&r, set->begin_name, __builtin_offsetof(struct ev_head, comm), TIERCEL_COMM_LEN);
	struct push_program *of = bpf_task_storage_get(&push_programs, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!of)
		return 0;
	for (int i = 0; i < PUSH_WORDS; i++)
		of->facts[i] = p->facts[i] & set->of_program[i];
	of->start_ns = task__read_only(task)->group_leader->start_boottime;
	of->exec_id = ev->head.exec_id;
	of->generation = set->generation;
	return 0;
}

/* A new process runs its parent's program. */
static __always_inline void push__inherit(struct task_struct *parent, struct task_struct *child)
{
	struct push_program *of = bpf_task_storage_get(&push_programs, parent->group_leader, 0, 0);

	if (!of || of->exec_id != BPF_CORE_READ(child, self_exec_id) || of->start_ns != BPF_CORE_READ(parent, group_leader, start_boottime))
		return;
	struct push_program own = *of;
	own.start_ns = BPF_CORE_READ(child, start_boottime);
	bpf_task_storage_get(&push_programs, child, &own, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Is the program the one that was asked about last on this CPU? */
static __always_inline bool push__is_last(const struct push_last *last, struct task_struct *task, __u32 generation)
{
	return last->pid == (__u32)task->tgid && last->exec_id == task->self_exec_id && last->generation == generation &&
	       last->start_ns == task__read_only(task)->group_leader->start_boottime;
}

/* Facts that the current task's program may have: what is at hand. True: it is all that is to be known. */
static __always_inline bool push__of_last(struct push_run *r, struct task_struct *task)
{
	struct push_state *p = &r->w->push;
	const struct push_last *last = &r->w->last;
	bool known = push__is_last(last, task, r->set->generation);

	for (int i = 0; i < PUSH_WORDS; i++)
		p->facts[i] = (p->facts[i] & ~r->set->of_program[i]) | (known ? last->facts[i] : r->set->of_program[i]); /* a path has none */
	return known;
}

/* Looked up, in place of what any program may have. False: it is not known. */
static __always_inline bool push__of_program(struct push_run *r, struct task_struct *task)
{
	struct push_program *of = bpf_task_storage_get(&push_programs, task->group_leader, 0, 0);
	struct push_state *p = &r->w->push;
	struct push_last *last = &r->w->last;
	const __u64 start_ns = task__read_only(task)->group_leader->start_boottime;

	if (!of || of->generation != r->set->generation || of->exec_id != task->self_exec_id || of->start_ns != start_ns)
		return false;
	last->pid = 0;
	for (int i = 0; i < PUSH_WORDS; i++) {
		last->facts[i] = of->facts[i];
		p->facts[i] = (p->facts[i] & ~r->set->of_program[i]) | of->facts[i];
	}
	last->start_ns = start_ns;
	last->exec_id = task->self_exec_id;
	last->generation = r->set->generation;
	last->pid = task->tgid;
	return true;
}
