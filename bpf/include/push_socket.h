/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of a socket that is made: does any rule need it? By the call's arguments, before a record is built. */
#pragma once

#include "push_judge.h"
#include "sock.h"

#define SOCK_TYPE_MASK 15 /* the rest are flags */
#define SOCK_STREAM 1
#define SOCK_DGRAM 2

/* What its record may say of it, and perhaps more. */
static __always_inline __u64 push__of_socket(__u32 domain, __u32 type, __u32 protocol)
{
	type &= SOCK_TYPE_MASK;
	return (family__is_ip(domain) ? 1ull << PF_SOCK_IP : 0) | (domain == AF_UNIX ? 1ull << PF_SOCK_UNIX : 0) |
	       (type == SOCK_STREAM || protocol == PROTO_TCP ? 1ull << PF_SOCK_TCP : 0) |
	       (type == SOCK_DGRAM || protocol == PROTO_UDP ? 1ull << PF_SOCK_UDP : 0) |
	       (type == SOCK_RAW || protocol == PROTO_RAW ? 1ull << PF_SOCK_RAW : 0);
}

/* A number as the only value of a side. */
static __always_inline void push__number(struct push_state *p, __u32 end, __u32 side, __u32 number)
{
	p->ends[end].family = AF_INET; /* it is known */
	p->ends[end].port = number;
	p->sides[side] = 1u << end;
}

static __noinline int socket__filtered(long ret, __u32 domain, __u32 type, __u32 protocol)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct push_run r;
	struct build b;

	r.set = push__set();
	r.row = r.set ? push__type(r.set, EVT_socket) : 0;
	if (!r.row || push__tries(task) || !scratch__try(&b, EVT_socket, 0))
		return 0;
	r.s = b.s;
	r.w = b.w;
	struct push_state *p = &b.w->push;
	push__user(&r, task);
	p->facts[0] |= push__either(ret >= 0, PF_SUCCEEDED) | push__of_socket(domain, type, protocol);
	push__number(p, 0, PUSH_DOMAIN, domain);
	push__number(p, 1, PUSH_PROTOCOL, protocol);
	push__ranges(&r, 0, r.set->ranges_of_users);
	bool wanted = push__wanted(&r, task);
	scratch__put(&b);
	if (!wanted)
		count__filtered(EVT_socket);
	return !wanted;
}
