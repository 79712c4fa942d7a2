#!/usr/bin/env python3
"""`tiercel report` of a running agent's alerts, and of the same host when no agent runs any more."""

import argparse
import json
import os
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.cmdline"
  priority: CRITICAL
  tags: [T1059.004, mitre_execution]
"""
CONFIG = "heartbeat_interval_s: 0\nself_test_interval_s: 0\nwatch_config_files: false\noutputs: [{type: stdout}]\n"
HOSTILE = "</script><script>document.title=1</script>"


class Reports:
    def __init__(self, options, folder):
        self._tiercel, self._place = options.tiercel, ["--state-dir", folder.folder("state")]

    def run(self, *words):
        return subprocess.run([self._tiercel, "report", *self._place, *words], capture_output=True, text=True, timeout=support.WAIT_S, check=False)

    def data(self, *words):
        done = self.run("--json", *words)
        return json.loads(done.stdout) if done.returncode == 0 else {}


def look(checks, reports, agent, to):
    data = reports.data("--since", "10m", "--run-dir", agent.run_dir)
    checks.check("history" in [row["name"] for row in data["status"]["outputs"]], "what the agent says of its outputs")
    checks.equal(data["totals"]["alerts"], 1, "one alert")
    checks.equal(data["rows"][0]["event"]["tiercel"]["proc"]["cmdline"], "tk_nop " + HOSTILE, "as it was")
    checks.equal([one["id"] for tactic in data["attack"]["tactics"] for one in tactic["techniques"]], ["T1059.004"], "its technique")
    written = reports.run("--since", "10m", "-o", to)
    checks.check(written.returncode == 0 and "1 alert " in written.stderr, f"written: {written.stderr!r}")
    checks.equal(stat.S_IMODE(os.stat(to).st_mode), 0o600, "for its owner alone")
    with open(to, encoding="utf-8") as file:
        page = file.read()
    checks.check(page.count("<script") == 2 and HOSTILE not in page and "tk_nop \\u003c/script" in page, "what an alert says is no markup")
    other = reports.run("--since", "10m")
    nonces = {text.split("nonce=\"")[1].split("\"")[0] for text in (page, other.stdout)}
    checks.equal(len(nonces), 2, "each page's policy has a word of its own")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    checks = support.Checks()
    with support.Folder() as folder:
        reports, to = Reports(options, folder), os.path.join(folder.folder("out"), "report.html")
        none = reports.run("-o", to)
        checks.check(none.returncode == 1 and "there is no history" in none.stderr and not os.path.exists(to), f"before the first agent: {none.stderr!r}")
        with support.Agent(options.tiercel, folder.file("rules.yaml", RULES), folder=folder, config=CONFIG) as agent:
            subprocess.run([os.path.join(options.programs, "tk_nop"), HOSTILE], check=False, stdout=subprocess.DEVNULL)
            support.wait_until(lambda: reports.data()["totals"]["alerts"] == 1 if reports.data() else False, "the alert in the report")
            look(checks, reports, agent, to)
        data = reports.data("--run-dir", folder.folder("nobody"))
        checks.check(data["status"] is None and "status_missing" in data and data["totals"]["alerts"] == 1, "without an agent: what it kept, and that none answers")
        for words, said in ((["--since", "1h", "--until", "2h"], "not before --until"), (["--since", "soon"], "no point in time")):
            done = reports.run("-o", to, *words)
            checks.check(done.returncode == 1 and said in done.stderr, f"{words}: {done.stderr!r}")
    return checks.finish("the report")


if __name__ == "__main__":
    support.main(main, "kernel_report")
