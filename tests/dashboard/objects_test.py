#!/usr/bin/env python3
"""The dashboards' saved objects: made of panels.yaml, whole, and over fields that alerts have, with the index's types.

The alerts (alerts.ndjson) were written by a real Wazuh 4.14.7 manager with the decoders and rules that ship: README.md here.
"""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import evaluate  # noqa: E402
import fits  # noqa: E402
import kql  # noqa: E402
import saved  # noqa: E402
import template  # noqa: E402
from tiercel import Checks  # noqa: E402

RULES = os.path.join(template.ROOT, "rules", "wazuh", "4.x")
PATTERN = "wazuh-alerts-*"
COLUMNS = 48


def drift(checks):
    got = subprocess.run([sys.executable, os.path.join(saved.FOLDER, "build.py"), "--check"], capture_output=True, text=True)
    checks.check(got.returncode == 0, got.stdout[-600:] + got.stderr[-600:])


def overlaps(one, other):
    return (one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
            and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"])


def whole(checks, objects):
    """Every reference leads somewhere, every name is used, no panel lies on another."""
    checks.equal(len(objects), len(saved.lines(saved.OBJECTS)), "objects with an id of their own")
    used = set()
    for made in objects.values():
        checks.equal(len({ref["name"] for ref in made["references"]}), len(made["references"]), f"{made['id']}: names of references")
        for ref in made["references"]:
            known = (ref["type"], ref["id"]) == ("index-pattern", PATTERN) or objects.get(ref["id"], {}).get("type") == ref["type"]
            checks.check(known, f"{made['id']} refers to {ref['type']} {ref['id']}, which is not there")
            used.add(ref["id"])
        named = set(re.findall(r'\\?"(?:indexRefName|indexPatternRefName|panelRefName)\\?": \\?"([^"\\]+)', json.dumps(made)))
        checks.equal(named, {ref["name"] for ref in made["references"]}, f"{made['id']}: references that it names")
    boards = saved.dashboards(objects)
    checks.equal(set(objects) - used, {board["id"] for board in boards}, "objects that no other names")
    for board in boards:
        places = [place for place, _ in saved.panels(board, objects)]
        checks.check(all(place["x"] + place["w"] <= COLUMNS for place in places), f"{board['id']}: a panel reaches beyond column {COLUMNS}")
        for at, place in enumerate(places):
            checks.check(not any(overlaps(place, other) for other in places[:at]), f"{board['id']}: panel {place['i']} lies on another")


def known_fields(keys):
    """Every field that an alert can have by the contract, and those of the template."""
    return {fits.field_of(key, place) for key, (_, place) in keys.items() if key != fits.FREE} | set(template.Template().types)


def fields(checks, objects, alerts):
    """Each field is one of an alert; some alert has it; its type can do what the panel does with it."""
    known, types = known_fields(fits.contract()), template.Template()
    count = 0
    for made in objects.values():
        if made["type"] == "dashboard":
            continue
        for field, uses in evaluate.fields_of(made).items():
            count += 1
            kind = types.type_of(field)
            free = re.fullmatch(r"data\.tiercel\.field\.\w+", field)  # the contract names them not one by one: an alert must
            checks.check(field in known or free, f"{made['id']}: {field} is no field of an alert")
            checks.check(any(kql.values_of(alert, field) for alert in alerts.all), f"{made['id']}: no alert has {field}")
            for use in uses:
                checks.check(use in template.AGGREGATES and kind in template.AGGREGATES[use], f"{made['id']}: {use} does not work on {field} ({kind})")
    checks.check(count > 60, f"only {count} uses of fields were found")


def equal_values(tree):
    """(field, value) of each comparison of a query."""
    if tree[0] == "is":
        yield tree[1], tree[2]
        return
    for part in tree[1] if isinstance(tree[1], list) else [tree[1]]:
        yield from equal_values(part)


def queries_of(made):
    attributes = made["attributes"]
    yield evaluate.parsed(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
    for agg in evaluate.parsed(attributes.get("visState")).get("aggs", []):
        for one in agg["params"].get("filters", []):
            yield one["input"]["query"]


def groups(checks, objects):
    """A group that a query names is one that the manager's rules give."""
    given = set()
    for name in os.listdir(RULES):
        with open(os.path.join(RULES, name), encoding="utf-8") as file:
            root = xml.fromstring(f"<all>{file.read()}</all>")
        for group in root.iter("group"):
            given |= set(filter(None, re.split(r"[,\s]+", group.get("name") or group.text or "")))
    named = {value for made in objects.values() for query in queries_of(made) for field, value in equal_values(kql.parse(query))
             if field == "rule.groups"}
    checks.check(named and named <= given, f"groups that no rule of the manager gives: {sorted(named - given)} (of {sorted(named)})")


def panels_show(checks, objects, alerts):
    for made in objects.values():
        if made["type"] != "dashboard":
            checks.check(evaluate.panel(made, alerts).shows_something(), f"{made['id']}: nothing to see in it, or in a part of it")


def sample(checks, alerts):
    """The manager's alerts themselves: taken by its index, and within the contract."""
    index, keys = template.Index(template.Template()), fits.contract()
    for alert in alerts.all:
        problems = index.problems(alert)
        if "tiercel" in alert.get("data", {}):
            problems += fits.against_contract(alert["data"], keys, decoded=True)
        checks.check(not problems, f"{alert['rule']['description']}: {problems[:3]}")
    checks.check(index.size() < index.room() / 10, f"{index.size()} fields in the index")


def contract_fits(checks):
    """All keys of the contract at once: none is a leaf where another, or the template, has an object."""
    index, document = template.Index(template.Template()), {}
    for key, (kind, place) in fits.contract().items():
        at = document.setdefault("tiercel", {}) if place == "tiercel" else document
        *above, last = key.replace("*", "any").split(".")
        for part in above:
            at = at.setdefault(part, {})
        at[last] = ["x"] if kind == "list" else "x"
    checks.equal(index.problems({"data": document}), [], "the contract's keys in the index")
    checks.check(len(fits.contract()) > 60, "the contract's table was not understood")


def readme(checks, objects):
    """The README has a picture of every panel and dashboard, and there is none that it does not show."""
    with open(os.path.join(saved.FOLDER, "README.md"), encoding="utf-8") as file:
        shown = re.findall(r"\]\(pictures/([a-z-]+)\.png\)", file.read())
    there = {os.path.splitext(name)[0] for name in os.listdir(os.path.join(saved.FOLDER, "pictures"))}
    checks.equal(sorted(shown), sorted(objects), "pictures in the README, each once")
    checks.equal(there, set(objects), "pictures in the folder (make dashboard)")


def main():
    checks, objects, alerts = Checks(), saved.objects(), saved.alerts([saved.SAMPLE])
    drift(checks)
    whole(checks, objects)
    fields(checks, objects, alerts)
    groups(checks, objects)
    panels_show(checks, objects, alerts)
    readme(checks, objects)
    sample(checks, alerts)
    contract_fits(checks)
    return checks.finish("dashboard objects")


if __name__ == "__main__":
    sys.exit(main())
