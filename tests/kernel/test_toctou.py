#!/usr/bin/env python3
"""Races between a call and what it was given, that really happened: what the agent says of them.

tk_toctou blocks each call after the kernel has read its path, changes the path (a thread; another process in shared memory)
or puts another file in the descriptor's place, and lets the call go on. It says what the kernel worked on and what memory
and descriptor held right afterwards. On tracepoints an event may be wrong only if evt.path_uncertain marks it; with hooks
inside the kernel (--attach trampoline, kprobe) none is wrong at all. Fewer than a thousand races are a failure.
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import evasion_world  # noqa: E402
import tiercel as support  # noqa: E402

RACES_MIN = 1_000
MODES = ("flip", "shared", "swap", "both", "path")
RULES = """- rule: Race
  desc: the racing calls
  condition: evt.type in (openat, truncate) and proc.exepath = {program}
  output: "%evt.type %fd.name %fd.realpath %fs.path.name %evt.path_uncertain %evt.arg_changed"
  priority: NOTICE
"""


class Tally:
    """Of one mode: attempts, races that happened, events that say something wrong."""

    def __init__(self, mode):
        self.mode = mode
        self.races = self.shown = self.wrong = self.unmarked = self.changed = 0
        self.examples = []

    def take(self, truth, fields, real):
        happened = truth["text"] == "fake" or truth["at"] == "fake"
        self.races += happened
        path = fields["fs.path.name"] if self.mode == "path" else fields["fd.realpath"]
        texts = [path]
        if self.mode != "path":
            texts.append(fields["fd.name"])
        self.shown += any(text != real for text in texts)
        wrong = any(text != real for text in texts)
        self.wrong += wrong
        self.changed += bool(fields["evt.arg_changed"])
        if wrong and not fields["evt.path_uncertain"]:
            self.unmarked += 1
            self.examples.append(f"{self.mode}: {truth} but {fields}")


def race(options, folder, mode):
    place = folder.folder(mode)
    child = support.Child([os.path.join(options.programs, "tk_toctou"), place, mode, str(options.attempts)])
    status = child.wait(support.WAIT_S + options.attempts / 100)
    if status != 0:
        raise support.Failure(f"tk_toctou {mode} ended with {status}: {child.stderr()}")
    truths = [json.loads(line) for line in child.lines]
    if truths[-1] != {"done": options.attempts}:
        raise support.Failure(f"tk_toctou {mode} did not come to its end: {truths[-1]}")
    return place, truths[:-1]


def run(options, folder, checks):
    program = os.path.realpath(os.path.join(options.programs, "tk_toctou"))
    rules = folder.file("rules.yaml", RULES.format(program=program))
    tallies = []
    with support.Agent(options.tiercel, rules, extra=evasion_world.attach_flags(options)) as agent:
        for mode in MODES:
            place, truths = race(options, folder, mode)
            real = os.path.join(place, "real")
            paths = (real, os.path.join(place, "fake"))

            def mine(alerts):
                return [a["output_fields"] for a in alerts if a["rule"] == "Race" and
                        (a["output_fields"]["fs.path.name"] in paths or a["output_fields"]["fd.name"] in paths)]

            alerts = agent.wait_alerts(lambda seen: len(mine(seen)) >= len(truths), f"the events of {mode}")
            events = mine(alerts)
            tally = Tally(mode)
            if checks.equal(len(events), len(truths), f"{mode}: events"):
                for truth, fields in zip(truths, events):
                    tally.take(truth, fields, real)
            tallies.append(tally)
        summary = agent.stop()
    checks.equal(summary["lost"], 0, "lost")
    return tallies


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--attach", help="tracepoint, kprobe or trampoline; none: what the agent chooses")
    parser.add_argument("--attempts", type=int, default=20_000 if support.soak() else 1_000, help="of each kind")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    inside = evasion_world.closed(options, 1, "descriptor")
    if options.attach:
        checks.equal(inside, options.attach != "tracepoint", "hooks inside the kernel, by doctor")
    with support.Folder("toctou") as folder:
        tallies = run(options, folder, checks)
    races = sum(tally.races for tally in tallies)
    checks.check(races >= RACES_MIN, f"only {races} races happened: fewer than {RACES_MIN} show nothing")
    for tally in tallies:
        if os.cpu_count() > 1:
            checks.check(tally.races > 0, f"{tally.mode}: no race happened")
        checks.equal(tally.unmarked, 0, f"{tally.mode}: wrong paths without a mark")
        if inside:
            checks.equal(tally.wrong, 0, f"{tally.mode}: wrong paths with hooks inside the kernel")
        for text in tally.examples[:3]:
            support.say(f"  {text}")
    support.say(support.table(["race", "attempts", "happened", "showed in an event", "wrong", "wrong without mark", "arg_changed"],
                              [[t.mode, options.attempts, t.races, t.shown, t.wrong, t.unmarked, t.changed] for t in tallies]))
    return checks.finish("toctou")


if __name__ == "__main__":
    support.main(main, "kernel_toctou")
