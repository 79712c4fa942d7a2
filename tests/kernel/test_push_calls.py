#!/usr/bin/env python3
"""As test_push.py, for calls with one path or two, for connections and for users: rules and calls at random, two agents, the same alerts.

In its long form (TIERCEL_SOAK) many seeds.
"""

import argparse
import ctypes
import json
import os
import random
import socket
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import places  # noqa: E402
import test_push as opens  # noqa: E402
import tiercel as support  # noqa: E402

RULES, CALLS = 20, 1200
NAME = f"pushc_{os.getpid()}"
USER = 33
ONE_PATH = {"unlink": "p", "rmdir": "p", "unlinkat": "dp0", "mkdir": "pm", "mkdirat": "dpm", "chmod": "pm", "fchmodat": "dpm", "chown": "p00", "truncate": "p0",
            "utimensat": "dp00", "lchown": "p00", "fchownat": "dp000"}
TWO_PATHS = {"rename": "pp", "renameat": "dpdp", "renameat2": "dpdp0", "link": "pp", "linkat": "dpdp0", "symlink": "pp", "symlinkat": "pdp"}
NUMBERS = {"unlink": 87, "rmdir": 84, "unlinkat": 263, "mkdir": 83, "mkdirat": 258, "chmod": 90, "fchmodat": 268, "chown": 92, "truncate": 76, "utimensat": 280,
           "lchown": 94, "fchownat": 260, "rename": 82, "renameat": 264, "renameat2": 316, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266}
SOCKETS = ["connect", "accept", "accept4", "socket"]
DOUBLING = {"dup": 32, "dup2": 33, "dup3": 292, "fcntl": 72}
COMMANDS = {"F_DUPFD": 0, "F_DUPFD_QUERY": 1027, "F_DUPFD_CLOEXEC": 1030, "F_GETFD": 1, "F_SETFD": 2, "F_GETFL": 3, "odd": 4711}
ONTO = (-1, 0, 1, 60, 61, 62, 1 << 20)
KINDS = [(17, 3, 0), (16, 3, 12), (16, 2, 0), (2, 3, 1), (10, 3, 58), (2, 2, 0), (99, 1, 0)]  # of sockets: domain, type, protocol
ADDRESSES = ["127.0.0.1", "127.1.2.3", "127.0.0.2", "::1", "::ffff:127.0.0.1", "::ffff:127.1.2.3", "0.0.0.0"]
NETWORKS = ["127.0.0.0/8", "127.0.0.0/31", "127.1.0.0/16", "::1/128", "10.0.0.0/8", "fe80::/10", "0.0.0.0/1"]
FIELDS = ["evt.type", "evt.rawres", "evt.arg.cmd", "fd.num", "fd.name", "fs.path.name", "fs.path.nameraw", "fs.path.source", "fs.path.target", "user.uid", "fd.l4proto"]


def socket_test(ports, dice):
    end = dice.choice("scrl")
    port, other = dice.choice(ports), dice.choice(ports)
    quoted = [f'"{network}"' for network in dice.sample(NETWORKS, 2)]
    address = dice.choice([a for a in ADDRESSES if "ffff" not in a])
    many = ", ".join(str(one) for one in [*dice.sample(range(1024, 30_000), 9), port])  # more than the kernel looks at in one step
    return dice.choice([f"fd.{end}port in ({many})", f"not fd.{end}port in ({many})",
                        f"fd.{end}port = {port}", f"fd.{end}port in ({port}, {other})", f"fd.{end}port != {port}", f"fd.{end}port >= {port}", f"fd.{end}port < {port}",
                        f"not fd.{end}port > {port}", f"fd.port = {port}", f"fd.port != {port}", f'fd.{end}ip = "{address}"', f'fd.{end}ip != "{address}"', f'fd.ip = "{address}"',
                        f"fd.{end}net in ({', '.join(quoted)})", f"fd.net = {quoted[0]}", "fd.typechar in (4, 6)", "fd.typechar = u", "fd.typechar = 6", "fd.type = unix",
                        "fd.type in (ipv4, ipv6)", "fd.l4proto = tcp", "fd.l4proto = udp", "fd.sockfamily = unix", 'fd.name endswith "/one.sock"', 'fd.name contains "one.s"',
                        'fd.name contains "127"', 'fd.name endswith "/two.sock"', "evt.rawres = 0", "evt.res = ECONNREFUSED", "evt.res in (SUCCESS, EINPROGRESS)",
                        "evt.res != SUCCESS", "evt.rawarg.domain = 17", "evt.rawarg.domain in (2, 16)", "evt.rawarg.proto = 12", "fd.l4proto = raw", "fd.l4proto in (tcp, raw)"])


