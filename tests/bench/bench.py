#!/usr/bin/env python3
"""What the agent costs: four loops with and without it, and with any other sensor beside.

Blocks of slices without a sensor alternate with blocks with one, so that what else the machine does falls on both. A
ratio is the speed in a block with a sensor over the mean of the blocks without one before and after it; shown are the
median and the quartiles over the rounds. 1.00 is the bare speed.
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

LOOPS = ["pipe", "open", "exec", "connect"]
NAMES = {"pipe": "getpid + pipe", "open": "open + close", "exec": "fork + exec", "connect": "connect"}
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))


class Bare:
    name = "bare"

    def start(self):
        return self

    def cpu_s(self):
        return 0.0

    def stop(self):
        pass


class Tiercel:
    def __init__(self, name, options, rules):
        self.name, self.options, self.rules = name, options, rules
        self.ready_s, self.stop_s, self.rss, self.rings, self.lost, self.events = [], [], [], 0, 0, 0

    def start(self):
        self.agent = support.Agent(self.options.tiercel, self.rules, keep_stdout=False)
        self.ready_s.append(self.agent.ready_s)
        return self

    def cpu_s(self):
        return self.agent.cpu_s()

    def stop(self):
        try:
            self.rss.append(self.agent.rss_anon_bytes())
            self.rings = self.agent.status()["memory"]["ring_bytes"]
            summary = self.agent.stop()
            self.stop_s.append(self.agent.stop_s)
            self.lost += summary["lost"]
            self.events += summary["events seen"]
        finally:
            self.agent.__exit__(Exception)


class Peer:
    """Any command, in a process group of its own; ended by the group, which nobody else is in."""

    def __init__(self, command, settle_s):
        self.name, self.argv, self.settle_s = "peer", shlex.split(command), settle_s

    def start(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(self.settle_s)
        if self.process.poll() is not None:
            raise support.Failure(f"the peer ended with status {self.process.returncode}: {shlex.join(self.argv)}")
        return self

    def cpu_s(self):
        return support.cpu_s_of(self.process.pid)

    def stop(self):
        for number, limit_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(limit_s)
                return
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                self.process.wait(limit_s)
                return


class Block:
    """Slices of every loop with one sensor: ops per second, and the sensor's CPU seconds per million ops."""

    def __init__(self, options, sensor):
        self.speed, self.cpu = {}, {}
        speeds = {loop: [] for loop in LOOPS}
        ops, cpu = dict.fromkeys(LOOPS, 0), dict.fromkeys(LOOPS, 0.0)
        for _ in range(options.slices):
            for loop in LOOPS:
                before = sensor.cpu_s()
                argv = [options.loops, loop, str(options.slice_ms)] + ([] if options.no_pin else [str(os.cpu_count() - 1)])
                done = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)
                time.sleep(0.02)  # what is still in the rings belongs to this loop
                speeds[loop].append(done["ops"] / done["seconds"])
                ops[loop] += done["ops"]
                cpu[loop] += sensor.cpu_s() - before
        for loop in LOOPS:
            self.speed[loop] = support.numbers(speeds[loop])[1]
            self.cpu[loop] = cpu[loop] * 1e6 / ops[loop]


def measure(options, sensors):
    """Blocks by sensor: bare, A, bare, B, bare, A, ...; returns {sensor: [(bare, block, bare)]} and all bare blocks."""
    bare = Bare()
    triples = {sensor.name: [] for sensor in sensors}
    bare_blocks = [Block(options, bare)]
    for number in range(options.rounds):
        for sensor in sensors:
            sensor.start()
            try:
                block = Block(options, sensor)
            finally:
                sensor.stop()
            bare_blocks.append(Block(options, bare))
            triples[sensor.name].append((bare_blocks[-2], block, bare_blocks[-1]))
        support.say(f"  round {number + 1} of {options.rounds}: " + "; ".join(
            f"{name} " + " ".join(f"{ratio(done[-1], loop):.2f}" for loop in LOOPS) for name, done in triples.items()))
    return triples, bare_blocks


def ratio(triple, loop):
    before, block, after = triple
    return block.speed[loop] / ((before.speed[loop] + after.speed[loop]) / 2)


