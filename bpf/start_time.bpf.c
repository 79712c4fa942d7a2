// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * When a process began, by the kernel's own clock: what tells it from another one that got its pid. An object of its own,
 * so that a response script loads this and nothing else. See agent/sensor/start_time.h.
 */
#include "include/compat.h"

volatile int wanted_pid = 0; /* in the root namespace */

SEC("iter/task")
int start__time(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task || BPF_CORE_READ(task, pid) != wanted_pid || BPF_CORE_READ(task, tgid) != wanted_pid)
		return 0;
	__u64 start_ns = BPF_CORE_READ(task, start_boottime);
	bpf_seq_write(ctx->meta->seq, &start_ns, sizeof(start_ns));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
