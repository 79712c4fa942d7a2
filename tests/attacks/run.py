#!/usr/bin/env python3
"""Attacks and their harmless twins, live: each rule must fire on each of its attacks and on none of its twins.

Every scenario is a script that runs in a throw-away container or in a room that looks like the host (rooms.py), beside one
agent with all rules. An alert belongs to a scenario if its process, or one above it, has the scenario's mark in its
environment, or if it comes from the scenario's container."""

import argparse
import contextlib
import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import marks  # noqa: E402
import rooms  # noqa: E402
import scenarios as scenario_files  # noqa: E402
import tiercel as support  # noqa: E402
from docker import Docker  # noqa: E402
from places import Places  # noqa: E402

RULES = os.path.normpath(os.path.join(HERE, "..", "..", "rules"))
MARKS = ["proc.env[TIERCEL_ATTACK]", "proc.aenv[TIERCEL_ATTACK]"]  # of the process itself, and of those above it
CONFIG = f"""sensor:
  procinfo_interval_s: 1
outputs:
  - type: stdout
rule_matching: all
append_output:
  - extra_fields:
      - {MARKS[0]}
      - {MARKS[1]}
      - container.full_id
"""


def marks_of(alert):
    """The scenarios whose marks the process and its ancestors have."""
    fields = alert.get("output_fields") or {}
    return {fields.get(mark) for mark in MARKS} - {None, "", "<NA>"}


class Judge:
    """Reads the agent's alerts and tells them apart."""

    def __init__(self, agent):
        self.agent, self._seen, self._marks = agent, 0, 0
        self.belongs = self.of_scenario

    def take(self, scenario, ident):
        """The alerts of the scenario, once the agent has judged all that happened until now."""
        self._marks += 1
        mark = f"end-{self._marks}"
        marks.on_host(mark)
        end = time.monotonic() + support.WAIT_S
        alerts = []
        while True:
            lines = self.agent.child.lines[self._seen:]
            self._seen += len(lines)
            alerts += [json.loads(line) for line in lines]
            if any(a["rule"] == "Mark" and a["output_fields"]["proc.args"] == marks.PREFIX + mark for a in alerts):
                break
            if time.monotonic() > end:
                raise support.Failure(f"the agent does not tell of the mark {mark}: {self.agent.child.stderr()[-2000:]}")
            time.sleep(0.01)
        return [a for a in alerts if a["rule"] != "Mark" and self.belongs(a, scenario, ident)]

    @staticmethod
    def of_scenario(alert, scenario, ident):
        fields = alert.get("output_fields") or {}
        return scenario.ident in marks_of(alert) or (ident is not None and fields.get("container.full_id") == ident)


def choose(options):
    found = scenario_files.read_all()
    if options.only:
        found = [s for s in found if s.rule in options.only or s.ident in options.only]
    if options.category:
        found = [s for s in found if s.category in options.category]
    if options.sample:
        found = sample(found, options.sample, options.seed)
    if not found:
        raise support.Failure("no scenario is chosen")
    return found


def sample(found, rules, seed):
    """One attack and one twin of some rules, of each category as many as its share."""
    chance = random.Random(seed)
    names = sorted({s.rule for s in found})
    taken = []
    for rule in sorted(chance.sample(names, min(rules, len(names)))):
        for kind in ("attack", "twin"):
            mine = [s for s in found if s.rule == rule and s.kind == kind]
            taken += [chance.choice(mine)] if mine else []
    return taken


def judged(scenario, alerts):
    """None if it is as it should be, else what is wrong."""
    hit = any(alert["rule"] == scenario.rule for alert in alerts)
    if scenario.kind == "attack":
        return None if hit else "MISSED"
    return "FALSE ALARM" if hit else None


