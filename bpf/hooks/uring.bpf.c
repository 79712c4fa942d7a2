// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Operations of an io_uring, each told as the system call that it stands for. At the submission (in the submitting task,
 * or in the ring's own thread where that polls) the record is made and kept by the request; the completion brings the
 * result and the kernel's own object, and sends it. What cannot be kept, or has no completion, is sent at the submission
 * with EVF_RES_UNKNOWN. A ring that no rule cares for costs the look at the opcode.
 */
#include "../include/uring_end.h"

const volatile __u32 uring_flags[URF_COUNT] = {};

/* A request was lost, so its note is still there: looked for when some process ends, unless the request is used again. */
static volatile __u32 uring_lost;

#define ECANCELED 125
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000 /* v6.4 (54e6842d0775) */

/* ---- who ---- */

/* The ring's own thread does what the process asked for: it has the process's name, and the credentials that count. */
static __always_inline void uring__who(struct ev_head *h, struct task_struct *task, struct io_kiocb *req)
{
	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER))
		bpf_probe_read_kernel(h->comm, sizeof(h->comm), &task__read_only(task)->group_leader->comm);
	if (!(BPF_CORE_READ(req, flags) & uring_flags[URF_CREDS]))
		return;
	const struct cred *cred = BPF_CORE_READ(req, creds);
	if (!cred)
		return;
	h->uid = BPF_CORE_READ(cred, uid.val);
	h->euid = BPF_CORE_READ(cred, euid.val);
	h->gid = BPF_CORE_READ(cred, gid.val);
	h->egid = BPF_CORE_READ(cred, egid.val);
	if (bpf_core_field_exists(cred->cap_effective.val)) {
		h->cap_inheritable = BPF_CORE_READ(cred, cap_inheritable.val);
		h->cap_permitted = BPF_CORE_READ(cred, cap_permitted.val);
		h->cap_effective = BPF_CORE_READ(cred, cap_effective.val);
	} else {
		bpf_probe_read_kernel(&h->cap_inheritable, sizeof(__u64), &cred->cap_inheritable);
		bpf_probe_read_kernel(&h->cap_permitted, sizeof(__u64), &cred->cap_permitted);
		bpf_probe_read_kernel(&h->cap_effective, sizeof(__u64), &cred->cap_effective);
	}
}

/* ---- notes ---- */

/* Not inlined: the compiler would join its copies, and the verifier find registers unset on one of the ways. */
static __noinline int uring__unname(__u64 ctx, __u64 user_data)
{
	struct uring_data data = {.ctx = ctx, .user_data = user_data};
	struct uring_named *named = bpf_map_lookup_elem(&uring_by_data, &data);

	if (!named)
		return 0;
	if (__sync_fetch_and_add(&named->requests, -1) <= 1)
		bpf_map_delete_elem(&uring_by_data, &data);
	return 0;
}

static __always_inline bool uring__name(struct uring_meta *m, __u64 key)
{
	struct uring_data data = {.ctx = m->ctx, .user_data = m->user_data};
	struct uring_named *named = bpf_map_lookup_elem(&uring_by_data, &data);
	struct uring_named first = {.req = key, .requests = 1, .type = m->type};

	if (!named)
		return bpf_map_update_elem(&uring_by_data, &data, &first, BPF_ANY) == 0;
	named->req = key;
	__sync_fetch_and_add(&named->requests, 1);
	named->type = m->type;
	named->several = 1;
	return true;
}

static __noinline int uring__forget(__u64 key)
{
	struct uring_note *note = bpf_map_lookup_elem(&uring_notes, &key);

	if (!note)
		return 0;
	uring__unname(note->meta.ctx, note->meta.user_data);
	if (note->meta.bits & URM_LONG)
		bpf_map_delete_elem(&uring_long, &key);
	bpf_map_delete_elem(&uring_notes, &key);
	return 0;
}

/* Into the map in one step: whoever finds a note finds all of it. What scratch had in the place of meta is put back. */
static __always_inline bool uring__put(struct build *b, struct uring_meta *m, __u64 key)
{
	struct uring_note *note = (void *)b->s->rec;
	struct uring_meta saved = note->meta;

	note->meta = *m;
	bool put = bpf_map_update_elem(&uring_notes, &key, note, BPF_ANY) == 0;
	note->meta = saved;
	return put;
}

/* False: it does not fit. The bytes come from scratch with whatever lies behind them; what is sent ends at the size. */
static __always_inline bool uring__keep(struct build *b, struct uring_meta *m, __u64 key)
{
	m->size = b->s->pos;
	if (m->size > URING_LONG_MAX)
		return false;
	if (m->size > URING_NOTE_MAX) {
		if (bpf_map_update_elem(&uring_long, &key, b->s->rec, BPF_ANY))
			return false;
		m->bits |= URM_LONG;
	}
	if (uring__name(m, key)) {
		if (uring__put(b, m, key))
			return true;
		uring__unname(m->ctx, m->user_data);
	}
	if (m->bits & URM_LONG)
		bpf_map_delete_elem(&uring_long, &key);
	return false;
}

