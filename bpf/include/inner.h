/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel works with within a call, kept with the task until the call's exit: its own copies of path and address
 * arguments, and what was opened before any other thread can reach it. Taken by hooks on inner functions
 * (hooks/inner.bpf.c), read by the programs at the exits, which without them have only the caller's memory, where another
 * thread may have written meanwhile.
 *
 * A note belongs to one call (its number, and whether it is a 32-bit one) and is gone at its exit. A call that is not told
 * has no such exit, and hooks pass it by. What does not fit is not kept: the exit then marks what it reads as uncertain.
 */
#pragma once

#include "file.h"

#define INNER_NAMES 2
#define INNER_ROOM 3840	 /* of a text: with the rest just below 8 KiB of kernel memory for each thread that makes such calls */
#define INNER_ADDRESS 128 /* struct sockaddr_storage */
struct inner {
	__u64 call; /* 0: nothing is kept */
	__u64 uptr[INNER_NAMES]; /* where the caller has the text: arguments are found by that */
	struct text names[INNER_NAMES];
	struct file_part file; /* realpath: in buf */
	__u64 sock;	       /* struct sock */
	__u32 used;	       /* of buf */
	__u32 next;	       /* which name is written next */
	__u32 has_file;
	__u32 address_len;
	__u8 address[INNER_ADDRESS];
	__u8 buf[2 * INNER_ROOM];
};
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct inner);
} inners __weak SEC(".maps");

#define INNER_COMPAT (1ull << 32)

static __always_inline __u64 call__key(struct task_struct *task)
{
	__u64 nr = (__u32)SYS_NR(task__regs(task));

	return nr + 1 + (task__compat_flags(task) ? INNER_COMPAT : 0);
}

/* For the call that the current task is in. NULL: nobody asks, or there is no memory. */
static __always_inline struct inner *inner__begin(void)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 call = call__key(task);

	if (!(call & INNER_COMPAT)) {
		__u64 nr = call - 1;
		if (nr >= INNER_CALLS || !inner_wanted[nr])
			return 0;
	}
	struct inner *inner = bpf_task_storage_get(&inners, (void *)task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (inner && inner->call != call) {
		__builtin_memset(inner, 0, __builtin_offsetof(struct inner, address));
		inner->call = call;
	}
	return inner;
}

/* At a call's exit. NULL: no hook within it has kept anything. */
static __always_inline struct inner *inner__of_call(struct task_struct *task)
{
	if (!inner_hooks)
		return 0;
	struct inner *inner = bpf_task_storage_get(&inners, (void *)task, 0, 0);
	return inner && inner->call == call__key(task) ? inner : 0;
}

/* Room for one more text, where it begins a multiple of eight bytes; NULL: none. */
static __always_inline void *inner__room(struct inner *inner)
{
	__u32 at = (inner->used + 7) & ~7u;

	if (at > INNER_ROOM)
		return 0;
	inner->used = at;
	return &inner->buf[at];
}

static __always_inline void inner__keep_name(struct inner *inner, struct filename *name)
{
	void *to = inner__room(inner);
	__u32 n = inner->next & (INNER_NAMES - 1);
	__u64 uptr = (__u64)BPF_CORE_READ(name, uptr);

	if (inner->uptr[0] == uptr) /* a call that looks twice, or one that began anew */
		n = 0;
	inner->uptr[n] = 0;
	if (!to || !uptr)
		return;
	long len = bpf_probe_read_kernel_str(to, INNER_ROOM, BPF_CORE_READ(name, name));
	if (len < 1 || len >= INNER_ROOM)
		return;
	inner->names[n].off = inner->used;
	inner->names[n].len = len - 1;
	inner->used += len;
	inner->uptr[n] = uptr;
	inner->next = n + 1;
}

