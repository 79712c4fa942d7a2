/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets: what a descriptor's struct sock and an address argument say. */
#pragma once

#include "task.h"

#include <bpf/bpf_endian.h>

#define SOCKFS_MAGIC 0x534f434b
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

static __always_inline struct sock *sock__of_file(struct file *file)
{
	if (!file || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return 0;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : 0;
}

/* A unix socket's own name; abstract names begin with NUL and are shown with '@'. */
static __always_inline void sock__unix_path(struct build *b, struct text *t, struct sock *sk)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
	void *to = tail__room(b, SCRATCH_CHUNK);

	if (!addr || !to)
		return;
	int len = BPF_CORE_READ(addr, len) - 2;
	if (len < 1 || len > 108)
		return;
	char *sun_path = (char *)addr + bpf_core_field_offset(struct unix_address, name) + 2;
	bpf_probe_read_kernel(to, len, sun_path);
	if (*(char *)to == 0) {
		*(char *)to = '@';
		tail__took(b, t, len);
		return;
	}
	long n = bpf_probe_read_kernel_str(to, 109, sun_path);
	if (n > 1)
		tail__took(b, t, (n - 1) & 127);
}

static __always_inline void sock__fill(struct build *b, struct ev_sock *ev, struct sock *sk)
{
	ev->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	ev->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	ev->socktype = BPF_CORE_READ(sk, sk_type);
	ev->l4proto = BPF_CORE_READ(sk, sk_protocol);
	if (ev->family == AF_INET) {
		bpf_probe_read_kernel(ev->laddr, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_probe_read_kernel(ev->raddr, 4, &sk->__sk_common.skc_daddr);
	} else if (ev->family == AF_INET6) {
		bpf_probe_read_kernel(ev->laddr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(ev->raddr, 16, &sk->__sk_common.skc_v6_daddr);
	}
	if (ev->family == AF_INET || ev->family == AF_INET6) {
		ev->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
		if (!ev->lport) { /* a connect that was refused has given its port back; this is what getsockname() shows */
			ev->lport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
			if (ev->family == AF_INET)
				bpf_probe_read_kernel(ev->laddr, 4, &((struct inet_sock *)sk)->inet_saddr);
		}
		ev->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	} else if (ev->family == AF_UNIX) {
		struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		ev->source = (__u64)sk;
		ev->peer = (__u64)peer;
		/* the side that has a name gives it to both: the listener's, as the client knows it */
		sock__unix_path(b, &ev->path, sk);
		if (!ev->path.len && peer)
			sock__unix_path(b, &ev->path, peer);
	}
}

/* The address argument, from the caller's memory. */
static __always_inline void sock__argument(struct build *b, struct ev_sock *ev, const void *user, __u32 len)
{
	struct {
		__u16 family, port;
		__u8 rest[24];
	} a = {};

	if (!user || len < 2)
		return;
	__u32 n_bytes = len;
	barrier_var(n_bytes); /* or the compiler bounds a register that the verifier does not connect with this one */
	if (n_bytes > sizeof(a))
		n_bytes = sizeof(a);
	if (bpf_probe_read_user(&a, n_bytes, user)) {
		ev->head.flags |= EVF_TEXT_FAULT;
		return;
	}
	ev->afamily = a.family;
	if (a.family == AF_INET) {
		ev->aport = bpf_ntohs(a.port);
		__builtin_memcpy(ev->aaddr, a.rest, 4);
	} else if (a.family == AF_INET6) {
		ev->aport = bpf_ntohs(a.port);
		__builtin_memcpy(ev->aaddr, a.rest + 4, 16);
	} else if (a.family == AF_UNIX && !ev->path.len && len > 2) {
		void *to = tail__room(b, SCRATCH_CHUNK);
		if (!to)
			return;
		long n = bpf_probe_read_user_str(to, 109, user + 2);
		if (n > 1) {
			tail__took(b, &ev->path, (n - 1) & 127);
			return;
		}
		__u32 rest = (len - 2) & 127; /* an abstract name: sun_path has 108 bytes at most */
		if (len <= 110 && bpf_probe_read_user(to, rest, user + 2) == 0) {
			*(char *)to = '@';
			tail__took(b, &ev->path, rest);
		}
	}
}
