// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What user space sets: constants before the load, the rest at any time (include/maps.h says what each means). */
#include "../include/inner.h"

const volatile int cgroup_subsys = -1;
const volatile __u32 page_kib = 4;
const volatile bool kernel_casts = false;
const volatile bool compat_regs = false;
const volatile bool exits_by_function = false;
const volatile bool inner_hooks = false;
const volatile bool inner_by_kprobe = false;
volatile __u8 inner_wanted[INNER_CALLS] = {};
volatile bool muted = false;
volatile bool want_threads = false;
volatile bool want_env = false;
volatile bool want_cgroups = false;
volatile bool want_stdio = false;
volatile bool want_roles = false;
volatile bool want_verdicts = false;
volatile __u8 told[EVT_COUNT] = {};
volatile __u32 reader_idle = 0;
volatile bool push_on = false;
volatile __u32 push_never[2] = {};
volatile __u32 bulk_pressed = 0;
const volatile __u64 budget_limits[BUDGET_LIMITS] = {};
const volatile __u8 budget_classes[EVT_COUNT] = {
#define EVENT(name, record, ring, category, flags, hook, params) [EVT_##name] = BUDGET_OF(record, ring, category),
#include "../schema/events.def"
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";
