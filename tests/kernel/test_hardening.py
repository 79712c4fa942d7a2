#!/usr/bin/env python3
"""What the running agent has given up (capabilities, system calls, privileges of a new program), that its work goes on
without, what it tells a service manager, and the systemd unit's exposure."""

import argparse
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tiercel as support  # noqa: E402

UNIT = os.path.join(HERE, "..", "..", "packaging", "systemd", "tiercel.service")
EXPOSURE_MAX = 4.0  # of 10; `systemd-analyze security`
# include/uapi/linux/capability.h
KEPT = {"chown": 0, "dac_override": 1, "fowner": 3, "fsetid": 4, "kill": 5, "sys_ptrace": 19, "perfmon": 38, "bpf": 39}
SYS_NICE, SYS_RESOURCE = ("sys_nice", 23), 24
FOR_THE_BROKER = {"sys_admin", "sys_chroot", "net_admin"}
RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.cmdline"
  priority: NOTICE
- rule: Tell a program
  desc: a program that the broker starts
  condition: rule.name = "Start"
  action: {type: exec, program: [/bin/sh, -c, "ulimit -c >{witness}"]}
"""
MORE = """- rule: Mode
  desc: a call that the rules before did not name
  condition: evt.type in (chmod, fchmod, fchmodat) and evt.dir = < and fs.path.name = "{witness}"
  output: "%evt.type"
  priority: NOTICE
