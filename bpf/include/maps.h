/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps and constants that all programs share. User space sets sizes and rodata before it loads them. */
#pragma once

#include "compat.h"
#include "../schema/budget.h"
#include "../schema/condition.h"
#include "../schema/event.h"
#include "../schema/push.h"

/* Set by the loader (agent/sensor/bpf_source.cpp). */
extern const volatile int cgroup_subsys; /* index of the v1 controller that tells containers apart, -1: cgroup v2 */
extern const volatile __u32 page_kib;    /* size of a page */
extern const volatile bool inner_hooks;       /* inner.h: hooks within calls keep what the kernel works with */
extern const volatile bool inner_by_kprobe;   /* these are kprobes, not fentry and fexit programs */
#define INNER_CALLS 512
extern volatile __u8 inner_wanted[INNER_CALLS]; /* by number of the call: an event of it is told, and reads what is kept */

/* What the rules ask for. Not constants: user space sets them anew when rules are reloaded. */
extern volatile bool muted; /* the agent ends: nothing more is told, while hooks are taken away */
extern volatile bool want_threads; /* clone events of threads */
extern volatile bool want_env;     /* the environment */
extern volatile bool want_cgroups; /* the paths of all controllers */
extern volatile bool want_stdio;   /* what descriptors 0, 1 and 2 are when a program starts */
extern volatile bool want_verdicts; /* responses that the kernel carries out itself (kill.h) */
extern volatile bool want_roles;   /* who began with a socket, beyond connect and accept themselves */
extern volatile __u8 told[EVT_COUNT]; /* 0: the hook is there for the state that it keeps; rules do not ask for it */

/*
 * 1 while the reader sleeps without a timeout. A reader that is awake looks at the rings every millisecond, and waking it
 * for each record would cost more than the record: two context switches on every open.
 */
extern volatile __u32 reader_idle;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring_vital __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring_bulk __weak SEC(".maps");

/* What happened to records, per event type: user space adds up the CPUs. */
struct count {
	__u64 sent;
	__u64 lost_ring;    /* the ring buffer was full */
	__u64 lost_scratch; /* no scratch slot: programs nested deeper than there are slots */
	__u64 held_back;    /* its cgroup's budget was used up (budget.h) */
	__u64 filtered;	    /* no rule needs it (push.h): not lost, and not sent */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVT_COUNT);
	__type(key, __u32);
	__type(value, struct count);
} counts __weak SEC(".maps");

/* Losses by cgroup and event type, and what budgets held back (LOST_HELD_BACK); cgroup 0 stands for all that found no place. User space fills those rows in. */
#define LOST_ROWS 8192
struct lost_key {
	__u64 cgroup_id;
	__u64 type;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LOST_ROWS);
	__type(key, struct lost_key);
	__type(value, __u64);
} lost_by_cgroup __weak SEC(".maps");

/* An end of a connection, as ranges of push.h see it. family 0: not known. */
struct push_end {
	__u64 address[2];
	__u16 family, port;
	__u32 pad;
};

/* push.h: how far the automaton is in a text, and what it has found so far. */
#define PUSH_DEPTH_MAX 32
struct push_state {
	__u64 facts[PUSH_WORDS];
	__u32 at, end;	  /* of the text, or of the clauses */
	__u32 state;
	__u32 depth, len; /* of folders so far, and of the name that is being read */
	__u32 dots;	  /* that name is dots so far */
	__u32 odd;	  /* the text is not as it will be cleaned */
	__u32 unknown;	  /* anything may be so */
	__u32 wanted;	  /* some rule may be satisfied */
	__u32 name;	  /* what the scan's last name is so far */
	__u32 base, base_end;	 /* in the record, what a relative path is relative to; 0: it is in the walk's buffer */
	__u32 uid;
	__u32 in_range;		 /* the test's ranges so far have one of the values */
	__u32 sides[16];	 /* by push_side: which of the ends */
	struct push_end ends[2]; /* local, remote */
	__u16 folders[PUSH_DEPTH_MAX]; /* the state behind each folder's slash */
	__u16 names[PUSH_DEPTH_MAX];   /* ... and before it */
};

/* push_program.h: whose program was asked about last. */
struct push_last {
	__u64 start_ns, exec_id;
	__u32 pid, generation;
	__u64 facts[PUSH_WORDS];
};

/* uring.h: what is kept of a request beside its record. */
struct uring_meta {
	__u64 ctx, user_data;
	__u64 buf;       /* where what is read goes */
	__u64 dir, dir2; /* what paths were relative to: compared at the completion */
	__u32 size;      /* of the record */
	__u32 slot;
	__u16 type; /* enum ev_type */
	__u8 opcode;
	__u8 bits; /* URM_* */
	__u32 pad;
};

/* uring_end.h: what came of it. */
struct uring_end {
	struct io_kiocb *req; /* NULL: it is not known */
	__s64 res;
	bool known; /* false: told at the submission */
	bool own;   /* the current task is of the process */
};

/* Where a path is put together from its end; 256 more bytes let the verifier see that a component always fits. */
struct walk {
	__u64 dentry, mnt, root_dentry, root_mnt;
	__u64 mnt_root;
	__u64 seen[8]; /* of a dentry */
	__u32 pos;
	__u32 cut;      /* more components or bytes than fit */
	__u32 nameless; /* in no directory */
	__u32 pad;
	char buf[TIERCEL_PATH_MAX + 256];
	struct cond_facts facts; /* verdict.h */
	struct cond_key key;
	struct push_state push;
	struct push_last last;
	struct uring_meta uring; /* of the request that ends: not on the stack, of which calls below need the most */
	struct uring_end ended;
};

/* Scratch to build a record in. Programs may be preempted or nest, so each CPU has a few. */
#define SCRATCH_SLOTS 3
#define SCRATCH_CHUNK TIERCEL_PATH_MAX
struct scratch {
	__u32 busy;
	__u32 pos; /* where the tail ends */
	__u8 rec[TIERCEL_RECORD_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches __weak SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct walk);
} walks __weak SEC(".maps");

/* Cgroups that user space was told of. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} cgroups_seen __weak SEC(".maps");