def report(sensors, triples, bare_blocks):
    rows = []
    bare_row = ["bare, ops/s"] + [f"{support.numbers([b.speed[loop] for b in bare_blocks])[1]:,.0f}" for loop in LOOPS]
    noise = ["bare, quartiles around its median"]
    for loop in LOOPS:
        low, middle, high = support.numbers([b.speed[loop] for b in bare_blocks])
        noise.append(f"{low / middle:.3f} .. {high / middle:.3f}")
    for sensor in sensors:
        row = [sensor.name]
        for loop in LOOPS:
            low, middle, high = support.numbers([ratio(t, loop) for t in triples[sensor.name]])
            row.append(f"{middle:.3f} ({low:.3f} .. {high:.3f})")
        rows.append(row)
    print(support.table(["speed"] + [NAMES[loop] for loop in LOOPS], [bare_row, noise] + rows), "\n")
    rows = []
    for sensor in sensors:
        row = [sensor.name] + [f"{support.numbers([t[1].cpu[loop] for t in triples[sensor.name]])[1]:.2f}" for loop in LOOPS]
        rows.append(row)
    print(support.table(["CPU seconds of the sensor per million"] + [NAMES[loop] for loop in LOOPS], rows), "\n")
    rows = []
    for sensor in sensors:
        if isinstance(sensor, Tiercel):
            low, middle, high = support.numbers(sensor.ready_s)
            rows.append([sensor.name, f"{middle:.2f} s ({low:.2f} .. {high:.2f})", f"{support.numbers(sensor.stop_s)[1]:.2f} s",
                         f"{max(sensor.rss) / 1048576:.1f} MiB", f"{sensor.rings / 1048576:.1f} MiB", sensor.events, sensor.lost])
    print(support.table(["agent", "ready after", "stopped within", "RssAnon, most", "rings", "events", "lost"], rows), flush=True)


def compiled_loops(options):
    """The built program, or one made here."""
    built = os.path.join(options.programs or "", "bench", "bench_loops")
    if os.path.exists(built):
        options.loops = built
    if options.loops:
        return None
    folder = tempfile.TemporaryDirectory(prefix="tiercel-bench-")
    options.loops = os.path.join(folder.name, "loops")
    subprocess.run(["cc", "-O2", "-static", "-o", options.loops, os.path.join(HERE, "loops.c")], check=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="the build's folder of test programs, for its bench_loops")
    parser.add_argument("--loops", help="the built loops program (default: of --programs, else made here with cc)")
    parser.add_argument("--rules", nargs="*", help="rule files or folders (default: the shipped ones, and busy_rules.yaml)")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--slices", type=int, default=4, help="slices of each loop in a block")
    parser.add_argument("--slice-ms", type=int, default=300)
    parser.add_argument("--no-pin", action="store_true", help="let the loops move between CPUs")
    parser.add_argument("--peer", default=os.environ.get("PEER"), help="command of another sensor (or the environment's PEER)")
    parser.add_argument("--peer-settle", type=float, default=8, help="seconds until the peer watches")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.rounds, options.slices, options.slice_ms = 2, 1, 60
    made = compiled_loops(options)
    if options.rules:
        sensors = [Tiercel("tiercel", options, options.rules)]
    else:
        sensors = [Tiercel("tiercel, shipped rules", options, [os.path.join(ROOT, "rules")]),
                   Tiercel("tiercel, busy rules", options, [os.path.join(HERE, "busy_rules.yaml")])]
    if options.peer:
        sensors.append(Peer(options.peer, options.peer_settle))
    block_s = options.slices * len(LOOPS) * (options.slice_ms / 1000 + 0.03)
    total_s = block_s * (1 + 2 * options.rounds * len(sensors))
    support.say(f"{options.rounds} rounds, {options.slices} slices of {options.slice_ms} ms for each loop: about {total_s:.0f} s "
                f"and the sensors' starts; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, kernel {os.uname().release}")
    report(sensors, *measure(options, sensors))
    lost = sum(sensor.lost for sensor in sensors if isinstance(sensor, Tiercel))
    if lost:
        support.say(f"{lost} events were lost: the rings were full at these rates")
    if made:
        made.cleanup()
    return 0


if __name__ == "__main__":
    support.main(main, "bench")
