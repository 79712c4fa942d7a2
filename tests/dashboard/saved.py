"""The saved objects of siem/dashboard/tiercel.ndjson, and the alerts that tests judge them by."""

import json
import os

import evaluate
import template

FOLDER = os.path.join(template.ROOT, "siem", "dashboard")
OBJECTS = os.path.join(FOLDER, "tiercel.ndjson")
SAMPLE = os.path.join(template.HERE, "alerts.ndjson")


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def objects():
    return {made["id"]: made for made in lines(OBJECTS)}


def alerts(paths):
    return evaluate.Alerts([alert for path in paths for alert in lines(path)], template.Template().type_of)


def dashboards(made):
    return [one for one in made.values() if one["type"] == "dashboard"]


def panels(board, made):
    """(place, saved object) of each panel of a dashboard, by its references."""
    targets = {ref["name"]: ref for ref in board["references"]}
    for panel in json.loads(board["attributes"]["panelsJSON"]):
        ref = targets[panel["panelRefName"]]
        yield panel["gridData"], made[ref["id"]]
