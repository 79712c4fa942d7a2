// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files: the open family, at the exit of each call. What was opened comes from the descriptor's struct file, not from
 * the caller's memory; the caller's text is kept beside it.
 */
#include "../include/inner.h"
#include "../include/push_open.h"
#include "../include/push_record.h"

/* With hooks within calls the record has what these kept, which is more than can be looked at before. */
static __noinline int push__open_record(struct scratch *s, struct walk *w)
{
	struct push_run r;

	if (!push__look(&r, s, w))
		return 0;
	struct ev_open *ev = (void *)s->rec;
	w->push.facts[0] |= push__of_open(ev->fd, ev->flags, ev->mode);
	push__told_path(&r, ev->name, ev->base);
	if (ev->fd >= 0)
		push__told_real(&r, ev->realpath);
	return push__leave_out(&r);
}

static __always_inline int open__exit(__u16 type, long ret, __s64 dirfd, const void *name, __u32 flags, __u32 mode,
				      __u32 resolve)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (push_on && !inner_hooks && open__filtered(type, ret, dirfd, name, flags | (__u64)mode << 32))
		return 0;
	if (!record__begin_inner(&b, task, type, sizeof(struct ev_open)))
		return 0;
	struct ev_open *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->fd = ret;
	ev->dirfd = dirfd;
	ev->flags = flags;
	ev->mode = mode;
	ev->resolve = resolve;
	if (type == EVT_open_by_handle_at)
		record__base(&b, &ev->base, task, dirfd);
	else
		record__user_path(&b, &ev->name, &ev->base, task, dirfd, name);
	ev->base_mode = file__mode(task, dirfd);
	bool certain = record__opened(&b, (struct file_part *)&ev->ino, task, ret);
	if (ret < 0)
		certain = b.inner; /* nothing to confuse it with, if the name is the kernel's: else that is marked */
	if (!certain && (ret < 0 || BPF_CORE_READ(task, files, count.counter) > 1))
		ev->head.flags |= EVF_PATH_UNCERTAIN;
	if (!push_on || !inner_hooks || !push__open_record(b.s, b.w))
		record__send(&b, RING_OF_open);
	record__end_inner(&b);
	return 0;
}

SEC("tp")
int sys_exit__open(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return open__exit(EVT_open, call__result(ctx), AT_FDCWD, (void *)SYS_ARG0(regs), SYS_ARG1(regs), SYS_ARG2(regs), 0);
}

SEC("tp")
int sys_exit__openat(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return open__exit(EVT_openat, call__result(ctx), (__s32)SYS_ARG0(regs), (void *)SYS_ARG1(regs), SYS_ARG2(regs),
			  SYS_ARG3(regs), 0);
}

/* include/uapi/linux/openat2.h */
struct open_how_args {
	__u64 flags, mode, resolve;
};

SEC("tp")
int sys_exit__openat2(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	struct open_how_args how = {};

	bpf_probe_read_user(&how, sizeof(how), (void *)SYS_ARG2(regs));
	return open__exit(EVT_openat2, call__result(ctx), (__s32)SYS_ARG0(regs), (void *)SYS_ARG1(regs), how.flags, how.mode,
			  how.resolve);
}

#define O_CREAT_WRONLY_TRUNC (0100 | 01 | 01000)

SEC("tp")
int sys_exit__creat(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return open__exit(EVT_creat, call__result(ctx), AT_FDCWD, (void *)SYS_ARG0(regs), O_CREAT_WRONLY_TRUNC, SYS_ARG1(regs), 0);
}

SEC("tp")
int sys_exit__open_by_handle_at(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return open__exit(EVT_open_by_handle_at, call__result(ctx), (__s32)SYS_ARG0(regs), 0, SYS_ARG2(regs), 0, 0);
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
