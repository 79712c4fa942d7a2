#!/usr/bin/env python3
"""With trampolines nothing hangs on a call's tracepoint, whatever the rules want: one alone makes the kernel take every call of every
process down its slow path (arch/x86/entry, SYSCALL_WORK_SYSCALL_TRACEPOINT). On tracepoints each call that is wanted has one, at its exit:
one at an entry would be a second for every call of every process (pivot_root could use it; chroot is such a call without)."""

import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_events  # noqa: E402
import tiercel as support  # noqa: E402

BARE = {"x86_64": {"fork", "vfork", "setsid"}, "aarch64": {"setsid"}}[os.uname().machine]  # calls without arguments


def perf_links(pid):
    """How many of the process's descriptors are BPF links on a perf event: tracepoints and kprobes."""
    found = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
                found += any(line.split() == ["link_type:", "perf"] for line in info)
        except FileNotFoundError:
            pass
    return found


def chosen_way(options):
    if options.attach:
        return options.attach
    said = subprocess.run([options.tiercel, "doctor", "--json"], capture_output=True, text=True, check=False).stdout
    return next(fact for fact in json.loads(said) if fact["what"] == "ways to attach")["detail"].split()[0].strip(",:;")


def links_for(options, folder, text):
    rules = folder.file("rules.yaml", text)
    with support.Agent(options.tiercel, rules, folder=folder, extra=["--attach", options.attach] if options.attach else []) as agent:
        return perf_links(agent.pid)


def rule(event):
    return f"- rule: R\n  desc: d\n  condition: evt.type = {event}\n  output: o\n  priority: NOTICE\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used")
    parser.add_argument("--attach", help="the way; without it what the agent chooses by itself")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    way = chosen_way(options)
    events = test_events.events_of(options.tiercel)
    checks.check(BARE <= set(events), f"the calls without arguments are events: {sorted(events)}")
    with support.Folder("untouched") as folder:
        found = links_for(options, folder, test_events.rules_text(events))
        pivot, chroot = (links_for(options, folder, rule(event)) for event in ("pivot_root", "chroot"))
    support.say(f"{way}: {found} links on perf events, {len(events)} types of events wanted")
    checks.equal(pivot, chroot, "links for pivot_root, as for chroot")
    if way == "trampoline":
        checks.equal(found, 0, "links on tracepoints")
    else:
        checks.check(found > len(events) / 2, f"a link for each call: {found}")
    return checks.finish(f"untouched, {way}")


if __name__ == "__main__":
    support.main(main, "kernel_untouched")
