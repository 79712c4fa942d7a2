#!/usr/bin/env python3
"""Programs in a container that the kernel itself ends: not one of them gets to write its first byte.

A shell in a docker container starts the same program under several names, each time with a file as standard output; the
sizes of the files and the exit statuses are the truth. The seed's rule and response are used unchanged, but for a budget
that lets the test end. Beside them: a dry run, a budget that is spent, a response that user space decides, and the host.
"""

import argparse
import json
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

IMAGE = "tiercel-test:kill"
BUDGET = 5
RULES = """
- macro: spawned_process
  condition: evt.type in (execve, execveat)
- macro: container
  condition: container.id != host
- rule: Dry
  desc: d
  condition: spawned_process and proc.name = dryrig
  output: dry
  priority: HIGH
- {rule: Would kill, desc: d, condition: rule.name = Dry, action: {type: kill}, dry_run: true}
- rule: Few
  desc: d
  condition: spawned_process and proc.exepath = /fewrig
  output: few
  priority: HIGH
- {rule: Kill few, desc: d, condition: rule.name = Few, action: {type: kill}, budget_per_min: 5}
- rule: Cryptomining Process
  desc: Detect cryptocurrency mining processes
  condition: >
    spawned_process and container and
    (proc.name in (xmrig, minerd, cpuminer) or
     proc.cmdline contains "stratum+tcp" or
     proc.cmdline contains "pool.minergate")
  output: Cryptomining detected (user=%user.name command=%proc.cmdline container=%container.name)
  priority: HIGH
- rule: Kill Cryptominer
  desc: Automatically terminate cryptomining processes
  condition: rule.name = "Cryptomining Process"
  action:
    type: kill
    target: process
  budget_per_min: 100000
"""
# Each program's start leaves a line: name, exit status.
SCRIPT = """
i=0
while [ $i -lt COUNT ]; do
  i=$((i+1))
  /xmrig > /data/xmrig.$i 2>/dev/null; echo "xmrig $?"
done
for name in zmrig dryrig; do /$name > /data/$name.1; echo "$name $?"; done
i=0
while [ $i -lt 8 ]; do i=$((i+1)); /fewrig > /data/fewrig.$i; echo "fewrig $?"; done
"""


def sizes(folder, name):
    files = [file for file in sorted(os.listdir(folder)) if file.startswith(name + ".")]
    return [os.path.getsize(os.path.join(folder, file)) for file in files]


def run(docker, data):
    said = docker.call("run", "--rm", "--network", "none", "--volume", f"{data}:/data", IMAGE, "/bin/bash",
                       "/data/script", check=False)
    return [line.split() for line in said.stdout.decode().splitlines()]


def receipts(alerts, response):
    return [alert["output_fields"] for alert in alerts if alert["rule"] == "Tiercel internal: response"
            and alert["output_fields"].get("response.name") == response]


def judge(checks, statuses, data, count):
    killed = [status for name, status in statuses if name == "xmrig"]
    wrote = sum(1 for size in sizes(data, "xmrig") if size > 0)
    checks.equal(killed, ["137"] * count, "exit statuses of xmrig")
    checks.equal(wrote, 0, "starts of xmrig that wrote their byte")
    checks.equal(sizes(data, "zmrig") + sizes(data, "dryrig"), [1, 1], "what others wrote")
    few = [status for name, status in statuses if name == "fewrig"]
    checks.equal(few[:BUDGET], ["137"] * BUDGET, "within the budget")
    checks.equal(few[BUDGET:], ["0"] * (len(few) - BUDGET), "beyond the budget")
    support.say(support.table(["starts of xmrig", "killed", "wrote a byte"], [[count, killed.count("137"), wrote]]))


def judge_receipts(checks, alerts, count):
    mine = receipts(alerts, "Kill Cryptominer")
    ways = [one.get("response.way") for one in mine if one.get("response.result") == "done"]
    checks.equal(len(ways), count, "receipts of kills")
    checks.equal(set(ways), {"kernel"}, "their ways")
    latency = sorted(int(one["response.latency_us"]) for one in mine if one.get("response.way") == "kernel")
    checks.check(latency and latency[0] >= 0, "latencies")
    checks.equal([one.get("response.result") for one in receipts(alerts, "Would kill")], ["would"], "the dry run's receipt")
    if latency:
        support.say(f"latency of the kernel's kills, us: p50 {latency[len(latency) // 2]}, p99 "
                    f"{latency[len(latency) * 99 // 100]}, max {latency[-1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--count", type=int, default=1000 if support.soak() else 50)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    first = os.path.join(options.programs, "first_byte")
    with support.Folder("kill") as folder, Places(), Docker(folder) as docker:
        docker.load(IMAGE, images.layer(own={name: first for name in ("xmrig", "zmrig", "dryrig", "fewrig")}))
        data = folder.folder("data")
        os.chmod(data, 0o777)
        with open(os.path.join(data, "script"), "w", encoding="ascii") as file:
            file.write(SCRIPT.replace("COUNT", str(options.count)))
        rules = folder.file("rules.yaml", RULES)
        config = "response: {budget_per_min: 100000}\n"
        with support.Agent(options.tiercel, rules, config=support.CONFIG + config) as agent:
            statuses = run(docker, data)
            shutil.copy(first, os.path.join(folder.path, "xmrig"))
            on_host = subprocess.run([os.path.join(folder.path, "xmrig")], capture_output=True, check=False)
            try:
                agent.wait_alerts(lambda seen: len(receipts(seen, "Kill Cryptominer")) >= options.count, "the receipts", 10)
            except support.Failure as failure:
                support.say(str(failure)[:200])  # said below
            told = subprocess.run([options.tiercel, "respond", "rules", "--json", "--run-dir", agent.run_dir], capture_output=True, check=True)
            where = {one["rule"]: one["kernel"] for one in json.loads(told.stdout)["responses"]}
            checks.check(where["Kill Cryptominer"] not in ("", "no"), f"where it is decided: {where}")
            agent.stop()
            alerts = agent.alerts()
        judge(checks, statuses, data, options.count)
        judge_receipts(checks, alerts, options.count)
        checks.equal((on_host.returncode, on_host.stdout), (0, b"x"), "xmrig on the host, which the rule is not about")
    return checks.finish("kills by the kernel")


if __name__ == "__main__":
    support.main(main, "kernel_kill")
