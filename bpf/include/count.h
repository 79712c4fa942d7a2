/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every record that was sent or lost is counted, by event type. */
#pragma once

#include "maps.h"

static __always_inline struct count *count__of(__u32 type)
{
	return bpf_map_lookup_elem(&counts, &type);
}

static __always_inline void count__sent(__u32 type)
{
	struct count *c = count__of(type);
	if (c)
		c->sent++;
}

static __always_inline void count__lost_ring(__u32 type)
{
	struct count *c = count__of(type);
	if (c)
		__sync_fetch_and_add(&c->lost_ring, 1);
}

static __always_inline void count__lost_scratch(__u32 type)
{
	struct count *c = count__of(type);
	if (c)
		__sync_fetch_and_add(&c->lost_scratch, 1);
}
