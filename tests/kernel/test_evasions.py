#!/usr/bin/env python3
"""The twenty published evasions (docs/reference/evasions.md), each performed on this kernel against the running agent.

A deed that does not evade was told by a rule, with the right process and file. What `tiercel doctor` calls closed must be
told, and what it calls open must not: a row that is too dark is wrong, too. The rules are as anybody would write them.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), HERE]
import evasion_world  # noqa: E402
import tiercel as support  # noqa: E402
from evasions import files, host, programs, skipped  # noqa: E402

CONFIG = "outputs:\n  - type: stdout\nrule_matching: all\n"
PARTS = (files, programs, host, skipped)


def perform(world, number, key, deed, row, checks):
    """A row of the table: closed and told, or open and named."""
    wanted = key in row["closed"]
    try:
        told = deed(world)
    except support.Failure as failure:
        checks.check(False, f"evasion {number}, {key}: {failure}")
        return [number, key, "not performed", ""]
    if wanted:
        checks.check(told, f"evasion {number}, {key}: it evaded, and doctor calls it closed")
    else:
        checks.check(not told, f"evasion {number}, {key}: it was told, and doctor calls it open")
        checks.check(key in row["means"], f"evasion {number}, {key}: doctor does not say why it is open")
    return [number, key, "told" if told else "evaded", "closed" if wanted else "open, and named"]


def first_match(options, folder, checks):
    """What doctor says of the order of rules goes by the configuration."""
    config = folder.file("first.yaml", "outputs:\n  - type: stdout\n")
    row = evasion_world.doctor_rows(options, config)[20]
    checks.equal(row["open"], ["rule behind another"], "with rule_matching: first, doctor on evasion 20")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--attach", help="tracepoint, kprobe or trampoline; none: what the agent chooses")
    parser.add_argument("--compat-calls", action="store_true", help="with sensor.compat_calls")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of evasions")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    deeds = {number: keys for part in PARTS for number, keys in part.DEEDS.items()}
    table = []
    config = CONFIG + ("sensor: {compat_calls: true}\n" if options.compat_calls else "")
    with support.Folder("evasions") as folder:
        doctor = evasion_world.doctor_rows(options, folder.file("doctor.yaml", config))
        checks.equal(sorted(doctor), list(range(1, 21)), "rows of doctor")
        checks.equal(sorted(deeds), sorted(doctor), "evasions that are performed here")
        first_match(options, folder, checks)
        with evasion_world.World(options, folder, "".join(part.RULES for part in PARTS), config) as world:
            for part in PARTS:
                getattr(part, "prepare", lambda _: None)(world)
            for number, keys in sorted(deeds.items()):
                if options.only and number not in options.only:
                    continue
                row = doctor[number]
                checks.equal(sorted(keys), sorted(row["open"] + row["closed"]), f"evasion {number}: deeds here and at doctor")
                table += [perform(world, number, key, deed, row, checks) for key, deed in keys.items()]
            checks.check(host.hidden_process(world), "a mount over a process in /proc: no alert, or one of another target")
    support.say(support.table(["evasion", "by", "happened", "doctor"], table))
    return checks.finish("evasions")


if __name__ == "__main__":
    support.main(main, "kernel_evasions")
