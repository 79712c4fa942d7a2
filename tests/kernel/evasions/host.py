"""Evasions 10 to 20: floods, identities, and what is done to the agent itself."""

import ctypes
import os
import signal
import struct
import subprocess

import evasion_world
import places
import test_losses
import tiercel as support
from evasions import files

RULES = """
- rule: Start
  desc: a marked start
  condition: evt.type in (execve, execveat) and evt.rawres = 0 and proc.exepath = PROGRAMS/tk_nop and proc.args contains ev1
  output: "%proc.args"
  priority: WARNING
- rule: Opened
  desc: a marked file, and who opened it
  condition: evt.type in (open, openat, openat2) and fd.name startswith FOLDER/mark-
  output: "%fd.name %proc.pid %proc.vpid %thread.tid %proc.name %proc.exepath %user.uid %container.id %container.verified"
  priority: WARNING
- rule: Maps
  desc: somebody's call on the kernel's maps
  condition: evt.type = bpf and evt.arg.cmd = BPF_MAP_UPDATE_ELEM
  output: "%proc.pid %evt.arg.cmd"
  priority: WARNING
- rule: Late
  desc: what a response is to end
  condition: evt.type in (openat, creat, open) and fd.name = FOLDER/late and evt.is_open_write = true
  output: "%proc.pid"
  priority: CRITICAL
- rule: End Late
  desc: ends it
  condition: rule.name = Late
  action: {type: kill, target: process}
  budget_per_min: 1000
- rule: Hidden
  desc: a process that is to be overlooked
  condition: evt.hides_process = true
  output: "%proc.pid %fs.path.target"
  priority: CRITICAL
- rule: Broad
  desc: comes first, and matches much
  condition: evt.type = openat and fd.name startswith FOLDER/order
  output: broad
  priority: NOTICE
- rule: Narrow
  desc: comes second, and matters
  condition: evt.type = openat and fd.name = FOLDER/order-secret
  output: narrow
  priority: CRITICAL
"""
FLOOD = 20_000
LATE_TRIES = 20  # who is preempted between its open and its write may be ended in time
SMALL_RING = "outputs:\n  - type: stdout\nsensor:\n  ring_bulk_size_kb: 256\n  flood_budget_kb: 0\n"  # budgets: test_budget.py


class Losing:
    """An agent of its own whose ring for files is small: it sleeps while files are opened and one program is started."""

    def __init__(self, world):
        self.started = self.told = False
        with support.Folder("flood") as folder:
            self.flood(world, folder)

    def flood(self, world, folder):
        rules = folder.file("flood.yaml", test_losses.RULES.format(folder=folder.path))
        with support.Agent(world.options.tiercel, rules, config=SMALL_RING,
                           extra=evasion_world.attach_flags(world.options)) as agent:
            agent.child.signal(signal.SIGSTOP)
            try:
                for number in range(FLOOD):
                    try:
                        os.open(f"{folder.path}/mark-{number}", os.O_RDONLY)
                    except FileNotFoundError:
                        pass
                world.run(world.program("tk_nop"), "behind-the-flood")
            finally:
                agent.child.signal(signal.SIGCONT)
            agent.wait_alerts(lambda seen: any("lost" in a["output_fields"] for a in seen), "an alert of the losses")
            lost = agent.status()["lost"]["kernel"]
            agent.stop()
            seen = agent.alerts()
        opened = sum(a["rule"] == "Open" for a in seen)
        self.started = any(a["rule"] == "Start" and a["output_fields"]["proc.args"] == "behind-the-flood" for a in seen)
        said = sum(int(a["output_fields"]["lost"]) for a in seen if "lost" in a["output_fields"])
        self.told = opened < FLOOD and said > 0 and lost >= FLOOD - opened


def flood(key):
    def deed(world):
        if not hasattr(world, "losing"):
            world.losing = Losing(world)
        return getattr(world.losing, key)

    return deed


def storm(world):
    before = len(world.told("Start"))
    storming = subprocess.Popen([world.program("tk_storm"), "2000", "4", world.program("tk_nop")], stdout=subprocess.DEVNULL)
    world.run(world.program("tk_nop"), "ev11")
    storming.wait(support.WAIT_S)
    return len(world.told("Start")) == before + 1 and world.agent.status()["lost"]["kernel"] == 0


def marked(world, name):
    """The fields of the opens of that mark."""
    return [fields for fields in world.told("Opened") if fields["fd.name"] == world.path(f"mark-{name}")]


def pid_namespace(world):
    said = world.deed("pidns", world.mark("mark-pidns"))
    seen = marked(world, "pidns")
    return [(f["proc.pid"], f["proc.vpid"], f["proc.exepath"]) for f in seen] == [
        (said["pid"], 1, os.path.realpath(world.program("ev_deeds")))]


def thread(world):
    said = world.deed("thread", world.mark("mark-thread"))
    return [(f["proc.pid"], f["thread.tid"]) for f in marked(world, "thread")] == [(said["pid"], said["tid"])]


def false_container(world):
    name = "docker-" + os.urandom(32).hex() + ".scope"
    path = world.mark("mark-cgroup")
    with places.Cgroups(every=False) as cgroups:
        cgroups.make(f"/{name}")

        def move():
            cgroups.move(f"/{name}", os.getpid())

        subprocess.run(["cat", path], preexec_fn=move, check=True, stdout=subprocess.DEVNULL)
    seen = marked(world, "cgroup")
    return len(seen) == 1 and seen[0]["container.verified"] is not True


