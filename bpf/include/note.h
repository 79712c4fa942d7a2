/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes: for the few calls that undo what they are about. The record is made at the entry of the call, kept with the
 * task, and sent at the exit with the result. A task that dies in between takes its note along; an entry without an exit
 * is overwritten by the next.
 */
#pragma once

#include "record.h"

#define NOTE_MAX 7936 /* with the storage around it, just below 8 KiB of kernel memory */
struct note {
	__u32 size;
	__u32 pad;
	__u8 rec[NOTE_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct note);
} notes __weak SEC(".maps");

static __always_inline void note__take(struct build *b)
{
	struct note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	__u32 size = b->s->pos;

	if (note && size <= NOTE_MAX) {
		note->size = size;
		bpf_probe_read_kernel(note->rec, size, b->s->rec);
	} else {
		count__lost_scratch(b->head->type, b->head->cgroup_id);
	}
}

/* NULL: the task was in the call before we came, or the loss is counted. */
static __always_inline struct note *note__found(__u16 type)
{
	struct note *note = bpf_task_storage_get(&notes, bpf_get_current_task_btf(), 0, 0);

	return note && ((struct ev_head *)note->rec)->type == type ? note : 0;
}

static __always_inline void note__send(struct note *note, int ring)
{
	struct ev_head *head = (void *)note->rec;
	__u32 size = note->size;
	bool sent = false;

	head->time_ns = bpf_ktime_get_boot_ns();
	bool whole = size >= sizeof(*head);
	barrier_var(size); /* else both comparisons become one of a difference, and the verifier of 6.1 has no bound of this */
	if (whole && size <= NOTE_MAX) {
		head->size = size;
		if (ring == RING_VITAL)
			sent = ring__output(&ring_vital, note->rec, size);
		else
			sent = ring__output(&ring_bulk, note->rec, size);
	}
	if (sent)
		budget__sent(ring, head->type, head->cgroup_id, size);
	else
		record__lost(ring, head->type, head->cgroup_id);
	bpf_task_storage_delete(&notes, bpf_get_current_task_btf());
}
