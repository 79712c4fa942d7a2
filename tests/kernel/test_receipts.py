#!/usr/bin/env python3
"""The way of the seed's response, to its end: a miner in a container dies, and the manager gets the alert and the receipt that
names it."""

import argparse
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod  # noqa: E402
from places import Cgroups, Places  # noqa: E402

CONFIG = """outputs:
  - type: wazuh
    config: {{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}}}
wazuh: {{agent_name: tiercel-receipts-test}}
heartbeat_interval_s: 0
"""


def events(manager):
    """What the manager decoded."""
    for line in list(manager.lines):
        row = json.loads(line)
        if row.get("decoder") == "tiercel":
            yield row["event"]["tiercel"]


def first_start(options, folder, rules, checks):
    """On a host that never had an agent."""
    state = os.path.join(folder.path, "never", "there")
    child = support.Child([options.tiercel, "run", "--config", folder.file("first.yaml", "heartbeat_interval_s: 0\n"), "--no-manager", "--run-dir",
                           folder.folder("first"), "--state-dir", state] + [word for path in rules for word in ("--rules", path)])
    try:
        child.wait_stderr("is watching", "the first start")
    finally:
        child.stop()
    checks.equal(oct(os.stat(state).st_mode & 0o777), "0o750", "the folder that it made for its state")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--execs", type=int, default=200 if support.soak() else 5)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    rules = [os.path.normpath(os.path.join(here, "..", *path)) for path in (("..", "rules", "base.yaml"), ("data", "seed_rules.yaml"))]
    with Places(), support.Folder("receipts") as folder, support.DevManager(options.tiercel, folder) as manager, Cgroups() as cgroups:
        first_start(options, folder, rules, checks)
        cgroup = Bundle(Pod("web"), "main", "containerd", "cgroupfs").write().cgroup
        miner = shutil.copy("/bin/sleep", os.path.join(folder.path, "xmrig"))
        config = CONFIG.format(port=manager.port, enrol_port=manager.enrol_port)
        with support.Agent(options.tiercel, rules, config=config + "response: {budget_per_min: 1000}\n", manager=True, json_lines=False) as agent:
            cgroups.make(cgroup)
            statuses = []
            for _ in range(options.execs):
                child = subprocess.Popen(["/bin/sh", "-c", f"read -r go; exec {miner} 30"], stdin=subprocess.PIPE)
                cgroups.move(cgroup, child.pid)
                child.communicate(b"go\n")
                statuses.append(child.returncode)

            def receipts():
                return [one["field"] for one in events(manager) if one["rule"] == "Tiercel internal: response"]

            support.wait_until(lambda: len(receipts()) >= min(options.execs, 10), "receipts at the manager")
            agent.stop()
            alerts = {one["id"] for one in events(manager) if one["rule"] == "Cryptomining Process"}
            done = [one for one in receipts() if one.get("response_result") == "done"]
        checks.equal(set(statuses), {-9}, "how the miners ended")
        checks.equal(len(alerts), options.execs, "alerts at the manager")
        # The seed's response has the budget of one that says none: beyond it, alerts only.
        checks.equal(len(done), min(options.execs, 10), "receipts of kills")
        checks.check({one["response_alert_id"] for one in done} <= alerts, "each names its alert")
        checks.equal({one["response_name"] for one in done}, {"Kill Cryptominer"}, "who asked")
    return checks.finish("receipts at the manager")


if __name__ == "__main__":
    support.main(main, "kernel_receipts")
