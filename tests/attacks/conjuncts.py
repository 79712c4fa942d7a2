#!/usr/bin/env python3
"""Does each conjunct of each condition earn its place? For each one a copy of its rule without it runs beside the twins and
the honest work: where the copy speaks and the rule itself does not, the conjunct is needed. Those for which no twin and no
honest work speaks are listed, and the run fails.

What selects the event (a conjunct with evt.type in it) is not taken away: the rule would be asked about every event."""

import argparse
import collections
import contextlib
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import benign  # noqa: E402
import rooms  # noqa: E402
import run as attacks  # noqa: E402
import scenarios as scenario_files  # noqa: E402
import tiercel as support  # noqa: E402
import yaml  # noqa: E402

WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[()]|[^\s()]+')
SPLIT = " without conjunct "


class Conjuncts:
    """The operands of every `and` of a condition, as (begin, end) in its text. Those below a `not` are left alone: without
    one of them the rule would say less, not more."""

    def __init__(self, text):
        self.text, self._words, self._at, self.spans = text, list(WORD.finditer(text)), 0, []
        self._either(True)
        if self._at != len(self._words):
            raise support.Failure(f"not understood from {text[self._words[self._at].start():]!r} on")

    def _word(self):
        return self._words[self._at].group() if self._at < len(self._words) else ""

    def _span_of(self, read, counts):
        first = self._at
        read(counts)
        return self._words[first].start(), self._words[self._at - 1].end()

    def _list(self, word, read, counts):
        spans = [self._span_of(read, counts)]
        while self._word() == word:
            self._at += 1
            spans.append(self._span_of(read, counts))
        return spans

    def _either(self, counts):
        self._list("or", self._both, counts)

    def _both(self, counts):
        spans = self._list("and", self._operand, counts)
        if counts and len(spans) > 1:
            self.spans += [span for span in spans if not self._is_group_of_and(span)]

    def _is_group_of_and(self, span):
        """(a and b) in an `and`: its own operands are counted already."""
        text = self.text[span[0]:span[1]]
        if not text.startswith("("):
            return False
        inner, depth = [], 0
        for word in WORD.finditer(text):
            depth += {"(": 1, ")": -1}.get(word.group(), 0)
            inner += [word.group()] if depth == 1 else []
        return "and" in inner and "or" not in inner

    def _operand(self, counts):
        if self._word() == "not":
            self._at += 1
            self._operand(False)
        elif self._word() == "(":
            self._at += 1
            self._either(counts)
            self._at += 1
        else:
            self._comparison()

    def _comparison(self):
        depth = 0
        while self._word() and (depth or self._word() not in ("and", "or", ")")):
            depth += {"(": 1, ")": -1}.get(self._word(), 0)
            self._at += 1


class Rules:
    def __init__(self, folder=attacks.RULES):
        self.definitions, self.rules = [], []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".yaml"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for entry in yaml.safe_load(file):
                        (self.rules if "rule" in entry else self.definitions).append(entry)
        self.macros = {entry["macro"]: entry["condition"] for entry in self.definitions if "macro" in entry}

    def selects(self, conjunct, depth=0):
        """Does it say which events?"""
        if "evt.type" in conjunct:
            return True
        return depth < 8 and any(word in self.macros and self.selects(self.macros[word], depth + 1) for word in re.findall(r"[a-z_0-9.]+", conjunct))

    def mutants(self):
        """[(rule, number, conjunct, entry)]"""
        found = []
        for rule in self.rules:
            text = rule["condition"]
            for number, (begin, end) in enumerate(sorted(set(Conjuncts(text).spans))):
                if not self.selects(text[begin:end]):
                    rest = f"{text[:begin]}always_true{text[end:]}"
                    found.append((rule["rule"], number, text[begin:end], {**rule, "rule": f"{rule['rule']}{SPLIT}{number}", "condition": rest}))
        return found


def play(options, mutants, scenarios, spoke):
    """An agent with all rules and these mutants beside the scenarios; `spoke`: {mutant: where it spoke and its rule did not}."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(support.Folder("conjuncts"))
        text = yaml.safe_dump([m[3] for m in mutants], sort_keys=False, width=1000)
        options.rules = [attacks.RULES, folder.file("mutants.yaml", text)]
        lab = attacks.Lab(options, scenarios, stack)
        for scenario in scenarios:
            alerts, _ = lab.play(scenario)
            names = {alert["rule"] for alert in alerts}
            for name in names:
                base = name.split(SPLIT)[0]
                if SPLIT in name and base not in names and scenario.rule in (None, base):
                    spoke[name].add(str(scenario) if scenario.rule else "honest work: " + scenario.name)
        if lab.containers and not scenarios[0].rule:
            activity, alerts, _ = benign.image_work(lab)
            for alert in alerts:
                spoke[alert["rule"]].add("honest work: " + activity.name)
        lab.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--category", nargs="*", default=[])
    parser.add_argument("--only", nargs="*", default=[], help="names of rules")
    parser.add_argument("--without-honest-work", action="store_true", help="twins only: quicker")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    support.require_kernel_tests()
    os.environ["DOCKER_BUILDKIT"] = "0"  # the builder that comes with the daemon
    twins = [s for s in scenario_files.read_all() if s.kind == "twin" and (not options.category or s.category in options.category)
             and (not options.only or s.rule in options.only)]
    mutants = [m for m in Rules().mutants() if m[0] in {s.rule for s in twins}]
    rooms.SCRIPT_S = benign.WORK_S
    spoke = collections.defaultdict(set)

    def idle():
        return [m for m in mutants if not spoke[m[3]["rule"]]]

    # A category at a time: too many rules without what narrows them would slow everything down.
    for category in sorted({s.category for s in twins}):
        mine = [s for s in twins if s.category == category]
        play(options, [m for m in mutants if m[0] in {s.rule for s in mine}], mine, spoke)
    if idle() and not options.without_honest_work:
        play(options, idle(), benign.read_activities(), spoke)
    if options.verbose:
        for rule, number, part, entry in mutants:
            support.say(f"{rule} [{number}] {part}: " + ("; ".join(sorted(spoke[entry['rule']])[:2]) or "NOTHING"))
    support.say(support.table(["rule", "a conjunct that nothing needs"], [[rule, re.sub(r"\s+", " ", part)] for rule, _, part, _ in idle()]))
    support.say(f"{len(mutants) - len(idle())} of {len(mutants)} conjuncts are needed by a twin or by honest work")
    return 1 if idle() else 0


if __name__ == "__main__":
    support.main(main, "conjuncts")
