"""Go's text/template as far as the chart uses it, with the functions of Helm's that it calls: helm itself is not in the
distribution. What is not known here is an error, never passed over. render_chart() is `helm template`.

Written from the documentation of text/template, Sprig and Helm. Where a helm is in PATH, render_test.py compares.
"""

import base64
import copy
import hashlib
import os
import re

import yaml


class TemplateError(Exception):
    pass


class Failed(TemplateError):
    """The chart's own `fail`."""


# --- text -> tree ----------------------------------------------------------------------------------------------------

ACTION = re.compile(r"\{\{(-(?=\s))?\s*(/\*.*?\*/|.*?)\s*((?<=\s)-)?\}\}", re.S)
TOKEN = re.compile(r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<number>-?\d+)|(?P<sign>:=|=|\||\(|\)|,)
                       |(?P<word>\$?[\w.]+|\$))""", re.X)


def tokens(source):
    out, at = [], 0
    while at < len(source):
        match = TOKEN.match(source, at)
        if not match:
            if source[at:].strip():
                raise TemplateError(f"cannot read {source[at:]!r}")
            break
        out.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return out


class Parser:
    """A pipeline: ("pipe", [command, ...]); a command is a list of operands."""

    def __init__(self, source):
        self.source, self.tokens, self.at = source, tokens(source), 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (None, None)

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def pipeline(self):
        commands = [self.command()]
        while self.peek() == ("sign", "|"):
            self.take()
            commands.append(self.command())
        return ("pipe", commands)

    def command(self):
        operands = []
        while self.peek()[0] in ("text", "number", "word") or self.peek() == ("sign", "("):
            operands.append(self.operand())
        if not operands:
            raise TemplateError(f"a command is missing in {{{{ {self.source} }}}}")
        return operands

    def operand(self):
        kind, value = self.take()
        if kind == "text":
            return ("value", value[1:-1] if value[0] == "`" else value[1:-1].encode().decode("unicode_escape"))
        if kind == "number":
            return ("value", int(value))
        if value == "(":
            inner = self.pipeline()
            if self.take() != ("sign", ")"):
                raise TemplateError(f"no ) in {{{{ {self.source} }}}}")
            return inner
        if value in ("true", "false", "nil"):
            return ("value", {"true": True, "false": False, "nil": None}[value])
        if value.startswith("$"):
            name, *fields = value.split(".")
            return ("variable", name, fields)
        if value.startswith("."):
            return ("field", [part for part in value.split(".") if part])
        return ("function", value)

    def whole(self):
        found = self.pipeline()
        if self.at != len(self.tokens):
            raise TemplateError(f"cannot read {self.tokens[self.at:]} in {{{{ {self.source} }}}}")
        return found


def assignment(source):
    """({name: ...} or None, the pipeline): "$a, $b := x", "$a = x", "x"."""
    match = re.match(r"((?:\$\w+\s*,\s*)?\$\w+)\s*(:=|=)\s*(.*)", source, re.S)
    if not match:
        return None, None, Parser(source).whole()
    return [name.strip() for name in match.group(1).split(",")], match.group(2), Parser(match.group(3)).whole()


def split(text):
    """("text", ...) and ("action", ...), with the blanks that {{- and -}} take."""
    out, at, trim = [], 0, False
    for match in ACTION.finditer(text):
        before = text[at:match.start()]
        before = before.lstrip() if trim else before
        out.append(("text", before.rstrip() if match.group(1) else before))
        if not match.group(2).startswith("/*"):
            out.append(("action", match.group(2)))
        at, trim = match.end(), bool(match.group(3))
    out.append(("text", text[at:].lstrip() if trim else text[at:]))
    return out


class Blocks:
    def __init__(self, text, templates):
        self.parts, self.at, self.templates = split(text), 0, templates

    def until(self, *ends):
        """Nodes up to an action that begins with one of `ends`; returns (nodes, that action)."""
        nodes = []
        while self.at < len(self.parts):
            kind, value = self.parts[self.at]
            self.at += 1
            if kind == "text":
                nodes.append(("text", value))
                continue
            word = value.split()[0]
            if word in ends:
                return nodes, value
            if word in ("if", "with", "range"):
                nodes.append(self.branch(word, value))
            elif word == "define":
                body, _ = self.until("end")
                self.templates[Parser(value[len("define"):]).operand()[1]] = body
            elif word in ("else", "end"):
                raise TemplateError(f"{{{{ {value} }}}} ends nothing")
            else:
                nodes.append(("action",) + assignment(value))
        if ends:
            raise TemplateError(f"no {{{{ {' or '.join(ends)} }}}}")
        return nodes, None

    def branch(self, word, value):
        head = assignment(value[len(word):].strip())
        body, stop = self.until("else", "end")
        other = []
        if stop.startswith("else"):
            rest = stop[len("else"):].strip()
            if rest:
                other = [self.branch(rest.split()[0], rest)]
            else:
                other, _ = self.until("end")
        return (word, head, body, other)


# --- functions -------------------------------------------------------------------------------------------------------

def truth(value):
    return value is not None and value is not False and value != 0 and value != "" and value != [] and value != {}


def shown(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_yaml(value):
    return yaml.safe_dump(value, default_flow_style=False, width=10**6, allow_unicode=True).rstrip("\n").removesuffix("\n...")


def merge_overwrite(into, *others):
    for other in others:
        for key, value in other.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge_overwrite(into[key], value)
            else:
                into[key] = copy.deepcopy(value)
    return into


def put(into, key, value):
    into[key] = value
    return into


def printf(text, *args):
    return re.sub(r"%[sdv]", lambda _: shown(args_left.pop(0)), text) if (args_left := list(args)) else text


def semver(condition, version):
    sign, wanted = re.fullmatch(r"(<|>=)(\d+\.\d+)-0", condition).groups()
    have = tuple(int(part) for part in version.lstrip("v").split(".")[:2])
    want = tuple(int(part) for part in wanted.split("."))
    return have < want if sign == "<" else have >= want


def fail(text):
    raise Failed(text)


def indent(count, text):
    return "\n".join(" " * count + line for line in text.split("\n"))


FUNCTIONS = {
    "append": lambda items, item: items + [item],
    "b64enc": lambda text: base64.b64encode(text.encode()).decode(),
    "concat": lambda *lists: sum(lists, []),
    "contains": lambda part, text: part in text,
    "default": lambda other, value=None: value if truth(value) else other,
    "dict": lambda *pairs: dict(zip(pairs[::2], pairs[1::2])),
    "div": lambda a, b: int(a) // int(b),
    "eq": lambda a, *others: any(a == b for b in others),
    "fail": fail,
    "fromYaml": yaml.safe_load,
    "has": lambda item, items: item in items,
    "int": int,
    "keys": lambda *maps: [key for one in maps for key in one],
    "list": lambda *items: list(items),
    "mergeOverwrite": merge_overwrite,
    "nindent": lambda count, text: "\n" + indent(count, text),
    "not": lambda value: not truth(value),
    "printf": printf,
    "quote": lambda value: '"' + shown(value).replace("\\", "\\\\").replace('"', '\\"') + '"',
    "replace": lambda old, new, text: text.replace(old, new),
    "semverCompare": semver,
    "set": put,
    "sha256sum": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "sortAlpha": sorted,
    "toYaml": to_yaml,
    "trimSuffix": lambda end, text: text.removesuffix(end),
    "trunc": lambda count, text: text[:count],
}


# --- tree -> text ----------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, templates, root):
        self.templates, self.root = templates, root

    def nodes(self, nodes, dot, scope):
        return "".join(self.node(node, dot, scope) for node in nodes)

    def node(self, node, dot, scope):
        kind = node[0]
        if kind == "text":
            return node[1]
        if kind == "action":
            names, sign, pipe = node[1:]
            value = self.value(pipe, dot, scope)
            if names is None:
                return shown(value)
            self.assign(names[0], sign, value, scope)
            return ""
        (names, _, pipe), body, other = node[1:]
        value = self.value(pipe, dot, scope)
        if kind == "range":
            return self.loop(names, value, body, other, dot, scope)
        if not truth(value):
            return self.nodes(other, dot, [{}] + scope)
        return self.nodes(body, value if kind == "with" else dot, [{name: value for name in names or []}] + scope)

    def loop(self, names, value, body, other, dot, scope):
        if not truth(value):
            return self.nodes(other, dot, [{}] + scope)
        pairs = sorted(value.items()) if isinstance(value, dict) else list(enumerate(value))
        out = ""
        for key, item in pairs:
            own = dict(zip(names, (key, item) if len(names) == 2 else (item,))) if names else {}
            out += self.nodes(body, item, [own] + scope)
        return out

    @staticmethod
    def assign(name, sign, value, scope):
        if sign == ":=":
            scope[0][name] = value
            return
        for level in scope:
            if name in level:
                level[name] = value
                return
        raise TemplateError(f"{name} was not declared")

    def value(self, operand, dot, scope):
        kind = operand[0]
        if kind == "value":
            return operand[1]
        if kind == "field":
            return self.fields(dot, operand[1])
        if kind == "variable":
            for level in scope:
                if operand[1] in level:
                    return self.fields(level[operand[1]], operand[2])
            raise TemplateError(f"{operand[1]} was not declared")
        if kind == "function":
            return self.call(operand[1], [])
        given = ()
        for command in operand[1]:
            given = (self.command(command, given, dot, scope),)
        return given[0]

    def command(self, operands, given, dot, scope):
        head, rest = operands[0], operands[1:]
        if head[0] != "function":
            if rest or given:
                raise TemplateError(f"{head} is no function")
            return self.value(head, dot, scope)
        if head[1] in ("and", "or"):  # they stop at the first that decides
            value = None
            for operand in rest:
                value = self.value(operand, dot, scope)
                if truth(value) == (head[1] == "or"):
                    break
            return value
        return self.call(head[1], [self.value(operand, dot, scope) for operand in rest] + list(given))

    def call(self, name, args):
        if name == "include":
            if args[0] not in self.templates:
                raise TemplateError(f"no template {args[0]}")
            return self.nodes(self.templates[args[0]], args[1], [{"$": args[1]}])
        if name not in FUNCTIONS:
            raise TemplateError(f"the function {name} is not known here: add it to template.py")
        return FUNCTIONS[name](*args)

    @staticmethod
    def fields(value, names):
        for name in names:
            if not isinstance(value, dict):
                raise TemplateError(f"nil pointer: .{'.'.join(names)} of {value!r}")
            value = value.get(name)
        return value


# --- the chart -------------------------------------------------------------------------------------------------------

def read_yaml(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def lay_over(base, over):
    """Helm's: maps are merged, null takes a key away, all else is replaced."""
    out = dict(base)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = lay_over(out[key], value)
        else:
            out[key] = copy.deepcopy(value)
    return out


