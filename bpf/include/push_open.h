/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of an open: does any rule need it? Asked before a record is built. */
#pragma once

#include "push_program.h"

/* A slash: the name before it has ended. "." and ".." and nothing are names that cleaning takes away. */
static __always_inline void push__slash(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	if (p->len == 0) {
		p->odd = 1;
	} else if (p->dots && p->len <= 2) {
		p->odd = 1;
		if (p->len == 2 && p->depth > 0)
			p->depth--;
		p->state = p->folders[p->depth & (PUSH_DEPTH_MAX - 1)];
	} else {
		push__step(r, r->set->class_of['/']);
		p->depth++;
		if (p->depth >= PUSH_DEPTH_MAX)
			p->unknown = 1;
		p->folders[p->depth & (PUSH_DEPTH_MAX - 1)] = p->state;
	}
	p->len = 0;
	p->dots = 1;
}

static __always_inline void push__byte(struct push_run *r, __u8 byte)
{
	struct push_state *p = &r->w->push;
	if (byte == '/') {
		push__slash(r);
		return;
	}
	push__step(r, r->set->class_of[byte]);
	p->len++;
	if (byte != '.')
		p->dots = 0;
}

/* The caller's text is in s->rec, the kernel's in w->buf. */
static long push__own(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= TIERCEL_PATH_MAX)
		return 1;
	push__byte(r, r->s->rec[at & (TIERCEL_PATH_MAX - 1)]);
	p->at = at + 1;
	return 0;
}

static long push__walked(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= TIERCEL_PATH_MAX)
		return 1;
	push__byte(r, r->w->buf[at & (TIERCEL_PATH_MAX - 1)]);
	p->at = at + 1;
	return 0;
}

/*
 * A text that needs no cleaning, as nearly all, goes through eight bytes at a time. What the name so far is, in two bits: nothing, ".", "..",
 * any other. By three times that and what comes (another byte, a dot, a slash): what it is then, and whether a name that cleaning takes away has ended.
 */
#define NAME_OTHER 3
#define NAME_NEXT (3u | 1u << 2 | 3u << 6 | 2u << 8 | 3u << 12 | 3u << 14 | 3u << 18 | 3u << 20)
#define NAME_ODD (1u << 2 | 1u << 5 | 1u << 8)

static __always_inline long push__eight(struct push_run *r, const void *text)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at, state = p->state, name = p->name, odd = p->odd;

	if (at >= p->end || at >= TIERCEL_PATH_MAX)
		return 1;
	__u64 bytes = *(__u64 *)text;
	__u32 left = p->end - at;
	for (__u32 j = 0; j < 8; j++) {
		if (j >= left)
			break;
		__u32 class = r->set->class_of[bytes & 255];
		__u32 kind = name * 3 + (class >> 6);
		odd |= NAME_ODD >> (kind & 15) & 1;
		name = NAME_NEXT >> (kind * 2 & 31) & 3;
		state = push__next(r, state, class);
		bytes >>= 8;
	}
	p->at = at + 8;
	p->state = state;
	p->name = name;
	p->odd = odd;
	return 0;
}

static long push__own_eight(__u32 i, struct push_run *r)
{
	return push__eight(r, &r->s->rec[r->w->push.at & (TIERCEL_PATH_MAX - 1)]);
}

static long push__walked_eight(__u32 i, struct push_run *r)
{
	return push__eight(r, &r->w->buf[r->w->push.at & (TIERCEL_PATH_MAX - 1)]);
}

static __always_inline void push__begin(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	p->depth = p->len = p->name = 0;
	p->dots = 1;
	p->state = push__next(r, r->set->begin, r->set->class_of['/']);
	p->folders[0] = p->state;
}

static __always_inline void push__scan_own(struct push_run *r, __u32 at, __u32 end)
{
	r->w->push.at = at;
	r->w->push.end = end;
	bpf_loop(TIERCEL_PATH_MAX / 8 + 1, push__own_eight, r, 0);
}

