#!/usr/bin/env python3
"""docs/reference/tiercel.schema.json before a validator of others: it takes the shipped tiercel.yaml, as it is and with every
key in effect that stands there as a comment, and refuses what `tiercel config check` refuses: a key that is not known in
each of its maps, a value of a wrong kind at each of its keys.

usage: schema.py TIERCEL
"""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

SCHEMA = "docs/reference/tiercel.schema.json"
SHIPPED = "packaging/etc/tiercel.yaml"
FREE = ("static_fields", "headers")  # maps of the user's own names
EITHER = ("webhook_url_file", "url_file", "password")  # what the file shows as the other way to say the same
failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print(f"FAIL: {what}")


def names_of(schema):
    """Every key that the schema has somewhere."""
    found = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", ()))
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            found |= names_of(inner)
    return found


def in_effect(text, names):
    """Takes the # of keys and examples away; sentences stay."""
    text = re.sub(r"(?m)^( *)#(?=[a-z_]+:|- |  )", r"\1", text)
    return re.sub(r"(?m)^( *)# ([a-z_]+)(?=:)", lambda m: m[1] + m[2] if m[2] in names else m[0], text)


def places(value, path=()):
    """Every value in it, as the path that leads there."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield from places(one, (*path, step))


def at(value, path):
    for step in path:
        value = value[step]
    return value


def without(value, names):
    if isinstance(value, dict):
        return {key: without(inner, names) for key, inner in value.items() if key not in names}
    return [without(inner, names) for inner in value] if isinstance(value, list) else value


class Program:
    def __init__(self, tiercel, folder):
        self.tiercel, self.path = tiercel, os.path.join(folder, "tiercel.yaml")

    def takes(self, document):
        with open(self.path, "w", encoding="utf-8") as file:
            yaml.safe_dump(document, file, sort_keys=False)
        done = subprocess.run([self.tiercel, "config", "check", self.path], capture_output=True, text=True, check=False,
                              env={**os.environ, "WAZUH_REGISTRATION_PASSWORD": "x"})
        check(done.returncode in (0, 1), f"config check ended with {done.returncode}: {done.stderr}")
        return done.returncode == 0, done.stdout + done.stderr


def changed(document, path):
    """(what, document with one mistake there)"""
    value = at(document, path)
    if isinstance(value, dict) and not (path and path[-1] in FREE):
        other = copy.deepcopy(document)
        at(other, path)["no_such_key"] = 1
        yield "a key that is not known", other
    if path:
        other = copy.deepcopy(document)
        at(other, path[:-1])[path[-1]] = 471.5 if isinstance(value, dict) else {"odd": {"kind": [1]}}
        yield "a value of a wrong kind", other


def main():
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    with open(SHIPPED, encoding="utf-8") as file:
        text = file.read()
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)

    def mistakes(document):
        return [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in validator.iter_errors(document)]

    names = names_of(schema)
    whole = yaml.safe_load(in_effect(text, names))
    shown = {step for path in places(whole) for step in path if isinstance(step, str)}
    check(len(whole) > 20 and len(shown) > 80, f"too few keys were found in the file: {len(whole)}, {len(shown)}")
    check(not mistakes(yaml.safe_load(text)), f"the shipped file: {mistakes(yaml.safe_load(text))}")
    check(not mistakes(whole), f"the shipped file with each key in effect: {mistakes(whole)}")
    whole = without(whole, EITHER)
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        program = Program(sys.argv[1], folder)
        good, said = program.takes(whole)
        check(good and not mistakes(whole), f"schema and program take it: {mistakes(whole)} {said}")
        for path in places(whole):
            for what, document in changed(whole, path):
                where = f"{what} at {'.'.join(map(str, path)) or 'the top'}"
                check(mistakes(document), f"the schema takes {where}")
                check(not program.takes(document)[0], f"the program takes {where}")
                count += 1
    print(f"schema: {len(whole)} keys at the top, {count} mistakes refused, {len(failures)} failures")
    return 1 if failures or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
