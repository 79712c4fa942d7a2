#!/usr/bin/env python3
"""A manager that is away while alerts come: nothing is lost, what waited is drained at the rate that the operator set, and
the critical alerts of the outage come before the rest of it."""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import delivery  # noqa: E402
import tiercel as support  # noqa: E402


def criticals_first(checks, marks, arrivals, before, after):
    """In the first connection after the return that carries alerts: no mark of the rest before the last critical of the outage."""
    streams = [key[:2] for key in arrivals.streams if key[0] == 2]
    if not checks.check(streams, "no alert after the return"):
        return
    first = min(streams)
    frames = {}
    for critical in (True, False):
        for frame, mark in zip(*arrivals.streams[(*first, critical)]):
            frames[mark] = frame
    waited = [n for n in range(before, after) if n in frames]
    critical = [frames[n] for n in waited if marks.is_critical(n)]
    rest = [frames[n] for n in waited if not marks.is_critical(n)]
    if checks.check(critical and rest, "the first connection after the return carries both lanes"):
        early = sum(1 for frame in rest if frame < max(critical))
        checks.equal(early, 0, f"alerts of the rest before the last of {len(critical)} criticals of the outage")
        support.say(f"  {len(critical)} criticals of the outage came before the first of {len(rest)} others")


def main():
    long = support.soak()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--outage", type=float, default=600 if long else 30)
    parser.add_argument("--rate", type=float, default=500 if long else 300, help="of alerts")
    parser.add_argument("--drain", type=int, default=1000, help="wazuh.rate_max_per_s; such a manager takes some 2000")
    parser.add_argument("--patience", type=float, default=900 if long else 120)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, arrivals = support.Checks(), delivery.Arrivals()
    with support.Folder("outage") as folder:
        path = os.path.join(folder.path, "alerts.json")
        rules = folder.file("rules.yaml", delivery.RULES.format(folder=folder.path))
        with support.DevManager(options.tiercel, folder, ["--unfriendly"], arrivals.take) as manager:
            arrivals.manager = manager
            config = delivery.config_text(path, manager, f"  rate_max_per_s: {options.drain}\n")
            with support.Agent(options.tiercel, rules, config=config, manager=True, json_lines=False) as agent:
                support.wait_until(lambda: agent.status()["manager"]["connected"], "the session", 30, 0.05)
                marks = delivery.Marks(options, folder)
                marks.during(2, options.rate)
                delivery.wait_all(arrivals, range(len(marks.times)), "what came before", 60)
                manager.kill()
                before = len(marks.times)
                marks.during(options.outage, options.rate)
                after = len(marks.times)
                waiting = agent.status()["spool"]["waiting"] if "spool" in agent.status() else None
                support.say(f"  away for {options.outage:.0f} s, {after - before} alerts, waiting in the spool: {waiting}")
                manager.start()
                back = time.monotonic()
                delivery.wait_all(arrivals, range(after), "what waited", options.patience)
                drained_s = time.monotonic() - back
                marks.during(2, options.rate)
                delivery.wait_all(arrivals, range(len(marks.times)), "what came after", 60)
                summary = agent.stop()
            manager.stop()
        delivery.compare(checks, marks, arrivals, delivery.Local(path))
    waited = after - before
    checks.equal(summary["lost"], 0, "lost")
    # Never faster than what was set, with a second of it at once; how much slower is told.
    checks.check(drained_s * options.drain >= waited - options.drain,
                 f"{waited} alerts came within {drained_s:.1f} s: faster than {options.drain} a second")
    criticals_first(checks, marks, arrivals, before, after)
    support.say(f"{waited} alerts drained in {drained_s:.1f} s ({waited / drained_s:.0f} a second, set: {options.drain}), "
                f"{arrivals.repeats()} repeats")
    return checks.finish("outage")


if __name__ == "__main__":
    support.main(main, "kernel_outage")
