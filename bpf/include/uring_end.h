/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What came of an io_uring's request: its result, and the kernel's object that it was about or that it made. */
#pragma once

#include "uring_ask.h"

/* The descriptor's file: by the request where that has it, which no other thread can change. */
static __always_inline struct file *uring__used_file(struct task_struct *task, struct io_kiocb *req, struct uring_meta *m,
						     __s64 fd, bool done)
{
	if (done || !req)
		return req ? BPF_CORE_READ(req, file) : 0;
	if (m->bits & URM_FIXED)
		return fd >= 0 ? uring__slot_file((void *)m->ctx, fd) : 0;
	return file__of_fd(task, fd);
}

/* What was made: a descriptor, or a place in the ring's table. *number: which. */
static __always_inline struct file *uring__made_file(struct task_struct *task, struct uring_meta *m, __s64 res, bool known,
						     __s64 *number)
{
	*number = res;
	if (res < 0)
		return 0;
	if (m->slot) {
		*number = m->slot == IORING_FILE_INDEX_ALLOC ? res : m->slot - 1;
		return known ? uring__slot_file((void *)m->ctx, *number) : 0;
	}
	return known && task ? file__of_fd(task, res) : 0;
}

/*
 * A descriptor's parts, which lie at one place in all records that have them. Global, as what else is here: the verifier
 * looks at it once, and not again for each way to come here and each way on from it.
 */
__weak __noinline int uring__descriptor_once(struct scratch *s, struct walk *w, __u64 file)
{
	if (!s || !w)
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build build = {.s = s, .w = w, .head = (struct ev_head *)s->rec}, *b = &build;
	struct ev_sock *ev = (void *)b->head;
	struct sock_part *part = (struct sock_part *)&ev->source;
	struct sock *sk = sock__of_file((struct file *)file);

	file__fill_old(b, (struct file_part *)&ev->ino, task, (struct file *)file);
	sock__fill(b, part, sk);
	if (sk)
		sock__remember(ev->ino, part, 0, 0);
	return 0;
}
#define URING_PARTS_OF(type)                                                                                    \
	_Static_assert(__builtin_offsetof(struct type, ino) == __builtin_offsetof(struct ev_sock, ino) &&       \
			       __builtin_offsetof(struct type, source) == __builtin_offsetof(struct ev_sock, source), \
		       "uring__descriptor_once() fills them in for all")
URING_PARTS_OF(ev_desc);
URING_PARTS_OF(ev_io);

static __always_inline struct sock *uring__descriptor(struct build *b, struct file *file)
{
	uring__descriptor_once(b->s, b->w, (__u64)file);
	return sock__of_file(file);
}

static __always_inline void uring__end_sock(struct build *b, struct task_struct *task, struct uring_meta *m, struct uring_end *end)
{
	struct ev_sock *ev = (void *)b->head;
	struct sock_part *part = (struct sock_part *)&ev->source;
	struct text given = ev->path;
	struct file *used = uring__used_file(task, end->req, m, ev->fd, end->known), *file = used;
	__u16 role = 0;

	ev->res = end->res;
	if (m->type == EVT_accept4) {
		file = uring__made_file(end->own ? task : 0, m, end->res, end->known, &ev->fd);
		ev->res = ev->fd;
		role = end->res >= 0 && end->known ? SKF_SERVER : 0;
		struct sock *queue = end->res >= 0 ? sock__of_file(used) : 0;
		if (queue) {
			ev->queuelen = BPF_CORE_READ(queue, sk_ack_backlog);
			ev->queuemax = BPF_CORE_READ(queue, sk_max_ack_backlog);
		}
	} else if (m->type == EVT_connect) {
		role = end->known && (end->res == 0 || end->res == -EINPROGRESS) ? SKF_CLIENT : 0;
	}
	ev->path.off = ev->path.len = 0;
	struct sock *sk = uring__descriptor(b, file);
	if (m->type == EVT_connect)
		sock__name_peer(b, part, sk);
	if (given.len && (!ev->path.len || (m->type == EVT_connect && !ev->peer)))
		ev->path = given;
	if (sk)
		sock__remember(ev->ino, part, (struct addr_part *)&ev->aaddr, role);
}

/* What a message that came says of itself, in the caller's memory. */
static __always_inline void uring__end_message(struct build *b, struct ev_io *ev, struct uring_meta *m, __s64 res)
{
	struct uring_user_msg msg = {};

	if (bpf_probe_read_user(&msg, sizeof(msg), (void *)m->buf)) {
		ev->head.flags |= EVF_TEXT_FAULT;
		return;
	}
	sock__argument(b, (struct addr_part *)&ev->aaddr, &ev->path, (void *)msg.name, msg.name_len);
	ev->size = iov__data(b, &ev->data, (void *)msg.iov, msg.iov_len, res);
	record__user_data(b, &ev->msgcontrol, (void *)msg.control, msg.control_len);
	ev->control_size = msg.control_len;
}

