#!/usr/bin/env python3
"""Short-lived processes and threads by the thousand (a million in the long form): memory stays flat, no child is seen
before the fork that made it, and a child whose parent has gone belongs to whoever took it."""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tiercel as support  # noqa: E402
from test_order import Memory  # noqa: E402

RULES = """- rule: Creation
  desc: the parent's side of every fork of the program
  condition: evt.type in (fork, vfork, clone, clone3) and proc.name = tk_brood and evt.rawres > 0
  output: "%evt.rawres"
  priority: NOTICE
- rule: Open
  desc: the child's first event
  condition: evt.type = openat and proc.name = tk_brood
  output: "%proc.pid %proc.ppid"
  priority: NOTICE
"""


class Tally:
    """Judges alerts as they come."""

    def __init__(self):
        self.made = set()  # children that were announced and have not opened yet
        self.creations = self.opens = self.early = 0
        self.parents = set()

    def take(self, alert):
        fields = alert["output_fields"]
        if alert["rule"] == "Creation":
            self.creations += 1
            self.made.add(fields["evt.rawres"])
        elif alert["rule"] == "Open":
            self.opens += 1
            self.parents.add(fields["proc.ppid"])
            if fields["proc.pid"] in self.made:
                self.made.discard(fields["proc.pid"])
            else:
                self.early += 1


QUIET_RULES = """- rule: Nothing
  desc: asks for everything that the program does and matches none of it
  condition: evt.type in (fork, vfork, clone, clone3, openat) and proc.name = tk_brood and evt.rawres = -77
  output: "%evt.rawres"
  priority: NOTICE
"""


def run_brood(options, processes, threads):
    """Status, pid and what it says that it did."""
    brood = support.Child([os.path.join(options.programs, "tk_brood"), str(processes), str(threads)])
    try:
        status = brood.wait(60 + (processes + threads) / 500)
    finally:
        brood.kill()
    return status, brood.pid, json.loads(brood.lines[0])


def order(options, checks, folder):
    tally = Tally()
    with support.Agent(options.tiercel, folder.file("rules.yaml", RULES), keep_stdout=False, on_alert=tally.take) as agent:
        status, pid, did = run_brood(options, options.seen, options.seen)
        wanted = did["processes"] + did["threads"]
        support.wait_until(lambda: tally.creations >= wanted and tally.opens >= did["processes"], "the last alerts", 60, 0.1)
        summary = agent.stop()
    checks.equal(status, 0, "exit status")
    checks.equal(tally.creations, wanted, "creations seen, threads too")
    checks.equal(tally.opens, did["processes"], "children seen")
    checks.equal(tally.early, 0, "children seen before the fork that made them")
    checks.equal(tally.parents, {pid}, "parents of the children")
    checks.equal(summary["lost"], 0, "lost")
    return [["processes", did["processes"], tally.opens], ["creations", wanted, tally.creations]]


def flat(options, checks, folder):
    """Without alerts, which would wait for whoever reads them: what is left is what the agent keeps of the dead."""
    with support.Agent(options.tiercel, folder.file("quiet.yaml", QUIET_RULES)) as agent:
        memory = Memory(agent)
        memory.start()
        status, _, did = run_brood(options, options.processes, options.threads)
        # the dead are kept for two seconds: a short run ends while their number still grows
        memory.judge(checks, 3 << 20 if support.soak() else 16 << 20)
        summary = agent.stop()
    checks.equal(status, 0, "exit status")
    # both sides of each creation, the child's open
    wanted = 3 * did["processes"] + 2 * did["threads"]
    checks.check(summary["events seen"] >= wanted, f"{summary['events seen']} events seen, {wanted} made")
    checks.equal(summary["lost"], 0, "lost")
    return [["short lives for memory's sake", did["processes"] + did["threads"], did["processes"] + did["threads"]]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--seen", type=int, default=10_000, help="of each, with an alert for every one")
    parser.add_argument("--processes", type=int, default=500_000 if support.soak() else 20_000)
    parser.add_argument("--threads", type=int, default=500_000 if support.soak() else 20_000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("brood") as folder:
        rows = order(options, checks, folder) + flat(options, checks, folder)
    support.say(support.table(["what", "done", "seen"], rows))
    return checks.finish("brood")


if __name__ == "__main__":
    support.main(main, "kernel_brood")
