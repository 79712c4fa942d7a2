#!/usr/bin/env python3
"""Active response from the manager's word to the kernel and back: the dev-manager asks, the agent does it, the receipt
arrives at the dev-manager.

Processes, cgroups, a network namespace and a mount namespace with an /etc of its own are the test's. What is killed, what
is not (a pid that was given anew, by force), what is undone after its timeout and after a kill -9 of the agent, scripts
that hang, are loud or know nothing of the protocol, and a hundred at once. Times are reported, and fail nothing.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod, hex_id  # noqa: E402
from places import Cgroups, Places  # noqa: E402

RULES = """- rule: Victim
  desc: a program that only this test starts
  condition: evt.type = execve and evt.failed = false and proc.exepath startswith {folder}/victim
  output: "%proc.cmdline"
  priority: WARNING
"""
CONFIG = """outputs:
  - type: wazuh
    config: {{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}}}
active_response: {{home: {home}, timeout_s: 5}}
heartbeat_interval_s: 0
"""
AR_CONF = """block3 - block - 3
block600 - block - 600
lock3 - lock - 3
python3 - in-python - 3
"""
SCRIPTS = {
    "block": "#!/bin/sh\nexec nsenter -t {net} --net {bin}/firewall-drop\n",
    "lock": "#!/bin/sh\nexec nsenter -t {etc} --mount {bin}/disable-account\n",
    "hang": "#!/bin/sh\nsleep 1000 & echo $! >hang.child; wait\n",
    "loud": "#!/bin/sh\nread -r line\nhead -c 1048576 /dev/zero | tr '\\0' x\necho loud >>trace\n",
    "ignorant": "#!/bin/sh\necho ignorant >>trace\nexit 0\n",
    # As Wazuh's documentation has its example.
    "in-python": """#!/usr/bin/python3
import json, sys
def say(text):
    with open("trace", "a") as trace: trace.write(text + "\\n")
for line in sys.stdin:
    break
command = json.loads(line)
if command["command"] == "delete":
    say("python delete")
    sys.exit(0)
print(json.dumps({{"version": 1, "origin": {{"name": sys.argv[0], "module": "active-response"}}, "command": "check_keys",
                   "parameters": {{"keys": [command["parameters"]["alert"]["data"]["srcip"]]}}}}), flush=True)
for line in sys.stdin:
    break
say("python " + json.loads(line)["command"])
""",
}
SHADOW_READY = "ready"


def as_manager(value):
    """Every leaf becomes text on a manager."""
    if isinstance(value, dict):
        return {key: as_manager(item) for key, item in value.items()}
    if isinstance(value, list):
        return value
    return value if isinstance(value, str) else json.dumps(value)


def start_of(tiercel, pid):
    """When a process began, in ns, as kill-process tells it of one that is not the alert's."""
    alert = {"data": {"tiercel": {"proc": {"pid": str(pid), "start_ns": "1"}}}}
    ask = json.dumps({"version": 1, "command": "add", "parameters": {"alert": alert}})
    got = subprocess.run([tiercel, "response", "kill-process"], input=ask + "\n", capture_output=True, text=True, timeout=30)
    match = re.search(r"started (\d+) ns", got.stdout)
    if not match:
        raise support.Failure(f"kill-process does not say when {pid} began: {got.stdout} {got.stderr}")
    return int(match.group(1))