/* The path in w->buf, which begins with a slash unless it is of nothing that has a name in a folder. */
static __always_inline void push__scan_walked(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 pos = r->w->pos;

	if (r->w->cut || r->w->nameless || pos >= TIERCEL_PATH_MAX) {
		p->unknown = 1;
		return;
	}
	push__begin(r);
	p->at = pos + 1;
	p->end = TIERCEL_PATH_MAX;
	bpf_loop(TIERCEL_PATH_MAX / 8 + 1, push__walked_eight, r, 0);
	p->odd = 0; /* the kernel's own paths are clean */
}

static __always_inline void push__end(struct push_run *r)
{
	struct push_state *p = &r->w->push;
	if (p->len ? p->dots && p->len <= 2 : p->depth > 0)
		p->unknown = 1; /* which folder that is would be known, but not its state before the slash */
	else
		push__step(r, PUSH_END);
}

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
	struct fs_struct *fs = task->fs;

	w->dentry = (__u64)KERNEL_READ(struct path, path, dentry);
	w->mnt = (__u64)KERNEL_READ(struct path, path, mnt);
	w->root_dentry = (__u64)fs->root.dentry;
	w->root_mnt = (__u64)fs->root.mnt;
	w->nameless = 0;
	walk__run(w);
}

/* Cleaned name by name, behind the folder in w->buf if it is relative to that. */
static __always_inline void push__cleaned(struct push_run *r, bool relative, __u32 at, __u32 len)
{
	struct push_state *p = &r->w->push;

	push__begin(r);
	if (relative) {
		p->at = r->w->pos + 1;
		p->end = TIERCEL_PATH_MAX;
		bpf_loop(TIERCEL_PATH_MAX, push__walked, r, 0);
		if (p->len) /* not the root itself */
			push__slash(r);
	}
	p->at = at;
	p->end = len;
	bpf_loop(TIERCEL_PATH_MAX, push__own, r, 0);
	push__end(r);
}

/* Absolute, or relative to a folder that is in w->buf: as it is where it is clean. False: it is not. */
static __always_inline bool push__clean(struct push_run *r, bool relative, __u32 len)
{
	struct push_state *p = &r->w->push;

	if (relative) {
		push__scan_walked(r);
		if (r->w->pos < TIERCEL_PATH_MAX - 1) /* not the root itself */
			push__step(r, r->set->class_of['/']);
		p->name = 0;
	} else {
		push__begin(r);
	}
	push__scan_own(r, relative ? 0 : 1, len);
	if (p->odd || p->name != NAME_OTHER)
		return false;
	push__step(r, PUSH_END);
	return true;
}

