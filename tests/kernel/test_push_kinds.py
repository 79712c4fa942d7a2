#!/usr/bin/env python3
"""Each kind of thing that the kernel looks at before it sends an event is hit both ways: calls that have it alert, one by one, and calls without
it are left out. A rule for each, as many at a time as there are different event types.
"""

import argparse
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "bench")]
import tiercel as support  # noqa: E402
from sensors import Tiercel  # noqa: E402

NAME = f"pushk_{os.getpid()}"
USER = 33
HITS, MISSES = 5, 200  # others open files meanwhile, but not as many
TICK_S = 1.2  # counters are read once a second
PORT = 9  # nobody listens there


def opening(path, flags=os.O_RDONLY, mode=0o644, user=0, program=NAME):
    return {"do": "open", "path": path, "flags": flags, "mode": mode, "user": user, "program": program}


def connecting(address="127.0.0.1", port=PORT, kind="tcp", unix=None, user=0, later=False):
    return {"do": "connect", "address": address, "port": port, "kind": kind, "unix": unix, "user": user, "program": NAME, "later": later}


def making(domain, kind, protocol):
    return {"do": "socket", "socket": [domain, kind, protocol], "user": 0, "program": NAME}


def doubling(onto, command=None):
    """By dup(), by dup2() or dup3() to the descriptor `onto`, or by fcntl()."""
    return {"do": "double", "onto": onto, "command": command, "user": 0, "program": NAME}