"""
CONFIG = "heartbeat_interval_s: 0\nwatch_config_files: false\noutputs: [{type: stdout}]\n"
WATCHDOG_S = 2
WALL = 0x40000000  # __WALL
MMAP, GETPID, SOCKET, CLONE, EXECVE, PRCTL, KEYCTL, BPF = 9, 39, 41, 56, 59, 157, 250, 321  # of x86-64
EPERM, AF_PACKET, BPF_OBJ_PIN, CLONE_NEWUSER, PR_GET_DUMPABLE, PR_SET_DUMPABLE = 1, 17, 6, 0x10000000, 3, 4


def status_of(pid, tid=None):
    path = f"/proc/{pid}/task/{tid}/status" if tid else f"/proc/{pid}/status"
    with open(path, encoding="utf-8", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def core_limit():
    """As a shell says it: what a program of this test may dump."""
    return subprocess.run(["/bin/sh", "-c", "ulimit -c"], capture_output=True, text=True, check=True).stdout


def witness(checks, broker):
    """It can do nothing but look and tell."""
    with open(f"/proc/{broker}/task/{broker}/children", encoding="ascii") as file:
        (pid,) = [int(child) for child in file.read().split()]
    facts = status_of(pid)
    checks.equal((facts["Name"], facts["CapEff"], facts["CapPrm"], facts["CapBnd"]), ("tiercel-witness", *["0" * 16] * 3), "capabilities of the witness")
    checks.equal((facts["Seccomp"], facts["NoNewPrivs"]), ("2", "1"), "system calls of the witness")
    fds = sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0].split(" ")[0] for fd in os.listdir(f"/proc/{pid}/fd"))
    known = ("/dev/null", "pipe", "socket", "/memfd", "anon_inode")
    checks.check(all(fd.startswith(known) for fd in fds) and len(fds) <= 7, f"descriptors of the witness: {fds}")


def brokers_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split() if status_of(int(child))["Name"] == "tiercel-broker"]


class ServiceManager:
    """The socket that sd_notify(3) writes to."""

    def __init__(self, folder):
        self.path = os.path.join(folder.path, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(support.WAIT_S)
        self.environment = {**os.environ, "NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000)}
        self.environment.pop("WATCHDOG_PID", None)

    def next(self, *wanted):
        """The next message that begins with one of these."""
        while True:
            text = self.socket.recv(4096).decode()
            if text.startswith(wanted):
                return text

    def drain(self, seconds):
        """What comes within that time."""
        until, got = time.monotonic() + seconds, []
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                got.append(self.socket.recv(4096).decode())
            except TimeoutError:
                break
        self.socket.settimeout(support.WAIT_S)
        return got


def check_given_up(checks, agent):
    mine = int(status_of(os.getpid())["CapEff"], 16)
    kept = {name: number for name, number in KEPT.items() if mine >> number & 1}
    if mine >> SYS_NICE[1] & 1 and not mine >> SYS_RESOURCE & 1:
        kept[SYS_NICE[0]] = SYS_NICE[1]  # where nobody may raise the limit that goes without it
    mask = sum(1 << number for number in kept.values())
    wanted = {"CapInh": 0, "CapPrm": mask, "CapEff": mask, "CapBnd": mask, "CapAmb": 0}
    for tid in os.listdir(f"/proc/{agent.pid}/task"):
        status = status_of(agent.pid, tid)
        name = status["Name"]
        checks.equal({key: int(status[key], 16) for key in wanted}, wanted, f"capabilities of the thread {name}")
        checks.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), f"no new privileges, and a filter, in {name}")
    told = agent.status()["hardening"]
    checks.equal((told["seccomp"], told["no_new_privs"], set(told["capabilities"])), (True, True, set(kept)), "status says it")
    checks.equal(told["dumpable"], False, "status says that its memory is not dumped")
    with open(f"/proc/{agent.pid}/limits", encoding="ascii") as file:
        checks.equal(re.search(r"Max core file size +(\S+) +(\S+)", file.read()).groups(), ("0", "0"), "its limit for core files")
    doctor_says(checks, agent)
    brokers = brokers_of(agent.pid)
    if checks.equal(len(brokers), 1, "processes that start programs"):
        broker = status_of(brokers[0])
        checks.equal((broker["Seccomp"], broker["CapBnd"]), ("0", status_of(os.getpid())["CapBnd"]), "the broker keeps what programs need")
        fds = sorted(os.readlink(f"/proc/{brokers[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{brokers[0]}/fd"))
        # One is of its own child, the witness.
        checks.equal([fd for fd in fds if fd != "/dev/null" and not fd.startswith("socket:")], ["anon_inode:[pidfd]"], "descriptors of the agent in its broker")
        witness(checks, brokers[0])


def doctor_says(checks, agent):
    said = subprocess.run([agent.tiercel, "doctor", "--json", "--run-dir", agent.run_dir], capture_output=True, text=True, check=False).stdout
    rows = {row["what"]: row["detail"] for row in json.loads(said)}
    checks.equal([rows.get(f"agent's {what}") for what in ("system calls", "memory")], ["filtered, no new privileges", "no core dumps"], "doctor says it")
    checks.check("agent's capabilities" in rows, "doctor says what the agent kept")


def check_work(checks, agent, options, rules, folder, witness, manager):
    subprocess.run([os.path.join(options.programs, "tk_nop")], check=False)
    agent.wait_alerts(lambda alerts: any(alert["rule"] == "Start" for alert in alerts), "an alert")
    support.wait_until(lambda: os.path.exists(witness) and os.path.getsize(witness) > 0, "the program of a response has run")
    with open(witness, encoding="ascii") as file:
        checks.equal(file.read(), core_limit(), "what such a program may dump: not the agent's limit")
    with open(rules, "a", encoding="utf-8") as file:
        file.write(MORE.replace("{witness}", witness))
    reloaded = subprocess.run([options.tiercel, "rules", "reload", "--run-dir", agent.run_dir], capture_output=True, text=True, check=False)
    checks.equal(reloaded.returncode, 0, f"a reload that loads and attaches more: {reloaded.stdout}{reloaded.stderr}")
    checks.check(manager.next("RELOADING=1").find("MONOTONIC_USEC=") > 0, "the service manager is told of a reload")
    checks.check("STATUS=watching: 2 rules active" in manager.next("READY=1"), "and of its end")
    os.chmod(witness, 0o600)
    agent.wait_alerts(lambda alerts: any(alert["rule"] == "Mode" for alert in alerts), "an alert of a hook that came later")


class Held:
    """The agent's deciding thread, stopped alone, by ptrace(2); its other threads run on."""

    LIBC = ctypes.CDLL(None, use_errno=True)
    REGISTERS = 27  # sys/user.h, struct user_regs_struct of x86-64
    RAX, ORIG_RAX, RIP, ARGUMENTS = 10, 15, 16, (14, 13, 12, 7)  # rdi, rsi, rdx, r10
    SEIZE, INTERRUPT, DETACH, GETREGS, SETREGS, SINGLESTEP = 0x4206, 0x4207, 17, 12, 13, 9

    def __init__(self, pid):
        self.pid = pid
        self.LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._ask(self.SEIZE)
        self._ask(self.INTERRUPT)
        os.waitpid(pid, WALL)

    def _ask(self, request, data=None):
        if self.LIBC.ptrace(request, self.pid, None, data) != 0:
            raise support.Failure(f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")

    def let_go(self):
        self._ask(self.DETACH)

    def call(self, number, *arguments):
        """Makes it ask for a system call; nothing, if it did not survive that. It waits in one, so the instruction is there."""
        registers = (ctypes.c_ulonglong * self.REGISTERS)()
        self._ask(self.GETREGS, registers)
        before = type(registers)(*registers)
        registers[self.RIP] -= 2  # of `syscall`
        registers[self.RAX], registers[self.ORIG_RAX] = number, 2**64 - 1
        for place, value in zip(self.ARGUMENTS, arguments):
            registers[place] = value
        self._ask(self.SETREGS, registers)
        self._ask(self.SINGLESTEP)
        _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status):
            return status
        self._ask(self.GETREGS, registers)
        result = ctypes.c_longlong(registers[self.RAX]).value
        self._ask(self.SETREGS, before)
        return result