class Holder:
    """A process that keeps a namespace alive until it is ended."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != SHADOW_READY:
            self.end()
            raise support.Failure(f"{argv[0]} made no namespace")
        self.pid = self.process.pid

    def end(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def net_holder():
    return Holder(["unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 3600"])


def etc_holder():
    return Holder(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                   "mount -t tmpfs none /mnt && cp -a /etc/. /mnt/ 2>/dev/null; mount --bind /mnt /etc && "
                   "useradd -M tiercel-test && echo tiercel-test:first-1-Pass | chpasswd && echo ready && exec sleep 3600"])


class Scene:
    def __init__(self, options, folder, manager, checks):
        self.tiercel, self.folder, self.manager, self.checks = options.tiercel, folder, manager, checks
        self.home = folder.folder("home")
        self.bin = os.path.join(self.home, "active-response", "bin")
        self.victims, self.asked = [], 0
        self.program = os.path.join(folder.path, "victim")
        shutil.copy("/bin/sleep", self.program)
        installed = subprocess.run([self.tiercel, "response", "install", "--home", self.home], capture_output=True, text=True)
        if installed.returncode != 0:
            raise support.Failure(f"install: {installed.stderr}")
        os.makedirs(os.path.join(self.home, "etc", "shared"))
        folder.file("home/etc/shared/ar.conf", AR_CONF)

    def script(self, name, **places):
        path = self.folder.file(f"home/active-response/bin/{name}", SCRIPTS[name].format(bin=self.bin, **places))
        os.chmod(path, 0o750)

    def events(self):
        found = []
        for line in list(self.manager.lines):
            begin = line.find(b'"decoder":"tiercel","event":')
            if begin >= 0:
                found.append(json.loads(line[begin + len(b'"decoder":"tiercel","event":'):-1]))
        return found

    def victim(self, argument="1000"):
        child = subprocess.Popen([self.program, argument])
        self.victims.append(child)
        return child

    def alert_of(self, pid):
        def found():
            for event in self.events():
                mine = event["tiercel"]
                if mine["rule"] == "Victim" and mine["proc"]["pid"] == pid:
                    return as_manager(event)
            return None

        return support.wait_until(found, f"the alert about process {pid} at the manager")

    def ask(self, command, data, extra=()):
        """Sends an active response; its number is in the alert's id, by which the receipt is found."""
        self.asked += 1
        data = json.loads(json.dumps(data))
        data.setdefault("tiercel", {})["id"] = ident = f"ask-{self.asked}"
        text = json.dumps({"version": 1, "origin": {"name": "", "module": "wazuh-analysisd"}, "command": command,
                           "parameters": {"extra_args": list(extra), "alert": {"id": "1", "data": data}}}, separators=(",", ":"))
        self.manager.child.process.stdin.write(f"ar {text}\n".encode())
        self.manager.child.process.stdin.flush()
        return ident

    def receipts(self, ident):
        by_id = {event["tiercel"]["id"]: event["tiercel"] for event in self.events()}  # sent again after a kill: once
        own = [event for event in by_id.values() if event["rule"] == "Tiercel internal: response"]
        return [{**receipt["field"], "priority": receipt["priority"]} for receipt in own
                if receipt["field"].get("response_alert_id") == ident]

    def receipt(self, ident, count=1):
        return support.wait_until(lambda: len(got := self.receipts(ident)) >= count and got, f"receipt {count} of {ident}")[count - 1]

    def expect(self, ident, result, reason="", count=1):
        receipt = self.receipt(ident, count)
        what = f"{receipt.get('response_script')} {ident}"
        self.checks.equal(receipt["response_result"], result, f"{what}: result ({receipt.get('response_reason')})")
        self.checks.check(reason in receipt.get("response_reason", ""), f"{what}: reason {receipt.get('response_reason')!r}, wanted {reason!r}")
        wanted = "Notice" if result in ("done", "undone", "aborted") else "Warning"
        self.checks.equal(receipt["priority"], wanted, f"{what}: priority")
        self.checks.check("response_duration_ms" in receipt, f"{what}: no duration")
        return receipt

    def trace(self):
        path = os.path.join(self.home, "trace")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as trace:
            return trace.read().split("\n")[:-1]

    def end_victims(self):
        for child in self.victims:
            child.kill()
            child.wait()


