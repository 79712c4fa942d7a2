#!/usr/bin/env python3
"""From a system call to the alert on standard output, while so many events a second match: p50, p99 and the longest.

A program opens files at a steady pace, each named after the moment of its open; another one reads the agent's alerts and
takes the time of each as it comes (bench_pace, bench_arrivals). An agent of its own for each round."""

import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from interleave import spread  # noqa: E402
from sensors import ROOT, Tiercel, add_arguments, program, write_json  # noqa: E402

RULES = """- rule: Open that says when it was made
  desc: as many alerts as opens
  condition: evt.type = openat and fd.name contains /at-
  output: "opened (file=%fd.name user=%user.name command=%proc.cmdline container=%container.id)"
  priority: NOTICE
"""


def waiting(sensor):
    return next(output["waiting"] for output in sensor.status()["outputs"] if output["name"] == "stdout")


def one_round(options, folder):
    rules = (options.rules or [os.path.join(ROOT, "rules")]) + [folder.file("latency.yaml", RULES)]
    read_end, write_end = os.pipe()
    arrivals = subprocess.Popen([program(options, "bench_arrivals")], stdin=read_end, stdout=subprocess.PIPE)
    os.close(read_end)
    try:
        sensor = Tiercel("tiercel", options.tiercel, rules, stdout=write_end)
        try:
            sensor.start()
        finally:
            os.close(write_end)
        try:
            argv = [program(options, "bench_pace"), "at", folder.path, str(options.rate), str(options.seconds)]
            cpu_s = sensor.cpu_s()
            made = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=options.seconds * 20 + 60, stdin=subprocess.DEVNULL).stdout)
            support.wait_until(lambda: waiting(sensor) == 0, "the last alerts to be written", 120, 0.1)
            cpu_s = sensor.cpu_s() - cpu_s
        finally:
            summary = sensor.stop()
        got = json.loads(arrivals.communicate(timeout=60)[0])
    finally:
        if arrivals.poll() is None:
            arrivals.kill()
        arrivals.wait()
    if got["lines"] + summary["lost"] < made["done"]:
        raise support.Failure(f"{made['done']} opens, {got['lines']} alerts, {summary['lost']} lost")
    return {**got, "made": made["done"], "per_s": made["done"] / made["seconds"], "lost": summary["lost"], "share": cpu_s / made["seconds"]}


def table(figures):
    return support.table([f"system call to alert, {figures['rate']:,} matching events/s", "got/s", "p50 us", "p99 us", "longest us", "alerts", "lost",
                          "agent's share of a core"],
                         [["tiercel", f"{figures['per_s'][1]:,.0f}", *(spread(figures[what], 0) for what in ("p50_us", "p99_us", "max_us")),
                           f"{figures['alerts']:,}", figures["lost"], f"{figures['share'][1]:.0%}"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rate", type=int, default=10_000, help="matching events a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.rate, options.seconds, options.rounds = 500, 1, 1
    with support.Folder("rate") as folder:
        rounds = [one_round(options, folder) for _ in range(options.rounds)]
    figures = {"rate": options.rate, "alerts": sum(one["lines"] for one in rounds), "lost": sum(one["lost"] for one in rounds)}
    figures |= {what: support.numbers([one[what] for one in rounds]) for what in ("per_s", "p50_us", "p99_us", "max_us", "share")}
    support.say(table(figures))
    write_json(options, figures)
    return 0


if __name__ == "__main__":
    support.main(main, "latency at a rate")
