#!/usr/bin/env python3
"""Programs that ran before the agent, or before rules were loaded anew: what rules ask of their path and name is known of these, too, so their
opens are left out where these do not fit, and told where they do. A program that takes their place is another one."""

import argparse
import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tiercel as support  # noqa: E402

OPENS = 400
RULES = """- rule: By a Path
  desc: every open for reading by a program of that path
  condition: evt.type in (open, openat) and evt.is_open_read = true and proc.exepath endswith /{by_path}
  output: "%fd.name"
  priority: NOTICE
- rule: By a Name
  desc: every open for reading by a program of that name
  condition: evt.type in (open, openat) and evt.is_open_read = true and proc.name = {by_name}
  output: "%fd.name"
  priority: NOTICE
"""
# Opens the file as often as a line says, and answers; "exec PROGRAM": goes on as that one.
LOOP = r"""
while read -r what how; do
  if [ "$what" = exec ]; then exec "$how" "$0"; fi
  n=0; while [ $n -lt "$what" ]; do read -r _ <"$how"; n=$((n + 1)); done
  echo done
done
"""


class Runner:
    """A shell under a name of its own."""

    def __init__(self, program, script):
        self.child = subprocess.Popen([program, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def open(self, path, times=OPENS):
        self.say(f"{times} {path}")
        if self.child.stdout.readline() != "done\n":
            raise support.Failure("the shell that opens files is gone")

    def end(self):
        self.child.stdin.close()
        self.child.wait(support.WAIT_S)


def left_out(agent, runner, path):
    """How many more opens the kernel left out than before."""
    before = agent.status()["filtered"]
    runner.open(path)
    time.sleep(1.5)  # counters are read once a second
    return agent.status()["filtered"] - before


def opened(agent, path):
    return [alert["rule"] for alert in agent.alerts() if alert["output_fields"]["fd.name"] == path]


class Case:
    def __init__(self, options, folder, checks):
        self.checks, self.folder = checks, folder
        self.script = folder.file("loop.sh", LOOP)
        self.programs = {name: os.path.join(folder.path, name) for name in ("runs-early", "other-one", "late-one")}
        for path in self.programs.values():
            shutil.copy("/bin/dash", path)
        self.rules = folder.file("rules.yaml", RULES.format(by_path="late-one", by_name="nobody-has-it"))
        self.runner = Runner(self.programs["runs-early"], self.script)
        self.options = options

    def file(self, name):
        return self.folder.file(name, "line\n")

    def told_once(self, agent, path, rule, what):
        self.runner.open(path, 1)
        agent.wait_alerts(lambda alerts: any(a["output_fields"]["fd.name"] == path for a in alerts), what)
        self.checks.equal(opened(agent, path), [rule], what)

    def run(self):
        with support.Agent(self.options.tiercel, self.rules) as agent:
            time.sleep(1.5)  # programs are told of once a second
            self.checks.check(left_out(agent, self.runner, self.file("one")) >= OPENS, "opens of a program that ran before are left out")
            self.folder.file("rules.yaml", RULES.format(by_path="other-one", by_name="runs-early"))
            reloads = agent.status()["rules"]["reloads"]["ok"]
            subprocess.run([self.options.tiercel, "rules", "reload", "--run-dir", agent.run_dir], check=True, capture_output=True)
            support.wait_until(lambda: agent.status()["rules"]["reloads"]["ok"] > reloads, "the reload")
            time.sleep(1.5)
            self.told_once(agent, self.file("two"), "By a Name", "the new rules want its name")
            self.folder.file("rules.yaml", RULES.format(by_path="other-one", by_name="nobody-has-it"))
            subprocess.run([self.options.tiercel, "rules", "reload", "--run-dir", agent.run_dir], check=True, capture_output=True)
            support.wait_until(lambda: agent.status()["rules"]["reloads"]["ok"] > reloads + 1, "the second reload")
            time.sleep(1.5)
            self.checks.check(left_out(agent, self.runner, self.file("three")) >= OPENS, "after a reload they are left out again")
            self.runner.say(f"exec {self.programs['other-one']}")
            self.told_once(agent, self.file("four"), "By a Path", "the program that took its place is another one")
            self.runner.say(f"exec {self.programs['late-one']}")
            self.checks.check(left_out(agent, self.runner, self.file("five")) >= OPENS, "and so is the next")
            self.runner.end()
        self.checks.equal([agent.summary()["lost"]], [0], "events lost")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("pushr") as folder:
        case = Case(options, folder, checks)
        try:
            case.run()
        finally:
            if case.runner.child.poll() is None:
                case.runner.child.kill()
                case.runner.child.wait()
    return checks.finish("kernel_push_running")


if __name__ == "__main__":
    support.main(main, "kernel_push_running")