/* What do_filp_open() made, or what security_file_open() is asked about: in no table of descriptors yet. */
static __always_inline void inner__keep_file(struct inner *inner, struct file *file)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	void *to = inner__room(inner);
	struct build b;

	inner->has_file = 0;
	if (!to || !scratch__try(&b, EVT_openat, sizeof(struct ev_open)))
		return;
	struct ev_open *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	file__fill(&b, (struct file_part *)&ev->ino, task, file);
	__u32 len = ev->realpath.len;
	__u32 off = ev->realpath.off;
	if (len < INNER_ROOM && off <= TIERCEL_RECORD_MAX - INNER_ROOM && !(b.head->flags & (EVF_TEXT_CUT | EVF_PATH_CUT))) {
		inner->file = *(struct file_part *)&ev->ino;
		barrier_var(len);
		len &= SCRATCH_CHUNK - 1;
		if (len < INNER_ROOM)
			bpf_probe_read_kernel(to, len, b.s->rec + off);
		inner->file.realpath.off = inner->used;
		inner->used += len;
		inner->has_file = 1;
	}
	scratch__put(&b);
}

static __always_inline void inner__keep_address(struct inner *inner, struct sock *sk, const void *address, __u32 len)
{
	inner->sock = (__u64)sk;
	inner->address_len = 0;
	if (len < 2 || len > INNER_ADDRESS)
		return;
	barrier_var(len);
	if (len <= INNER_ADDRESS && bpf_probe_read_kernel(inner->address, len, address) == 0)
		inner->address_len = len;
}

/* ---- at the exit -------------------------------------------------------------------------------------------- */

struct differ {
	struct walk *w;
	struct inner *inner;
	__u32 off, len, found;
};

/* Eight bytes of both. Returns 1 when there is nothing more to do. */
static long differ__step(__u32 i, struct differ *d)
{
	__u32 at = i * 8, off = d->off;

	if (at >= d->len || at > INNER_ROOM - 8 || off > INNER_ROOM)
		return 1;
	__u64 a = *(__u64 *)&d->w->buf[at & 4095 & ~7], b = *(__u64 *)&d->inner->buf[(off & ~7) + at];
	__u32 left = d->len - at;
	__u64 mask = left >= 8 ? -1ull : (1ull << left * 8) - 1;
	d->found |= ((a ^ b) & mask) != 0;
	return d->found;
}

/* Does the caller's memory still hold that name? Global and weak: the verifier looks at it once. */
__weak __noinline int inner__differs(struct walk *w, struct inner *inner, __u32 off, __u32 len)
{
	if (!w || !inner)
		return 0;
	struct differ d = {.w = w, .inner = inner, .off = off, .len = len};

	bpf_loop(INNER_ROOM / 8, differ__step, &d, 0);
	return d.found;
}

#define VM_SHARED 8 /* include/linux/mm.h */

static long vma__shared(struct task_struct *task, struct vm_area_struct *vma, bool *shared)
{
	*shared = BPF_CORE_READ(vma, vm_flags) & VM_SHARED;
	return 0;
}

/* May somebody else write there: a thread of ours, or who has mapped the same? Where the kernel cannot look, they may. */
static __always_inline bool text__shared(const void *user)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	bool shared = true;

	if (!task__shares(task))
		bpf_find_vma(task, (__u64)user, vma__shared, &shared, 0);
	return shared;
}

