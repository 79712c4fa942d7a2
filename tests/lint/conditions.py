"""Conditions of rules as trees, and their skeletons: what is left of one when its values are taken away.

A node is ("and", [nodes]), ("or", [nodes]), ("not", node), ("macro", name) or ("test", field, operator, [values]).
Enough of the language for checks of our own rule files; `tiercel rules check --strict` is the judge of what is well-formed.
"""
import re

TOKEN = re.compile(r"""\s*(?: (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') | (?P<mark>[(),]) | (?P<op><=|>=|!=|==|=|<|>)
                          | (?P<word>[^\s(),"'=<>!]+) )""", re.X)
WORD_OPERATORS = {"glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex",
                  "in", "intersects", "pmatch"}
TRANSFORMERS = {"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt", "val"}
MODIFIERS = {"oneof", "anyof", "allof"}
# Fields whose values are kinds rather than names: a skeleton keeps them.
KINDS = re.compile(r"^(evt\.type|fd\.type|fd\.typechar|fd\.types|fd\.l4proto|proc\.std(in|out|err)\.type|evt\.res|.*\.is_.*|"
                   r"evt\.(failed|is_.*|dir|category)|thread\.cap_\w+|container\.(privileged|host_\w+)|fd\.(is_\w+|connected))$")
CONSTANT = re.compile(r"^[A-Z][A-Z0-9_|]+$")  # of evt.arg: a flag or a request


class Malformed(Exception):
    pass


def tokens(text):
    out, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Malformed(f"not understood: {text[at:at + 40]!r}")
        kind = found.lastgroup
        value = found.group(kind)
        out.append((kind, value[1:-1] if kind == "text" else value))
        at = found.end()
    return out


class Parser:
    def __init__(self, text):
        self.tokens, self.at = tokens(text), 0

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else (None, None)

    def take(self, want=None):
        token = self.peek()
        if token[0] is None or (want and token[1] != want):
            raise Malformed(f"{want or 'more'} expected at {token[1]!r}")
        self.at += 1
        return token

    def whole(self):
        node = self.either("or", lambda: self.either("and", self.primary))
        if self.peek()[0]:
            raise Malformed(f"left over: {self.peek()[1]!r}")
        return node

    def either(self, word, inner):
        nodes = [inner()]
        while self.peek() == ("word", word):
            self.take()
            nodes.append(inner())
        return nodes[0] if len(nodes) == 1 else (word, nodes)

    def primary(self):
        if self.peek() == ("word", "not"):
            self.take()
            return ("not", self.primary())
        if self.peek() == ("mark", "("):
            self.take()
            node = self.either("or", lambda: self.either("and", self.primary))
            self.take(")")
            return node
        field = self.operand()
        kind, value = self.peek()
        if kind == "word" and value == "exists":
            self.take()
            return ("test", field, "exists", [])
        if kind == "op" or (kind == "word" and value in WORD_OPERATORS):
            self.take()
            return ("test", field, value, self.values())
        return ("macro", field)

    def operand(self):
        if self.peek() == ("mark", "("):  # a list among the arguments of a transformer
            return f"({','.join(self.in_brackets())})"
        kind, value = self.take()
        if kind == "word" and value in TRANSFORMERS and self.peek() == ("mark", "("):
            return f"{value}({','.join(self.in_brackets())})"
        return value

    def in_brackets(self):
        self.take("(")
        out = []
        while self.peek() != ("mark", ")"):
            if self.peek() == ("mark", ","):
                self.take()
            else:
                out.append(self.operand())
        self.take(")")
        return out

    def values(self):
        if self.peek()[0] == "word" and self.peek()[1] in MODIFIERS:
            self.take()
        return self.in_brackets() if self.peek() == ("mark", "(") else [self.operand()]


def parse(text):
    return Parser(text).whole()


def expanded(node, macros, lists, inside=()):
    """With macros written out, and lists where they are values."""
    if node[0] in ("and", "or"):
        return (node[0], [expanded(n, macros, lists, inside) for n in node[1]])
    if node[0] == "not":
        return ("not", expanded(node[1], macros, lists, inside))
    if node[0] == "macro":
        if node[1] not in macros or node[1] in inside:
            raise Malformed(f"no macro {node[1]!r}")
        return expanded(parse(macros[node[1]]), macros, lists, inside + (node[1],))
    return ("test", node[1], node[2], list_values(node[3], lists))


def list_values(values, lists, depth=0):
    out = []
    for value in values:
        out += list_values([str(v) for v in lists[value]], lists, depth + 1) if value in lists and depth < 20 else [value]
    return out


def tests_of(node, negated=False):
    """(field, operator, values, under a not) of every comparison."""
    if node[0] in ("and", "or"):
        return [t for n in node[1] for t in tests_of(n, negated)]
    if node[0] == "not":
        return tests_of(node[1], not negated)
    return [(node[1], node[2], node[3], negated)]


def skeleton(node):
    """A text that two conditions share if they differ in names, paths, numbers or the order of their parts only."""
    if node[0] in ("and", "or"):
        parts = set()
        for inner in node[1]:
            text = skeleton(inner)
            parts |= set(text[len(node[0]) + 1:-1].split("\x00")) if text.startswith(node[0] + "\x01") else {text}
        ordered = sorted(parts)
        return ordered[0] if len(ordered) == 1 else node[0] + "\x01" + "\x00".join(ordered) + "\x02"
    if node[0] == "not":
        return f"not {skeleton(node[1])}"
    _, field, operator, values = node
    operator = {"==": "in", "=": "in", "intersects": "in"}.get(operator, operator)
    kept = [v for v in values if KINDS.match(field) or (field.startswith("evt.arg") and CONSTANT.match(v))]
    shown = "|".join(sorted(set(kept))) if kept else "?" if values else ""
    return f"{re.sub(r'[0-9]+', 'N', field)} {operator} {shown}"
