#!/usr/bin/env python3
"""Every event type, field by field, against what small programs say of themselves.

The programs (programs/tk_*.c) do each call with and without success and print what must be seen. Fails too: an event
that no program states, an argument that a statement leaves out, an event type of `tiercel events` without a program.
"""

import argparse
import grp
import json
import os
import pty
import pwd
import re
import subprocess
import sys
from collections import defaultdict

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

# Used by other tests.
NO_TRUTH = {"tk_brood", "tk_busy", "tk_flip", "tk_flood", "tk_nop", "tk_storm", "tk_toctou", "tk_uring"}
# They enter the kernel as 32-bit programs do, which some ways to attach do not see (matrix/): run where a flag says which.
COMPAT = {"tk_int80", "tk_socketcall"}
FIELDS = """
 evt.num evt.type evt.res evt.rawres evt.failed evt.args
 proc.name proc.pid proc.ppid proc.vpid proc.exe proc.exepath proc.args proc.cmdnargs proc.cmdline proc.cwd proc.tty
 proc.sid proc.pgid proc.vpgid proc.exe_ino proc.is_exe_writable thread.tid thread.ismain
 proc.stdin.type proc.stdin.name proc.stdout.type proc.stdout.name proc.stderr.type proc.stderr.name
 proc.is_exe_from_memfd proc.script proc.fdlimit proc.vmsize proc.nthreads proc.is_sid_leader proc.sname
 thread.cap_effective thread.cap_permitted thread.cap_inheritable thread.cgroups
 user.uid user.name user.loginuid group.gid group.name
 evt.category evt.is_io_read evt.is_io_write evt.io_dir evt.buffer evt.buflen
 evt.is_open_read evt.is_open_write evt.is_open_exec evt.is_open_create
 fd.num fd.type fd.typechar fd.name fd.nameraw fd.realpath fd.directory fd.filename fd.ino fd.l4proto fd.is_server
 fd.cip fd.cport fd.sip fd.sport fd.connected fd.name_changed fd.dev.major fd.dev.minor
 fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw fs.path.target fs.path.targetraw
""".split()


# Not the kernel's: test_container_rules.py and test_procinfo.py see to them.
MADE_BY_THE_AGENT = {"container", "procinfo"}


def events_of(tiercel):
    listed = json.loads(subprocess.run([tiercel, "events", "--json"], check=True, capture_output=True).stdout)
    return {event["name"]: [param.partition(":")[0] for param in event["params"].split()]  # "res:PID"
            for event in listed if event["seen"] == "yes"}


