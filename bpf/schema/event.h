/*
 * The structs that cross from the kernel to user space, expanded from events.def for both sides.
 * C for BPF and C++; fixed-width types only. A record is: ev_head, the fixed fields, then a tail with the texts,
 * each found by a `struct text` (offset from the start of the record, length; no terminating NUL).
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#include "limits.h"

struct text {
	__u16 off;
	__u16 len;
};

/* ev_head.flags */
#define EVF_TEXT_CUT 0x0001       /* some text did not fit: see the record's lengths */
#define EVF_PATH_UNCERTAIN 0x0002 /* the descriptor table is shared or the call failed: the path may have been swapped */
#define EVF_SNAPSHOT 0x0004       /* from the task iterator, not from a hook */
#define EVF_COMPAT 0x0008         /* a 32-bit system call */
#define EVF_THREAD 0x0010         /* made by a thread that is not the group's leader */
#define EVF_TEXT_FAULT 0x0020     /* some user memory was not readable */
#define EVF_PATH_CUT 0x0040       /* a kernel path had more components or bytes than fit */

/* Who did it, at the time of the event. 88 bytes. */
struct ev_head {
	__u64 time_ns;   /* bpf_ktime_get_boot_ns(): CLOCK_BOOTTIME */
	__u64 start_ns;  /* group leader's start_boottime: with pid, the identity of the process */
	__u64 cgroup_id; /* see task.h: hierarchy id << 48 | kernfs id */
	__u32 size;      /* of the whole record */
	__u16 type;      /* enum ev_type */
	__u16 flags;     /* EVF_* */
	__u32 pid;       /* thread group id in the root pid namespace */
	__u32 tid;
	__u32 exec_id;   /* task_struct.self_exec_id: which image of the process this is */
	__u32 uid, euid, gid, egid;
	__u32 mnt_ns;    /* inode numbers of namespaces */
	__u32 pid_ns;
	__u16 cpu;
	__u16 pad;
	char comm[TIERCEL_COMM_LEN];
};

#define RECORD_BEGIN(record, ring, doc) struct ev_##record { struct ev_head head;
#define FIELD(record, ctype, name, kind, doc) ctype name;
#define ARRAY(record, ctype, name, count, kind, doc) ctype name[count];
#define TEXT(record, name, kind, doc) struct text name;
#define PAD(record, ctype, name) ctype name;
#define RECORD_END(record) };
#include "events.def"

enum ev_type {
	EVT_NONE = 0,
#define EVENT(name, record, category, flags, params) EVT_##name,
#include "events.def"
	EVT_COUNT
};