def doubling_test(dice):
    number, other, command = dice.choice(ONTO), dice.choice(ONTO), dice.choice(list(COMMANDS))
    return dice.choice([f"evt.rawres = {number}", f"evt.rawres in ({number}, {other})", f"evt.rawres != {number}", f"evt.rawres > {number}", f"evt.rawres >= {number}",
                        f"evt.rawres < {number}", f"evt.rawres <= {number}", f"fd.num = {number}", f"evt.rawres = {-dice.choice([9, 22])}", f"evt.arg.cmd = {command}",
                        f"evt.arg.cmd in (F_DUPFD, {command})", "evt.arg.cmd startswith F_DUPFD", "evt.arg.cmd startswith F_DUPFD_", "evt.arg.cmd contains DUPFD",
                        "evt.arg.cmd exists", "evt.res = EBADF", "evt.res in (SUCCESS, EINVAL)", "fd.typechar = f", "fd.typechar in (4, 6)", "evt.arg.oldfd = 0"])


def path_test(paths, dice, two):
    field = dice.choice(["fs.path.source", "fs.path.target", "fs.path.sourceraw", "fs.path.targetraw"] if two else ["fs.path.name", "fs.path.nameraw"])
    while True:
        test = opens.test_of(paths, dice)
        name = test.split(" ")[0]
        if name in ("fd.name", "fd.nameraw"):
            return field + test[len(name):]


def plain_test(dice):
    return dice.choice(["evt.failed = true", "evt.rawres >= 0", "evt.rawres < 0", "user.uid = 0", "user.uid != 0", f"user.uid in ({USER}, 34)", f"not user.uid in (0, {USER})",
                        "user.uid >= 1", f"user.uid < {USER}", f"user.uid > {USER}", "fd.num >= 0", f"proc.name = {NAME}", "proc.name in (nginx, sshd)",
                        'proc.exepath glob "*/python3*"', "evt.is_open_write = true", "fs.path.source startswith /", "container.id = host", "evt.arg.path startswith /",
                        "evt.arg.newpath contains x"])


def condition(test, dice, depth=3):
    if depth == 0 or dice.random() < 0.25:
        return test() if dice.random() < 0.6 else plain_test(dice)
    word = dice.choice(["and", "and", "or", "not"])
    if word == "not":
        return f"not ({condition(test, dice, depth - 1)})"
    return f"({condition(test, dice, depth - 1)} {word} {condition(test, dice, depth - 1)})"


def rules(paths, ports, dice):
    text = ""
    for number in range(RULES):
        kind = dice.choice(["one", "two", "socket", "doubling"])
        types = {"one": list(ONE_PATH), "two": list(TWO_PATHS), "socket": SOCKETS, "doubling": list(DOUBLING)}[kind]
        def test(kind=kind):
            if kind == "doubling":
                return doubling_test(dice)
            return socket_test(ports, dice) if kind == "socket" else path_test(paths, dice, kind == "two")
        chosen = ", ".join(dice.sample(types, dice.randrange(1, len(types) + 1)))
        text += (f"- rule: R{number}\n  desc: at random\n  condition: >\n    evt.type in ({chosen}) and proc.name = {NAME} and {test()} and {condition(test, dice)}\n"
                 f"  output: \"{' '.join('%' + field for field in FIELDS)}\"\n  priority: NOTICE\n")
    return text


def calls(paths, dice):
    """[[name, folder to stand in, folder of a descriptor or None, path, path]]"""
    folders = [path for path in paths if os.path.isdir(path)]
    made = []
    for _ in range(CALLS):
        both = []
        for _ in range(2):
            path = opens.disguised(dice.choice(paths) + ("/" + dice.choice(opens.NAMES) if dice.random() < 0.6 else ""), dice)
            both.append(os.path.relpath(path, dice.choice(folders)) if dice.random() < 0.4 else path)
        made.append([dice.choice([*ONE_PATH, *TWO_PATHS]), dice.choice(folders), dice.choice(folders) if dice.random() < 0.3 else None, *both])
    return made


