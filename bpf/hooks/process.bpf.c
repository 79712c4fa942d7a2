// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes: creation, programs, end, and a snapshot of those that were there before us.
 * BTF tracepoints (include/trace/events/sched.h) cost nothing to calls that do not create, exec or exit.
 */
#include "../include/task.h"

const volatile int cgroup_subsys = -1;
volatile bool want_threads = false;
volatile bool want_env = false;
volatile __u32 reader_idle = 0;

static __always_inline __u16 fork__type(struct task_struct *parent)
{
	if (BPF_CORE_READ(parent, flags) & PF_KTHREAD)
		return EVT_clone;
	switch (SYS_NR(task__regs(bpf_get_current_task_btf()))) {
	case NR_fork: return EVT_fork;
	case NR_vfork: return EVT_vfork;
	case NR_clone3: return EVT_clone3;
	default: return EVT_clone;
	}
}

static __always_inline __u64 fork__flags(__u16 type)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	__u64 flags = 0;

	if (type == EVT_clone)
		flags = SYS_ARG0(regs) & 0xffffffff;
	else if (type == EVT_clone3) /* struct clone_args begins with its flags */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)SYS_ARG0(regs));
	return flags & ~0xffull; /* the low byte of clone() is the exit signal */
}

/* match-proto:v5.11:include/trace/events/sched.h sched_process_fork(parent, child) */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process__fork, struct task_struct *parent, struct task_struct *child)
{
	bool thread = BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid);
	struct build b;

	if (thread && !want_threads)
		return 0;
	__u16 type = fork__type(parent);
	__u64 child_cgroup_id = cgroup__announce(child);
	if (!record__begin(&b, parent, type, sizeof(struct ev_fork)))
		return 0;
	struct ev_fork *ev = (void *)b.head;
	struct pid *pid = BPF_CORE_READ(child, thread_pid);
	struct pid *leader_pid = BPF_CORE_READ(child, group_leader, thread_pid);
	ev->child_start_ns = BPF_CORE_READ(child, group_leader, start_boottime);
	ev->child_cgroup_id = child_cgroup_id;
	ev->flags = BPF_CORE_READ(parent, flags) & PF_KTHREAD ? 0 : fork__flags(type);
	ev->child_pid = BPF_CORE_READ(child, tgid);
	ev->child_tid = BPF_CORE_READ(child, pid);
	ev->res = ev->child_tid;
	ev->child_vpid = pid__nr(leader_pid, BPF_CORE_READ(leader_pid, level));
	ev->child_vtid = pid__nr(pid, BPF_CORE_READ(pid, level));
	ev->child_exec_id = BPF_CORE_READ(child, self_exec_id);
	struct pid_namespace *pid_ns = pid__ns(pid);
	ev->child_pid_ns = BPF_CORE_READ(pid_ns, ns.inum);
	record__send(&b, &ring_vital);
	scratch__put(&b);
	return 0;
}

#define TMPFS_MAGIC 0x01021994
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define SB_RDONLY 1
#define MNT_READONLY 0x40
#define S_IMMUTABLE 8
#define CAP_DAC_OVERRIDE 1
enum { EXE_WRITABLE = 1, EXE_UPPER_LAYER = 2, EXE_FROM_MEMFD = 4, EXE_LOWER_LAYER = 8 };

/* Could who runs it have changed it? As inode_permission(MAY_WRITE) of fs/namei.c, without ACLs and other groups. */
static __always_inline bool exe__writable(struct file *exe, struct inode *inode, const struct cred *cred)
{
	__u16 mode = BPF_CORE_READ(inode, i_mode);
	__u64 effective = 0;

	if (BPF_CORE_READ(inode, i_sb, s_flags) & SB_RDONLY || BPF_CORE_READ(exe, f_path.mnt, mnt_flags) & MNT_READONLY ||
	    BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE)
		return false;
	bpf_probe_read_kernel(&effective, sizeof(effective), &cred->cap_effective);
	if (effective >> CAP_DAC_OVERRIDE & 1)
		return true;
	if (BPF_CORE_READ(inode, i_uid.val) == BPF_CORE_READ(cred, fsuid.val))
		return mode & 0200;
	if (BPF_CORE_READ(inode, i_gid.val) == BPF_CORE_READ(cred, fsgid.val))
		return mode & 0020;
	return mode & 0002;
}

