/* An io_uring by its raw system calls: one entry at a time, or several linked ones. */
#pragma once

#include "truth.h"

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

struct ring {
	int fd;
	struct io_uring_params params;
	unsigned char *rings;
	struct io_uring_sqe *sqes;
	unsigned int queued;
	uint64_t next_data;
};

static inline _Atomic unsigned int *ring_word(struct ring *r, unsigned int offset)
{
	return (_Atomic unsigned int *)(r->rings + offset);
}

/* False: the kernel has no such ring. */
static inline bool ring_open(struct ring *r, unsigned int entries, unsigned int flags, unsigned int cq_entries)
{
	memset(r, 0, sizeof(*r));
	r->params.flags = flags | (cq_entries ? IORING_SETUP_CQSIZE : 0);
	r->params.cq_entries = cq_entries;
	r->params.sq_thread_idle = 2000;
	r->fd = syscall(SYS_io_uring_setup, entries, &r->params);
	if (r->fd < 0)
		return false;
	size_t size = r->params.sq_off.array + r->params.sq_entries * sizeof(unsigned int);
	size_t cq = r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe);
	r->rings = mmap(NULL, size > cq ? size : cq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	need(r->rings != MAP_FAILED && r->sqes != MAP_FAILED, "mapping of the ring");
	r->next_data = 1;
	return true;
}

/* A place to fill in; ring_submit() hands over what was taken. */
static inline struct io_uring_sqe *ring_entry(struct ring *r, unsigned char opcode, int fd)
{
	unsigned int mask = r->params.sq_entries - 1;
	unsigned int at = (atomic_load(ring_word(r, r->params.sq_off.tail)) + r->queued++) & mask;
	struct io_uring_sqe *sqe = &r->sqes[at];

	((unsigned int *)(r->rings + r->params.sq_off.array))[at] = at;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->user_data = r->next_data++;
	return sqe;
}

static inline void ring_submit(struct ring *r, unsigned int wait)
{
	unsigned int flags = wait ? IORING_ENTER_GETEVENTS : 0, count = r->queued;

	atomic_fetch_add(ring_word(r, r->params.sq_off.tail), count);
	r->queued = 0;
	if (r->params.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	while (syscall(SYS_io_uring_enter, r->fd, count, wait, flags, NULL, 0) < 0)
		need(errno == EINTR, "io_uring_enter");
}

/* The kernel's has an array at its end, which cannot be handed around. */
struct completion {
	uint64_t user_data;
	int res;
	unsigned int flags;
};

/* The next one. */
static inline struct completion ring_next(struct ring *r)
{
	_Atomic unsigned int *head = ring_word(r, r->params.cq_off.head), *tail = ring_word(r, r->params.cq_off.tail);

	while (atomic_load(head) == atomic_load(tail))
		need(syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) >= 0 || errno == EINTR,
		     "io_uring_enter");
	struct io_uring_cqe *cqes = (void *)(r->rings + r->params.cq_off.cqes);
	struct io_uring_cqe *cqe = &cqes[atomic_load(head) & (r->params.cq_entries - 1)];
	struct completion got = {cqe->user_data, cqe->res, cqe->flags};
	atomic_fetch_add(head, 1);
	return got;
}

/* What was taken, submitted; the result of the one completion. */
static inline long ring_do(struct ring *r)
{
	ring_submit(r, 1);
	return ring_next(r).res;
}

static inline bool ring_can(struct ring *r, unsigned char opcode)
{
	static union {
		struct io_uring_probe probe;
		unsigned char bytes[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
	} all;

	memset(&all, 0, sizeof(all));
	need(syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_PROBE, &all, 256) == 0, "IORING_REGISTER_PROBE");
	return opcode <= all.probe.last_op && all.probe.ops[opcode].flags & IO_URING_OP_SUPPORTED;
}
