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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--processes", type=int, default=500_000 if support.soak() else 10_000)
    parser.add_argument("--threads", type=int, default=500_000 if support.soak() else 10_000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, tally = support.Checks(), Tally()
    with support.Folder("brood") as folder:
        rules = folder.file("rules.yaml", RULES)
        with support.Agent(options.tiercel, rules, keep_stdout=False, on_alert=tally.take) as agent:
            memory = Memory(agent)
            memory.start()
            brood = support.Child([os.path.join(options.programs, "tk_brood"), str(options.processes), str(options.threads)])
            try:
                status = brood.wait(60 + (options.processes + options.threads) / 500)
                pid = brood.pid
            finally:
                brood.kill()
            did = json.loads(brood.lines[0])
            wanted = did["processes"] + did["threads"]
            support.wait_until(lambda: tally.creations >= wanted and tally.opens >= did["processes"], "the last alerts", 60, 0.1)
            memory.judge(checks)
            known = agent.status()["memory"]["processes"]
            summary = agent.stop()
    checks.equal(status, 0, "exit status")
    checks.equal(tally.creations, wanted, "creations seen, threads too")
    checks.equal(tally.opens, did["processes"], "children seen")
    checks.equal(tally.early, 0, "children seen before the fork that made them")
    checks.equal(tally.parents, {pid}, "parents of the children")
    checks.equal(summary["lost"], 0, "lost")
    support.say(support.table(["what", "done", "seen"], [["processes", did["processes"], tally.opens],
                                                         ["creations", wanted, tally.creations]]))
    support.say(f"{known} processes known at the end")
    return checks.finish("brood")


if __name__ == "__main__":
    support.main(main, "kernel_brood")
