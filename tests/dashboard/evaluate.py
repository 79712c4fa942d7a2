"""What a panel would show: the aggregations of a saved object over alerts, as OpenSearch would answer them.

Only what the panels use, each kind as its documentation says; what is not known here fails, so a panel cannot hold
something that nobody evaluated."""

import datetime
import json
from collections import OrderedDict

import kql


def parsed(attribute):
    return json.loads(attribute or "{}")


def time_of(alert, field):
    """The manager writes 2026-11-28T04:58:41.787+0000."""
    text = kql.values_of(alert, field)[0]
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


def best_interval(seconds, bars=50):
    """As "auto" does: the first of the usual steps that needs no more bars than that."""
    for step in (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 43200, 86400):
        if seconds / step <= bars:
            return step
    return 7 * 86400


class Alerts:
    """All alerts, and the index's types."""

    def __init__(self, alerts, type_of):
        self.all, self.type_of = alerts, type_of

    def of(self, saved):
        """Those that a saved object's own query takes."""
        source = parsed(saved["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        if source.get("filter"):
            raise ValueError("a panel's filters are in its query")
        return self.where(self.all, source["query"]["query"])

    def where(self, alerts, query):
        tree = kql.parse(query)
        return [alert for alert in alerts if kql.holds(tree, alert, self.type_of)]


def metric(agg, alerts):
    kind, params = agg["type"], agg["params"]
    if kind == "count":
        return len(alerts)
    field = params["field"]
    if kind == "cardinality":
        return len({value for alert in alerts for value in kql.values_of(alert, field)})
    if kind == "max":
        return max((time_of(alert, field) for alert in alerts if kql.values_of(alert, field)), default=None)
    if kind == "top_hits":
        newest = sorted(alerts, key=lambda alert: time_of(alert, params["sortField"]), reverse=params["sortOrder"] == "desc")
        return ", ".join(value for alert in newest[:params["size"]] for value in kql.values_of(alert, field))
    raise ValueError(f"metric {kind} is not known here")


def terms(agg, alerts, sort_by):
    """The largest buckets, (value, its alerts): a list puts its alert into each of its elements' buckets."""
    params, buckets = agg["params"], {}
    for alert in alerts:
        values = kql.values_of(alert, params["field"])
        if not values and params["missingBucket"]:
            values = [params["missingBucketLabel"]]
        for value in set(values):
            buckets.setdefault(value, []).append(alert)
    rows = sorted(buckets.items(), key=lambda item: (-metric(sort_by, item[1]), item[0]))
    return rows[:params["size"]]


class Panel:
    """A saved visualization over alerts. Its kind is visState's type."""

    def __init__(self, saved, alerts):
        state = parsed(saved["attributes"]["visState"])
        self.title, self.kind, self.params = saved["attributes"]["title"], state["type"], state["params"]
        self._source, self._aggs = alerts, state["aggs"]
        self.alerts = alerts.of(saved) if self._aggs else alerts.all
        self.metrics = self._of("metric")

    def _of(self, *schemas):
        return [agg for agg in self._aggs if agg["schema"] in schemas]

    def numbers(self):
        """(label, number) of a metric panel."""
        groups = self._of("group")
        if not groups:
            return [(agg["params"]["customLabel"], metric(agg, self.alerts)) for agg in self.metrics]
        return [(f["label"], metric(self.metrics[0], self._source.where(self.alerts, f["input"]["query"])))
                for f in groups[0]["params"]["filters"]]

    def series(self):
        """Over the time: step in seconds, times, {value: [count of each time]}."""
        (time_agg,), (split,) = self._of("segment"), self._of("group")
        field = time_agg["params"]["field"]
        if not self.alerts:
            return 1, [], {}
        stamps = [time_of(alert, field) for alert in self.alerts]
        step = best_interval(max(stamps) - min(stamps))
        first, last = int(min(stamps) // step), int(max(stamps) // step)
        series = OrderedDict()
        for value, mine in terms(split, self.alerts, self.metrics[0]):
            counts = [0] * (last - first + 1)
            for alert in mine:
                counts[int(time_of(alert, field) // step) - first] += 1
            series[value] = counts
        return step, [at * step for at in range(first, last + 1)], series

    def shares(self):
        """Of bars: [(value, {split: count})]; of a donut: [(value, {"": count})]."""
        (by,), split = self._of("segment"), self._of("group")
        rows = []
        for value, mine in terms(by, self.alerts, self.metrics[0]):
            parts = terms(split[0], mine, self.metrics[0]) if split else [("", mine)]
            rows.append((value, OrderedDict((name, metric(self.metrics[0], some)) for name, some in parts)))
        return rows

    def table(self):
        """Head and rows: the fields' values, then the metrics."""
        by = self._of("bucket")
        rows = []

        def deeper(alerts, at, values):
            if at == len(by):
                rows.append(values + [metric(agg, alerts) for agg in self.metrics])
                return
            for value, mine in terms(by[at], alerts, self.metrics[0]):
                deeper(mine, at + 1, values + [value])

        deeper(self.alerts, 0, [])
        return [agg["params"]["customLabel"] for agg in by + self.metrics], rows

    def choices(self):
        """Of controls: [(label, its values)]."""
        return [(c["label"], sorted({v for alert in self.alerts for v in kql.values_of(alert, c["fieldName"])})) for c in self.params["controls"]]

    def shows_something(self):
        if self.kind == "markdown":
            return bool(self.params["markdown"].strip())
        if self.kind == "input_control_vis":
            return all(values for _, values in self.choices())
        if self.kind == "metric":
            return all(number for _, number in self.numbers())
        if self.kind in ("histogram", "line"):
            return bool(self.series()[2])
        if self.kind in ("horizontal_bar", "pie"):
            return bool(self.shares())
        if self.kind == "table":
            return bool(self.table()[1])
        raise ValueError(f"panel kind {self.kind} is not known here")


class Events:
    """A saved search over alerts: newest first."""

    kind = "search"

    def __init__(self, saved, alerts):
        attributes = saved["attributes"]
        self.title, self.columns = attributes["title"], attributes["columns"]
        ((self._field, order),) = attributes["sort"]
        self.alerts = sorted(alerts.of(saved), key=lambda alert: time_of(alert, self._field), reverse=order == "desc")

    def table(self):
        return ["Time", *self.columns], [[time_of(alert, self._field)] + [", ".join(kql.values_of(alert, c)) for c in self.columns]
                                         for alert in self.alerts]

    def shows_something(self):
        """Every column has a value somewhere."""
        return bool(self.alerts) and all(any(kql.values_of(alert, column) for alert in self.alerts) for column in self.columns)


def panel(saved, alerts):
    return Events(saved, alerts) if saved["type"] == "search" else Panel(saved, alerts)


def fields_of(saved):
    """{field: what it is used for} of a saved search or visualization."""
    attributes, used = saved["attributes"], {}
    for field in kql.fields(kql.parse(parsed(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"])):
        used.setdefault(field, set()).add("query")
    for field in attributes.get("columns", []):
        used.setdefault(field, set()).add("column")
    state = parsed(attributes.get("visState"))
    for agg in state.get("aggs", []):
        for name in ("field", "sortField"):
            if name in agg["params"]:
                used.setdefault(agg["params"][name], set()).add(agg["type"] if name == "field" else "sort")
        for f in agg["params"].get("filters", []):
            for field in kql.fields(kql.parse(f["input"]["query"])):
                used.setdefault(field, set()).add("query")
    for control in state.get("params", {}).get("controls", []):
        used.setdefault(control["fieldName"], set()).add("terms")
    return used
