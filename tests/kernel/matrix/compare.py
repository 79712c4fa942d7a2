"""The events of two ways to attach, side by side: all fields that the test's rule asks for, of each event of each program in its order.

What differs from run to run whatever the way (numbers of processes, times, addresses, ports, the folder's name) is made alike or left
out below, with the reason; it is compared with what the programs state by test_events.py. What a kernel imposes on a way is in ways.py."""

import re
from collections import defaultdict

# (event types or None for all, pattern of fields, why they are left out)
LEFT_OUT = [
    (None, r"evt\.(num|time)|.*_(ctime|mtime|start_ts)", "times and running numbers"),
    (None, r"proc\.(pid|ppid|vpid|sid|pgid|vpgid)|thread\.tid", "numbers of processes"),
    (None, r".*[._]ino", "inodes, of files and sockets made for the run"),
    (None, r"evt\.arg\.(pgft_maj|pgft_min|vm_\w+|cpu_\w+)|proc\.vmsize", "what a process used so far"),
    (None, r"evt\.args", "says the arguments once more"),
    ({"clone", "clone3", "fork", "vfork", "setsid", "getpgid", "getsid"}, r"evt\.rawres", "numbers of processes"),
    ({"clone", "clone3"}, r"proc\.nthreads", "a thread's end and the next call race"),
    ({"io_uring_enter", "io_uring_register"}, r"proc\.nthreads", "the kernel starts its threads when it wants"),
    ({"mmap"}, r"evt\.rawres", "an address"),
    ({"recvmsg"}, r"evt\.arg\.msgcontrol", "holds the sender's pid"),
    ({"keyctl", "add_key", "request_key"}, r"evt\.rawres|evt\.arg\.(res|arg\w*|key|ret)", "serial numbers of keys"),
]
ALIKE = [
    (re.compile(r"/tmp/tiercel-events-\w{8}"), "/FOLDER"),
    (re.compile(r"(?<=[0-9a-f:]:)\d{5}\b"), "PORT"),  # the kernel's choice for sockets without one
    (re.compile(r"(?<=@tk_connect\.)\d+|(?<=@tk_send\.)\d+"), "PID"),
    (re.compile(r"\b[fF]{2}[0-9a-fA-F]{14}\b|\b7[fF][0-9a-fA-F]{10}\b"), "ADDRESS"),
]
PORTS = {"fd.cport", "fd.sport"}
FIRST_CHOSEN_PORT = 32768


def _alike(field, value):
    if field in PORTS:
        return "PORT" if value >= FIRST_CHOSEN_PORT else value
    if isinstance(value, str):
        for pattern, word in ALIKE:
            value = pattern.sub(word, value)
    return value


def _left_out(kind, field):
    return any((types is None or kind in types) and re.fullmatch(pattern, field) for types, pattern, _ in LEFT_OUT)


def _events(runs):
    """{(how manieth run of it, program, which of its processes, type, how manieth): fields}"""
    found, times = {}, defaultdict(int)
    for run in runs:
        times[run["program"]] += 1
        counted = defaultdict(int)
        for event in run["events"]:
            kind = event["evt.type"]
            which = (run["pids"].index(event["proc.pid"]), kind)
            counted[which] += 1
            found[(times[run["program"]], run["program"], *which, counted[which])] = {
                field: _alike(field, value) for field, value in event.items() if not _left_out(kind, field)}
    return found


def compared(first, second):
    """(events, fields, [(program, type, field, what the first has, what the second has)]); an event that one lacks: field is (event)."""
    ones, others = _events(first), _events(second)
    fields, differences = 0, []
    for key in sorted(set(ones) | set(others)):
        program, kind = key[1], key[3]
        one, other = ones.get(key), others.get(key)
        if one is None or other is None:
            differences.append((program, kind, "(event)", "seen" if one else "not seen", "seen" if other else "not seen"))
            continue
        for field in sorted(set(one) | set(other)):
            fields += 1
            if one.get(field) != other.get(field):
                differences.append((program, kind, field, one.get(field), other.get(field)))
    return len(set(ones) & set(others)), fields, differences
