#!/usr/bin/env python3
"""Local responses: what rules with an action do by themselves, and what they leave alone.

The seed's rule kills a miner in a container; trees, suspension, isolation, blocks, quarantine and programs, each undone by
`tiercel respond undo` where that is possible; a dry run, budgets and protected processes; an agent that is killed while a
block stands; pids that are given anew by force. Processes, cgroups and a network namespace are the test's.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod  # noqa: E402
from places import Cgroups, Places  # noqa: E402

ADDRESS = "192.0.2.9"
SEED = """- rule: Kill Cryptominer
  desc: Automatically terminate cryptomining processes
  condition: rule.name = "Cryptomining Process"
  action:
    type: kill
    target: process
"""
MINER = """- rule: Cryptomining Process
  desc: Detect cryptomining processes
  condition: evt.type in (execve, execveat) and evt.failed = false and container and proc.name in (xmrig, minerd, cpuminer)
  output: "%proc.cmdline"
  priority: CRITICAL
- macro: container
  condition: (container.id != host)
"""
# Each: the program's name, the action.
ACTIONS = {
    "v-tree": "{type: kill, target: tree}", "v-whole": "{type: kill, target: container}",
    "v-stop": "{type: suspend, target: process, timeout: 10m}", "v-freeze": "{type: suspend, target: container}",
    "v-cut": "{type: isolate, target: process}", "v-move": "{type: quarantine}", "v-dry": "{type: kill}",
    "v-term": "{type: signal, signal: TERM, target: process}", "v-few": "{type: kill}", "ends_at_once": "{type: kill}",
}
MORE = {"v-dry": "  dry_run: true\n", "v-few": "  budget_per_min: 2\n", "ends_at_once": "  budget_per_min: 100000\n"}


# Protected by the configuration of this test, and by names that are always protected.
GUARDED = ["v-guard", "sshd", "containerd", "systemd-logind", "dockerd"]


def rules_text(folder):
    text = MINER + SEED
    for name, action in {**ACTIONS, "v-run": f"{{type: exec, program: [{folder}/operator, told], timeout: 5s}}"}.items():
        text += f"""- rule: Saw {name}
  desc: a program of this test
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.name = "{name[:15]}"
  output: "%proc.cmdline"
  priority: WARNING
- rule: Answer {name}
  desc: a response of this test
  condition: rule.name = "Saw {name}"
  action: {action}
{MORE.get(name, "")}"""
    return text + f"""- rule: Saw an address
  desc: a connection of this test
  condition: evt.type = connect and fd.sip = "{ADDRESS}"
  output: "%fd.name"
  priority: WARNING
- rule: Answer an address
  desc: a response of this test
  condition: rule.name = "Saw an address"
  action: {{type: block, address: fd.sip, timeout: 10m}}
- rule: Saw init
  desc: what nothing may touch
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.name in ({", ".join(GUARDED)})
  output: "%proc.cmdline"
  priority: WARNING
- rule: Answer v-guard
  desc: a response of this test
  condition: rule.name = "Saw init"
  action: {{type: kill}}
