#!/usr/bin/env python3
"""Honest work, live, beside an agent with all rules: which of them speak, how often an hour that would be, and whether
each alert is one that benign/known.yaml names and justifies. On the host nothing of WARNING or above may come, CRITICAL nowhere."""

import argparse
import collections
import contextlib
import json
import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import run as attacks  # noqa: E402
import rooms  # noqa: E402
import scenarios as scenario_files  # noqa: E402
import kernel_counts  # noqa: E402
import tiercel as support  # noqa: E402
import yaml  # noqa: E402

FOLDER = os.path.join(HERE, "benign")
KNOWN = os.path.join(FOLDER, "known.yaml")
WORK_S = 80
CATEGORIES = {name for name in os.listdir(scenario_files.FOLDER) if os.path.isdir(os.path.join(scenario_files.FOLDER, name))} - {"benign"}
ORDER = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"]


def read_activities():
    found = []
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".yaml") and name != os.path.basename(KNOWN):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                for number, entry in enumerate(yaml.safe_load(file), 1):
                    path = os.path.join(scenario_files.FOLDER, "benign", name)
                    found.append(scenario_files.Scenario(path, None, "work", number, entry))
    return found


def read_known():
    """{rule: why}: alerts that honest work may raise below the limits."""
    if not os.path.exists(KNOWN):
        return {}
    with open(KNOWN, encoding="utf-8") as file:
        return {entry["rule"]: entry["why"] for entry in yaml.safe_load(file) or []}


def wrong_with(alert, known):
    """None, or why this alert must not be."""
    level = ORDER.index(alert["priority"])
    if level <= ORDER.index("Critical"):
        return "CRITICAL or above"
    if alert["output_fields"].get("container.full_id") == "host" and level <= ORDER.index("Warning"):
        return "WARNING or above on the host"
    return None if alert["rule"] in known else "not named in known.yaml"


def in_this_work(alert, scenario):
    """All that comes while the work is done, its container runtime's doings too; what another run's mark names is not ours."""
    return not attacks.marks_of(alert) - {scenario.ident}


DOCKERFILE = f"""FROM {rooms.IMAGE}
RUN useradd --system --create-home shop && mkdir -p /opt/shop && printf '#!/bin/sh\\nexec sleep 1\\n' >/opt/shop/run && chmod 755 /opt/shop/run
RUN printf 'int main(void){{return 0;}}' >/tmp/a.c && cc -o /opt/shop/a /tmp/a.c && rm /tmp/a.c
USER shop
CMD ["/opt/shop/run"]
"""


class Images:
    """An image is loaded, one is built from it, its containers are started, entered, stopped and removed."""

    def __init__(self, docker):
        self.docker = docker

    def run(self, _):
        self.docker.load("shop/loaded:1", rooms.image.root_layer())
        built = self.docker.call("build", "--network", "none", "-t", "shop/built:1", "-", data=DOCKERFILE.encode(), check=False)
        for number in range(3):
            name = f"built-{number}"
            self.docker.call("run", "-d", "--network", "none", "--name", name, "shop/built:1", "sleep", "60")
            self.docker.call("exec", name, "sh", "-c", "id; ls /opt/shop; /opt/shop/a")
            self.docker.call("rm", "-f", name)
        return None, (built.stdout + built.stderr).decode(errors="replace")


def image_work(lab):
    activity = scenario_files.Scenario(os.path.join(scenario_files.FOLDER, "benign", "images.yaml"), None, "work", 1,
                                       {"name": "images are loaded and built, containers run", "run": "", "where": "host"})
    ident, said = Images(lab.containers.docker).run(activity)
    return activity, lab.take(activity, ident), said


def play(lab, activities):
    """[(activity, alerts, seconds)]"""
    lab.belongs = lambda alert, scenario, _: in_this_work(alert, scenario)
    results = []
    for activity in activities:
        begun = time.monotonic()
        alerts, said = lab.play(activity)
        took_s = time.monotonic() - begun
        results.append((activity, alerts, took_s))
        support.say(f"  {activity.where}: {activity.name}: {took_s:.1f} s, {len(alerts)} alerts"
                    + ("" if not alerts else "; " + ", ".join(sorted({a['rule'] for a in alerts}))))
        if lab.options.verbose:
            support.say("    said: " + " / ".join(said.strip().splitlines())[-600:])
    if lab.containers:
        begun = time.monotonic()
        activity, alerts, said = image_work(lab)
        support.say(f"  host: {activity.name}: {time.monotonic() - begun:.1f} s, {len(alerts)} alerts")
        if lab.options.verbose:
            support.say("    said: " + " / ".join(said.strip().splitlines())[-600:])
        results.append((activity, alerts, time.monotonic() - begun))
    return results


