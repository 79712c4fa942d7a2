#!/usr/bin/env python3
"""What the agent costs: loops of system calls and programs that people run, with and without it, and with any other sensor
beside.

Blocks of slices without a sensor alternate with blocks with one, so that what else the machine does falls on both. A
ratio is the speed in a block with a sensor over the mean of the blocks without one before and after it; shown are the
median and the quartiles over the rounds. 1.00 is the bare speed.
"""

import argparse
import contextlib
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import interleave  # noqa: E402
import loads  # noqa: E402
import sensors as sensors_  # noqa: E402
import tiercel as support  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sensors_.add_arguments(parser)
    parser.add_argument("--loads", nargs="*", choices=loads.NAMES, default=list(loads.LOOPS), help="(default: the loops)")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--slices", type=int, default=4, help="slices of each load in a block")
    parser.add_argument("--slice-ms", type=int, default=300)
    parser.add_argument("--no-pin", action="store_true", help="let the loops move between CPUs")
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.rounds, options.slices, options.slice_ms = 1, 1, 60
    sensors = sensors_.chosen(options)
    sensors_.say_of_others()
    with contextlib.ExitStack() as stack:
        wanted = [stack.enter_context(loads.make(options, name)) for name in options.loads]
        support.say(f"{', '.join(options.loads)}: {options.rounds} rounds, {options.slices} slices of each; "
                    f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, kernel {os.uname().release}")
        triples, bare_blocks = interleave.measure(wanted, sensors, options.rounds, options.slices)
        got = interleave.figures(wanted, sensors, triples, bare_blocks)
    for table in interleave.tables(got):
        print(table, "\n")
    lost = sum(sensor["lost"] or 0 for sensor in got["sensors"])
    if lost:
        support.say(f"{lost} events were lost: the rings were full at these rates")
    sensors_.write_json(options, got)
    return 0


if __name__ == "__main__":
    support.main(main, "bench")