def kills(scene, agent):
    checks = scene.checks
    victim = scene.victim()
    alert = scene.alert_of(victim.pid)
    begun = time.monotonic()
    ident = scene.ask("!kill-process", alert)
    checks.equal(victim.wait(support.WAIT_S), -signal.SIGKILL, "the victim's end")
    took_ms = (time.monotonic() - begun) * 1000
    receipt = scene.expect(ident, "done", f"killed victim({victim.pid})")
    checks.equal(int(receipt["response_pid"]), victim.pid, "the receipt's pid")
    support.say(f"  from the manager's word to the end of the process: {took_ms:.0f} ms (script: {receipt['response_duration_ms']} ms)")
    scene.expect(scene.ask("!kill-process", alert), "refused", "has ended already")

    live = scene.victim()
    alert = scene.alert_of(live.pid)
    almost = json.loads(json.dumps(alert))
    almost["tiercel"]["proc"]["start_ns"] = str(int(alert["tiercel"]["proc"]["start_ns"]) + 1)  # within one tick of /proc
    scene.expect(scene.ask("!kill-process", almost), "refused", "another one now")
    checks.check(live.poll() is None, "a process that began 1 ns from the alert's was killed")
    checks.equal(start_of(scene.tiercel, live.pid), int(alert["tiercel"]["proc"]["start_ns"]), "start of the process, by script and alert")

    def of(pid):
        return {"tiercel": {"proc": {"pid": str(pid), "start_ns": str(start_of(scene.tiercel, pid))}}}

    scene.expect(scene.ask("!kill-process", of(agent.pid)), "refused", "Tiercel")
    scene.expect(scene.ask("!kill-process", of(scene.manager.child.pid)), "refused", "Tiercel itself")
    scene.expect(scene.ask("!kill-process", {"tiercel": {"proc": {"pid": "1", "start_ns": "1"}}}), "refused", "pid 1")
    scene.expect(scene.ask("!kill-process", of(2)), "refused", "kernel thread")
    scene.expect(scene.ask("!kill-process", {}), "refused", "does not name one process")
    checks.check(agent.child.alive(), "the agent was killed")


def recycled(scene):
    """A process that got the alert's pid: forced, by telling the kernel which pid it gave last."""
    first = scene.victim()
    alert = scene.alert_of(first.pid)
    first.kill()
    first.wait()
    for _ in range(2000):
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as last:
            last.write(str(first.pid - 1))
        second = subprocess.Popen(["/bin/sleep", "1000"])
        if second.pid == first.pid:
            break
        second.kill()
        second.wait()
    else:
        raise support.Failure("the pid could not be had again")
    scene.victims.append(second)
    scene.expect(scene.ask("!kill-process", alert), "refused", "another one now")
    scene.checks.check(second.poll() is None, "the process that got the pid was killed")


def containers(scene, cgroups):
    checks = scene.checks
    bundle = Bundle(Pod("web"), "main", "containerd", "cgroupfs").write()
    spoof = f"/tiercel-spoof/{hex_id('nobody')}"

    def start(cgroup, then="exec sleep 1000"):
        cgroups.make(cgroup)
        child = subprocess.Popen(["/bin/sh", "-c", f"read -r go; {then}"], stdin=subprocess.PIPE)
        scene.victims.append(child)
        cgroups.move(cgroup, child.pid)
        child.stdin.write(b"go\n")
        child.stdin.close()
        return child

    brood = "while :; do sleep 0.01 & sleep 1000 & wait; done"
    inside = [start(bundle.cgroup, brood) for _ in range(3)] + [start(bundle.cgroup + "/deeper", brood)]
    impostor, other = start(f"/tiercel-spoof/{bundle.ident}"), start(spoof)
    begun = time.monotonic()
    data = {"tiercel": {"container": {"id": bundle.ident[:12], "full_id": bundle.ident, "name": "main"}}}
    scene.expect(scene.ask("!kill-container", data), "done", "processes of container main")
    support.say(f"  a container of eight processes and more: {(time.monotonic() - begun) * 1000:.0f} ms with its receipt")
    for child in inside:
        checks.equal(child.wait(support.WAIT_S), -signal.SIGKILL, "the end of a process in the container")
    checks.check(impostor.poll() is None, "a cgroup elsewhere that only has the container's name was killed")
    data = {"tiercel": {"container": {"full_id": hex_id("nobody")}}}
    scene.expect(scene.ask("!kill-container", data), "refused", "anybody may have chosen its name")
    checks.check(other.poll() is None, "a container that no record names was killed")
    scene.expect(scene.ask("!kill-container", data, ["unverified"]), "done")
    checks.equal(other.wait(support.WAIT_S), -signal.SIGKILL, "the end of the unverified one")
    scene.expect(scene.ask("!kill-container", {"tiercel": {"container": {"full_id": "system.slice"}}}), "refused")
    scene.expect(scene.ask("!kill-container", {}), "refused", "about no container")
    impostor.kill()
    impostor.wait()


