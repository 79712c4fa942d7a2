"""The shipped rules against the house's rules for them: counts, texts, ATT&CK, hooks that cost, doubles, proofs.

usage: rules.py [folder with rules/ and tests/, default .]
"""
import collections
import glob
import os
import re
import sys

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from conditions import Malformed, expanded, parse, skeleton, tests_of  # noqa: E402

# Set when the hundred are there: what is missing is then a problem, and no longer only counted.
COMPLETE = True

# What a case cannot tell, with the reason: run.py does, live.
WITHOUT_CASE = {}  # rule: why no case can tell it

# category -> how many rules, and the priority that needs no word of why
CATEGORIES = {"container_escape": (15, "CRITICAL"), "privilege_escalation": (20, "CRITICAL"), "cryptomining": (10, "ERROR"),
              "reverse_shell": (12, "CRITICAL"), "file_integrity": (25, "WARNING"), "network": (18, "ERROR")}
# Their hooks would slow every program of the host.
COSTLY = {"read", "readv", "pread", "preadv", "write", "writev", "pwrite", "pwritev", "close", "sendto", "sendmsg",
          "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"}
TECHNIQUE = re.compile(r"^[Tt][0-9]{4}(\.[0-9]{3})?$")
# The seed's own word, which is no tactic.
SEED_TAGS = {"mitre_resource_hijacking"}
# Tags and groups that a manager takes for requirements of standards; docs/detections.md says what each means.
REQUIREMENT = re.compile(r"\b(?:pci_dss|nist_800_53|cis|gdpr|hipaa|tsc|gpg13)_[A-Za-z0-9_.]+[A-Za-z0-9]")
NAME = re.compile(r"^[A-Za-z0-9 -]{1,60}$")


class Loader(yaml.SafeLoader):
    """`=` is a text, as it is for the rules' own reader."""


Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


