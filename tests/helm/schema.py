"""Two judges: values against the chart's values.schema.json (the part of JSON Schema that it uses), objects against
kinds.yaml. Both give a list of texts; an empty one is good. A schema word that is not known here is an error."""

import os
import re

import yaml

# --- JSON Schema -----------------------------------------------------------------------------------------------------

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
WORDS = {"$schema", "title", "description", "type", "properties", "additionalProperties", "required", "items", "enum",
         "pattern", "minLength", "maxLength", "minimum", "maximum", "propertyNames", "not"}


def is_type(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def judge(value, schema, path="values"):
    if schema is True:
        return []
    unknown = set(schema) - WORDS
    if unknown:
        raise ValueError(f"{path}: the schema's words {sorted(unknown)} are not known here")
    bad = []
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_type(value, name) for name in names):
        return [f"{path}: {value!r} is not {' or '.join(names)}"]
    if "enum" in schema and value not in schema["enum"]:
        bad.append(f"{path}: {value!r} is none of {schema['enum']}")
    if "not" in schema and not judge(value, schema["not"], path):
        bad.append(f"{path}: {value!r} must not be like {schema['not']}")
    if isinstance(value, str):
        bad += judge_text(value, schema, path)
    elif isinstance(value, (int, float)):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            bad.append(f"{path}: {value} is out of range")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            bad += judge(item, schema.get("items", True), f"{path}[{number}]")
    elif isinstance(value, dict):
        bad += judge_map(value, schema, path)
    return bad


def judge_text(value, schema, path):
    bad = []
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        bad.append(f"{path}: {value!r} has a wrong length")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        bad.append(f"{path}: {value!r} is not like {schema['pattern']}")
    return bad


def judge_map(value, schema, path):
    bad = [f"{path}: {name} is missing" for name in schema.get("required", []) if name not in value]
    known = schema.get("properties", {})
    for key, inner in value.items():
        if "propertyNames" in schema:
            bad += judge(key, schema["propertyNames"], f"{path}: the name {key}")
        if key in known:
            bad += judge(inner, known[key], f"{path}.{key}")
        elif schema.get("additionalProperties") is False:
            bad.append(f"{path}: unknown key {key}")
        elif isinstance(schema.get("additionalProperties"), dict):
            bad += judge(inner, schema["additionalProperties"], f"{path}.{key}")
    return bad


# --- Kubernetes' objects ---------------------------------------------------------------------------------------------

QUANTITY = r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?"
LABEL = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
LABEL_KEY = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_texts(value, pattern=None, key_pattern=None):
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(text, str) and (pattern is None or re.fullmatch(pattern, text))
        and (key_pattern is None or re.fullmatch(key_pattern, key)) for key, text in value.items())


def like(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


PLAIN = {
    "any": lambda value: True,
    "text": lambda value: isinstance(value, str),
    "texts": is_texts,
    "labels": lambda value: is_texts(value, LABEL, LABEL_KEY),
    "name": lambda value: like(NAME)(value) and len(value) <= 253,
    "capability": like(r"ALL|[A-Z][A-Z_]*[A-Z]"),
    "int": is_int,
    "bool": lambda value: isinstance(value, bool),
    "port": lambda value: is_int(value) and 0 < value < 65536 or like(r"[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")(value),
    "share": lambda value: is_int(value) or like(r"\d+%")(value),
    "quantity": lambda value: is_int(value) or like(QUANTITY)(value),
    "quantities": lambda value: isinstance(value, dict) and all(PLAIN["quantity"](one) for one in value.values()),
}


class Kinds:
    def __init__(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinds.yaml"), encoding="utf-8") as file:
            self.kinds = yaml.safe_load(file)

    def judge(self, one):
        kind = one.get("kind")
        if kind not in self.kinds:
            return [f"{kind}: no kind of kinds.yaml"]
        return self.check(one, kind, f"{kind} {one.get('metadata', {}).get('name')}")

    def check(self, value, wanted, path):
        if isinstance(wanted, list):
            if not isinstance(value, list):
                return [f"{path}: {value!r} is no list"]
            return [bad for number, item in enumerate(value) for bad in self.check(item, wanted[0], f"{path}[{number}]")]
        if wanted in self.kinds:
            return self.members(value, self.kinds[wanted], path)
        if wanted in PLAIN:
            good = PLAIN[wanted](value)
        else:
            good = value in wanted.removeprefix("=").split("|")
        return [] if good else [f"{path}: {value!r} is no {wanted}"]

    def members(self, value, keys, path):
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no map"]
        known = {key.rstrip("!"): wanted for key, wanted in keys.items()}
        bad = [f"{path}: {key[:-1]} is missing" for key in keys if key.endswith("!") and key[:-1] not in value]
        for key, inner in value.items():
            bad += self.check(inner, known[key], f"{path}.{key}") if key in known else [f"{path}: unknown key {key}"]
        return bad
