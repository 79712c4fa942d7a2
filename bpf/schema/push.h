/*
 * What the rules need of an event, as the kernel can say it at the hook: an event of which that does not hold can match no rule, and no
 * record of it is built (docs/push-down.md). Made by agent/rule/push_down.h, handed over by agent/sensor/push_sets.h, judged by
 * bpf/include/push.h.
 *
 * An event is a set of bits, "facts". A rule is a list of clauses, each a set of bits of which the event must have one. Facts
 * may be there without being so, and are never missing where they are so: that is what makes it a necessary condition. Texts are
 * run through one automaton (Aho and Corasick, CACM 18(6), 1975) for all pieces that rules need somewhere in a path.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#include "limits.h"

#define PUSH_WORDS 4 /* of facts */
#define PUSH_BITS (PUSH_WORDS * 64)
#define PUSH_CLAUSES_MAX 1024
#define PUSH_STATES_MAX 8192
#define PUSH_CLASSES_MAX 64 /* of bytes: those that no piece has are one class */
#define PUSH_OUTS_MAX 1024
#define PUSH_TYPES_MAX 64
#define PUSH_RANGES_MAX 256
#define PUSH_RANGES_STEP 8 /* looked at in one go, since a call for each would cost more than to look */

/* Of class_of: which of the bytes that paths are made of it is. */
#define PUSH_DOT 0x40
#define PUSH_SLASH 0x80
/* Of next: that state has a row of outs. */
#define PUSH_FINDS 0x8000

/* Where a text begins and ends, as classes of their own: so one automaton serves paths of opens, the program's path, its name. */
#define PUSH_BEGIN 1
#define PUSH_END 2
#define PUSH_BEGIN_EXE 3
#define PUSH_BEGIN_NAME 4

/* Facts that no text gives. Each is there if it may be so. */
enum push_fact {
	PF_SUCCEEDED,
	PF_FAILED,
	PF_READS, /* opened for reading */
	PF_READS_NOT,
	PF_WRITES,
	PF_WRITES_NOT,
	PF_MAKES_EXECUTABLE,
	PF_MAKES_EXECUTABLE_NOT,
	PF_CREATES,
	PF_CREATES_NOT,
	PF_TRUNCATES,
	PF_TRUNCATES_NOT,
	PF_ROOT, /* effective uid 0 */
	PF_ROOT_NOT,
	PF_SOCK_IP, /* the socket's family: IPv4 or IPv6 */
	PF_SOCK_UNIX,
	PF_SOCK_TCP,
	PF_SOCK_UDP,
	PF_SOCK_RAW,
	PF_IN_PROGRESS, /* of sockets: EINPROGRESS, which is failed too */
	PF_DUPLICATES, /* fcntl() doubles a descriptor */
	PF_DUPLICATES_NOT,
	PF_RANGES = 24,	  /* from here on: numbers and addresses of rules (struct push_range) */
	PF_TEXTS = 64,	  /* ... the pieces of texts */
	PF_PROGRAM = 192, /* ... of the program's path and name */
};

/* What a range is about. */
enum push_side {
	PUSH_USER,   /* the effective uid */
	PUSH_LOCAL,  /* an end of a connection */
	PUSH_REMOTE,
	PUSH_CLIENT,
	PUSH_SERVER,
	PUSH_EITHER,
	PUSH_DOMAIN, /* socket()'s first argument, and its third */
	PUSH_PROTOCOL,
	PUSH_RESULT, /* of a call that doubles a descriptor: its number, where it did */
};

/*
 * Numbers, or addresses of a network. Those of one test follow each other, and at the last of them facts come about: `in`, if a value lies in
 * one; `out`, if one lies in none, or is not known. 0: nobody asks.
 */
struct push_range {
	__u64 address[2], mask[2]; /* in the order of bytes that they have on the wire; IPv4 in the first four bytes */
	__u32 low, high;	   /* of a port or a uid */
	__u16 family;		   /* AF_INET or AF_INET6; 0: numbers */
	__u16 in, out;
	__u8 side;
	__u8 last; /* of its test */
};

/* One of these bits; if there is none, the rule at `next` has its turn. */
struct push_clause {
	__u64 any_of[PUSH_WORDS];
	__u16 next;
	__u16 last; /* of its rule: the event is wanted */
	__u32 pad;
};

struct push_type {
	__u64 some_of[PUSH_WORDS]; /* no rule is satisfied without one of these */
	__u16 first, end;	   /* of its clauses */
	__u32 pad;
};

struct push_out {
	__u64 facts[PUSH_WORDS];
};

/* What is known of a program that runs: kept with its process (push_program.h), by the kernel as it starts; by user space for those that had
 * started before the set was in force (agent/sensor/push_programs.h). */
struct push_program {
	__u64 facts[PUSH_WORDS];
	__u64 start_ns;	  /* of the process */
	__u32 generation; /* of the set */
	__u32 exec_id;	  /* of the program: task storage is refused now and then, and may be of the one before */
};

/* All that is in force, swapped whole. */
struct push_set {
	__u8 type_of[512]; /* by enum ev_type: 1 + its row of `types`; 0: every event is wanted */
	struct push_type types[PUSH_TYPES_MAX];
	__u8 class_of[256]; /* a class, and PUSH_DOT or PUSH_SLASH */
	__u16 begin, begin_exe, begin_name; /* the states behind these classes */
	__u16 pad;
	__u32 states;
	__u32 generation; /* another one each time that a set is put in force */
	__u64 of_program[PUSH_WORDS]; /* facts that a process has for as long as it runs a program */
	__u32 ranges_of_calls, ranges_of_users, ranges_end; /* where they end: those of calls' arguments and results, of users, of connections */
	__u32 ranges_few; /* of connections, tests of few ranges come first, and are enough for most: they end here */
	__u64 facts_of_rest; /* of the tests behind these */
	struct push_range ranges[PUSH_RANGES_MAX];
	struct push_clause clauses[PUSH_CLAUSES_MAX];
	struct push_out outs[PUSH_OUTS_MAX];
	__u16 out_of[PUSH_STATES_MAX]; /* row of `outs`; 0: none */
	__u16 next[PUSH_STATES_MAX * PUSH_CLASSES_MAX]; /* a state, and PUSH_FINDS */
};
