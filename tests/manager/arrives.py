#!/usr/bin/env python3
"""Where our alerts arrive at a manager, and where the rule files say that they must: the rule, its level, groups and ATT&CK ids.

usage: arrives.py EVENTS    a file of `tests/attacks/run.py --events`, a normalised event a line"""

import collections
import glob
import json
import os
import re
import sys

import yaml

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, HERE)
from analysis import Manager  # noqa: E402

DECODERS = [os.path.join(ROOT, "decoders/wazuh/4.x/tiercel_decoders.xml")]
RULES = sorted(glob.glob(os.path.join(ROOT, "rules/wazuh/4.x/*.xml")))  # in the order in which a manager reads them
LEVELS = {"Emergency": 15, "Alert": 14, "Critical": 12, "Error": 10, "Warning": 7, "Notice": 5, "Informational": 3, "Debug": 3}
WRITTEN = {"EMERGENCY": "Emergency", "ALERT": "Alert", "CRITICAL": "Critical", "ERROR": "Error", "WARNING": "Warning", "NOTICE": "Notice",
           "INFORMATIONAL": "Informational", "INFO": "Informational", "DEBUG": "Debug"}
SILENT = {504: 3, 506: 3}  # the manager's own: an agent is gone, an agent stopped


class Loader(yaml.SafeLoader):
    """`=` is a text, as it is for the rules' own reader."""


Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


def detections():
    """Rules with an output; those with an action are responses."""
    found = []
    for path in sorted(glob.glob(os.path.join(ROOT, "rules/*.yaml"))):
        with open(path, encoding="utf-8") as file:
            found += [{**entry, "category": os.path.basename(path)[:-len(".yaml")]} for entry in yaml.load(file, Loader) if "output" in entry]
    return found


def priority_of(entry):
    return {"HIGH": "Error", "MEDIUM": "Warning", "LOW": "Notice"}.get(entry["priority"].upper()) or WRITTEN[entry["priority"].upper()]


def wire(event):
    return "tiercel: " + json.dumps(event)


def manager():
    return Manager(DECODERS, RULES, SILENT)


def ids_of(tags):
    return [tag.upper() for tag in tags if re.fullmatch(r"[Tt][0-9]{4}(\.[0-9]{3})?", tag)]


def wrong_with(event, entry):
    """Why the rule at which the alert of a detection ended is not the right one; None if it is."""
    rule = event.rule
    if rule is None or not any(pattern.fullmatch(entry["rule"]) for name, pattern, _ in rule.fields if name == "tiercel.rule"):
        return f"ended at {rule and rule.id}"
    if rule.level != LEVELS[priority_of(entry)]:
        return f"level {rule.level}"
    requirements = {tag for tag in entry["tags"] if re.match(r"(pci_dss|nist_800_53|cis)_", tag)}
    missing = {"tiercel", f"tiercel_{entry['category']}"} | requirements
    if missing - set(rule.groups):
        return f"without the groups {missing - set(rule.groups)}"
    strange = [one for one in rule.mitre if not any(one.split(".")[0] == tag.split(".")[0] for tag in ids_of(entry["tags"]))]
    if strange or len(rule.mitre) > len(ids_of(entry["tags"])) or (ids_of(entry["tags"]) and not rule.mitre):
        return f"ATT&CK {rule.mitre} instead of {ids_of(entry['tags'])}"
    return None


def check(path):
    """Alerts of a real agent: each ends at the rule of its name. Returns the exit status."""
    by_name = {entry["rule"]: entry for entry in detections()}
    seen, wrong, manager_there = collections.Counter(), [], manager()
    with open(path, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            name, ours = event["tiercel"]["rule"], by_name.get(event["tiercel"]["rule"])
            judged = manager_there.take(wire(event), now_s=0)
            manager_there.forget()
            problem = wrong_with(judged, ours) if ours else None if judged.rule else "no rule"
            seen[name] += 1
            if problem:
                wrong.append(f"{name}: {problem}: {line[:300]}")
    for text in wrong[:20]:
        print(text)
    print(f"{sum(seen.values())} alerts of {len(set(seen) & set(by_name))} detections, {len(wrong)} ended at a wrong rule")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(check(sys.argv[1]))
