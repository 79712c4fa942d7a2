#!/usr/bin/env python3
"""Makes tiercel.ndjson, the saved objects for the Wazuh dashboard, of panels.yaml. `make dashboard` runs it.

usage: build.py [--check]    --check: say what would change, change nothing
"""

import argparse
import difflib
import json
import os
import sys

import yaml

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
PANELS = os.path.join(HERE, "panels.yaml")
OBJECTS = os.path.join(HERE, "tiercel.ndjson")
KINDS = ("text", "controls", "numbers", "over_time", "bars", "donut", "table", "events")
KEYS = {"id", "title", "at", "where", *KINDS}
# The forms of saved objects that OpenSearch Dashboards 2.19 keeps; it lifts older ones by itself.
FORMS = {"visualization": "7.10.0", "search": "7.9.3", "dashboard": "7.9.3"}
PANEL_VERSION = "2.19.0"
SOURCE_REF = "kibanaSavedObjectMeta.searchSourceJSON.index"


class Mistake(Exception):
    """panels.yaml says what cannot be."""


def packed(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def query(kql):
    return {"query": kql, "language": "kuery"}


def both(first, second):
    """One KQL for two; each may be empty."""
    return f"({first}) and ({second})" if first and second else first or second


class Aggs:
    """The aggregations of one visualization, numbered as the editor does it."""

    def __init__(self, labels, time_field):
        self.list, self._labels, self._time = [], labels, time_field

    def add(self, kind, schema, **params):
        ident = str(len(self.list) + 1)
        self.list.append({"id": ident, "enabled": True, "type": kind, "schema": schema, "params": params})
        return ident

    def label(self, field):
        return self._labels.get(field, field.rsplit(".", 1)[-1])

    def metric(self, column):
        """count: LABEL; or distinct, newest, latest: FIELD with a label."""
        if "count" in column:
            return self.add("count", "metric", customLabel=column["count"])
        for word, kind, more in (("distinct", "cardinality", {}), ("newest", "max", {}),
                                 ("latest", "top_hits", {"aggregate": "concat", "size": 1, "sortField": self._time, "sortOrder": "desc"})):
            if word in column:
                field = column[word]
                return self.add(kind, "metric", field=field, customLabel=column.get("label") or self.label(field), **more)
        raise Mistake(f"a column is none of count, distinct, newest, latest: {column}")

    def terms(self, field, schema, size, missing=False):
        self.add("terms", schema, field=field, size=size, order="desc", orderBy="1", customLabel=self.label(field),
                 otherBucket=False, otherBucketLabel="Other", missingBucket=missing, missingBucketLabel="(none)")

    def times(self):
        self.add("date_histogram", "segment", field=self._time, interval="auto", useNormalizedOpenSearchInterval=True,
                 scaleMetricValues=False, drop_partials=False, min_doc_count=1, extended_bounds={}, customLabel="Time")

    def filters(self, filters):
        self.add("filters", "group", filters=[{"label": f["label"], "input": query(f["where"])} for f in filters])


def axis(ident, kind, place, title):
    shape = {"id": ident, "type": kind, "position": place, "show": True, "style": {}, "scale": {"type": "linear"},
             "labels": {"show": True, "filter": True, "truncate": 100}, "title": title}
    if kind == "value":
        shape.update(name="LeftAxis-1", scale={"type": "linear", "mode": "normal"}, labels={"show": True, "rotate": 0, "filter": False, "truncate": 100})
    return shape


def chart(kind, sideways=False, lines=False, count="Alerts"):
    category, value = ("left", "bottom") if sideways else ("bottom", "left")
    series = {"show": True, "type": "line" if lines else "histogram", "mode": "normal" if lines else "stacked", "valueAxis": "ValueAxis-1",
              "data": {"id": "1", "label": count}, "drawLinesBetweenPoints": True, "lineWidth": 2, "showCircles": True}
    return {"type": kind, "grid": {"categoryLines": False}, "categoryAxes": [axis("CategoryAxis-1", "category", category, {})],
            "valueAxes": [axis("ValueAxis-1", "value", value, {"text": count})], "seriesParams": [series], "addTooltip": True,
            "addLegend": True, "legendPosition": "right", "times": [], "addTimeMarker": False, "labels": {"show": False},
            "thresholdLine": {"show": False, "value": 10, "width": 1, "style": "full", "color": "#E7664C"}}


def text(panel, _aggs):
    return "markdown", {"fontSize": 12, "openLinksInNewTab": False, "markdown": panel["text"]}


def controls(panel, aggs):
    lists = [{"id": f"{panel['id']}-{at}", "type": "list", "fieldName": field, "parent": "", "label": aggs.label(field),
              "indexPatternRefName": f"control_{at}_index_pattern",
              "options": {"type": "terms", "multiselect": True, "dynamicOptions": True, "size": 5, "order": "desc"}}
             for at, field in enumerate(panel["controls"])]
    return "input_control_vis", {"controls": lists, "updateFiltersOnChange": True, "useTimeFilter": True, "pinFilters": False}


def numbers(panel, aggs):
    columns = panel["numbers"]
    if all("where" in column for column in columns):
        aggs.metric({"count": "Reports"})
        aggs.filters(columns)
    else:
        for column in columns:
            aggs.metric(column)
    return "metric", {"type": "metric", "addTooltip": True, "addLegend": False, "metric": {
        "percentageMode": False, "useRanges": False, "colorSchema": "Green to Red", "metricColorMode": "None", "invertColors": False,
        "colorsRange": [{"from": 0, "to": 10000}], "labels": {"show": True},
        "style": {"bgFill": "#000", "bgColor": False, "labelColor": False, "subText": "", "fontSize": 36}}}


def over_time(panel, aggs):
    says = panel["over_time"]
    kind, count = "line" if says.get("lines") else "histogram", says.get("count", "Alerts")
    aggs.metric({"count": count})
    aggs.times()
    aggs.terms(says["split"], "group", says["size"])
    return kind, chart(kind, lines=kind == "line", count=count)


def bars(panel, aggs):
    says = panel["bars"]
    aggs.metric({"count": "Alerts"})
    aggs.terms(says["by"], "segment", says["size"])
    aggs.terms(says["split"], "group", 10, missing=True)
    return "horizontal_bar", chart("histogram", sideways=True)


def donut(panel, aggs):
    aggs.metric({"count": "Alerts"})
    aggs.terms(panel["donut"]["by"], "segment", panel["donut"]["size"])
    return "pie", {"type": "pie", "addTooltip": True, "addLegend": True, "legendPosition": "right", "isDonut": True,
                   "labels": {"show": False, "values": True, "last_level": True, "truncate": 100}}


def table(panel, aggs):
    """A row whose first field is not there is none; a later one shows as (none)."""
    says = panel["table"]
    counts = [column for column in says["columns"] if "count" in column]
    for column in counts + [column for column in says["columns"] if column not in counts]:  # rows are sorted by the first
        aggs.metric(column)
    for at, field in enumerate(says["rows"]):
        aggs.terms(field, "bucket", says["size"], missing=at > 0)
    return "table", {"perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "showTotal": False, "totalFunc": "sum",
                     "percentageCol": ""}


BUILDERS = {"text": text, "controls": controls, "numbers": numbers, "over_time": over_time, "bars": bars, "donut": donut, "table": table}


def saved(kind, ident, attributes, references):
    return {"type": kind, "id": ident, "attributes": attributes, "references": references, "migrationVersion": {kind: FORMS[kind]}}


class Book:
    """What panels.yaml says, and the objects made of it."""

    def __init__(self, says):
        self.says, self.pattern = says, says["index_pattern"]

    def pattern_ref(self, name):
        return {"name": name, "type": "index-pattern", "id": self.pattern}

    def source(self, kql, **more):
        return {"searchSourceJSON": packed({"query": query(kql), "filter": [], **more})}

    def events(self, panel, kql):
        attributes = {"title": panel["title"], "description": "", "hits": 0, "version": 1, "columns": panel["events"],
                      "sort": [[self.says["time_field"], "desc"]],
                      "kibanaSavedObjectMeta": self.source(kql, indexRefName=SOURCE_REF, highlightAll=True, version=True)}
        return saved("search", panel["id"], attributes, [self.pattern_ref(SOURCE_REF)])

    def visualization(self, panel, kind, kql):
        aggs = Aggs(self.says["labels"], self.says["time_field"])
        vis, params = BUILDERS[kind](panel, aggs)
        references = [self.pattern_ref(SOURCE_REF)] if aggs.list else []
        source = self.source(kql, indexRefName=SOURCE_REF) if aggs.list else self.source("")
        references += [self.pattern_ref(control["indexPatternRefName"]) for control in params.get("controls", [])]
        attributes = {"title": panel["title"], "description": "", "version": 1, "uiStateJSON": "{}", "kibanaSavedObjectMeta": source,
                      "visState": packed({"title": panel["title"], "type": vis, "params": params, "aggs": aggs.list})}
        return saved("visualization", panel["id"], attributes, references)

    def panel(self, board, panel):
        kinds = [kind for kind in KINDS if kind in panel]
        if len(kinds) != 1 or set(panel) - KEYS:
            raise Mistake(f"panel {panel.get('id')}: it has one kind of {', '.join(KINDS)}, and no key but {', '.join(sorted(KEYS))}")
        kql = both(board.get("where", ""), panel.get("where", ""))
        return self.events(panel, kql) if kinds == ["events"] else self.visualization(panel, kinds[0], kql)

    def dashboard(self, board, objects):
        places, references = [], []
        for at, (panel, made) in enumerate(zip(board["panels"], objects)):
            x, y, w, h = panel["at"]
            places.append({"version": PANEL_VERSION, "gridData": {"x": x, "y": y, "w": w, "h": h, "i": str(at)}, "panelIndex": str(at),
                           "embeddableConfig": {}, "panelRefName": f"panel_{at}"})
            references.append({"name": f"panel_{at}", "type": made["type"], "id": made["id"]})
        attributes = {"title": board["title"], "description": board["description"], "hits": 0, "version": 1, "panelsJSON": packed(places),
                      "optionsJSON": packed({"hidePanelTitles": False, "useMargins": True}), "timeRestore": True, "timeFrom": board["from"],
                      "timeTo": "now", "refreshInterval": {"pause": True, "value": 0}, "kibanaSavedObjectMeta": self.source("")}
        return saved("dashboard", board["id"], attributes, references)

    def objects(self):
        made = []
        for board in self.says["dashboards"]:
            mine = [self.panel(board, panel) for panel in board["panels"]]
            made += mine + [self.dashboard(board, mine)]
        return made


def ndjson():
    with open(PANELS, encoding="utf-8") as file:
        return "".join(packed(made) + "\n" for made in Book(yaml.safe_load(file)).objects())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    made = ndjson()
    old = ""
    if os.path.exists(OBJECTS):
        with open(OBJECTS, encoding="utf-8") as file:
            old = file.read()
    if options.check:
        for line in difflib.unified_diff(old.splitlines(), made.splitlines(), "tiercel.ndjson", "panels.yaml", lineterm="", n=0):
            print(line[:300])
        print("tiercel.ndjson is what panels.yaml says" if old == made else "tiercel.ndjson is not what panels.yaml says: make dashboard")
        return old != made
    with open(OBJECTS, "w", encoding="utf-8") as file:
        file.write(made)
    print(f"tiercel.ndjson: {made.count(chr(10))} objects")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Mistake as mistake:
        sys.exit(f"panels.yaml: {mistake}")