static __always_inline __u32 exe__flags(struct file *exe, struct inode *inode, const struct cred *cred)
{
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	__u32 flags = exe__writable(exe, inode, cred) ? EXE_WRITABLE : 0;

	if (magic == OVERLAYFS_SUPER_MAGIC) {
		/* fs/overlayfs/ovl_entry.h: in struct ovl_inode, __upperdentry comes right after the embedded inode */
		void *upper = 0;
		bpf_probe_read_kernel(&upper, sizeof(upper), (void *)inode + bpf_core_type_size(struct inode));
		flags |= upper ? EXE_UPPER_LAYER : EXE_LOWER_LAYER;
	}
	struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry);
	/* mm/memfd.c: on the kernel's own tmpfs, in no directory and without a link */
	if (magic == TMPFS_MAGIC && BPF_CORE_READ(inode, i_nlink) == 0 && BPF_CORE_READ(dentry, d_parent) == dentry)
		flags |= EXE_FROM_MEMFD;
	return flags;
}

static __always_inline void exec__executable(struct build *b, struct ev_exec *ev, struct task_struct *task)
{
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);

	if (!exe)
		return;
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	ev->exe_ino = BPF_CORE_READ(inode, i_ino);
	ev->exe_dev = dev__encode(BPF_CORE_READ(inode, i_sb, s_dev));
	ev->exe_ino_ctime = inode__ctime_ns(inode);
	ev->exe_ino_mtime = inode__mtime_ns(inode);
	ev->flags = exe__flags(exe, inode, BPF_CORE_READ(task, cred));
	record__path(b, &ev->exepath, BPF_CORE_READ(task, fs), &exe->f_path);
}

static __always_inline __u32 task__tty(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	if (!tty)
		return 0;
	__u32 major = BPF_CORE_READ(tty, driver, major);
	__u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	return dev__encode(major << 20 | minor);
}

static __always_inline void exec__identity(struct build *b, struct ev_exec *ev, struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent, group_leader);
	const struct cred *cred = BPF_CORE_READ(task, cred);
	struct nsproxy *ns = BPF_CORE_READ(task, nsproxy);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	struct pid *tid = BPF_CORE_READ(task, thread_pid);
	unsigned int level = BPF_CORE_READ(tid, level);
	struct pid *pids[4];

	bpf_probe_read_kernel(pids, sizeof(pids), &signal->pids);
	ev->ptid = BPF_CORE_READ(parent, tgid);
	ev->parent_start_ns = BPF_CORE_READ(parent, start_boottime);
	bpf_probe_read_kernel(&ev->cap_inheritable, 8, &cred->cap_inheritable);
	bpf_probe_read_kernel(&ev->cap_permitted, 8, &cred->cap_permitted);
	bpf_probe_read_kernel(&ev->cap_effective, 8, &cred->cap_effective);
	ev->tty = task__tty(task);
	ev->loginuid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : (__u32)-1;
	ev->sid = pid__nr(pids[PIDTYPE_SID], 0);
	ev->pgid = pid__nr(pids[PIDTYPE_PGID], 0);
	ev->vsid = pid__nr(pids[PIDTYPE_SID], level);
	ev->vpgid = pid__nr(pids[PIDTYPE_PGID], level);
	ev->vpid = pid__nr(pid, level);
	ev->vtid = pid__nr(tid, level);
	ev->net_ns = BPF_CORE_READ(ns, net_ns, ns.inum);
	ev->uts_ns = BPF_CORE_READ(ns, uts_ns, ns.inum);
	ev->ipc_ns = BPF_CORE_READ(ns, ipc_ns, ns.inum);
	ev->cgroup_ns = BPF_CORE_READ(ns, cgroup_ns, ns.inum);
	ev->user_ns = BPF_CORE_READ(cred, user_ns, ns.inum);
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	if (fs)
		record__path(b, &ev->cwd, fs, &fs->pwd);
}