def programs_in(folder):
    """The programs that state truths, and those of them that want a folder of their own (they say so at their head)."""
    names, with_folder = [], set()
    for source in sorted(os.listdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs"))):
        name = source.removesuffix(".c")
        if not source.startswith("tk_") or not source.endswith(".c") or name in NO_TRUTH:
            continue
        names.append(name)
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", source)) as f:
            if "a folder" in f.readline():
                with_folder.add(name)
    return names, with_folder


def lacking(tiercel):
    """Event types whose system calls this kernel, or this architecture, does not have."""
    said = subprocess.run([tiercel, "doctor"], capture_output=True, text=True).stdout
    return {name for names in re.findall(r"no tracepoint for ([^;\n]*)|never had ([^;\n]*)", said) for text in names
            for name in text.split(", ") if name}


def rules_text(events):
    args = sorted({param for params in events.values() for param in params})
    # proc.env makes the sensor read the environment
    output = " ".join(f"%{field}" for field in FIELDS + [f"evt.arg.{arg}" for arg in args] + ["proc.env[TK_MARK]"])
    return (f"- rule: Test program\n  desc: every event of the test programs\n"
            f"  condition: evt.type in ({', '.join(events)}) and proc.name startswith tk_\n"
            f"  output: \"{output}\"\n  priority: NOTICE\n  tags: [test]\n")


def run_program(path, folder, controlling_terminal):
    """Returns the lines that it printed. It leads a session; with a terminal of its own where asked."""
    argv = [path] + ([folder] if folder else [])
    environment = {"TK_MARK": "yes", **{name: os.environ[name] for name in ("TK_MODULE",) if name in os.environ}}
    if not controlling_terminal:
        done = subprocess.run(argv, env=environment, capture_output=True, timeout=60 * support.SLOWER, start_new_session=True)
    else:
        master, slave = pty.openpty()

        def take_terminal():
            import fcntl
            import termios
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        done = subprocess.run(argv, env=environment, capture_output=True, timeout=60 * support.SLOWER, start_new_session=True,
                              preexec_fn=take_terminal)
        os.close(slave)
        os.close(master)
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()


def name_of(database, number):
    if number == 0xFFFFFFFF:
        return "<NONE>"
    try:
        return database(number)[0]
    except KeyError:
        return "<NA>"


def agrees(got, wanted):
    if isinstance(wanted, dict):
        if "like" in wanted:
            return isinstance(got, str) and re.search(wanted["like"], got) is not None
        if "user" in wanted:
            return got == name_of(pwd.getpwuid, wanted["user"])
        if "group" in wanted:
            return got == name_of(grp.getgrgid, wanted["group"])
        raise AssertionError(wanted)
    return got == wanted and isinstance(got, bool) == isinstance(wanted, bool)


def shown(wanted):
    if isinstance(wanted, dict) and "user" in wanted:
        return name_of(pwd.getpwuid, wanted["user"])
    if isinstance(wanted, dict) and "group" in wanted:
        return name_of(grp.getgrgid, wanted["group"])
    return wanted


class Compared:
    """Counts per event type, for the table at the end."""

    def __init__(self):
        self.events = defaultdict(int)
        self.fields = defaultdict(int)
        self.wrong = defaultdict(lambda: defaultdict(list))  # type -> field -> ["got .., wanted .."]

    def bad(self, kind, field, text):
        self.wrong[kind][field].append(text)


def compare(program, truths, alerts, params, compared):
    """truths and alerts: lists of one (pid, type), in order."""
    for index, truth in enumerate(truths):
        kind = truth["type"]
        fields = truth["fields"]
        where = f"{program} event {index + 1} of pid {truth['pid']}"
        for param in params[kind]:
            if f"evt.arg.{param}" not in fields:
                compared.bad(kind, f"evt.arg.{param}", f"{where}: {program} does not state it")
        if index >= len(alerts):
            compared.bad(kind, "(event)", f"{where}: not seen ({fields.get('evt.res')})")
            continue
        compared.events[kind] += 1
        seen = alerts[index]["output_fields"]
        for field, wanted in fields.items():
            compared.fields[kind] += 1
            if field not in seen:
                compared.bad(kind, field, f"{where}: not asked for by the test's rule")
            elif not agrees(seen[field], wanted):
                compared.bad(kind, field, f"{where} ({fields.get('evt.res', '')}): got {seen[field]!r}, wanted {shown(wanted)!r}")
    for extra in alerts[len(truths):]:
        seen = extra["output_fields"]
        compared.bad(seen["evt.type"], "(event)", f"{program}: not stated: pid {seen['proc.pid']} {seen['evt.args']}")


def run_all(options, folder, checks):
    covered = set()
    runs = []  # program, types, truths by (pid, type)
    names, with_folder = programs_in(options.programs)
    for name in names:
        if options.only and name not in options.only or name in COMPAT - {*options.seen, *options.unseen}:
            continue
        for terminal in (False, True) if name == "tk_exec" else (False,):
            place = folder.folder(f"{name}{'-tty' if terminal else ''}") if name in with_folder else None
            status, lines, said = run_program(os.path.join(options.programs, name), place, terminal)
            checks.check(status == (3 if name == "tk_exit" else 0), f"{name} ended with {status}: {said}")
            parsed = [json.loads(line) for line in lines]
            types = parsed[0]["types"] if parsed else []
            truths = defaultdict(list)
            for truth in parsed[1:]:
                truths[(truth["pid"], truth["type"])].append(truth)
            covered.update(kind for _, kind in truths if name not in options.unseen)
            runs.append((name, types, truths))
            support.say(f"  {name}: {len(parsed) - 1} events stated")
    return covered, runs


def sensor(options):
    """With every hook on for everybody the kernel leaves out nothing, and the agent's alerts make events of their own where they are read: more than the
    rings of an agent with rules have room for. In an emulator the reader falls seconds behind."""
    size_kb = 65536 if support.SLOWER > 1 else 16384
    keys = [f"ring_vital_size_kb: {size_kb}, ring_bulk_size_kb: {size_kb}"]
    keys += ["compat_calls: true"] if options.compat_calls else []
    return f"sensor: {{{', '.join(keys)}}}\n" if keys else ""


def keep(path, agent, runs, alerts):
    """Each event that a program states with what the agent saw of it, and what the agent said."""
    kept = []
    for name, types, truths in runs:
        pids = list(dict.fromkeys(pid for pid, _ in truths))  # in the order of their first event
        seen = [alert["output_fields"] for pid in pids for kind in types for alert in alerts.get((pid, kind), [])]
        kept.append({"program": name, "pids": pids, "events": [{field: value for field, value in fields.items() if value is not None}
                                                               for fields in seen]})
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"said": agent.child.errors, "runs": kept}, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="folder of the built test programs")
    parser.add_argument("--only", nargs="*", help="only these programs")
    parser.add_argument("--attach", help="the agent's way to attach")
    parser.add_argument("--compat-calls", action="store_true", help="with sensor.compat_calls")
    parser.add_argument("--seen", nargs="*", default=[], help="programs of 32-bit calls, told as they state")
    parser.add_argument("--unseen", nargs="*", default=[], help="... and those of which nothing may be told")
    parser.add_argument("--keep", help="file for what was seen, as JSON: what another way to attach saw is compared with it")
    parser.add_argument("--all-wrong", action="store_true", help="print every difference, not one per field")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, compared = support.Checks(), Compared()
    events = events_of(options.tiercel)
    with support.Folder("events") as folder:
        rules = folder.file("rules.yaml", rules_text(events))
        # Every hook is on, for everybody: the agent's own files, too. Without a history an alert costs it no ten of these.
        way = ["--attach", options.attach] if options.attach else []
        with support.Agent(options.tiercel, rules, config="history: {enabled: false}\n" + sensor(options), extra=way) as agent:
            support.say(f"the agent is ready after {agent.ready_s:.2f} s")
            covered, runs = run_all(options, folder, checks)
            summary = agent.stop()  # drains what is still in the rings
            alerts = defaultdict(list)
            for alert in agent.alerts():
                if alert["rule"] != "Test program":
                    continue
                seen = alert["output_fields"]
                alerts[(seen["proc.pid"], seen["evt.type"])].append(alert)
            if options.keep:
                keep(options.keep, agent, runs, alerts)
        for name, types, truths in runs:
            pids = {pid for pid, _ in truths}
            if name in options.unseen:
                told = [kind for pid in pids for kind in types if (pid, kind) in alerts]
                checks.check(pids and not told, f"{name}: events that this way to attach does not see: {told}")
                continue
            keys = set(truths) | {(pid, kind) for pid in pids for kind in types if (pid, kind) in alerts}
            for key in sorted(keys):
                compare(name, truths.get(key, []), alerts.get(key, []), events, compared)
    if not options.only:
        absent = lacking(options.tiercel)
        if absent:
            support.say(f"not in this kernel, so not tested here: {', '.join(sorted(absent))}")
        for kind in sorted(set(events) - covered - absent - MADE_BY_THE_AGENT):
            checks.check(False, f"event type {kind} has no test program")
    checks.equal(summary["lost"], 0, "events lost")
    rows = []
    for kind in sorted(covered):
        wrong = sum(len(texts) for texts in compared.wrong[kind].values())
        checks.check(not wrong, f"{kind}: {wrong} differences")
        rows.append([kind, compared.events[kind], compared.fields[kind], wrong])
    for kind in sorted(compared.wrong):
        for field, texts in sorted(compared.wrong[kind].items()):
            more = f" (and {len(texts) - 1} more)" if len(texts) > 1 and not options.all_wrong else ""
            for text in texts if options.all_wrong else texts[:1]:
                support.say(f"  {kind} {field}: {text}{more}")
    support.say(support.table(["event", "events", "fields compared", "differences"], rows))
    support.say(f"stop took {agent.stop_s:.2f} s")
    return checks.finish("events")


if __name__ == "__main__":
    support.main(main, "kernel_events")
