#!/usr/bin/env python3
"""Falco's stock rules about containers that may too much, unchanged: each fires for the container that is meant and not
for its harmless twin. And container events: one for each container, with what it is as JSON."""

import argparse
import json
import os
import sys
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from docker import TRIMMED, Docker  # noqa: E402
from places import Places  # noqa: E402

REPOSITORY, TAG = "tiercel-test/rules", "3"
IMAGE = f"{REPOSITORY}:{TAG}"
PRIVILEGED, CAPABLE, MOUNT = "Launch Privileged Container", "Launch Excessively Capable Container", "Launch Sensitive Mount Container"
STOCK = ["falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"]
OWN = """- rule: Container
  desc: a container was found
  condition: evt.type = container
  output: "%evt.type %evt.arg.json %container.id %container.full_id %container.name %container.image.repository"
  priority: NOTICE
"""
CONFIG = support.CONFIG + "rule_matching: all\n"  # one event is about several of these rules


def cases(folder):
    """name: (docker's options, the rules that must fire)"""
    data = folder.folder("data")
    return {
        "plain": ([], set()),
        "plain-mount": (["--volume", f"{data}:/etc", "--volume", "/etc/hostname:/hostname:ro"], set()),
        "plain-cap": (["--cap-drop", "ALL", "--cap-add", "CHOWN"], set()),
        "privileged": (["--privileged", "--runtime", TRIMMED], {PRIVILEGED, CAPABLE}),
        "trimmed": (["--runtime", TRIMMED], set()),
        "root-mount": (["--volume", "/:/host"], {MOUNT}),
        "etc-mount": (["--volume", "/etc:/host/etc:ro"], {MOUNT}),
        "docker-socket": (["--volume", "/var/run/docker.sock:/var/run/docker.sock"], {MOUNT}),
        "cap-sys-admin": (["--cap-add", "SYS_ADMIN"], {CAPABLE}),
        "cap-net-admin": (["--cap-add", "NET_ADMIN"], {CAPABLE}),
    }


def stock_files():
    here = os.path.dirname(os.path.abspath(__file__))
    shared = os.environ.get("TIERCEL_SHARED", os.path.join(here, "..", "..", "..", "shared"))
    paths = [os.path.normpath(os.path.join(shared, "data", "falco-rules", name)) for name in STOCK]
    for path in paths:
        if not os.path.exists(path):
            support.skip_or_fail(f"{path} is not there (TIERCEL_SHARED)")
    return paths


def judge_rules(checks, alerts, wanted, idents):
    rows = []
    for name, (_, rules) in wanted.items():
        of_it = [a for a in alerts if a["output_fields"].get("container.id") == idents[name][:12]]
        got = Counter(a["rule"] for a in of_it if a["rule"] in (PRIVILEGED, CAPABLE, MOUNT))
        checks.equal(dict(got), {rule: 1 for rule in rules}, f"alerts of container {name}")
        for alert in of_it:
            if alert["rule"] != "Container":
                said = alert["output_fields"]
                checks.equal(said.get("container.name"), f"tiercel-rules-{name}", f"{name}, {alert['rule']}: container.name")
                checks.equal(said.get("container.image.repository"), REPOSITORY, f"{name}, {alert['rule']}: repository")
        rows.append([name] + ["fired" if got[rule] else "-" for rule in (PRIVILEGED, CAPABLE, MOUNT)])
    support.say(support.table(["container", PRIVILEGED, CAPABLE, MOUNT], rows))
    outside = [a for a in alerts if a["rule"] in (PRIVILEGED, CAPABLE, MOUNT)
               and a["output_fields"].get("container.id") not in {ident[:12] for ident in idents.values()}]
    checks.equal(outside, [], "stock rules outside of the test's containers")


def described(value):
    """The object that the event's JSON holds."""
    found = json.loads(value)
    return found.get("container", found)


def judge_events(checks, alerts, idents):
    events = [a["output_fields"] for a in alerts if a["rule"] == "Container"]
    for name, ident in idents.items():
        mine = [fields for fields in events if fields["container.id"] == ident[:12]]
        if not checks.equal(len(mine), 1, f"container events of {name}"):
            continue
        fields = mine[0]
        checks.equal(fields["evt.type"], "container", f"{name}: evt.type")
        checks.equal(fields["container.name"], f"tiercel-rules-{name}", f"{name}: container.name of the container event")
        try:
            said = described(fields["evt.arg.json"])
        except (TypeError, ValueError) as error:
            checks.check(False, f"{name}: evt.arg.json is no JSON object: {fields['evt.arg.json']!r} ({error})")
            continue
        checks.equal(said.get("id"), ident[:12], f"{name}: id in the JSON")
        checks.equal(said.get("name"), f"tiercel-rules-{name}", f"{name}: name in the JSON")
        checks.equal(said.get("image"), IMAGE, f"{name}: image in the JSON")
        checks.equal(said.get("privileged"), name == "privileged", f"{name}: privileged in the JSON")
    twice = {ident: count for ident, count in Counter(fields["container.full_id"] for fields in events).items() if count > 1}
    checks.equal(twice, {}, "containers with more than one container event")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, idents = support.Checks(), {}
    with support.Folder("rules") as folder, Places(), Docker(folder) as docker:
        docker.load(IMAGE, images.layer())
        wanted = cases(folder)
        with support.Agent(options.tiercel, stock_files() + [folder.file("own.yaml", OWN + marks.rules())],
                           config=CONFIG) as agent:
            for name, (more, _) in wanted.items():
                idents[name] = docker.text("create", "--network", "none", "--name", f"tiercel-rules-{name}", *more, IMAGE,
                                           *marks.command(name))
                docker.call("start", "--attach", idents[name])
                if name == "privileged":
                    checks.check(docker.inspect(idents[name])["HostConfig"]["Privileged"], "docker calls the container privileged")
                docker.call("rm", "-f", idents[name])
            # what comes after the last container's events comes after its alerts
            marks.on_host("end")
            marks.wait(agent, "end")
            summary = agent.stop()
            alerts = agent.alerts()
    judge_rules(checks, alerts, wanted, idents)
    judge_events(checks, alerts, idents)
    checks.equal(summary["lost"], 0, "lost")
    return checks.finish("stock rules of containers")


if __name__ == "__main__":
    support.main(main, "kernel_container_rules")
