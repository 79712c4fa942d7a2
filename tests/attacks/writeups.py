#!/usr/bin/env python3
"""Published reports on attacks, re-enacted (writeups/*.yaml), beside an agent with all rules: which steps raise an alert of
WARNING or above, and by which rules. A miss is no failure of the run: it is what this is for."""

import argparse
import contextlib
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import benign  # noqa: E402
import rooms  # noqa: E402
import run as attacks  # noqa: E402
import scenarios as scenario_files  # noqa: E402
import tiercel as support  # noqa: E402
import yaml  # noqa: E402

FOLDER = os.path.join(HERE, "writeups")


def read_steps():
    found = []
    for name in sorted(os.listdir(FOLDER)):
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            for at, report in enumerate(yaml.safe_load(file), 1):
                for number, step in enumerate(report["steps"], 1):
                    path = os.path.join(scenario_files.FOLDER, "writeups", f"{os.path.splitext(name)[0]}_{at}.yaml")
                    found.append((report["report"], scenario_files.Scenario(path, None, "step", number, step)))
    return found


def judged(alerts):
    """("hit", "notice" or "MISS", the rules): a hit is what somebody looks at, WARNING or above."""
    told = {a["rule"] for a in alerts if benign.ORDER.index(a["priority"]) <= benign.ORDER.index("Warning")}
    noticed = {a["rule"] for a in alerts if a["priority"] == "Notice"}
    return ("hit", sorted(told)) if told else ("notice", sorted(noticed)) if noticed else ("MISS", [])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--rules", nargs="*", help="instead of those that are shipped")
    parser.add_argument("--only", nargs="*", help="words; the reports that hold one")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    support.require_kernel_tests()
    rooms.SCRIPT_S = benign.WORK_S
    steps = [(report, s) for report, s in read_steps() if not options.only or any(word in report for word in options.only)]
    rows, hits, notices = [], {}, 0
    with contextlib.ExitStack() as stack:
        lab = attacks.Lab(options, [s for _, s in steps], stack)
        for report, step in steps:
            alerts, said = lab.play(step)
            verdict, rules = judged(alerts)
            rows.append([report, step.name, verdict, ", ".join(rules)])
            hits.setdefault(report, []).append(verdict == "hit")
            notices += verdict == "notice"
            if options.verbose or verdict == "MISS":
                support.say(f"{verdict}: {report}: {step.name}: said " + " / ".join(said.strip().splitlines()[-4:])[-300:])
        lab.stop()
    support.say(support.table(["report", "step", "", "rules"], rows))
    support.say(f"reports with at least one step hit: {sum(any(h) for h in hits.values())} of {len(hits)}; "
                f"with every step hit: {sum(all(h) for h in hits.values())}; steps hit: {sum(sum(h) for h in hits.values())} of {len(steps)}, "
                f"and {notices} by a NOTICE alone")
    return 0


if __name__ == "__main__":
    support.main(main, "writeups")