class Lab:
    """The agent, the places and the network that the chosen scenarios need."""

    def __init__(self, options, chosen, stack):
        self.options = options
        folder = stack.enter_context(support.Folder("attacks"))
        stack.enter_context(Places())
        programs = rooms.compile_programs(os.path.join(HERE, "programs"), folder.folder("programs"))
        scripts = {s.ident: s.script for s in chosen}
        self.containers = None
        if any(s.where == "container" for s in chosen):
            self.containers = rooms.Containers(stack.enter_context(Docker(folder)), folder, scripts, programs)
        self.network = rooms.Network(self.containers and self.containers.network_pid)
        stack.callback(self.network.stop)
        self.host = rooms.HostRooms(folder, rooms.attack_folder(folder, scripts, programs), self.network)
        rules = options.rules or [RULES]
        self.agent = stack.enter_context(support.Agent(options.tiercel, rules + [folder.file("mark.yaml", marks.rules())], config=CONFIG))
        support.say(f"the agent is ready after {self.agent.ready_s:.2f} s; {len(chosen)} scenarios")
        self.judge = Judge(self.agent)

    def play(self, scenario):
        room = self.containers if scenario.where == "container" else self.host
        ident, said = room.run(scenario)
        return self.judge.take(scenario, ident), said


def play_all(lab, chosen, verbose):
    results = []
    for scenario in chosen:
        alerts, said = lab.play(scenario)
        wrong = judged(scenario, alerts)
        results.append((scenario, alerts, wrong, said))
        if wrong or verbose:
            others = sorted({a["rule"] for a in alerts} - {scenario.rule})
            support.say(f"{wrong or 'ok'}: {scenario}; other rules: {', '.join(others) or 'none'}")
        if wrong:
            support.say("    said: " + " / ".join(said.strip().splitlines()[-8:])[-1000:])
            for alert in alerts:
                if alert["rule"] == scenario.rule:
                    support.say("    " + alert["output"].strip())
    return results


def report(results):
    rows = []
    rules = sorted({(s.category, s.rule) for s, *_ in results})
    for category, rule in rules:
        def count(kind, rule=rule):
            mine = [wrong for s, _, wrong, _ in results if s.rule == rule and s.kind == kind]
            return f"{sum(1 for w in mine if not w)}/{len(mine)}"
        rows.append([category, rule, count("attack"), count("twin")])
    support.say(support.table(["category", "rule", "attacks hit", "twins silent"], rows))
    for kind, what in (("attack", "attacks hit"), ("twin", "twins silent")):
        mine = [wrong for s, _, wrong, _ in results if s.kind == kind]
        support.say(f"{what}: {sum(1 for w in mine if not w)} of {len(mine)}")
    full = [rule for _, rule in rules if not any(wrong for s, _, wrong, _ in results if s.rule == rule)]
    support.say(f"rules as they should be: {len(full)} of {len(rules)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: the attacks' programs are compiled on the spot")
    parser.add_argument("--programs-from", help="likewise")
    parser.add_argument("--rules", nargs="*", help="instead of those that are shipped")
    parser.add_argument("--only", nargs="*", default=[], help="names of rules, or of scenarios (category.file.attack1)")
    parser.add_argument("--category", nargs="*", default=[])
    parser.add_argument("--sample", type=int, help="one attack and one twin of so many rules")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="a file for every scenario with its alerts, a JSON line each")
    parser.add_argument("-v", "--verbose", action="store_true", help="also of those that are as they should be")
    options = parser.parse_args()
    support.require_kernel_tests()
    chosen = choose(options)
    with contextlib.ExitStack() as stack:
        lab = Lab(options, chosen, stack)
        begun = time.monotonic()
        results = play_all(lab, chosen, options.verbose)
        summary = lab.agent.stop()
    support.say(f"{len(chosen)} scenarios in {time.monotonic() - begun:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            for scenario, alerts, wrong, said in results:
                file.write(json.dumps({"scenario": scenario.ident, "rule": scenario.rule, "wrong": wrong, "alerts": alerts, "said": said}) + "\n")
    report(results)
    if summary["lost"]:
        support.say(f"LOST: {summary['lost']} events")
    return 1 if summary["lost"] or any(wrong for _, _, wrong, _ in results) else 0


if __name__ == "__main__":
    support.main(main, "attacks")
