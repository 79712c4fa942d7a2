/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an io_uring's request asks for: the fixed part and the texts of its record, filled in at the submission. */
#pragma once

#include "uring.h"

#if defined(__TARGET_ARCH_arm64)
#define O_LARGEFILE 0400000
#else
#define O_LARGEFILE 0100000
#endif

/* The event type of the call that an operation stands for; EVT_NONE: not told of. */
static __always_inline __u16 uring__type(__u8 opcode)
{
	switch (opcode) {
	case IORING_OP_OPENAT: return EVT_openat;
	case IORING_OP_OPENAT2: return EVT_openat2;
	case IORING_OP_UNLINKAT: return EVT_unlinkat;
	case IORING_OP_MKDIRAT: return EVT_mkdirat;
	case IORING_OP_RENAMEAT: return EVT_renameat2;
	case IORING_OP_LINKAT: return EVT_linkat;
	case IORING_OP_SYMLINKAT: return EVT_symlinkat;
	case IORING_OP_SOCKET: return EVT_socket;
	case IORING_OP_CONNECT: return EVT_connect;
	case IORING_OP_ACCEPT: return EVT_accept4;
	case IORING_OP_BIND: return EVT_bind;
	case IORING_OP_LISTEN: return EVT_listen;
	case IORING_OP_SHUTDOWN: return EVT_shutdown;
	case IORING_OP_SEND: case IORING_OP_SEND_ZC: return EVT_sendto;
	case IORING_OP_SENDMSG: case IORING_OP_SENDMSG_ZC: return EVT_sendmsg;
	case IORING_OP_RECV: return EVT_recvfrom;
	case IORING_OP_RECVMSG: return EVT_recvmsg;
	case IORING_OP_READ: case IORING_OP_READ_FIXED: case IORING_OP_READ_MULTISHOT: return EVT_read;
	case IORING_OP_WRITE: case IORING_OP_WRITE_FIXED: return EVT_write;
	case IORING_OP_READV: return EVT_readv;
	case IORING_OP_WRITEV: return EVT_writev;
	default: return EVT_NONE;
	}
}

static __always_inline bool uring__makes_fd(__u16 type)
{
	return type == EVT_openat || type == EVT_openat2 || type == EVT_accept4 || type == EVT_socket;
}

/* Its record describes a descriptor, sockets included. */
static __always_inline bool uring__has_sock(__u16 type)
{
	return type != EVT_openat && type != EVT_openat2 && type != EVT_unlinkat && type != EVT_mkdirat &&
	       type != EVT_renameat2 && type != EVT_linkat && type != EVT_symlinkat;
}

/* Told, or of use for who began with a socket. */
static __always_inline bool uring__wanted(__u16 type)
{
	if (type == EVT_NONE || type >= EVT_COUNT)
		return false;
	return told[type] || (want_roles && (type == EVT_connect || type == EVT_accept4));
}

static __always_inline __u32 uring__fixed_size(__u16 type)
{
	switch (type) {
	case EVT_openat: case EVT_openat2: return sizeof(struct ev_open);
	case EVT_unlinkat: case EVT_mkdirat: return sizeof(struct ev_path);
	case EVT_renameat2: case EVT_linkat: case EVT_symlinkat: return sizeof(struct ev_paths);
	case EVT_socket: case EVT_listen: case EVT_shutdown: return sizeof(struct ev_desc);
	case EVT_connect: case EVT_accept4: case EVT_bind: return sizeof(struct ev_sock);
	default: return sizeof(struct ev_io);
	}
}

/* What a path of this request is relative to, to be compared later: a directory's dentry, or a descriptor's file. */
static __always_inline __u64 uring__dir(struct task_struct *task, __s64 dirfd)
{
	if (dirfd == AT_FDCWD)
		return (__u64)BPF_CORE_READ(task, fs, pwd.dentry);
	return (__u64)file__of_fd(task, dirfd);
}

/* The kernel's copy of a path argument. Returns what uring__dir() gives, 0 for a path that is relative to nothing. */
static __always_inline __u64 uring__path(struct build *b, struct text *name, struct text *base, struct task_struct *task,
					 __s64 dirfd, struct filename *filename)
{
	char *written = tail__room(b, SCRATCH_CHUNK);

	record__kernel_str(b, name, BPF_CORE_READ(filename, name));
	bool relative = written && (!name->len || *written != '/');
	if (dirfd != AT_FDCWD || relative)
		record__base(b, base, task, dirfd);
	return relative ? uring__dir(task, dirfd) : 0;
}

