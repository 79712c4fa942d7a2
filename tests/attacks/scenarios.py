"""The scenario files: which rule, what is done (attacks), what looks alike and is harmless (twins)."""

import os

import yaml

import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "scenarios")
FILE_KEYS = {"rule", "attacks", "twins"}
KEYS = {"name", "where", "user", "needs", "run"}
PLACES = ("container", "host", "machine")
NEEDS = {"caps", "privileged", "mounts", "host_pid", "image", "devices", "security", "container"}


class Scenario:
    """One script. `ident` is unique and is what its processes are known by."""

    def __init__(self, path, rule, kind, number, entry):
        stem = os.path.splitext(os.path.relpath(path, FOLDER))[0]
        self.category = stem.split(os.sep)[0]
        self.rule, self.kind, self.name = rule, kind, entry["name"]
        self.where, self.user = entry.get("where", "container"), str(entry.get("user", "root"))
        self.needs, self.script = entry.get("needs") or {}, entry["run"]
        self.ident = f"{stem.replace(os.sep, '.')}.{kind}{number}"

    def __str__(self):
        return f"{self.rule}: {self.kind} '{self.name}' ({self.where})"


def _check(where, got, allowed):
    unknown = set(got) - allowed
    if unknown:
        raise support.Failure(f"{where}: unknown {', '.join(sorted(unknown))}; there are {', '.join(sorted(allowed))}")


def read(path):
    """The scenarios of one file. A mistake in it is a Failure that names file and entry."""
    with open(path, encoding="utf-8") as file:
        content = yaml.safe_load(file)
    if not isinstance(content, dict) or "rule" not in content:
        raise support.Failure(f"{path}: no map with `rule`")
    _check(path, content, FILE_KEYS)
    found = []
    for key, kind in (("attacks", "attack"), ("twins", "twin")):
        for number, entry in enumerate(content.get(key) or [], 1):
            where = f"{path}: {kind} {number}"
            for needed in ("name", "run"):
                if needed not in entry:
                    raise support.Failure(f"{where}: no `{needed}`")
            _check(where, entry, KEYS)
            _check(where + ": needs", entry.get("needs") or {}, NEEDS)
            place = entry.get("where", "container")
            if place not in PLACES:
                raise support.Failure(f"{where}: `where` is {', '.join(PLACES[:-1])} or {PLACES[-1]}")
            if (entry.get("needs") or {}).get("container") and place != "machine":
                raise support.Failure(f"{where}: needs: `container` is for `where: machine`")
            found.append(Scenario(path, content["rule"], kind, number, entry))
    return found


def read_all(folder=FOLDER):
    found = []
    for root, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith(".yaml"):
                found += read(os.path.join(root, name))
    return found