/* A path argument, as the kernel had it; from the caller's memory where nothing is kept of it. */
static __always_inline void record__path_text(struct build *b, struct text *t, const void *user)
{
	struct inner *inner = b->inner;

	if (!inner_hooks || !user) {
		record__user_str(b, t, user);
		if (user && text__shared(user))
			b->head->flags |= EVF_PATH_UNCERTAIN;
		return;
	}
	__u32 n = inner && inner->uptr[1] == (__u64)user ? 1 : 0;
	if (!inner || inner->uptr[n] != (__u64)user) {
		record__user_str(b, t, user);
		b->head->flags |= EVF_PATH_UNCERTAIN;
		return;
	}
	void *to = tail__room(b, SCRATCH_CHUNK);
	__u32 off = inner->names[n].off, len = inner->names[n].len;
	t->off = t->len = 0;
	if (!to || off > INNER_ROOM || len >= INNER_ROOM)
		return;
	long now = bpf_probe_read_user_str(b->w->buf, SCRATCH_CHUNK, user);
	/* a page that is not there any more says nothing */
	if (now > 0 && (now != (long)len + 1 || inner__differs(b->w, inner, off, len)))
		b->head->flags |= EVF_ARG_CHANGED;
	barrier_var(len); /* the verifier wants the bound on this very register */
	len &= SCRATCH_CHUNK - 1;
	bpf_probe_read_kernel(to, len, &inner->buf[off]);
	if (len)
		tail__took(b, t, len);
}

/*
 * security_file_open(), where kprobes hang, comes before the file is copied up in an overlay: what the descriptor says by now, if it
 * is of that very inode.
 */
static __always_inline void opened__layer(struct file_part *part, struct task_struct *task, long fd)
{
	struct file *file = inner_by_kprobe && part->magic == OVERLAYFS_SUPER_MAGIC ? file__of_fd(task, fd) : 0;
	struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;

	if (inode && BPF_CORE_READ(inode, i_ino) == part->ino && dev__encode(BPF_CORE_READ(inode, i_sb, s_dev)) == part->dev)
		part->fd_flags = (part->fd_flags & ~(FDF_UPPER_LAYER | FDF_LOWER_LAYER)) | inode__layer(inode, part->magic);
}

/* What the call opened: kept before others could reach it, else by its descriptor. True: it is certain. */
static __always_inline bool record__opened(struct build *b, struct file_part *part, struct task_struct *task, long fd)
{
	struct inner *inner = b->inner;

	if (!inner || !inner->has_file || fd < 0) {
		file__fill(b, part, task, file__of_fd(task, fd));
		return false;
	}
	void *to = tail__room(b, SCRATCH_CHUNK);
	__u32 off = inner->file.realpath.off, len = inner->file.realpath.len;
	*part = inner->file;
	part->realpath.off = part->realpath.len = 0;
	opened__layer(part, task, fd);
	if (!to || off > INNER_ROOM || len >= INNER_ROOM)
		return true;
	barrier_var(len); /* the verifier wants the bound on this very register */
	len &= SCRATCH_CHUNK - 1;
	bpf_probe_read_kernel(to, len, &inner->buf[off]);
	if (len)
		tail__took(b, &part->realpath, len);
	return true;
}

/* A path argument, and what it is relative to: not told of an absolute path that comes without a descriptor. */
static __always_inline void record__user_path(struct build *b, struct text *name, struct text *base,
					      struct task_struct *task, __s64 dirfd, const void *user)
{
	char *written = tail__room(b, SCRATCH_CHUNK);

	record__path_text(b, name, user);
	if (dirfd != AT_FDCWD || (written && (!name->len || *written != '/')))
		record__base(b, base, task, dirfd);
}

/* How the program at the exit of a call with such arguments begins and ends. */
static __always_inline bool inner__goes_with(struct build *b, struct inner *inner, bool begun)
{
	if (begun)
		b->inner = inner;
	else if (inner)
		inner->call = 0;
	return begun;
}

static __always_inline bool record__begin_inner(struct build *b, struct task_struct *task, __u16 type, __u32 fixed_size)
{
	return inner__goes_with(b, inner__of_call(task), record__begin(b, task, type, fixed_size));
}

/* As record__begin_state(). */
static __always_inline bool record__begin_inner_state(struct build *b, struct task_struct *task, __u16 type, __u32 fixed_size)
{
	return inner__goes_with(b, inner__of_call(task), record__begin_state(b, task, type, fixed_size));
}

static __always_inline void record__end_inner(struct build *b)
{
	scratch__put(b);
	if (b->inner)
		b->inner->call = 0;
}
