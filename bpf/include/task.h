/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who did it: the head of a record, and the parts of a task that exec and snapshot records hold. */
#pragma once

#include "path.h"

#define PF_KTHREAD 0x00200000
enum { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID }; /* include/linux/pid_types.h */

/*
 * Here and in head__fill() members are read directly: the verifier knows the type of the current task and of what hangs
 * off it, so each is one load instead of a helper call.
 */
static __always_inline struct cgroup *task__cgroup(struct task_struct *task)
{
	struct css_set *set = task__read_only(task)->cgroups;

	if (cgroup_subsys >= 0 && cgroup_subsys < 16) {
		struct cgroup_subsys_state *css = 0;
		int at = cgroup_subsys & 15;
		bpf_probe_read_kernel(&css, sizeof(css), (void *)set + bpf_core_field_offset(set->subsys) + at * sizeof(css));
		struct cgroup *cgroup = BPF_CORE_READ(css, cgroup);
		if (BPF_CORE_READ(cgroup, level) > 0)
			return cgroup;
	}
	return set->dfl_cgrp;
}

/* Hierarchy number << 48 | kernfs id: unique over v1 and v2, and on v2 just what bpf_get_current_cgroup_id() gives. */
static __always_inline __u64 cgroup__id(struct cgroup *cgroup)
{
	__u64 hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id);
	return hierarchy << 48 | BPF_CORE_READ(cgroup, kn, id);
}

/* Where numbers[level] of a struct pid lies; a flexible array, so by hand. The mask is for verifiers like that of 6.1, which keep
 * no bounds of a product with an unknown second factor, and let nothing without bounds be added to a pointer. */
static __always_inline void *pid__number(struct pid *pid, unsigned int level)
{
	__u64 at = (__u64)(level & 31) * bpf_core_type_size(struct upid);

	return (void *)pid + bpf_core_field_offset(pid->numbers) + (at & 0xfff);
}

/* The nr of a struct pid in the namespace of that level. */
static __always_inline __u32 pid__nr(struct pid *pid, unsigned int level)
{
	int nr = 0;

	if (pid && level < 32)
		bpf_probe_read_kernel(&nr, sizeof(nr), pid__number(pid, level));
	return nr;
}

static __always_inline struct pid_namespace *pid__ns(struct pid *pid)
{
	struct pid_namespace *ns = 0;
	unsigned int level = BPF_CORE_READ(pid, level);

	if (level < 32)
		bpf_probe_read_kernel(&ns, sizeof(ns), pid__number(pid, level) + bpf_core_field_offset(struct upid, ns));
	return ns;
}

#define PROC_PID_INIT_INO 0xEFFFFFFCu /* include/linux/proc_ns.h */

static __always_inline void head__fill(struct ev_head *h, struct task_struct *task, __u64 cgroup_id)
{
	struct task_struct *read = task__read_only(task);
	const struct cred *cred = read->cred;
	struct pid *pid = read->thread_pid;
	struct nsproxy *ns = read->nsproxy;

	h->time_ns = bpf_ktime_get_boot_ns();
	h->start_ns = read->group_leader->start_boottime;
	h->pid = task->tgid;
	h->tid = task->pid;
	h->exec_id = task->self_exec_id;
	h->uid = cred->uid.val;
	h->euid = cred->euid.val;
	h->gid = cred->gid.val;
	h->egid = cred->egid.val;
	h->cap_inheritable = cred__cap(cred, cap_inheritable);
	h->cap_permitted = cred__cap(cred, cap_permitted);
	h->cap_effective = cred__cap(cred, cap_effective);
	h->loginuid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : (__u32)-1;
	h->nthreads = read->signal->nr_threads;
	h->pid_ns = PROC_PID_INIT_INO;
	if (pid && pid->level > 0) {
		struct pid_namespace *pid_ns = pid__ns(pid);
		h->pid_ns = BPF_CORE_READ(pid_ns, ns.inum);
	}
	if (ns) /* gone in a task that ends */
		h->mnt_ns = ns->mnt_ns->ns.inum;
	h->cpu = bpf_get_smp_processor_id();
	if (h->pid != h->tid)
		h->flags |= EVF_THREAD;
	if (task__compat_flags(task))
		h->flags |= EVF_COMPAT;
	bpf_probe_read_kernel(h->comm, sizeof(h->comm), &task->comm);
	h->cgroup_id = cgroup_id;
}

