#!/usr/bin/env python3
"""How long a kill takes from a program's exec to its SIGKILL, as the receipts tell it: programs named xmrig in a container,
while programs beside them make alerts. A bench: it tells, and fails only where a kill is missing.

usage: respond_latency.py --tiercel PROGRAM [--execs 1000] [--alerts 500] [--user]
--user: a condition that the kernel cannot judge, so that user space does it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod  # noqa: E402
from places import Cgroups, Places  # noqa: E402

RULES = """- rule: Cryptomining Process
  desc: Detect cryptomining processes
  condition: evt.type in (execve, execveat) and evt.failed = false and container.id != host and {name}
  output: "%proc.cmdline"
  priority: CRITICAL
- rule: Kill Cryptominer
  desc: Automatically terminate cryptomining processes
  condition: rule.name = "Cryptomining Process"
  action: {{type: kill, target: process}}
  budget_per_min: 100000
- rule: Beside
  desc: alerts beside
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.name = beside
  output: "%proc.cmdline"
  priority: NOTICE
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--execs", type=int, default=1000)
    parser.add_argument("--alerts", type=int, default=500)
    parser.add_argument("--user", action="store_true")
    options = parser.parse_args()
    support.require_kernel_tests()
    with Places(), support.Folder("latency") as folder, Cgroups() as cgroups:
        cgroup = Bundle(Pod("web"), "main", "containerd", "cgroupfs").write().cgroup
        for name, source in (("xmrig", "/bin/sleep"), ("beside", "/bin/true")):
            shutil.copy(source, os.path.join(folder.path, name))
        rules = folder.file("rules.yaml", RULES.format(name="proc.cmdline startswith xmrig" if options.user else "proc.name = xmrig"))
        config = support.CONFIG + "response: {budget_per_min: 100000}\nheartbeat_interval_s: 0\n"
        with support.Agent(options.tiercel, rules, config=config) as agent:
            cgroups.make(cgroup)
            stop, beside = threading.Event(), [0]

            def noise():
                begun = time.monotonic()
                while not stop.is_set():
                    if beside[0] < (time.monotonic() - begun) * options.alerts:
                        subprocess.run([os.path.join(folder.path, "beside")], check=True)
                        beside[0] += 1
                    else:
                        time.sleep(0.001)

            threads = [threading.Thread(target=noise) for _ in range(2 if options.alerts else 0)]
            for thread in threads:
                thread.start()
            begun, survivors = time.monotonic(), 0
            for _ in range(options.execs):
                child = subprocess.Popen(["/bin/sh", "-c", f"read -r go; exec {folder.path}/xmrig 5"], stdin=subprocess.PIPE)
                cgroups.move(cgroup, child.pid)
                child.stdin.write(b"go\n")
                child.stdin.close()
                survivors += child.wait() >= 0
            took_s = time.monotonic() - begun
            stop.set()
            for thread in threads:
                thread.join()

            def receipts():
                return [a["output_fields"] for a in agent.alerts() if a["output_fields"].get("response.name") == "Kill Cryptominer"]

            support.wait_until(lambda: len(receipts()) >= options.execs, "receipts", 60)
            got = receipts()
    times = sorted(int(one["response.latency_us"]) for one in got if "response.latency_us" in one)
    ways = {way: sum(one["response.way"] == way for one in got) for way in ("user", "kernel")}
    if not times:
        raise support.Failure(f"no kill: {got[:2]}")
    support.say(support.table(["execs", "lived on", "by user, kernel", "alerts/s beside", "p50 us", "p99 us", "max us"],
                              [[len(got), survivors, f"{ways['user']}, {ways['kernel']}", f"{beside[0] / took_s:.0f}", times[len(times) // 2],
                                times[min(len(times) - 1, len(times) * 99 // 100)], times[-1]]]))
    return 1 if survivors else 0


if __name__ == "__main__":
    support.main(main, "respond latency")