static __always_inline void uring__ask_open(struct build *b, struct task_struct *task, struct io_kiocb *req,
					    struct uring_meta *m)
{
	struct io_open *open = (void *)req;
	struct ev_open *ev = (void *)b->head;

	RECORD_CLEAR(ev);
	ev->dirfd = BPF_CORE_READ(open, dfd);
	ev->flags = BPF_CORE_READ(open, how.flags) & ~O_LARGEFILE; /* added by io_uring to every open */
	ev->mode = BPF_CORE_READ(open, how.mode);
	ev->resolve = BPF_CORE_READ(open, how.resolve);
	m->slot = BPF_CORE_READ(open, file_slot);
	m->dir = uring__path(b, &ev->name, &ev->base, task, ev->dirfd, BPF_CORE_READ(open, filename));
	ev->base_mode = file__mode(task, ev->dirfd);
}

static __always_inline void uring__ask_path(struct build *b, struct task_struct *task, struct io_kiocb *req,
					    struct uring_meta *m)
{
	struct io_unlink *unlink = (void *)req;
	struct io_mkdir *mkdir = (void *)req;
	struct ev_path *ev = (void *)b->head;
	struct filename *name;

	RECORD_CLEAR(ev);
	if (m->type == EVT_unlinkat) {
		ev->dirfd = BPF_CORE_READ(unlink, dfd);
		ev->a2 = (__u32)BPF_CORE_READ(unlink, flags);
		name = BPF_CORE_READ(unlink, filename);
	} else {
		ev->dirfd = BPF_CORE_READ(mkdir, dfd);
		ev->a2 = BPF_CORE_READ(mkdir, mode);
		name = BPF_CORE_READ(mkdir, filename);
	}
	ev->a0 = ev->dirfd;
	m->dir = uring__path(b, &ev->name, &ev->base, task, ev->dirfd, name);
	if (ev->dirfd != AT_FDCWD) {
		file__fill(b, (struct file_part *)&ev->ino, task, file__of_fd(task, ev->dirfd));
		ev->base = ev->realpath;
	}
}

static __always_inline void uring__ask_paths(struct build *b, struct task_struct *task, struct io_kiocb *req,
					     struct uring_meta *m)
{
	struct io_rename *rename = (void *)req;
	struct io_link *link = (void *)req;
	struct ev_paths *ev = (void *)b->head;
	struct filename *first, *second;

	RECORD_CLEAR(ev);
	if (m->type == EVT_renameat2) {
		ev->dirfd = BPF_CORE_READ(rename, old_dfd);
		ev->dirfd2 = BPF_CORE_READ(rename, new_dfd);
		ev->a4 = (__u32)BPF_CORE_READ(rename, flags);
		first = BPF_CORE_READ(rename, oldpath);
		second = BPF_CORE_READ(rename, newpath);
	} else {
		bool symlink = m->type == EVT_symlinkat;
		ev->dirfd = symlink ? AT_FDCWD : BPF_CORE_READ(link, old_dfd);
		ev->dirfd2 = BPF_CORE_READ(link, new_dfd);
		ev->a4 = symlink ? 0 : (__u32)BPF_CORE_READ(link, flags);
		first = BPF_CORE_READ(link, oldpath);
		second = BPF_CORE_READ(link, newpath);
	}
	m->dir = uring__path(b, &ev->first, &ev->base, task, ev->dirfd, first);
	ev->base_mode = file__mode(task, ev->dirfd);
	m->dir2 = uring__path(b, &ev->second, &ev->base2, task, ev->dirfd2, second);
	if (m->type == EVT_symlinkat)
		m->dir = 0; /* a target is relative to nothing of the caller's */
	if (ev->dirfd2 != AT_FDCWD) {
		file__fill(b, (struct file_part *)&ev->ino, task, file__of_fd(task, ev->dirfd2));
		ev->base2 = ev->realpath;
	}
}

static __always_inline void uring__ask_desc(struct build *b, struct io_kiocb *req, struct uring_meta *m)
{
	struct io_socket *socket = (void *)req;
	struct ev_desc *ev = (void *)b->head;

	RECORD_CLEAR(ev);
	if (m->type == EVT_socket) {
		ev->a0 = (__u32)BPF_CORE_READ(socket, domain);
		ev->a1 = (__u32)BPF_CORE_READ(socket, type);
		ev->a2 = (__u32)BPF_CORE_READ(socket, protocol);
		m->slot = BPF_CORE_READ(socket, file_slot);
		return;
	}
	ev->fd = ev->a0 = BPF_CORE_READ(req, cqe.fd);
	if (m->type == EVT_shutdown)
		ev->a1 = (__u32)BPF_CORE_READ((struct io_shutdown *)req, how);
	else if (bpf_core_type_exists(struct io_listen))
		ev->a1 = (__u32)BPF_CORE_READ((struct io_listen *)req, backlog);
}

