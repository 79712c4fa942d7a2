#!/usr/bin/env python3
"""`tiercel alerts` has what the agent told, while it runs and after; who follows sees it over a restart and over a file that
was damaged."""

import argparse
import json
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.cmdline"
  priority: NOTICE
  tags: [T1059.004, mitre_execution]
"""
CONFIG = "heartbeat_interval_s: 0\nself_test_interval_s: 0\nwatch_config_files: false\noutputs: [{type: stdout}]\n"


class Alerts:
    def __init__(self, options, folder):
        self._argv = [options.tiercel, "alerts"]
        self._place = ["--state-dir", folder.folder("state")]

    def run(self, *words):
        return subprocess.run(self._argv + list(words) + self._place, capture_output=True, text=True, timeout=support.WAIT_S, check=False)

    def events(self, *words):
        return [json.loads(line)["tiercel"] for line in self.run("--since", "1h", "--json", *words).stdout.splitlines()]

    def follow(self):
        return support.Child(self._argv + ["--follow", "--json"] + self._place)


def fire(options, *words):
    subprocess.run([os.path.join(options.programs, "tk_nop"), *words], check=False, stdout=subprocess.DEVNULL)


def followed(child):
    """What the one who follows has been given of the rule."""
    events = [json.loads(line)["tiercel"] for line in list(child.lines)]
    return [event["proc"]["cmdline"] for event in events if event["rule"] == "Start"]


def wait_followed(child, wanted, what):
    support.wait_until(lambda: followed(child) == wanted, what)


def look(checks, alerts, agent):
    """While the agent runs: what was written is there, in each form."""
    events = alerts.events("--rule", "start")
    checks.equal([event["proc"]["cmdline"] for event in events], ["tk_nop one"], "as JSON, by the rule's name")
    told = [alert["output_fields"].get("proc.cmdline") for alert in agent.alerts() if alert["rule"] == "Start"]
    checks.equal(told, ["tk_nop one"], "as on standard output")
    plain = alerts.run("--since", "10m").stdout
    checks.check("Notice    Start" in plain and "tk_nop one" in plain and "\033" not in plain, f"as text: {plain!r}")
    whole = alerts.run("show", events[0]["id"]).stdout
    checks.check("https://attack.mitre.org/techniques/T1059/004/" in whole and "proc.cmdline" in whole, f"whole: {whole!r}")
    checks.equal(alerts.events("--since", "10m", "--priority", "critical"), [], "none is critical")
    wrong = alerts.run("--rule", "no such")
    checks.check(wrong.returncode == 1 and "Start" in wrong.stderr, f"a rule that is not there: {wrong.stderr!r}")
    rows = {row["name"]: row for row in agent.status()["outputs"]}
    checks.check(rows["history"]["delivered"] >= 1 and rows["history"]["lost"] == 0, f"status: {rows.get('history')}")


def damage(path):
    """As a disk that lost it: the first page, and what the follower keeps beside the file."""
    with open(path, "r+b") as file:
        file.write(b"\xff" * 4096)
    for part in ("-wal", "-shm"):
        if os.path.exists(path + part):
            os.unlink(path + part)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    checks = support.Checks()
    with support.Folder() as folder:
        alerts = Alerts(options, folder)
        rules = folder.file("rules.yaml", RULES)
        path = os.path.join(folder.folder("state"), "history", "history.db")
        none = alerts.run()
        checks.check(none.returncode == 1 and "there is no history" in none.stderr, f"before the first agent: {none.stderr!r}")
        follower = alerts.follow()
        try:
            with support.Agent(options.tiercel, rules, folder=folder, config=CONFIG) as agent:
                fire(options, "one")
                wait_followed(follower, ["tk_nop one"], "the first alert, for who follows")
                look(checks, alerts, agent)
            damage(path)
            with support.Agent(options.tiercel, rules, folder=folder, config=CONFIG):
                fire(options, "two")
                wait_followed(follower, ["tk_nop one", "tk_nop two"], "the next agent's, from the file that it made anew")
                support.wait_until(lambda: {"Tiercel internal: gap", "Tiercel internal: history"} <= {event["rule"] for event in alerts.events()},
                                   "the gap and the damage are told, too")
                checks.check(os.path.exists(path + ".damaged"), "the damaged file is kept")
            checks.equal([event["proc"]["cmdline"] for event in alerts.events("--rule", "Start")], ["tk_nop two"], "without an agent")
        finally:
            follower.process.send_signal(signal.SIGINT)
            follower.wait()
    return checks.finish("the history of alerts")


if __name__ == "__main__":
    support.main(main, "kernel_history")
