#!/usr/bin/env python3
"""A flood from one cgroup does not push out what others do: budgets hold the flooder back, and what they hold back is counted.

Two cgroups: one floods, the other makes 100 marked opens a second. Once with the agent stopped (SIGSTOP), so that the ring
fills up whatever the machine's speed, and once with an agent that reads while each event of the flood matches a rule. Each with
budgets and without. With budgets every mark has to arrive while the agent stands still for two seconds; without, marks are
lost. In all runs, for each event type and cgroup: seen + counted == done. The flood is told when it begins and when it is over.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tiercel as support  # noqa: E402
from test_flood import Cgroup  # noqa: E402

RULES = """- rule: Flood
  desc: every event of the flooding program
  condition: evt.type in (openat, unlinkat) and proc.name = tk_flood and proc.args startswith {label}
  output: "%evt.type"
  priority: NOTICE
- rule: Mark
  desc: every marked open
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: "%fd.name"
  priority: NOTICE
- rule: Start
  desc: every start of the test's program
  condition: evt.type = execve and evt.failed = false and proc.name = tk_nop and proc.args startswith {label}
  output: "%proc.pid"
  priority: NOTICE
"""
CONFIG = "outputs:\n  - type: stdout\nsensor:\n  ring_bulk_size_kb: 4096\n  flood_budget_kb: {budget}\n"
MARKS = 200  # in two seconds
LABEL = f"own-{os.getpid()}"  # other floods are not counted


class Tally:
    def __init__(self):
        self.flood = {"openat": 0, "unlinkat": 0}
        self.marks, self.starts, self.reports = set(), 0, []

    def take(self, alert):
        if alert["rule"] == "Flood":
            self.flood[alert["output_fields"]["evt.type"]] += 1
        elif alert["rule"] == "Mark":
            self.marks.add(alert["output_fields"]["fd.name"])
        elif alert["rule"] == "Start":
            self.starts += 1
        elif alert["rule"] == "Tiercel internal: flood":
            self.reports.append(alert)


def settled(agent):
    """The losses, when they do not grow any more: the kernel's counts are read once a second."""
    before = None
    while before != (before := agent.status()["lost"]):
        support.wait_until(lambda at=agent.status()["uptime_s"]: agent.status()["uptime_s"] > at + 1, "two seconds")
    return before


def run(options, folder, budget, stopped, flooder, quiet):
    """One run: what was done, the tally, and what the agent counted as lost."""
    tally, opens = Tally(), options.opens
    rules = folder.file("rules.yaml", RULES.format(folder=folder.path, label=LABEL))
    with support.Agent(options.tiercel, rules, config=CONFIG.format(budget=budget), keep_stdout=False, on_alert=tally.take) as agent:
        program = os.path.join(options.programs, "tk_flood")
        if stopped:
            agent.child.signal(signal.SIGSTOP)
        children = []
        try:
            flood = subprocess.Popen([program, LABEL, str(opens), "0"], stdout=subprocess.PIPE, preexec_fn=flooder.join)
            children.append(flood)
            time.sleep(0.5)  # the ring fills up
            marks = subprocess.Popen([os.path.join(options.programs, "open_marks"), folder.path, f"{folder.path}/times", "100", str(MARKS), "0"],
                                     preexec_fn=quiet.join)
            children.append(marks)
            starts = 20
            for _ in range(starts):
                subprocess.run([os.path.join(options.programs, "tk_nop"), LABEL], check=True, preexec_fn=flooder.join)
            marks.wait(300)
            agent.child.signal(signal.SIGCONT)
            flooding = flood.poll() is None
            done = json.loads(flood.communicate(timeout=600)[0])
        finally:
            agent.child.signal(signal.SIGCONT)
            for child in children:
                child.kill()
                child.wait()
        support.wait_until(lambda: tally.starts >= starts, "every start", 120, 0.1)
        lost = settled(agent)
        if budget:
            support.wait_until(lambda: any(r["output_fields"]["state"] == "ends" for r in tally.reports), "the end of the flood to be told", 60, 0.2)
        agent.stop()
    return {"done": done, "starts": starts, "tally": tally, "lost": lost, "flooding": flooding}


def judge(checks, name, got, flooder, quiet, budget):
    tally, lost = got["tally"], got["lost"]
    rows = {(row["event"], int(row["cgroup"])): row for row in lost["by_cgroup"]}
    for kind, count in got["done"].items():
        row = rows.get((kind, flooder.id), {"lost": 0, "held_back": 0})
        checks.equal(tally.flood[kind] + row["lost"], count, f"{name}: {kind} of the flood, seen + lost")
        checks.check(budget or row["held_back"] == 0, f"{name}: held back without a budget: {row}")
    missing = MARKS - len(tally.marks)
    counted = sum(row["lost"] for (_, cgroup), row in rows.items() if cgroup == quiet.id)
    checks.check(counted >= missing, f"{name}: {missing} marks are missing, {counted} counted")
    checks.equal(tally.starts, got["starts"], f"{name}: starts of the flooder's cgroup seen")
    checks.equal(sum(row["lost"] for row in rows.values()), lost["kernel"], f"{name}: losses by cgroup and in all")
    checks.check(not [row for (kind, _), row in rows.items() if kind in ("execve", "clone", "fork", "vfork", "procexit")],
                 f"{name}: the flood cost events of processes: {list(rows)}")
    if budget:
        told = [r["output_fields"] for r in tally.reports if r["output_fields"]["cgroup"] == str(flooder.id)]
        held = sum(row["held_back"] for (_, cgroup), row in rows.items() if cgroup == flooder.id)
        checks.equal(sum(int(t["held_back"]) for t in told if t["state"] == "ends"), held, f"{name}: held back, as told at the end")
    return missing, sum(got["done"].values()), lost["held_back"], lost["kernel"] - lost["held_back"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--opens", type=int, default=150_000)
    parser.add_argument("--budget-kb", type=int, default=64)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, rows = support.Checks(), []
    for stopped in (True, False) if support.soak() else (True,):
        for budget in (0, options.budget_kb):
            name = f"{'stopped' if stopped else 'reading'}, {'budget' if budget else 'no budget'}"
            with support.Folder("budget") as folder, Cgroup("flooder") as flooder, Cgroup("quiet") as quiet:
                got = run(options, folder, budget, stopped, flooder, quiet)
                missing, flood, held, other = judge(checks, name, got, flooder, quiet, budget)
            rows.append([name, flood, held, other, MARKS, missing, got["flooding"]])
            if stopped and budget:
                checks.equal(missing, 0, f"{name}: marks missing")
                checks.check(held > 0, f"{name}: nothing was held back: the test shows nothing")
            if stopped and not budget:
                checks.check(missing > MARKS // 2, f"{name}: only {missing} marks missing: the test shows nothing")
    support.say(support.table(["run", "flood", "held back", "lost else", "marks", "missing", "flood outlasted the marks"], rows))
    return checks.finish("budget")


if __name__ == "__main__":
    support.main(main, "kernel_budget")
