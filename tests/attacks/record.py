#!/usr/bin/env python3
"""Recorded attacks as cases: plays the scenarios beside `tiercel record`, and writes rules/cases/recorded/CATEGORY.yaml with an
attack and the nearest twin of each rule as `tiercel rules case` tells them. So a machine without eBPF tries the rules on what
a kernel said. The order is that of the rules, and nothing in a case depends on the day, so that a new run changes little."""

import argparse
import bisect
import contextlib
import json
import os
import pwd
import re
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import run as attacks  # noqa: E402
import scenarios as scenario_files  # noqa: E402
import tiercel as support  # noqa: E402

TARGET = os.path.join(attacks.RULES, "cases", "recorded")
APP = next((user.pw_name for user in pwd.getpwall() if user.pw_uid == 1000), "app")  # of the host; scenarios call it app
ROOM = re.compile(r"unshare -m -p -f -u -i --kill-child sh [^,}\n]*")  # how a host room begins (rooms.py)
HEAD = """# What a kernel told of {category}'s scenarios (tests/attacks/record.py): of each rule an attack that it must see, and the
# twin's event that comes nearest to it. Made by `tiercel rules case`; edit the scenarios, not this file.
rules: [../../base.yaml, ../../{category}.yaml]

cases:
"""


MAGIC, HEADER = b"TIERCEL1", 24  # of a recording: magic, schema, offset of the wall clock; then records, each behind its length


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Slices:
    """A recording of many scenarios, cut: each has the records of its own time, and what has to be known before."""

    def __init__(self, recording, times):
        self.times = times  # {scenario: [begin, end]}, in order
        with open(recording, "rb") as file:
            self.bytes = file.read()
        if not self.bytes.startswith(MAGIC):
            raise support.Failure(f"{recording} is no recording")
        first, at, self._records = min(begin for begin, _ in times.values()), HEADER, []
        self.prefix = [self.bytes[:HEADER]]
        while at + 4 <= len(self.bytes):
            size, = struct.unpack_from("<I", self.bytes, at)
            when, = struct.unpack_from("<Q", self.bytes, at + 4)
            if when < first:  # the snapshot of processes, and what the agent knew of containers and users
                self.prefix.append(self.bytes[at:at + 4 + size])
            else:
                self._records.append((when, at, at + 4 + size))
            at += 4 + size
        self._records.sort()

    def write(self, ident, path):
        begin, end = self.times[ident]
        low, high = bisect.bisect_left(self._records, (begin,)), bisect.bisect_left(self._records, (end,))
        spans = sorted((at, to) for _, at, to in self._records[low:high])
        with open(path, "wb") as file:
            file.writelines(self.prefix)
            file.writelines(self.bytes[at:to] for at, to in spans)


def where(scenario):
    return " or ".join(f'{field} = "{scenario.ident}"' for field in attacks.MARKS)