def report(results, known):
    hours = sum(took_s for _, _, took_s in results) / 3600
    counts, wrongs = collections.Counter(), collections.defaultdict(list)
    for activity, alerts, _ in results:
        for alert in alerts:
            counts[(alert["rule"], alert["priority"], activity.where)] += 1
            wrong = wrong_with(alert, known)
            if wrong:
                wrongs[(alert["rule"], wrong)].append((activity.name, alert["output"].strip()))
    rows = [[rule, priority, where, n, f"{n / hours:.0f}", known.get(rule, "-")] for (rule, priority, where), n in sorted(counts.items())]
    support.say(support.table(["rule", "priority", "where", "alerts", "an hour of nothing but this", "why it may"], rows))
    for (rule, wrong), where in sorted(wrongs.items()):
        support.say(f"WRONG: {rule}: {wrong}, {len(where)} times:")
        for name, output in where[:3]:
            support.say(f"    {name}: {output}")
    return sum(len(where) for where in wrongs.values())


def category_of(alert):
    return next(tag for tag in alert["tags"] if tag in CATEGORIES)


def precision(path, results):
    """Of a category's alerts, which share came from attacks and not from honest work."""
    good, false = collections.Counter(), collections.Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            one = json.loads(line)
            if ".attack" in one["scenario"]:
                for alert in one["alerts"]:
                    good[category_of(alert)] += 1
    for _, alerts, _ in results:
        for alert in alerts:
            false[category_of(alert)] += 1
    rows = [[category, good[category], false[category], f"{100 * good[category] / max(1, good[category] + false[category]):.1f} %"]
            for category in sorted(set(good) | set(false))]
    support.say(support.table(["category", "alerts in attacks", "alerts in honest work", "precision"], rows))


def tell_opens(metrics):
    """Which share of the opens the kernel left out, since they concern no rule."""
    opens = [kernel_counts.of_event(metrics, event) for event in kernel_counts.OPENS]
    made, left_out = (sum(one.get(what, 0) for one in opens) for what in ("all", "filtered"))
    support.say(f"opens: {made:,}, of which the kernel left out {left_out:,} ({100 * left_out / max(1, made):.1f} %)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--rules", nargs="*", help="instead of those that are shipped")
    parser.add_argument("--only", nargs="*", help="words; the activities whose names hold one; or a place")
    parser.add_argument("--attacks", help="what run.py --json wrote: for the precision")
    parser.add_argument("--json", help="a file for every activity with its alerts, a JSON line each")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    support.require_kernel_tests()
    rooms.SCRIPT_S = WORK_S
    os.environ["DOCKER_BUILDKIT"] = "0"  # the builder that comes with the daemon
    activities = [a for a in read_activities() if not options.only or any(word in a.name or word == a.where for word in options.only)]
    known = read_known()
    with contextlib.ExitStack() as stack:
        metrics = os.path.join(stack.enter_context(support.Folder("benign")).path, "metrics.sock")
        lab = attacks.Lab(options, activities, stack, attacks.CONFIG + f"metrics: {{listen: 'unix:{metrics}'}}\n")
        results = play(lab, activities)
        if lab.agent:
            tell_opens(kernel_counts.page(metrics))
        lost = lab.stop()["lost"]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            for activity, alerts, _ in results:
                file.write(json.dumps({"activity": activity.name, "where": activity.where, "alerts": alerts}) + "\n")
    wrong = report(results, known)
    if options.attacks:
        precision(options.attacks, results)
    support.say(f"{len(activities)} activities, {sum(len(alerts) for _, alerts, _ in results)} alerts, {wrong} of them wrong, lost {lost}")
    return 1 if wrong or lost else 0


if __name__ == "__main__":
    support.main(main, "honest_work")
