/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Of a socket that is made, or a descriptor that is doubled: does any rule need it? By the call's arguments and its result, before a record is
 * built. One function for all: the verifier looks at it again in each program.
 */
#pragma once

#include "push_judge.h"
#include "sock.h"

/* include/uapi/linux/fcntl.h */
#define F_DUPFD 0
#define F_DUPFD_QUERY 1027
#define F_DUPFD_CLOEXEC 1030

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

/* Whether fcntl() doubles a descriptor. Of dup() and its kin nobody asks. */
static __always_inline __u64 push__of_doubled(__u32 type, __u32 command)
{
	if (type != EVT_fcntl)
		return 1ull << PF_DUPLICATES | 1ull << PF_DUPLICATES_NOT;
	return push__either(command == F_DUPFD || command == F_DUPFD_QUERY || command == F_DUPFD_CLOEXEC, PF_DUPLICATES);
}

static __always_inline bool call__may_be_filtered(__u32 type)
{
	return push_on && (type == EVT_socket || type == EVT_dup || type == EVT_dup2 || type == EVT_dup3 || type == EVT_fcntl);
}

static __noinline int call__filtered(__u32 type, long ret, __u32 a0, __u32 a1, __u32 a2)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct push_run r;
	struct build b;

	r.set = push__set();
	r.row = r.set ? push__type(r.set, type) : 0;
	if (!r.row || push__tries(task) || !scratch__try(&b, type, 0))
		return 0;
	r.s = b.s;
	r.w = b.w;
	struct push_state *p = &b.w->push;
	push__user(&r, task);
	p->facts[0] |= push__either(ret >= 0, PF_SUCCEEDED);
	if (type == EVT_socket) {
		p->facts[0] |= push__of_socket(a0, a1, a2);
		push__number(p, 0, PUSH_DOMAIN, a0);
		push__number(p, 1, PUSH_PROTOCOL, a2);
	} else {
		p->facts[0] |= push__of_doubled(type, a1);
		if (ret >= 0)
			push__number(p, 0, PUSH_RESULT, ret);
	}
	push__ranges(&r, 0, r.set->ranges_of_users);
	bool wanted = push__wanted(&r, task);
	scratch__put(&b);
	if (!wanted)
		count__filtered(type);
	return !wanted;
}