def blocked(net, address):
    got = subprocess.run(["nsenter", "-t", str(net.pid), "--net", "nft", "list", "ruleset"], capture_output=True, text=True, timeout=30)
    return address in got.stdout


def firewall(scene, net):
    checks, address = scene.checks, "192.0.2.77"
    begun = time.monotonic()
    ident = scene.ask("block3", {"srcip": address})
    scene.expect(ident, "done", f"blocked {address}")
    checks.check(blocked(net, address), "the address is not blocked")
    again = scene.ask("block3", {"srcip": address})
    scene.expect(again, "aborted", "in effect")
    scene.expect(ident, "undone", f"unblocked {address}", count=2)
    support.say(f"  blocked for {time.monotonic() - begun:.1f} s with a timeout of 3 s that began anew once")
    checks.check(not blocked(net, address), "the address stays blocked")
    for address, why in (("127.0.0.1", "loopback"), ("nonsense", "no IP address"), ("255.255.255.255", "no host's")):
        scene.expect(scene.ask("block3", {"srcip": address}), "refused", why)
    scene.expect(scene.ask("block3", {"srcip": "2001:db8::7"}), "done", "blocked 2001:db8::7")
    checks.check(not os.path.exists("/usr/sbin/nft") or "tiercel" not in
                 subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout, "a table in the host's own network")


def account(scene, etc):
    checks = scene.checks

    def is_locked():
        with open(f"/proc/{etc.pid}/root/etc/shadow", encoding="utf-8") as shadow:
            return any(line.startswith("tiercel-test:!") for line in shadow)

    ident = scene.ask("lock3", {"dstuser": "tiercel-test"})
    scene.expect(ident, "done", "locked the password")
    checks.check(is_locked(), "the account is not locked")
    scene.expect(ident, "undone", "unlocked", count=2)
    checks.check(not is_locked(), "the account stays locked")
    scene.expect(scene.ask("lock3", {"dstuser": "root"}), "refused", "it is root")
    scene.expect(scene.ask("lock3", {"srcuser": "tiercel-test", "tiercel": {"container": {"id": "x"}}}), "refused", "container")
    checks.check(not is_locked(), "a container's user was locked on the host")


def scripts(scene):
    checks = scene.checks
    begun = time.monotonic()
    asked = {name: scene.ask(f"!{name}", {"srcip": "10.1.2.3"}) for name in ("hang", "loud", "ignorant")}
    python = scene.ask("python3", {"srcip": "10.1.2.3"})
    for name in ("loud", "ignorant"):
        scene.expect(asked[name], "done")
    scene.expect(python, "done")
    checks.check(not scene.receipts(asked["hang"]), "the script that hangs was ended before its time")
    support.say(f"  three scripts beside one that hangs: {(time.monotonic() - begun) * 1000:.0f} ms with their receipts")
    scene.expect(asked["hang"], "timeout", "was killed")
    with open(os.path.join(scene.home, "hang.child"), encoding="ascii") as child:
        pid = int(child.read())
    support.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the hanging script's child")
    scene.expect(python, "undone", count=2)
    checks.equal(sorted(scene.trace()), ["ignorant", "loud", "python continue", "python delete"], "what the scripts wrote")
    scene.expect(scene.ask("unknown0", {}), "refused", "no command of that name")
    scene.expect(scene.ask("!../hang", {}), "refused", "slash")
    os.chmod(os.path.join(scene.bin, "loud"), 0o777)
    scene.expect(scene.ask("!loud", {}), "refused", "written by others")


