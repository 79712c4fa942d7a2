"""What a machine found, judged: whether everything loads, whether each way tells what the programs state and what 32-bit callers do as far
as it sees them, whether the ways tell the same, and the further tests that ran inside."""

import json
import re
from collections import Counter

import compare
import tiercel as support
import ways

SHOWN = 20  # differences
# Lines of the agent's log that are no fault of a way: the test's rule names every event type.
EXPECTED_WARNINGS = ["LOAD_NO_EVTTYPE"]


def _refused(checks, kernel, facts, found):
    """A kernel that no way can work on: nothing is seen, and nothing pretended."""
    said = facts["lockdown"]
    support.say(f"  lockdown: {said['detail']}: {said['means']}")
    checks.equal(said["state"], "MISSING", f"{kernel.name}: doctor, lockdown")
    checks.equal(facts["sensor's programs"]["state"], "MISSING", f"{kernel.name}: doctor, sensor's programs")
    for name, one in found["ways"].items():
        checks.check(one["events"]["status"] != 0 and "runs" not in one["events"], f"{kernel.name} {name}: the agent refuses to watch")


def _doctor(checks, kernel, found):
    """Returns whether the ways are to be judged."""
    if not checks.check(found["doctor"].startswith("["), f"{kernel.name}: doctor says nothing: {found['doctor_said'][-1000:]}"):
        return True
    facts = {fact["what"]: fact for fact in json.loads(found["doctor"])}
    if kernel.is_locked():
        _refused(checks, kernel, facts, found)
        return False
    for what in ("kernel BTF", "tracefs", "sensor's programs", "system calls", "ways to attach"):
        fact = facts.get(what, {"state": "absent", "detail": ""})
        support.say(f"  {what}: {fact['detail']}")
        checks.equal(fact["state"], "ok", f"{kernel.name}: doctor, {what} ({fact['detail']})")
    active = "bpf" in found["lsm"].split(",")
    checks.equal(active, kernel.has_lsm(), f"{kernel.name}: BPF LSM is active ({found['lsm']})")
    said = facts["BPF LSM"]
    checks.equal(said["state"] == "ok", active, f"{kernel.name}: doctor says that BPF LSM is active ({said['detail']})")
    return True


def _said(checks, name, said):
    for line in said:
        if re.search(r"\b(warning|error)\b", line):
            checks.check(any(known in line for known in EXPECTED_WARNINGS), f"{name}: the agent said: {line}")


def _way(checks, name, way, one):
    events = one["events"]
    checks.equal(events["status"], 0, f"{name}: the programs' events")
    if not checks.check("runs" in events, f"{name}: what was seen is there"):
        return
    _said(checks, name, events["said"])
    for program in way["unseen"]:
        support.say(f"  {name}: nothing of {program} is told: {ways.UNSEEN[program]}")


def _between(checks, name, first, second, one, other):
    events, fields, differences = compare.compared(one, other)
    unexplained, imposed = [], Counter()
    for difference in differences:
        reason = ways.reason(difference)
        if reason:
            imposed[reason] += 1
        else:
            unexplained.append(difference)
    for reason, count in imposed.items():
        support.say(f"  {name}: {count} differences that the kernel imposes: {reason}")
    for program, kind, field, got, other_got in unexplained[:SHOWN]:
        support.say(f"  {name}: {program} {kind} {field}: {first} has {got!r}, {second} has {other_got!r}")
    support.say(f"  {name}: {events} events, {fields} fields alike or compared, {len(differences)} differences")
    checks.check(events > 0, f"{name}: there are events to compare")
    checks.equal(len(unexplained), 0, f"{name}: differences that no kernel imposes")


def judge(checks, kernel, chosen, found):
    checks.equal(found["kernel"], kernel.version, f"{kernel.name}: the kernel that booted")
    if not _doctor(checks, kernel, found):
        return
    for way in chosen:
        name = f"{kernel.name} {way['name']}"
        one = found["ways"].get(way["name"])
        if checks.check(one, f"{name}: was tried"):
            _way(checks, name, way, one)
            for test, status in one["tests"].items():
                checks.equal(status, 0, f"{name}: {test}")
    told = [(way["name"], found["ways"][way["name"]]["events"]["runs"]) for way in chosen
            if "runs" in found["ways"].get(way["name"], {}).get("events", {})]
    for name, runs in told[1:]:
        _between(checks, f"{kernel.name} {told[0][0]} against {name}", told[0][0], name, told[0][1], runs)
