#!/usr/bin/env python3
"""hardening.guard: where BPF LSM is active, root cannot end, stop or trace the agent, nor reach its maps and hooks by their ids;
where it is not, the agent says so and runs on."""

import argparse
import contextlib
import ctypes
import errno
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat, openat) and proc.name = tk_nop
  output: "%proc.cmdline"
  priority: NOTICE
"""
CONFIG = "hardening: {guard: true}\nheartbeat_interval_s: 0\nself_test_interval_s: 0\noutputs: [{type: stdout}]\n"
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
BPF_MAP_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID = 14, 30
SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
LIBC = ctypes.CDLL(None, use_errno=True)


def active():
    try:
        with open("/sys/kernel/security/lsm", encoding="ascii") as names:
            return "bpf" in names.read().strip().split(",")
    except OSError:
        return False


def failure_of(call):
    """errno of a call that gives a number below 0 when it fails; 0: it did not."""
    ctypes.set_errno(0)
    return ctypes.get_errno() if call() < 0 else 0


def failure_of_kill(pid, number):
    try:
        os.kill(pid, number)
    except OSError as error:
        return error.errno
    return 0


def by_id(command, number):
    attributes = (ctypes.c_uint32 * 32)(number)

    def call():
        fd = LIBC.syscall(SYS_BPF, command, attributes, ctypes.sizeof(attributes))
        if fd >= 0:
            os.close(fd)
        return fd

    return failure_of(call)


def ids(pid, key):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
            found += [int(line.split(":")[1]) for line in info if line.startswith(key + ":")]
    return sorted(set(found))


def trace(pid):
    failed = failure_of(lambda: LIBC.ptrace(PTRACE_SEIZE, pid, None, None))
    if failed == 0:
        LIBC.ptrace(PTRACE_DETACH, pid, None, None)
    return failed


@contextlib.contextmanager
def ended_by_its_cgroup(agent):
    """The kernel's own way to end all processes of a cgroup asks nobody: how a test ends what nobody may kill."""
    folder = f"/sys/fs/cgroup/tiercel-guard-{os.getpid()}"
    os.mkdir(folder)
    try:
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write(str(agent.pid))
        yield
    finally:
        with open(f"{folder}/cgroup.kill", "w", encoding="ascii") as kill:
            kill.write("1")
        agent.child.process.wait(support.WAIT_S)
        support.wait_until(lambda: failure_of(lambda: LIBC.rmdir(folder.encode())) == 0, "the end of the cgroup")


def denied(agent):
    return [alert for alert in agent.alerts() if alert["rule"] == "Tiercel internal: attack denied"]


def guarded(options, checks, folder):
    agent = support.Agent(options.tiercel, folder.file("rules.yaml", RULES), folder=folder, config=CONFIG)
    with ended_by_its_cgroup(agent):
        support.wait_until(lambda: failure_of_kill(agent.pid, signal.SIGWINCH) == errno.EPERM, "the guard")  # ignored where it gets through
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGABRT):
            checks.equal(failure_of_kill(agent.pid, number), errno.EPERM, f"kill {number}")
        for number in (0, signal.SIGCONT, signal.SIGHUP):
            checks.equal(failure_of_kill(agent.pid, number), 0, f"kill {number}")
        checks.equal(trace(agent.pid), errno.EPERM, "ptrace")
        checks.equal(trace(1), 0, "ptrace of another")
        maps, links = ids(agent.pid, "map_id"), ids(agent.pid, "link_id")
        checks.check(len(maps) > 5 and len(links) > 2, f"maps {maps}, links {links}")
        support.wait_until(lambda: {by_id(BPF_LINK_GET_FD_BY_ID, one) for one in links} == {errno.EPERM}, "all links are guarded")
        checks.equal({by_id(BPF_MAP_GET_FD_BY_ID, one) for one in maps}, {errno.EPERM}, "maps by id")
        agent.wait_alerts(lambda alerts: any(a["rule"] == "Tiercel internal: attack denied" for a in alerts), "it says that somebody tried")
        checks.check(agent.child.alive(), "it lives")
    checks.check("hardening.guard" not in agent.child.stderr(), "no trouble in the log")


def without(options, checks, folder):
    with support.Agent(options.tiercel, folder.file("rules.yaml", RULES), folder=folder, config=CONFIG) as agent:
        agent.child.wait_stderr(r"hardening.guard: BPF LSM is not active .*; the agent runs on without", "what is lacking")
        checks.check(agent.child.alive(), "it runs on")
        checks.equal(failure_of_kill(agent.pid, signal.SIGCONT), 0, "a signal")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used")
    parser.add_argument("--attach", help="not used: the guard hangs on LSM's hooks")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("guard") as folder:
        (guarded if active() else without)(options, checks, folder)
    return checks.finish("guard, BPF LSM active" if active() else "guard, BPF LSM not active")


if __name__ == "__main__":
    support.main(main, "kernel_guard")
