/*
 * Conditions that the kernel judges by itself when a program starts, so that a response needs no way through user space
 * (docs/kernel-kill.md). The same shape as a rule's own program: tests with a yes and a no edge. Made by
 * agent/rule/exact.h, handed over by agent/sensor/kernel_responses.h, judged by bpf/include/verdict.h on the bytes of the
 * record that user space gets: what both see is the same by construction. Conditions are about programs in containers:
 * that the cgroup is a container's comes before all of them.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

/* What a set of conditions holds at most; what does not fit is judged in user space alone. */
#define COND_INSTS_MAX 1024
#define COND_RESPONSES_MAX 8
#define COND_TEXT_MAX 256 /* a text and its NUL */
#define COND_BITS_MAX 256 /* distinct tests of texts */
#define COND_WORDS (COND_BITS_MAX / 64)

/* Instruction numbers that end a condition. */
#define COND_HIT 0xffff
#define COND_MISS 0xfffe

/* Numbers of a start. Those that can be negative are kept as their 64 bits. */
enum cond_number {
	CN_TYPE,      /* enum ev_type */
	CN_UID,       /* effective, as user.uid */
	CN_GID,       /* effective, as group.gid */
	CN_LOGINUID,  /* -1: unset */
	CN_EXE_FLAGS, /* EXE_* of the record */
	CN_TTY,
	CN_VPID,
	CN_COUNT,
	CN_ROOM = 16, /* of the array: a power of two */
};

/* Texts of a start: each is looked up once, and says which tests of it hold. */
enum cond_field { CF_NAME, CF_EXEPATH, CF_EXE, CF_COUNT };

enum cond_test {
	CT_TEXT, /* arg: number of the test: one of its texts is the field's */
	CT_EQ,   /* arg: enum cond_number. Equal to value */
	CT_LT,
	CT_GT,
	CT_LT_SIGNED,
	CT_GT_SIGNED,
	CT_BITS, /* any bit of value */
};

struct cond_inst {
	__u64 value;
	__u16 test; /* enum cond_test */
	__u16 arg;
	__u16 yes, no; /* numbers of instructions, always greater than its own, or COND_HIT, COND_MISS */
};

/* A text that a test asks for. */
struct cond_text {
	__u32 field; /* enum cond_field */
	__u32 bit;   /* the test's number */
	char text[COND_TEXT_MAX];
};

/* What the kernel looks a text up by: the set that it is of, the field, the text with zeros behind it. */
struct cond_key {
	__u32 generation;
	__u32 field;
	char text[COND_TEXT_MAX];
};
struct cond_bits {
	__u64 word[COND_WORDS];
};

struct cond_facts {
	__u64 number[CN_ROOM];
	struct cond_bits bits;
};

/* One response with its condition. */
struct cond_response {
	__u64 id;     /* the same over reloads: its budget and its deeds are found by it */
	__u32 signal;
	__u32 budget_per_min;
	__u16 entry;  /* instruction to begin with */
	__u8 dry_run;
	__u8 pad[5];
};

/* All that is in force, swapped whole. */
struct cond_set {
	__u32 generation;
	__u32 responses;
	__u32 fields; /* bits by enum cond_field: which texts have to be looked up */
	__u32 pad;
	struct cond_response response[COND_RESPONSES_MAX];
	struct cond_inst inst[COND_INSTS_MAX];
};

/* Who is never sent a signal, by pid in the root namespace: one that is given anew is left to user space. */
enum cond_protected { CP_ITSELF = 1, CP_DESCENDANTS = 2 };

/* What came of a condition that held. */
enum cond_deed {
	CD_NONE,
	CD_SENT,    /* the signal is on its way: the image runs no instruction in user space */
	CD_WOULD,     /* dry-run */
	CD_BUDGET,    /* the budget of this minute is spent */
	CD_PROTECTED, /* of the agent, or told to be protected, or pid 1 */
	CD_FAILED,    /* the kernel refused: error says why */
};
struct cond_deed_key {
	__u64 response; /* cond_response.id */
	__u64 start_ns;
	__u32 pid;
	__u32 exec_id;
};
struct cond_deed_note {
	__u64 time_ns; /* CLOCK_BOOTTIME, when the signal had been sent */
	__u32 deed;    /* enum cond_deed */
	__s32 error;
};