class Lint:
    def __init__(self, root):
        self.root = root
        self.problems, self.missing = [], []
        self.macros, self.lists = {}, {}
        self.techniques = self.read_techniques()

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def problem(self, where, text):
        self.problems.append(f"{where}: {text}")

    def lacks(self, where, text):
        """What may be missing until COMPLETE."""
        (self.problems if COMPLETE else self.missing).append(f"{where}: {text}")

    def read_techniques(self):
        out = {}
        with open(self.path("agent/attack/techniques.txt"), encoding="utf-8") as file:
            for line in file:
                if not line.startswith("#"):
                    number, _, tactics = line.rstrip("\n").split("\t")[:3]
                    out[number] = set(tactics.split(","))
        return out

    def load(self, path):
        with open(path, encoding="utf-8") as file:
            try:
                return yaml.load(file, Loader)
            except yaml.YAMLError as error:
                self.problem(path, f"no YAML: {error}")
                return None

    # ---- rule files ----

    def read_rules(self):
        rules = []
        for path in sorted(glob.glob(self.path("rules/*.yaml"))):
            if path == self.path("rules/responses.yaml"):
                self.check_responses(path)
                continue
            category = os.path.basename(path)[:-len(".yaml")]
            for item in self.load(path) or []:
                for kind, into, key in (("macro", self.macros, "condition"), ("list", self.lists, "items")):
                    if kind in item:
                        what = item.get(key, "" if key == "condition" else [])
                        what = " ".join(what.split()) if isinstance(what, str) else what
                        if into.setdefault(item[kind], what) != what:
                            self.problem(path, f"the {kind} {item[kind]} means something else in an earlier file")
                if "rule" in item:
                    rules.append((category, path, item))
        return rules

    def check_responses(self, path):
        """What ships acts only when the operator says so."""
        for item in self.load(path) or []:
            if not item.get("action") or item.get("dry_run") is not True:
                self.problem("rules/responses.yaml", f"'{item.get('rule')}' is no response, or no dry run")

    def check_counts(self, rules):
        counts = collections.Counter(category for category, _, _ in rules)
        for category in sorted(set(counts) - set(CATEGORIES)):
            self.problem(f"rules/{category}.yaml", "has rules, and is none of the six categories")
        for category, (number, _) in CATEGORIES.items():
            if counts[category] > number:
                self.problem(f"rules/{category}.yaml", f"{counts[category]} rules, more than {number}")
            elif counts[category] < number:
                self.lacks(f"rules/{category}.yaml", f"{counts[category]} of {number} rules")
        for name, times in collections.Counter(item["rule"] for _, _, item in rules).items():
            if times > 1:
                self.problem("rules", f"'{name}' is there {times} times")

    def check_texts(self, where, category, item):
        if not NAME.match(item["rule"]):
            self.problem(where, "a name has letters, digits, blanks and -, at most 60")
        desc = item.get("desc", "")
        for word in ("Next:", "Harmless:"):
            if word not in desc:
                self.problem(where, f"its desc has no '{word}'")
        usual = CATEGORIES[category][1]
        priority = str(item.get("priority", "")).upper()
        if priority != usual and not re.search(rf"\b{priority}\b", desc, re.I):
            self.problem(where, f"priority {priority}, where {category} has {usual}: its desc says why, and names {priority}")
        exceptions = item.get("exceptions") or []
        if not exceptions or not all(isinstance(e, dict) and e.get("name") and e.get("fields") for e in exceptions):
            self.problem(where, "it has no exceptions to append values to: a name and fields")

    def check_tags(self, where, category, tags):
        if not tags or tags[0] != category:
            self.problem(where, f"its first tag is not {category}")
        techniques = [tag for tag in tags if TECHNIQUE.match(tag)]
        tactics = {tag for tag in tags if tag.startswith("mitre_")} - SEED_TAGS
        for tag in techniques:
            if tag not in self.techniques:
                self.problem(where, f"{tag} is no technique of the ATT&CK version in agent/attack/techniques.txt")
        known = {tactic for tag in techniques for tactic in self.techniques.get(tag, ())}
        if not techniques:
            self.problem(where, "it has no technique, such as T1611, among its tags")
        if not tactics:
            self.problem(where, "it has no tactic, such as mitre_persistence, among its tags")
        for tag in sorted(tactics):
            if tag[len("mitre_"):].replace("_", "-") not in known:
                self.problem(where, f"{tag} is no tactic of {', '.join(techniques) or 'its techniques'}: "
                             f"{', '.join('mitre_' + t.replace('-', '_') for t in sorted(known)) or 'none'}")

    def check_requirements(self, rules):
        with open(self.path("docs/detections.md"), encoding="utf-8") as file:
            told = set(re.findall(r"^\| `([a-z0-9_]+_[A-Za-z0-9_.]+)` \|", file.read(), re.M))
        named = {}
        for _, path, item in rules:
            for tag in item.get("tags") or []:
                if REQUIREMENT.fullmatch(str(tag)):
                    named.setdefault(str(tag), f"{path}: {item['rule']}")
        for path in glob.glob(self.path("rules/wazuh/4.x/*.xml")):
            with open(path, encoding="utf-8") as file:
                for groups in re.findall(r"<group>(.*)</group>", file.read()):
                    for tag in REQUIREMENT.findall(groups):
                        named.setdefault(tag, path)
        for tag in sorted(set(named) - told):
            self.problem(named[tag], f"{tag} is in no list of requirements in docs/detections.md")
        for tag in sorted(told - set(named)):
            self.problem("docs/detections.md", f"no rule has {tag}")

    def check_condition(self, where, item, skeletons):
        try:
            tree = expanded(parse(str(item.get("condition", ""))), self.macros, self.lists)
        except Malformed as error:
            return self.problem(where, f"its condition: {error}")
        named = set()
        for field, operator, values, negated in tests_of(tree):
            if not field.startswith("evt.type"):
                continue
            if operator == "exists":
                self.problem(where, "evt.type exists asks for every event")
            if not negated and operator in ("=", "==", "in", "intersects"):
                named |= set(values)
        for event in sorted(named & COSTLY):
            self.problem(where, f"it names {event}, whose hook slows the host")
        if not named:
            self.problem(where, "it names no event type")
        # A count and its groups are part of what a rule is.
        threshold = item.get("threshold") or {}
        shape = skeleton(tree) + "".join(f"\n{k} {threshold[k]}" for k in sorted(threshold) if k in ("group_by", "distinct"))
        shape += "\ncounted" if threshold else ""
        if shape in skeletons:
            self.problem(where, f"differs from '{skeletons[shape]}' in names, paths or numbers only")
        skeletons.setdefault(shape, item["rule"])
        return None

    def check_rules(self, rules):
        skeletons = {}
        for category, path, item in rules:
            where = f"{path}: {item['rule']}"
            if category not in CATEGORIES:
                continue
            self.check_texts(where, category, item)
            self.check_tags(where, category, [str(tag) for tag in item.get("tags") or []])
            self.check_condition(where, item, skeletons)

    # ---- proofs ----

    def check_scenarios(self, rules):
        folder = self.path("tests/attacks/scenarios")
        wanted = {(category, snake(item["rule"])): item["rule"] for category, _, item in rules}
        for path in sorted(glob.glob(os.path.join(folder, "*", "*.yaml"))):
            key = (os.path.basename(os.path.dirname(path)), os.path.basename(path)[:-len(".yaml")])
            document = self.load(path)
            if not isinstance(document, dict):
                self.problem(path, "it has to be a map with rule, attacks and twins")
                continue
            if document.get("rule") not in wanted.values():
                self.problem(path, f"there is no rule '{document.get('rule')}'")
            elif wanted.get(key) != document["rule"]:
                self.problem(path, f"the file of '{document['rule']}' is its category's {snake(document['rule'])}.yaml")
            for part, least in (("attacks", 2), ("twins", 1)):
                entries = document.get(part) or []
                if len(entries) < least:
                    self.lacks(path, f"{len(entries)} {part}, fewer than {least}")
                names = [entry.get("name") for entry in entries]
                if None in names or len(set(names)) != len(names) or not all(entry.get("run") for entry in entries):
                    self.problem(path, f"each of the {part} has a name of its own and a run")
        for (category, name), rule in wanted.items():
            if not os.path.exists(os.path.join(folder, category, name + ".yaml")):
                self.lacks(f"rules/{category}.yaml: {rule}", f"there is no tests/attacks/scenarios/{category}/{name}.yaml")

    def check_cases(self, rules):
        names = {item["rule"] for _, _, item in rules}
        expected, silent = collections.Counter(), collections.Counter()
        for path in sorted(glob.glob(self.path("rules/cases/**/*.yaml"), recursive=True)):
            category = os.path.basename(path)[:-len(".yaml")]
            document = self.load(path)
            cases = document.get("cases", []) if isinstance(document, dict) else document or []
            for case in cases:
                wanted = case.get("expect") or []
                counts = wanted if isinstance(wanted, dict) else {}
                wanted = [wanted] if isinstance(wanted, str) else [name for name in wanted if counts.get(name) != 0]
                expected.update(wanted)
                silent[category] += not wanted
                for name in wanted:
                    if name not in names:
                        self.problem(path, f"'{case.get('name')}' expects '{name}', which is no rule")
        for category, _, item in rules:
            if not expected[item["rule"]] and item["rule"] not in WITHOUT_CASE:
                self.lacks(f"rules/cases/{category}.yaml", f"no case expects '{item['rule']}'")
        for category in CATEGORIES:
            number = sum(category == other for other, _, _ in rules)
            if silent[category] < number:
                self.lacks(f"rules/cases/{category}.yaml", f"{silent[category]} cases where nothing fires, for {number} rules")

    def run(self):
        rules = self.read_rules()
        self.check_counts(rules)
        self.check_rules(rules)
        self.check_requirements(rules)
        self.check_scenarios(rules)
        self.check_cases(rules)
        for text in self.missing:
            print(f"not yet: {text}")
        for text in self.problems:
            print(text)
        print(f"rules: {len(rules)} of {sum(number for number, _ in CATEGORIES.values())}, {len(self.techniques)} techniques "
              f"known, {len(self.missing)} not yet, {len(self.problems)} problems")
        return 1 if self.problems or not rules or len(self.techniques) < 600 else 0


def snake(name):
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


if __name__ == "__main__":
    sys.exit(Lint(sys.argv[1] if len(sys.argv) > 1 else ".").run())
