/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Judging conditions in the kernel (schema/condition.h), on the record of a program that started. Reads the record and
 * maps, and does nothing else: what follows from it is in kill.h.
 */
#pragma once

#include "maps.h"

/* The set in force. One slot: the pointer in it is exchanged, so a program sees the old set or the new one, whole. */
struct cond_sets_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct cond_set));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct cond_sets_inner);
} cond_sets __weak SEC(".maps");

/* Which tests of texts hold, by the text. Rows of a set are there before it and after it: each key names its set. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct cond_key);
	__type(value, struct cond_bits);
} cond_texts __weak SEC(".maps");

/* Cgroups of containers: user space tells of those that it has settled (agent/context/containers.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, __u8);
} cond_containers __weak SEC(".maps");

static __always_inline void verdict__look_up(struct walk *w)
{
	struct cond_bits *found = bpf_map_lookup_elem(&cond_texts, &w->key);

	if (!found)
		return;
	for (int i = 0; i < COND_WORDS; i++)
		w->facts.bits.word[i] |= found->word[i];
}

/* A text of the record that is not NUL-terminated: its first bytes into w->buf, with a NUL behind them. */
static __always_inline bool verdict__fetch(struct scratch *s, struct walk *w, struct text *t)
{
	__u32 off = t->off, len = t->len;

	w->buf[0] = 0;
	if (!len)
		return true;
	if (len > COND_TEXT_MAX - 1)
		len = COND_TEXT_MAX - 1;
	if (off > TIERCEL_RECORD_MAX - COND_TEXT_MAX)
		return false;
	if (bpf_probe_read_kernel(w->buf, len, s->rec + off))
		return false;
	w->buf[len & (COND_TEXT_MAX - 1)] = 0;
	return true;
}

/* Up to the first NUL. No text that is asked for is as long as the longest that fits here: one that was cut equals none. */
static __always_inline bool verdict__text(struct walk *w, __u32 field, const void *from)
{
	__builtin_memset(w->key.text, 0, sizeof(w->key.text));
	w->key.field = field;
	if (bpf_probe_read_kernel_str(w->key.text, sizeof(w->key.text), from) < 0)
		return false;
	verdict__look_up(w);
	return true;
}

/* False: in no container, or not all could be read. */
static __always_inline bool verdict__facts(struct scratch *s, struct walk *w, const struct cond_set *set)
{
	struct ev_exec *ev = (void *)s->rec;
	__u64 cgroup_id = ev->head.cgroup_id;

	if (!bpf_map_lookup_elem(&cond_containers, &cgroup_id))
		return false;
	__builtin_memset(&w->facts, 0, sizeof(w->facts));
	w->facts.number[CN_TYPE] = ev->head.type;
	w->facts.number[CN_UID] = ev->head.euid;
	w->facts.number[CN_GID] = ev->head.egid;
	w->facts.number[CN_LOGINUID] = ev->head.loginuid == (__u32)-1 ? (__u64)-1 : ev->head.loginuid;
	w->facts.number[CN_EXE_FLAGS] = ev->flags;
	w->facts.number[CN_TTY] = ev->tty;
	w->facts.number[CN_VPID] = ev->vpid;
	w->key.generation = set->generation;
	if (set->fields & 1 << CF_NAME) {
		__builtin_memcpy(w->buf, ev->head.comm, sizeof(ev->head.comm));
		w->buf[sizeof(ev->head.comm)] = 0;
		if (!verdict__text(w, CF_NAME, w->buf))
			return false;
	}
	/* A path has no NUL in it; verdict__text() takes argv up to its first: argv[0]. */
	if (set->fields & 1 << CF_EXEPATH &&
	    (!verdict__fetch(s, w, &ev->exepath) || !verdict__text(w, CF_EXEPATH, w->buf)))
		return false;
	if (set->fields & 1 << CF_EXE && (!verdict__fetch(s, w, &ev->argv) || !verdict__text(w, CF_EXE, w->buf)))
		return false;
	return true;
}

struct verdict_run {
	const struct cond_set *set;
	struct walk *w;
	__u32 at;
	__u32 pad;
};

static __always_inline bool verdict__test(struct walk *w, const struct cond_inst *inst)
{
	__u64 value = inst->value;
	__u32 arg = inst->arg;

	if (inst->test == CT_TEXT)
		return w->facts.bits.word[arg / 64 & (COND_WORDS - 1)] >> (arg & 63) & 1;
	__u64 number = w->facts.number[arg & (CN_ROOM - 1)];
	switch (inst->test) {
	case CT_EQ: return number == value;
	case CT_LT: return number < value;
	case CT_GT: return number > value;
	case CT_LT_SIGNED: return (__s64)number < (__s64)value;
	case CT_GT_SIGNED: return (__s64)number > (__s64)value;
	case CT_BITS: return number & value;
	default: return false;
	}
}

static long verdict__step(__u32 i, struct verdict_run *run)
{
	const struct cond_set *set = run->set;
	struct walk *w = run->w;
	__u32 at = run->at;

	if (at >= COND_INSTS_MAX)
		return 1;
	const struct cond_inst *inst = &set->inst[at & (COND_INSTS_MAX - 1)];
	run->at = verdict__test(w, inst) ? inst->yes : inst->no;
	return 0;
}

/* After verdict__facts(). Edges only lead on, so as many steps as there are instructions are enough. */
static __always_inline bool verdict__holds(struct walk *w, const struct cond_set *set, __u32 entry)
{
	struct verdict_run run = {.set = set, .w = w, .at = entry};

	bpf_loop(COND_INSTS_MAX, verdict__step, &run, 0);
	return run.at == COND_HIT;
}

static __always_inline struct cond_set *verdict__set(void)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&cond_sets, &zero);

	return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}
