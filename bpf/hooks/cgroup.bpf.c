// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Cgroups: their end. Their beginning is told before the first record that names them (task.h, cgroup__announce).
 * BTF tracepoint (include/trace/events/cgroup.h).
 */
#include "../include/task.h"

/* Nobody can live in it any more, and its id is not given again. Only those that user space was told of matter. */
SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup__gone, struct cgroup *cgroup)
{
	__u64 id = cgroup__id(cgroup);
	struct build b;

	if (bpf_map_delete_elem(&cgroups_seen, &id))
		return 0;
	if (!scratch__get(&b, EVT_cgroup_gone, sizeof(struct ev_cgroup), id))
		return 0;
	struct ev_cgroup *ev = (void *)b.head;
	RECORD_CLEAR(ev);
	head__fill(&ev->head, (void *)bpf_get_current_task_btf(), id);
	ev->id = id;
	ev->hierarchy = id >> 48;
	record__send(&b, RING_OF_cgroup_gone);
	scratch__put(&b);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
