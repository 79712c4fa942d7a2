#!/usr/bin/env python3
"""What somebody may do to the agent who wants it blind or gone: each is seen at the dev-manager within 30 s."""

import argparse
import contextlib
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

PROMISED_S = 30.0  # from the deed to the line at the manager
RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.cmdline"
  priority: NOTICE
"""
SPARE = """- rule: Spare
  desc: a file of rules that goes
  condition: evt.type = openat and fd.name = /nowhere/at/all
  output: "%fd.name"
  priority: NOTICE
"""
CONFIG = """outputs:
  - type: file
    config: {{path: {folder}/alerts.json}}
wazuh:
  managers: [{{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}}}]
  agent_name: witnessed
heartbeat_interval_s: 5
self_test_interval_s: 5
"""


def reports(manager, name):
    """The agent's own reports of that name, as the manager decoded them."""
    found = []
    for line in list(manager.lines):
        event = json.loads(line)
        if event.get("decoder") == "tiercel" and event["event"]["tiercel"]["rule"] == name:
            found.append(event["event"]["tiercel"])
    return found


def gone(manager):
    return reports(manager, "Tiercel internal: agent gone")


def in_file(folder, name):
    with contextlib.suppress(FileNotFoundError), open(f"{folder.path}/alerts.json", encoding="utf-8") as lines:
        return [alert for alert in (json.loads(line)["tiercel"] for line in lines if line.endswith("\n")) if alert["rule"] == name]
    return []


def child_named(pid, name):
    """The process of that name among the descendants of another."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                text = stat.read()
            parent = int(text[text.rindex(")") + 2:].split()[1])
            if text[text.index("(") + 1:text.rindex(")")] == name[:15] and parent in (pid, *brokers(pid)):
                found.append(int(entry))
    return found


def brokers(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as children:
            return [int(child) for child in children.read().split()]
    return []


def seen(checks, what, condition):
    """Waits for it, and says how long it took."""
    begun = time.monotonic()
    found = support.wait_until(condition, what, 2 * support.WAIT_S, 0.05)
    took_s = time.monotonic() - begun
    support.say(f"  {what}: {took_s:.1f} s")
    checks.check(took_s <= PROMISED_S * support.SLOWER, f"{what}: after {took_s:.1f} s")
    return found[-1] if isinstance(found, list) else found


@contextlib.contextmanager
def agent_and_manager(options):
    with support.Folder("witness") as folder:
        rules = folder.file("rules.yaml", RULES)
        spare = folder.file("spare.yaml", SPARE)
        with support.DevManager(options.tiercel, folder) as manager:
            config = CONFIG.format(folder=folder.path, port=manager.port, enrol_port=manager.enrol_port)

            def start():
                agent = support.Agent(options.tiercel, [rules, spare], config=config, manager=True, json_lines=False, folder=folder)
                support.wait_until(lambda: agent.status()["manager"]["connected"], "the session", 2 * support.WAIT_S, 0.05)
                support.wait_until(lambda: child_named(agent.pid, "tiercel-witness"), "the witness")
                return agent

            yield folder, manager, start


def killed(options, checks):
    """kill -9: the witness tells, with the signal where the kernel says it; then the next agent runs."""
    with agent_and_manager(options) as (folder, manager, start):
        with start() as agent:
            pid = agent.pid
            (witness,) = child_named(pid, "tiercel-witness")
            before = len(gone(manager))
            os.kill(pid, signal.SIGKILL)
            agent.child.wait()
            alert = seen(checks, "kill -9", lambda: gone(manager)[before:])
            checks.equal((alert["priority"], alert["field"]["pid"], alert["source"]), ("Critical", str(pid), "internal"), "the alert")
            told = alert["field"]["how"] == "killed" and alert["field"].get("signal") == "9"
            checks.check(told or os.uname().release < "6.15", f"how it ended: {alert['field']}")
            checks.equal(len(support.wait_until(lambda: in_file(folder, "Tiercel internal: agent gone"), "the file's line")), 1, "lines in the file")
            support.wait_until(lambda: not os.path.exists(f"/proc/{witness}"), "the witness's end")
            checks.check(not os.path.exists(f"{folder.path}/state/witness.left"), "nothing is left for the next agent")
            checks.check(not os.path.exists(f"{folder.path}/state/witness.busy"), "nor in work")
        with start() as agent:
            gap = seen(checks, "the gap of the next agent", lambda: reports(manager, "Tiercel internal: gap"))
            checks.equal(gap["field"]["how"], "killed", "how, by the next agent")
            stop_s = agent.child.stop()
            checks.equal(len(gone(manager)), before + 1, "a stop in good order is nobody's end")
            support.say(f"  stop in good order: {stop_s:.1f} s")


def stopped(options, checks):
    """kill -STOP for 20 s: told while it lasts, and a gap when it is over; alerts come as before."""
    with agent_and_manager(options) as (_folder, manager, start):
        with start() as agent:
            os.kill(agent.pid, signal.SIGSTOP)
            begun = time.monotonic()
            try:
                alert = seen(checks, "kill -STOP", lambda: gone(manager))
                checks.equal(alert["field"]["how"], "stopped", "how")
                time.sleep(max(0.0, begun + 20 - time.monotonic()))
            finally:
                os.kill(agent.pid, signal.SIGCONT)
            gap = seen(checks, "the gap after kill -CONT", lambda: [g for g in reports(manager, "Tiercel internal: gap") if g["field"]["how"] == "stopped"])
            checks.check(int(gap["field"]["gap_ms"]) >= 19_000, f"a gap of {gap['field']['gap_ms']} ms")
            subprocess.run([os.path.join(options.programs, "tk_nop")], check=True)
            support.wait_until(lambda: reports(manager, "Start"), "an alert after the gap", 2 * support.WAIT_S, 0.05)
            checks.equal(len(gone(manager)), 1, "told once")


def gdb(pid, commands):
    words = [word for command in commands for word in ("-ex", command)]
    done = subprocess.run([shutil.which("gdb"), "-nx", "-batch", "-p", str(pid), *words], capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr


def files_of(pid, word):
    """Descriptors of the agent by what they are, with their BPF ids."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if word in os.readlink(f"/proc/{pid}/fd/{fd}"):
                with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as info:
                    lines = dict(line.split(":", 1) for line in info.read().splitlines() if ":" in line)
                found.append((int(fd), {key.strip(): value.strip() for key, value in lines.items()}))
    return found