struct uring_address {
	__u16 family, port;
	__u8 rest[108];
};

/* An address that the kernel has copied. A unix path goes to `path`. */
static __always_inline void uring__kernel_address(struct build *b, struct addr_part *part, struct text *path,
						  const void *address, __u32 len)
{
	struct uring_address *a = (void *)b->w->buf;
	__u32 n = len < sizeof(*a) ? len : sizeof(*a);

	barrier_var(n);
	if (!address || n < 2 || n > sizeof(*a) || bpf_probe_read_kernel(a, n, address))
		return;
	part->afamily = a->family;
	if (a->family == AF_INET || a->family == AF_INET6) {
		part->aport = bpf_ntohs(a->port);
		__builtin_memcpy(part->aaddr, a->rest + (a->family == AF_INET ? 0 : 4), 16);
		if (a->family == AF_INET)
			__builtin_memset(part->aaddr + 4, 0, 12);
		return;
	}
	void *to = tail__room(b, 128);
	if (a->family != AF_UNIX || len <= 2 || len > 110 || !to)
		return;
	long got = bpf_probe_read_kernel_str(to, 109, address + 2);
	if (got > 1) {
		__u32 most = len - 2; /* a path that fills all of it has no NUL */
		tail__took(b, path, ((__u32)got - 1 < most ? (__u32)got - 1 : most) & 127);
		return;
	}
	__u32 rest = (len - 2) & 127; /* an abstract name */
	if (bpf_probe_read_kernel(to, rest, address + 2) == 0) {
		*(char *)to = '@';
		tail__took(b, path, rest);
	}
}

static __always_inline void uring__ask_sock(struct build *b, struct io_kiocb *req, struct uring_meta *m)
{
	struct io_accept *accept = (void *)req;
	struct io_connect *connect = (void *)req;
	struct ev_sock *ev = (void *)b->head;
	struct addr_part *part = (struct addr_part *)&ev->aaddr;
	struct text path = {};

	RECORD_CLEAR(ev);
	ev->fd = BPF_CORE_READ(req, cqe.fd);
	if (m->type == EVT_accept4) {
		ev->flags = BPF_CORE_READ(accept, flags);
		m->slot = BPF_CORE_READ(accept, file_slot);
	} else if (m->type == EVT_connect) {
		/*
		 * The kernel's copy lies where this version's patches put it, which its types do not tell. So this is the
		 * caller's memory, as with system calls; where the connection came about, the socket says where to.
		 */
		sock__argument(b, part, &path, BPF_CORE_READ(connect, addr), BPF_CORE_READ(connect, addr_len));
	}
	ev->path = path;
}

/* include/linux/socket.h, struct user_msghdr */
struct uring_user_msg {
	__u64 name;
	__u32 name_len, pad;
	__u64 iov, iov_len, control, control_len;
};

static __always_inline void uring__ask_message(struct build *b, struct io_kiocb *req, struct ev_io *ev, struct uring_meta *m)
{
	struct addr_part *part = (struct addr_part *)&ev->aaddr;
	struct io_async_msghdr *copy = BPF_CORE_READ(req, async_data);
	struct uring_user_msg msg = {};

	if (bpf_probe_read_user(&msg, sizeof(msg), (void *)m->buf)) {
		ev->head.flags |= EVF_TEXT_FAULT;
		return;
	}
	bool sends = m->type == EVT_sendmsg;
	if (sends && copy && BPF_CORE_READ(req, flags) & uring_flags[URF_ASYNC_DATA])
		uring__kernel_address(b, part, &ev->path, BPF_CORE_READ(copy, msg.msg_name),
				      BPF_CORE_READ(copy, msg.msg_namelen));
	else if (sends)
		sock__argument(b, part, &ev->path, (void *)msg.name, msg.name_len);
	ev->size = iov__data(b, &ev->data, (void *)msg.iov, msg.iov_len, sends ? -1 : 0);
}

