#!/usr/bin/env python3
"""What each part of the agent costs, by Google Benchmark (parts_bench.cpp) over recordings of real events and alerts of 1 KB:
CPU time, the median over the repetitions with the quartiles. decode, attach, match and format are measured one upon the
other; shown is what each adds."""

import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import generate_rules  # noqa: E402
import streams  # noqa: E402
import tiercel as support  # noqa: E402
from sensors import program, write_json  # noqa: E402

COUNTS = (100, 1_000, 10_000)
TELLING = """- rule: Every open
  desc: as many alerts as opens, with the fields that rules tell
  condition: evt.type in (open, openat, openat2)
  output: "A file was opened (file=%fd.name user=%user.name process=%proc.name parent=%proc.pname command=%proc.cmdline
    exe=%proc.exepath pid=%proc.pid container=%container.id image=%container.image.repository)"
  priority: NOTICE
  tags: [filesystem, T1555]
"""


def run(options, folder):
    """{benchmark: [the run of each repetition]}"""
    names = list(streams.STREAMS)[:1 if options.quick else None]
    recordings = [streams.record(options.tiercel, name, folder.path, options.seconds) for name in names]
    sets = [f"{count}={folder.file(f'generated-{count}.yaml', generate_rules.text(count))}" for count in COUNTS]
    argv = [program(options, "parts_bench"), f"--benchmark_repetitions={options.rounds}", f"--benchmark_min_time={options.min_time}",
            "--benchmark_enable_random_interleaving=true", "--benchmark_format=json", folder.path, *recordings, "--", *sets, "--",
            f"telling={folder.file('telling.yaml', TELLING)}"]
    got = subprocess.run(argv, capture_output=True, text=True, timeout=1800)
    if got.returncode != 0:
        raise support.Failure(f"parts_bench: status {got.returncode} {got.stderr}")
    runs = {}
    for one in json.loads(got.stdout)["benchmarks"]:
        if one["run_type"] == "iteration":
            runs.setdefault(one["run_name"].removesuffix("/process_time"), []).append(one)
    return runs


def together(runs, prefix):
    """Over the recordings, of each repetition: CPU ns of a pass; and what was counted in one."""
    names = [name for name in runs if name.startswith(prefix + "/")]
    if not names:
        raise support.Failure(f"parts_bench has no {prefix}")
    ns = [sum(repetition) for repetition in zip(*([one["cpu_time"] * 1e3 for one in runs[name]] for name in names))]
    return ns, {what: sum(runs[name][0].get(what, 0) for name in names) for what in ("records", "asked", "matched")}


def above(upper, lower, count):
    return [(a - b) / max(count, 1) for a, b in zip(upper, lower)]


def parts(runs):
    """[(part, of what, [ns for each repetition])]"""
    decode, counted = together(runs, "decode")
    attach, _ = together(runs, "attach")
    rows = [("decode", "record", [ns / counted["records"] for ns in decode]),
            ("attach: process table, containers, users", "record", above(attach, decode, counted["records"]))]
    for count in COUNTS:
        match, counted = together(runs, f"match/{count}")
        rows.append((f"match, {count:,} rules", "event that rules ask for", above(match, attach, counted["asked"])))
    match, _ = together(runs, "match/telling")
    told, counted = together(runs, "format")
    if not counted["matched"]:
        raise support.Failure("nothing matched: format was not measured")
    rows.append(("format", "alert", above(told, match, counted["matched"])))
    for name, title in (("frame", "frame: text, MD5, zlib, AES"), ("spool/memory", "spool: append, read, confirm; in memory"),
                        ("spool/durable", "spool: append, write, read, confirm; on the disk")):
        rows.append((title, "alert", [1e9 / one["items_per_second"] for one in runs[name]]))
    return rows


def table(figures):
    return support.table(["part", "ns of CPU", "quartiles", "for each"],
                         [[one["part"], f"{one['ns'][1]:,.0f}", f"{one['ns'][0]:,.0f} .. {one['ns'][2]:,.0f}", one["each"]] for one in figures])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs")
    parser.add_argument("--seconds", type=float, default=3, help="length of each recorded stream")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--min-time", type=float, default=0.1, help="seconds of each benchmark in a round")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.seconds, options.rounds, options.min_time = 0.5, 2, 0.01
    with support.Folder("parts") as folder:
        rows = parts(run(options, folder))
    figures = [{"part": part, "each": each, "ns": support.numbers(ns)} for part, each, ns in rows]
    support.say(table(figures))
    write_json(options, figures)
    return 0


if __name__ == "__main__":
    support.main(main, "parts bench")
