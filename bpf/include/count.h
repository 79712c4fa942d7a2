/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every record that was sent or lost is counted, by event type. */
#pragma once

#include "maps.h"

static __always_inline struct count *count__of(__u32 type)
{
	return bpf_map_lookup_elem(&counts, &type);
}

/* How many this CPU had sent before. */
static __always_inline __u64 count__sent(__u32 type)
{
	struct count *c = count__of(type);
	return c ? c->sent++ : 0;
}

static __always_inline void count__filtered(__u32 type)
{
	struct count *c = count__of(type);
	if (c)
		c->filtered++;
}

/* Which cgroup lost it. Losses are rare: an atomic add on a shared map is cheap enough. */
static __always_inline void count__lost_of_cgroup(__u32 type, __u64 cgroup_id)
{
	struct lost_key key = {.cgroup_id = cgroup_id, .type = type};
	__u64 one = 1, *lost = bpf_map_lookup_elem(&lost_by_cgroup, &key);

	if (!lost) {
		if (bpf_map_update_elem(&lost_by_cgroup, &key, &one, BPF_NOEXIST) == 0)
			return;
		lost = bpf_map_lookup_elem(&lost_by_cgroup, &key); /* another CPU was first */
	}
	if (!lost) { /* the map is full: no cgroup's own */
		key.cgroup_id = 0;
		lost = bpf_map_lookup_elem(&lost_by_cgroup, &key);
	}
	if (lost)
		__sync_fetch_and_add(lost, 1);
}

static __always_inline void count__lost_ring(__u32 type, __u64 cgroup_id)
{
	struct count *c = count__of(type);
	if (c)
		__sync_fetch_and_add(&c->lost_ring, 1);
	count__lost_of_cgroup(type, cgroup_id);
}

static __always_inline void count__lost_scratch(__u32 type, __u64 cgroup_id)
{
	struct count *c = count__of(type);
	if (c)
		__sync_fetch_and_add(&c->lost_scratch, 1);
	count__lost_of_cgroup(type, cgroup_id);
}

static __always_inline void count__held_back(__u32 type, __u64 cgroup_id)
{
	struct count *c = count__of(type);
	if (c)
		__sync_fetch_and_add(&c->held_back, 1);
	count__lost_of_cgroup(type | LOST_HELD_BACK, cgroup_id);
}
