#!/usr/bin/env python3
"""The systemd unit under a real systemd: READY, the sandbox and what works in it all the same, reload, the watchdog, a restart
that reports its gap, a mistake in the configuration, a stop. On this kernel, with a systemd in namespaces (booted.py); with
--machine in QEMU, a Debian that has its kernel to itself, where a response by pid is seen, too (`make soak`)."""

import argparse
import json
import os
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "attacks")]
import booted  # noqa: E402
import places  # noqa: E402
import tiercel as support  # noqa: E402

UNIT = os.path.join(HERE, "..", "..", "packaging", "systemd", "tiercel.service")
WANTS = "etc/systemd/system/{}.target.wants/tiercel.service"
LOG = "/var/log/tiercel/alerts.json"
RULES = """- rule: Victim started
  desc: what a response kills
  condition: evt.type in (execve, execveat) and proc.exepath = /srv/victim
  output: "%proc.cmdline"
  priority: NOTICE
- rule: Brought started
  desc: what a response takes away
  condition: evt.type in (execve, execveat) and proc.exepath = /srv/brought
  output: "%proc.cmdline"
  priority: NOTICE
- rule: Kill it
  condition: rule.name = "Victim started"
  action: {type: kill}
- rule: Take it away
  condition: rule.name = "Brought started"
  action: {type: quarantine}
- rule: Change the system
  condition: rule.name = "Brought started"
  action: {type: exec, program: [/usr/bin/touch, /etc/changed-by-a-program]}
"""
CONFIG = f"heartbeat_interval_s: 0\nself_test_interval_s: 2\noutputs: [{{type: file, config: {{path: {LOG}}}}}]\n"
FILES = {"etc/tiercel/tiercel.yaml": CONFIG, "etc/tiercel/rules.d/rules.yaml": RULES}
# Where the machine looks for the agent's first words.
DROP_IN = "[Service]\nStandardError=append:/run/tiercel-said\n"
# For a failure's text: what it says is on the console, too.
CONSOLE_UNIT = """[Unit]
DefaultDependencies=no

[Service]
ExecStart=/bin/sh -c 'exec tail -n +1 -F /run/tiercel-said >/dev/console 2>/dev/null'
"""
KILLS = 6  # systemd's own limit is five starts in 10 s
BOOT_S = 900  # emulated, on a machine that has other things to do
KEPT = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 19 | 1 << 38 | 1 << 39


def machine_of(options, folder):
    import machine

    machine.require()
    machine.BOOT_S = BOOT_S

    class UnitMachine(machine.Machine):
        def _brought(self, *given):
            brought = super()._brought(*given)
            del brought[WANTS.format("sysinit")]
            brought["etc/systemd/system/tiercel.service"] = (None, UNIT, 0o644)
            brought["etc/systemd/system/tiercel.service.d/said.conf"] = (DROP_IN.encode(), None, 0o644)
            brought["etc/systemd/system/console.service"] = (CONSOLE_UNIT.encode(), None, 0o644)
            for name in ("tiercel", "console"):
                brought[WANTS.format("multi-user").replace("tiercel", name)] = (f"/etc/systemd/system/{name}.service".encode(), None, None)
            brought.update({name: (text.encode(), None, 0o644) for name, text in FILES.items()})
            return brought

    return UnitMachine(options.tiercel, [], "", folder, {}, {})


