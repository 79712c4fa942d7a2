#!/usr/bin/env python3
"""The preview for Wazuh 5.x: the decoder against the event's contract and the fields of the Common Schema, the rules against what
the decoder fills. wcs_fields.csv has the fields that we use, with their types, as the Common Schema of the indexer's plugins
5.0.1-alpha0 gives them (wcs/stateless/events/main/docs/fields.csv). No Wazuh 5.x here: a small reading of the decoder's operations
stands for its engine."""

import csv
import ipaddress
import json
import os
import re
import sys
import unittest
import uuid

import yaml

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, HERE)
from arrives import detections, priority_of  # noqa: E402

REF = r"\$_tiercel\.([a-z0-9_.]+)"
PREFIX = "tiercel: "
LEVELS = {"critical": ("Emergency", "Alert"), "high": ("Critical", "Error"), "medium": ("Warning",), "low": ("Notice",),
          "informational": ("Informational", "Debug")}
TACTICS = {"mitre_initial_access": "TA0001", "mitre_execution": "TA0002", "mitre_persistence": "TA0003", "mitre_privilege_escalation": "TA0004",
           "mitre_defense_evasion": "TA0005", "mitre_credential_access": "TA0006", "mitre_discovery": "TA0007",
           "mitre_lateral_movement": "TA0008", "mitre_collection": "TA0009", "mitre_exfiltration": "TA0010",
           "mitre_command_and_control": "TA0011", "mitre_impact": "TA0040"}
# Keys of ALERT.md that the Common Schema has no field for, or that say what another one says; docs/wazuh-5.md lists them, too.
NO_PLACE = {"schema", "evt.cpu", "evt.io_uring", "evt.res_unknown", "proc.exe", "proc.cmdline_bytes", "proc.script", "proc.tty", "proc.ancestors", "proc.uncertain",
            "user.loginuid", "fd.num", "fd.nameraw", "fd.matched", "fd.uncertain", "fd.direct", "container.verified", "container.missing", "field.*",
            "truncated", "srcip", "srcport", "dstip", "dstport", "protocol", "srcuser"}


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def decoder():
    return yaml.safe_load(read("decoders", "wazuh", "5.x", "tiercel_decoder.yml"))


def rules():
    return list(yaml.safe_load_all(read("rules", "wazuh", "5.x", "tiercel_rules.yml")))


def fields():
    with open(os.path.join(HERE, "wcs_fields.csv")) as file:
        return {row["field"]: row for row in csv.DictReader(file)}


def contract():
    """ALERT.md: key -> (type, place)."""
    return {m[1]: (m[2], m[3]) for m in re.finditer(r"^\| `([^`]+)` \| (\w+) \| (\w+) \|", read("decoders", "ALERT.md"), re.M)}


def value_at(event, path):
    for step in path.split("."):
        if not isinstance(event, dict) or step not in event:
            return None
        event = event[step]
    return event


def holds(term, event):
    """One term of a check over the event's JSON."""
    if exists := re.fullmatch(rf"exists\({REF}\)", term):
        return value_at(event, exists[1]) is not None
    path, compared, wanted = re.fullmatch(rf"{REF} (==|!=) (\w+)", term).groups()
    return (value_at(event, path) == wanted) == (compared == "==")


def passes(check, event):
    if isinstance(check, list):
        return all(value_at(event, path.removeprefix("_tiercel.")) == wanted for one in check for path, wanted in one.items())
    return any(all(holds(term, event) for term in way.split(" AND ")) for way in check.split(" OR "))


def result(operation, event):
    """What an operation gives, or None where it fails."""
    if reference := re.fullmatch(REF, operation):
        return value_at(event, reference[1])
    helper = re.fullmatch(r"(\w+)\((.*)\)", operation)
    if not helper:
        return operation
    given = [value_at(event, m[1]) if (m := re.fullmatch(REF, a)) else a.strip("'") for a in helper[2].split(", ")]
    if helper[1] == "array_append":
        return [one for one in given if one is not None] or None
    if None in given:
        return None
    if helper[1] == "to_string":
        return str(given[0]) if isinstance(given[0], int) else None
    if helper[1] == "concat_any":
        return "".join(str(one) for one in given)
    assert helper[1] == "parse_date" and given[1] == "%FT%TZ", operation
    return given[0] if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", given[0]) else None


