#!/usr/bin/env python3
"""How the agent's cost grows: ten times the rules, the processes, the containers, the events. For each: CPU time in user space
for an event that reached it, and RssAnon.

Processes in containers open files at a steady pace (bench_pace; cgroups and records in containerd's layout, in folders that
only this program and the agent see). A rule asks about each of these opens what only user space can answer, beside so many
made-up rules (generate_rules.py). What the agent takes in the same time without them is taken off. Rounds go through all
cases, an agent of its own for each."""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import generate_rules  # noqa: E402
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod  # noqa: E402
from interleave import mib, spread  # noqa: E402
from paces import EVENTS, Paces  # noqa: E402
from places import Cgroups, Places  # noqa: E402
from sensors import Tiercel, difference, write_json  # noqa: E402

OPENED = "bench-growth"
ASKS = f"""- rule: Asks about each open of the bench
  desc: whether the parent's parent's parent has a name that nobody has
  condition: evt.type in (open, openat, openat2) and fd.name endswith {OPENED} and proc.aname[3] = tiercel-bench-nobody
  output: "%fd.name"
  priority: NOTICE
"""
BASE = {"rules": 100, "processes": 100, "containers": 10, "events/s": 5_000}
QUICK = {"rules": 10, "processes": 20, "containers": 2, "events/s": 1_000}
TIMES = 10


def cases(base):
    return {"base": base} | {f"{what} x{TIMES}": base | {what: base[what] * TIMES} for what in base}


def settle(sensor):
    """What the agent learns of processes and containers at its start is not what an event costs."""
    last = -1.0
    while (now := sensor.cpu_s()) - last > 0.02:
        last = now
        time.sleep(0.3)


def window(sensor, work):
    """CPU seconds of the agent while the work is done; what it returns."""
    cpu_s = sensor.cpu_s()
    done = work()
    time.sleep(0.1)  # what is still in the rings
    return sensor.cpu_s() - cpu_s, done


def cost(sensor, paces, seconds):
    """Of the paces' opens: how many reached the agent, and its CPU us for each."""
    settle(sensor)
    status = sensor.status()
    idle_cpu_s, _ = window(sensor, lambda: time.sleep(seconds))
    before = {event: sensor.counts(event) for event in EVENTS}
    cpu_s, told = window(sensor, lambda: paces.run(seconds))
    made, event = sum(one["done"] for one in told), told[0]["event"]
    if not made:
        raise support.Failure("no process made a call: the pace is too slow for the time")
    support.wait_until(lambda: difference(sensor.counts(event), before[event])["all"] >= made, f"{made} opens to be told or counted as lost")
    counts = difference(sensor.counts(event), before[event])
    return {"events": counts["told"], "lost": counts["lost"], "us": (cpu_s - idle_cpu_s) * 1e6 / max(counts["told"], 1),
            "share": cpu_s / seconds, "processes": status["memory"]["processes"], "containers": status["containers"]["known"]}


def measured(options, folder, case):
    rules = folder.file(f"rules-{case['rules']}.yaml", ASKS + generate_rules.text(case["rules"]))
    opened = folder.file(OPENED, "")
    sensor = Tiercel("tiercel", options.tiercel, rules)
    with Cgroups(every=False) as cgroups, Paces(options, cgroups) as paces:
        bundles = [Bundle(Pod(f"growth-{number}"), "main", "containerd", "cgroupfs").write() for number in range(case["containers"])]
        for bundle in bundles:
            cgroups.make(bundle.cgroup)
        for number in range(case["processes"]):
            paces.add(bundles[number % len(bundles)].cgroup, "open", opened, case["events/s"] / case["processes"], options.seconds)
        with sensor:
            got = cost(sensor, paces, options.seconds)
    return {**got, "rss_bytes": sensor.rss[-1]}


def summed(name, case, runs):
    return {"case": name, "asked": case, "lost": sum(run["lost"] for run in runs),
            **{what: support.numbers([run[what] for run in runs]) for what in ("events", "us", "share", "rss_bytes", "processes", "containers")}}


def to_base(one, base):
    return f"{one['us'][1] / base['us'][1]:.2f}" if base["us"][1] > 0 else "?"


def table(figures):
    base = figures[0]
    rows = []
    for one in figures:
        rows.append([one["case"], f"{one['asked']['rules']:,}", f"{one['processes'][1]:,.0f}", f"{one['containers'][1]:,.0f}",
                     f"{one['events'][1]:,.0f}", spread(one["us"], 2), to_base(one, base), f"{one['share'][1]:.1%}",
                     mib(one["rss_bytes"][1]), one["lost"]])
    return support.table(["growth", "rules", "processes", "containers", "events", "CPU us for an event", "to base", "share of a core", "RssAnon", "lost"],
                         rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    base = BASE
    if options.quick:
        base, options.seconds, options.rounds = QUICK, 0.4, 1
    runs = {name: [] for name in cases(base)}
    with Places(), support.Folder("growth") as folder:
        for number in range(options.rounds):
            for name, case in cases(base).items():
                runs[name].append(measured(options, folder, case))
            support.say(f"  round {number + 1} of {options.rounds}")
    figures = [summed(name, case, runs[name]) for name, case in cases(base).items()]
    support.say(table(figures))
    for one in figures:
        for what in ("containers", "processes"):
            if one[what][1] < one["asked"][what]:
                raise support.Failure(f"{one['case']}: the agent knows {one[what][1]:.0f} {what} of {one['asked'][what]}")
    write_json(options, figures)
    return 0


if __name__ == "__main__":
    support.main(main, "growth bench")
