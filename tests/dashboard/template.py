"""The index template's types, and whether an alert fits: siem/dashboard/index_template.yaml."""

import os

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
FACTS = os.path.join(ROOT, "siem", "dashboard", "index_template.yaml")
AGGREGATES = {  # which types an aggregation works on
    "terms": {"keyword", "long", "date", "boolean"},
    "cardinality": {"keyword", "long", "date", "boolean"},
    "top_hits": {"keyword", "long", "date", "boolean", "text"},
    "max": {"long", "date"},
    "date_histogram": {"date"},
    "sort": {"keyword", "long", "date", "boolean"},
    "query": {"keyword", "long", "date", "boolean", "text"},
    "column": {"keyword", "long", "date", "boolean", "text"},
}


class Template:
    def __init__(self, path=FACTS):
        with open(path, encoding="utf-8") as file:
            self.says = yaml.safe_load(file)
        self.types = {**self.says["types"], **{f"data.{leaf}": "keyword" for leaf in self.says["data_leaves"]}}
        self.types.update({f"data.{leaf}": kind for leaf, kind in self.says["data_types"].items()})
        self.objects = {f"data.{name}" for name in self.says["data_objects"]}
        for name in list(self.types):
            parts = name.split(".")
            self.objects |= {".".join(parts[:at]) for at in range(1, len(parts))}

    def type_of(self, field):
        """A manager writes every leaf of data as a text, and a text of a new name is a keyword."""
        return self.types.get(field, self.says["new_texts"])


def leaves(value, name=""):
    """(dotted name, leaf) of everything in an object; a list's elements are leaves of its name."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, name)
    else:
        yield name, value


class Index:
    """The fields that an index has after some documents: a name is a leaf or an object, for ever, over all documents."""

    def __init__(self, template):
        self._template, self.leaves, self.objects = template, dict(template.types), set(template.objects)

    def problems(self, document):
        """Why it would be refused; empty if it is taken."""
        found = []
        for name, value in leaves(document):
            parts = name.split(".")
            above = {".".join(parts[:at]) for at in range(1, len(parts))}
            if any(not part for part in parts):
                found.append(f"{name}: a part of the name is empty")
            if name in self.objects:
                found.append(f"{name} is a leaf here, and an object in the index")
            found += [f"{one} is an object here, and a leaf in the index" for one in sorted(above & set(self.leaves))]
            kind = self.leaves.setdefault(name, "keyword")
            self.objects |= above
            found += self._of_type(name, kind, value)
        return found

    def _of_type(self, name, kind, value):
        bytes_max = self._template.says["keyword_bytes_max"]
        if kind == "keyword" and len(str(value).encode()) > bytes_max:
            return [f"{name}: {len(str(value).encode())} bytes, and a keyword has {bytes_max} at most"]
        if kind == "long" and not isinstance(value, int):
            return [f"{name}: {value!r} is no whole number"]
        if kind == "date" and not (isinstance(value, str) and value[:2] == "20" and value[10:11] == "T"):
            return [f"{name}: {value!r} is no time"]
        return []

    def size(self):
        """Fields that it has beyond the template's."""
        return len(set(self.leaves) - set(self._template.types)) + len(self.objects - self._template.objects)

    def room(self):
        return self._template.says["total_fields_max"]