class Full:
    """A listener that has as many connections as it takes: others stay on their way."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.clients = [socket.socket() for _ in range(3)]
        for client in self.clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))

    def close(self):
        for one in (*self.clients, self.listener):
            one.close()


def naming(do, *paths):
    return {"do": do, "paths": paths, "user": 0, "program": NAME}


def cases(folder, full):
    """[(event type, condition, a call that has it, one that has not)]"""
    here, there, made = f"{folder}/yes.pem", f"{folder}/no.txt", f"{folder}/made"
    yes, no = opening(here), opening(there)
    write, create = os.O_WRONLY, os.O_WRONLY | os.O_CREAT
    return [
        ("openat", f"fd.name = {here}", yes, no),
        ("openat", f"fd.name in ({here}, /x)", yes, no),
        ("openat", f"fd.name startswith {folder}/yes", yes, no),
        ("openat", "fd.name endswith .pem", yes, no),
        ("openat", "fd.name contains /yes.", yes, no),
        ("openat", f"fd.name glob */yes.p?m", yes, no),
        ("openat", f"fd.name pmatch ({folder}/yes.pem)", yes, no),
        ("openat", 'fd.name regex ".*/(yes|x)[.]pem"', yes, no),
        ("openat", f"fd.nameraw = {here}", yes, no),
        ("openat", f"fd.realpath = {here}", opening(f"{folder}/link"), no),
        ("openat", f"fd.directory = {folder}", yes, opening("/etc/passwd")),
        ("openat", "fd.filename = yes.pem", yes, no),
        ("openat", "basename(fs.path.name) = yes.pem", yes, no),
        ("openat", "evt.is_open_read = true", yes, opening(there, write)),
        ("openat", "evt.is_open_write = true", opening(there, write), yes),
        ("openat", "evt.is_open_create = true", opening(made, create), yes),
        ("openat", "evt.is_open_exec = true", opening(made, create, 0o755), opening(made, create)),
        ("openat", "evt.arg.flags contains O_TRUNC", opening(there, write | os.O_TRUNC), opening(there, write)),
        ("openat", "evt.rawres >= 0", yes, opening(f"{folder}/none")),
        ("openat", "evt.failed = true", opening(f"{folder}/none"), yes),
        ("openat", "user.uid = 0", yes, opening(here, user=USER)),
        ("openat", "user.uid != 0", opening(here, user=USER), yes),
        ("openat", f"user.uid in ({USER}, 7)", opening(here, user=USER), yes),
        ("openat", "not user.uid > 0", yes, opening(here, user=USER)),
        ("openat", f"proc.name = NAME and fd.name = {here}", yes, opening(here, program=NAME + "x")),
        ("openat", f"proc.exepath = {os.path.realpath(sys.executable)} and fd.name = {here}", yes, {**yes, "program": "cat"}),
        ("unlinkat", "fs.path.name endswith .pem", naming("unlinkat", f"{folder}/a.pem"), naming("unlinkat", f"{folder}/a")),
        ("mkdir", "evt.rawres < 0", naming("mkdir", folder), naming("mkdir", f"{folder}/dir")),
        ("rename", f"fs.path.source = {folder}/a", naming("rename", f"{folder}/a", f"{folder}/b"), naming("rename", f"{folder}/c", f"{folder}/d")),
        ("symlink", "fs.path.target = /yes", naming("symlink", "/yes", f"{folder}/to"), naming("symlink", "/no", f"{folder}/to")),
        ("connect", "fd.typechar in (4, 6)", connecting(), connecting(unix="/none")),
        ("connect", "fd.typechar = u", connecting(unix="/none"), connecting()),
        ("connect", "evt.res = ECONNREFUSED", connecting(), connecting(kind="udp")),
        ("connect", "evt.res in (SUCCESS, EINPROGRESS)", connecting(kind="udp"), connecting()),
        ("connect", "evt.res = EINPROGRESS", connecting(port=full, later=True), connecting()),
        ("connect", "fd.l4proto = udp", connecting(kind="udp"), connecting()),
        ("connect", "fd.l4proto = tcp", connecting(), connecting(kind="udp")),
        ("connect", f"fd.sport = {PORT}", connecting(), connecting(port=PORT + 1)),
        ("connect", f"not fd.sport in ({PORT}, 53)", connecting(port=PORT + 1), connecting()),
        ("connect", f"fd.rport > {PORT}", connecting(port=PORT + 1), connecting()),
        ("connect", "fd.sip = 127.0.0.2", connecting("127.0.0.2"), connecting()),
        ("connect", 'fd.sip != "::1"', connecting(), connecting("::1")),
        ("connect", 'not fd.snet in ("127.0.0.0/9", "::1/128")', connecting("127.128.0.1"), connecting()),
        ("connect", 'fd.net = "127.1.0.0/16"', connecting("::ffff:127.1.2.3"), connecting()),
        ("socket", "evt.rawarg.domain = 17", making(17, 3, 0), making(2, 1, 0)),
        ("socket", "evt.rawarg.proto in (12, 99)", making(16, 3, 12), making(16, 3, 0)),
        ("socket", "fd.l4proto = raw", making(2, 3, 1), making(2, 2, 0)),
        ("socket", "evt.rawres < 0", making(99, 1, 0), making(2, 1, 0)),
        ("socket", "user.uid != 0 and fd.typechar = u", {**making(1, 1, 0), "user": USER}, making(1, 1, 0)),
        ("dup2", "evt.rawres = 77", doubling(77), doubling(78)),
        ("dup2", "not evt.rawres in (77, 3)", doubling(78), doubling(77)),
        ("dup2", "evt.rawres < 0", doubling(-1), doubling(77)),
        ("dup3", "evt.rawres >= 78", doubling(78), doubling(77)),
        ("dup", "proc.name = NAME and evt.failed = false", doubling(None), {**doubling(None), "program": NAME + "x"}),
        ("fcntl", "evt.arg.cmd startswith F_DUPFD", doubling(77, fcntl.F_DUPFD), doubling(0, fcntl.F_GETFL)),
        ("fcntl", "evt.arg.cmd in (F_DUPFD_CLOEXEC, F_DUPFD) and evt.rawres = 77", doubling(77, fcntl.F_DUPFD_CLOEXEC), doubling(78, fcntl.F_DUPFD)),
        ("connect", "fd.name endswith /yes.sock", connecting(unix="/none/yes.sock"), connecting(unix="/none/no.sock")),
    ]


def system_call(kind, call):
    """By open, openat or openat2."""
    libc = ctypes.CDLL(None)
    path = ctypes.create_string_buffer(os.fsencode(call["path"]))
    if kind == "open":
        return libc.syscall(2, path, call["flags"], call["mode"])
    if kind == "openat":
        return libc.syscall(257, -100, path, call["flags"], call["mode"])
    how = (ctypes.c_uint64 * 3)(call["flags"], call["mode"] if call["flags"] & os.O_CREAT else 0, 0)
    return libc.syscall(437, -100, path, how, 24)


def do(kind, call, folder):
    if call["do"] == "open":
        fd = system_call(kind, call)
        if fd >= 0:
            os.close(fd)
        if call["path"] == f"{folder}/made" and fd >= 0:
            os.unlink(call["path"])
    elif call["do"] == "connect":
        family = socket.AF_UNIX if call["unix"] else socket.AF_INET6 if ":" in call["address"] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM if call["kind"] == "udp" else socket.SOCK_STREAM) as client:
            client.setblocking(not call["later"])
            client.connect_ex(call["unix"] or (call["address"], call["port"]))
    elif call["do"] == "socket":
        fd = ctypes.CDLL(None).socket(*call["socket"])
        if fd >= 0:
            os.close(fd)
    elif call["do"] == "double":
        double(kind, call)
    else:
        name_paths(call["do"], call["paths"])


def double(kind, call):
    number, *arguments = {"dup": [32], "dup2": [33, call["onto"]], "dup3": [292, call["onto"], 0], "fcntl": [72, call["command"], call["onto"]]}[kind]
    fd = ctypes.CDLL(None).syscall(number, 0, *arguments)
    if fd > 2:
        os.close(fd)


def name_paths(name, paths):
    """And undone by calls of other types."""
    libc = ctypes.CDLL(None)
    texts = [ctypes.create_string_buffer(os.fsencode(path)) for path in paths]
    if name == "unlinkat":
        libc.syscall(263, -100, texts[0], 0)
        with open(paths[0], "w", encoding="utf-8"):
            pass
    elif name == "mkdir":
        if libc.mkdir(texts[0], 0o755) == 0:
            os.rmdir(paths[0])
    elif name == "rename":
        libc.syscall(82, *texts)
        libc.syscall(264, -100, texts[1], -100, texts[0])
    else:
        libc.syscall(88, *texts)
        os.unlink(paths[1])


def child(folder):
    """Makes what it is told line by line, and says when it has."""
    print("ready", flush=True)
    for line in sys.stdin:
        kind, call, times = json.loads(line)
        os.setresuid(call["user"], call["user"], 0)
        for _ in range(times):
            do(kind, call, folder)
        os.setresuid(0, 0, 0)
        print("done", flush=True)


class Caller:
    """A program that begins once the rules are there: of one from before the kernel knows nothing, and sends all that it does."""

    def __init__(self, folder, name):
        self.process = subprocess.Popen([os.path.join(folder, name), os.path.abspath(__file__), "--tiercel", "-", "--programs", "-", "--calls", folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said()

    def said(self):
        if not self.process.stdout.readline():
            raise support.Failure("the caller ended")

    def make(self, kind, call, times):
        self.process.stdin.write(json.dumps([kind, call, times]) + "\n")
        self.process.stdin.flush()
        self.said()

    def end(self):
        self.process.stdin.close()
        self.process.wait(support.WAIT_S)
        self.process.stdout.close()


def rounds(all_cases):
    """Of each event type one at a time; opens that ask for no program are as well told of by the other calls that open."""
    left = list(all_cases)
    while left:
        chosen = {}
        for case in left:
            kinds = ["openat", "open", "openat2"] if case[0] == "openat" and "proc." not in case[1] else [case[0]]
            free = next((kind for kind in kinds if kind not in chosen), None)
            if free:
                chosen[free] = case
        left = [case for case in left if case not in chosen.values()]
        yield chosen


def rule(kind, condition):
    by = "" if "proc." in condition else f"proc.name = {NAME} and "
    return (f"- rule: {kind}\n  desc: d\n  condition: evt.type = {kind} and {by}{condition.replace('NAME', NAME)}\n  output: o\n"
            "  priority: NOTICE\n")


def load(sensor, path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    before = sensor.status()["rules"]["digest"]
    sensor.agent.child.signal(signal.SIGHUP)
    support.wait_until(lambda: sensor.status()["rules"]["digest"] != before, "the next rules")


def by_program(callers, kind, call, times):
    if call["program"] in callers:
        callers[call["program"]].make(kind, call, times)
        return
    for _ in range(times):
        subprocess.run([call["program"], call["path"]], stdout=subprocess.DEVNULL, check=True, timeout=support.WAIT_S)


def try_round(sensor, together, folder, checks):
    callers = {name: Caller(folder, name) for name in (NAME, NAME + "x")}
    try:
        begun = len(sensor.agent.child.lines)
        for kind, (_, _, hit, _) in together.items():
            by_program(callers, kind, hit, HITS)
        time.sleep(TICK_S)
        before = {kind: sensor.counts(kind) for kind in together}
        for kind, (_, _, _, miss) in together.items():
            by_program(callers, kind, miss, MISSES)
        time.sleep(TICK_S)
    finally:
        for caller in callers.values():
            caller.end()
    alerts = [alert["rule"] for alert in sensor.agent.alerts()[begun:]]
    for kind, (_, condition, *_) in together.items():
        after = sensor.counts(kind)
        left_out = after.get("filtered", 0) - before[kind].get("filtered", 0)
        told = after["told"] - before[kind]["told"]
        checks.equal(alerts.count(kind), HITS, f"{kind}, {condition}: alerts about {HITS} calls that have it")
        checks.check(left_out >= MISSES and told < MISSES // 2, f"{kind}, {condition}: of {MISSES} calls without it {left_out} left out, {told} told")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--calls", help="makes those that it is told, in that folder, and nothing else")
    options = parser.parse_args()
    if options.calls:
        child(options.calls)
        return 0
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("k") as files:
        os.chmod(files.path, 0o777)
        for name in ("yes.pem", "no.txt", "a", "a.pem", "c"):
            os.chmod(files.file(name, ""), 0o666)
        os.symlink("yes.pem", files.path + "/link")
        for name in (NAME, NAME + "x"):
            os.symlink(os.path.realpath(sys.executable), os.path.join(files.path, name))
        full = Full()
        all_cases = cases(files.path, full.port)
        path = files.file("rules.yaml", rule("openat", "fd.name = /none"))
        with Tiercel("tiercel", options.tiercel, [path], keep_stdout=True) as sensor:
            for together in rounds(all_cases):
                load(sensor, path, "".join(rule(kind, case[1]) for kind, case in together.items()))
                try_round(sensor, together, files.path, checks)
            checks.equal(sensor.stop()["lost"], 0, "events lost")
        full.close()
    support.say(f"{len(all_cases)} kinds, each with {HITS} calls that have it and {MISSES} that have not")
    return checks.finish("kinds of push-down")


if __name__ == "__main__":
    support.main(main, "kernel_push_kinds")