def touched(options, checks):
    """Its rules, its key and its configuration on the disk; a tracer; its witness."""
    with agent_and_manager(options) as (folder, manager, start):
        with start() as agent:
            changed = "Tiercel internal: file changed"
            time.sleep(8)  # it has looked at them, and the key that it got itself is no news any more
            os.unlink(f"{folder.path}/spare.yaml")
            alert = seen(checks, "rules removed", lambda: [a for a in reports(manager, changed) if a["field"]["file"].endswith("spare.yaml")])
            checks.equal((alert["field"]["what"], alert["priority"]), ("removed", "Error"), "rules removed")
            with open(f"{folder.path}/state/client.keys", "a", encoding="utf-8") as key:
                key.write("\n")
            alert = seen(checks, "key changed", lambda: [a for a in reports(manager, changed) if a["field"]["kind"] == "key"])
            checks.equal((alert["field"]["what"], alert["priority"]), ("written to", "Error"), "key changed")
            os.utime(f"{folder.path}/tiercel.yaml")
            seen(checks, "configuration touched", lambda: [a for a in reports(manager, changed) if a["field"]["kind"] == "configuration"])
            if shutil.which("gdb"):
                with subprocess.Popen([shutil.which("gdb"), "-nx", "-q", "-p", str(agent.pid), "-ex", "continue"], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tracer:
                    try:
                        alert = seen(checks, "a tracer", lambda: reports(manager, "Tiercel internal: agent traced"))
                    finally:
                        tracer.terminate()
                checks.equal(alert["field"]["tracer_pid"], str(tracer.pid), "the tracer")
            (witness,) = child_named(agent.pid, "tiercel-witness")
            os.kill(witness, signal.SIGKILL)
            alert = seen(checks, "the witness killed", lambda: reports(manager, "Tiercel internal: witness gone"))
            checks.equal(alert["field"]["pid"], str(witness), "which")
            (another,) = support.wait_until(lambda: child_named(agent.pid, "tiercel-witness"), "another witness")
            checks.equal(alert["field"]["new_pid"], str(another), "the new one")
            os.kill(agent.pid, signal.SIGKILL)
            agent.child.wait()
            seen(checks, "kill -9 under the second witness", lambda: gone(manager))


def bpftool(*words):
    return subprocess.run([shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin:/sbin"), *words], capture_output=True, text=True, timeout=60,
                          check=False)


def tampered(manager, what):
    return [a for a in reports(manager, "Tiercel internal: sensor tampered") if a["field"]["what"] == what]


def overwritten(options, checks):
    """The map that says which events are told, written over with bpftool: told, and put right."""
    with agent_and_manager(options) as (_folder, manager, start):
        with start() as agent:
            shared = []
            for _fd, info in files_of(agent.pid, "bpf-map"):
                shown = json.loads(bpftool("-j", "map", "show", "id", info["map_id"]).stdout)
                if shown.get("name", "").endswith(".bss") and shown["bytes_value"] > 64:
                    shared.append(shown)
            (bss,) = shared
            zeros = ["0"] * bss["bytes_value"]
            done = bpftool("map", "update", "id", str(bss["id"]), "key", "0", "0", "0", "0", "value", *zeros)
            checks.equal(done.returncode, 0, f"bpftool map update: {done.stderr}")
            alert = seen(checks, "a map overwritten", lambda: tampered(manager, "map"))
            checks.check("told" in alert["field"]["maps"] and alert["field"]["restored"] == "true", f"which: {alert['field']}")
            subprocess.run([os.path.join(options.programs, "tk_nop")], check=True)
            support.wait_until(lambda: reports(manager, "Start"), "an alert, since it was put right", 2 * support.WAIT_S, 0.05)


def detached(options, checks):
    """A hook of a system call, closed in the agent through a debugger; bpftool has no way to do it from outside."""
    with agent_and_manager(options) as (_folder, manager, start):
        with start() as agent:
            links = [(fd, info) for fd, info in files_of(agent.pid, "bpf_link") + files_of(agent.pid, "bpf-link") if info.get("link_type", "raw_tracepoint") != "raw_tracepoint"]
            checks.check(len(links) >= 2, f"hooks of calls: {links}")
            for _fd, info in links[:1]:
                done = bpftool("link", "detach", "id", info["link_id"])
                support.say(f"  bpftool link detach: {done.returncode} {done.stdout.strip()}{done.stderr.strip()}")
                checks.check(done.returncode != 0, "the kernel lets bpftool detach a tracepoint's link: this test has to judge what follows")
            support.wait_until(lambda: [h for h in reports(manager, "Tiercel internal: heartbeat") if h["field"].get("attached_digest")], "a digest", 2 * support.WAIT_S)
            known = agent.status()
            checks.equal([known["witness_pid"]], child_named(agent.pid, "tiercel-witness"), "status: the witness")
            checks.check(known["attached"]["digest"] and known["attached"]["gone"] == 0, f"status: what is attached: {known['attached']}")
            support.wait_until(lambda: agent.status()["canaries"]["manager_ms"] > 0, "a canary that the manager has", 2 * support.WAIT_S)
            support.say(f"  a canary's alert was confirmed by the manager after {agent.status()['canaries']['manager_ms']} ms")
            before = reports(manager, "Tiercel internal: heartbeat")[-1]["field"]["attached_digest"]
            fd, info = links[0]
            said = gdb(agent.pid, [f"call (int)__close({fd})"])
            checks.check(" = 0" in said, f"closed by a debugger: {said[-500:]}")
            alert = seen(checks, "a hook closed", lambda: tampered(manager, "hook"))
            checks.equal((alert["priority"], alert["field"]["gone"]), ("Critical", "1"), f"which: {alert['field']}")
            seen(checks, "the heartbeat with another digest",
                 lambda: [h for h in reports(manager, "Tiercel internal: heartbeat") if h["field"].get("attached_digest", before) not in ("", before)])


def silent(options, checks):
    """Agent and witness are killed together: the manager itself says that nobody is there."""
    with agent_and_manager(options) as (_folder, manager, start):
        with start() as agent:
            (witness,) = child_named(agent.pid, "tiercel-witness")
            os.kill(witness, signal.SIGSTOP)
            os.kill(agent.pid, signal.SIGKILL)
            os.kill(witness, signal.SIGKILL)
            agent.child.wait()
            seen(checks, "agent and witness killed", lambda: reports(manager, "Dev-manager: agent silent"))
            checks.equal(gone(manager), [], "nobody else tells")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--only", help="one of the cases")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    for case in (killed, stopped, overwritten, detached, touched, silent):
        if options.only in (None, case.__name__):
            support.say(case.__name__)
            case(options, checks)
    return checks.finish("what is done to the agent is told")


if __name__ == "__main__":
    support.main(main, "kernel_witness")
