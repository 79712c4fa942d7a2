/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path of a (dentry, mount) as a task sees it: walked up to the task's root, across mounts, from the end of a
 * buffer to its beginning. bpf_d_path() would do, but is allowed in a few program types only.
 */
#pragma once

#include "record.h"

#define PATH_COMPONENTS_MAX 512

/* fs/mount.h: struct mount holds the struct vfsmount that everyone points to. */
static __always_inline struct mount *mount__of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* What the walk needs of a dentry. */
struct dentry_look {
	__u64 parent;
	const void *name;
	__u32 len;
};

#define DENTRY_READ 64 /* from d_parent on: all of it lies close together (include/linux/dcache.h), one read for it */
#define DENTRY_AT(bytes, type, field) \
	(*(type *)((void *)(bytes) + bpf_core_field_offset(struct dentry, field) - bpf_core_field_offset(struct dentry, d_parent)))

static __always_inline void dentry__look(struct dentry_look *look, struct walk *w, __u64 at)
{
	if (kernel_casts) {
		struct dentry *dentry = KERNEL_CAST(dentry, at);
		look->parent = (__u64)dentry->d_parent;
		look->name = dentry->d_name.name;
		look->len = dentry->d_name.len;
		return;
	}
	bpf_probe_read_kernel(w->seen, DENTRY_READ, (void *)at + bpf_core_field_offset(struct dentry, d_parent));
	look->parent = DENTRY_AT(w->seen, __u64, d_parent);
	look->name = DENTRY_AT(w->seen, const void *, d_name.name);
	look->len = DENTRY_AT(w->seen, __u32, d_name.len);
}

#define NAME_WORDS 5 /* names that a dentry holds itself have up to 40 bytes */

/* A name into buf[at], word by word where that takes no helper. What lies behind it is left as it is. */
static __always_inline void walk__copy(struct walk *w, __u32 at, const void *name, __u32 len)
{
	if (!kernel_casts || len > NAME_WORDS * 8) {
		bpf_probe_read_kernel(&w->buf[at & (TIERCEL_PATH_MAX - 1)], len, name);
		return;
	}
	for (__u32 i = 0; i < NAME_WORDS; i++) {
		if (i * 8 >= len)
			return;
		__u32 left = len - i * 8;
		__u64 mask = left >= 8 ? -1ull : (1ull << (left & 7) * 8) - 1;
		__u64 *to = (void *)&w->buf[(at + i * 8) & (TIERCEL_PATH_MAX - 1)];
		*to = (*to & ~mask) | (KERNEL_WORD(name + i * 8) & mask);
	}
}

static __always_inline bool walk__prepend(struct walk *w, const struct dentry_look *look, bool slash)
{
	__u32 len = look->len;
	__u32 at = w->pos;

	if (len > 255)
		len = 255;
	if (at < len + 1 || at > TIERCEL_PATH_MAX)
		return false;
	at -= len + 1;
	at &= TIERCEL_PATH_MAX - 1;
	w->buf[at] = '/';
	walk__copy(w, at + 1, look->name, len);
	w->pos = slash ? at : at + 1;
	return true;
}

struct walk_ctx {
	struct walk *w;
};

/* The mount that the walk has come to. */
static __always_inline void walk__mount(struct walk *w, __u64 mnt)
{
	w->mnt = mnt;
	w->mnt_root = (__u64)KERNEL_READ(vfsmount, mnt, mnt_root);
}

/* From the root of a mount to where it is mounted. False: there is nothing above. */
static __always_inline bool walk__up(struct walk *w)
{
	__u64 m = (__u64)mount__of((void *)w->mnt);
	__u64 up = (__u64)KERNEL_READ(mount, m, mnt_parent);

	if (up == m || !up)
		return false;
	w->dentry = (__u64)KERNEL_READ(mount, m, mnt_mountpoint);
	walk__mount(w, up + bpf_core_field_offset(struct mount, mnt));
	return true;
}

