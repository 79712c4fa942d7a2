#!/usr/bin/env python3
"""A flood that cannot fit: what is lost is counted and told, and file events never push out a process's.

The agent is stopped (SIGSTOP) so that its rings must overflow, whatever the machine's speed. Then files are opened far
beyond what the ring for files holds, and programs are started beside. After SIGCONT every start must be there, and the
opens that are not must be in the count of losses, in an alert, and in the summary.

And: where starts themselves are lost (a ring that holds a handful), an alert of its own says so at once, and a process
whose program was missed is known by its right one afterwards.

And: an output that takes nothing (a pipe that nobody reads) must neither hold up the stop, nor may what it did not take
be passed over in silence: alerts made = lines delivered + lost.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.args"
  priority: NOTICE
- rule: Open
  desc: every open of a marked file
  condition: evt.type = openat and fd.name startswith {folder}/mark-
  output: "%fd.name"
  priority: NOTICE
"""
CONFIG = "outputs:\n  - type: stdout\nsensor:\n  ring_bulk_size_kb: 256\n  flood_budget_kb: 0\n"  # budgets: test_budget.py


def flood(folder, program, opens, starts):
    for number in range(opens):
        try:
            os.close(os.open(f"{folder}/mark-{number}", os.O_RDONLY))
        except FileNotFoundError:
            pass
        if number % (opens // starts) == 0:
            subprocess.run([program, str(number)], check=True)


def overflow(options, checks, folder):
    rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
    with support.Agent(options.tiercel, rules, config=CONFIG) as agent:
        agent.child.signal(signal.SIGSTOP)
        try:
            flood(folder.path, os.path.join(options.programs, "tk_nop"), options.opens, options.starts)
        finally:
            agent.child.signal(signal.SIGCONT)
        try:
            agent.wait_alerts(lambda alerts: any(a["source"] == "internal" for a in alerts), "an alert about the loss", 15)
        except support.Failure as failure:
            support.say(f"  {failure}")
        # and it goes on watching
        subprocess.run([os.path.join(options.programs, "tk_nop"), "afterwards"], check=True)
        status = agent.status()
        summary = agent.stop()
        alerts = agent.alerts()
    starts = [a["output_fields"]["proc.args"] for a in alerts if a["rule"] == "Start"]
    opens = [a["output_fields"]["fd.name"] for a in alerts if a["rule"] == "Open"]
    told = [a for a in alerts if a["source"] == "internal"]
    lost = status["lost"]["kernel"]
    missing = options.opens - len(opens)
    checks.equal(len(starts), options.starts + 1, "starts seen (nothing of theirs may be lost)")
    checks.check("afterwards" in starts, "the agent goes on watching after the flood")
    checks.equal(len(set(opens)), len(opens), "opens seen, each once")
    checks.check(missing > 0, "the flood fitted: the test shows nothing")
    # other programs of the host open files too, and theirs are lost as well
    checks.check(lost >= missing, f"{missing} opens are missing, but only {lost} are counted as lost")
    checks.check(summary["lost"] >= missing, f"the summary says {summary['lost']} lost, {missing} are missing")
    if checks.check(told, "an alert tells of the loss"):
        text = told[0]["output"]
        checks.check("openat=" in text, f"the alert names the event type: {text}")
        checks.check("execve" not in text, f"no start was lost: {text}")
        said = sum(int(a["output_fields"]["lost"]) for a in told)
        checks.check(said >= missing, f"the alerts tell of {said} losses, {missing} are missing")
        support.say(f"  {text}")
    return [["starts", options.starts + 1, len(starts), 0], ["opens", options.opens, len(opens), lost]]


HEAL_RULES = """- rule: Open
  desc: the open of a waiting process
  condition: evt.type = openat and fd.name = {folder}/fifo
  output: "%proc.pid %proc.name %proc.exepath %proc.args"
  priority: NOTICE
- rule: Start
  desc: keeps the sensor at it
  condition: evt.type = execve and proc.name = nobody
  output: "%proc.name"
  priority: NOTICE
"""
HEAL_CONFIG = "outputs:\n  - type: stdout\nsensor:\n  ring_vital_size_kb: 64\n"


def healed(options, checks, folder):
    """A process that is known changes its program while nobody looks, and the ring has no room for the news."""
    program, fifo = f"{folder.path}/tk_healed", f"{folder.path}/fifo"
    shutil.copy(shutil.which("cat"), program)
    os.mkfifo(fifo)
    rules = folder.file("heal.yaml", HEAL_RULES.format(folder=folder.path))
    with support.Agent(options.tiercel, rules, config=HEAL_CONFIG) as agent:
        child = subprocess.Popen(["/bin/sh", "-c", f"read go; exec {program} {fifo}"], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL)
        try:
            support.wait_until(lambda: agent.status()["events"] > 0, "the agent to see events", 10)
            agent.child.signal(signal.SIGSTOP)
            try:
                for number in range(options.starts):
                    subprocess.run([os.path.join(options.programs, "tk_nop"), str(number)], check=True)
                child.stdin.write(b"go\n")
                child.stdin.flush()
                support.wait_until(lambda: os.readlink(f"/proc/{child.pid}/exe") == program, "the new program", 10)
            finally:
                agent.child.signal(signal.SIGCONT)
            agent.wait_alerts(lambda alerts: any(a["source"] == "internal" and a["priority"] == "Critical" for a in alerts),
                              "an alert about lost starts", 15)
            support.wait_until(lambda: agent.status()["lost"]["kernel"] > 0, "the losses", 10)
            with open(fifo, "w"):
                pass
            agent.wait_alerts(lambda alerts: any(a["rule"] == "Open" for a in alerts), "the open", 10)
            child.wait(10)
        finally:
            child.kill()
            child.wait()
        agent.stop()
        alerts = agent.alerts()
    seen = [a["output_fields"] for a in alerts if a["rule"] == "Open" and a["output_fields"]["proc.pid"] == child.pid][0]
    checks.equal((seen["proc.name"], seen["proc.exepath"], seen["proc.args"]), ("tk_healed", program, fifo),
                 "the program that was missed")
    told = [a for a in alerts if a["source"] == "internal" and a["priority"] == "Critical"]
    checks.check("execve=" in told[0]["output_fields"]["by_type"], f"the alert names the starts: {told[0]['output']}")
    checks.check("host=" in told[0]["output_fields"]["by_cgroup"], f"the alert says whose they were: {told[0]['output']}")
    return [["programs missed and put right", 1, 1, int(told[0]["output_fields"]["lost"])]]


def unread_output(options, checks, folder):
    """Standard output is a pipe of one page that is read only after the agent ended."""
    rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    agent = support.Agent(options.tiercel, rules, stdout=writer)
    os.close(writer)
    with agent, os.fdopen(reader, "rb") as pipe:
        for number in range(options.starts):
            subprocess.run([os.path.join(options.programs, "tk_nop"), str(number)], check=True)
        support.wait_until(lambda: agent.status()["alerts"] >= options.starts, "the alerts")
        summary = agent.stop()
        whole = [line for line in pipe.read().split(b"\n") if line.endswith(b"}")]
    delivered = len([json.loads(line) for line in whole])
    checks.check(delivered < options.starts, "the pipe took everything: the test shows nothing")
    checks.equal(delivered + summary["lost"], summary["alerts"], "lines delivered and alerts that the summary calls lost")
    support.say(f"  stopped after {agent.stop_s:.2f} s beside an output that takes nothing")
    return [["alerts to an output that hangs", summary["alerts"], delivered, summary["lost"]]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--opens", type=int, default=20_000)
    parser.add_argument("--starts", type=int, default=100)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("losses") as folder:
        rows = overflow(options, checks, folder) + healed(options, checks, folder) + unread_output(options, checks, folder)
    support.say(support.table(["what", "done", "seen", "counted as lost"], rows))
    return checks.finish("losses")


if __name__ == "__main__":
    support.main(main, "kernel_losses")
