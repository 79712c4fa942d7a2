// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Where BPF LSM is active: who may not end, stop or trace the agent, nor reach into its maps and hooks. An object of its
 * own, loaded only where that is asked for. See agent/sensor/guard.h.
 */
#include "include/compat.h"

/* What vmlinux.h leaves out. */
typedef unsigned int fmode_t;
struct kernel_siginfo;
struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));
union bpf_attr {
	__u32 link_id; /* of BPF_LINK_GET_FD_BY_ID: the first number of all */
};
#define BPF_LINK_GET_FD_BY_ID 30

#define EPERM 1
#define PID_OF_INIT 1
#define PTRACE_MODE_ATTACH 2
#define SIGHUP 1
#define SIGUSR1 10
#define SIGCONT 18

/* A process by pid in the root namespace and when it began: nobody else is it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} guarded SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} own_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} own_links SEC(".maps");

__u64 denied_kills = 0, denied_traces = 0, denied_bpf = 0;

static __always_inline bool is_guarded(struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, tgid);
	__u64 *start_ns = bpf_map_lookup_elem(&guarded, &pid);

	return start_ns && *start_ns == BPF_CORE_READ(task, group_leader, start_boottime);
}

static __always_inline bool may_touch(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, tgid) == PID_OF_INIT || is_guarded(task);
}

/* Signals that end nothing and stop nothing go through: a reload, the opening of files, going on. */
SEC("lsm/task_kill")
int BPF_PROG(guard__kill, struct task_struct *task, struct kernel_siginfo *info, int number, const struct cred *cred, int ret)
{
	if (ret != 0)
		return ret;
	if (number == 0 || number == SIGHUP || number == SIGUSR1 || number == SIGCONT)
		return 0;
	if (!is_guarded(task) || may_touch())
		return 0;
	__sync_fetch_and_add(&denied_kills, 1);
	return -EPERM;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(guard__trace, struct task_struct *child, unsigned int mode, int ret)
{
	if (ret != 0)
		return ret;
	if (!(mode & PTRACE_MODE_ATTACH) || !is_guarded(child) || may_touch())
		return 0;
	__sync_fetch_and_add(&denied_traces, 1);
	return -EPERM;
}

/* Called when somebody asks for a descriptor of a map, by its id as by its path. */
SEC("lsm/bpf_map")
int BPF_PROG(guard__map, struct bpf_map *map, fmode_t mode, int ret)
{
	__u32 id = BPF_CORE_READ(map, id);

	if (ret != 0)
		return ret;
	if (!bpf_map_lookup_elem(&own_maps, &id) || may_touch())
		return 0;
	__sync_fetch_and_add(&denied_bpf, 1);
	return -EPERM;
}

/* A link is reached by its id with this command alone; what is done to it then needs the descriptor. */
SEC("lsm/bpf")
int BPF_PROG(guard__bpf, int command, union bpf_attr *attr, unsigned int size)
{
	__u32 id = 0;

	if (command != BPF_LINK_GET_FD_BY_ID)
		return 0;
	bpf_probe_read_kernel(&id, sizeof(id), attr);
	if (!bpf_map_lookup_elem(&own_links, &id) || may_touch())
		return 0;
	__sync_fetch_and_add(&denied_bpf, 1);
	return -EPERM;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
