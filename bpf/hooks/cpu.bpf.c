// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What every thread has used of CPUs: one small record a thread, summed in user space (agent/context/cpu_usage.h).
 * Loaded where a rule names procinfo, and run once an interval.
 */
#include "../include/sock.h"

static __always_inline void cpu__fill(struct ev_cpu_time *ev, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;

	/* First those that ended: a thread that ends from here on is missed in this look, and not counted twice. */
	ev->ended_run_ns = signal->sum_sched_runtime;
	ev->ended_user_ns = signal->utime;
	ev->ended_system_ns = signal->stime;
	ev->run_ns = task->se.sum_exec_runtime;
	ev->user_ns = task->utime;
	ev->system_ns = task->stime;
}

SEC("iter/task")
int process__cpu_time(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ev_cpu_time ev = {};

	if (!task || task->flags & PF_KTHREAD || task->signal->live.counter == 0)
		return 0;
	if (task->pid == task->tgid) {
		head__fill(&ev.head, task, cgroup__announce(task));
	} else {
		if (task->exit_state) /* it is among those that ended, or is about to be */
			return 0;
		ev.head.start_ns = task->group_leader->start_boottime;
		ev.head.pid = task->tgid;
		ev.head.tid = task->pid;
		ev.head.flags = EVF_THREAD;
	}
	ev.head.type = EVT_cpu_time;
	ev.head.size = sizeof(ev);
	cpu__fill(&ev, task);
	bpf_seq_write(ctx->meta->seq, &ev, sizeof(ev));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
