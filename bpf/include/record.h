/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Building and sending one record: scratch__get, fill the fixed part, record__text*, record__send, scratch__put.
 * A record is put together in scratch and copied to the ring in one short step, so that a slow or preempted program
 * never holds up the records behind it.
 */
#pragma once

#include "budget.h"

struct inner;
struct build {
	struct scratch *s;
	struct walk *w;
	struct ev_head *head;
	struct inner *inner; /* inner.h */
};

static __always_inline bool scratch__try(struct build *b, __u16 type, __u32 fixed_size)
{
	if (muted)
		return false;
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 slot = i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
		if (!s || __sync_val_compare_and_swap(&s->busy, 0, 1) != 0)
			continue;
		struct walk *w = bpf_map_lookup_elem(&walks, &slot);
		if (!w)
			return false;
		s->pos = fixed_size;
		b->s = s;
		b->w = w;
		b->inner = 0;
		b->head = (struct ev_head *)s->rec;
		__builtin_memset(b->head, 0, sizeof(*b->head));
		b->head->type = type;
		return true;
	}
	return false;
}

/* On failure the loss is counted against the event type and the cgroup. */
static __always_inline bool scratch__get(struct build *b, __u16 type, __u32 fixed_size, __u64 cgroup_id)
{
	if (scratch__try(b, type, fixed_size))
		return true;
	if (!muted)
		count__lost_scratch(type, cgroup_id);
	return false;
}

static __always_inline void scratch__put(struct build *b)
{
	__sync_val_compare_and_swap(&b->s->busy, 1, 0);
}

/* Room for one more chunk, or NULL (and the record is marked). */
static __always_inline void *tail__room(struct build *b, __u32 chunk)
{
	__u32 pos = b->s->pos;

	if (pos > TIERCEL_RECORD_MAX - chunk) {
		b->head->flags |= EVF_TEXT_CUT;
		return 0;
	}
	return b->s->rec + pos;
}

static __always_inline void tail__took(struct build *b, struct text *t, __u32 len)
{
	t->off = b->s->pos;
	t->len = len;
	b->s->pos += len;
}

/* A NUL-terminated string of the caller's. */
static __always_inline void record__user_str(struct build *b, struct text *t, const void *user)
{
	void *to = tail__room(b, SCRATCH_CHUNK);

	t->off = 0;
	t->len = 0;
	if (!to || !user)
		return;
	long n = bpf_probe_read_user_str(to, SCRATCH_CHUNK, user);
	if (n < 0) {
		b->head->flags |= EVF_TEXT_FAULT;
		return;
	}
	if (n == SCRATCH_CHUNK)
		b->head->flags |= EVF_TEXT_CUT;
	if (n > 1)
		tail__took(b, t, (n - 1) & (SCRATCH_CHUNK - 1));
}

/* The first bytes of `len` of the caller's. */
static __always_inline void record__user_data(struct build *b, struct text *t, const void *user, __u64 len)
{
	void *to = tail__room(b, TIERCEL_DATA_MAX);

	t->off = 0;
	t->len = 0;
	if (!to || !user || !len)
		return;
	__u32 n = len < TIERCEL_DATA_MAX ? len : TIERCEL_DATA_MAX;
	barrier_var(n); /* the verifier wants the bound on this very register */
	if (n > TIERCEL_DATA_MAX)
		return;
	if (bpf_probe_read_user(to, n, user))
		b->head->flags |= EVF_TEXT_FAULT;
	else
		tail__took(b, t, n);
}

static __always_inline void record__kernel_str(struct build *b, struct text *t, const void *kernel)
{
	void *to = tail__room(b, SCRATCH_CHUNK);

	t->off = 0;
	t->len = 0;
	if (!to || !kernel)
		return;
	long n = bpf_probe_read_kernel_str(to, SCRATCH_CHUNK, kernel);
	if (n > 1)
		tail__took(b, t, (n - 1) & (SCRATCH_CHUNK - 1));
}

/*
 * Sends size bytes and wakes the reader if it sleeps. The flag is looked at again after the record is in the ring: the
 * reader sets it before its own last look, so one of the two sees the other.
 */
static __always_inline bool ring__output(void *ring, void *bytes, __u32 size)
{
	__u64 flags = reader_idle ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	if (flags == BPF_RB_FORCE_WAKEUP)
		reader_idle = 0;
	if (bpf_ringbuf_output(ring, bytes, size, flags))
		return false;
	if (flags == BPF_RB_NO_WAKEUP && reader_idle) {
		void *nothing = bpf_ringbuf_reserve(ring, 8, 0);
		if (nothing)
			bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
	}
	return true;
}

static __always_inline void record__lost(int ring, __u16 type, __u64 cgroup_id)
{
	if (ring == RING_BULK && budget_limits[BUDGET_MARK])
		bulk_pressed = 1;
	count__lost_ring(type, cgroup_id);
}

/* ring: RING_OF_<event>, a constant but for the programs that many calls share. False: lost, and counted. */
static __always_inline bool record__send(struct build *b, int ring)
{
	__u32 size = b->s->pos;
	__u16 type = b->head->type;
	bool sent;

	if (size > TIERCEL_RECORD_MAX)
		size = TIERCEL_RECORD_MAX;
	b->head->size = size;
	if (ring == RING_VITAL)
		sent = ring__output(&ring_vital, b->s->rec, size);
	else
		sent = ring__output(&ring_bulk, b->s->rec, size);
	if (sent)
		budget__sent(ring, type, b->head->cgroup_id, size);
	else
		record__lost(ring, type, b->head->cgroup_id);
	return sent;
}
