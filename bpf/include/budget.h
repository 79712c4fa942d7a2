/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who floods the ring for files and network pays for it himself. While the ring is filled above a mark, each cgroup may put
 * in what its budgets give it (schema/budget.h) and no more; the room above the mark is there for everybody else. Below the
 * mark nothing is held back, whoever sends how much, and the check is one load and a branch.
 *
 * A budget is in bytes, since that is what runs short: long paths do not get around it. It is looked at before a record is
 * built, and charged for the record's size when that is sent, so it may be overdrawn by one record.
 */
#pragma once

#include "count.h"

/* Set by the loader. */
extern const volatile __u64 budget_limits[BUDGET_LIMITS];
extern const volatile __u8 budget_classes[EVT_COUNT];

/* 1 from when the ring was seen above the mark until it is seen below BUDGET_LOW. */
extern volatile __u32 bulk_pressed;

struct budget_key {
	__u64 cgroup_id;
	__u64 class;
};
struct budget {
	__s64 left; /* bytes */
	__u64 time_ns; /* when it grew last */
};
/* Those that sent something under pressure. Who falls out begins anew with a full budget. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct budget_key);
	__type(value, struct budget);
} budgets __weak SEC(".maps");

#define BUDGET_STEP_NS 1000000ull /* shorter than that nothing grows: it would be rounded away */
#define BUDGET_LOOK_EVERY 16      /* records of a type on a CPU */

static __always_inline void budget__grow(struct budget *budget)
{
	__u64 then = budget->time_ns, now = bpf_ktime_get_boot_ns();
	__u64 span = now - then;
	__s64 burst = budget_limits[BUDGET_BURST];

	if (now < then + BUDGET_STEP_NS)
		return;
	if (span > 1000000000ull)
		span = 1000000000ull;
	if (__sync_val_compare_and_swap(&budget->time_ns, then, now) != then)
		return; /* another CPU did */
	__s64 grown = budget->left + (__s64)(span * budget_limits[BUDGET_RATE] / 1000000000ull);
	/* What another CPU charges between these lines is forgotten: a record or two. */
	budget->left = grown < burst ? grown : burst;
}

/* Under pressure: may that cgroup send one more? If not, that is counted. Global: the verifier looks at it once. */
__weak __noinline int budget__ask(__u32 type, __u64 cgroup_id)
{
	struct budget_key key = {.cgroup_id = cgroup_id};
	struct budget *budget;

	if (type >= EVT_COUNT)
		return 1;
	key.class = budget_classes[type];
	if (key.class == BUDGET_NONE)
		return 1;
	__u64 used = bpf_ringbuf_query(&ring_bulk, BPF_RB_AVAIL_DATA);
	if (used <= budget_limits[BUDGET_MARK]) {
		if (used < budget_limits[BUDGET_LOW])
			bulk_pressed = 0;
		return 1;
	}
	budget = bpf_map_lookup_elem(&budgets, &key);
	if (!budget) {
		struct budget full = {.left = budget_limits[BUDGET_BURST], .time_ns = bpf_ktime_get_boot_ns()};
		bpf_map_update_elem(&budgets, &key, &full, BPF_NOEXIST);
		return 1;
	}
	budget__grow(budget);
	bool last = used > budget_limits[BUDGET_LAST];
	__s64 enough = last ? budget_limits[BUDGET_BURST] / 2 : 0;
	if (budget->left > enough)
		return 1;
	if (last)
		budget->left = 0; /* who goes on asking gets nothing of the last room; who is quiet for a while does */
	count__held_back(type, cgroup_id);
	return 0;
}

static __always_inline bool budget__allows(__u32 type, __u64 cgroup_id)
{
	return !bulk_pressed || budget__ask(type, cgroup_id);
}

__weak __noinline int budget__charge(__u32 type, __u64 cgroup_id, __u32 bytes)
{
	struct budget_key key = {.cgroup_id = cgroup_id};

	if (type >= EVT_COUNT)
		return 0;
	key.class = budget_classes[type];
	struct budget *budget = key.class == BUDGET_NONE ? 0 : bpf_map_lookup_elem(&budgets, &key);
	if (budget)
		__sync_fetch_and_add(&budget->left, -(__s64)bytes);
	return 0;
}

/* A record went into a ring, or did not: counted, charged, and now and then the ring's fill is looked at. */
static __always_inline void budget__sent(int ring, __u32 type, __u64 cgroup_id, __u32 bytes)
{
	__u64 before = count__sent(type);

	if (ring == RING_VITAL || !budget_limits[BUDGET_MARK])
		return;
	if (bulk_pressed)
		budget__charge(type, cgroup_id, bytes + 8); /* the ring's own header */
	else if (before % BUDGET_LOOK_EVERY == 0 && bpf_ringbuf_query(&ring_bulk, BPF_RB_AVAIL_DATA) > budget_limits[BUDGET_MARK])
		bulk_pressed = 1;
}