/* The kept record, in scratch again. False: lost, and counted. */
static __always_inline bool uring__resume(struct build *b, struct uring_note *note, __u64 key)
{
	struct ev_head *kept = (void *)note->rec;
	__u32 size = note->meta.size;

	if (!scratch__get(b, note->meta.type, 0, kept->cgroup_id))
		return false;
	barrier_var(size);
	if (note->meta.bits & URM_LONG) {
		struct uring_long *whole = bpf_map_lookup_elem(&uring_long, &key);
		if (whole && size <= URING_LONG_MAX)
			bpf_probe_read_kernel(b->s->rec, size, whole->rec);
	} else if (size <= URING_NOTE_MAX) {
		bpf_probe_read_kernel(b->s->rec, size, note->rec);
	}
	b->s->pos = note->meta.size;
	return true;
}

/* ---- the end ---- */

/* uring__end's third argument */
#define URE_KNOWN 1 /* the result is one; else the record is told as if it had worked */
#define URE_GONE 2  /* the request is another one by now */
#define URE_STAYS 4 /* it is told of again: a multishot request that goes on */

/* A kept record with its result. Global: the verifier looks at it once. */
__weak __noinline int uring__end(__u64 key, __s64 res, __u32 how)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct uring_note *note = bpf_map_lookup_elem(&uring_notes, &key);
	struct build b;

	if (!note)
		return 0;
	if (!uring__resume(&b, note, key))
		return uring__forget(key);
	struct uring_end *end = &b.w->ended;
	end->req = how & URE_GONE ? 0 : (void *)key;
	end->res = res;
	end->known = how & URE_KNOWN;
	end->own = ((struct ev_head *)note->rec)->pid == (__u32)task->tgid;
	b.w->uring = note->meta;
	if (!(how & URE_STAYS))
		uring__forget(key);
	uring__tell(&b, task, &b.w->uring, end);
	return 0;
}

/* ---- submission ---- */

/* No place to keep it: sent as it is. A descriptor's parts lie at one place in all records that have them. */
static __always_inline void uring__tell_now(struct build *b, struct task_struct *task, struct uring_meta *m, __s64 fd)
{
	struct ev_sock *ev = (void *)b->head;

	if (fd >= 0 && !uring__makes_fd(m->type)) {
		struct text given = ev->path;
		struct file *file = m->bits & URM_FIXED ? uring__slot_file((void *)m->ctx, fd) : file__of_fd(task, fd);
		uring__descriptor(b, file);
		if (given.len)
			ev->path = given;
	}
	b->head->flags |= EVF_IO_URING | EVF_RES_UNKNOWN | EVF_PATH_UNCERTAIN;
	if (m->slot || m->bits & URM_FIXED)
		b->head->flags |= EVF_FD_DIRECT;
	if (m->type < EVT_COUNT && told[m->type])
		record__send(b, RING_BULK);
}

/* Makes the record and keeps it. 0: it is done with; 1: no completion will end it. Global, as uring__end(). */
__weak __noinline int uring__begin(__u64 key, __u32 opcode)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct io_kiocb *req = (void *)key;
	struct uring_meta m = {.type = uring__type(opcode), .opcode = opcode};
	__u32 flags = BPF_CORE_READ(req, flags);
	struct build b;

	m.ctx = (__u64)BPF_CORE_READ(req, ctx);
	m.user_data = BPF_CORE_READ(req, cqe.user_data);
	m.bits = (flags & IOSQE_FIXED_FILE ? URM_FIXED : 0) | (flags & IOSQE_BUFFER_SELECT ? URM_CHOSEN : 0) |
		 (flags & uring_flags[URF_MULTISHOT] ? URM_MULTISHOT : 0);
	if (!record__begin(&b, task, m.type, uring__fixed_size(m.type)))
		return 0;
	uring__who(b.head, task, req);
	uring__ask(&b, key, &m);
	bool kept = uring__keep(&b, &m, key);
	if (!kept)
		uring__tell_now(&b, task, &m, uring__has_sock(m.type) ? BPF_CORE_READ(req, cqe.fd) : -1);
	scratch__put(&b);
	return kept && flags & IOSQE_CQE_SKIP_SUCCESS; /* only a failure would have a completion */
}

static __always_inline int uring__submitted(__u64 key)
{
	__u8 opcode = BPF_CORE_READ((struct io_kiocb *)key, opcode);

	if (!uring__wanted(uring__type(opcode)))
		return 0;
	if (bpf_map_lookup_elem(&uring_notes, &key))
		uring__end(key, 0, URE_GONE); /* no completion was seen, and now the request is another */
	if (uring__begin(key, opcode))
		uring__end(key, 0, 0);
	return 0;
}

