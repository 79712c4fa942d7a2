/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a descriptor's struct file says: the file part of records. Never asked of the caller's memory. */
#pragma once

#include "task.h"

#define TMPFS_MAGIC 0x01021994
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define NSFS_MAGIC 0x6e736673
#define SOCKFS_MAGIC 0x534f434b

/* FDF_UPPER_LAYER, FDF_LOWER_LAYER or 0. */
static __always_inline __u32 inode__layer(struct inode *inode, unsigned long magic)
{
	void *upper = 0;

	if (magic != OVERLAYFS_SUPER_MAGIC)
		return 0;
	/* fs/overlayfs/ovl_entry.h: in struct ovl_inode, __upperdentry comes right after the embedded inode */
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
	return upper ? FDF_UPPER_LAYER : FDF_LOWER_LAYER;
}

/* A descriptor of a namespace has no name; its kind is one ("mnt"). */
static __always_inline void record__namespace(struct build *b, struct text *t, struct inode *inode)
{
	struct ns_common *ns = BPF_CORE_READ(inode, i_private);

	record__kernel_str(b, t, BPF_CORE_READ(ns, ops, name));
}

static __always_inline void file__fill(struct build *b, struct file_part *part, struct task_struct *task,
				       struct file *file)
{
	if (!file)
		return;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	unsigned long magic = BPF_CORE_READ(sb, s_magic);

	part->ino = BPF_CORE_READ(inode, i_ino);
	part->dev = dev__encode(BPF_CORE_READ(sb, s_dev));
	part->fmode = BPF_CORE_READ(file, f_mode);
	part->i_mode = BPF_CORE_READ(inode, i_mode);
	part->magic = magic;
	part->fd_flags = FDF_FILE | inode__layer(inode, magic);
	if (magic == SOCKFS_MAGIC) /* its name is in the sock part */
		return;
	if (magic == NSFS_MAGIC) {
		record__namespace(b, &part->realpath, inode);
		part->fd_flags |= FDF_NAMELESS;
		return;
	}
	record__path(b, &part->realpath, BPF_CORE_READ(task, fs), &file->f_path);
	if (b->w->nameless)
		part->fd_flags |= FDF_NAMELESS;
}

/* Of a descriptor that was there before: its file may be in no folder any more. */
static __always_inline void file__fill_old(struct build *b, struct file_part *part, struct task_struct *task,
					   struct file *file)
{
	file__fill(b, part, task, file);
	if (!file || part->fd_flags & FDF_NAMELESS || part->magic == SOCKFS_MAGIC)
		return;
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	if (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry)
		part->fd_flags |= FDF_DELETED;
}
