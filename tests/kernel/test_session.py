#!/usr/bin/env python3
"""The agent and managers of several kinds: an older one, one over UDP, one that reads slowly, one that wants a password
over one version of TLS, one that asks; and the operator's rate. Every alert that the local file has arrives at each."""

import argparse
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Marked open
  desc: a file that only this test names
  condition: evt.type = openat and fd.name startswith {folder}/mark-
  output: "marked file %fd.name"
  priority: WARNING
  tags: [mitre_discovery, T1083]
"""
CONFIG = """outputs:
  - type: file
    config: {{path: {folder}/{name}.json}}
wazuh:
  managers: [{{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}, protocol: {protocol}}}]
  agent_name: session-{name}
{more}
heartbeat_interval_s: 0
log_level: debug
"""
SECRET = "battery-staple-enrolment"


def marks(folder, count):
    for number in range(count):
        try:
            os.close(os.open(f"{folder.path}/mark-{number}", os.O_RDONLY))
        except FileNotFoundError:
            pass


def arrived(manager):
    """Events of the agent's rules that the manager decoded, by id."""
    got = {}
    for line in list(manager.lines):
        event = json.loads(line)
        if event.get("decoder") == "tiercel" and event["event"]["tiercel"]["rule"] == "Marked open":
            got[event["event"]["tiercel"]["id"]] = event
    return got


def case(options, checks, name, manager_args, more="", protocol="tcp", count=200, during=None, key=False):
    with support.Folder("session") as folder:
        if "--password-file" in manager_args:
            folder.file("pass", SECRET + "\n")
            manager_args = [a.replace("PASS", os.path.join(folder.path, "pass")) for a in manager_args]
            more = more.replace("PASS", os.path.join(folder.path, "pass"))
        rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
        with support.DevManager(options.tiercel, folder, manager_args) as manager:
            config = CONFIG.format(folder=folder.path, name=name, port=manager.port, enrol_port=manager.enrol_port,
                                   protocol=protocol, more=more)
            with support.Agent(options.tiercel, rules, config=config, manager=True, json_lines=False) as agent:
                support.wait_until(lambda: agent.status()["manager"]["connected"], f"{name}: the session", 60, 0.05)
                begun = time.monotonic()
                marks(folder, count)
                support.wait_until(lambda: len(arrived(manager)) >= count, f"{name}: {count} alerts", 60, 0.05)
                took_s = time.monotonic() - begun
                if during:
                    during(checks, manager, agent, took_s)
                if count > 200:
                    support.wait_until(lambda: agent.status()["manager"]["confirmed"] >= count, f"{name}: confirmations", 60, 0.1)
                log = agent.child.stderr()
            checks.equal(len(arrived(manager)), count, f"{name}: alerts")
            checks.check(SECRET not in log and SECRET not in manager.child.stderr(), f"{name}: the password was logged")
            support.say(f"  {name}: {count} alerts in {took_s:.1f} s")
            return log


def requests(checks, manager, agent, _took_s):
    def ask(text):
        before = len(manager.child.stderr())
        manager.child.process.stdin.write(f"request 001 {text}\n".encode())
        manager.child.process.stdin.flush()
        found = support.wait_until(lambda: re.search(r"agent 001 answers [0-9a-f]+ (.*)", manager.child.stderr()[before:]),
                                   f"an answer to {text}")
        return found.group(1)

    state = json.loads(ask("agent getstate"))["data"]
    checks.equal(state["status"], "connected", "getstate: status")
    checks.check(state["msg_count"] >= 200, f"getstate: msg_count {state['msg_count']}")
    client = json.loads(ask("agent getconfig client")[3:])["client"]
    checks.equal(client["server"][0]["port"], manager.port, "getconfig client: port")
    labels = json.loads(ask("agent getconfig labels")[3:])["labels"]
    checks.equal(labels, [{"value": "north", "key": "site", "hidden": "no"}], "getconfig labels")
    checks.equal(ask("syscheck getconfig syscheck")[:3], "ok ", "getconfig syscheck")
    checks.check("packages of its host" in ask("com lock_restart -1"), "an upgrade was not refused with its reason")
    checks.equal(ask("nothing at all"), "err No such file or directory", "an unknown target")
    checks.equal(ask("com reload"), "ok ", "com reload")
    support.wait_until(lambda: agent.status()["rules"]["reloads"]["ok"] >= 1, "the reload")


def run():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()

    log = case(options, checks, "older", ["--version", "v4.9.0"])
    checks.equal(log.count("telling that older manager our version is v4.9.0"), 1, "older: told once")
    case(options, checks, "oldest", ["--version", "v4.3.0"])
    case(options, checks, "udp", ["--protocol", "both", "--version", "v4.3.0"], protocol="udp", count=1000)
    case(options, checks, "slow", ["--frames-per-s", "150", "--stall-ms", "0"], count=400)
    for tls in ("1.2", "1.3"):
        case(options, checks, f"tls{tls.replace('.', '')}", ["--tls", tls, "--password-file", "PASS"],
             more="  password_file: PASS")
    case(options, checks, "asking", [], more="  labels: [{key: site, value: north}]", during=requests)

    def rate(checks, _manager, _agent, took_s):
        checks.check(took_s > 2.3, f"300 alerts at 100 a second took {took_s:.2f} s")

    case(options, checks, "rate", ["--stall-ms", "0"], more="  rate_max_per_s: 100", count=300, during=rate)
    return checks.finish("session")


if __name__ == "__main__":
    support.main(run, "test_session")