def values_of(chart, *overs):
    values = read_yaml(os.path.join(chart, "values.yaml"))
    for over in overs:
        values = lay_over(values, over)
    return values


def render_chart(chart, values, name="tiercel", namespace="security", kube_version="v1.31.0"):
    """{template's file name: text}; NOTES.txt too."""
    about = read_yaml(os.path.join(chart, "Chart.yaml"))
    root = {
        "Values": copy.deepcopy(values),
        "Chart": {"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
        "Release": {"Name": name, "Namespace": namespace, "Service": "Helm"},
        "Capabilities": {"KubeVersion": {"Version": kube_version}},
    }
    folder = os.path.join(chart, "templates")
    templates, files = {}, {}
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), encoding="utf-8") as source:
            try:
                files[file], _ = Blocks(source.read(), templates).until()
            except TemplateError as error:
                raise TemplateError(f"{file}: {error}") from None
    out = {}
    for file, nodes in files.items():
        if file.startswith("_"):
            continue
        try:
            out[file] = Run(templates, root).nodes(nodes, root, [{"$": root}])
        except Failed:
            raise
        except TemplateError as error:
            raise TemplateError(f"{file}: {error}") from None
    return out


def objects(rendered):
    """Kubernetes' objects of a rendered chart, in the files' order."""
    return [one for file, text in rendered.items() if file.endswith(".yaml") for one in yaml.safe_load_all(text) if one]
