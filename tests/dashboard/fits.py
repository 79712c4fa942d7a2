#!/usr/bin/env python3
"""Alerts against the contract (decoders/ALERT.md) and the types of a 4.14 manager's index (siem/dashboard/index_template.yaml).

usage: fits.py EVENTS...    files of `tests/attacks/run.py --events`, a normalised event a line
"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import template  # noqa: E402

CONTRACT = os.path.join(template.ROOT, "decoders", "ALERT.md")
FREE = "field.*"
FIELD_BYTES_MAX = 64
ADDRESSES = {"srcip", "dstip", "fd.cip", "fd.sip"}  # of a socket that listens one is left out
LEAVES_MAX, LEAF_BYTES_MAX = 200, 8192
NUMBERS = range(-2**31, 2**31)


def contract():
    """{key: (type, place)} of ALERT.md's table."""
    keys = {}
    with open(CONTRACT, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("| `") and len(cells) == 4:
                keys[cells[0].strip("`")] = (cells[1], cells[2])
    return keys


def field_of(key, place):
    """The key's name in the index."""
    return f"data.{key}" if place == "top" else f"data.tiercel.{key}"


def as_manager(value):
    """What a manager makes of an event: every leaf a text, a list a list."""
    if isinstance(value, dict):
        return {key: as_manager(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_manager(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def right_type(kind, value, decoded):
    """decoded: on a manager, where numbers and truth are texts."""
    if kind == "list":
        return isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    if kind == "text":
        return isinstance(value, str)
    if kind == "boolean":
        return value in ("true", "false") if decoded else isinstance(value, bool)
    if isinstance(value, str):  # a number beyond 32 bits is a text at the agent, too
        return value.lstrip("-").isdigit() and (decoded or int(value) not in NUMBERS)
    return isinstance(value, int) and not isinstance(value, bool) and value in NUMBERS


def keys_of(event):
    """(key, place, value) of an event, as ALERT.md names them."""
    def deeper(value, name):
        for key, item in value.items():
            full = f"{name}.{key}" if name else key
            if isinstance(item, dict):
                yield from deeper(item, full)
            else:
                yield full, item

    for key, value in deeper(event.get("tiercel", {}), ""):
        yield key, "tiercel", value
    for key, value in event.items():
        if key != "tiercel":
            yield key, "top", value


def against_contract(event, keys, decoded=False):
    """What is wrong with one event, as texts."""
    found = []
    for key, place, value in keys_of(event):
        name = FREE if key.startswith("field.") else key
        if name not in keys or keys[name][1] != place:
            found.append(f"{key} ({place}) is no key of the contract")
        elif not right_type(keys[name][0], value, decoded):
            found.append(f"{key} is {value!r}, and the contract says {keys[name][0]}")
        if key in ADDRESSES and not value:
            found.append(f"{key} is an empty address")
        if name == FREE and ("." in key[len("field."):] or len(key) > len("field.") + FIELD_BYTES_MAX):
            found.append(f"{key}: a field's key has no dot, and {FIELD_BYTES_MAX} bytes at most")
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str) and len(item.encode()) > LEAF_BYTES_MAX:
                found.append(f"{key} has {len(item.encode())} bytes")
    if sum(1 for _ in template.leaves(event)) > LEAVES_MAX:
        found.append(f"more than {LEAVES_MAX} leaves")
    return found


class Fits:
    """Events of agents, one after the other into one index."""

    def __init__(self):
        self.keys, self.index, self.problems, self.events = contract(), template.Index(template.Template()), [], 0

    def take(self, event):
        self.events += 1
        found = against_contract(event, self.keys) + self.index.problems({"data": as_manager(event)})
        self.problems += [f"{event.get('tiercel', {}).get('rule')}: {problem}" for problem in found]

    def take_file(self, path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                self.take(json.loads(line))

    def report(self):
        for problem in sorted(set(self.problems)):
            print(f"  WRONG: {problem}")
        print(f"{self.events} events against the contract and the index's types: {len(self.problems)} problems, "
              f"{self.index.size()} fields of {self.index.room()}")
        return 1 if self.problems or not self.events else 0


def main():
    fits = Fits()
    for path in sys.argv[1:]:
        fits.take_file(path)
    return fits.report()


if __name__ == "__main__":
    sys.exit(main())
