#!/usr/bin/env python3
"""`tiercel top` and `tiercel status` as people and scripts see them: the figures of a load that the test makes, the full
screen on a terminal, and that the agent counts only while somebody looks."""

import argparse
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import terminal  # noqa: E402
import tiercel as support  # noqa: E402

RULES = """- rule: Opened what is watched
  desc: the load's alerts
  condition: evt.type = openat and fd.name = {folder}/watched
  output: "%proc.name opened %fd.name"
  priority: NOTICE
- rule: Never true
  desc: is tried for each open of the other file
  condition: evt.type = openat and fd.name = {folder}/other and proc.pid < 1
  output: "%fd.name"
  priority: ERROR
"""
CONFIG = "heartbeat_interval_s: 0\nself_test_interval_s: 0\nwatch_config_files: false\noutputs: [{type: stdout}]\n"
# So many opens a second until its input ends; one in a hundred is of the watched file.
LOAD = """
import os, select, sys, time
folder, rate = sys.argv[1], float(sys.argv[2])
files = [os.open(f"{folder}/{name}", os.O_CREAT) for name in ("watched", "other")]
begun, done = time.monotonic(), 0
while not select.select([0], [], [], 0.005)[0]:
    while done < (time.monotonic() - begun) * rate:
        os.close(os.open(f"{folder}/watched" if done % 100 == 0 else f"{folder}/other", os.O_RDONLY))
        done += 1
"""


class Load:
    """Opens of files, in a process of its own."""

    def __init__(self, folder, rate):
        self.process = subprocess.Popen([sys.executable, "-c", LOAD, folder, str(rate)], stdin=subprocess.PIPE)

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(support.WAIT_S)


def run(options, agent, command, *words):
    return subprocess.run([options.tiercel, command, "--run-dir", agent.run_dir, *words], capture_output=True, text=True,
                          timeout=support.WAIT_S, stdin=subprocess.DEVNULL, check=False)


def check_once(checks, options, agent, load):
    done = run(options, agent, "top", "--once", "--json", "--interval", "0.5")
    checks.equal((done.returncode, done.stderr), (0, ""), "top --once --json")
    figures = json.loads(done.stdout)
    checks.check(figures["events"]["per_s"] > 0, f"events a second: {figures['events']}")
    checks.check(figures["alerts"]["per_s"] > 0, f"alerts a second: {figures['alerts']}")
    processes = {row["pid"]: row for row in figures["processes"]}
    mine = processes.get(load.pid, {})
    checks.check(mine.get("events", 0) > 0, f"the load's process: {mine} in {sorted(processes)}")
    checks.check(mine.get("alerts", 0) > 0, f"its alerts: {mine}")
    checks.equal(mine.get("container"), "host", "where it is")
    rules = {row["rule"]: row for row in figures["rules"]}
    alerts, never = rules.get("Opened what is watched", {}), rules.get("Never true", {})
    checks.check(alerts.get("alerts", 0) > 0 and alerts.get("ns_per_try", 0) > 0, f"the rule that fires: {alerts}")
    checks.check(never.get("tried_per_s", 0) > 0 and never.get("alerts") == 0, f"the rule that is only tried: {never}")
    kinds = {row["event"]: row for row in figures["types"]}
    checks.check(kinds.get("openat", {}).get("events", 0) > 0, f"event types: {kinds}")
    checks.check(any(row["container"] == "host" and row["events"] > 0 for row in figures["containers"]), "the host's row")
    checks.equal([ring["ring"] for ring in figures["rings"]], ["vital", "bulk"], "rings")
    checks.equal(bool(figures["troubles"]), figures["lost"]["total"] > 0, f"troubles {figures['troubles']}, lost {figures['lost']}")


def check_words(checks, options, agent):
    text = run(options, agent, "top", "--once", "--interval", "0.2", "--view", "rules", "--rows", "1")
    checks.check(re.search(r"^Rules \(1 of \d+, by ALERTS/s\)$", text.stdout, re.M), f"plain text: {text.stdout}")
    checks.check("\x1b" not in text.stdout and "PROGRAM" not in text.stdout, "no colours and no other table in a pipe")
    pipe = run(options, agent, "top")
    checks.equal(pipe.returncode, 1, "top in a pipe")
    checks.check("--once" in pipe.stderr, f"it names the way out: {pipe.stderr}")
    elsewhere = subprocess.run([options.tiercel, "top", "--once", "--run-dir", "/nonexistent"], capture_output=True, text=True,
                               timeout=support.WAIT_S, check=False)
    checks.equal(elsewhere.returncode, 2, "top without an agent")
    nowhere = subprocess.run([options.tiercel, "status", "--run-dir", "/nonexistent"], capture_output=True, text=True,
                             timeout=support.WAIT_S, check=False)
    checks.equal(nowhere.returncode, 2, "status without an agent")
    status = run(options, agent, "status")
    wrong = bool(json.loads(run(options, agent, "status", "--json").stdout)["troubles"])
    checks.equal(status.returncode, int(wrong), f"the status of status: {status.stdout}")
    checks.check(("all is well" in status.stdout) != wrong, f"its verdict: {status.stdout}")


def check_screen(checks, options, agent, load):
    argv = [options.tiercel, "top", "--run-dir", agent.run_dir, "--interval", "0.3"]
    with terminal.Terminal(argv) as screen:
        screen.wait_for(r"Opened what is watched$", "the rule that fires")
        screen.wait_for(r"^Events +[1-9][\d,.]*/s", "events a second")
        checks.check(re.search(r"^ tiercel .*every 0.3 s", screen.text(), re.M), "the title")
        screen.type("\t")
        screen.wait_for(rf" {load.pid} +host +python", "the load's process")
        screen.type("4")
        screen.wait_for(r" openat$", "event types")
        screen.type("1/only tried, no\r")
        screen.wait_for("Nothing here holds", "a filter that nothing passes")
        screen.type("\x1b")
        screen.wait_for("Never true$", "all rows again")
        screen.type("/never\r")
        screen.wait_for(r'Only rows with "never"', "the filter")
        checks.check("Opened what is watched" not in screen.text(), "what does not pass is not shown")
        screen.type("\x1bsss")
        screen.wait_for("by EACH", "another order")
        screen.type("p")
        screen.wait_for("PAUSED", "a pause")
        screen.type("p?")
        screen.wait_for("Any key goes back", "help")
        screen.type(" ")
        screen.resize(200, 50)
        screen.wait_for("PRIORITY +RULE", "the wide screen's columns")
        screen.type("q")
        checks.equal(screen.wait(), 0, "the end")
        checks.check(any(cell[1]["bold"] for row in screen.screen.rows for cell in row) or screen.bytes > 1000, "it was drawn")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder() as folder:
        rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
        with support.Agent(options.tiercel, rules, folder=folder, config=CONFIG) as agent, Load(folder.path, 1000) as load:
            support.wait_until(agent.alerts, "the load's first alert")
            check_once(checks, options, agent, load)
            check_words(checks, options, agent)
            check_screen(checks, options, agent, load)
    return checks.finish("tiercel top shows what there is")


if __name__ == "__main__":
    support.main(main, "kernel_top")
