// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Credentials, tracing of other processes and mounts, at the exit of each call. */
#include "../include/inner.h"

#define SETID(call, ...)                                                                                      \
	SEC("tp")                                                                                             \
	int sys_exit__##call(struct sys_exit_ctx *ctx)                                                        \
	{                                                                                                     \
		struct task_struct *task = (void *)bpf_get_current_task_btf();                                \
		struct pt_regs *regs = task__regs((void *)task);                                              \
		struct build b;                                                                               \
		if (!record__begin(&b, task, EVT_##call, sizeof(struct ev_setid)))                            \
			return 0;                                                                             \
		struct ev_setid *ev = (void *)b.head;                                                         \
		RECORD_CLEAR(ev);                                                                             \
		ev->res = call__result(ctx);                                                                           \
		__VA_ARGS__;                                                                                  \
		record__send(&b, RING_OF_##call);                                                             \
		scratch__put(&b);                                                                             \
		return 0;                                                                                     \
	}

SETID(setuid, ev->uid = SYS_ARG0(regs))
SETID(setgid, ev->gid = SYS_ARG0(regs))
SETID(setreuid, ev->ruid = SYS_ARG0(regs), ev->euid = SYS_ARG1(regs))
SETID(setregid, ev->rgid = SYS_ARG0(regs), ev->egid = SYS_ARG1(regs))
SETID(setresuid, ev->ruid = SYS_ARG0(regs), ev->euid = SYS_ARG1(regs), ev->suid = SYS_ARG2(regs))
SETID(setresgid, ev->rgid = SYS_ARG0(regs), ev->egid = SYS_ARG1(regs), ev->sgid = SYS_ARG2(regs))

SEC("tp")
int sys_exit__ptrace(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (!record__begin(&b, task, EVT_ptrace, sizeof(struct ev_ptrace)))
		return 0;
	struct ev_ptrace *ev = (void *)b.head;
	ev->res = call__result(ctx);
	ev->request = (__s64)SYS_ARG0(regs);
	ev->pid = (__s32)SYS_ARG1(regs);
	ev->addr = SYS_ARG2(regs);
	ev->data = SYS_ARG3(regs);
	record__send(&b, RING_OF_ptrace);
	scratch__put(&b);
	return 0;
}

/* Where the kernel put it: the youngest mount of the namespace. Not said where other threads or kernels may disagree. */
static __always_inline void mount__realpath(struct build *b, struct ev_mount *ev, struct task_struct *task)
{
	struct mount *mount = mnt_ns__youngest(BPF_CORE_READ(task, nsproxy, mnt_ns));

	if (!mount)
		return;
	struct path at = {
		.mnt = (void *)BPF_CORE_READ(mount, mnt_parent) + bpf_core_field_offset(struct mount, mnt),
		.dentry = BPF_CORE_READ(mount, mnt_mountpoint),
	};
	record__walk(b, &ev->realpath, BPF_CORE_READ(task, fs), at.dentry, at.mnt);
}

#define MS_REMOUNT 32
#define MS_MOVE 8192
#define MS_PROPAGATION (1 << 17 | 1 << 18 | 1 << 19 | 1 << 20) /* they make no mount either */

SEC("tp")
int sys_exit__mount(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;

	if (!record__begin_inner(&b, task, EVT_mount, sizeof(struct ev_mount)))
		return 0;
	struct ev_mount *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = call__result(ctx);
	ev->flags = SYS_ARG3(regs);
	record__user_str(&b, &ev->dev, (void *)SYS_ARG0(regs));
	record__path_text(&b, &ev->dir, (void *)SYS_ARG1(regs));
	record__user_str(&b, &ev->type, (void *)SYS_ARG2(regs));
	record__base(&b, &ev->base, task, AT_FDCWD); /* the source may be a path too */
	if (call__result(ctx) == 0 && !(ev->flags & (MS_REMOUNT | MS_MOVE | MS_PROPAGATION)))
		mount__realpath(&b, ev, task);
	record__send(&b, RING_OF_mount);
	record__end_inner(&b);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
