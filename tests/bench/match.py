#!/usr/bin/env python3
"""What matching alone costs, in ns per event that the rules ask for: Falco's stock files and generated rules, on recorded
streams of real events. The median over the rounds, with the quartiles; whatever else an event costs (parsing, the process
table) is measured beside and taken off."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import generate_rules  # noqa: E402
import streams  # noqa: E402
import tiercel as support  # noqa: E402

SHARED = os.environ.get("TIERCEL_SHARED", os.path.join(HERE, "..", "..", "..", "shared"))
STOCK = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"]


def stock_sets(shared):
    """Falco's stock files, where they are."""
    stock = [os.path.join(shared, "data", "falco-rules", name) for name in STOCK]
    if all(os.path.exists(path) for path in stock):
        return {"Falco stable": stock[:1], "all three Falco files": stock}
    support.say(f"Falco's stock files are not in {shared}: they are left out")
    return {}


def rule_sets(options, folder):
    sets = stock_sets(options.shared)
    for count in (1_000, 10_000):
        path = os.path.join(folder, f"generated-{count}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(generate_rules.text(count))
        sets[f"{count:,} generated"] = [path]
    return sets


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs")
    parser.add_argument("--shared", default=SHARED, help="folder with Falco's stock files")
    parser.add_argument("--seconds", type=float, default=6, help="length of each recorded stream")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", help="folder to keep the recordings in, or to take them from")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.seconds, options.rounds = 1, 2
    with tempfile.TemporaryDirectory(prefix="tiercel-match-") as folder:
        keep = options.keep or folder
        os.makedirs(keep, exist_ok=True)
        recordings = []
        for name in streams.STREAMS:
            path = os.path.join(keep, f"{name}.rec")
            if not os.path.exists(path):
                support.say(f"recording {options.seconds:g} s of {name}")
                streams.record(options.tiercel, name, keep, options.seconds)
            recordings.append(path)
        sets = rule_sets(options, folder)
        argv = [os.path.join(options.programs, "bench", "match_bench"), "--rounds", str(options.rounds), *recordings, "--",
                *(f"{name}={','.join(paths)}" for name, paths in sets.items())]
        done = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=1200).stdout)
    rows = []
    for one in done["sets"]:
        results = [result for result in done["results"] if result["set"] == one["name"]]
        asked = sum(result["asked"] for result in results)
        together = [sum(result["ns"][n] * result["asked"] for result in results) / max(asked, 1) for n in range(options.rounds)]
        low, middle, high = support.numbers(together)
        row = [one["name"], one["rules"], f"{one['load_s']:.2f} s", f"{middle:,.0f} ({low:,.0f} .. {high:,.0f})"]
        for result in results:
            low, middle, high = support.numbers(result["ns"])
            row.append(f"{middle:,.0f} ({low:,.0f} .. {high:,.0f}), {result['matched']:,} hits in {result['asked']:,}")
        rows.append(row)
    print(support.table(["rules", "active", "loaded in", "all streams: ns per event"] + [f"{name}: ns per event" for name in streams.STREAMS], rows), "\n")
    bare = {os.path.basename(r["recording"]): r["bare_ns"] for r in done["results"]}
    for one in done["sets"]:
        looked = [ratio for result in done["results"] if result["set"] == one["name"] for ratio in result["looked"]]
        low, middle, high = support.numbers(looked)
        print(f"{one['name']}: while somebody looks (tiercel top), {middle:.3f} times that and the process table ({low:.3f} .. {high:.3f})")
    print("without matching: " + ", ".join(f"{name} {ns:,.0f} ns per record" for name, ns in bare.items()), flush=True)
    return 0


if __name__ == "__main__":
    support.main(main, "match bench")
