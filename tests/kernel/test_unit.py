#!/usr/bin/env python3
"""The systemd unit in a machine with Debian and a real systemd: READY, the sandbox and what works in it all the same, reload,
the watchdog, a restart that reports its gap, a stop. Part of `make soak`: it boots QEMU."""

import argparse
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "attacks")]
import tiercel as support  # noqa: E402

UNIT = os.path.join(HERE, "..", "..", "packaging", "systemd", "tiercel.service")
WANTS = "etc/systemd/system/{}.target.wants/tiercel.service"
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
CONFIG = "heartbeat_interval_s: 0\nself_test_interval_s: 2\noutputs: [{type: stdout, config: {format: json}}, {type: file, config: {path: /var/log/tiercel/alerts.json}}]\n"
# Where the machine looks for what the agent says.
DROP_IN = "[Service]\nStandardOutput=append:/run/tiercel-alerts\nStandardError=append:/run/tiercel-said\n"
# For a failure's text: what it says is on the console, too.
CONSOLE_UNIT = """[Unit]
DefaultDependencies=no

[Service]
ExecStart=/bin/sh -c 'exec tail -n +1 -F /run/tiercel-said >/dev/console 2>/dev/null'
"""
BOOT_S = 900  # emulated, on a machine that has other things to do
KEPT = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 19 | 1 << 38 | 1 << 39


def the_machine(options, folder):
    import machine

    machine.require()
    machine.BOOT_S = BOOT_S

    class UnitMachine(machine.Machine):
        def _brought(self, *given):
            brought = super()._brought(*given)
            del brought[WANTS.format("sysinit")]
            brought[WANTS.format("multi-user")] = (b"/etc/systemd/system/tiercel.service", None, None)
            brought["etc/systemd/system/tiercel.service"] = (None, UNIT, 0o644)
            brought["etc/systemd/system/tiercel.service.d/said.conf"] = (DROP_IN.encode(), None, 0o644)
            brought["etc/systemd/system/console.service"] = (CONSOLE_UNIT.encode(), None, 0o644)
            brought[WANTS.format("multi-user").replace("tiercel.service", "console.service")] = (b"/etc/systemd/system/console.service", None, None)
            brought["etc/tiercel/tiercel.yaml"] = (CONFIG.encode(), None, 0o644)
            brought["etc/tiercel/rules.d/rules.yaml"] = (RULES.encode(), None, 0o644)
            return brought

    return UnitMachine(options.tiercel, [], "", folder, {}, {})


