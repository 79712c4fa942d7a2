/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every difference between kernels and architectures, with version and commit where a kernel changed. */
#pragma once

#include "vmlinux.h"
#include "../schema/read_only.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/*
 * What lies at an address, to read its members by plain loads: bpf_rdonly_cast() (v6.2, a35b9af4ec2c). They give 0 where there is nothing. A
 * helper's call for each takes ten times as long. libbpf before 1.5 looks for a function that the kernel lacks in all modules, which
 * takes CAP_SYS_ADMIN: so the loader puts the function in the call's place and the type's id in its argument's (agent/sensor/bpf_object.cpp), or
 * where the kernel has none an instruction that returns the address as it is.
 */
static void *(*read_only)(const void *object, __u64 type_id) = (void *)READ_ONLY_CALL;
extern const volatile bool kernel_casts; /* the kernel has it */
#define KERNEL_CAST(type, at) ((struct type *)read_only((const void *)(at), READ_ONLY_##type))
#define KERNEL_READ(type, at, member) \
	(kernel_casts ? KERNEL_CAST(type, at)->member : BPF_CORE_READ((struct type *)(at), member))

/* Eight bytes at an address: what a timespec64 begins with. */
#define KERNEL_WORD(at) ((__u64)KERNEL_CAST(timespec64, at)->tv_sec)

/* v6.3 (f122a08b197d): a set of capabilities is one number; before, two halves, the lower one first: the same bytes where
 * the lower byte comes first */
#define cred__cap(cred, set) \
	({ \
		__u64 bits = 0; \
		if (bpf_core_field_exists((cred)->set.val)) \
			bits = (cred)->set.val; \
		else \
			bpf_probe_read_kernel(&bits, sizeof(bits), &(cred)->set); \
		bits; \
	})

/* v6.11 (3aa63a569c64): times of an inode are split into seconds and nanoseconds */
struct inode___v611 {
	__s64 i_mtime_sec, i_ctime_sec;
	__u32 i_mtime_nsec, i_ctime_nsec;
} __attribute__((preserve_access_index));
/* v6.6 (13bc24457850): i_ctime became __i_ctime; v6.7 (12cd44023651): the others followed */
struct inode___v67 {
	struct timespec64 __i_mtime, __i_ctime;
} __attribute__((preserve_access_index));
struct inode___old {
	struct timespec64 i_mtime, i_ctime;
} __attribute__((preserve_access_index));

static __always_inline __u64 inode__mtime_ns(struct inode *inode)
{
	struct inode___v611 *now = (void *)inode;
	struct inode___v67 *v67 = (void *)inode;
	struct inode___old *old = (void *)inode;

	if (bpf_core_field_exists(now->i_mtime_sec))
		return BPF_CORE_READ(now, i_mtime_sec) * 1000000000ull + BPF_CORE_READ(now, i_mtime_nsec);
	if (bpf_core_field_exists(v67->__i_mtime))
		return BPF_CORE_READ(v67, __i_mtime.tv_sec) * 1000000000ull + BPF_CORE_READ(v67, __i_mtime.tv_nsec);
	return BPF_CORE_READ(old, i_mtime.tv_sec) * 1000000000ull + BPF_CORE_READ(old, i_mtime.tv_nsec);
}

static __always_inline __u64 inode__ctime_ns(struct inode *inode)
{
	struct inode___v611 *now = (void *)inode;
	struct inode___v67 *v67 = (void *)inode;
	struct inode___old *old = (void *)inode;

	if (bpf_core_field_exists(now->i_ctime_sec))
		/* v6.13 (4e40eff0b573): the top bit says that somebody asked for it (multigrain timestamps) */
		return BPF_CORE_READ(now, i_ctime_sec) * 1000000000ull + (BPF_CORE_READ(now, i_ctime_nsec) & 0x7fffffff);
	if (bpf_core_field_exists(v67->__i_ctime))
		return BPF_CORE_READ(v67, __i_ctime.tv_sec) * 1000000000ull + BPF_CORE_READ(v67, __i_ctime.tv_nsec);
	return BPF_CORE_READ(old, i_ctime.tv_sec) * 1000000000ull + BPF_CORE_READ(old, i_ctime.tv_nsec);
}

/* v6.15 (633488947ef6): kernfs_node.parent became __parent */
struct kernfs_node___v615 {
	struct kernfs_node *__parent;
} __attribute__((preserve_access_index));
struct kernfs_node___old {
	struct kernfs_node *parent;
} __attribute__((preserve_access_index));

static __always_inline struct kernfs_node *kernfs__parent(struct kernfs_node *kn)
{
	struct kernfs_node___v615 *now = (void *)kn;
	struct kernfs_node___old *old = (void *)kn;

	if (bpf_core_field_exists(now->__parent))
		return BPF_CORE_READ(now, __parent);
	return BPF_CORE_READ(old, parent);
}

/* v6.2 (f1a7941243c1): memory counters became per-CPU ones; before, struct mm_rss_stat */
struct mm_rss_stat {
	long count[4];
} __attribute__((preserve_access_index));
struct mm_struct___old {
	struct mm_rss_stat rss_stat;
} __attribute__((preserve_access_index));
struct percpu_counter {
	__s64 count;
} __attribute__((preserve_access_index));
struct mm_struct___v62 {
	struct percpu_counter rss_stat[4];
} __attribute__((preserve_access_index));
enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES }; /* include/linux/mm_types_task.h */

