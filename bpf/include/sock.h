/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets: what a descriptor's struct sock and an address argument say. */
#pragma once

#include "inner.h"

#include <bpf/bpf_endian.h>

#define SOCK_RAW 3
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define EINPROGRESS 115
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_RAW 255

static __always_inline bool family__is_ip(__u16 family)
{
	return family == AF_INET || family == AF_INET6;
}

static __always_inline struct sock *sock__of_file(struct file *file)
{
	if (!file)
		return 0;
	struct inode *inode = KERNEL_READ(file, file, f_inode);
	struct super_block *sb = KERNEL_READ(inode, inode, i_sb);
	if (KERNEL_READ(super_block, sb, s_magic) != SOCKFS_MAGIC)
		return 0;
	struct socket *socket = KERNEL_READ(file, file, private_data);
	return socket ? KERNEL_READ(socket, socket, sk) : 0;
}

#define UNIX_NAME_MAX 108 /* sizeof(sun_path) */

/*
 * The name of the unix socket w->dentry, at buf[0 .. pos); abstract names begin with NUL and are shown with '@'. Global:
 * the verifier looks at it once, and not again for each way to come here.
 */
__weak __noinline int unix__name(struct walk *w)
{
	if (!w)
		return 0;
	w->pos = 0;
	struct unix_sock *sk = (void *)w->dentry;
	struct unix_address *addr = BPF_CORE_READ(sk, addr);
	if (!addr)
		return 0;
	int len = BPF_CORE_READ(addr, len) - 2;
	if (len < 1 || len > UNIX_NAME_MAX)
		return 0;
	char *sun_path = (char *)addr + bpf_core_field_offset(struct unix_address, name) + 2;
	bpf_probe_read_kernel(w->buf, len, sun_path);
	if (w->buf[0] == 0) {
		w->buf[0] = '@';
		w->pos = len;
		return 0;
	}
	long n = bpf_probe_read_kernel_str(w->buf, UNIX_NAME_MAX + 1, sun_path);
	if (n > 1)
		w->pos = n - 1;
	return 0;
}

static __always_inline void sock__unix_path(struct build *b, struct text *t, struct sock *sk)
{
	void *to = tail__room(b, 128);

	b->w->dentry = (__u64)sk;
	unix__name(b->w);
	__u32 len = b->w->pos & 127;
	if (!to || !len)
		return;
	bpf_probe_read_kernel(to, len, b->w->buf);
	tail__took(b, t, len);
}

