// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads and writes, at the exit of each call: attached only where a rule names the call. */
#include "../include/iov.h"

static __always_inline struct ev_io *io__begin(struct build *b, struct task_struct *task, __u16 type, long ret, __s64 fd)
{
	if (!record__begin_inner(b, task, type, sizeof(struct ev_io)))
		return 0;
	struct ev_io *ev = (void *)b->head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->fd = fd;
	struct sock *sk = descriptor__fill(b, (struct file_part *)&ev->ino, (struct sock_part *)&ev->source, task, fd);
	if (type == EVT_sendto || type == EVT_sendmsg)
		sock__name_peer(b, (struct sock_part *)&ev->source, sk);
	if (BPF_CORE_READ(task, files, count.counter) > 1)
		ev->head.flags |= EVF_PATH_UNCERTAIN;
	return ev;
}

static __always_inline int io__end(struct build *b)
{
	record__send(b, RING_OF_read);
	record__end_inner(b);
	return 0;
}

/* What went through: for a write that failed, what should have. */
static __always_inline __u64 io__through(long ret, bool reads, __u64 asked)
{
	return ret >= 0 ? (__u64)ret : reads ? 0 : asked;
}

static __always_inline int io__exit(__u16 type, long ret, bool reads, bool has_pos)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;
	struct ev_io *ev = io__begin(&b, task, type, ret, (__s32)SYS_ARG0(regs));

	if (!ev)
		return 0;
	ev->size = SYS_ARG2(regs);
	if (has_pos)
		ev->pos = SYS_ARG3(regs);
	record__user_data(&b, &ev->data, (void *)SYS_ARG1(regs), io__through(ret, reads, ev->size));
	return io__end(&b);
}

static __always_inline int iov__exit(__u16 type, long ret, bool reads)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;
	struct ev_io *ev = io__begin(&b, task, type, ret, (__s32)SYS_ARG0(regs));

	if (!ev)
		return 0;
	ev->size = iov__data(&b, &ev->data, (void *)SYS_ARG1(regs), SYS_ARG2(regs), io__through(ret, reads, -1));
	return io__end(&b);
}

SEC("tp")
int sys_exit__read(struct sys_exit_ctx *ctx)
{
	return io__exit(EVT_read, call__result(ctx), true, false);
}

SEC("tp")
int sys_exit__write(struct sys_exit_ctx *ctx)
{
	return io__exit(EVT_write, call__result(ctx), false, false);
}

SEC("tp")
int sys_exit__pread(struct sys_exit_ctx *ctx)
{
	return io__exit(EVT_pread, call__result(ctx), true, true);
}

SEC("tp")
int sys_exit__pwrite(struct sys_exit_ctx *ctx)
{
	return io__exit(EVT_pwrite, call__result(ctx), false, true);
}

SEC("tp")
int sys_exit__readv(struct sys_exit_ctx *ctx)
{
	return iov__exit(EVT_readv, call__result(ctx), true);
}

SEC("tp")
int sys_exit__writev(struct sys_exit_ctx *ctx)
{
	return iov__exit(EVT_writev, call__result(ctx), false);
}

#define MSG_PEEK 2
#define TCP_ESTABLISHED 1

/* Who speaks first on a datagram socket that nobody connected is the client; who is spoken to is the server. */
static __always_inline void io__role(struct ev_io *ev, long ret, bool reads)
{
	bool stream = ev->socktype != 2 && ev->socktype != 3; /* SOCK_DGRAM, SOCK_RAW */

	if (ret < 0 || stream)
		return;
	if (ev->state == TCP_ESTABLISHED || ev->aport)
		sock__remember(ev->ino, (struct sock_part *)&ev->source, (struct addr_part *)&ev->aaddr,
			       reads ? SKF_SERVER : SKF_CLIENT);
}

SEC("tp")
int sys_exit__sendto(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct build b;
	struct ev_io *ev = io__begin(&b, task, EVT_sendto, call__result(ctx), (__s32)SYS_ARG0(regs));

	if (!ev)
		return 0;
	ev->size = SYS_ARG2(regs);
	ev->flags = SYS_ARG3(regs);
	sock__argument(&b, (struct addr_part *)&ev->aaddr, &ev->path, (void *)SYS_ARG4(regs), SYS_ARG5(regs));
	record__user_data(&b, &ev->data, (void *)SYS_ARG1(regs), io__through(call__result(ctx), false, ev->size));
	io__role(ev, call__result(ctx), false);
	return io__end(&b);
}

SEC("tp")
int sys_exit__recvfrom(struct sys_exit_ctx *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	__u32 address_len = 0;
	struct build b;
	struct ev_io *ev = io__begin(&b, task, EVT_recvfrom, call__result(ctx), (__s32)SYS_ARG0(regs));

	if (!ev)
		return 0;
	ev->size = SYS_ARG2(regs);
	ev->flags = SYS_ARG3(regs);
	if (call__result(ctx) >= 0 && SYS_ARG4(regs) && SYS_ARG5(regs) &&
	    !bpf_probe_read_user(&address_len, sizeof(address_len), (void *)SYS_ARG5(regs)))
		sock__argument(&b, (struct addr_part *)&ev->aaddr, &ev->path, (void *)SYS_ARG4(regs), address_len);
	record__user_data(&b, &ev->data, (void *)SYS_ARG1(regs), io__through(call__result(ctx), true, ev->size));
	io__role(ev, call__result(ctx), true);
	return io__end(&b);
}

/* include/linux/socket.h, struct user_msghdr */
struct user_msg {
	__u64 name;
	__u32 name_len, pad;
	__u64 iov, iov_len, control, control_len;
	__u32 flags, pad2;
};

static __always_inline int msg__exit(__u16 type, long ret, bool reads)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs((void *)task);
	struct user_msg msg = {};
	struct build b;
	struct ev_io *ev = io__begin(&b, task, type, ret, (__s32)SYS_ARG0(regs));

	if (!ev)
		return 0;
	ev->flags = SYS_ARG2(regs);
	if (bpf_probe_read_user(&msg, sizeof(msg), (void *)SYS_ARG1(regs))) {
		ev->head.flags |= EVF_TEXT_FAULT;
		return io__end(&b);
	}
	if (!reads || ret >= 0)
		sock__argument(&b, (struct addr_part *)&ev->aaddr, &ev->path, (void *)msg.name, msg.name_len);
	ev->size = iov__data(&b, &ev->data, (void *)msg.iov, msg.iov_len, io__through(ret, reads, -1));
	if (reads && ret >= 0)
		record__user_data(&b, &ev->msgcontrol, (void *)msg.control, msg.control_len);
	if (reads && ret >= 0)
		ev->control_size = msg.control_len;
	io__role(ev, ret, reads);
	return io__end(&b);
}

SEC("tp")
int sys_exit__sendmsg(struct sys_exit_ctx *ctx)
{
	return msg__exit(EVT_sendmsg, call__result(ctx), false);
}

SEC("tp")
int sys_exit__recvmsg(struct sys_exit_ctx *ctx)
{
	return msg__exit(EVT_recvmsg, call__result(ctx), true);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