"""


class Scene:
    def __init__(self, options, folder, cgroups, checks):
        self.tiercel, self.folder, self.cgroups, self.checks = options.tiercel, folder, cgroups, checks
        self.children, self.agent = [], None

    def program(self, name, source="/bin/sleep"):
        path = os.path.join(self.folder.path, name)
        if not os.path.exists(path):
            shutil.copy(source, path)
            os.chmod(path, 0o755)
        return path

    def start(self, name, *args, cgroup="", wrap=()):
        """The program; in a cgroup, a shell waits there first and becomes it."""
        path = self.program(name)
        argv = list(wrap) + ["/bin/sh", "-c", 'read -r go; exec "$@"', "sh", path, *(args or ("1000",))]
        child = subprocess.Popen(argv, stdin=subprocess.PIPE)
        self.children.append(child)
        if cgroup:
            self.cgroups.make(cgroup)
            self.cgroups.move(cgroup, child.pid)
        child.stdin.write(b"go\n")
        child.stdin.close()
        return child

    def receipts(self, name):
        found = [a["output_fields"] for a in self.agent.alerts() if a["rule"] == "Tiercel internal: response"]
        return [fields for fields in found if fields.get("response.name") == name]

    def receipt(self, name, result, count=1):
        def found():
            good = [fields for fields in self.receipts(name) if fields["response.result"] == result]
            return len(good) >= count and good[count - 1]

        try:
            return support.wait_until(found, f"the receipt '{result}' of {name}", 15)
        except support.Failure as failure:
            raise support.Failure(f"{failure}; there are {self.receipts(name)}\n{self.agent.child.stderr()[-1500:]}") from None

    def cli(self, *args, status=0):
        got = subprocess.run([self.tiercel, "respond", *args, "--run-dir", self.agent.run_dir], capture_output=True, text=True, timeout=60)
        self.checks.equal(got.returncode, status, f"respond {' '.join(args)}: {got.stdout} {got.stderr}")
        return got.stdout

    def undo(self, name):
        ident = self.receipt(name, "done")["response.undo_id"]
        self.checks.check("undone" in self.cli("undo", ident), f"undo of {name}")
        self.receipt(name, "undone")

    def end(self):
        for child in self.children:
            child.kill()
            child.wait()


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def killing(scene, cgroup):
    checks = scene.checks
    miner = scene.start("xmrig", cgroup=cgroup)
    checks.equal(miner.wait(support.WAIT_S), -signal.SIGKILL, "the miner's end")
    receipt = scene.receipt("Kill Cryptominer", "done")
    checks.equal((receipt["response.origin"], receipt["response.alert_rule"], int(receipt["response.pid"])),
                 ("local", "Cryptomining Process", miner.pid), "the receipt")
    checks.check(int(receipt["response.latency_us"]) > 0, f"no latency: {receipt}")
    support.say(f"  a miner in a container: {receipt['response.latency_us']} us from its exec to its end, by the {receipt['response.way']}")
    outside = scene.start("xmrig")
    dry = scene.start("v-dry")
    checks.check("would send SIGKILL" in scene.receipt("Answer v-dry", "would")["response.reason"], "a dry run does not say what it would do")
    term = scene.start("v-term")
    checks.equal(term.wait(support.WAIT_S), -signal.SIGTERM, "the end by a signal")
    checks.check(outside.poll() is None and dry.poll() is None, "a program that no response was for, or a dry one, was killed")


def trees(scene):
    """A shell that has children and grandchildren, one that makes more all the time, becomes the program."""
    checks = scene.checks
    pids = os.path.join(scene.folder.path, "pids")
    brood = f"echo $$ >>{pids}; while :; do sleep 1000 & echo $! >>{pids}; sleep 0.005; done"
    root = subprocess.Popen(["/bin/sh", "-c", f"sh -c '{brood}' & sleep 1000 & echo $! >>{pids}; sleep 0.2; exec {scene.program('v-tree')} 1000"])
    scene.children.append(root)
    checks.equal(root.wait(support.WAIT_S), -signal.SIGKILL, "the end of a tree's root")
    reason = scene.receipt("Answer v-tree", "done")["response.reason"]
    support.say(f"  {reason}")
    with open(pids, encoding="ascii") as listed:
        all_pids = listed.read().split()
    checks.check(len(all_pids) > 3 and "descendants" in reason, f"the tree had no descendants: {reason}, {len(all_pids)}")
    left = [pid for pid in all_pids if os.path.exists(f"/proc/{pid}") and state_of(pid) not in "ZX"]
    checks.equal(left, [], "descendants that live on")
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)


def containers(scene, cgroup):
    checks = scene.checks
    beside = [scene.start("sleep-beside", cgroup=cgroup) for _ in range(3)]
    frozen = scene.start("v-freeze", cgroup=cgroup)
    receipt = scene.receipt("Answer v-freeze", "done")
    frozen.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    checks.check(frozen.poll() is None, f"it was not frozen: {receipt}")
    scene.undo("Answer v-freeze")
    checks.equal(frozen.wait(support.WAIT_S), -signal.SIGTERM, "what it got while it was frozen, after the thaw")
    whole = scene.start("v-whole", cgroup=cgroup)
    for child in [whole] + beside:
        checks.equal(child.wait(support.WAIT_S), -signal.SIGKILL, "the end of a process of the container")
    scene.receipt("Answer v-whole", "done")
    scene.start("v-whole")  # on the host: the host is not a container
    checks.check("of no container" in scene.receipt("Answer v-whole", "refused")["response.reason"], "the host as a container")


def undone(scene, net):
    checks = scene.checks
    stopped = scene.start("v-stop")
    scene.receipt("Answer v-stop", "done")
    support.wait_until(lambda: state_of(stopped.pid) == "T", "the stop of v-stop")
    scene.undo("Answer v-stop")
    support.wait_until(lambda: state_of(stopped.pid) != "T", "v-stop to go on")

    def tables(pid):
        return subprocess.run(["nsenter", "-t", str(pid), "--net", "nft", "list", "ruleset"], capture_output=True, text=True, timeout=30).stdout

    cut = scene.start("v-cut", wrap=["unshare", "--net"])
    scene.receipt("Answer v-cut", "done")
    checks.check("policy drop" in tables(cut.pid), "the process is not cut off")
    scene.undo("Answer v-cut")
    checks.check("tiercel" not in tables(cut.pid), "a table stays in its network")
    here = scene.start("v-cut", wrap=["nsenter", "-t", str(net.pid), "--net"])  # the agent's: never try that with the machine's
    checks.check("host's own network" in scene.receipt("Answer v-cut", "refused")["response.reason"], "the host's network")
    checks.check(here.poll() is None, "a refused one was touched")

    path = scene.program("v-move")
    os.chmod(path, 0o751)
    before = os.stat(path)
    scene.start("v-move")
    scene.receipt("Answer v-move", "done")
    checks.check(not os.path.exists(path), "the file is still there")
    kept = [os.path.join(where, name) for where, _, names in os.walk(os.path.join(scene.agent.state_dir, "quarantine")) for name in names if name == "file"]
    checks.equal([oct(os.stat(one).st_mode & 0o777) for one in kept], ["0o600"], "what was moved away")
    scene.undo("Answer v-move")
    after = os.stat(path)
    checks.equal((oct(after.st_mode), after.st_uid, after.st_size, after.st_mtime_ns),
                 (oct(before.st_mode), before.st_uid, before.st_size, before.st_mtime_ns), "the file that was put back")
    connect(net)
    scene.receipt("Answer an address", "done")
    checks.check(ADDRESS in tables(net.pid), "the address is not blocked")


def connect(net):
    code = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('{ADDRESS}', 53))"
    subprocess.run(["nsenter", "-t", str(net.pid), "--net", sys.executable, "-c", code], check=True, timeout=30)


def limits(scene):
    checks = scene.checks
    few = [scene.start("v-few") for _ in range(5)]
    scene.receipt("Answer v-few", "budget")
    time.sleep(0.5)
    checks.equal(sum(child.poll() is not None for child in few), 2, "kills within a budget of two")
    guards = [scene.start(name) for name in GUARDED]
    support.wait_until(lambda: len(scene.receipts("Answer v-guard")) >= len(GUARDED), "receipts of what is protected", 30)
    said = {fields["response.process"]: (fields["response.result"], fields["response.reason"]) for fields in scene.receipts("Answer v-guard")}
    for name, guard in zip(GUARDED, guards):
        result, reason = said[name]
        checks.equal(result, "refused", f"{name}: {reason}")
        checks.check(("response.protect" if name == "v-guard" else "must live") in reason, f"{name}: {reason}")
        checks.check(guard.poll() is None, f"{name}, which is protected, was killed")
    scene.start("v-run")
    receipt = scene.receipt("Answer v-run", "done")
    with open(os.path.join(scene.folder.path, "told"), encoding="utf-8") as told:
        first, event = told.read().split("\n", 1)
    checks.equal((first, json.loads(event)["tiercel"]["rule"]), ("told", "Saw v-run"), f"what the operator's program was given: {receipt}")
    listed = json.loads(scene.cli("list", "--json"))
    checks.check(any(one["action"] == "block" for one in listed["in_effect"]), f"what is in effect: {listed['in_effect']}")
    names = [one["rule"] for one in json.loads(scene.cli("rules", "--json"))["responses"]]
    checks.check("Kill Cryptominer" in names, f"respond rules: {names}")
    scene.cli("undo", "no-such-id", status=1)


def recycled(scene, programs, count):
    """Processes that got the pid of one that a kill is asked for."""
    doomed = scene.program("ends_at_once", os.path.join(programs, "ends_at_once"))
    got = subprocess.run([os.path.join(programs, "recycler"), str(count), "20", doomed], capture_output=True, text=True, timeout=3600)
    made, killed = map(int, (got.stdout or "0 -1").split())
    scene.checks.equal((made, killed), (count, 0), f"pids that were given anew, and who was killed for it {got.stderr}")
    support.wait_until(lambda: len(scene.receipts("Answer ends_at_once")) >= count * 9 // 10, "receipts", 30)
    reasons = [fields["response.reason"] for fields in scene.receipts("Answer ends_at_once")]
    another = sum("another one now" in reason for reason in reasons)
    scene.checks.check(another > 0, f"no order came after the pid was given anew: {reasons[:3]}")
    support.say(f"  {made} pids given anew by force: {killed} wrong kills; {another} orders found another process there")


def killed_agent(scene, make_agent, net):
    scene.agent.child.kill()
    scene.agent = make_agent()
    listed = json.loads(scene.cli("list", "--json"))["in_effect"]
    scene.checks.equal([one["action"] for one in listed], ["block"], "what the next agent knows to be in effect")
    for one in listed:
        scene.checks.check("undone" in scene.cli("undo", one["id"]), "the undo of a block by the next agent")
    left = subprocess.run(["nsenter", "-t", str(net.pid), "--net", "nft", "list", "ruleset"], capture_output=True, text=True, timeout=30).stdout
    scene.checks.check(ADDRESS not in left, "the address stays blocked")
    scene.agent.stop()


def net_holder():
    child = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && ip route add 192.0.2.0/24 dev lo && echo ready; exec sleep 3600"],
                             stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    return child


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    for tool in ("nft", "nsenter", "unshare", "ip"):
        if not shutil.which(tool):
            support.skip_or_fail(f"{tool} is not installed")
    checks = support.Checks()
    with Places(), support.Folder("respond") as folder, support.Folder("respond-agent") as agents, Cgroups() as cgroups:
        net = net_holder()
        scene = Scene(options, folder, cgroups, checks)
        made = []
        # The agent's network is the test's: blocks are made there.
        inside = folder.file("tiercel-inside", f"#!/bin/sh\nexec nsenter -t {net.pid} --net {options.tiercel} \"$@\"\n")
        operator = folder.file("operator", f"#!/bin/sh\nread -r line; printf '%s\\n%s' \"$1\" \"$line\" >{folder.path}/told.new; mv {folder.path}/told.new {folder.path}/told\n")
        for path in (inside, operator):
            os.chmod(path, 0o755)
        rules = folder.file("rules.yaml", rules_text(folder.path))
        config = support.CONFIG + "response: {protect: [v-guard], budget_per_min: 100000}\nheartbeat_interval_s: 0\n"

        def make_agent():
            made.append(support.Agent(inside, rules, config=config, folder=agents))
            return made[-1]

        try:
            scene.agent = make_agent()
            cgroup = Bundle(Pod("web"), "main", "containerd", "cgroupfs").write().cgroup
            for part in (lambda: killing(scene, cgroup), lambda: trees(scene), lambda: containers(scene, cgroup), lambda: undone(scene, net),
                         lambda: limits(scene), lambda: recycled(scene, options.programs, 10_000 if support.soak() else 50),
                         lambda: killed_agent(scene, make_agent, net)):
                part()
        finally:
            scene.end()
            for agent in made:
                agent.child.kill()
            net.kill()
            net.wait()
    return checks.finish("respond")


if __name__ == "__main__":
    support.main(main, "kernel_respond")