def decoded(line):
    """line: "tiercel: {json}"."""
    own = decoder()
    assert own["check"] == [{"event.original": f"starts_with('{PREFIX}{{')"}] and line.startswith(PREFIX + "{")
    assert own["parse|event.original"] == [PREFIX + "<_tiercel/json>"]
    event, out = json.loads(line.removeprefix(PREFIX)), {"event.original": line}
    for block in own["normalize"]:
        if "check" in block and not passes(block["check"], event):
            continue
        for one in block["map"]:
            for field, operation in one.items():
                if (value := result(operation, event)) is not None:
                    out[field] = value
    return out


def fits(value, row):
    if row["list"] == "yes":
        return isinstance(value, list) and all(fits(one, {**row, "list": "no"}) for one in value)
    if row["type"] == "ip":
        return bool(ipaddress.ip_address(value))
    wanted = {"keyword": str, "date": str, "boolean": bool, "long": int}[row["type"]]
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def whole_event():
    """Every key of the contract, with a value of its type."""
    samples = {"text": "x", "number": 7, "boolean": True, "list": ["x"]}
    special = {"time": "2026-07-31T18:27:01.000000000Z", "fd.type": "ipv4", "fd.cip": "10.0.0.1", "fd.sip": "2001:db8::1", "evt.res": "ENOENT"}
    out = {"tiercel": {}}
    for key, (kind, place) in contract().items():
        if key == "field.*":
            continue
        at, steps = (out["tiercel"] if place == "tiercel" else out), key.split(".")
        for step in steps[:-1]:
            at = at.setdefault(step, {})
        at[steps[-1]] = special.get(key, samples[kind])
    return out


def selected(selection, event):
    for name, wanted in selection.items():
        field, _, modifier = name.partition("|")
        have = event.get(field)
        ways = wanted if isinstance(wanted, list) else [wanted]
        if not any(have is not None and (have.startswith(way) if modifier == "startswith" else have == way) for way in ways):
            return False
    return True


def matches(rule, event):
    names = {name: selected(what, event) for name, what in rule["detection"].items() if name != "condition"}
    return eval(rule["detection"]["condition"], {"__builtins__": {}}, names)  # our own words: and, not, the selections