static __always_inline void uring__end_io(struct build *b, struct task_struct *task, struct uring_meta *m, struct uring_end *end)
{
	struct ev_io *ev = (void *)b->head;
	struct sock_part *part = (struct sock_part *)&ev->source;
	struct text given = ev->path;
	bool sends = m->type == EVT_sendto || m->type == EVT_sendmsg;
	bool came = end->known && end->own && end->res > 0 && m->buf;

	ev->res = end->res;
	if (!end->known && (sends || m->type == EVT_write || m->type == EVT_writev))
		ev->res = ev->size;
	ev->path.off = ev->path.len = 0;
	struct sock *sk = uring__descriptor(b, uring__used_file(task, end->req, m, ev->fd, end->known));
	if (sends)
		sock__name_peer(b, part, sk);
	if (given.len)
		ev->path = given;
	if (came && (m->type == EVT_recvfrom || m->type == EVT_read))
		record__user_data(b, &ev->data, (void *)m->buf, end->res);
	else if (came && m->type == EVT_readv)
		iov__data(b, &ev->data, (void *)m->buf, ev->size, end->res);
	else if (came && m->type == EVT_recvmsg)
		uring__end_message(b, ev, m, end->res);
	bool datagram = ev->socktype == 2 || ev->socktype == 3; /* SOCK_DGRAM, SOCK_RAW */
	if (sk && datagram && end->known && end->res >= 0 && (ev->state == 1 || ev->aport)) /* TCP_ESTABLISHED */
		sock__remember(ev->ino, part, (struct addr_part *)&ev->aaddr, sends ? SKF_CLIENT : SKF_SERVER);
}

static __always_inline void uring__end_open(struct build *b, struct task_struct *task, struct uring_meta *m, struct uring_end *end)
{
	struct ev_open *ev = (void *)b->head;
	struct file *file = uring__made_file(end->own ? task : 0, m, end->res, end->known, &ev->fd);

	file__fill(b, (struct file_part *)&ev->ino, task, file);
}

static __always_inline void uring__end_desc(struct build *b, struct task_struct *task, struct uring_meta *m, struct uring_end *end)
{
	struct ev_desc *ev = (void *)b->head;
	struct file *file;

	ev->res = end->res;
	if (m->type == EVT_socket) {
		file = uring__made_file(end->own ? task : 0, m, end->res, end->known, &ev->fd);
		ev->res = ev->fd;
	} else {
		file = uring__used_file(task, end->req, m, ev->fd, end->known);
	}
	uring__descriptor(b, file);
}

#define URING_END(name)                                                                                          \
	__weak __noinline int uring__end_##name##_once(struct scratch *s, struct walk *w, struct uring_meta *m,  \
						       struct uring_end *end)                                    \
	{                                                                                                        \
		if (!s || !w || !m || !end)                                                                      \
			return 0;                                                                                \
		struct build b = {.s = s, .w = w, .head = (struct ev_head *)s->rec};                             \
		uring__end_##name(&b, (void *)bpf_get_current_task_btf(), m, end);                               \
		return 0;                                                                                        \
	}
URING_END(sock)
URING_END(io)
URING_END(open)
URING_END(desc)

/* The task's directories or descriptors may have been others when the operation was done. */
static __always_inline bool uring__is_uncertain(struct task_struct *task, struct ev_head *h, struct uring_meta *m,
						struct uring_end *end, __s64 dirfd, __s64 dirfd2)
{
	bool looks_up = m->dir || m->dir2 || (uring__makes_fd(m->type) && !m->slot);

	if (!end->own || !end->known)
		return true;
	if (uring__makes_fd(m->type) && end->res < 0)
		return true;
	if (looks_up && BPF_CORE_READ(task, files, count.counter) > 1)
		return true;
	if (m->dir && m->dir != uring__dir(task, dirfd))
		return true;
	return m->dir2 && m->dir2 != uring__dir(task, dirfd2);
}

/* Fills in what only the end tells, sends, and gives the scratch back. */
static __always_inline void uring__tell(struct build *b, struct task_struct *task, struct uring_meta *m, struct uring_end *end)
{
	struct ev_head *h = b->head;
	__s64 dirfd = AT_FDCWD, dirfd2 = AT_FDCWD;

	switch (m->type) {
	case EVT_openat: case EVT_openat2:
		dirfd = ((struct ev_open *)h)->dirfd;
		uring__end_open_once(b->s, b->w, m, end);
		break;
	case EVT_unlinkat: case EVT_mkdirat:
		dirfd = ((struct ev_path *)h)->dirfd;
		((struct ev_path *)h)->res = end->res;
		break;
	case EVT_renameat2: case EVT_linkat: case EVT_symlinkat:
		dirfd = ((struct ev_paths *)h)->dirfd;
		dirfd2 = ((struct ev_paths *)h)->dirfd2;
		((struct ev_paths *)h)->res = end->res;
		break;
	case EVT_socket: case EVT_listen: case EVT_shutdown:
		uring__end_desc_once(b->s, b->w, m, end);
		break;
	case EVT_connect: case EVT_accept4: case EVT_bind:
		uring__end_sock_once(b->s, b->w, m, end);
		break;
	default:
		uring__end_io_once(b->s, b->w, m, end);
	}
	h->flags |= EVF_IO_URING;
	if (m->slot || (m->bits & URM_FIXED && m->type != EVT_accept4))
		h->flags |= EVF_FD_DIRECT;
	if (!end->known)
		h->flags |= EVF_RES_UNKNOWN;
	if (uring__is_uncertain(task, h, m, end, dirfd, dirfd2))
		h->flags |= EVF_PATH_UNCERTAIN;
	h->time_ns = bpf_ktime_get_boot_ns();
	if (m->type < EVT_COUNT && told[m->type])
		record__send(b, RING_BULK);
	scratch__put(b);
}