/* argv of the image that runs now: its pages were written a moment ago and are there. */
static __always_inline void exec__argv(struct build *b, struct ev_exec *ev, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long end = BPF_CORE_READ(task, mm, arg_end);
	__u64 size = end > start ? end - start : 0;

	ev->argv_size = size;
	if (!size)
		return;
	void *to = tail__room(b, TIERCEL_ARGV_WHOLE_MAX);
	if (!to)
		return;
	long err;
	__u32 len;
	if (size <= TIERCEL_ARGV_WHOLE_MAX) {
		len = size;
		err = bpf_probe_read_user(to, len, (void *)start);
	} else {
		len = TIERCEL_ARGV_WHOLE_MAX;
		ev->head.flags |= EVF_TEXT_CUT;
		err = bpf_probe_read_user(to, TIERCEL_ARGV_HEAD, (void *)start);
		err |= bpf_probe_read_user(to + TIERCEL_ARGV_HEAD, TIERCEL_ARGV_TAIL, (void *)(end - TIERCEL_ARGV_TAIL));
	}
	if (err)
		ev->head.flags |= EVF_TEXT_FAULT;
	else
		tail__took(b, &ev->argv, len);
}

static __always_inline void exec__env(struct build *b, struct ev_exec *ev, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, env_start);
	unsigned long end = BPF_CORE_READ(task, mm, env_end);
	__u64 size = end > start ? end - start : 0;

	ev->env_size = size;
	if (!want_env || !size)
		return;
	void *to = tail__room(b, SCRATCH_CHUNK);
	if (!to)
		return;
	__u32 len = size < SCRATCH_CHUNK ? size : SCRATCH_CHUNK;
	if (size > SCRATCH_CHUNK)
		ev->head.flags |= EVF_TEXT_CUT;
	if (bpf_probe_read_user(to, len, (void *)start) == 0)
		tail__took(b, &ev->env, len);
}

static __always_inline void exec__clear(struct ev_exec *ev)
{
	__builtin_memset((void *)ev + sizeof(ev->head), 0, sizeof(*ev) - sizeof(ev->head));
}

/* match-proto:v5.11:include/trace/events/sched.h sched_process_exec(p, old_pid, bprm) */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process__exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	/* On x86 a program that execveat() started is told as execve, as Falco's sensor does: the kernel itself has set
	 * orig_ax to execve by now (arch/x86/kernel/process_64.c, set_personality_64bit). */
	__u16 type = SYS_NR(task__regs(bpf_get_current_task_btf())) == NR_execveat ? EVT_execveat : EVT_execve;
	struct build b;

	if (!record__begin(&b, task, type, sizeof(struct ev_exec)))
		return 0;
	struct ev_exec *ev = (void *)b.head;
	exec__clear(ev);
	exec__argv(&b, ev, task);
	exec__identity(&b, ev, task);
	exec__executable(&b, ev, task);
	record__kernel_str(&b, &ev->filename, BPF_CORE_READ(bprm, filename));
	exec__env(&b, ev, task);
	record__send(&b, &ring_vital);
	scratch__put(&b);
	return 0;
}

#define FAILED_ARGS_MAX 32
#define FAILED_ARG_LEN 512

/* argv of a call that did not succeed: still in the caller's memory, pointer by pointer. */
static __always_inline void exec__user_argv(struct build *b, struct ev_exec *ev, unsigned long argv)
{
	__u32 begin = b->s->pos;

	for (int i = 0; i < FAILED_ARGS_MAX; i++) {
		unsigned long arg = 0;
		void *to = tail__room(b, FAILED_ARG_LEN);
		if (!to || bpf_probe_read_user(&arg, sizeof(arg), (void *)(argv + i * sizeof(arg))) || !arg)
			break;
		long n = bpf_probe_read_user_str(to, FAILED_ARG_LEN, (void *)arg);
		if (n < 0) {
			ev->head.flags |= EVF_TEXT_FAULT;
			break;
		}
		if (n == FAILED_ARG_LEN)
			ev->head.flags |= EVF_TEXT_CUT;
		b->s->pos += n & (2 * FAILED_ARG_LEN - 1);
	}
	__u32 end = b->s->pos;
	if (end > begin && end <= TIERCEL_RECORD_MAX) {
		ev->argv.off = begin;
		ev->argv.len = end - begin;
		ev->argv_size = end - begin;
	}
}