class Preview(unittest.TestCase):
    def test_decoder_has_what_the_schema_asks_for(self):
        own = decoder()
        self.assertLessEqual({"name", "id", "enabled", "metadata"}, set(own))
        self.assertRegex(own["name"], r"^decoder/[^/]+/0$")
        self.assertEqual(uuid.UUID(own["id"]).version, 4)
        self.assertLessEqual({"title", "author", "description"}, set(own["metadata"]))

    def test_fields_are_those_of_the_common_schema_and_all_are_used(self):
        filled = {field for block in decoder()["normalize"] for one in block["map"] for field in one}
        self.assertEqual(filled | {"event.original"}, set(fields()))

    def test_every_key_is_mapped_or_listed(self):
        mapped = set(re.findall(r"\$?_tiercel\.tiercel\.([a-z0-9_.]+)", read("decoders", "wazuh", "5.x", "tiercel_decoder.yml")))
        self.assertEqual(mapped - set(contract()), set(), "no event has these")
        self.assertEqual(set(contract()) - mapped, NO_PLACE)
        page = read("docs", "wazuh-5.md")
        self.assertEqual([key for key in sorted(NO_PLACE) if f"`{key}`" not in page], [])

    def test_values_have_the_fields_types(self):
        for kind in ("ipv4", "file"):
            event = whole_event()
            event["tiercel"]["fd"]["type"] = kind
            for field, value in decoded(PREFIX + json.dumps(event)).items():
                self.assertTrue(fits(value, fields()[field]), f"{field}: {value!r}")

    def test_what_is_made_of_an_event(self):
        event = whole_event()
        out = decoded(PREFIX + json.dumps(event))
        self.assertEqual((out["source.ip"], out["destination.ip"], out["process.entity_id"]), ("10.0.0.1", "2001:db8::1", "7-7"))
        self.assertEqual((out["event.outcome"], out["error.code"], out["event.kind"]), ("failure", "ENOENT", "alert"))
        event["tiercel"]["evt"]["res"], event["tiercel"]["source"] = "SUCCESS", "internal"
        out = decoded(PREFIX + json.dumps(event))
        self.assertEqual((out["event.outcome"], "error.code" in out, out["event.kind"]), ("success", False, "event"))
        out = decoded(PREFIX + '{"tiercel":{"rule":"r"}}')
        self.assertEqual((out["rule.name"], "event.outcome" in out, "container.image.tag" in out), ("r", False, False))

    def test_rules_have_what_the_api_asks_for(self):
        product = json.loads(read("decoders", "wazuh", "5.x", "tiercel_integration.json"))["resource"]["metadata"]["title"]
        known = {"metadata", "sigma_id", "enabled", "status", "level", "logsource", "detection", "mitre", "tags", "compliance", "falsepositives"}
        for rule in rules():
            title = rule["metadata"]["title"]
            self.assertLessEqual({"metadata", "status", "level", "logsource", "detection"}, set(rule), title)
            self.assertEqual(set(rule) - known, set(), title)
            self.assertEqual(rule["logsource"]["product"], product, title)
            self.assertIn(rule["status"], ("experimental", "test", "stable"))
            self.assertEqual(rule["sigma_id"], str(uuid.uuid5(uuid.NAMESPACE_URL, "tiercel:rule:" + title)))
            self.assertTrue(rule["metadata"]["description"], title)
            for what in (*rule.get("mitre", {}).values(), *rule.get("compliance", {}).values(), rule.get("falsepositives", [])):
                self.assertTrue(all(isinstance(one, str) and one for one in what), title)
        self.assertEqual(len({rule["metadata"]["title"] for rule in rules()}), len(rules()))

    def test_rules_ask_for_fields_that_the_decoder_fills(self):
        for rule in rules():
            for name, selection in rule["detection"].items():
                for field in selection if name != "condition" else ():
                    self.assertIn(field.partition("|")[0], fields(), rule["metadata"]["title"])

    def test_each_detection_ends_at_its_rule(self):
        by_title = {rule["metadata"]["title"]: rule for rule in rules()}
        for entry in detections():
            event = decoded(PREFIX + json.dumps({"tiercel": {"rule": entry["rule"], "source": "syscall"}}))
            self.assertEqual([r["metadata"]["title"] for r in by_title.values() if matches(r, event)], [entry["rule"]])
            rule, tags = by_title[entry["rule"]], [str(tag) for tag in entry["tags"]]
            self.assertIn(priority_of(entry), LEVELS[rule["level"]], entry["rule"])
            techniques = {tag.split(".")[0] for tag in tags if re.fullmatch(r"T\d{4}(\.\d{3})?", tag)}
            self.assertEqual(set(rule["mitre"]["technique"]), techniques, entry["rule"])
            self.assertEqual(set(rule["mitre"]["subtechnique"]), {t for t in tags if re.fullmatch(r"T\d{4}\.\d{3}", t)}, entry["rule"])
            self.assertEqual(set(rule["mitre"]["tactic"]), {TACTICS[t] for t in tags if t in TACTICS}, entry["rule"])
            wanted = {t.removeprefix("pci_dss_") for t in tags if t.startswith("pci_dss_")}
            self.assertEqual(set(rule.get("compliance", {}).get("pci_dss", [])), wanted, entry["rule"])
        self.assertEqual(len(by_title), len(detections()) + 2)

    def test_no_alert_ends_at_no_rule(self):
        for name in ("An Operator's Own", "Tiercel internal: heartbeat", "Tiercel internal: something new"):
            event = decoded(PREFIX + json.dumps({"tiercel": {"rule": name}}))
            self.assertEqual(len([rule for rule in rules() if matches(rule, event)]), 1, name)


if __name__ == "__main__":
    unittest.main()
