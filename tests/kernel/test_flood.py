#!/usr/bin/env python3
"""A flood that rules want every event of: what is seen and what is counted as lost add up, by event type and cgroup.

Two programs that know what they did flood from cgroups of their own, with a rule that wants each of their events and a
ring that cannot hold them. (So many as an agent's spool can hold alerts of, or they would be lost there instead.) For each type and cgroup: seen + counted as lost == done. Beside it programs are started by
the thousand, and not one of them may be missed.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from places import sensors_hierarchy  # noqa: E402

RULES = """- rule: Flood
  desc: every event of the flooding programs
  condition: evt.type in (openat, unlinkat) and proc.name = tk_flood
  output: "%evt.type %proc.args"
  priority: NOTICE
- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.name = tk_nop
  output: "%proc.pid"
  priority: NOTICE
"""
CONFIG = "outputs:\n  - type: stdout\nsensor:\n  ring_bulk_size_kb: 64\n"
LABELS = ("first", "second")


class Cgroup:
    """One of the test's own, gone at the end."""

    def __init__(self, label):
        folder, number = sensors_hierarchy()
        self.path = f"{folder}/tiercel-flood-{os.getpid()}-{label}"
        self.number = number

    def __enter__(self):
        os.mkdir(self.path)
        self.id = self.number << 48 | os.stat(self.path).st_ino
        return self

    def __exit__(self, *_):
        support.wait_until(self._gone, f"{self.path} to be empty")

    def _gone(self):
        try:
            os.rmdir(self.path)
        except OSError:
            return False
        return True

    def join(self):
        with open(f"{self.path}/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))


class Tally:
    def __init__(self):
        self.starts = 0
        self.seen = Counter()  # (type, label)

    def take(self, alert):
        if alert["rule"] == "Start":
            self.starts += 1
        elif alert["rule"] == "Flood":
            fields = alert["output_fields"]
            self.seen[fields["evt.type"], fields["proc.args"].split()[0]] += 1


def flood(options, cgroups):
    """Runs both floods and the starts beside them. What each says that it did, and the starts."""
    program = os.path.join(options.programs, "tk_flood")
    floods = [subprocess.Popen([program, label, str(options.opens)], stdout=subprocess.PIPE, preexec_fn=cgroup.join)
              for label, cgroup in zip(LABELS, cgroups)]
    storm = support.Child([os.path.join(options.programs, "tk_storm"), str(options.starts), "2",
                           os.path.join(options.programs, "tk_nop")])
    try:
        done = [json.loads(child.communicate(timeout=300)[0]) for child in floods]
        storm.wait(300)
    finally:
        storm.kill()
        for child in floods:
            child.kill()
            child.wait()
    return done, json.loads(storm.lines[0])["done"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--opens", type=int, default=40_000)
    parser.add_argument("--starts", type=int, default=10_000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, tally = support.Checks(), Tally()
    with support.Folder("flood") as folder, Cgroup(LABELS[0]) as first, Cgroup(LABELS[1]) as second:
        rules = folder.file("rules.yaml", RULES)
        with support.Agent(options.tiercel, rules, config=CONFIG, keep_stdout=False, on_alert=tally.take) as agent:
            done, starts = flood(options, (first, second))
            support.wait_until(lambda: tally.starts >= starts, "the last start", 60, 0.1)
            support.wait_until(lambda: agent.status()["lost"]["kernel"] > 0, "losses to be counted", 10, 0.2)
            # the counts of the kernel are read once a second
            before = None
            while before != (before := agent.status()["lost"]):
                support.wait_until(lambda at=agent.status()["uptime_s"]: agent.status()["uptime_s"] > at + 1, "two seconds")
            lost = {(row["event"], int(row["cgroup"])): row["lost"] for row in before["by_cgroup"]}
            summary = agent.stop()
    rows = []
    for label, cgroup, did in zip(LABELS, (first, second), done):
        for kind, count in did.items():
            seen, missed = tally.seen[kind, label], lost.get((kind, cgroup.id), 0)
            checks.equal(seen + missed, count, f"{kind} in the {label} cgroup: seen {seen} + lost {missed}")
            rows.append([f"{kind}, {label} cgroup", count, seen, missed])
    checks.equal(tally.starts, starts, "starts seen beside the flood")
    checks.check(sum(lost.values()) > 0, "nothing was lost: the test shows nothing")
    checks.equal(sum(lost.values()), before["kernel"], "losses by cgroup, all added up, and losses by type")
    checks.check(not [kind for kind, _ in lost if kind in ("execve", "clone", "fork", "vfork", "procexit")],
                 f"the flood pushed out what must never be: {lost}")
    rows.append(["starts beside", starts, tally.starts, 0])
    support.say(support.table(["what", "done", "seen", "counted as lost"], rows))
    support.say(f"summary: lost {summary['lost']}")
    return checks.finish("flood")


if __name__ == "__main__":
    support.main(main, "kernel_flood")