def root_of(options, folder):
    """A Debian root with the program and its unit, before systemd is started in it."""
    root = booted.overlay(booted.clean_root(), folder, "root")
    shutil.copy(options.tiercel, root + "/usr/bin/tiercel")
    shutil.copy(UNIT, root + "/etc/systemd/system/tiercel.service")
    for name, text in FILES.items():
        os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
        with open(f"{root}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    os.makedirs(f"{root}/etc/systemd/system/multi-user.target.wants", exist_ok=True)
    os.symlink("/etc/systemd/system/tiercel.service", f"{root}/{WANTS.format('multi-user')}")
    return root


class Unit:
    """`place`: a machine, or a systemd in namespaces: what runs commands beside the unit."""

    def __init__(self, place, checks):
        self.place, self.checks = place, checks

    def show(self, *names):
        said = self.ask("systemctl", "show", "tiercel.service", *[f"-p{name}" for name in names])
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return [found.get(name, "") for name in names]

    def ask(self, *argv):
        status, said = self.place.call(*argv)
        if status != 0:
            raise support.Failure(f"{' '.join(argv)}: {status} {said}; the journal: {self.journal()[-1500:]}")
        return said.strip()

    def fails(self, *argv):
        return self.place.call(*argv)[0] != 0

    def journal(self):
        """And what the agent says, which goes to a file in the machine."""
        return self.place.call("sh", "-c", "journalctl --sync; journalctl -u tiercel --no-pager -o cat; cat /run/tiercel-said 2>/dev/null")[1]

    def alerts(self, rule):
        status, said = self.place.call("cat", LOG)
        lines = said.splitlines() if status == 0 else []
        return [alert for alert in (json.loads(line)["tiercel"] for line in lines) if alert["rule"] == rule]

    def wait_alert(self, rule, limit_s=support.WAIT_S * 4):
        try:
            return support.wait_until(lambda: self.alerts(rule), f"the alert {rule}", limit_s, 0.2)
        except support.Failure as failure:
            raise support.Failure(f"{failure}; the journal: {self.journal()[-1500:]}") from None

    def wait_state(self, *wanted):
        """ActiveState, number of restarts."""
        def there():
            now = tuple(self.show("ActiveState", "NRestarts"))
            if now[0] == "failed":
                raise support.Failure(f"the unit failed; the journal: {self.journal()[-1500:]}")
            return now == wanted

        support.wait_until(there, f"the unit to be {wanted}", 240, 0.2)

    def status_of(self, pid):
        return dict(line.split(":\t", 1) for line in self.ask("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)

    def broker_of(self, pid):
        children = self.ask("cat", f"/proc/{pid}/task/{pid}/children").split()
        return [child for child in children if self.status_of(child)["Name"] == "tiercel-broker"][0]


def check_ready(unit):
    checks = unit.checks
    unit.wait_state("active", "0")
    status, pid, watchdog, memory = unit.show("StatusText", "MainPID", "WatchdogUSec", "MemoryMax")
    checks.equal((status, watchdog, memory), ("watching: 2 rules active", "30s", str(1 << 30)), "the unit after its start")
    kernel = unit.status_of(pid)
    checks.equal((int(kernel["CapEff"], 16), int(kernel["CapPrm"], 16), kernel["NoNewPrivs"], kernel["Seccomp"]), (KEPT, KEPT, "1", "2"),
                 "what the agent has of privileges")
    broker = unit.broker_of(pid)
    here, there, host = [unit.ask("readlink", f"/proc/{one}/ns/mnt") for one in (pid, broker, 1)]
    checks.check(here != host and there == host, f"mounts of the agent are its own, of its broker those of pid 1: {here}, {there}, {host}")
    said = unit.ask("systemd-analyze", "security", "--no-pager", "tiercel.service")
    found = re.search(r"Overall exposure level for tiercel.service: ([\d.]+)", said)
    checks.check(found and float(found.group(1)) <= 4.0, f"exposure of the running unit: {said[-200:]}")
    memory, tasks, cpu = unit.show("MemoryCurrent", "TasksCurrent", "CPUUsageNSec")  # "[not set]": without controllers of cgroup v2
    support.say(f"  exposure {found.group(1) if found else '?'}; memory {memory} bytes, {tasks} tasks, {cpu} ns of CPU")


def check_files(unit):
    """What the agent's own mounts let it write, and what not."""
    pid, = unit.show("MainPID")
    for folder, writable in (("/etc", False), ("/usr/bin", False), ("/root", False), ("/srv", False), ("/var/lib/tiercel", True), ("/var/log/tiercel", True),
                             ("/run/tiercel", True)):
        status, said = unit.place.call("nsenter", "--target", pid, "--mount", "--", "/usr/bin/touch", f"{folder}/probe")
        unit.checks.check((status == 0) == writable and (writable or "Read-only" in said), f"the agent's {folder} is {'' if writable else 'not '}for writing: {status} {said}")
        if writable:
            unit.ask("rm", f"{folder}/probe")


def check_work(unit):
    for name in ("victim", "brought"):
        unit.ask("cp", "/usr/bin/sleep", f"/srv/{name}")
    unit.place.call("/srv/brought", "0.2")
    unit.wait_alert("Brought started")
    support.wait_until(lambda: not unit.fails("ls", "/etc/changed-by-a-program"), "a response's program changed the system")
    support.wait_until(lambda: unit.fails("ls", "/srv/brought"), "a response took a file away")


def check_kill(unit):
    begun = time.monotonic()
    unit.place.call("/srv/victim", "60")
    unit.checks.check(time.monotonic() - begun < 50, "a response killed a process")


def check_reload(unit):
    unit.ask("systemctl", "reload", "tiercel.service")
    unit.ask("sh", "-c", "echo '- rule: [' > /etc/tiercel/rules.d/z.yaml")
    unit.checks.check(unit.fails("systemctl", "reload", "tiercel.service"), "systemctl reload with a mistake fails")
    unit.ask("rm", "/etc/tiercel/rules.d/z.yaml")
    unit.ask("systemctl", "reload", "tiercel.service")
    unit.checks.equal(unit.show("ActiveState", "StatusText", "NRestarts"), ["active", "watching: 2 rules active", "0"], "the unit after reloads")


def check_watchdog(unit):
    """Stopped, it judges nothing and feeds no watchdog."""
    before, = unit.show("MainPID")
    begun = time.monotonic()
    unit.ask("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "tiercel.service")
    unit.wait_state("active", "1")
    support.say(f"  stopped, ended by the watchdog and watching again after {time.monotonic() - begun:.1f} s")
    gap = unit.wait_alert("Tiercel internal: gap")[-1]
    support.say(f"  {gap['output']}")
    pid, = unit.show("MainPID")
    unit.checks.check(pid != before and unit.fails("ls", f"/proc/{before}"), f"another agent runs: {before}, {pid}")
    unit.checks.equal(unit.status_of(pid)["Seccomp"], "2", "the new agent's filter")
    unit.checks.check("Watchdog timeout" in unit.journal(), f"the journal says why: {unit.journal()[-500:]}")


def check_killed(unit):
    """However often."""
    for number in range(2, 2 + KILLS):
        before, = unit.show("MainPID")
        unit.ask("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "tiercel.service")
        unit.wait_state("active", str(number))
        unit.checks.check(unit.show("MainPID") != [before], "another agent runs after one that was killed")
    unit.checks.equal(unit.show("StartLimitIntervalUSec"), ["0"], "the time in which starts are counted")


def names_left(unit):
    _, names = unit.place.call("sh", "-c", "cat /proc/[0-9]*/comm | grep tiercel; :")
    return set(names.split())


def check_stop(unit):
    begun = time.monotonic()
    unit.ask("systemctl", "stop", "tiercel.service")
    support.say(f"  a stop takes {time.monotonic() - begun:.1f} s")
    state, result = unit.show("ActiveState", "Result")
    unit.checks.equal((state, result), ("inactive", "success"), "the unit after a stop")
    last = unit.journal().rpartition("Stopping tiercel.service")[2]
    unit.checks.check("Deactivated successfully" in last, f"systemd's word for a stop: {last}")
    left = names_left(unit)
    unit.checks.equal(left - {"tiercel-detach"}, set(), "processes that are left, but for those that close the hooks")
    support.wait_until(lambda: not names_left(unit), "the kernel to have taken the hooks away", 60)


def check_mistake(unit):
    """The user's mistake is told once, not every second."""
    unit.ask("sh", "-c", "cp /etc/tiercel/tiercel.yaml /root/; echo 'outputs: [' > /etc/tiercel/tiercel.yaml")
    unit.checks.check(unit.fails("systemctl", "start", "tiercel.service"), "a start with a mistake in the configuration fails")
    state, result, code, restarts = unit.show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    unit.checks.equal((state, result, code, restarts), ("failed", "exit-code", "1", "0"), "the unit after a mistake")
    unit.checks.check("/etc/tiercel/tiercel.yaml:" in unit.journal(), f"the journal says where: {unit.journal()[-500:]}")
    unit.ask("cp", "/root/tiercel.yaml", "/etc/tiercel/tiercel.yaml")
    unit.ask("systemctl", "start", "tiercel.service")
    unit.checks.equal(unit.show("ActiveState", "StatusText"), ["active", "watching: 2 rules active"], "the unit after the mistake is mended")


def check_all(unit, by_pid):
    check_ready(unit)
    check_files(unit)
    check_work(unit)
    if by_pid:
        check_kill(unit)
    check_reload(unit)
    check_watchdog(unit)
    check_killed(unit)
    check_stop(unit)
    check_mistake(unit)
    check_stop(unit)


def in_namespaces(options, checks):
    support.require_kernel_tests()
    places.own_mounts()
    with booted.Scratch("unit") as folder, booted.Booted(root_of(options, folder)) as place:
        support.say(f"  systemd is up after {place.up_s:.1f} s")
        check_all(Unit(place, checks), by_pid=False)


def in_machine(options, checks):
    with support.Folder("unit") as folder:
        machine = machine_of(options, folder)
        try:
            check_all(Unit(machine, checks), by_pid=True)
        finally:
            machine.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs")
    parser.add_argument("--machine", action="store_true", help="in QEMU")
    options = parser.parse_args()
    checks = support.Checks()
    (in_machine if options.machine else in_namespaces)(options, checks)
    return checks.finish("the systemd unit")


if __name__ == "__main__":
    support.main(main, "kernel_unit")
