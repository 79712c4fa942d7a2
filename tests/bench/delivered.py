#!/usr/bin/env python3
"""What an event costs in user space once it is there: the agent's CPU time for each of many opens that no rule matches and that
the kernel cannot judge (a rule asks for the parent's parent's parent), beside the shipped rules and beside Falco's. What the
agent takes in the same time without them is taken off. The median over the rounds, an agent of its own for each."""

import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import growth  # noqa: E402
import match  # noqa: E402
import tiercel as support  # noqa: E402
from interleave import spread  # noqa: E402
from paces import Paces  # noqa: E402
from sensors import ROOT, Tiercel, add_arguments, write_json  # noqa: E402


def rule_sets(options):
    sets = {"of --rules": options.rules} if options.rules else {"shipped": [os.path.join(ROOT, "rules")]}
    return sets | match.stock_sets(options.shared)


def measured(options, folder, rules):
    sensor = Tiercel("tiercel", options.tiercel, [*rules, folder.file("asks.yaml", growth.ASKS)])
    with Paces(options) as paces:
        paces.add(None, "open", folder.file(growth.OPENED, ""), options.rate, options.seconds)
        with sensor:
            return growth.cost(sensor, paces, options.seconds)


def table(figures):
    return support.table(["rules", "CPU us for an event in user space", "events", "lost"],
                         [[one["rules"], spread(one["us"], 2), f"{one['events']:,}", f"{one['lost']:,}"] for one in figures])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--shared", default=match.SHARED, help="folder with Falco's stock files")
    parser.add_argument("--rate", type=int, default=50_000, help="opens a second")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.rate, options.seconds, options.rounds = 1_000, 0.5, 1
    sets = rule_sets(options)
    runs = {name: [] for name in sets}
    with support.Folder("delivered") as folder:
        for _ in range(options.rounds):
            for name, rules in sets.items():
                runs[name].append(measured(options, folder, rules))
    figures = [{"rules": name, "us": support.numbers([run["us"] for run in done]), **{what: sum(run[what] for run in done) for what in ("events", "lost")}}
               for name, done in runs.items()]
    support.say(table(figures))
    write_json(options, figures)
    return 0


if __name__ == "__main__":
    support.main(main, "delivered bench")
