/*
 * Budgets for events of low value: which events share one, and the numbers that user space sets (agent/sensor/budget.h).
 * C for BPF and C++.
 */
#pragma once

/*
 * A flooder has a budget for each of these, so that a flood of opens does not hide what else its cgroup does. By the record
 * that an event has: that is what a call is about. 0: no budget, such events are always sent.
 */
enum budget_class {
	BUDGET_NONE,
	BUDGET_OPEN,    /* opens */
	BUDGET_PATH,    /* other calls on paths: removals, renames, modes, owners */
	BUDGET_SOCK,    /* connect, accept, bind */
	BUDGET_IO,      /* reads and writes */
	BUDGET_OTHER,   /* what is left: descriptors, memory, sockets as such */
};

/* By an event's record in events.def. */
#define BUDGET_BY_open BUDGET_OPEN
#define BUDGET_BY_path BUDGET_PATH
#define BUDGET_BY_paths BUDGET_PATH
#define BUDGET_BY_sock BUDGET_SOCK
#define BUDGET_BY_io BUDGET_IO
#define BUDGET_BY_desc BUDGET_OTHER
#define BUDGET_BY_pair BUDGET_OTHER
#define BUDGET_BY_call BUDGET_OTHER
#define BUDGET_BY_memory BUDGET_OTHER
#define BUDGET_BY_io_uring BUDGET_OTHER
#define BUDGET_BY_fork BUDGET_NONE
#define BUDGET_BY_exec BUDGET_NONE
#define BUDGET_BY_exit BUDGET_NONE
#define BUDGET_BY_cgroup BUDGET_NONE
#define BUDGET_BY_container BUDGET_NONE
#define BUDGET_BY_known BUDGET_NONE
#define BUDGET_BY_cpu_time BUDGET_NONE
#define BUDGET_BY_procinfo BUDGET_NONE
#define BUDGET_BY_chdir BUDGET_NONE
#define BUDGET_BY_setid BUDGET_NONE
#define BUDGET_BY_ptrace BUDGET_NONE
#define BUDGET_BY_mount BUDGET_NONE

/* By its category, if not 0: whatever tells of processes, users and signals has none, even where it comes in the same ring. */
#define BUDGET_FREE_PROCESS 1
#define BUDGET_FREE_USER 1
#define BUDGET_FREE_SIGNAL 1
#define BUDGET_FREE_SYSTEM 1
#define BUDGET_FREE_INTERNAL 1
#define BUDGET_FREE_ITER 1
#define BUDGET_FREE_FILE 0
#define BUDGET_FREE_NET 0
#define BUDGET_FREE_IPC 0
#define BUDGET_FREE_IO_READ 0
#define BUDGET_FREE_IO_WRITE 0
#define BUDGET_FREE_IO_OTHER 0
#define BUDGET_FREE_MEMORY 0
#define BUDGET_FREE_WAIT 0
#define BUDGET_FREE_TIME 0
#define BUDGET_FREE_OTHER 0

#define BUDGET_OF(record, ring, category) \
	(RING_##ring == RING_BULK && !BUDGET_FREE_##category ? BUDGET_BY_##record : BUDGET_NONE)

/* Bytes of the ring for files and network. */
enum budget_limit {
	BUDGET_MARK,  /* budgets count while more than this waits in the ring; 0: never */
	BUDGET_LOW,   /* with less than this nobody looks any more */
	BUDGET_LAST,  /* above it only those have room who have half of their burst left; who asks with less loses the rest */
	BUDGET_RATE,  /* what a budget grows by in a second */
	BUDGET_BURST, /* the most that it holds: what it begins with */
	BUDGET_LIMITS
};

/* In the type of struct lost_key: what a budget held back, apart from what found no room. */
#define LOST_HELD_BACK 0x10000
