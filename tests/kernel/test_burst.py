#!/usr/bin/env python3
"""A burst: 20,000 alerts by one program in a loop, in less than a second, arrive whole at a friendly and at an unfriendly
manager."""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import delivery  # noqa: E402
import tiercel as support  # noqa: E402


def burst(options, checks, habits):
    arrivals, what = delivery.Arrivals(), "unfriendly" if habits else "friendly"
    with support.Folder("burst") as folder:
        path = os.path.join(folder.path, "alerts.json")
        rules = folder.file("rules.yaml", delivery.RULES.format(folder=folder.path))
        with support.DevManager(options.tiercel, folder, habits, arrivals.take) as manager:
            arrivals.manager = manager
            config = delivery.config_text(path, manager)
            with support.Agent(options.tiercel, rules, config=config, manager=True, json_lines=False) as agent:
                support.wait_until(lambda: agent.status()["manager"]["connected"], "the session", 30, 0.05)
                marks, begun, cpu_s = delivery.Marks(options, folder), time.monotonic(), agent.cpu_s()
                told = marks.start(0, options.alerts).finish(stop=False)
                delivery.wait_all(arrivals, range(options.alerts), f"the burst at the {what} manager", options.patience)
                arrived_s = time.monotonic() - begun
                support.wait_until(lambda: agent.status()["manager"]["confirmed"] >= options.alerts, "the last confirmation", 60, 0.1)
                confirmed_s, cpu_s = time.monotonic() - begun, agent.cpu_s() - cpu_s
                summary = agent.stop()
            manager.stop()
        delivery.compare(checks, marks, arrivals, delivery.Local(path), what=what)
    checks.equal(told["opens"], options.alerts, "opens")
    checks.equal(summary["lost"], 0, f"{what}: lost")
    checks.equal(arrivals.repeats(), 0, f"{what}: repeats")
    return [what, told["opens"], f"{told['took_ms']:.0f} ms", len(arrivals.id_of), f"{arrived_s:.1f} s", f"{confirmed_s:.1f} s",
            f"{cpu_s:.2f} s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--alerts", type=int, default=20_000)
    parser.add_argument("--patience", type=float, default=120)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    rows = [burst(options, checks, habits) for habits in ([], ["--unfriendly"])]
    support.say(support.table(["manager", "opens", "took", "arrived", "all there after", "confirmed after", "agent's CPU"], rows))
    return checks.finish("burst")


if __name__ == "__main__":
    support.main(main, "kernel_burst")
