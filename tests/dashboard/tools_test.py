#!/usr/bin/env python3
"""The tests' own tools: each must say no where it has to."""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import evaluate  # noqa: E402
import fits  # noqa: E402
import kql  # noqa: E402
import template  # noqa: E402
from tiercel import Checks  # noqa: E402

ALERT = {"timestamp": "2026-11-28T05:00:03.000+0000", "full_log": "ossec: Agent stopped: 'web->any'.", "rule": {"level": 7, "groups": ["one", "two"]},
         "data": {"tiercel": {"rule": "Some Rule", "priority": "Warning", "proc": {"pid": "12"}}}}
QUERIES = [  # query, whether the alert has it
    ("", True), ("rule.groups: two", True), ("rule.groups: tw", False), ("rule.groups: (three or one)", True), ("rule.groups: (three and one)", False),
    ('data.tiercel.rule: "Some Rule"', True), ('data.tiercel.rule: "some rule"', False), ("not rule.groups: two", False),
    ("rule.level: 7 and not data.tiercel.priority: Notice", True), ("rule.level: 8 or (rule.level: 7 and rule.groups: one)", True),
    ("data.tiercel.proc.pid: *", True), ("data.tiercel.proc.name: *", False), ("data.tiercel.proc: *", False),
    ('full_log: "Agent stopped"', True), ('full_log: "stopped Agent"', False), ("full_log: agent", True),
]
BAD_QUERIES = ["rule.groups", "rule.groups:", "rule.groups: (a or", "and a: b", "a: b c: d", "a: >= 5 x"]
EVENT = {"tiercel": {"schema": "1", "tags": ["a"], "proc": {"pid": 5}, "evt": {"num": "4294967296"}, "field": {"x": "1"}}, "srcip": "192.0.2.1"}
BAD_EVENTS = [  # an event, a word of what is wrong
    ({"tiercel": {"nonsense": "1"}}, "no key"), ({"schema": "1"}, "no key"), ({"tiercel": {"srcip": "192.0.2.1"}}, "no key"),
    ({"tiercel": {"tags": []}}, "list"), ({"tiercel": {"tags": "a"}}, "list"), ({"tiercel": {"proc": {"pid": 1 << 31}}}, "number"),
    ({"tiercel": {"proc": {"pid": "5"}}}, "number"), ({"tiercel": {"proc": {"uncertain": "true"}}}, "boolean"),
    ({"srcip": ""}, "empty address"), ({"tiercel": {"output": None}}, "text"), ({"tiercel": {"output": "x" * 8193}}, "bytes"), ({"tiercel": {"field": {"a": {"b": "1"}}}}, "dot"),
    ({"tiercel": {"field": {f"n{at}": "1" for at in range(201)}}}, "leaves"),
]
BAD_DOCUMENTS = [  # documents into one index, a word of what is wrong with the last
    ([{"data": {"process": "x"}}], "an object in the index"), ([{"data": {"file": {"name": "x"}}}], "a leaf in the index"),
    ([{"data": {"timestamp": "yesterday"}}], "no time"), ([{"rule": {"level": "high"}}], "no whole number"),
    ([{"data": {"tiercel": {"a": "1"}}}, {"data": {"tiercel": {"a": {"b": "1"}}}}], "a leaf in the index"),
    ([{"data": {"tiercel": {"a": {"b": "1"}}}}, {"data": {"tiercel": {"a": "1"}}}], "an object in the index"),
    ([{"data": {"tiercel": {"a": "x" * 32767}}}], "bytes"), ([{"data": {"": "x"}}], "empty"),
]


def agg(kind, schema, **params):
    return {"id": "1", "type": kind, "schema": schema, "params": {"customLabel": kind, "missingBucket": False, "missingBucketLabel": "(none)", **params}}


def aggregations(checks):
    alerts = [{"timestamp": f"2026-11-28T05:00:0{at}.000+0000", "a": value, "b": other} for at, (value, other) in
              enumerate([("x", "1"), (["x", "y"], "2"), ("y", "3"), ("x", None), (None, "5")])]
    count = agg("count", "metric")
    checks.equal([(value, len(mine)) for value, mine in evaluate.terms(agg("terms", "bucket", field="a", size=5), alerts, count)],
                 [("x", 3), ("y", 2)], "terms: a list counts in each of its buckets, an alert without the field in none")
    checks.equal([value for value, _ in evaluate.terms(agg("terms", "bucket", field="a", size=1), alerts, count)], ["x"], "terms: size")
    checks.equal(dict((v, len(m)) for v, m in evaluate.terms(agg("terms", "bucket", field="b", size=9, missingBucket=True), alerts, count))["(none)"], 1,
                 "terms: a bucket for those without the field")
    checks.equal(evaluate.metric(agg("cardinality", "metric", field="b"), alerts), 4, "cardinality")
    checks.equal(evaluate.metric(agg("top_hits", "metric", field="b", size=1, sortField="timestamp", sortOrder="desc"), alerts), "5", "top hit")
    checks.equal(evaluate.metric(agg("max", "metric", field="timestamp"), alerts) % 60, 4.0, "max of a time")
    for kind in ("sum", "avg"):
        try:
            evaluate.metric(agg(kind, "metric", field="b"), alerts)
            checks.check(False, f"{kind} is taken, and does not work on keywords")
        except ValueError:
            checks.check(True, "")
    checks.check("keyword" not in template.AGGREGATES["max"] and "sum" not in template.AGGREGATES, "max and sum are not for keywords")


def main():
    checks, types = Checks(), template.Template()
    for query, wanted in QUERIES:
        checks.equal(kql.holds(kql.parse(query), ALERT, types.type_of), wanted, query)
    for query in BAD_QUERIES:
        try:
            kql.parse(query)
            checks.check(False, f"the query {query!r} is taken")
        except kql.Mistake:
            checks.check(True, "")
    keys = fits.contract()
    checks.equal(fits.against_contract(EVENT, keys), [], "a good event")
    checks.equal(fits.against_contract(fits.as_manager(EVENT), keys, decoded=True), [], "the same on a manager")
    for event, word in BAD_EVENTS:
        found = fits.against_contract(event, keys)
        checks.check(any(word in problem for problem in found), f"{str(event)[:60]}: {word!r} is not said, but {found}")
    checks.equal(template.Index(types).problems(ALERT), [], "a good document")
    for documents, word in BAD_DOCUMENTS:
        index, found = template.Index(types), []
        for document in documents:
            found = index.problems(document)
        checks.check(any(word in problem for problem in found), f"{str(documents)[:60]}: {word!r} is not said, but {found}")
    aggregations(checks)
    return checks.finish("dashboard tools")


if __name__ == "__main__":
    sys.exit(main())
