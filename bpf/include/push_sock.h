/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of a record about a connection: does any rule need it? Its two ends are those that user space takes them for (agent/context/event.cpp, ends()). */
#pragma once

#include "push_record.h"
#include "sock.h"

#define TCP_LISTEN_STATE 10 /* include/net/tcp_states.h */

/* An IPv6 address that stands for an IPv4 one is that. */
static __always_inline void push__end_of(struct push_end *end, __u16 family, __u16 port, const __u8 *address)
{
	__u64 low, high;

	__builtin_memcpy(&low, address, 8);
	__builtin_memcpy(&high, address + 8, 8);
	end->family = family;
	end->port = port;
	end->address[0] = low;
	end->address[1] = high;
	if (family == AF_INET) {
		end->address[0] = (__u32)low;
		end->address[1] = 0;
	} else if (low == 0 && (__u32)high == bpf_htonl(0xffff)) {
		end->family = AF_INET;
		end->address[0] = high >> 32;
		end->address[1] = 0;
	}
}

#define END_LOCAL 1
#define END_REMOTE 2

static __always_inline void push__sides(struct push_state *p, bool has_role, bool local_is_server)
{
	p->sides[PUSH_LOCAL] = END_LOCAL;
	p->sides[PUSH_REMOTE] = END_REMOTE;
	p->sides[PUSH_EITHER] = END_LOCAL | END_REMOTE;
	p->sides[PUSH_CLIENT] = !has_role ? 0 : local_is_server ? END_REMOTE : END_LOCAL;
	p->sides[PUSH_SERVER] = !has_role ? 0 : local_is_server ? END_LOCAL : END_REMOTE;
}

static __always_inline void push__ends(struct push_state *p, const struct ev_sock *ev, __u16 type)
{
	if (!family__is_ip(ev->family)) {
		push__sides(p, false, false);
		return;
	}
	push__end_of(&p->ends[0], ev->family, ev->lport, ev->laddr);
	if (ev->state == TCP_LISTEN_STATE) {
		push__sides(p, true, true);
		return;
	}
	if (ev->rport)
		push__end_of(&p->ends[1], ev->family, ev->rport, ev->raddr);
	else if (family__is_ip(ev->afamily))
		push__end_of(&p->ends[1], ev->afamily, ev->aport, ev->aaddr);
	push__sides(p, true, type != EVT_connect || ev->sk_flags & SKF_SERVER);
}

static __always_inline __u64 push__of_family(const struct ev_sock *ev)
{
	__u16 family = ev->family ? ev->family : ev->afamily;
	__u64 facts = ev->l4proto == PROTO_TCP ? 1ull << PF_SOCK_TCP : ev->l4proto == PROTO_UDP ? 1ull << PF_SOCK_UDP : 0;

	if (ev->socktype == SOCK_RAW || ev->l4proto == PROTO_RAW)
		facts |= 1ull << PF_SOCK_RAW;
	return facts | (family__is_ip(family) ? 1ull << PF_SOCK_IP : 0) | (family == AF_UNIX ? 1ull << PF_SOCK_UNIX : 0);
}

/* Connect, accept, accept4. */
static __noinline int push__sock_record(struct scratch *s, struct walk *w)
{
	struct push_run r;

	if (!push__look(&r, s, w))
		return 0;
	struct push_state *p = &w->push;
	struct ev_sock *ev = (void *)s->rec;
	p->facts[0] |= push__either(ev->res >= 0, PF_SUCCEEDED) | push__of_family(ev);
	if (ev->res == -EINPROGRESS)
		p->facts[0] |= 1ull << PF_IN_PROGRESS;
	if (!ev->family && !ev->afamily) /* no socket: what rules take it for is user space's to say */
		p->unknown = 1;
	if (ev->path.len) { /* of a unix socket: pieces of its path, which may have numbers before it */
		p->state = 0;
		push__scan_own(&r, ev->path.off, ev->path.off + ev->path.len);
		push__step(&r, PUSH_END);
	}
	push__ends(p, ev, ev->head.type);
	push__ranges(&r, r.set->ranges_of_calls, r.set->ranges_few); /* and the user's */
	p->facts[0] |= r.set->facts_of_rest;
	push__of_last(&r, (void *)bpf_get_current_task_btf());
	if (!p->unknown && !push__satisfies(&r)) {
		count__filtered(ev->head.type);
		return 1;
	}
	p->facts[0] &= ~r.set->facts_of_rest;
	push__ranges(&r, r.set->ranges_few, r.set->ranges_end);
	return push__leave_out(&r);
}

/*
 * The same of a connect whose record has but what it is judged by. Not where the record's making is to remember something of the socket, and not
 * of unix sockets, whose names take most of it.
 */
static __noinline int connect__filtered(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct pt_regs *regs = task__regs(task);
	const long ret = call__result(ctx);
	struct file *file = file__of_fd(task, (__s32)SYS_ARG0(regs));
	struct sock *sk = sock__of_file(file);
	struct text nothing = {};
	struct build b;

	if (!sk || (want_roles && sock__role(EVT_connect, ret)))
		return 0;
	const __u16 family = KERNEL_READ(sock, sk, __sk_common.skc_family);
	if (!family__is_ip(family) || !scratch__try(&b, EVT_connect, sizeof(struct ev_sock)))
		return 0;
	struct ev_sock *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	struct sock_part *sock_part = (struct sock_part *)&ev->source;
	ev->res = ret;
	sock__fill_kind(sock_part, sk);
	sock__fill_inet(sock_part, sk);
	if (!sock_part->rport) /* as push__ends() */
		sock__argument(&b, (struct addr_part *)&ev->aaddr, &nothing, (void *)SYS_ARG1(regs), SYS_ARG2(regs));
	if (want_roles) {
		struct inode *inode = KERNEL_READ(file, file, f_inode);
		sock__remember(KERNEL_READ(inode, inode, i_ino), sock_part, 0, 0);
	}
	const int filtered = push__sock_record(b.s, b.w);
	scratch__put(&b);
	return filtered;
}
