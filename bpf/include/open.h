/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The open family, at the exit of each call. What was opened comes from the descriptor's struct file, not from the caller's memory; the caller's
 * text is kept beside it.
 */
#pragma once

#include "inner.h"
#include "push_open.h"
#include "push_record.h"

/* With hooks within calls the record has what these kept, which is more than can be looked at before. */
static __noinline int push__open_record(struct scratch *s, struct walk *w)
{
	struct push_run r;

	if (!push__look(&r, s, w))
		return 0;
	push__user_ranges(&r);
	struct ev_open *ev = (void *)s->rec;
	w->push.facts[0] |= push__of_open(ev->fd, ev->flags, ev->mode);
	push__told_path(&r, ev->name, ev->base);
	if (ev->fd >= 0)
		push__told_real(&r, ev->realpath);
	return push__leave_out(&r);
}

static __always_inline int open__exit(__u16 type, long ret, __s64 dirfd, const void *name, __u32 flags, __u32 mode,
				      __u32 resolve)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (push_on && !inner_hooks && open__filtered(type, ret, dirfd, name, flags | (__u64)mode << 32))
		return 0;
	if (!record__begin_inner(&b, task, type, sizeof(struct ev_open)))
		return 0;
	struct ev_open *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->fd = ret;
	ev->dirfd = dirfd;
	ev->flags = flags;
	ev->mode = mode;
	ev->resolve = resolve;
	if (type == EVT_open_by_handle_at)
		record__base(&b, &ev->base, task, dirfd);
	else
		record__user_path(&b, &ev->name, &ev->base, task, dirfd, name);
	ev->base_mode = file__mode(task, dirfd);
	bool certain = record__opened(&b, (struct file_part *)&ev->ino, task, ret);
	if (ret < 0)
		certain = b.inner; /* nothing to confuse it with, if the name is the kernel's: else that is marked */
	if (!certain && (ret < 0 || BPF_CORE_READ(task, files, count.counter) > 1))
		ev->head.flags |= EVF_PATH_UNCERTAIN;
	if (!push_on || !inner_hooks || !push__open_record(b.s, b.w))
		record__send(&b, RING_OF_open);
	record__end_inner(&b);
	return 0;
}
