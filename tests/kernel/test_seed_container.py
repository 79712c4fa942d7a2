#!/usr/bin/env python3
"""The three seed rules, unchanged, on real behaviour in a real container (docker), and not on the host.

The docker daemon is the test's own, in places of its own (tests/support/places.py).
"""

import argparse
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import tiercel as support  # noqa: E402
from docker import Docker  # noqa: E402
from places import Places  # noqa: E402

IMAGE = "tiercel-test"
TAG = "seed"
BEHAVIOUR = """
cp /bin/sleep /tmp/xmrig
/tmp/xmrig 0.2
mount -t tmpfs none /host
bash -i -c true </dev/null
"""
RULES = ["Cryptomining Process", "Container Escape via Mount", "Reverse Shell"]


def run_in_container(docker, name):
    """Returns id and exit status."""
    ident = docker.call("create", "--network", "none", "--name", name, f"{IMAGE}:{TAG}", "/bin/bash",
                        "/behaviour").stdout.decode().strip()
    try:
        docker.call("start", ident)
        docker.call("wait", ident)
        said = docker.call("logs", ident, check=False)
        return ident, (said.stdout + said.stderr).decode(errors="replace")
    finally:
        docker.call("rm", "-f", ident, check=False)


def run_on_host(folder):
    """The same behaviour, with nothing mounted over anything."""
    shutil.copy("/bin/sleep", os.path.join(folder.path, "xmrig"))
    subprocess.run([os.path.join(folder.path, "xmrig"), "0.1"], check=True)
    subprocess.run(["mount", "-t", "no_such_type", "none", "/host"], capture_output=True, check=False)
    subprocess.run(["bash", "-i", "-c", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                   start_new_session=True)


def judge(checks, alerts, containers):
    rows = []
    for rule in RULES:
        mine = [alert for alert in alerts if alert["rule"] == rule]
        for ident, name in containers:
            hits = [alert for alert in mine if alert["output_fields"].get("container.id") == ident[:12]]
            if not checks.equal(len(hits), 1, f"alerts of '{rule}' in container {name}"):
                continue
            for alert in hits:
                fields = alert["output_fields"]
                checks.equal(fields.get("container.name"), name, f"{rule}: container.name")
                checks.equal(fields.get("container.image.repository"), IMAGE, f"{rule}: container.image.repository")
                checks.equal(fields.get("container.image.tag"), TAG, f"{rule}: container.image.tag")
                checks.equal(fields.get("user.name"), "root", f"{rule}: user.name")
                checks.check(f"container={name}" in alert["output"], f"{rule}: the output names the container: {alert['output']}")
        known = {ident[:12] for ident, _ in containers}
        for alert in mine:
            checks.check(alert["output_fields"].get("container.id") in known,
                         f"'{rule}' fired outside of the containers: {alert['output']}")
        rows.append([rule, len(mine), mine[0]["priority"] if mine else "-", repr(mine[0]["output_fields"].get("proc.cmdline")) if mine else "-"])
    priorities = {row[0]: row[2] for row in rows}
    checks.equal(priorities, {"Cryptomining Process": "Error", "Container Escape via Mount": "Critical", "Reverse Shell": "Critical"},
                 "priorities (HIGH stands for Error)")
    support.say(support.table(["rule", "alerts", "priority", "command"], rows))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--rules", nargs="*", default=[os.path.join(here, "..", "..", "rules", "base.yaml"),
                                                       os.path.join(here, "..", "data", "seed_rules.yaml")])
    parser.add_argument("--containers", type=int, default=50 if support.soak() else 2)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("seed") as folder, Places(), Docker(folder) as docker:
        docker.load(f"{IMAGE}:{TAG}", images.layer(["/bin/mount", "/bin/cp"], {"behaviour": BEHAVIOUR}))
        with support.Agent(options.tiercel, [os.path.normpath(path) for path in options.rules]) as agent:
            support.say(f"the agent is ready after {agent.ready_s:.2f} s")
            run_on_host(folder)
            containers = []
            for number in range(options.containers):
                name = f"tiercel-test-{os.getpid()}-{number}"
                ident, said = run_in_container(docker, name)
                containers.append((ident, name))
                support.say(f"  container {name} {ident[:12]}")
                if number == 0:
                    support.say("    said: " + " / ".join(said.strip().splitlines()))
            wanted = len(RULES) * options.containers
            try:
                agent.wait_alerts(lambda alerts: sum(a["rule"] in RULES for a in alerts) >= wanted, "the alerts of the containers", 5)
            except support.Failure:
                pass  # said below, rule by rule
            summary = agent.stop()
            alerts = agent.alerts()
            killed = [alert for alert in alerts if alert["output_fields"].get("response.name") == "Kill Cryptominer"
                      and alert["output_fields"].get("response.result") == "done"]
    judge(checks, alerts, containers)
    checks.check(len(killed) >= min(options.containers, 10), f"the seed's response kills its miners: {len(killed)} receipts")
    checks.equal(summary["lost"], 0, "lost")
    return checks.finish("seed rules in containers")


if __name__ == "__main__":
    support.main(main, "kernel_seed_container")
