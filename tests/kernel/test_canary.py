#!/usr/bin/env python3
"""A hook that is detached in the agent's own process is told by its name; hooks that tell are not, and no rule sees a canary.

First the rules ask for every event that has a canary: each hook that this kernel has must tell. Then a debugger closes the link
of one hook, connect's, in the agent: a critical alert has to name it and nothing else. Beside it the agent goes on telling of opens.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tiercel as support  # noqa: E402
from test_self_test import close_in, hooks  # noqa: E402

# All that have a canary, and whatever the rules of the product ask for.
RULES = """- rule: Failed
  desc: whatever fails below a folder that has a canary's name
  condition: evt.type in ({events}) and (fd.name contains /canary or fs.path.name contains /canary or evt.args contains /canary)
  output: "%evt.type %fd.name %evt.args"
  priority: NOTICE
- rule: Anything
  desc: keeps the hooks of all of these attached
  condition: evt.type in ({events}) and proc.name = there-is-no-such-program
  output: "%evt.type"
  priority: NOTICE
- rule: Mark
  desc: an open that the test makes
  condition: evt.type in (open, openat) and fd.name startswith /nonexistent/marked
  output: "%fd.name"
  priority: NOTICE
"""
CONFIG = """self_test_interval_s: 2
heartbeat_interval_s: 3
watch_config_files: false
metrics: {{listen: "127.0.0.1:{port}"}}
outputs:
  - {{type: stdout}}
  - {{type: file, config: {{path: {folder}/all.json}}}}
"""


def calls():
    """The events that have a canary, as the table says."""
    source = os.path.join(HERE, "..", "..", "agent", "base", "canary_calls.cpp")
    with open(source, encoding="utf-8") as text:
        return re.findall(r'^ +\{"([a-z_0-9]+)", SYS_', text.read(), re.M)


def link_of(pid, program):
    """The descriptor in the agent that keeps a program of that name (bpftool may show 15 bytes of it) attached."""
    shown = json.loads(subprocess.run([shutil.which("bpftool") or "/usr/sbin/bpftool", "-j", "prog", "show"], capture_output=True, check=True).stdout)
    names = {p["id"]: p.get("name", "") for p in shown}
    found = []
    for fd in hooks(pid):
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
            number = re.search(r"^prog_id:\s+(\d+)", info.read(), re.M)
        if number and names.get(int(number.group(1))) in (program, program[:15]):
            found.append(fd)
    return found


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=support.WAIT_S) as answer:
        found = re.search(rf"^{name} ([0-9.e+-]+)$", answer.read().decode(), re.M)
    return float(found.group(1)) if found else None


def have_tracepoint(events, said):
    """Without those that this kernel was built without."""
    absent = set(re.findall(r"the kernel has no tracepoint for (\S+): events of that type", said))
    return [event for event in events if event not in absent]


def agent_with(options, folder, events, port):
    rules = folder.file("rules.yaml", RULES.format(events=", ".join(events)))
    return support.Agent(options.tiercel, rules, folder=folder, config=CONFIG.format(port=port, folder=folder.path))


def all_are_heard(options, checks):
    """Every event of the table: each hook tells, and no rule sees it."""
    port, events = support.free_port(), calls()
    checks.check(len(events) > 80, f"events that have a canary: {events}")
    with support.Folder("canary") as folder, agent_with(options, folder, events, port) as agent:
        wanted = have_tracepoint(events, agent.child.stderr())
        absent = sorted(set(events) - set(wanted))

        def enough():
            counts = agent.status()["canaries"]
            return counts if counts["heard"] >= len(wanted) else None

        try:
            support.wait_until(enough, "every hook to tell", 90, 0.5)
        except support.Failure:
            pass
        counts = agent.status()["canaries"]
        checks.equal((counts["heard"], counts["silent"], counts["deaf"]), (len(wanted), len(absent), []), "hooks that tell, that never did, deaf ones")
        seen = [a["output"] for a in agent.alerts() if a["rule"] == "Failed"]
        checks.equal(seen, [], "canaries that a rule saw")
        agent.stop()
    support.say(f"  {len(events)} events have a canary, {counts['heard']} hooks tell; this kernel has no {', '.join(absent) or 'lack'}")


def one_is_detached(options, checks):
    """connect's link is closed in the agent."""
    port, events = support.free_port(), ["connect", "openat", "unlinkat", "setns", "bpf", "mount"]
    with support.Folder("canary") as folder, agent_with(options, folder, events, port) as agent:
        support.wait_until(lambda: agent.status()["canaries"]["heard"] == len(events) + 1, "the first canaries to be heard")  # open, by the marks' rule
        support.wait_until(lambda: metric(port, "tiercel_canary_proofs_total"), "a canary that a rule matched")
        latency_s = metric(port, "tiercel_canary_latency_seconds")
        checks.check(latency_s > 0, "the latency of the road is measured")
        support.wait_until(lambda: "Tiercel internal: canary" in "".join(open(p, encoding="utf-8").read() for p in glob.glob(f"{folder.path}/all.json*")),
                           "the canary's own alert at an output")
        links = link_of(agent.pid, "sys_exit__connect")
        checks.equal(len(links), 1, "links of connect's hook")
        closed, said = close_in(agent.pid, links)
        checks.equal(closed, 1, f"closed by a debugger: {said}")
        begun = time.monotonic()
        agent.wait_alerts(lambda alerts: any(a["rule"] == "Tiercel internal: hook deaf" for a in alerts), "it says which hook is deaf", 60)
        told_s = time.monotonic() - begun
        told = [a for a in agent.alerts() if a["rule"] == "Tiercel internal: hook deaf"]
        checks.equal([(a["priority"], a["output_fields"]["state"], a["output_fields"]["hooks"]) for a in told], [("Critical", "deaf", "connect")],
                     "once, as critical, and by its name")
        checks.equal(agent.status()["canaries"]["deaf"], ["connect"], "status says it")
        checks.check(any("connect" in trouble for trouble in agent.status()["troubles"]), "as a trouble, too")
        checks.equal(support.wait_until(lambda: metric(port, "tiercel_hooks_deaf"), "the metrics say it"), 1, "deaf hooks by the metrics")
        try:
            os.open("/nonexistent/marked", os.O_RDONLY)
        except FileNotFoundError:
            pass
        agent.wait_alerts(lambda alerts: any(a["rule"] == "Mark" for a in alerts), "the others go on telling")
        agent.stop()
    support.say(f"  told {told_s:.1f} s after it was detached, at one try every 2 s; {latency_s * 1e6:.0f} us from the call to the match")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    all_are_heard(options, checks)
    one_is_detached(options, checks)
    return checks.finish("a hook that is detached is told by its name")


if __name__ == "__main__":
    support.main(main, "kernel_canary")
