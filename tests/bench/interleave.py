"""Blocks of slices without a sensor between blocks with one, so that what else the machine does falls on both.

A ratio is the speed in a block with a sensor over the mean of the blocks without one before and after it; shown are the
median and the quartiles over the rounds. 1.00 is the bare speed. Speed is operations a second, and operations a second of
the load's own CPU time: what hooks take in the kernel is in both, what waits for a CPU that others have only in the first."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from sensors import Bare  # noqa: E402

SETTLE_S = 0.02  # what is still in the rings belongs to the slice


class Block:
    """Slices of every load with one sensor: ops per second, by the clock and of the load's CPU time; the sensor's CPU and events."""

    def __init__(self, loads, slices, sensor):
        speeds = {load.name: [] for load in loads}
        self.ops, self.cpu_s = {load.name: 0 for load in loads}, {load.name: 0.0 for load in loads}
        self.events, load_cpu_s = {load.name: 0 for load in loads}, {load.name: 0.0 for load in loads}
        for _ in range(slices):
            for load in loads:
                events, cpu_s, own_s = sensor.events(), sensor.cpu_s(), load.cpu_s()
                ops, seconds = load.slice()
                load_cpu_s[load.name] += load.cpu_s() - own_s
                time.sleep(SETTLE_S)
                self.cpu_s[load.name] += sensor.cpu_s() - cpu_s
                self.ops[load.name] += ops
                speeds[load.name].append(ops / seconds)
                if events is not None:
                    self.events[load.name] += sensor.events() - events
        self.speed = {name: support.numbers(values)[1] for name, values in speeds.items()}
        self.per_cpu_s = {name: self.ops[name] / load_cpu_s[name] for name in speeds}


def ratio(triple, name, of="speed"):
    before, block, after = (getattr(one, of)[name] for one in triple)
    return block / ((before + after) / 2)


def measure(loads, sensors, rounds, slices):
    """bare, A, bare, B, bare, A, ...; {sensor: [(bare, block, bare)]}, and all bare blocks."""
    bare = Bare()
    triples = {sensor.name: [] for sensor in sensors}
    bare_blocks = [Block(loads, slices, bare)]
    for number in range(rounds):
        for sensor in sensors:
            sensor.start()
            try:
                block = Block(loads, slices, sensor)
            finally:
                sensor.stop()
            bare_blocks.append(Block(loads, slices, bare))
            triples[sensor.name].append((bare_blocks[-2], block, bare_blocks[-1]))
        support.say(f"  round {number + 1} of {rounds}: " + "; ".join(
            f"{name} " + " ".join(f"{ratio(done[-1], load.name):.2f}" for load in loads) for name, done in triples.items()))
    return triples, bare_blocks


def figures(loads, sensors, triples, bare_blocks):
    """As JSON: quartiles are [lower, median, upper]."""
    out = {"loads": [{"name": load.name, "title": load.title, "bare_per_s": support.numbers([b.speed[load.name] for b in bare_blocks])}
                     for load in loads], "sensors": []}
    for sensor in sensors:
        rows = {}
        for load in loads:
            blocks = [triple[1] for triple in triples[sensor.name]]
            ops, cpu_s, events = (sum(getattr(b, what)[load.name] for b in blocks) for what in ("ops", "cpu_s", "events"))
            rows[load.name] = {"ratio": support.numbers([ratio(t, load.name) for t in triples[sensor.name]]),
                               "cpu_ratio": support.numbers([ratio(t, load.name, "per_cpu_s") for t in triples[sensor.name]]),
                               "cpu_s_per_million": support.numbers([b.cpu_s[load.name] * 1e6 / b.ops[load.name] for b in blocks])[1],
                               "events_per_op": events / ops,
                               "us_per_event": cpu_s * 1e6 / events if events else None}
        out["sensors"].append({"name": sensor.name, "loads": rows, **sensor.figures()})
    return out


def spread(values, places=3):
    low, middle, high = values
    return f"{middle:.{places}f} ({low:.{places}f} .. {high:.{places}f})"


def mib(count):
    return "?" if count is None else f"{count / 1048576:.1f} MiB"


def tables(got):
    """The figures as Markdown tables."""
    loads, sensors = got["loads"], got["sensors"]
    titles = [load["title"] for load in loads]
    bare = ["bare, ops/s"] + [f"{load['bare_per_s'][1]:,.0f}" for load in loads]
    noise = ["bare, quartiles around its median"]
    noise += [f"{low / middle:.3f} .. {high / middle:.3f}" for low, middle, high in (load["bare_per_s"] for load in loads)]
    rows = [[s["name"]] + [spread(s["loads"][load["name"]]["ratio"]) for load in loads] for s in sensors]
    out = [support.table(["speed"] + titles, [bare, noise] + rows)]
    rows = [[s["name"]] + [spread(s["loads"][load["name"]]["cpu_ratio"]) for load in loads] for s in sensors]
    out.append(support.table(["speed by the load's own CPU time"] + titles, rows))
    rows = [[s["name"]] + [f"{s['loads'][load['name']]['cpu_s_per_million']:.2f}" for load in loads] for s in sensors]
    out.append(support.table(["CPU seconds of the sensor per million"] + titles, rows))
    rows = []
    for sensor in sensors:
        row = [sensor["name"]]
        for load in loads:
            one = sensor["loads"][load["name"]]
            row.append("?" if one["us_per_event"] is None else f"{one['events_per_op']:.3f}; {one['us_per_event']:.2f} us each")
        rows.append(row)
    out.append(support.table(["events to user space per op; CPU for each"] + titles, rows))
    rows = []
    for sensor in sensors:
        ready = "?" if sensor["ready_s"] is None else spread(sensor["ready_s"], 2) + " s"
        stopped = "?" if sensor["stop_s"] is None else f"{sensor['stop_s']:.2f} s"
        rows.append([sensor["name"], ready, stopped, mib(sensor["rss_bytes"]), mib(sensor["ring_bytes"]),
                     *("?" if sensor[what] is None else f"{sensor[what]:,}" for what in ("events", "lost"))])
    out.append(support.table(["sensor", "ready after", "stopped within", "RssAnon, most", "rings", "events", "lost"], rows))
    return out