def check_watchdog(checks, agent, manager):
    """The deciding thread alone stands still: nobody feeds the watchdog in its place."""
    manager.next("WATCHDOG=1")
    held = Held(agent.pid)
    manager.drain(0.2)  # what was on its way
    checks.equal(manager.drain(WATCHDOG_S), [], "messages while the deciding thread stands still")
    held.let_go()
    checks.equal(manager.next("WATCHDOG=1"), "WATCHDOG=1", "and again when it goes on")


def check_filter(checks, agent):
    """From within, as somebody would who has taken the agent over."""
    if os.uname().machine != "x86_64":
        return support.say("  the filter is not asked from within: that part of the test knows x86-64 only")
    brokers = brokers_of(agent.pid)
    for pid in brokers:
        broker = Held(pid)
        checks.equal(broker.call(PRCTL, PR_GET_DUMPABLE), 0, "the broker's memory is not dumped")
        broker.let_go()
    held = Held(agent.pid)
    checks.equal(held.call(GETPID), agent.pid, "a call that it needs")
    checks.equal(held.call(KEYCTL, 0, 2**64 - 3), -EPERM, "one that it does not need")
    checks.equal(held.call(PRCTL, PR_GET_DUMPABLE), 0, "its memory is not dumped")
    checks.equal(held.call(PRCTL, PR_SET_DUMPABLE, 1), -EPERM, "and that cannot be taken back")
    checks.equal(held.call(SOCKET, AF_PACKET, 3), -EPERM, "a socket of a family that it does not need")
    checks.equal(held.call(BPF, BPF_OBJ_PIN, 0, 0), -EPERM, "a command of bpf that it does not need")
    checks.equal(held.call(CLONE, CLONE_NEWUSER), -EPERM, "a child in a namespace of its own")
    checks.equal(held.call(MMAP, 0, 4096, 7, 0x22), -EPERM, "memory that can be written and run")
    ended = held.call(EXECVE, 0, 0, 0)
    checks.check(os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGSYS, f"a call that only an intruder asks for ends it: {ended}")
    checks.check(not os.WCOREDUMP(ended), "without a core")
    agent.child.process.returncode = -signal.SIGSYS  # reaped above
    return support.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in brokers), "the broker ends with it")


