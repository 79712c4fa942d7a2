/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of an open: does any rule need it? Asked before a record is built. */
#pragma once

#include "push_judge.h"
#include "push_path.h"

/* Eight bytes of both. Returns 1 when there is nothing more to do. */
static long push__same(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = i * 8, pos = r->w->pos, len = p->end;

	if (at >= len || at > TIERCEL_PATH_MAX - 8)
		return 1;
	__u64 a = *(__u64 *)&r->s->rec[at & (TIERCEL_PATH_MAX - 8)], b = *(__u64 *)&r->w->buf[(pos + at) & (TIERCEL_PATH_MAX - 1)];
	__u64 mask = len - at >= 8 ? -1ull : (1ull << (len - at) * 8) - 1;
	p->odd = ((a ^ b) & mask) != 0;
	return p->odd;
}

static __always_inline void push__walk(struct walk *w, struct task_struct *task, struct path *path)
{
	struct fs_struct *fs = task__read_only(task)->fs;

	w->dentry = (__u64)KERNEL_READ(path, path, dentry);
	w->mnt = (__u64)KERNEL_READ(path, path, mnt);
	w->root_dentry = (__u64)fs->root.dentry;
	w->root_mnt = (__u64)fs->root.mnt;
	w->nameless = 0;
	walk__run(w);
}

/* The path as the caller wrote it. len: without the NUL. Returns whether it was clean and absolute. */
static __always_inline bool push__written(struct push_run *r, struct task_struct *task, __s64 dirfd, __u32 len)
{
	bool relative = r->s->rec[0] != '/';

	if (relative) {
		struct file *file = dirfd == AT_FDCWD ? 0 : file__of_fd(task, dirfd);
		struct fs_struct *fs = task__read_only(task)->fs;
		if (dirfd != AT_FDCWD && !file) {
			r->w->push.unknown = 1;
			return false;
		}
		push__walk(r->w, task, file ? &file->f_path : &fs->pwd);
	}
	return push__both(r, relative, 0, len) && !relative;
}

/* What the kernel opened. `same`: the text in s->rec has gone through as it is. */
static __always_inline void push__opened(struct push_run *r, struct task_struct *task, struct file *file, bool same, __u32 len)
{
	struct push_state *p = &r->w->push;
	push__walk(r->w, task, &file->f_path);
	__u32 pos = r->w->pos;
	if (same && !r->w->cut && !r->w->nameless && pos <= TIERCEL_PATH_MAX && TIERCEL_PATH_MAX - pos == len) {
		p->end = len;
		p->odd = 0;
		bpf_loop(TIERCEL_PATH_MAX / 8, push__same, r, 0);
		if (!p->odd)
			return;
	}
	push__scan_walked(r);
	push__step(r, PUSH_END);
}

#define O_ACCMODE 3
#define O_TRUNCATES 01000 /* O_TRUNC */
#define O_MAKES (0100 | 020000000) /* O_CREAT, O_TMPFILE */

static __always_inline __u64 push__of_open(long fd, __u32 flags, __u32 mode)
{
	bool makes = flags & O_MAKES;
	__u32 access = flags & O_ACCMODE; /* 3 is neither, to those who ask */

	return push__either(fd >= 0, PF_SUCCEEDED) |
	       push__either(access == 0 || access == 2, PF_READS) | push__either(access == 1 || access == 2, PF_WRITES) |
	       push__either(flags & O_TRUNCATES, PF_TRUNCATES) | push__either(makes && mode & 0111, PF_MAKES_EXECUTABLE) |
	       1ull << PF_CREATES_NOT | (makes && fd >= 0 ? 1ull << PF_CREATES : 0);
}

/* Shared by the calls: the verifier looks at it once. */
static __noinline int open__filtered(__u32 type, long fd, __s64 dirfd, const void *name, __u64 how)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	const struct push_set *set = push__set();
	const struct push_type *row = set ? push__type(set, type) : 0;
	__u32 flags = how, mode = how >> 32;
	struct push_run r = {};
	struct build b;

	if (!row || push__tries(task) || !scratch__try(&b, type, 0))
		return 0;
	r.set = set;
	r.row = row;
	r.s = b.s;
	r.w = b.w;
	struct push_state *p = &b.w->push;
	push__user(&r, task);
	push__user_ranges(&r);
	p->facts[0] |= push__of_open(fd, flags, mode);
	long len = bpf_probe_read_user_str(b.s->rec, TIERCEL_PATH_MAX, name);
	if (len < 2 || len >= TIERCEL_PATH_MAX) {
		p->unknown = 1;
	} else {
		len--;
		bool same = push__written(&r, task, dirfd, len);
		struct file *file = fd >= 0 ? file__of_fd(task, fd) : 0;
		if (file && !p->unknown)
			push__opened(&r, task, file, same, len);
		else if (fd >= 0)
			p->unknown = 1;
	}
	bool wanted = push__wanted(&r, task);
	scratch__put(&b);
	if (!wanted)
		count__filtered(type);
	return !wanted;
}
