// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For tests: judges conditions on a record that a test made, with the code that judges starts of programs
 * (include/verdict.h). Run by BPF_PROG_TEST_RUN, attached to nothing.
 */
#include "include/verdict.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} try_record SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk);
} try_walk SEC(".maps");

SEC("syscall")
int verdict__try(void *ctx)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&try_record, &zero);
	struct walk *w = bpf_map_lookup_elem(&try_walk, &zero);
	const struct cond_set *set = verdict__set();
	__u32 hits = 0;

	if (!s || !w || !set)
		return -1;
	if (!verdict__facts(s, w, set))
		return 0;
	for (__u32 i = 0; i < COND_RESPONSES_MAX && i < set->responses; i++)
		if (verdict__holds(w, set, set->response[i].entry))
			hits |= 1u << i;
	return hits;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
