// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes: creation, programs, end, and a snapshot of those that were there before us.
 * BTF tracepoints (include/trace/events/sched.h) cost nothing to calls that do not create, exec or exit.
 */
#include "../include/kill.h"
#include "../include/push_program.h"
#include "../include/sock.h"

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

	if (SYS_NR(regs) == NR_clone) /* not a 32-bit program's, whose numbers and registers are others */
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

	if (!thread)
		push__inherit(parent, child);

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
	ev->res = pid__nr(pid, BPF_CORE_READ(parent, thread_pid, level)); /* what the parent gets to see */
	ev->child_vpid = pid__nr(leader_pid, BPF_CORE_READ(leader_pid, level));
	ev->child_vtid = pid__nr(pid, BPF_CORE_READ(pid, level));
	ev->child_exec_id = BPF_CORE_READ(child, self_exec_id);
	struct pid_namespace *pid_ns = pid__ns(pid);
	ev->child_pid_ns = BPF_CORE_READ(pid_ns, ns.inum);
	usage__fill((struct usage_part *)&ev->fdlimit, child);
	record__send(&b, RING_OF_clone);
	scratch__put(&b);
	return 0;
}

static __always_inline int fork__failed(__u16 type, long ret)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct build b;

	if (ret >= 0) /* the tracepoint above has told of it */
		return 0;
	if (!record__begin(&b, task, type, sizeof(struct ev_fork)))
		return 0;
	struct ev_fork *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	ev->res = ret;
	ev->flags = fork__flags(type);
	usage__fill((struct usage_part *)&ev->fdlimit, task);
	record__send(&b, RING_OF_clone);
	scratch__put(&b);
	return 0;
}

#define FORK_FAILED(call)                                         \
	SEC("tp") int sys_exit__##call(struct sys_exit_ctx *ctx)  \
	{                                                         \
		return fork__failed(EVT_##call, call__result(ctx));        \
	}

FORK_FAILED(clone)
FORK_FAILED(clone3)
FORK_FAILED(fork)
FORK_FAILED(vfork)

#define SB_RDONLY 1
#define MNT_READONLY 0x40
#define S_IMMUTABLE 8
#define CAP_DAC_OVERRIDE 1

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

	__u32 layer = inode__layer(inode, magic);
	if (layer)
		flags |= layer == FDF_UPPER_LAYER ? EXE_UPPER_LAYER : EXE_LOWER_LAYER;
	struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry);
	/* mm/memfd.c: on the kernel's own tmpfs, in no directory and without a link */
	if (magic == TMPFS_MAGIC && BPF_CORE_READ(inode, i_nlink) == 0 && BPF_CORE_READ(dentry, d_parent) == dentry)
		flags |= EXE_FROM_MEMFD;
	if (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry)
		flags |= EXE_DELETED;
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
	ev->tty = task__tty(task);
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
	usage__fill((struct usage_part *)&ev->fdlimit, task);
}

static __always_inline void exec__stdio_of(struct build *b, struct stdio_part *part, struct task_struct *task, __s64 fd)
{
	struct file *file = file__of_fd(task, fd);
	struct sock *sk = sock__of_file(file);

	if (!file)
		return;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	part->any_ino = BPF_CORE_READ(inode, i_ino);
	part->any_mode = BPF_CORE_READ(inode, i_mode);
	part->any_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (!sk) {
		record__path(b, &part->any_name, BPF_CORE_READ(task, fs), &file->f_path);
		return;
	}
	struct sock_part sock = {};
	struct sock_past *past = bpf_map_lookup_elem(&sock_pasts, &part->any_ino);
	part->any_family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (past)
		part->any_flags = past->flags;
	if (part->any_family == AF_INET || part->any_family == AF_INET6) {
		sock.family = part->any_family;
		sock.socktype = BPF_CORE_READ(sk, sk_type);
		sock__fill_inet(&sock, sk);
		part->any_lport = sock.lport;
		part->any_rport = sock.rport;
		__builtin_memcpy(part->any_laddr, sock.laddr, 16);
		__builtin_memcpy(part->any_raddr, sock.raddr, 16);
	} else if (part->any_family == AF_UNIX) {
		struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		part->any_source = (__u64)sk;
		part->any_peer = (__u64)peer;
		sock__unix_path(b, &part->any_name, sk);
		if (!part->any_name.len && peer)
			sock__unix_path(b, &part->any_name, peer);
	}
}

