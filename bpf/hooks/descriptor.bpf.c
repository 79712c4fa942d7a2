// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Calls that fit none of the shared shapes: close, pivot_root, pairs, fcntl, bpf, fsconfig, pidfd_send_signal. */
#include "../include/note.h"
#include "../include/push_call.h"

/* Begins a desc record about `fd`, arguments included. */
static __always_inline struct ev_desc *desc__begin(struct build *b, struct task_struct *task, __u16 type, long ret, __s64 fd)
{
	if (!record__begin(b, task, type, sizeof(struct ev_desc)))
		return 0;
	struct ev_desc *ev = (void *)b->head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->fd = fd;
	args__fill((struct args_part *)&ev->a0, task__regs((void *)task));
	descriptor__fill(b, (struct file_part *)&ev->ino, (struct sock_part *)&ev->source, task, fd);
	if (BPF_CORE_READ(task, files, count.counter) > 1)
		ev->head.flags |= EVF_PATH_UNCERTAIN;
	return ev;
}

/* close: at its exit the descriptor is gone. */
SEC("tp")
int sys_enter__close(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (!desc__begin(&b, task, EVT_close, 0, (__s32)SYS_ARG0(task__regs((void *)task))))
		return 0;
	note__take(&b);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__close(struct sys_exit_ctx *ctx)
{
	struct note *note = note__found(EVT_close);

	if (!note)
		return 0;
	((struct ev_desc *)note->rec)->res = call__result(ctx);
	note__send(note, RING_OF_close);
	return 0;
}

/*
 * pivot_root: at its exit the current directory has moved with the root. On functions it is taken down at its entry. A tracepoint at the
 * entry of one call makes every call of every process slower, so there the exit has to do: what relative paths were relative to is left out,
 * and user space puts in the directory that it knows from before (Event::absolute()).
 */
static __always_inline bool pivot__begin(struct build *b, struct task_struct *task, long ret, bool moved)
{
	struct pt_regs *regs = task__regs((void *)task);

	if (!record__begin(b, task, EVT_pivot_root, sizeof(struct ev_paths)))
		return false;
	struct ev_paths *ev = (void *)b->head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->dirfd = ev->dirfd2 = AT_FDCWD;
	args__fill((struct args_part *)&ev->a0, regs);
	if (moved) {
		record__path_text(b, &ev->first, (void *)SYS_ARG0(regs));
		record__path_text(b, &ev->second, (void *)SYS_ARG1(regs));
	} else {
		record__user_path(b, &ev->first, &ev->base, task, AT_FDCWD, (void *)SYS_ARG0(regs));
		record__user_path(b, &ev->second, &ev->base2, task, AT_FDCWD, (void *)SYS_ARG1(regs));
	}
	return true;
}

SEC("tp")
int sys_enter__pivot_root(void *ctx)
{
	struct build b;

	if (!pivot__begin(&b, (void *)bpf_get_current_task_btf(), 0, false))
		return 0;
	note__take(&b);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__pivot_root(struct sys_exit_ctx *ctx)
{
	long ret = call__result(ctx);
	struct build b;

	if (exits_by_function) {
		struct note *note = note__found(EVT_pivot_root);
		if (!note)
			return 0;
		((struct ev_paths *)note->rec)->res = ret;
		note__send(note, RING_OF_pivot_root);
	} else if (pivot__begin(&b, (void *)bpf_get_current_task_btf(), ret, ret == 0)) {
		record__send(&b, RING_OF_pivot_root);
		scratch__put(&b);
	}
	return 0;
}

/* pipe, pipe2, socketpair: the two numbers are in the caller's array. */
static __always_inline int pair__exit(__u16 type, long ret, unsigned long array)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__s32 fds[2] = {-1, -1};
	struct build b;

	if (!record__begin(&b, task, type, sizeof(struct ev_pair)))
		return 0;
	struct ev_pair *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	if (ret == 0 && bpf_probe_read_user(fds, sizeof(fds), (void *)array))
		fds[0] = fds[1] = -1; /* of a call that failed, the array says nothing */
	ev->res = ret;
	ev->fd1 = fds[0];
	ev->fd2 = fds[1];
	args__fill((struct args_part *)&ev->a0, task__regs((void *)task));
	if (ret == 0)
		descriptor__fill(&b, (struct file_part *)&ev->ino, (struct sock_part *)&ev->source, task, fds[0]);
	record__send(&b, RING_OF_pipe);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__pipe(struct sys_exit_ctx *ctx)
{
	return pair__exit(EVT_pipe, call__result(ctx), SYS_ARG0(task__regs(bpf_get_current_task_btf())));
}

SEC("tp")
int sys_exit__pipe2(struct sys_exit_ctx *ctx)
{
	return pair__exit(EVT_pipe2, call__result(ctx), SYS_ARG0(task__regs(bpf_get_current_task_btf())));
}

SEC("tp")
int sys_exit__socketpair(struct sys_exit_ctx *ctx)
{
	return pair__exit(EVT_socketpair, call__result(ctx), SYS_ARG3(task__regs(bpf_get_current_task_btf())));
}

SEC("tp")
int sys_exit__fcntl(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	int command = SYS_ARG1(regs);
	bool makes = call__result(ctx) >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC);
	struct build b;

	if (call__may_be_filtered(EVT_fcntl) && call__filtered(EVT_fcntl, call__result(ctx), SYS_ARG0(regs), command, 0))
		return 0;
	if (!desc__begin(&b, task, EVT_fcntl, call__result(ctx), makes ? call__result(ctx) : (__s32)SYS_ARG0(regs)))
		return 0;
	record__send(&b, RING_OF_fcntl);
	scratch__put(&b);
	return 0;
}

/* include/uapi/linux/bpf.h, enum bpf_cmd: the commands that make a descriptor; of others the result says something else. */
static __always_inline bool bpf__makes(int command)
{
	switch (command) {
	case 0: case 5: case 7: case 13: case 14: case 17: case 18: case 19: case 28: case 30: case 33: case 36: return true;
	default: return false;
	}
}

SEC("tp")
int sys_exit__bpf(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	int command = SYS_ARG0(task__regs((void *)task));
	struct build b;

	if (!desc__begin(&b, task, EVT_bpf, call__result(ctx), bpf__makes(command) ? call__result(ctx) : -1))
		return 0;
	record__send(&b, RING_OF_bpf);
	scratch__put(&b);
	return 0;
}

enum { FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_SET_BINARY, FSCONFIG_SET_PATH, FSCONFIG_SET_PATH_EMPTY };

SEC("tp")
int sys_exit__fsconfig(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;
	struct ev_desc *ev = desc__begin(&b, task, EVT_fsconfig, call__result(ctx), (__s32)SYS_ARG0(regs));

	if (!ev)
		return 0;
	record__user_str(&b, &ev->text, (void *)SYS_ARG2(regs));
	if (ev->a1 == FSCONFIG_SET_BINARY)
		record__user_data(&b, &ev->data, (void *)SYS_ARG3(regs), ev->length = (__u32)SYS_ARG4(regs));
	else if (ev->a1 == FSCONFIG_SET_STRING || ev->a1 == FSCONFIG_SET_PATH || ev->a1 == FSCONFIG_SET_PATH_EMPTY)
		record__user_str(&b, &ev->value, (void *)SYS_ARG3(regs));
	record__send(&b, RING_OF_fsconfig);
	scratch__put(&b);
	return 0;
}

#define PIDFS_MAGIC 0x50494446 /* v6.9 (cb12fd8e0dab); before, anonymous inodes */
#define ANON_INODE_FS_MAGIC 0x09041934

/* Whom a pidfd means, as the caller would number it. The caller's own text of the number may be old. */
static __always_inline __u32 pidfd__pid(struct task_struct *task, struct file *file, __u32 magic)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct pid *pid = magic == PIDFS_MAGIC ? BPF_CORE_READ(inode, i_private) : BPF_CORE_READ(file, private_data);
	struct pid *own = BPF_CORE_READ(task, thread_pid);

	return pid__nr(pid, BPF_CORE_READ(own, level));
}

SEC("tp")
int sys_exit__pidfd_send_signal(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__s32 fd = SYS_ARG0(task__regs((void *)task));
	struct build b;
	struct ev_desc *ev = desc__begin(&b, task, EVT_pidfd_send_signal, call__result(ctx), fd);

	if (!ev)
		return 0;
	struct file *file = file__of_fd(task, fd);
	ev->a5 = -1;
	if (file && (ev->magic == PIDFS_MAGIC || ev->magic == ANON_INODE_FS_MAGIC))
		ev->a5 = pidfd__pid(task, file, ev->magic);
	record__send(&b, RING_OF_pidfd_send_signal);
	scratch__put(&b);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
