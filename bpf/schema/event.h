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

#include "hook.h"
#include "limits.h"

struct text {
	__u16 off;
	__u16 len;
};

/* ev_head.flags */
#define EVF_TEXT_CUT 0x0001       /* some text did not fit: see the record's lengths */
#define EVF_PATH_UNCERTAIN 0x0002 /* descriptors or memory are shared, or an open failed: the path may have been swapped */
#define EVF_SNAPSHOT 0x0004       /* from the task iterator, not from a hook */
#define EVF_COMPAT 0x0008         /* a 32-bit system call */
#define EVF_THREAD 0x0010         /* made by a thread that is not the group's leader */
#define EVF_TEXT_FAULT 0x0020     /* some user memory was not readable */
#define EVF_PATH_CUT 0x0040       /* a kernel path had more components or bytes than fit */
#define EVF_ARG_CHANGED 0x0080    /* the caller's memory no longer held what the kernel had worked with */
#define EVF_IO_URING 0x0100       /* an operation of an io_uring: told as the call that it stands for */
#define EVF_RES_UNKNOWN 0x0200    /* told before it was done: the result is made up, as if it had worked */
#define EVF_FD_DIRECT 0x0400      /* the descriptor is a place in the ring's own table, not in the process's */

/* Who did it, at the time of the event. 120 bytes. */
struct ev_head {
	__u64 time_ns;   /* bpf_ktime_get_boot_ns(): CLOCK_BOOTTIME */
	__u64 start_ns;  /* group leader's start_boottime: with pid, the identity of the process */
	__u64 cgroup_id; /* see task.h: hierarchy id << 48 | kernfs id */
	__u64 cap_inheritable, cap_permitted, cap_effective;
	__u32 size;      /* of the whole record */
	__u16 type;      /* enum ev_type */
	__u16 flags;     /* EVF_* */
	__u32 pid;       /* thread group id in the root pid namespace */
	__u32 tid;
	__u32 exec_id;   /* task_struct.self_exec_id: which image of the process this is */
	__u32 uid, euid, gid, egid;
	__u32 mnt_ns;    /* inode numbers of namespaces */
	__u32 pid_ns;
	__u32 loginuid;  /* audit login uid, 4294967295 if unset */
	__u32 nthreads;  /* threads of the process */
	__u16 cpu;
	__u16 pad;
	char comm[TIERCEL_COMM_LEN];
};

/* file_part.fd_flags */
#define FDF_UPPER_LAYER 1 /* of an overlay */
#define FDF_LOWER_LAYER 2
#define FDF_DELETED 4 /* no longer in its folder */
#define FDF_FILE 8    /* there is a file: the part means something */
#define FDF_NAMELESS 16 /* it never was in a folder: realpath is the kernel's name for it */

/* ev_exec.flags, with Falco's numbers */
#define EXE_WRITABLE 1
#define EXE_UPPER_LAYER 2
#define EXE_FROM_MEMFD 4
#define EXE_LOWER_LAYER 8
#define EXE_DELETED 16 /* ours: in no folder any more */

/* sock_part.sk_flags */
#define SKF_CLIENT 1 /* this process connected, or sent first */
#define SKF_SERVER 2 /* it accepted, or received first */
#define SKF_NAME_CHANGED 4 /* this event changed what the two ends are */

#define FIELD(record, ctype, name, kind, doc) ctype name;
#define ARRAY(record, ctype, name, count, kind, doc) ctype name[count];
#define TEXT(record, name, kind, doc) struct text name;
#define PAD(record, ctype, name) ctype name;
#include "parts.h"
struct file_part {
	FILE_PART(file)
};
struct sock_part {
	SOCK_PART(sock)
};
struct addr_part {
	ADDR_PART(addr)
};
struct args_part {
	ARGS_PART(args)
};
struct usage_part {
	USAGE_PART(usage)
};
struct stdio_part {
	STDIO_PART(any, any)
};
#include "parts.h"
#undef FIELD
#undef ARRAY
#undef TEXT
#undef PAD

#define RECORD_BEGIN(record, doc) struct ev_##record { struct ev_head head;
#define FIELD(record, ctype, name, kind, doc) ctype name;
#define ARRAY(record, ctype, name, count, kind, doc) ctype name[count];
#define TEXT(record, name, kind, doc) struct text name;
#define PAD(record, ctype, name) ctype name;
#define RECORD_END(record) };
#include "events.def"

enum ev_type {
	EVT_NONE = 0,
#define EVENT(name, record, ring, category, flags, hook, params) EVT_##name,
#include "events.def"
	EVT_COUNT
};

enum ev_ring { RING_BULK, RING_VITAL };

/* The running kernel's numbers of flags of an io_uring's request (REQ_F_*), which kernels count differently. */
enum uring_flag {
	URF_CREDS,      /* it has credentials of its own */
	URF_ASYNC_DATA, /* it has more copies of arguments, at async_data */
	URF_MULTISHOT,  /* it completes again and again */
	URF_COUNT,
};
/* RING_OF_open and so on. */
enum ev_ring_of {
#define EVENT(name, record, ring, category, flags, hook, params) RING_OF_##name = RING_##ring,
#include "events.def"
};