class Unit:
    def __init__(self, machine, checks):
        self.machine, self.checks = machine, checks

    def show(self, *names):
        _, said = self.machine.call("systemctl", "show", "tiercel.service", *[f"-p{name}" for name in names])
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return [found.get(name, "") for name in names]

    def ask(self, *argv):
        status, said = self.machine.call(*argv)
        if status != 0:
            raise support.Failure(f"{' '.join(argv)}: {status} {said}")
        return said.strip()

    def alerts(self, rule):
        return [alert for alert in map(json.loads, list(self.machine.lines)) if alert["rule"] == rule]

    def wait_alert(self, rule, limit_s=support.WAIT_S * 4):
        return support.wait_until(lambda: self.alerts(rule), f"the alert {rule}; the agent said: {self.machine.said()[-1500:]}", limit_s)

    def status_of(self, pid):
        return dict(line.split(":\t", 1) for line in self.ask("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)

    def broker_of(self, pid):
        children = self.ask("cat", f"/proc/{pid}/task/{pid}/children").split()
        return [child for child in children if self.status_of(child)["Name"] == "tiercel-broker"][0]


def check_ready(unit):
    checks = unit.checks
    state, status, pid, watchdog, memory = unit.show("ActiveState", "StatusText", "MainPID", "WatchdogUSec", "MemoryMax")
    checks.equal((state, status, watchdog, memory), ("active", "watching: 2 rules active", "30s", str(1 << 30)), "the unit after its start")
    kernel = unit.status_of(pid)
    checks.equal((int(kernel["CapEff"], 16), int(kernel["CapPrm"], 16), kernel["NoNewPrivs"], kernel["Seccomp"]), (KEPT, KEPT, "1", "2"),
                 "what the agent has of privileges")
    broker = unit.broker_of(pid)
    here, there, host = [unit.ask("readlink", f"/proc/{one}/ns/mnt") for one in (pid, broker, 1)]
    checks.check(here != host and there == host, f"mounts of the agent are its own, of its broker those of pid 1: {here}, {there}, {host}")
    said = unit.ask("systemd-analyze", "security", "--no-pager", "tiercel.service")
    found = re.search(r"Overall exposure level for tiercel.service: ([\d.]+)", said)
    checks.check(found and float(found.group(1)) <= 4.0, f"exposure of the running unit: {said[-200:]}")
    memory, tasks, cpu = unit.show("MemoryCurrent", "TasksCurrent", "CPUUsageNSec")
    support.say(f"  exposure {found.group(1) if found else '?'}; memory {int(memory) >> 20} MiB, {tasks} tasks, {int(cpu) / 1e9:.2f} s of CPU")


def check_work(unit):
    for name in ("victim", "brought"):
        unit.ask("cp", "/usr/bin/sleep", f"/srv/{name}")
    begun = time.monotonic()
    unit.machine.call("/srv/victim", "60")
    unit.checks.check(time.monotonic() - begun < 50, "a response killed a process")
    unit.machine.call("/srv/brought", "0.2")
    unit.wait_alert("Brought started")
    support.wait_until(lambda: unit.machine.call("ls", "/etc/changed-by-a-program")[0] == 0, "a response's program changed the system")
    support.wait_until(lambda: unit.machine.call("ls", "/srv/brought")[0] != 0, "a response took a file away")
    unit.checks.equal(unit.machine.call("ls", "/var/log/tiercel/alerts.json")[0], 0, "the unit's folder for logs has the alerts")


def check_reload(unit):
    unit.checks.equal(unit.machine.call("systemctl", "reload", "tiercel.service")[0], 0, "systemctl reload")
    unit.ask("sh", "-c", "echo '- rule: [' > /etc/tiercel/rules.d/z.yaml")
    unit.checks.check(unit.machine.call("systemctl", "reload", "tiercel.service")[0] != 0, "systemctl reload with a mistake fails")
    unit.ask("rm", "/etc/tiercel/rules.d/z.yaml")
    unit.ask("systemctl", "reload", "tiercel.service")
    unit.checks.equal(unit.show("ActiveState", "StatusText", "NRestarts"), ["active", "watching: 2 rules active", "0"], "the unit after reloads")


def check_watchdog(unit):
    """Stopped, it judges nothing and feeds no watchdog."""
    before, = unit.show("MainPID")
    begun = time.monotonic()
    unit.ask("kill", "-STOP", before)

    def again():
        restarts, state, pid = unit.show("NRestarts", "ActiveState", "MainPID")
        return restarts == "1" and state == "active" and pid != before

    support.wait_until(again, "a new agent in the place of one that stands still", 240, 0.2)
    support.say(f"  stopped, ended by the watchdog and watching again after {time.monotonic() - begun:.1f} s")
    gap = unit.wait_alert("Tiercel internal: gap")[-1]
    support.say(f"  {gap['output']}")
    pid, = unit.show("MainPID")
    unit.checks.equal(unit.status_of(pid)["Seccomp"], "2", "the new agent's filter")
    _, journal = unit.machine.call("journalctl", "-u", "tiercel", "--no-pager", "-o", "cat")
    unit.checks.check("Watchdog timeout" in journal, f"the journal says why: {journal[-500:]}")


def check_stop(unit):
    begun = time.monotonic()
    unit.ask("systemctl", "stop", "tiercel.service")
    support.say(f"  a stop takes {time.monotonic() - begun:.1f} s")
    state, result = unit.show("ActiveState", "Result")
    unit.checks.equal((state, result), ("inactive", "success"), "the unit after a stop")
    _, left = unit.machine.call("sh", "-c", "cat /proc/[0-9]*/comm | grep -c tiercel")
    unit.checks.equal(left.strip(), "0", "processes that are left")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    checks = support.Checks()
    with support.Folder("unit") as folder:
        machine = the_machine(options, folder)
        try:
            unit = Unit(machine, checks)
            check_ready(unit)
            check_work(unit)
            check_reload(unit)
            check_watchdog(unit)
            check_stop(unit)
        finally:
            machine.kill()
    return checks.finish("the systemd unit")


if __name__ == "__main__":
    support.main(main, "kernel_unit")