/*
 * Somebody else may have changed what the call was given before its exit is looked at: threads and vfork() share the
 * memory, threads the descriptors.
 */
static __always_inline bool task__shares(struct task_struct *task)
{
	return BPF_CORE_READ(task, mm, mm_users.counter) > 1 || BPF_CORE_READ(task, files, count.counter) > 1;
}

/* A device number as stat() shows it: new_encode_dev(), include/linux/kdev_t.h */
static __always_inline __u32 dev__encode(__u32 dev)
{
	__u32 major = dev >> 20, minor = dev & 0xfffff;
	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

#define CGROUP_DEPTH_MAX 24

/*
 * The path of the cgroup whose kernfs node is w->dentry, at buf[pos .. TIERCEL_PATH_MAX); pos is TIERCEL_PATH_MAX for the
 * root of a hierarchy. Global: the verifier looks at it once.
 */
__weak __noinline int cgroup__walk(struct walk *w)
{
	if (!w)
		return 0;
	struct kernfs_node *kn = (void *)w->dentry;
	__u32 pos = TIERCEL_PATH_MAX;
	for (int i = 0; i < CGROUP_DEPTH_MAX && kn; i++) {
		struct kernfs_node *up = kernfs__parent(kn);
		char *room = w->buf;
		if (!up || pos < 257 || pos > TIERCEL_PATH_MAX)
			break;
		/* the name's length is not stored: read it into the front, then move it in place */
		long n = bpf_probe_read_kernel_str(room + TIERCEL_PATH_MAX, 256, BPF_CORE_READ(kn, name));
		if (n < 2 || n > 256)
			break;
		pos -= n;
		pos &= TIERCEL_PATH_MAX - 1;
		room[pos] = '/';
		bpf_probe_read_kernel(&room[pos + 1], (n - 1) & 255, room + TIERCEL_PATH_MAX);
		kn = up;
	}
	w->pos = pos;
	return 0;
}

static __always_inline void cgroup__path(struct walk *w, struct cgroup *cgroup)
{
	w->dentry = (__u64)BPF_CORE_READ(cgroup, kn);
	cgroup__walk(w);
}

#define CONTROLLERS_MAX 14 /* as many as kernels have, include/linux/cgroup_subsys.h */

/* Appends "name=/path" and a NUL to the tail. */
static __always_inline void cgroup__named_path(struct build *b, const char *name, struct cgroup *cgroup)
{
	char *to = tail__room(b, SCRATCH_CHUNK + 64);

	if (!to)
		return;
	long n = bpf_probe_read_kernel_str(to, 32, name);
	if (n < 2 || n > 32)
		return;
	to[(n - 1) & 31] = '=';
	cgroup__path(b->w, cgroup);
	__u32 pos = b->w->pos;
	if (pos >= TIERCEL_PATH_MAX) { /* the root */
		b->w->buf[TIERCEL_PATH_MAX - 1] = '/';
		pos = TIERCEL_PATH_MAX - 1;
	}
	__u32 len = TIERCEL_PATH_MAX - pos;
	bpf_probe_read_kernel(to + (n & 63), len & (SCRATCH_CHUNK - 1), &b->w->buf[pos]);
	to[(n & 63) + (len & (SCRATCH_CHUNK - 1))] = 0;
	b->s->pos += (n & 63) + (len & (SCRATCH_CHUNK - 1)) + 1;
}

/* Tells user space of a cgroup before the first record that names it. Returns its id. */
static __always_inline __u64 cgroup__announce(struct task_struct *task)
{
	struct cgroup *cgroup = task__cgroup(task);
	__u64 id = cgroup__id(cgroup);
	__u8 one = 1;
	struct build b;

	if (bpf_map_lookup_elem(&cgroups_seen, &id))
		return id;
	if (!scratch__get(&b, EVT_cgroup, sizeof(struct ev_cgroup), id))
		return id;
	struct ev_cgroup *ev = (void *)b.head;
	head__fill(&ev->head, task, id);
	ev->id = id;
	ev->hierarchy = id >> 48;
	ev->path.off = 0;
	ev->path.len = 0;

	cgroup__path(b.w, cgroup);
	void *to = tail__room(&b, SCRATCH_CHUNK);
	__u32 pos = b.w->pos;
	if (to && pos < TIERCEL_PATH_MAX) {
		__u32 len = TIERCEL_PATH_MAX - pos;
		if (len <= SCRATCH_CHUNK) {
			bpf_probe_read_kernel(to, len, &b.w->buf[pos]);
			tail__took(&b, &ev->path, len);
		}
	}
	__u32 size = b.s->pos;
	if (size > TIERCEL_RECORD_MAX)
		size = TIERCEL_RECORD_MAX;
	ev->head.size = size;
	if (ring__output(&ring_vital, b.s->rec, size)) {
		count__sent(EVT_cgroup);
		bpf_map_update_elem(&cgroups_seen, &id, &one, BPF_ANY);
	} else {
		count__lost_ring(EVT_cgroup, id); /* and tried again with the next record from there */
	}
	scratch__put(&b);
	return id;
}

static __always_inline void usage__fill(struct usage_part *u, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *ns = pid__ns(pid);

	u->fdlimit = BPF_CORE_READ(task, signal, rlim[7].rlim_cur); /* RLIMIT_NOFILE */
	u->pgft_maj = BPF_CORE_READ(task, maj_flt);
	u->pgft_min = BPF_CORE_READ(task, min_flt);
	u->pidns_init_ns = BPF_CORE_READ(ns, child_reaper, start_boottime);
	u->vm_size = u->vm_rss = u->vm_swap = u->pad_usage = 0;
	if (!mm)
		return;
	u->vm_size = BPF_CORE_READ(mm, total_vm) * page_kib;
	u->vm_rss = (mm__pages(mm, MM_FILEPAGES) + mm__pages(mm, MM_ANONPAGES) + mm__pages(mm, MM_SHMEMPAGES)) * page_kib;
	u->vm_swap = mm__pages(mm, MM_SWAPENTS) * page_kib;
}

static __always_inline void args__fill(struct args_part *a, struct pt_regs *regs)
{
	a->a0 = SYS_ARG0(regs);
	a->a1 = SYS_ARG1(regs);
	a->a2 = SYS_ARG2(regs);
	a->a3 = SYS_ARG3(regs);
	a->a4 = SYS_ARG4(regs);
	a->a5 = SYS_ARG5(regs);
	a->nr = SYS_NR(regs);
}

/* Everything after the head: a record never carries what was in the scratch before. */
#define RECORD_CLEAR(ev) __builtin_memset((void *)(ev) + sizeof((ev)->head), 0, sizeof(*(ev)) - sizeof((ev)->head))

static __always_inline bool record__open(struct build *b, struct task_struct *task, __u16 type, __u32 fixed_size, __u64 cgroup_id)
{
	if (!scratch__get(b, type, fixed_size, cgroup_id))
		return false;
	head__fill(b->head, task, cgroup_id);
	return true;
}

/* Announces the cgroup, takes scratch and fills the head: how every hook begins. False: lost or held back, and counted. */
static __always_inline bool record__begin(struct build *b, struct task_struct *task, __u16 type, __u32 fixed_size)
{
	__u64 cgroup_id = cgroup__announce(task);

	return budget__allows(type, cgroup_id) && record__open(b, task, type, fixed_size, cgroup_id);
}

/* Likewise for hooks that keep state, told or not: they ask budget__allows() themselves before they send. */
static __always_inline bool record__begin_state(struct build *b, struct task_struct *task, __u16 type, __u32 fixed_size)
{
	return record__open(b, task, type, fixed_size, cgroup__announce(task));
}