def check_off(checks, options, folder, manager):
    config = CONFIG + "hardening: {seccomp: false, capabilities: false}\n"
    with support.Agent(options.tiercel, folder.file("off.yaml", RULES.replace("{witness}", "/dev/null")), config=config, env=manager.environment) as agent:
        mine, status = status_of(os.getpid()), status_of(agent.pid)
        for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
            checks.equal(status[key], mine[key], f"{key} with hardening off")
        checks.equal(agent.status()["hardening"]["dumpable"], True, "its memory may be dumped with hardening off")
        checks.equal(len(brokers_of(agent.pid)), 1, "with hardening off the broker is there for the witness")
        manager.next("READY=1")
    checks.equal(manager.next("STOPPING=1"), "STOPPING=1", "the service manager is told of the stop")


def check_paranoid(checks, options, folder, rules):
    """Where perf events are for CAP_SYS_ADMIN only, the broker asks for them, also for a reload; who has none is told the way out."""
    environment = {**os.environ, "LD_PRELOAD": os.path.join(options.programs, "libparanoid_shim.so")}
    with open(rules, "w", encoding="utf-8") as file:
        file.write(RULES.replace("{witness}", "/dev/null"))
    with support.Agent(options.tiercel, rules, config=CONFIG, env=environment) as agent:
        with open(rules, "a", encoding="utf-8") as file:
            file.write(MORE.replace("{witness}", folder.file("paranoid", "")))
        reloaded = subprocess.run([options.tiercel, "rules", "reload", "--run-dir", agent.run_dir], capture_output=True, text=True, check=False)
        checks.equal(reloaded.returncode, 0, f"a reload on a kernel with paranoid perf events: {reloaded.stdout}{reloaded.stderr}")
        os.chmod(os.path.join(folder.path, "paranoid"), 0o600)
        agent.wait_alerts(lambda alerts: any(alert["rule"] == "Mode" for alert in alerts), "an alert of a hook that came by the broker")
    without = 'mount -t tracefs tracefs /sys/kernel/tracing && exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"'
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", without, "sh", options.tiercel, "run", "--no-manager", "--rules", rules,
            "--config", folder.file("paranoid.yaml", CONFIG), "--run-dir", folder.folder("no-run"), "--state-dir", folder.folder("no-state")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=support.WAIT_S, check=False)
    checks.check(done.returncode == 2 and "kernel.perf_event_paranoid=2" in done.stderr, f"without that capability: {done.returncode} {done.stderr}")


def check_unit(checks):
    with open(UNIT, encoding="utf-8") as file:
        text = file.read()
    allowed = {name.lower() for line in re.findall(r"^CapabilityBoundingSet=(.*)$", text, re.M) for name in re.findall(r"CAP_(\w+)", line)}
    checks.equal(allowed, set(KEPT) | FOR_THE_BROKER, "capabilities of the unit")
    if shutil.which("systemd-analyze") is None:
        support.say("  no systemd-analyze here: the unit's exposure is not looked at")
        return checks.check(not os.environ.get("CI"), "systemd-analyze is not installed")
    said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for tiercel.service: ([\d.]+)", said)
    support.say(f"  the unit's exposure: {found.group(1) if found else said}")
    return checks.check(found is not None and float(found.group(1)) <= EXPOSURE_MAX, f"the unit's exposure is at most {EXPOSURE_MAX}: {said[-300:]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))  # so that it is the agent's doing that there is no core
    checks = support.Checks()
    check_unit(checks)
    with support.Folder("hardening") as folder:
        witness = os.path.join(folder.path, "witness")
        manager = ServiceManager(folder)
        rules = folder.file("rules.yaml", RULES.replace("{witness}", witness))
        with support.Agent(options.tiercel, rules, config=CONFIG, folder=folder, env=manager.environment) as agent:
            checks.check("STATUS=watching: 1 rules active" in manager.next("READY=1"), "the service manager is told that it watches")
            check_given_up(checks, agent)
            check_work(checks, agent, options, rules, folder, witness, manager)
            check_watchdog(checks, agent, manager)
            check_filter(checks, agent)
        check_paranoid(checks, options, folder, rules)
        check_off(checks, options, folder, manager)
    return checks.finish("what the agent gives up")


if __name__ == "__main__":
    support.main(main, "kernel_hardening")