def setuid(world):
    world.deed("setuid", "65534", world.mark("mark-setuid"))
    return [f["user.uid"] for f in marked(world, "setuid")] == [65534]


def start_32bit(world):
    world.run(world.program("ev_deeds"), "exec32", world.program("tk_nop"), "ev15")
    return any("ev15" in f["proc.args"] for f in world.told("Start"))


def open_32bit(world):
    said = world.deed("open32", world.mark("mark-open32"))
    return said["result"] < 0 or len(marked(world, "open32")) == 1


def killed(world):
    """kill -9: what comes after it reports the time in which nobody watched."""
    rules = world.folder.file("killed.yaml", test_losses.RULES.format(folder=world.folder.path))
    with support.Folder("killed") as folder:
        for turn in (1, 2):
            with support.Agent(world.options.tiercel, rules, folder=folder,
                               extra=evasion_world.attach_flags(world.options)) as agent:
                if turn == 1:
                    agent.child.kill()
                else:
                    agent.wait_alerts(lambda seen: any(a["rule"] == "Tiercel internal: gap" for a in seen), "the gap")
                    agent.stop()
                    return True
    return False


class MapValue(ctypes.Structure):
    """The part of union bpf_attr (include/uapi/linux/bpf.h) that map calls use."""

    _fields_ = [("map_fd", ctypes.c_uint32), ("pad", ctypes.c_uint32), ("key", ctypes.c_uint64), ("value", ctypes.c_uint64),
                ("flags", ctypes.c_uint64)]


SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_MAP_UPDATE_ELEM, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 2, 14, 15


def bpf(command, attr, size):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(SYS_BPF[os.uname().machine], command, ctypes.byref(attr), size)
    if result < 0:
        raise support.Failure(f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def map_of_agent(world):
    """The agent's map of the cgroups that it was told of: its keys are numbers, and one more does no harm."""
    for name in os.listdir(f"/proc/{world.agent.pid}/fdinfo"):
        try:
            with open(f"/proc/{world.agent.pid}/fdinfo/{name}", encoding="ascii") as info:
                said = dict(line.split(":", 1) for line in info if ":" in line)
        except OSError:
            continue
        if said.get("map_type", "").strip() == "9" and said.get("key_size", "").strip() == "8":  # BPF_MAP_TYPE_LRU_HASH
            return int(said["map_id"]), int(said["value_size"])
    raise support.Failure("the agent has no such map")


def written_map(world):
    number, size = map_of_agent(world)
    fd = bpf(BPF_MAP_GET_FD_BY_ID, MapValue(number, 0, 0, 0, 0), 16)
    key, value = struct.pack("Q", 0xfffe << 32), bytes(size)
    keep = ctypes.create_string_buffer(key, 8), ctypes.create_string_buffer(value, size)
    before = len(world.told("Maps"))
    try:
        bpf(BPF_MAP_UPDATE_ELEM, MapValue(fd, 0, ctypes.addressof(keep[0]), ctypes.addressof(keep[1]), 0), 32)
    finally:
        os.close(fd)
    return any(f["proc.pid"] == os.getpid() for f in world.told("Maps")[before:])


def prevention(world):
    """Does it live on after kill -9?"""
    rules = world.folder.file("prevented.yaml", test_losses.RULES.format(folder=world.folder.path))
    with support.Agent(world.options.tiercel, rules, extra=evasion_world.attach_flags(world.options)) as agent:
        try:
            os.kill(agent.pid, signal.SIGKILL)
        except PermissionError:
            return True
        agent.child.process.wait(support.WAIT_S)
    return False


def late(world):
    """Is the file empty when its writer has been ended, each time?"""
    for _ in range(LATE_TRIES):
        child = subprocess.Popen([world.program("ev_deeds"), "late", world.path("late")], stdout=subprocess.DEVNULL)
        try:
            status = child.wait(support.WAIT_S)
        finally:
            child.kill()
        if status != -signal.SIGKILL:
            raise support.Failure(f"the response did not end the program: {status}")
        if os.path.getsize(world.path("late")) > 0:
            return False
    return True


def healed(world):
    checks = support.Checks()
    options = type("Options", (), {**vars(world.options), "starts": 100})
    with support.Folder("healed") as folder:
        test_losses.healed(options, checks, folder)
    return not checks.bad


def order(world):
    os.close(os.open(world.mark("order-secret"), os.O_RDONLY))
    return len(world.told("Narrow")) == 1 and len(world.told("Broad")) == 1


def hidden_process(world):
    """Something is mounted over the folder of a process; no row of the table, a field of rules."""
    before = len(world.told("Hidden"))
    target = f"/proc/{os.getpid()}"

    def deed():
        places.own_mounts()
        places.mount_tmpfs(target)

    files.in_a_child(deed)
    return [f["fs.path.target"] for f in world.told("Hidden")[before:]] == [target]


DEEDS = {
    10: {"start behind a flood": flood("started"), "flood itself": flood("told")},
    11: {"start in a storm": storm},
    12: {"pid namespace": pid_namespace, "thread": thread},
    13: {"cgroup named like a container's": false_container},
    14: {"setuid after the start": setuid},
    15: {"32-bit start": start_32bit, "32-bit open": open_32bit},
    16: {"kill": killed, "map of the agent": written_map, "prevention": prevention},
    18: {"write before the kill": late},
    19: {"program behind a full ring": healed},
    20: {"rule behind another": order},
}
