// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * 32-bit callers where hooks hang on tracepoints (sensor.compat_calls): the tracepoint of a call keeps silent for them
 * (arch_trace_is_compat_syscall(), arch/x86/include/asm/ftrace.h), the one of all calls does not. It is hung on every call of the
 * machine, which is its price. Behind it the same programs as at the functions of 32-bit callers, by the number of the call.
 */
#include "../include/maps.h"

#define CALLS_32 512
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALLS_32);
	__type(key, __u32);
	__type(value, __u32);
} compat_programs SEC(".maps");

SEC("tp_btf/sys_exit")
int compat__exit(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	if (task__compat_flags(task))
		bpf_tail_call(ctx, &compat_programs, (__u32)SYS_NR(task__regs(task)));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