def hundred(scene):
    children = [scene.victim("2000") for _ in range(100)]
    alerts = [scene.alert_of(child.pid) for child in children]
    begun = time.monotonic()
    asked = [scene.ask("!kill-process", alert) for alert in alerts]
    for child in children:
        scene.checks.equal(child.wait(support.WAIT_S), -signal.SIGKILL, "the end of one of a hundred")
    killed_s = time.monotonic() - begun
    for ident in asked:
        scene.checks.equal(scene.receipt(ident)["response_result"], "done", f"{ident}: result")
    support.say(f"  a hundred kills asked for at once: {killed_s:.2f} s to the last, {time.monotonic() - begun:.2f} s to the last receipt")


def killed_agent(scene, make_agent, agent, net):
    """kill -9 while an address is blocked, and one that is to stay longer; then a clean stop."""
    checks, soon, later = scene.checks, "192.0.2.99", "192.0.2.98"
    first = scene.ask("block3", {"srcip": soon})
    second = scene.ask("block600", {"srcip": later})
    scene.expect(first, "done")
    scene.expect(second, "done")
    agent.child.kill()
    checks.check(blocked(net, soon) and blocked(net, later), "an address is not blocked after the agent was killed")
    agent = make_agent()
    scene.expect(first, "undone", count=2)
    checks.check(not blocked(net, soon), "the killed agent's block stays for ever")
    checks.check(blocked(net, later), "a block was undone before its time")
    agent.stop()
    checks.check(not blocked(net, later), "a clean stop left a block")
    scene.expect(second, "undone", count=2)
    checks.equal(os.listdir(os.path.join(agent.state_dir, "responses")), [], "what is still to be undone")
    support.say(f"  stop with a pending undo: {agent.stop_s:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    options = parser.parse_args()
    support.require_kernel_tests()
    for tool in ("nft", "nsenter", "unshare", "usermod", "useradd"):
        if not shutil.which(tool):
            support.skip_or_fail(f"{tool} is not installed")
    checks = support.Checks()
    with Places(), support.Folder("response") as folder, support.Folder("response-agent") as agents, Cgroups() as cgroups, \
            net_holder() as net, etc_holder() as etc, support.DevManager(options.tiercel, folder) as manager:
        scene = Scene(options, folder, manager, checks)
        for name in SCRIPTS:
            scene.script(name, net=net.pid, etc=etc.pid)
        rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
        config = CONFIG.format(port=manager.port, enrol_port=manager.enrol_port, home=scene.home)

        agents_made = []

        def make_agent():
            made = support.Agent(options.tiercel, rules, config=config, manager=True, json_lines=False, folder=agents)
            agents_made.append(made)
            support.wait_until(lambda: made.status()["manager"]["connected"], "the session", 30, 0.05)
            return made

        try:
            agent = make_agent()
            for part in (lambda: kills(scene, agent), lambda: recycled(scene), lambda: containers(scene, cgroups),
                         lambda: firewall(scene, net), lambda: account(scene, etc), lambda: scripts(scene), lambda: hundred(scene),
                         lambda: killed_agent(scene, make_agent, agent, net)):
                part()
        finally:
            scene.end_victims()
            for made in agents_made:
                made.child.kill()
    return checks.finish("response")


if __name__ == "__main__":
    support.main(main, "kernel_response")