class Cases:
    """Asks `tiercel rules case` about one category's recording."""

    def __init__(self, options, slices, folder, category):
        self.options, self.slices, self.path = options, slices, os.path.join(folder, "slice.rec")
        self.rules = [os.path.join(attacks.RULES, name) for name in ("base.yaml", category + ".yaml")]
        self.wrong = []

    def ask(self, scenario, nearest):
        """(the case's text, how far the event was from firing) or (None, why not)."""
        self.slices.write(scenario.ident, self.path)
        argv = [self.options.tiercel, "rules", "case", self.path, *self.rules, "--rule", scenario.rule, "--where", where(scenario),
                "--name", f"{scenario.rule}: {scenario.name}"]
        done = subprocess.run(argv + (["--nearest"] if nearest else []), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None, done.stderr.strip()
        if self.options.verbose and done.stderr:
            support.say(f"{scenario}: {done.stderr.strip()}")
        near = re.search(r"distance (\d+), (\d+) comparisons", done.stderr)
        text = done.stdout.partition("cases:\n")[2].replace("/attack/" + scenario.ident, "/attack/run").replace(scenario.ident, "web")
        if scenario.where == "host":  # the room has this host's names
            text = re.sub(rf"\b(user|group): {re.escape(APP)}(?=[,}}\n])", r"\1: app", text)
            text = ROOM.sub("unshare -m -p -f -u -i", text)
        return text, (int(near.group(1)), -int(near.group(2))) if near else (0, 0)

    def attack(self, scenarios):
        """Of the first attack that can be told."""
        reasons = []
        for scenario in scenarios:
            text, said = self.ask(scenario, False)
            if text:
                return text
            reasons.append(f"{scenario}: {said}")
        self.wrong += reasons
        return ""

    def twin(self, scenarios):
        """Of the twin that came nearest."""
        told = [(said, text) for text, said in (self.ask(scenario, True) for scenario in scenarios) if text]
        if not told:
            self.wrong += [f"{scenario}: {self.ask(scenario, True)[1]}" for scenario in scenarios]
        return min(told, key=lambda entry: entry[0])[1] if told else ""


def record(options, chosen, recording):
    """Plays them all; returns how many events were lost. Beside the recording: when each scenario was played."""
    times = {}
    with contextlib.ExitStack() as stack:
        lab = attacks.Lab(options, chosen, stack, record_to=recording)
        for scenario in chosen:
            begin = now_ns()
            _, said = lab.play(scenario)
            times[scenario.ident] = [begin, now_ns()]
            if options.verbose:
                support.say(f"{scenario}: {said.strip()[-300:]}")
        lost = lab.agent.stop()["lost"]
    with open(recording + ".json", "w", encoding="utf-8") as file:
        json.dump(times, file)
    return lost


def write(options, category, scenarios, recording):
    with open(recording + ".json", encoding="utf-8") as file:
        times = json.load(file)
    slices = Slices(recording, times)
    scenarios = [s for s in scenarios if s.ident in times]
    begun, texts = time.monotonic(), []
    with support.Folder("slices") as folder:
        cases = Cases(options, slices, folder.path, category)
        for rule in sorted({s.rule for s in scenarios}):
            texts += [cases.attack([s for s in scenarios if s.rule == rule and s.kind == "attack"]),
                      cases.twin([s for s in scenarios if s.rule == rule and s.kind == "twin"])]
    texts = [text for text in texts if text]
    with open(os.path.join(options.target, category + ".yaml"), "w", encoding="utf-8") as file:
        file.write(HEAD.format(category=category) + "\n".join(texts))
    support.say(f"{category}: {len(texts)} cases in {time.monotonic() - begun:.0f} s")
    return cases.wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--category", nargs="*", default=[])
    parser.add_argument("--target", default=TARGET, help="where the files go")
    parser.add_argument("--recordings", help="a folder for the recordings; those that are there are used and not made")
    parser.add_argument("--record-only", action="store_true", help="make recordings, and no cases")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    options.rules = None
    os.makedirs(options.target, exist_ok=True)
    wrong, lost = [], 0
    with contextlib.ExitStack() as stack:
        folder = options.recordings or stack.enter_context(support.Folder("recordings")).path
        found = [s for s in scenario_files.read_all() if s.where != "machine"]  # whose kernel has an agent of its own
        for category in options.category or sorted({s.category for s in found}):
            mine = [s for s in found if s.category == category]
            recording = os.path.join(folder, category + ".rec")
            if not os.path.exists(recording + ".json"):
                support.require_kernel_tests()
                begun = time.monotonic()
                lost += record(options, mine, recording)
                support.say(f"{category}: {len(mine)} scenarios in {time.monotonic() - begun:.0f} s")
            if not options.record_only:
                wrong += write(options, category, mine, recording)
    for text in wrong:
        support.say("NO CASE: " + text)
    if lost:
        support.say(f"LOST: {lost} events")
    return 1 if wrong or lost else 0


if __name__ == "__main__":
    support.main(main, "record")
