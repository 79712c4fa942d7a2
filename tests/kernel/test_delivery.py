#!/usr/bin/env python3
"""From the kernel to the manager: each alert once in normal running, none lost across a manager that is killed.

The dev-manager prints each event verbatim; its lines are compared byte for byte with the local file's. Then it is killed
with SIGKILL while alerts come at --rate a second, is away for --outage seconds and comes back on the same ports: every
alert must arrive (by its id); repeats are counted and reported, and must be byte-identical too.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

# Beside the alerts of this rule nothing is sent: other processes' opens do not match.
RULES = """- rule: Marked open
  desc: a file that only this test names
  condition: evt.type = openat and fd.name startswith {folder}/mark-
  output: "marked file %fd.name opened by %proc.name (%proc.cmdline) flags=%evt.arg.flags"
  priority: WARNING
  tags: [mitre_discovery, T1083]
"""
CONFIG = """outputs:
  - type: file
    config: {{path: {file}}}
  - type: wazuh
    config: {{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}}}
wazuh:
  agent_name: tiercel-delivery-test
heartbeat_interval_s: 0
"""


class Marks:
    """Opens marked files (that do not exist) at a steady rate; each has a number of its own."""

    def __init__(self, folder, rate):
        self.folder, self.rate, self.made = folder, rate, 0

    def one(self):
        try:
            os.close(os.open(f"{self.folder}/mark-{self.made}", os.O_RDONLY))
        except FileNotFoundError:
            pass
        self.made += 1

    def burst(self, count):
        for _ in range(count):
            self.one()

    def steadily(self, seconds):
        begun, first = time.monotonic(), self.made
        while (passed := time.monotonic() - begun) < seconds:
            for _ in range(int(passed * self.rate) - (self.made - first)):
                self.one()
            time.sleep(0.01)


class Arrivals:
    """What the dev-manager printed, by the alert's id."""

    def __init__(self, manager):
        self.manager, self.at, self.by_id, self.changed, self.foreign = manager, 0, {}, [], []
        self.count = Counter()

    def read(self):
        lines = self.manager.lines
        while self.at < len(lines):
            line = lines[self.at]
            self.at += 1
            begin = line.find(b'"decoder":"tiercel","event":')
            if begin < 0 or not line.endswith(b"}}"):
                self.foreign.append(line)  # the agent's own messages
                continue
            event = line[begin + len(b'"decoder":"tiercel","event":'):-1]
            ident = json.loads(event)["tiercel"]["id"]
            self.count[ident] += 1
            if self.by_id.setdefault(ident, event) != event:
                self.changed.append(ident)
        return self

    def has(self, idents):
        self.read()
        return all(ident in self.by_id for ident in idents)


def local_lines(path):
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    return {json.loads(line)["tiercel"]["id"]: line for line in lines if line}


def wait_local(path, count):
    support.wait_until(lambda: len(local_lines(path)) >= count, f"{count} alerts in the local file", 30, 0.1)
    return local_lines(path)


def compare(checks, arrivals, local, what):
    arrivals.read()
    missing = [ident for ident in local if ident not in arrivals.by_id]
    checks.check(not missing, f"{what}: {len(missing)} of {len(local)} alerts did not arrive, first {missing[:3]}")
    unlike = [ident for ident, line in local.items() if arrivals.by_id.get(ident, line) != line]
    checks.check(not unlike, f"{what}: {len(unlike)} alerts differ from the local file's line, first {unlike[:3]}")
    checks.equal(sorted(set(arrivals.by_id) - set(local)), [], f"{what}: alerts that the local file does not have")
    checks.equal(arrivals.changed, [], f"{what}: repeats that are not byte-identical")


def killed(options, checks, manager, marks, path, arrivals):
    begun = time.monotonic()
    marks.steadily(options.before)
    manager.kill()
    support.say(f"  the manager is killed after {marks.made} alerts; away for {options.outage:.0f} s")
    marks.steadily(options.outage)
    manager.start()
    back = time.monotonic()
    marks.steadily(options.after)
    local = wait_local(path, marks.made)
    try:
        support.wait_until(lambda: arrivals.has(local), "the last alert at the manager", options.patience, 0.1)
    except support.Failure as failure:
        support.say(f"  {failure}")
    all_there_s = time.monotonic() - back
    compare(checks, arrivals, local, "across the kill")
    checks.equal(len(local), marks.made, "alerts in the local file")
    repeats = sum(count - 1 for count in arrivals.count.values())
    return len(local), repeats, all_there_s, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--alerts", type=int, default=1000, help="in normal running")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--outage", type=float, default=30 if support.soak() else 8)
    parser.add_argument("--before", type=float, default=3)
    parser.add_argument("--after", type=float, default=3)
    parser.add_argument("--patience", type=float, default=90, help="seconds after the return until all must be there")
    parser.add_argument("--unfriendly", action="store_true", help="a manager that stalls and splits frames")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, rows = support.Checks(), []
    with support.Folder("delivery") as folder:
        path = os.path.join(folder.path, "alerts.json")
        rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
        with support.DevManager(options.tiercel, folder, ["--unfriendly"] if options.unfriendly else []) as manager:
            config = CONFIG.format(file=path, port=manager.port, enrol_port=manager.enrol_port)
            with support.Agent(options.tiercel, rules, config=config, manager=True, json_lines=False) as agent:
                connected = support.wait_until(lambda: (s := agent.status()["manager"])["connected"] and s, "the session", 30, 0.05)
                support.say(f"connected {time.monotonic() - agent.child.started:.2f} s after the start, agent {connected['agent_id']}")
                arrivals, marks = Arrivals(manager), Marks(folder.path, options.rate)
                begun = time.monotonic()
                marks.burst(options.alerts // 2)
                marks.steadily(options.alerts / 2 / options.rate)
                local = wait_local(path, marks.made)
                support.wait_until(lambda: arrivals.has(local), "every alert at the manager", 30, 0.05)
                compare(checks, arrivals, local, "in normal running")
                more_than_once = [ident for ident, count in arrivals.count.items() if count != 1]
                checks.equal(more_than_once, [], "alerts that came more than once in normal running")
                rows.append(["normal running", len(local), len(arrivals.by_id), 0, f"{time.monotonic() - begun:.1f}", "-"])
                made, repeats, back_s, took_s = killed(options, checks, manager, marks, path, arrivals)
                rows.append([f"killed, away {options.outage:.0f} s", made - len(local), len(arrivals.by_id) - len(local), repeats,
                             f"{took_s:.1f}", f"{back_s:.1f}"])
                try:
                    support.wait_until(lambda: agent.status()["manager"]["confirmed"] >= made, "the last confirmation", 30, 0.2)
                except support.Failure as failure:
                    checks.check(False, str(failure))
                status = agent.status()
                summary = agent.stop()
            manager.stop()
    checks.equal(summary["lost"], 0, "lost")
    checks.check(not any(b"Tiercel internal" in line for line in manager.lines), "the agent reported a loss")
    support.say(support.table(["phase", "alerts", "arrived", "repeats", "seconds", "all there after the return"], rows))
    support.say(f"the agent: {status['manager']['sent']} sent, {status['manager']['confirmed']} confirmed, "
                f"{summary['lost']} lost, stop took {agent.stop_s:.2f} s")
    return checks.finish("delivery")


if __name__ == "__main__":
    support.main(main, "kernel_delivery")
