"""The part of KQL that the panels use, judged on one alert: `field: value`, `field: (a or b)`, `field: *`, and, or, not.

As in OpenSearch: a keyword holds if it is the value, a list if one of its elements is; a text (full_log) if it has the
words in a row."""

import re

TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<sign>[():])|(?P<word>[^\s():"]+))')


class Mistake(Exception):
    """A query that this reader does not know."""


def tokens(query):
    found, at = [], 0
    while at < len(query.rstrip()):
        match = TOKEN.match(query, at)
        if not match:
            raise Mistake(f"{query!r}: not understood from {query[at:at + 20]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class Reader:
    """or < and < not < ( ) and field: value. Gives nested tuples."""

    def __init__(self, query):
        self._query, self._tokens, self._at = query, tokens(query), 0

    def _peek(self):
        return self._tokens[self._at] if self._at < len(self._tokens) else (None, None)

    def _take(self, wanted=None):
        token = self._peek()
        if token[0] is None or (wanted and token[1] != wanted):
            raise Mistake(f"{self._query!r}: {wanted or 'more'} is missing at word {self._at + 1}")
        self._at += 1
        return token

    def _chain(self, word, part):
        items = [part()]
        while self._peek() == ("word", word):
            self._take()
            items.append(part())
        return items[0] if len(items) == 1 else (word, items)

    def whole(self):
        if not self._tokens:
            return ("and", [])
        tree = self._or(self._term)
        if self._peek()[0]:
            raise Mistake(f"{self._query!r}: {self._peek()[1]!r} is not understood")
        return tree

    def _or(self, term):
        return self._chain("or", lambda: self._chain("and", lambda: self._not(term)))

    def _not(self, term):
        if self._peek() == ("word", "not"):
            self._take()
            return ("not", self._not(term))
        if self._peek() == ("sign", "("):
            self._take()
            tree = self._or(term)
            self._take(")")
            return tree
        return term()

    def _term(self):
        kind, field = self._take()
        if kind != "word":
            raise Mistake(f"{self._query!r}: a field is missing before {field!r}")
        self._take(":")
        return self._not(lambda: self._value(field))

    def _value(self, field):
        kind, value = self._take()
        if kind == "sign":
            raise Mistake(f"{self._query!r}: a value is missing after {field}:")
        return ("is", field, value.strip('"'), kind == "text")


def parse(query):
    return Reader(query).whole()


def fields(tree):
    """Every field that a query names."""
    if tree[0] == "is":
        return {tree[1]}
    parts = tree[1] if isinstance(tree[1], list) else [tree[1]]
    return set().union(*(fields(part) for part in parts))


def values_of(alert, field):
    """What an alert has at a dotted field, as a list of texts; empty if it has none."""
    value = alert
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict):
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def words(text):
    return re.findall(r"\w+", text.lower())


def has_phrase(text, phrase):
    have, wanted = words(text), words(phrase)
    return any(have[at:at + len(wanted)] == wanted for at in range(len(have)))


def holds(tree, alert, type_of):
    """type_of: what the index makes of a field ("keyword", "text", "long")."""
    if tree[0] == "and":
        return all(holds(part, alert, type_of) for part in tree[1])
    if tree[0] == "or":
        return any(holds(part, alert, type_of) for part in tree[1])
    if tree[0] == "not":
        return not holds(tree[1], alert, type_of)
    _, field, wanted, quoted = tree
    have = values_of(alert, field)
    if wanted == "*" and not quoted:
        return bool(have)
    if type_of(field) == "text":
        return any(has_phrase(text, wanted) for text in have)
    return wanted in have