static __always_inline int exec__failed(__u16 type, long ret, unsigned long filename, unsigned long argv)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (ret >= 0) /* the tracepoint above has told of it */
		return 0;
	if (!record__begin(&b, task, type, sizeof(struct ev_exec)))
		return 0;
	struct ev_exec *ev = (void *)b.head;
	exec__clear(ev);
	ev->res = ret;
	exec__identity(&b, ev, task);
	exec__executable(&b, ev, task); /* the caller's own: a failed call changes nothing */
	record__user_str(&b, &ev->filename, (void *)filename);
	exec__user_argv(&b, ev, argv);
	record__send(&b, &ring_vital);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__execve(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return exec__failed(EVT_execve, ctx->ret, SYS_ARG0(regs), SYS_ARG1(regs));
}

SEC("tp")
int sys_exit__execveat(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return exec__failed(EVT_execveat, ctx->ret, SYS_ARG1(regs), SYS_ARG2(regs));
}

#define SIGNAL_GROUP_EXIT 0x04 /* include/linux/sched/signal.h */

/* Who takes the children: kernel/exit.c, find_new_reaper(). */
static __always_inline struct task_struct *exit__reaper(struct task_struct *task)
{
	struct task_struct *up = BPF_CORE_READ(task, real_parent, group_leader);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *ns = pid__ns(pid);
	struct task_struct *init = BPF_CORE_READ(ns, child_reaper);

	for (int i = 0; i < 16 && up && up != init; i++) {
		struct signal_struct *signal = BPF_CORE_READ(up, signal);
		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
			return up;
		up = BPF_CORE_READ(up, real_parent, group_leader);
	}
	return init;
}

/* match-proto:v5.11:include/trace/events/sched.h sched_process_exit(p); v6.16 added group_dead */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process__exit, struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct build b;

	if (BPF_CORE_READ(signal, live.counter) != 0)
		return 0;
	if (!record__begin(&b, task, EVT_procexit, sizeof(struct ev_exit)))
		return 0;
	struct ev_exit *ev = (void *)b.head;
	int code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(signal, group_exit_code) :
								      BPF_CORE_READ(task, exit_code);
	struct task_struct *reaper = exit__reaper(task);
	ev->status = code;
	ev->ret = code >> 8 & 0xff;
	ev->sig = code & 0x7f;
	ev->core = code >> 7 & 1;
	ev->reaper_tid = BPF_CORE_READ(reaper, tgid);
	ev->reaper_start_ns = BPF_CORE_READ(reaper, group_leader, start_boottime);
	record__send(&b, &ring_vital);
	scratch__put(&b);
	return 0;
}

/* Every process that is there, in the form of an exec record; argv is added in user space from /proc. */
SEC("iter/task")
int process__snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct build b;

	if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid))
		return 0;
	__u64 cgroup_id = cgroup__announce(task);
	if (!scratch__get(&b, EVT_task, sizeof(struct ev_exec)))
		return 0;
	struct ev_exec *ev = (void *)b.head;
	exec__clear(ev);
	head__fill(&ev->head, task, cgroup_id);
	ev->head.flags |= EVF_SNAPSHOT;
	exec__identity(&b, ev, task);
	exec__executable(&b, ev, task);
	__u32 size = b.s->pos;
	if (size <= TIERCEL_RECORD_MAX) {
		ev->head.size = (size + 7) & ~7u; /* keeps the stream aligned */
		if (ev->head.size <= TIERCEL_RECORD_MAX)
			bpf_seq_write(ctx->meta->seq, ev, ev->head.size);
	}
	scratch__put(&b);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