/* Pages of one kind; without what single CPUs have not added up yet, so it may be a little off. */
static __always_inline __s64 mm__pages(struct mm_struct *mm, int kind)
{
	struct mm_struct___old *old = (void *)mm;
	__s64 count = 0;

	/* Not by the type: where libbpf does not find one in the kernel, it asks for all modules, which takes CAP_SYS_ADMIN. */
	if (bpf_core_field_exists(old->rss_stat)) {
		bpf_probe_read_kernel(&count, sizeof(count),
				      (void *)mm + bpf_core_field_offset(old->rss_stat) + kind * sizeof(long));
	} else {
		/* by hand: an index that the compiler does not see as a constant would count with our struct's size */
		struct mm_struct___v62 *now = (void *)mm;
		bpf_probe_read_kernel(&count, sizeof(count),
				      (void *)mm + bpf_core_field_offset(now->rss_stat) +
					      kind * bpf_core_type_size(struct percpu_counter) +
					      bpf_core_field_offset(struct percpu_counter, count));
	}
	return count > 0 ? count : 0;
}

/* v6.13 (5eda70f550d7): the youngest mount of a namespace is at hand */
struct mnt_namespace___v613 {
	struct rb_node *mnt_last_node;
} __attribute__((preserve_access_index));
struct mount___v68 {
	struct rb_node mnt_node;
} __attribute__((preserve_access_index));

static __always_inline struct mount *mnt_ns__youngest(struct mnt_namespace *ns)
{
	struct mnt_namespace___v613 *now = (void *)ns;

	if (!bpf_core_field_exists(now->mnt_last_node))
		return 0;
	void *node = BPF_CORE_READ(now, mnt_last_node);
	return node ? node - bpf_core_field_offset(struct mount___v68, mnt_node) : 0;
}

/* Arguments of a system call at its exit: the result has taken the place of one register, the rest are as saved. */
extern const volatile bool compat_regs; /* of a 32-bit caller: these programs watch the functions of 32-bit calls alone */
#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/asm/syscall.h, syscall_get_arguments() */
#define SYS_ARG0(r) (compat_regs ? (r)->bx : (r)->di)
#define SYS_ARG1(r) (compat_regs ? (r)->cx : (r)->si)
#define SYS_ARG2(r) ((r)->dx)
#define SYS_ARG3(r) (compat_regs ? (r)->si : (r)->r10)
#define SYS_ARG4(r) (compat_regs ? (r)->di : (r)->r8)
#define SYS_ARG5(r) (compat_regs ? (r)->bp : (r)->r9)
#define TS_COMPAT 2 /* arch/x86/include/asm/thread_info.h */
#define task__compat_flags(task) ((task)->thread_info.status & TS_COMPAT)
#define SYS_NR(r) ((long)(r)->orig_ax)
#define NR_clone 56
#define NR_fork 57
#define NR_vfork 58
#define NR_execveat 322
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT (1 << 22) /* arch/arm64/include/asm/thread_info.h */
#define task__compat_flags(task) ((task)->thread_info.flags & TIF_32BIT)
#define SYS_ARG0(r) ((r)->orig_x0)
#define SYS_ARG1(r) ((r)->regs[1])
#define SYS_ARG2(r) ((r)->regs[2])
#define SYS_ARG3(r) ((r)->regs[3])
#define SYS_ARG4(r) ((r)->regs[4])
#define SYS_ARG5(r) ((r)->regs[5])
#define SYS_NR(r) ((long)(r)->syscallno)
#define NR_clone 220
#define NR_fork (-2) /* no such call; -1 is the kernel's "none" */
#define NR_vfork (-3)
#define NR_execveat 281
#endif
#define NR_clone3 435

/*
 * A task, to read its members that are pointers. From v6.3 on (57539b1c0ac2) the verifier asks of each such load from a
 * pointer that it trusts whether the new one can be trusted, too: up to four searches for a name through all types of the
 * kernel, a millisecond each, which was more than everything else that it does with our programs. Of a pointer that is
 * not trusted it does not ask, and reading is all we do. Where there is no cast the task is what it was.
 */
static __always_inline struct task_struct *task__read_only(struct task_struct *task)
{
	return KERNEL_CAST(task_struct, task);
}

static __always_inline struct pt_regs *task__regs(struct task_struct *task)
{
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

/*
 * The result of the call that ends. ctx: a syscalls/sys_exit_X tracepoint's, or that of an fexit program on the call's own
 * function, which has one argument (the registers) and then the result. By hand: of both loads the compiler would make one
 * with a computed offset, and the verifier lets nobody change a pointer to a context.
 */
extern const volatile bool exits_by_function; /* programs at a call's exit are fexit programs */
static __always_inline long call__result(void *ctx)
{
	long result;

	if (exits_by_function)
		asm volatile("%0 = *(u64 *)(%1 + 8)" : "=r"(result) : "r"(ctx));
	else
		asm volatile("%0 = *(u64 *)(%1 + 16)" : "=r"(result) : "r"(ctx));
	return result;
}