static __always_inline void sock__fill_inet(struct sock_part *part, struct sock *sk)
{
	if (part->family == AF_INET) {
		__u32 local = KERNEL_READ(sock, sk, __sk_common.skc_rcv_saddr), remote = KERNEL_READ(sock, sk, __sk_common.skc_daddr);
		__builtin_memcpy(part->laddr, &local, 4);
		__builtin_memcpy(part->raddr, &remote, 4);
	} else {
		bpf_probe_read_kernel(part->laddr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(part->raddr, 16, &sk->__sk_common.skc_v6_daddr);
	}
	if (part->socktype == SOCK_RAW) /* its number is a protocol's */
		return;
	part->lport = KERNEL_READ(sock, sk, __sk_common.skc_num);
	if (!part->lport) { /* a connect that was refused has given its port back; this is what getsockname() shows */
		part->lport = bpf_ntohs(KERNEL_READ(inet_sock, sk, inet_sport));
		__u32 local = KERNEL_READ(inet_sock, sk, inet_saddr);
		if (part->family == AF_INET)
			__builtin_memcpy(part->laddr, &local, 4);
	}
	part->rport = bpf_ntohs(KERNEL_READ(sock, sk, __sk_common.skc_dport));
}

static __always_inline void sock__fill_kind(struct sock_part *part, struct sock *sk)
{
	part->family = KERNEL_READ(sock, sk, __sk_common.skc_family);
	part->state = KERNEL_READ(sock, sk, __sk_common.skc_state);
	part->socktype = KERNEL_READ(sock, sk, sk_type);
	part->l4proto = KERNEL_READ(sock, sk, sk_protocol);
}

static __always_inline void sock__fill(struct build *b, struct sock_part *part, struct sock *sk)
{
	if (!sk)
		return;
	sock__fill_kind(part, sk);
	if (family__is_ip(part->family)) {
		sock__fill_inet(part, sk);
	} else if (part->family == AF_UNIX) {
		struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		part->source = (__u64)sk;
		part->peer = (__u64)peer;
		/* the side that has a name gives it to both: the listener's, as the client knows it */
		sock__unix_path(b, &part->path, sk);
		if (!part->path.len && peer)
			sock__unix_path(b, &part->path, peer);
	}
}

/* Where something goes out, the other end's name says where to. */
static __always_inline void sock__name_peer(struct build *b, struct sock_part *part, struct sock *sk)
{
	struct text name = {};

	if (!sk || part->family != AF_UNIX)
		return;
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	if (peer)
		sock__unix_path(b, &name, peer);
	if (name.len)
		part->path = name;
}

struct sock_address {
	__u16 family, port;
	__u8 rest[24];
	__u32 pad;
};

/* The kernel's copy in place of the caller's, and whether they differ, where the caller's is there. */
static __always_inline void sock__kept(struct build *b, struct sock_address *a, __u32 n, bool there)
{
	struct sock_address kept = {};

	if (n > sizeof(kept))
		return;
	bpf_probe_read_kernel(&kept, n, b->inner->address);
	__u64 *x = (void *)a, *y = (void *)&kept;
	if (there && (x[0] != y[0] || x[1] != y[1] || x[2] != y[2] || x[3] != y[3]))
		b->head->flags |= EVF_ARG_CHANGED;
	*a = kept;
}

/* The address argument, as the kernel had it or else from the caller's memory. A unix path goes to `path`. */
static __always_inline void sock__argument(struct build *b, struct addr_part *part, struct text *path, const void *user,
					   __u32 len)
{
	struct sock_address a = {};

	if (!user || len < 2)
		return;
	const bool kept = inner_hooks && b->inner && b->inner->address_len;
	__u32 n_bytes = len;
	if (kept) {
		len = b->inner->address_len;
		n_bytes = len;
	}
	barrier_var(n_bytes); /* or the compiler bounds a register that the verifier does not connect with this one */
	if (n_bytes > sizeof(a))
		n_bytes = sizeof(a);
	long fault = bpf_probe_read_user(&a, n_bytes, user);
	if (kept) {
		sock__kept(b, &a, n_bytes, !fault);
	} else if (fault) {
		b->head->flags |= EVF_TEXT_FAULT;
		return;
	}
	part->afamily = a.family;
	if (a.family == AF_INET) {
		part->aport = bpf_ntohs(a.port);
		__builtin_memcpy(part->aaddr, a.rest, 4);
	} else if (a.family == AF_INET6) {
		part->aport = bpf_ntohs(a.port);
		__builtin_memcpy(part->aaddr, a.rest + 4, 16);
	} else if (a.family == AF_UNIX && len > 2) {
		void *to = tail__room(b, 128);
		if (!to)
			return;
		long n;
		if (kept)
			n = bpf_probe_read_kernel_str(to, 109, &b->inner->address[2]);
		else
			n = bpf_probe_read_user_str(to, 109, user + 2);
		if (n > 1) {
			tail__took(b, path, (n - 1) & 127);
			return;
		}
		__u32 rest = (len - 2) & 127; /* an abstract name: sun_path has 108 bytes at most */
		if (len > 110)
			return;
		if (kept)
			n = bpf_probe_read_kernel(to, rest, &b->inner->address[2]);
		else
			n = bpf_probe_read_user(to, rest, user + 2);
		if (n == 0) {
			*(char *)to = '@';
			tail__took(b, path, rest);
		}
	}
}

/*
 * What the kernel does not keep about a socket: who began, and whom it spoke with last. By inode number, which no two
 * sockets share while they live.
 */
struct sock_past {
	__u64 raddr[2];
	__u16 rport;
	__u16 flags; /* SKF_CLIENT or SKF_SERVER */
	__u32 pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct sock_past);
} sock_pasts __weak SEC(".maps");

/* Who a socket is by that. */
static __always_inline __u16 sock__role(__u16 type, long ret)
{
	if (type == EVT_connect)
		return ret == 0 || ret == -EINPROGRESS ? SKF_CLIENT : 0;
	return type != EVT_bind && ret >= 0 ? SKF_SERVER : 0;
}

/* The role that an event gives to a socket that has none. 0: it says nothing about that. */
static __always_inline void sock__remember(__u64 ino, struct sock_part *part, const struct addr_part *argument, __u16 role)
{
	struct sock_past next = {.flags = role}, *past;

	if (!want_roles || (part->family != AF_INET && part->family != AF_INET6))
		return;
	past = bpf_map_lookup_elem(&sock_pasts, &ino);
	if (past && past->flags)
		next.flags = past->flags;
	part->sk_flags = next.flags;
	if (!role)
		return;
	next.rport = part->rport;
	__builtin_memcpy(next.raddr, part->raddr, 16);
	if (!next.rport && argument) {
		next.rport = argument->aport;
		__builtin_memcpy(next.raddr, argument->aaddr, 16);
	}
	if (!past || past->rport != next.rport || past->raddr[0] != next.raddr[0] ||
	    past->raddr[1] != next.raddr[1]) {
		part->sk_flags |= SKF_NAME_CHANGED;
		bpf_map_update_elem(&sock_pasts, &ino, &next, BPF_ANY);
	}
}

/* File part, sock part: what every record about a descriptor begins with. */
static __always_inline struct sock *descriptor__fill(struct build *b, struct file_part *file_part, struct sock_part *sock_part,
						     struct task_struct *task, __s64 fd)
{
	struct file *file = file__of_fd(task, fd);
	struct sock *sk = sock__of_file(file);

	file__fill_old(b, file_part, task, file);
	sock__fill(b, sock_part, sk);
	if (sk)
		sock__remember(file_part->ino, sock_part, 0, 0);
	return sk;
}
