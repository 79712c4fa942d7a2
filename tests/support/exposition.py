"""A strict reader of Prometheus' text format, version 0.0.4
(prometheus.io/docs/instrumenting/exposition_formats): what it lets pass is more than Prometheus asks for."""

import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
VALUE = re.compile(r"[+-]?([0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|Inf)|NaN")
ESCAPES = {"\\": "\\", "n": "\n", '"': '"'}


class Wrong(Exception):
    """The page is not as the format has it."""


def unescape(text, quotes):
    out, at = "", 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
            if at == len(text) or text[at] not in ESCAPES or (text[at] == '"' and not quotes):
                raise Wrong(f"no such escape in {text!r}")
            char = ESCAPES[text[at]]
        out += char
        at += 1
    return out


def labels_of(text):
    labels, at = {}, 0
    while at < len(text):
        name = LABEL.match(text, at)
        if not name or text[name.end():name.end() + 2] != '="' or name.group().startswith("__"):
            raise Wrong(f"no label at {text[at:]!r}")
        begin = end = name.end() + 2
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        if end >= len(text):
            raise Wrong(f"a label without its end: {text!r}")
        if name.group() in labels:
            raise Wrong(f"the label {name.group()} twice: {text!r}")
        labels[name.group()] = unescape(text[begin:end], True)
        at = end + 1
        if at < len(text):
            if text[at] != ",":
                raise Wrong(f"no comma between labels: {text!r}")
            at += 1
    return labels


def sample_of(line):
    name = NAME.match(line)
    if not name:
        raise Wrong(f"no name: {line!r}")
    rest, labels = line[name.end():], {}
    if rest.startswith("{"):
        end, quoted = 1, False
        while end < len(rest) and (quoted or rest[end] != "}"):
            if quoted and rest[end] == "\\":
                end += 1
            elif rest[end] == '"':
                quoted = not quoted
            end += 1
        labels = labels_of(rest[1:end])
        rest = rest[end + 1:]
    if not rest.startswith(" ") or not VALUE.fullmatch(rest[1:]):
        raise Wrong(f"no value: {line!r}")
    return name.group(), labels, float(rest[1:]) if "." in rest or "e" in rest else int(rest[1:])


class Page:
    """families: name -> {"help", "type", "samples": [(labels, value)]}, in the page's order."""

    def __init__(self, text):
        self.families = {}
        if not text.endswith("\n"):
            raise Wrong("the last line has no end")
        current = helped = None
        for line in text[:-1].split("\n"):
            if not line:
                raise Wrong("an empty line")
            if line.startswith("# HELP "):
                name, _, text_of = line[7:].partition(" ")
                if name in self.families or not NAME.fullmatch(name):
                    raise Wrong(f"a second family, or no name: {line!r}")
                helped = (name, unescape(text_of, False))
                if not helped[1]:
                    raise Wrong(f"no help for {name}")
            elif line.startswith("# TYPE "):
                name, _, kind = line[7:].partition(" ")
                if helped is None or helped[0] != name or kind not in ("counter", "gauge"):
                    raise Wrong(f"a type without its help, or no type: {line!r}")
                if (kind == "counter") != name.endswith("_total"):
                    raise Wrong(f"{name} is a {kind}")
                current = name
                self.families[name] = {"help": helped[1], "type": kind, "samples": []}
            elif line.startswith("#"):
                raise Wrong(f"a comment: {line!r}")
            else:
                name, labels, value = sample_of(line)
                if name != current:
                    raise Wrong(f"{name} outside of its family")
                samples = self.families[name]["samples"]
                if any(known == labels for known, _ in samples):
                    raise Wrong(f"twice: {line!r}")
                if value < 0:
                    raise Wrong(f"below 0: {line!r}")
                samples.append((labels, value))
        for name, family in self.families.items():
            if not family["samples"]:
                raise Wrong(f"{name} has no samples")

    def sum(self, name, **labels):
        family = self.families.get(name, {"samples": []})
        return sum(value for has, value in family["samples"] if all(has.get(k) == v for k, v in labels.items()))
