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
import shutil
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "dashboard"))
sys.path.insert(0, os.path.join(HERE, "..", "manager"))
sys.path.insert(0, HERE)
import arrives  # noqa: E402
import fits  # noqa: E402
import machine  # noqa: E402
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


class Here:
    """Where the agent of this host is heard."""

    def __init__(self, agent):
        self._child = agent.child
        self.lines = agent.child.lines
        self.mark = marks.on_host

    def said(self):
        return self._child.stderr()


class Judge:
    """Reads an agent's alerts and tells them apart. `place`: has `lines`, `mark(mark)` and `said()`."""

    def __init__(self, place):
        self.place, self._seen, self._marks = place, 0, 0

    def take(self, scenario, ident, belongs):
        """The alerts of the scenario, once the agent has judged all that happened until now."""
        self._marks += 1
        mark = f"end-{self._marks}"
        self.place.mark(mark)
        end = time.monotonic() + support.WAIT_S
        alerts = []
        while True:
            lines = self.place.lines[self._seen:]
            self._seen += len(lines)
            alerts += [json.loads(line) for line in lines]
            if any(a["rule"] == "Mark" and a["output_fields"]["proc.args"] == marks.PREFIX + mark for a in alerts):
                break
            if time.monotonic() > end:
                raise support.Failure(f"the agent does not tell of the mark {mark}: {self.place.said()[-2000:]}")
            time.sleep(0.01)
        return [a for a in alerts if a["rule"] != "Mark" and belongs(a, scenario, ident)]

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
    if options.sample:  # the quick form: it boots no machine
        found = sample([s for s in found if s.where != "machine"], options.sample, options.seed)
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

    def __init__(self, options, chosen, stack, config=CONFIG, record_to=None):
        self.options, self._stack = options, stack
        self._folder = folder = stack.enter_context(support.Folder("attacks"))
        stack.enter_context(Places())
        programs = rooms.compile_programs(os.path.join(HERE, "programs"), folder.folder("programs"))
        scripts = {s.ident: s.script for s in chosen}
        self._in_machine = {s.ident: s.script for s in chosen if s.where == "machine"}
        self._programs, self._machine = programs, None
        if self._in_machine:
            machine.require()  # now, and not after all others
        self._judges, self.agent, self.containers = {}, None, None
        self._rules = (options.rules or [RULES]) + [folder.file("mark.yaml", marks.rules())]
        self.belongs = Judge.of_scenario
        if len(self._in_machine) == len(chosen):
            return
        if any(s.where == "container" for s in chosen):
            self.containers = rooms.Containers(stack.enter_context(Docker(folder)), folder, scripts, programs)
        self.network = rooms.Network(self.containers and self.containers.network_pid)
        stack.callback(self.network.stop)
        self.host = rooms.HostRooms(folder, rooms.attack_folder(folder, scripts, programs), self.network)
        self.agent = stack.enter_context(support.Agent(options.tiercel, self._rules, config=config, record_to=record_to))
        support.say(f"the agent is ready after {self.agent.ready_s:.2f} s; {len(chosen)} scenarios")
        self._judges["here"] = Judge(Here(self.agent))

    @property
    def machine(self):
        """Booted when it is first asked for."""
        if not self._machine:
            self._machine = machine.Machine(self.options.tiercel, self._rules, CONFIG, self._folder, self._in_machine, self._programs)
            self._stack.callback(self._machine.kill)
            self._judges["machine"] = Judge(self._machine)
        return self._machine

    def take(self, scenario, ident):
        judge = self._judges["machine" if scenario.where == "machine" else "here"]
        return judge.take(scenario, ident, self.belongs)

    def play(self, scenario):
        if scenario.where == "machine":
            ident, said = self.machine.run(scenario, rooms.SCRIPT_S)
        else:
            ident, said = (self.containers if scenario.where == "container" else self.host).run(scenario)
        return self.take(scenario, ident), said

    def stop(self):
        """Both agents' events that were lost."""
        stopped = [one.stop()["lost"] for one in (self.agent, self._machine) if one]
        return {"lost": sum(stopped)}


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


def events_config(path):
    """Every alert of the agent here goes to a file, too, as a manager gets it."""
    return CONFIG.replace("outputs:\n", f"outputs:\n  - type: file\n    config: {{path: {path}, rotate_size_mb: 0}}\n", 1)


def check_events(path, keep):
    """Against the contract of the normalised event, the types of a manager's index, and the manager's rule that each must end at.
    False if one is wrong."""
    if not os.path.exists(path):
        return True  # all scenarios were in the machine
    checked = fits.Fits()
    checked.take_file(path)
    if keep:
        shutil.copy(path, keep)
    arrived = arrives.check(path)
    return checked.report() == 0 and arrived == 0


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
    parser.add_argument("--events", help="a file for every alert as a manager gets it (decoders/ALERT.md), a JSON line each")
    parser.add_argument("-v", "--verbose", action="store_true", help="also of those that are as they should be")
    options = parser.parse_args()
    support.require_kernel_tests()
    chosen = choose(options)
    with contextlib.ExitStack() as stack:
        events = os.path.join(stack.enter_context(support.Folder("events")).path, "events.json")
        lab = Lab(options, chosen, stack, events_config(events))
        begun = time.monotonic()
        results = play_all(lab, chosen, options.verbose)
        summary = lab.stop()
        fit = check_events(events, options.events)
    support.say(f"{len(chosen)} scenarios in {time.monotonic() - begun:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            for scenario, alerts, wrong, said in results:
                file.write(json.dumps({"scenario": scenario.ident, "rule": scenario.rule, "wrong": wrong, "alerts": alerts, "said": said}) + "\n")
    report(results)
    if summary["lost"]:
        support.say(f"LOST: {summary['lost']} events")
    return 1 if summary["lost"] or not fit or any(wrong for _, _, wrong, _ in results) else 0


if __name__ == "__main__":
    support.main(main, "attacks")