/* The path as the caller wrote it, made absolute; then as it is written, where that is something else. len: without the NUL. */
static __always_inline void push__written(struct push_run *r, struct task_struct *task, __s64 dirfd, __u32 len)
{
	struct push_state *p = &r->w->push;
	bool relative = r->s->rec[0] != '/';

	if (relative) {
		struct file *file = dirfd == AT_FDCWD ? 0 : file__of_fd(task, dirfd);
		struct fs_struct *fs = task->fs;
		if (dirfd != AT_FDCWD && !file) {
			p->unknown = 1;
			return;
		}
		push__walk(r->w, task, file ? &file->f_path : &fs->pwd);
	}
	bool clean = push__clean(r, relative, len);
	if (p->unknown || (clean && !relative))
		return;
	if (!clean)
		push__cleaned(r, relative, relative ? 0 : 1, len);
	p->state = r->set->begin;
	push__scan_own(r, 0, len);
	push__step(r, PUSH_END);
	p->odd = !clean;
	if (!relative)
		return;
	if (clean) { /* pmatch takes the first slash for granted */
		push__begin(r);
		push__scan_own(r, 0, len);
		push__step(r, PUSH_END);
	} else {
		push__cleaned(r, false, 0, len);
	}
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

static long push__clause(__u32 i, struct push_run *r)
{
	struct push_state *p = &r->w->push;
	__u32 at = p->at;

	if (at >= p->end || at >= PUSH_CLAUSES_MAX)
		return 1;
	const struct push_clause *c = &r->set->clauses[at & (PUSH_CLAUSES_MAX - 1)];
	__u64 any = 0;
	for (int w = 0; w < PUSH_WORDS; w++)
		any |= c->any_of[w] & p->facts[w];
	if (any && c->last)
		return p->wanted = 1;
	p->at = any ? at + 1 : c->next;
	return 0;
}

static __always_inline bool push__satisfies(struct push_run *r, const struct push_type *type)
{
	struct push_state *p = &r->w->push;
	__u64 some = 0;

	for (int w = 0; w < PUSH_WORDS; w++)
		some |= type->some_of[w] & p->facts[w];
	if (!some)
		return false;
	p->at = type->first;
	p->end = type->end;
	p->wanted = 0;
	bpf_loop(PUSH_CLAUSES_MAX, push__clause, r, 0);
	return p->wanted;
}

static __always_inline const struct push_type *push__type(const struct push_set *set, __u16 type)
{
	__u32 row = set->type_of[type & 511];

	return row && row <= PUSH_TYPES_MAX ? &set->types[(row - 1) & (PUSH_TYPES_MAX - 1)] : 0;
}

static __always_inline __u64 push__either(bool holds, int fact)
{
	return 1ull << (holds ? fact : fact + 1);
}

static __always_inline __u64 push__of_task(struct task_struct *task)
{
	return push__either(task->cred->euid.val == 0, PF_ROOT);
}

/* Processes whose parent is the agent or its broker. */
static __always_inline bool push__tries(struct task_struct *task)
{
	__u32 parent = task->real_parent->tgid;

	return parent == push_never[0] || parent == push_never[1];
}

#define O_ACCMODE 3
#define O_TRUNCATES 01000 /* O_TRUNC */
#define O_MAKES (0100 | 020000000) /* O_CREAT, O_TMPFILE */

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
	r.s = b.s;
	r.w = b.w;
	struct push_state *p = &b.w->push;
	__builtin_memset(p, 0, __builtin_offsetof(struct push_state, folders));
	bool makes = flags & O_MAKES;
	__u32 access = flags & O_ACCMODE; /* 3 is neither, to those who ask */
	p->facts[0] = push__of_task(task) | push__either(fd >= 0, PF_SUCCEEDED) |
		     push__either(access == 0 || access == 2, PF_READS) | push__either(access == 1 || access == 2, PF_WRITES) | push__either(flags & O_TRUNCATES, PF_TRUNCATES) |
		     push__either(makes && mode & 0111, PF_MAKES_EXECUTABLE) | 1ull << PF_CREATES_NOT |
		     (makes && fd >= 0 ? 1ull << PF_CREATES : 0);
	long len = bpf_probe_read_user_str(b.s->rec, TIERCEL_PATH_MAX, name);
	if (len < 2 || len >= TIERCEL_PATH_MAX) {
		p->unknown = 1;
	} else {
		len--;
		push__written(&r, task, dirfd, len);
		struct file *file = fd >= 0 ? file__of_fd(task, fd) : 0;
		if (file && !p->unknown)
			push__opened(&r, task, file, b.s->rec[0] == '/' && !p->odd, len);
		else if (fd >= 0)
			p->unknown = 1;
	}
	for (int i = 0; i < PUSH_WORDS; i++)
		p->facts[i] |= set->of_program[i];
	bool wanted = p->unknown || push__satisfies(&r, row);
	if (wanted && !p->unknown && push__of_program(&r, task)) /* looked up only where it may change something */
		wanted = push__satisfies(&r, row);
	scratch__put(&b);
	if (!wanted)
		count__filtered(type);
	return !wanted;
}
