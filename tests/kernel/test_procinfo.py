#!/usr/bin/env python3
"""What processes use of CPUs, as procinfo events tell it, against the programs' own clocks: busy in one thread, in two, in
threads that end soon, in the kernel, from the middle on, and not at all. That nothing is looked at unless a rule asks, and
that a reload brings it. That a recording has it. What a look takes with 2,000 processes is reported."""

import argparse
import json
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Busy
  desc: what the test's program uses
  condition: evt.type = procinfo and proc.name = tk_busy and thread.cpu >= 5
  output: "%proc.args %proc.pid %evt.rawtime %thread.cpu %thread.cpu.user %thread.cpu.system %thread.totexectime
    %thread.ismain %evt.arg.cpu_usr %evt.arg.cpu_sys %evt.dir %evt.category %proc.exepath %user.uid %container.id"
  priority: NOTICE
"""
OTHER_RULES = """- rule: Busy
  desc: asks for something else
  condition: evt.type = procexit and proc.name = tk_busy
  output: "%proc.args"
  priority: NOTICE
"""
CONFIG = "outputs:\n  - type: stdout\nlog_level: debug\nwatch_config_files: false\nsensor: {procinfo_interval_s: %d}\n"
LOOK = re.compile(r"(\d+) threads looked at for their use of CPUs in (\d+) us")
KINDS = ("spin", "pair", "brief", "kernel", "late", "sleep")
SECONDS = 5
# What may be between the kernel's figures and the program's: a tick (4 ms at 250 Hz) on each of two CPUs, and a look's length.
OFF_NS = 15_000_000


def run_program(options, how, seconds):
    return support.Child([os.path.join(options.programs, "tk_busy"), str(how), str(seconds)])


def used_at(samples, at_ns):
    """At least and at most what the program had used then, by its own samples; None: they tell nothing of that time."""
    for before, after in zip(samples, samples[1:]):
        if before["at_ns"] <= at_ns <= after["at_ns"]:
            return before["cpu_ns"] - OFF_NS, after["cpu_ns"] + OFF_NS
    return None


def compare(checks, how, samples, told):
    """Rows for the table: each event beside the truth."""
    rows, before = [], None
    for fields in told:
        at_ns, total_ns = fields["evt.rawtime"], fields["thread.totexectime"]
        truth = used_at(samples, at_ns)
        if truth is None:  # right at its start or end
            continue
        least, most = truth
        checks.check(least <= total_ns <= most,
                     f"{how}: totexectime {total_ns / 1e6:.0f} ms, by the program's clock {least / 1e6:.0f} to {most / 1e6:.0f}")
        checks.check(abs((int(fields["evt.arg.cpu_usr"]) + int(fields["evt.arg.cpu_sys"])) * 10_000_000 - total_ns) <= 20_000_000,
                     f"{how}: cpu_usr and cpu_sys are the total: {fields}")
        cpu, user, system = (float(fields[f"thread.cpu{part}"]) for part in ("", ".user", ".system"))
        checks.check(abs(cpu - user - system) < 0.3, f"{how}: user and system are the whole: {cpu} {user} {system}")
        if before and 0.9e9 < at_ns - before[0] < 1.1e9:  # the look before this one
            low, high = (100 * used / (at_ns - before[0]) for used in (least - before[2], most - before[1]))
            checks.check(low <= cpu <= high, f"{how}: thread.cpu {cpu:.1f}, by the program's clock {low:.1f} to {high:.1f}")
            rows.append([how, f"{cpu:.1f}", f"{low:.1f} to {high:.1f}", f"{user:.1f}", f"{system:.1f}", f"{total_ns / 1e6:.0f}"])
        before = (at_ns, least, most)
    return rows


def against_the_programs(options, checks, folder):
    rules = folder.file("rules.yaml", RULES)
    programs = {}
    with support.Agent(options.tiercel, rules, config=CONFIG % 1) as agent:
        for how in KINDS:  # one after the other: there may be no more than two CPUs
            child = programs[how] = run_program(options, how, SECONDS)
            try:
                checks.equal(child.wait(60), 0, f"{how}: exit status")
            finally:
                child.kill()
        agent.stop()
        alerts = [alert["output_fields"] for alert in agent.alerts() if alert["rule"] == "Busy"]
    rows = []
    for how, child in programs.items():
        samples = [json.loads(line) for line in child.lines]
        told = [fields for fields in alerts if fields["proc.pid"] == child.pid]
        if how == "sleep":
            checks.equal(told, [], "events of the program that sleeps")
            continue
        if not checks.check(len(told) >= 2, f"{how}: {len(told)} events"):
            continue
        compared = compare(checks, how, samples, told)
        checks.check(compared, f"{how}: no event has another one second before it")
        rows += compared
        first = told[-1]
        for field, wanted in {"proc.args": f"{how} {SECONDS}", "thread.ismain": True, "evt.dir": ">",
                              "evt.category": "internal", "user.uid": 0, "container.id": "host",
                              "proc.exepath": os.path.join(os.path.realpath(options.programs), "tk_busy")}.items():
            checks.equal(first[field], wanted, f"{how}: {field}")
        user, system = (sum(float(fields[f"thread.cpu.{part}"]) for fields in told) for part in ("user", "system"))
        checks.check(system > user if how == "kernel" else user > system, f"{how}: user {user:.0f}, system {system:.0f}")
    if "late" in programs:
        begun_ns = json.loads(programs["late"].lines[0])["at_ns"]
        early = [fields for fields in alerts
                 if fields["proc.pid"] == programs["late"].pid and fields["evt.rawtime"] < begun_ns + SECONDS * 500_000_000]
        checks.equal(early, [], "events of the late program while it slept")
    support.say(support.table(["program", "thread.cpu", "its own clock", "user", "system", "total ms"], rows))


def reload_brings_it(options, checks, folder):
    own = support.Folder("procinfo-reload")
    with own:
        rules = own.file("rules.yaml", OTHER_RULES)
        busy = run_program(options, "spin", 60)
        try:
            with support.Agent(options.tiercel, rules, config=CONFIG % 3600, folder=own) as agent:
                time.sleep(2.5)
                checks.check(not LOOK.search(agent.child.stderr()), "no look while no rule asks")
                own.file("rules.yaml", RULES)
                own.file("tiercel.yaml", CONFIG % 1)  # the interval takes effect with the rules
                reload_now(options, agent)
                agent.wait_alerts(lambda alerts: any(alert["rule"] == "Busy" for alert in alerts), "an event after the reload")
                own.file("rules.yaml", OTHER_RULES)
                reload_now(options, agent)
                looks = len(LOOK.findall(agent.child.stderr()))
                time.sleep(2.5)
                checks.check(len(LOOK.findall(agent.child.stderr())) <= looks + 1, "no look after the rule went")
        finally:
            busy.kill()


def reload_now(options, agent):
    done = subprocess.run([options.tiercel, "rules", "reload", "--run-dir", agent.run_dir], capture_output=True, text=True,
                          timeout=support.WAIT_S)
    if done.returncode != 0:
        raise support.Failure(f"rules reload: {done.stdout}{done.stderr}")


def recording_has_it(options, checks, folder):
    rules, path = folder.file("rules.yaml", RULES), os.path.join(folder.path, "busy.rec")
    config = folder.file("record.yaml", CONFIG % 1)
    busy = run_program(options, "spin", 60)
    recorder = support.Child([options.tiercel, "record", path, "--rules", rules, "--config", config, "--run-dir",
                              folder.folder("run-record"), "--state-dir", folder.folder("state-record")])
    try:
        recorder.wait_stderr(r"is watching", "it is watching")
        time.sleep(4.5)
        recorder.stop()
    finally:
        recorder.kill()
        busy.kill()
    done = subprocess.run([options.tiercel, "replay", path, "--rules", rules, "--json"], capture_output=True, text=True,
                          timeout=support.WAIT_S)
    told = [json.loads(line)["output_fields"] for line in done.stdout.splitlines() if line.startswith("{")]
    told = [fields for fields in told if fields.get("proc.pid") == busy.pid]
    checks.check(len(told) >= 2, f"events in the recording: {len(told)}; {done.stderr[-500:]}")


def with_a_crowd(options, checks, folder):
    rules = folder.file("rules.yaml", RULES)
    crowd = run_program(options, options.crowd, 60)
    try:
        support.wait_until(lambda: crowd.lines, "the children")
        with support.Agent(options.tiercel, rules, config=CONFIG % 1) as agent:
            support.wait_until(lambda: len(LOOK.findall(agent.child.stderr())) >= 5, "five looks")
            agent.stop()
            looks = [(int(threads), int(us)) for threads, us in LOOK.findall(agent.child.stderr())]
    finally:
        crowd.kill()
    checks.check(all(threads > options.crowd for threads, _ in looks), f"all processes are looked at: {looks}")
    times = sorted(us for _, us in looks)
    support.say(f"a look at {looks[0][0]} threads, among them {options.crowd} processes: {times[0]} to {times[-1]} us, "
                f"median {times[len(times) // 2]} us")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="folder of the built test programs")
    parser.add_argument("--crowd", type=int, default=2000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("procinfo") as folder:
        for part in (against_the_programs, reload_brings_it, recording_has_it, with_a_crowd):
            part(options, checks, folder)
    return checks.finish("procinfo")


if __name__ == "__main__":
    support.main(main, "kernel_procinfo")