/* An argument of the tracepoint's as a number: a pointer that the verifier knows cannot be given to a function of ours. */
static __always_inline __u64 uring__argument(__u64 *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &ctx[n]);
	return value;
}

SEC("tp_btf/io_uring_submit_req")
int uring__submit_req(__u64 *ctx)
{
	return uring__submitted(uring__argument(ctx, 0));
}

/* before v6.3 (2ad57931db64) */
SEC("tp_btf/io_uring_submit_sqe")
int uring__submit_sqe(__u64 *ctx)
{
	return uring__submitted(uring__argument(ctx, 0));
}

/* ---- completion ---- */

static __always_inline bool uring__is_noted(struct io_kiocb *req)
{
	__u64 key = (__u64)req;
	struct uring_note *note = bpf_map_lookup_elem(&uring_notes, &key);

	return note && note->meta.opcode == BPF_CORE_READ(req, opcode) &&
	       note->meta.user_data == BPF_CORE_READ(req, cqe.user_data);
}

/* By request: the result is the request's, since the entry of the queue is in memory that the process can write. */
static __always_inline int uring__completed(struct io_kiocb *req)
{
	if (uring__type(BPF_CORE_READ(req, opcode)) == EVT_NONE)
		return 0;
	if (uring__is_noted(req)) /* of a multishot request: mostly that it ends */
		uring__end((__u64)req, BPF_CORE_READ(req, cqe.res), URE_KNOWN);
	return 0;
}

/* By user_data: of a multishot request, or one whose completion found no place. */
static __always_inline int uring__completed_named(__u64 ctx, __u64 user_data, __s32 res, __u32 flags, bool overflowed)
{
	struct uring_data data = {.ctx = ctx, .user_data = user_data};
	struct uring_named *named = bpf_map_lookup_elem(&uring_by_data, &data);

	if (!named)
		return 0;
	__u64 key = named->req;
	struct uring_note *note = bpf_map_lookup_elem(&uring_notes, &key);
	__u32 more = flags & IORING_CQE_F_MORE, several = named->several;

	if (!note || note->meta.ctx != ctx || note->meta.user_data != user_data) {
		if (!overflowed || more)
			return 0;
		count__lost_ring(named->type, 0); /* which of several it was cannot be said any more: one of them is lost */
		uring_lost = 1;
		return uring__unname(ctx, user_data);
	}
	bool multishot = note->meta.bits & URM_MULTISHOT;
	if (!overflowed && !multishot)
		return 0;
	uring__end(key, several ? 0 : res, (several ? 0 : URE_KNOWN) | (multishot && more ? URE_STAYS : 0));
	return 0;
}

/* v6.18 (c3ce30eb5b5a) */
SEC("tp_btf/io_uring_complete")
int uring__complete(__u64 *ctx)
{
	struct io_uring_cqe *cqe = (void *)ctx[2];

	if (ctx[1])
		return uring__completed((void *)ctx[1]);
	return uring__completed_named(ctx[0], BPF_CORE_READ(cqe, user_data), BPF_CORE_READ(cqe, res),
				      BPF_CORE_READ(cqe, flags), false);
}

SEC("tp_btf/io_uring_complete")
int uring__complete_values(__u64 *ctx)
{
	if (ctx[1])
		return uring__completed((void *)ctx[1]);
	return uring__completed_named(ctx[0], ctx[2], ctx[3], ctx[4], false);
}

SEC("tp_btf/io_uring_cqe_overflow")
int uring__overflow(__u64 *ctx)
{
	return uring__completed_named(ctx[0], ctx[1], ctx[2], ctx[3], true);
}

/* A request behind one that failed: its own completion is left out where the first one's would have been. */
SEC("tp_btf/io_uring_fail_link")
int uring__fail_link(__u64 *ctx)
{
	struct io_kiocb *req = (void *)uring__argument(ctx, 1);

	if (uring__is_noted(req))
		uring__end((__u64)req, -ECANCELED, URE_KNOWN);
	return 0;
}

struct uring_left {
	__u32 others;
};

/* All requests of that ring with that user_data have ended, and this one's end was not told. */
static long uring__leave(void *map, __u64 *key, struct uring_note *note, struct uring_left *left)
{
	struct uring_data data = {.ctx = note->meta.ctx, .user_data = note->meta.user_data};

	if (bpf_map_lookup_elem(&uring_by_data, &data))
		left->others = 1; /* no count: the verifier would look at each */
	else
		uring__forget(*key);
	return 0;
}

/* Whoever ends: after a loss, what is left of it is looked for, until there are no other notes. */
SEC("tp_btf/sched_process_exit")
int uring__gone(__u64 *ctx)
{
	struct uring_left left = {};

	if (!uring_lost)
		return 0;
	bpf_for_each_map_elem(&uring_notes, uring__leave, &left, 0);
	if (!left.others)
		uring_lost = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