static __always_inline void uring__ask_plain(struct build *b, struct io_kiocb *req, struct ev_io *ev)
{
	struct io_sr_msg___old *old = (void *)req;
	struct addr_part *part = (struct addr_part *)&ev->aaddr;
	struct io_async_msghdr *copy = BPF_CORE_READ(req, async_data);

	if (copy && BPF_CORE_READ(req, flags) & uring_flags[URF_ASYNC_DATA])
		uring__kernel_address(b, part, &ev->path, BPF_CORE_READ(copy, msg.msg_name),
				      BPF_CORE_READ(copy, msg.msg_namelen));
	else if (bpf_core_field_exists(old->addr_len))
		sock__argument(b, part, &ev->path, BPF_CORE_READ(old, addr), BPF_CORE_READ(old, addr_len));
}

static __always_inline void uring__ask_io(struct build *b, struct io_kiocb *req, struct uring_meta *m)
{
	struct io_sr_msg *msg = (void *)req;
	struct io_rw *rw = (void *)req;
	struct ev_io *ev = (void *)b->head;
	__u16 type = m->type;

	RECORD_CLEAR(ev);
	ev->fd = BPF_CORE_READ(req, cqe.fd);
	if (type == EVT_read || type == EVT_write || type == EVT_readv || type == EVT_writev) {
		__s64 pos = BPF_CORE_READ(rw, kiocb.ki_pos);
		ev->pos = pos < 0 ? 0 : pos;
		m->buf = BPF_CORE_READ(rw, addr);
		ev->size = BPF_CORE_READ(rw, len);
	} else {
		m->buf = (__u64)BPF_CORE_READ(msg, buf);
		ev->size = BPF_CORE_READ(msg, len);
		ev->flags = BPF_CORE_READ(msg, msg_flags) & ~0x4000; /* MSG_NOSIGNAL: io_uring always adds it */
	}
	if (m->bits & URM_CHOSEN)
		m->buf = 0;
	if (type == EVT_sendmsg || (type == EVT_recvmsg && m->buf))
		uring__ask_message(b, req, ev, m);
	else if (type == EVT_readv || type == EVT_writev)
		ev->size = iov__data(b, &ev->data, (void *)m->buf, ev->size, type == EVT_writev ? -1 : 0);
	else if (type == EVT_sendto)
		uring__ask_plain(b, req, ev);
	if (type == EVT_sendto || type == EVT_write)
		record__user_data(b, &ev->data, (void *)m->buf, ev->size);
}

/*
 * Global: the verifier looks at each once, and not at what follows for each way through it. All in one, they took it a second.
 */
#define URING_ASK(name, call)                                                                                      \
	__weak __noinline int uring__ask_##name##_once(struct scratch *s, struct walk *w, struct uring_meta *m, __u64 key) \
	{                                                                                                          \
		if (!s || !w || !m)                                                                                \
			return 0;                                                                                  \
		struct task_struct *task = (void *)bpf_get_current_task_btf();                                     \
		struct io_kiocb *req = (void *)key;                                                                \
		struct build build = {.s = s, .w = w, .head = (struct ev_head *)s->rec}, *b = &build;              \
		(void)task;                                                                                        \
		call;                                                                                              \
		return 0;                                                                                          \
	}
URING_ASK(open, uring__ask_open(b, task, req, m))
URING_ASK(path, uring__ask_path(b, task, req, m))
URING_ASK(paths, uring__ask_paths(b, task, req, m))
URING_ASK(desc, uring__ask_desc(b, req, m))
URING_ASK(sock, uring__ask_sock(b, req, m))
URING_ASK(io, uring__ask_io(b, req, m))

/* The record of a request, but for its result and for what its descriptors are. */
static __always_inline void uring__ask(struct build *b, __u64 key, struct uring_meta *m)
{
	switch (m->type) {
	case EVT_openat: case EVT_openat2: uring__ask_open_once(b->s, b->w, m, key); break;
	case EVT_unlinkat: case EVT_mkdirat: uring__ask_path_once(b->s, b->w, m, key); break;
	case EVT_renameat2: case EVT_linkat: case EVT_symlinkat: uring__ask_paths_once(b->s, b->w, m, key); break;
	case EVT_socket: case EVT_listen: case EVT_shutdown: uring__ask_desc_once(b->s, b->w, m, key); break;
	case EVT_connect: case EVT_accept4: case EVT_bind: uring__ask_sock_once(b->s, b->w, m, key); break;
	default: uring__ask_io_once(b->s, b->w, m, key);
	}
}
