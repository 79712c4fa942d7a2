#!/usr/bin/env python3
"""Nothing of ours stays behind, neither after SIGTERM nor after kill -9, and the next start is ready at once."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

# Every event type that there is: each hook and each table has to go.
RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in ({events}) and proc.name = tk_nop and (evt.type in (execve, execveat) or proc.args = nobody-says-this)
  output: "%proc.cmdline"
  priority: NOTICE
"""


def bpftool(kind):
    done = subprocess.run([shutil.which("bpftool") or "/usr/sbin/bpftool", "-j", kind], capture_output=True, check=False, timeout=30)
    return {entry["id"]: entry.get("name", "") for entry in json.loads(done.stdout or b"[]") if "id" in entry}


def lines_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return sorted(file.read().splitlines())


def cgroups():
    found = []
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(root, folder) for folder in folders]
    return sorted(found)


class Host:
    """What a program may leave behind in the kernel."""

    def __init__(self):
        self.programs, self.maps, self.links = bpftool("prog"), bpftool("map"), bpftool("link")
        self.mounts, self.cgroups = lines_of("/proc/self/mountinfo"), cgroups()
        self.pinned = os.listdir("/sys/fs/bpf") if os.path.isdir("/sys/fs/bpf") else []

    def more_than(self, before):
        return {
            "programs": {i: n for i, n in self.programs.items() if i not in before.programs},
            "maps": {i: n for i, n in self.maps.items() if i not in before.maps},
            "links": {i: n for i, n in self.links.items() if i not in before.links},
            "mounts": [m for m in self.mounts if m not in before.mounts],
            "cgroups": [c for c in self.cgroups if c not in before.cgroups],
            "pinned": [p for p in self.pinned if p not in before.pinned],
        }


def wait_clean(checks, before, what):
    """The kernel frees programs and maps a grace period after their last user."""
    deadline = time.monotonic() + 10
    while True:
        more = Host().more_than(before)
        if not any(more.values()) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for kind, left in more.items():
        checks.check(not left, f"{what}: {kind} stay behind: {left}")


def works(checks, agent, program, what):
    subprocess.run([program], check=True)
    try:
        agent.wait_alerts(lambda alerts: len(alerts) >= 1, "an alert", 10)
        checks.check(True, what)
    except support.Failure as failure:
        checks.check(False, f"{what}: {failure}")
    checks.check(agent.status()["rules"]["active"] == 1, f"{what}: status answers")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    if not (shutil.which("bpftool") or os.path.exists("/usr/sbin/bpftool")):
        support.skip_or_fail("bpftool is not installed")
    checks, rows = support.Checks(), []
    program = os.path.join(options.programs, "tk_nop")
    with support.Folder("clean") as folder:
        listed = json.loads(subprocess.run([options.tiercel, "events", "--json"], check=True, capture_output=True).stdout)
        seen = ", ".join(event["name"] for event in listed if event["seen"] == "yes")
        rules = folder.file("rules.yaml", RULES.format(events=seen))
        before = Host()
        for number, end in enumerate(["SIGTERM", "SIGKILL", "SIGTERM", "SIGKILL", "SIGTERM"]):
            what = f"start {number + 1}, ended by {end}"
            with support.Agent(options.tiercel, rules, folder=folder) as agent:
                during = Host().more_than(before)
                checks.check(during["programs"] and during["maps"], f"{what}: programs and maps are loaded: {during}")
                checks.equal(during["mounts"], [], f"{what}: mounts that others see while it runs")
                works(checks, agent, program, what)
                socket = os.path.join(agent.run_dir, "tiercel.sock")
                if end == "SIGTERM":
                    agent.stop()
                    checks.check(not os.path.exists(socket), f"{what}: the control socket is gone")
                    took = f"{agent.stop_s:.2f} s"
                else:
                    agent.child.kill()
                    took = "at once"
                    checks.check(os.path.exists(socket), f"{what}: the next start finds a stale socket")
                rows.append([number + 1, f"{agent.ready_s:.2f} s", end, took, len(during["programs"]), len(during["maps"])])
            wait_clean(checks, before, what)
    support.say(support.table(["start", "ready after", "ended by", "took", "programs", "maps"], rows))
    return checks.finish("nothing stays behind")


if __name__ == "__main__":
    support.main(main, "kernel_clean")
