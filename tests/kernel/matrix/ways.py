"""The ways to attach that the matrix tries, what runs under them, and what may differ between them: a table each."""

WAYS = [
    {"name": "tracepoint", "flags": ["--attach", "tracepoint"], "sees_compat": False},
    {"name": "kprobe", "flags": ["--attach", "kprobe"], "sees_compat": False},
    {"name": "trampoline", "flags": ["--attach", "trampoline"], "sees_compat": True},
]
# What the agent chooses by itself; on the kernels of the matrix that is a trampoline.
ALL = [*WAYS, {"name": "auto", "flags": [], "sees_compat": True}]
NO_COMPAT = "the kernel's system-call tracepoints are silent for them (arch/x86/include/asm/ftrace.h, arch_trace_is_compat_syscall)"

# Further tests of tests/kernel, run in the machine under each of the ways named (None: all) with the way's flags:
# (name: test_NAME.py, ways). The TOCTOU races belong here, and whatever this host's kernel cannot show.
TESTS = []

# What the kernel imposes: (way or None for every one but the first, event type, field, reason). Everything else is a failure.
IMPOSED = []


def reason(way, difference):
    _, kind, field, _, _ = difference
    return next((text for name, types, fields, text in IMPOSED if name in (None, way) and types == kind and fields == field), None)
