#!/usr/bin/env python3
"""As many file events as two processes can make, with a file among them that a rule names, opened at a steady pace: every
one of these alerts, and each open is told, filtered or counted as lost.

The opens are made by a call that the C library does not make (open on x86-64, openat2 elsewhere), so that what the kernel
counts of that type is theirs; what others on the host (and the agent's own canaries) add is shown. All three run in one
cgroup, so that the budget of a cgroup that floods holds for the marked ones, too; --apart: in cgroups of their own.
A full run fails when a marked open is missing; a quick one where it is not counted as lost either.
"""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from paces import EVENTS, Paces  # noqa: E402
from places import Cgroups  # noqa: E402
from sensors import ROOT, Tiercel, add_arguments, difference, write_json  # noqa: E402

RULES = """- rule: Marked file
  desc: the one that matters among those that do not
  condition: evt.type in (open, openat, openat2) and fd.name = {path} and evt.rawres >= 0
  output: "marked (file=%fd.name command=%proc.cmdline)"
  priority: NOTICE
"""
MARKS_PER_S = 100
FLOODERS = 2
PATIENCE_S = 30


def flood(options, sensor, folder, marked, seen):
    with Cgroups() as cgroups, Paces(options, cgroups) as paces:
        flooders = cgroups.make(f"/tiercel-bench-{os.getpid()}-flood")
        other = cgroups.make(f"/tiercel-bench-{os.getpid()}-marks") if options.apart else flooders
        for _ in range(FLOODERS):
            paces.add(flooders, "open", folder.file("harmless", ""), 0, options.seconds)
        paces.add(other, "open", marked, MARKS_PER_S, options.seconds)
        before = {event: sensor.counts(event) for event in EVENTS}
        cpu_s, begun = sensor.cpu_s(), time.monotonic()
        told = paces.run(options.seconds)
        event = told[0]["event"]
        made, marks = sum(one["done"] for one in told), told[-1]["done"]
        cpu_s, took_s = sensor.cpu_s() - cpu_s, time.monotonic() - begun
    counts = settled(lambda: (difference(sensor.counts(event), before[event]), seen[0]))[0]
    return {"event": event, "made": made, "per_s": sum(one["done"] / one["seconds"] for one in told[:-1]), "marks": marks, "alerts": seen[0],
            "counts": counts, "cpu_share": cpu_s / took_s, "seconds": options.seconds}


def settled(look):
    """When it is the same for three seconds: the kernel's counts are read once a second."""
    last, since, end = look(), time.monotonic(), time.monotonic() + PATIENCE_S
    while time.monotonic() - since < 3 and time.monotonic() < end:
        time.sleep(0.5)
        now = look()
        if now != last:
            last, since = now, time.monotonic()
    return last


def table(got):
    counts = got["counts"]
    rest = [[f"of them {what.replace('_', ' ')}", f"{count:,}"] for what, count in counts.items() if what not in ("all", "told", "lost")]
    return support.table(["flood of opens", ""], [
        ["made", f"{got['made']:,}, {got['per_s']:,.0f}/s"], ["of them told to user space", f"{counts['told']:,}"],
        ["of them lost", f"{counts['lost']:,}"], *rest, ["besides, of others on the host", f"{counts['all'] - got['made']:,}"],
        ["marked, alerts", f"{got['marks']:,}, {got['alerts']:,}"], ["agent's share of a core", f"{got['cpu_share']:.0%}"]])


def judge(options, got):
    checks, counts = support.Checks(), got["counts"]
    missing = got["marks"] - got["alerts"]
    checks.check(counts["all"] >= got["made"], f"{got['made'] - counts['all']} opens are neither told nor counted: {counts} of {got['made']}")
    checks.check(missing >= 0, f"more alerts than marked opens: {got['alerts']} of {got['marks']}")
    checks.check(missing <= (counts["lost"] if options.quick else 0), f"{missing} of {got['marks']} marked opens did not alert, lost {counts['lost']}")
    return checks.finish("flood")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--apart", action="store_true", help="the marked opens come from another cgroup than the flood")
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.seconds = 2
    seen = [0]

    def take(alert):
        seen[0] += alert["rule"] == "Marked file"

    with support.Folder("flood") as folder:
        marked = folder.file("marked", "")
        rules = (options.rules or [os.path.join(ROOT, "rules")]) + [folder.file("marked.yaml", RULES.format(path=marked))]
        with Tiercel("tiercel", options.tiercel, rules, on_alert=take) as sensor:
            got = flood(options, sensor, folder, marked, seen)
    support.say(table(got))
    write_json(options, got)
    return judge(options, got)


if __name__ == "__main__":
    support.main(main, "flood bench")
