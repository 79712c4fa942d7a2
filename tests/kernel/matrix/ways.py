"""The ways to attach that the matrix tries, what runs under them, and what may differ between them: a table each."""

# seen, unseen: programs of 32-bit calls (test_events.py)
WAYS = [
    {"name": "tracepoint", "flags": ["--attach", "tracepoint"], "seen": [], "unseen": ["tk_int80", "tk_socketcall"]},
    {"name": "kprobe", "flags": ["--attach", "kprobe"], "seen": [], "unseen": ["tk_int80", "tk_socketcall"]},
    {"name": "trampoline", "flags": ["--attach", "trampoline"], "seen": ["tk_int80", "tk_socketcall"], "unseen": []},
]
# With 32-bit callers by the tracepoint of all calls (sensor.compat_calls).
COMPAT = {"name": "compat", "flags": ["--attach", "tracepoint"], "events": ["--compat-calls"], "seen": ["tk_int80"], "unseen": ["tk_socketcall"]}
# What the agent chooses by itself; on the kernels of the matrix that is a trampoline.
ALL = [*WAYS, COMPAT, {**WAYS[-1], "name": "auto", "flags": []}]
UNSEEN = {
    "tk_int80": "the kernel's system-call tracepoints are silent for 32-bit callers (arch/x86/include/asm/ftrace.h, arch_trace_is_compat_syscall)",
    "tk_socketcall": "the same; it is one call for all of sockets",
}

# Further tests of tests/kernel, run in the machine under each of the ways named (None: all) with the way's flags:
# (name: test_NAME.py, ways). Of compat the events alone: all else is as on tracepoints.
TESTS = [("untouched", None), ("toctou", None), ("evasions", None), ("uring", None), ("guard", ["trampoline", "auto"])]

# What the kernel imposes between the first way and another: (program, type, field; None: any; reason). Everything else is a failure.
IMPOSED = [
    ("tk_int80", None, "(event)", "32-bit callers: " + UNSEEN["tk_int80"]),
]


def reason(difference):
    """Why two ways may differ here, or None."""
    return next((why for *place, why in IMPOSED if all(wanted in (None, got) for wanted, got in zip(place, difference))), None)
