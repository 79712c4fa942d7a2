#!/usr/bin/env python3
"""What delivery to a manager costs. The agent's side (spool, writer, sink) is held on one core, a dev-manager on the
others: alerts sent and confirmed a second. And each stage alone, over the same alerts: µs of CPU for an alert."""

import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402


def bench(options, cpu, *argv):
    program = os.path.join(options.programs, "bench", "delivery_bench")
    got = subprocess.run([program] + [str(a) for a in argv], capture_output=True, timeout=900,
                         preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    if got.returncode != 0:
        raise support.Failure(f"delivery_bench {argv[0]}: status {got.returncode} {got.stderr.decode()}")
    return json.loads(got.stdout)


def stages(options, cpu):
    with support.Folder("bench") as folder:
        return bench(options, cpu, "stages", options.stage_alerts, folder.path)


def delivered(options, cpu, others, age_ms):
    """One run against a dev-manager of its own, which may use every other core."""
    with support.Folder("bench") as folder:
        with open(os.devnull, "wb") as nowhere:
            manager = support.DevManager(options.tiercel, folder, ["--stall-ms", str(options.stall_ms), "--queue", "131072"], stdout=nowhere)
        with manager:
            os.sched_setaffinity(manager.child.pid, others)
            for task in os.listdir(f"/proc/{manager.child.pid}/task"):
                os.sched_setaffinity(int(task), others)
            run = bench(options, cpu, "run", options.alerts, folder.folder("state"), manager.port, manager.enrol_port, age_ms)
            run["manager_cpu_s"] = support.cpu_s_of(manager.child.pid)
            manager.stop()
    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs")
    parser.add_argument("--alerts", type=int, default=200_000, help="of a run against a manager")
    parser.add_argument("--stage-alerts", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stall-ms", type=int, default=0, help="of the manager; with its usual 50 it takes some 3,000 alerts a second")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    if options.quick:
        options.alerts, options.stage_alerts, options.rounds = 2_000, 1_000, 1
    cpus = sorted(os.sched_getaffinity(0))
    cpu, others = cpus[0], set(cpus[1:]) or {cpus[0]}
    rows = []
    for age_ms in [-1] * options.rounds + [200] * options.rounds:
        run = delivered(options, cpu, others, age_ms)
        if run["lost"] or run["resent"]:
            raise support.Failure(f"lost or sent again: {run}")
        rows.append([run["alerts"], "adaptive" if age_ms < 0 else f"{age_ms} ms", f"{run['alerts'] / run['appended_s']:,.0f}", f"{run['alerts'] / run['sent_s']:,.0f}",
                     f"{run['alerts'] / run['confirmed_s']:,.0f}", f"{run['cpu_s'] / run['alerts'] * 1e6:.1f}",
                     f"{run['manager_cpu_s'] / run['alerts'] * 1e6:.1f}"])
    support.say(f"the agent's side on CPU {cpu}, the manager on {sorted(others)}:")
    support.say(support.table(["alerts", "age of a confirmation", "appended/s", "sent/s", "sent and confirmed/s", "agent's CPU, µs/alert",
                               "manager's CPU, µs/alert"], rows))
    alone = stages(options, cpu)
    support.say(f"\neach stage alone, {alone['alerts']} alerts of {alone['event_bytes']} bytes, {alone['wire_bytes']} on the wire:")
    table = [[s["name"], f"{s['us']:.2f}"] for s in alone["stages"]] + [["sum", f"{alone['sum_us']:.2f}"]]
    support.say(support.table(["stage", "µs of CPU for an alert"], table))
    support.say("")
    support.say(support.table(["zlib level", "µs", "bytes"],
                              [[x["level"], f"{x['us']:.2f}", f"{x['bytes']:.0f}"] for x in alone["levels"]]))
    return 0


if __name__ == "__main__":
    support.main(main, "delivery_bench")
