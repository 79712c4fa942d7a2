#!/usr/bin/env python3
"""An exec storm at a steady pace, with and without the agent and any other sensor beside: what share of one core the sensor
takes, what each start costs the one who starts (the kernel's part of the sensor is in there), whether the pace was held,
and what was lost. Runs without a sensor alternate with those with one."""

import argparse
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import sensors as sensors_  # noqa: E402
import tiercel as support  # noqa: E402
from interleave import spread  # noqa: E402


def storm(options, sensor):
    """One run of the pace: starts a second, CPU us of the starter for each, the sensor's share of a core."""
    argv = [sensors_.program(options, "bench_pace"), "exec", sensors_.program(options, "bench_nothing"), str(options.rate), str(options.seconds)]
    cpu_s = sensor.cpu_s()
    done = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=options.seconds * 20 + 60, stdin=subprocess.DEVNULL).stdout)
    time.sleep(0.1)  # what is still in the rings
    return {"starts": done["done"], "per_s": done["done"] / done["seconds"], "us": done["cpu_s"] * 1e6 / done["done"],
            "share": (sensor.cpu_s() - cpu_s) / done["seconds"], "behind_ms": done["behind_ms"]}


def counted_storm(options, sensor):
    """The same, and for the agent: each start is one that the kernel sent, or counted as lost."""
    before = sensor.counts("execve") if isinstance(sensor, sensors_.Tiercel) else None
    run = storm(options, sensor)
    if before is not None:
        support.wait_until(lambda: sensors_.difference(sensor.counts("execve"), before)["all"] >= run["starts"],
                           f"{run['starts']} starts to be told or counted as lost")
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sensors_.add_arguments(parser)
    parser.add_argument("--rate", type=int, default=1_600, help="starts a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.rate, options.seconds, options.rounds = 200, 0.5, 1
    sensors_.say_of_others()
    sensors, bare = sensors_.chosen(options), sensors_.Bare()
    bare_runs, runs = [storm(options, bare)], {sensor.name: [] for sensor in sensors}
    for _ in range(options.rounds):
        for sensor in sensors:
            sensor.start()
            try:
                run = counted_storm(options, sensor)
            finally:
                sensor.stop()
            bare_runs.append(storm(options, bare))
            run["cost"] = run["us"] / ((bare_runs[-2]["us"] + bare_runs[-1]["us"]) / 2)
            runs[sensor.name].append(run)
    figures = {"rate": options.rate, "bare": summed(bare_runs), "sensors": [
        {"name": sensor.name, **summed(runs[sensor.name]), "lost": sensor.figures()["lost"]} for sensor in sensors]}
    support.say(table(figures))
    sensors_.write_json(options, figures)
    return 0


def summed(runs):
    return {what: support.numbers([run[what] for run in runs]) for what in ("per_s", "us", "share", "behind_ms", "cost") if what in runs[0]}


def table(figures):
    bare = figures["bare"]
    rows = [["bare", spread(bare["per_s"], 0), f"{bare['us'][1]:,.0f} us", "", "", ""]]
    for one in figures["sensors"]:
        rows.append([one["name"], spread(one["per_s"], 0), f"{one['us'][1]:,.0f} us", spread(one["cost"], 2),
                     " ".join(f"{share:.1%}" for share in one["share"]), "?" if one["lost"] is None else one["lost"]])
    return support.table([f"exec storm, {figures['rate']:,} starts/s", "got/s", "CPU of a start", "to bare", "sensor's share of a core: quartiles",
                          "lost"], rows)


if __name__ == "__main__":
    support.main(main, "storm bench")
