// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* openat (the other opens are a shape), and the calls that change the folder that a process works in; at their exit. */
#include "../include/open.h"

SEC("tp")
int sys_exit__openat(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return open__exit(EVT_openat, call__result(ctx), (__s32)SYS_ARG0(regs), (void *)SYS_ARG1(regs), SYS_ARG2(regs),
			  SYS_ARG3(regs), 0);
}

/* chdir and fchdir: not for rules' sake alone, proc.cwd of every later event comes from here. */
static __always_inline int chdir__exit(__u16 type, long ret, __s64 fd, const void *path)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (!record__begin_inner(&b, task, type, sizeof(struct ev_chdir)))
		return 0;
	struct ev_chdir *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->fd = fd;
	if (type == EVT_chdir)
		record__path_text(&b, &ev->path, path);
	else
		file__fill(&b, (struct file_part *)&ev->ino, task, file__of_fd(task, fd));
	record__base(&b, &ev->cwd, task, AT_FDCWD);
	record__send(&b, RING_OF_chdir);
	record__end_inner(&b);
	return 0;
}

SEC("tp")
int sys_exit__chdir(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return chdir__exit(EVT_chdir, call__result(ctx), 0, (void *)SYS_ARG0(regs));
}

SEC("tp")
int sys_exit__fchdir(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return chdir__exit(EVT_fchdir, call__result(ctx), (__s32)SYS_ARG0(regs), 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
