// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sockets: connect, accept, accept4 and bind at the exit of the call, with the kernel's view of the socket. */
#include "../include/push_sock.h"

static __always_inline int sock__exit(__u16 type, long ret, __s64 fd, __s64 listener, const void *address,
				      __u32 address_len, __u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (!record__begin_inner_state(&b, task, type, sizeof(struct ev_sock)))
		return 0;
	struct ev_sock *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	struct sock_part *sock_part = (struct sock_part *)&ev->source;
	struct addr_part *addr_part = (struct addr_part *)&ev->aaddr;
	ev->res = ret;
	ev->fd = fd;
	ev->flags = flags;
	struct sock *sk = descriptor__fill(&b, (struct file_part *)&ev->ino, sock_part, task, fd);
	struct sock *queue = ret >= 0 && listener >= 0 ? sock__of_file(file__of_fd(task, listener)) : 0;
	if (queue) {
		ev->queuelen = BPF_CORE_READ(queue, sk_ack_backlog);
		ev->queuemax = BPF_CORE_READ(queue, sk_max_ack_backlog);
	}
	struct text given = {};
	sock__argument(&b, addr_part, &given, address, address_len);
	if (type == EVT_connect)
		sock__name_peer(&b, sock_part, sk);
	if (given.len && (!ev->path.len || (type == EVT_connect && !ev->peer)))
		ev->path = given;
	if (sk)
		sock__remember(ev->ino, sock_part, addr_part, sock__role(type, ret));
	if (!told[type] || (push_on && push__sock_record(b.s, b.w)) || !budget__allows(type, ev->head.cgroup_id)) {
		record__end_inner(&b);
		return 0;
	}
	if (BPF_CORE_READ(task, files, count.counter) > 1 && !(b.inner && sk && b.inner->sock == (__u64)sk))
		ev->head.flags |= EVF_PATH_UNCERTAIN;
	record__send(&b, RING_OF_connect);
	record__end_inner(&b);
	return 0;
}

SEC("tp")
int sys_exit__connect(struct sys_exit_ctx *ctx)
{
	/* Where hooks within the call kept something, that is what counts. */
	if (push_on && !inner_hooks && connect__filtered(ctx))
		return 0;
	/* What it is called with is read anew, so that the verifier comes to what follows in one state. */
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return sock__exit(EVT_connect, call__result(ctx), (__s32)SYS_ARG0(regs), -1, (void *)SYS_ARG1(regs), SYS_ARG2(regs),
			  0);
}

/*
 * i386's socketcall() has connect and bind behind one number, and their arguments in memory: taken from the functions that all
 * come to, net/socket.c: __sys_connect(int fd, struct sockaddr *, int), __sys_bind() alike. Fexit programs.
 */
#define NR32_socketcall 102
#define SOCKETCALL_ARG(ctx, n)                                                                \
	({                                                                                    \
		__u64 arg;                                                                    \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(arg) : "r"(ctx), "i"((n) * 8));  \
		arg;                                                                          \
	})
#define SOCKETCALL(call)                                                                                             \
	SEC("tp")                                                                                                    \
	int socketcall__##call(void *ctx)                                                                            \
	{                                                                                                            \
		struct task_struct *task = (void *)bpf_get_current_task_btf();                                       \
		if (!task__compat_flags(task) || SYS_NR(task__regs((void *)task)) != NR32_socketcall)                \
			return 0;                                                                                    \
		return sock__exit(EVT_##call, (int)SOCKETCALL_ARG(ctx, 3), (__s32)SOCKETCALL_ARG(ctx, 0), -1,        \
				  (void *)SOCKETCALL_ARG(ctx, 1), SOCKETCALL_ARG(ctx, 2), 0);                        \
	}
SOCKETCALL(connect)
SOCKETCALL(bind)

SEC("tp")
int sys_exit__bind(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return sock__exit(EVT_bind, call__result(ctx), (__s32)SYS_ARG0(regs), -1, (void *)SYS_ARG1(regs), SYS_ARG2(regs),
			  0);
}

SEC("tp")
int sys_exit__accept(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return sock__exit(EVT_accept, call__result(ctx), call__result(ctx), (__s32)SYS_ARG0(regs), 0, 0, 0);
}

SEC("tp")
int sys_exit__accept4(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return sock__exit(EVT_accept4, call__result(ctx), call__result(ctx), (__s32)SYS_ARG0(regs), 0, 0, SYS_ARG3(regs));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
