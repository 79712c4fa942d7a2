#!/usr/bin/env python3
"""Operations of io_uring: each told once, as the system call that it stands for, with its target, result and process.

programs/tk_uring.c has every operation done that is told: by the submitter, by worker threads, from a second thread, by a
ring that polls; linked, without a completion, with descriptors of the ring's own, with many connections for one request, and with
more completions than their queue holds. It states what must be seen. A ring that no rule asks about costs no hook.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections import defaultdict

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

FIELDS = """
 evt.type evt.res evt.rawres evt.failed evt.is_io_uring evt.is_res_unknown proc.pid proc.name thread.tid user.uid
 fd.num fd.name fd.nameraw fd.realpath fd.typechar fd.is_direct fd.sip fd.sport fd.cip fd.cport evt.is_open_write evt.buffer
 fs.path.name fs.path.nameraw fs.path.source fs.path.target evt.arg.domain evt.arg.backlog evt.arg.path
""".split()


def rules_text(types):
    output = " ".join(f"%{field}" for field in FIELDS)
    return (f"- rule: Through a ring\n  desc: operations of the test's program\n"
            f"  condition: evt.type in ({', '.join(types)}) and proc.name = tk_uring and evt.is_io_uring = true\n"
            f"  output: \"{output}\"\n  priority: NOTICE\n")


def agrees(got, wanted):
    if isinstance(wanted, dict):
        return isinstance(got, str) and re.search(wanted["like"], got) is not None
    return got == wanted and isinstance(got, bool) == isinstance(wanted, bool)


def compare(truths, alerts, checks, table):
    """Both of one event type, in order."""
    for index, truth in enumerate(truths):
        fields = truth["fields"]
        kind, way = fields["evt.type"], fields.pop("way")
        where = f"{kind} {index + 1} ({way}, {fields['evt.res']})"
        if not checks.check(index < len(alerts), f"{where}: not seen"):
            continue
        seen = alerts[index]["output_fields"]
        wrong = [f"{field}: got {seen.get(field)!r}, wanted {wanted!r}" for field, wanted in fields.items()
                 if field not in seen or not agrees(seen[field], wanted)]
        checks.check(not wrong, f"{where}: {'; '.join(wrong)}")
        table[kind][way] += 1
    for extra in alerts[len(truths):]:
        checks.check(False, f"not stated, or told twice: {extra['output_fields']}")


def attach(options):
    return ["--attach", options.attach] if options.attach else []


def hooks_of(pid):
    """The programs at the kernel's own tracepoints (BTF) that the process holds; not those on functions, which depend on the way."""
    names = set()
    for number in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii", errors="replace") as info:
                text = info.read()
        except FileNotFoundError:
            continue
        if "link_type:\traw_tracepoint" in text:
            names.update(re.findall(r"prog_id:\t(\d+)", text))
    return names


def ways_at_once(options, folder, checks):
    place = folder.folder("place")
    program = os.path.join(options.programs, "tk_uring")
    types = []
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", "tk_uring.c"), encoding="utf-8") as source:
        types = re.findall(r'"(\w+)"', re.search(r"truth_types\((.*?)\);", source.read(), re.S).group(1))
    with support.Agent(options.tiercel, folder.file("rules.yaml", rules_text(types)), config="history: {enabled: false}\n", extra=attach(options)) as agent:
        hooks = len(hooks_of(agent.pid))
        done = subprocess.run([program, place], capture_output=True, timeout=60 * support.SLOWER)
        checks.equal(done.returncode, 0, f"tk_uring ({done.stderr.decode().strip()})")
        truths = [json.loads(line) for line in done.stdout.decode().splitlines()][1:]
        agent.wait_alerts(lambda alerts: len(alerts) >= len(truths), "an alert for each operation")
        summary = agent.stop()
        alerts = [alert for alert in agent.alerts() if alert["rule"] == "Through a ring"]
    checks.equal(summary["lost"], 0, "events lost")
    return truths, alerts, hooks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="folder of the built test programs")
    parser.add_argument("--attach", help="tracepoint, kprobe or trampoline; none: what the agent chooses")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("uring") as folder:
        truths, alerts, hooks = ways_at_once(options, folder, checks)
        stated, told = defaultdict(list), defaultdict(list)
        for truth in truths:
            stated[truth["type"]].append(truth)
        for alert in alerts:
            told[alert["output_fields"]["evt.type"]].append(alert)
        table = defaultdict(lambda: defaultdict(int))
        for kind in sorted(set(stated) | set(told)):
            compare(stated[kind], told[kind], checks, table)
        rules = folder.file("other.yaml", "- rule: Other\n  desc: nothing of a ring's\n  condition: evt.type = setuid\n"
                            "  output: x\n  priority: NOTICE\n")
        with support.Agent(options.tiercel, rules, config="history: {enabled: false}\n", extra=attach(options)) as agent:
            without = len(hooks_of(agent.pid))
    checks.equal(hooks - without, 5, "hooks of io_uring, where a rule asks for them and where none does")
    ways = sorted({way for row in table.values() for way in row})
    support.say(support.table(["told as"] + ways, [[kind] + [row[way] for way in ways] for kind, row in sorted(table.items())]))
    support.say(f"{len(truths)} operations stated, {len(alerts)} told; an agent that no rule asks for them has {without} hooks")
    return checks.finish("uring")


if __name__ == "__main__":
    support.main(main, "kernel_uring")