static __always_inline void exec__stdio(struct build *b, struct ev_exec *ev, struct task_struct *task)
{
	if (!want_stdio)
		return;
	exec__stdio_of(b, (struct stdio_part *)&ev->stdin_ino, task, 0);
	exec__stdio_of(b, (struct stdio_part *)&ev->stdout_ino, task, 1);
	exec__stdio_of(b, (struct stdio_part *)&ev->stderr_ino, task, 2);
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

/* "controller=path", NUL separated, for every hierarchy that has one (at v2 all have the same path). */
static __always_inline void exec__cgroups(struct build *b, struct ev_exec *ev, struct task_struct *task)
{
	if (!want_cgroups)
		return;
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	__u32 begin = b->s->pos;
	for (int i = 0; i < CONTROLLERS_MAX; i++) {
		struct cgroup_subsys_state *css = 0;
		bpf_probe_read_kernel(&css, sizeof(css), &set->subsys[i]);
		if (!css)
			continue;
		cgroup__named_path(b, BPF_CORE_READ(css, ss, name), BPF_CORE_READ(css, cgroup));
	}
	__u32 end = b->s->pos;
	if (end > begin && end <= TIERCEL_RECORD_MAX) {
		ev->cgroups.off = begin;
		ev->cgroups.len = end - begin;
	}
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
	RECORD_CLEAR(ev);
	exec__argv(&b, ev, task);
	exec__identity(&b, ev, task);
	exec__executable(&b, ev, task);
	record__kernel_str(&b, &ev->filename, BPF_CORE_READ(bprm, filename));
	if (BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename))
		record__kernel_str(&b, &ev->interp, BPF_CORE_READ(bprm, interp));
	exec__stdio(&b, ev, task);
	exec__cgroups(&b, ev, task);
	exec__env(&b, ev, task);
	if (record__send(&b, RING_OF_execve)) { /* on the record's own bytes, and only once they are told */
		if (want_verdicts)
			kill__consider(b.s, b.w);
		push__started(b.s, b.w);
	}
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
	RECORD_CLEAR(ev);
	ev->res = ret;
	exec__identity(&b, ev, task);
	exec__executable(&b, ev, task); /* the caller's own: a failed call changes nothing */
	record__user_str(&b, &ev->filename, (void *)filename);
	exec__user_argv(&b, ev, argv);
	record__send(&b, RING_OF_execve);
	scratch__put(&b);
	return 0;
}

SEC("tp")
int sys_exit__execve(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return exec__failed(EVT_execve, call__result(ctx), SYS_ARG0(regs), SYS_ARG1(regs));
}

SEC("tp")
int sys_exit__execveat(struct sys_exit_ctx *ctx)
{
	struct pt_regs *regs = task__regs(bpf_get_current_task_btf());
	return exec__failed(EVT_execveat, call__result(ctx), SYS_ARG1(regs), SYS_ARG2(regs));
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
	record__send(&b, RING_OF_procexit);
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
	if (!scratch__get(&b, EVT_task, sizeof(struct ev_exec), cgroup_id))
		return 0;
	struct ev_exec *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	head__fill(&ev->head, task, cgroup_id);
	ev->head.flags |= EVF_SNAPSHOT;
	exec__identity(&b, ev, task);
	exec__executable(&b, ev, task);
	exec__stdio(&b, ev, task);
	exec__cgroups(&b, ev, task);
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
