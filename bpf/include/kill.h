/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Responses that the kernel carries out itself (docs/kernel-kill.md): where a program starts that satisfies a response's
 * condition, its process is sent the signal before the image's first instruction in user space. Only in containers: on
 * the host user space decides, which alone knows who is protected there.
 */
#pragma once

#include "task.h"
#include "verdict.h"

/* By whom no signal is taken: user space fills it, value enum cond_protected. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} cond_protected __weak SEC(".maps");

/* How often a response acted in which minute: minute << 32 | count. A row for each response that is in force. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} cond_budgets __weak SEC(".maps");

/* What was done: for user space, when the same response asks it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct cond_deed_key);
	__type(value, struct cond_deed_note);
} cond_deeds __weak SEC(".maps");

#define PROTECTED_HOPS_MAX 24
#define BUDGET_TRIES 8
#define NS_PER_MIN 60000000000ull

static __always_inline bool kill__is_protected(struct task_struct *task)
{
	__u32 needed = CP_ITSELF;

	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return true;
	for (int i = 0; i < PROTECTED_HOPS_MAX && task; i++) {
		__u32 pid = BPF_CORE_READ(task, tgid);
		if (pid <= 1) /* itself it is protected; its children, who are all, are not for that */
			return needed == CP_ITSELF;
		__u32 *kind = bpf_map_lookup_elem(&cond_protected, &pid);
		if (kind && *kind & needed)
			return true;
		needed = CP_DESCENDANTS;
		task = BPF_CORE_READ(task, real_parent, group_leader);
	}
	return false;
}

/* Takes one of this minute's. Whoever loses the race that often is told that there is none: user space then acts. */
static __always_inline bool kill__take_budget(const struct cond_response *response, __u64 now_ns)
{
	__u64 id = response->id;
	__u64 minute = now_ns / NS_PER_MIN << 32;
	__u64 *spent = bpf_map_lookup_elem(&cond_budgets, &id);

	if (!spent)
		return false;
	for (int i = 0; i < BUDGET_TRIES; i++) {
		__u64 old = *(volatile __u64 *)spent;
		__u64 count = old >> 32 == minute >> 32 ? old & 0xffffffff : 0;
		if (count >= response->budget_per_min)
			return false;
		if (__sync_val_compare_and_swap(spent, old, minute | (count + 1)) == old)
			return true;
	}
	return false;
}

/* True: the process is as good as dead, and no other response has to look at it. */
static __always_inline bool kill__act(struct task_struct *task, const struct ev_head *head,
				      const struct cond_response *response)
{
	struct cond_deed_key key = {.response = response->id, .start_ns = head->start_ns, .pid = head->pid, .exec_id = head->exec_id};
	struct cond_deed_note note = {};

	if (kill__is_protected(task)) {
		note.deed = CD_PROTECTED;
	} else if (response->dry_run) {
		note.deed = CD_WOULD;
	} else if (!kill__take_budget(response, bpf_ktime_get_boot_ns())) {
		note.deed = CD_BUDGET;
	} else {
		note.error = bpf_send_signal(response->signal);
		note.deed = note.error ? CD_FAILED : CD_SENT;
	}
	note.time_ns = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&cond_deeds, &key, &note, BPF_ANY);
	return note.deed == CD_SENT && response->signal == 9; /* SIGKILL */
}

/*
 * The record in s is the current task's start of a program. Not global, so that the verifier knows s and w as values of
 * maps: that of 6.1 takes no other memory as the key of a map.
 */
static __noinline int kill__consider(struct scratch *s, struct walk *w)
{
	if (!s || !w)
		return 0;
	const struct cond_set *set = verdict__set();
	if (!set || !verdict__facts(s, w, set))
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	for (__u32 i = 0; i < COND_RESPONSES_MAX && i < set->responses; i++) {
		const struct cond_response *response = &set->response[i];
		if (verdict__holds(w, set, response->entry) && kill__act(task, (struct ev_head *)s->rec, response))
			break;
	}
	return 0;
}