def make_call(libc, name, stand, descriptor, first, second):
    """That system call, whatever comes of it."""
    if os.path.isdir(stand):
        os.chdir(stand)
    at = os.open(descriptor, os.O_PATH | os.O_DIRECTORY) if descriptor and os.path.isdir(descriptor) else -100
    texts = iter([ctypes.create_string_buffer(os.fsencode(text)) for text in (first, second)])
    arguments = []
    for kind in (ONE_PATH | TWO_PATHS)[name]:
        arguments.append({"p": lambda: next(texts), "d": lambda: at, "m": lambda: 0o755, "0": lambda: 0}[kind]())
    libc.syscall(NUMBERS[name], *arguments)
    if at >= 0:
        os.close(at)


def connections(ports, folder):
    """A listener on the first port of each family, and one by a path; clients to these and to where nobody is."""
    for kind in KINDS:
        try:
            socket.socket(*kind).close()
        except OSError:
            pass
    listeners = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        listener = socket.socket(family)
        listener.bind((address, 0))
        listener.listen(64)
        listeners.append(listener)
    one = os.path.join(folder, "one.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(one)
    listener.listen(64)
    real = [a_listener.getsockname()[1] for a_listener in listeners]
    for address in ADDRESSES:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for port in [*ports, *real]:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(family, kind) as client:
                    client.settimeout(2)
                    client.connect_ex((address, port))
    for path in (one, one + "x", "\0abstract", os.path.join(folder, "two.sock")):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect_ex(path)
    for open_one in [*listeners, listener]:
        open_one.setblocking(False)
        for _ in range(8):
            try:
                open_one.accept()[0].close()
            except BlockingIOError:
                pass
        open_one.close()
    os.unlink(one)


def doublings(libc):
    """Of a file, a socket and of nothing, to each of the numbers, or by each command."""
    with open("/dev/null", encoding="utf-8") as null, socket.socket() as one:
        for fd in (null.fileno(), one.fileno(), 4711):
            made = [("dup",), *((name, onto, *more) for name, *more in (("dup2",), ("dup3", 0), ("dup3", os.O_CLOEXEC), ("dup3", 1)) for onto in ONTO),
                    *(("fcntl", command, onto) for command in COMMANDS.values() for onto in ONTO)]
            for name, *arguments in made:
                kept = [os.dup(n) for n in (0, 1)]
                got = libc.syscall(DOUBLING[name], fd, *arguments)
                if got > 2 and (name != "fcntl" or arguments[0] in (0, 1030)):
                    os.close(got)
                for n, copy in enumerate(kept):
                    os.dup2(copy, n)
                    os.close(copy)


def child(todo):
    places.only_writable(todo["folder"])  # the paths lead anywhere, and this is root
    libc = ctypes.CDLL(None, use_errno=True)
    for number, made in enumerate(todo["calls"]):
        if number == len(todo["calls"]) // 2:
            connections(todo["ports"], todo["folder"])
            doublings(libc)
            os.setresuid(USER, USER, USER)
            connections(todo["ports"], todo["users"])
        make_call(libc, *made)


def run(options, seed, checks):
    dice = random.Random(seed)
    ports = sorted(dice.sample(range(1, 1024), 4))
    with support.Folder("pushc") as folder:
        root, users = folder.folder("tree"), folder.folder("users")
        os.chmod(folder.path, 0o755)
        os.chown(users, USER, USER)
        paths = opens.tree(root, dice)
        todo = folder.file("calls.json", json.dumps({"calls": calls(paths, dice), "ports": ports, "folder": folder.path, "users": users}))
        script = (os.path.abspath(__file__), "--calls", todo)
        return opens.compare(options, folder, rules(paths, ports, dice), script, NAME, FIELDS, checks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--calls", help="makes the calls of that file, and nothing else")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    if options.calls:
        with open(options.calls, encoding="utf-8") as file:
            child(json.load(file))
        return 0
    support.require_kernel_tests()
    return opens.over_seeds(options, run, "calls")


if __name__ == "__main__":
    support.main(main, "kernel_push_calls")