/* One step up. Returns 1 when there is nothing more to do. */
static long walk__step(__u32 i, struct walk_ctx *ctx)
{
	struct walk *w = ctx->w;
	struct dentry_look look;

	if (!w->dentry || (w->dentry == w->root_dentry && w->mnt == w->root_mnt)) {
		w->cut = 0;
		return 1;
	}
	if (w->dentry == w->mnt_root) {
		w->cut = walk__up(w);
		return !w->cut;
	}
	dentry__look(&look, w, w->dentry);
	if (w->dentry == look.parent) { /* no name in any directory: memfd, pipe, socket */
		walk__prepend(w, &look, false);
		w->cut = 0;
		w->nameless = 1;
		return 1;
	}
	w->dentry = look.parent;
	return walk__prepend(w, &look, true) ? 0 : 1;
}

/*
 * Leaves the path at buf[pos .. TIERCEL_PATH_MAX). Global and weak: one copy for all objects. bpf_loop() (v5.17,
 * e6f2dd0f8067) lets the verifier look at the step once: unrolled, the walk took it 2.5 s over all programs.
 */
__weak __noinline int walk__run(struct walk *w)
{
	if (!w)
		return 0;
	struct walk_ctx ctx = {.w = w};

	w->pos = TIERCEL_PATH_MAX;
	w->cut = 1;
	w->nameless = 0;
	walk__mount(w, w->mnt);
	bpf_loop(PATH_COMPONENTS_MAX, walk__step, &ctx, 0);
	if (w->pos == TIERCEL_PATH_MAX && !w->nameless) {
		w->buf[TIERCEL_PATH_MAX - 1] = '/';
		w->pos = TIERCEL_PATH_MAX - 1;
	}
	return 0;
}

static __always_inline void record__walk(struct build *b, struct text *t, struct fs_struct *fs, struct dentry *dentry,
					 struct vfsmount *mnt)
{
	struct walk *w = b->w;

	t->off = 0;
	t->len = 0;
	w->nameless = 0;
	if (!dentry || !mnt)
		return;
	w->dentry = (__u64)dentry;
	w->mnt = (__u64)mnt;
	w->root_dentry = 0;
	w->root_mnt = 0;
	if (fs) {
		w->root_dentry = (__u64)KERNEL_READ(fs_struct, fs, root.dentry);
		w->root_mnt = (__u64)KERNEL_READ(fs_struct, fs, root.mnt);
	}
	walk__run(w);
	if (w->cut)
		b->head->flags |= EVF_PATH_CUT;

	__u32 pos = w->pos;
	void *to = tail__room(b, SCRATCH_CHUNK);
	if (!to || pos >= TIERCEL_PATH_MAX)
		return;
	__u32 len = TIERCEL_PATH_MAX - pos;
	if (len > SCRATCH_CHUNK)
		return;
	bpf_probe_read_kernel(to, len, &w->buf[pos]);
	tail__took(b, t, len);
}

static __always_inline void record__path(struct build *b, struct text *t, struct fs_struct *fs, struct path *path)
{
	record__walk(b, t, fs, KERNEL_READ(path, path, dentry), KERNEL_READ(path, path, mnt));
}

/* task: one that the verifier knows the type of (the current one, or an iterator's): its members are plain loads. */
static __always_inline struct file *file__of_fd(struct task_struct *task, __s64 fd)
{
	struct file *file = 0;

	if (fd < 0)
		return 0;
	struct files_struct *files = task__read_only(task)->files;
	if (!files)
		return 0;
	struct fdtable *fdt = files->fdt;
	if (fd >= fdt->max_fds)
		return 0;
	struct file **table = fdt->fd;
	if (kernel_casts)
		return (struct file *)KERNEL_WORD(&table[fd]);
	bpf_probe_read_kernel(&file, sizeof(file), &table[fd]);
	return file;
}

#define AT_FDCWD (-100)

/* What a relative path of this call is relative to. */
static __always_inline void record__base(struct build *b, struct text *t, struct task_struct *task, __s64 dirfd)
{
	struct fs_struct *fs = BPF_CORE_READ(task, fs);

	t->off = 0;
	t->len = 0;
	if (dirfd == AT_FDCWD) {
		if (fs)
			record__path(b, t, fs, &fs->pwd);
		return;
	}
	struct file *file = file__of_fd(task, dirfd);
	if (file)
		record__path(b, t, fs, &file->f_path);
}

static __always_inline __u32 file__mode(struct task_struct *task, __s64 fd)
{
	struct file *file = file__of_fd(task, fd);

	return file ? BPF_CORE_READ(file, f_inode, i_mode) : 0;
}
