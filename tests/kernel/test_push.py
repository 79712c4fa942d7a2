#!/usr/bin/env python3
"""What the kernel leaves out changes no alert: two agents with the same rules see the same calls, one with sensor.push_down and one
without, and alert alike. Rules and opens are made at random from a seed that is printed; pieces of paths are shared, so that many
rules match, and paths are written in every way that names the same file or nearly the same.

In its long form (TIERCEL_SOAK) many seeds.
"""

import argparse
import collections
import ctypes
import json
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import places  # noqa: E402
import tiercel as support  # noqa: E402

RULES, OPENS, SEEDS, SEEDS_LONG = 16, 1500, 2, 60
TICK_S = 2.5  # counters are read once a second
NAMES = ["etc", "data", ".ssh", "shadow", "a.pth", "b.ini", "x", "log", "key.pem", "lib.so.1", "deep", "..data", ". ", "...", "ключ"]
FLAGS = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_RDWR | os.O_TRUNC,
         os.O_WRONLY | os.O_CREAT | os.O_EXCL, os.O_RDONLY | os.O_DIRECTORY, os.O_PATH, os.O_WRONLY | os.O_RDWR]
NAME = f"push_{os.getpid()}"  # of the program: another run beside this one has its own
FIELDS = ["evt.type", "evt.rawres", "fd.name", "fd.nameraw", "fd.realpath", "evt.arg.flags"]


def tree(root, dice):
    """Folders, files, and links to them: the paths of all."""
    paths = [root]
    for _ in range(40):
        parent = dice.choice([path for path in paths if os.path.isdir(path)])
        path = f"{parent}/{dice.choice(NAMES)}"
        if os.path.lexists(path):
            continue
        kind = dice.random()
        if kind < 0.5:
            os.mkdir(path)
        elif kind < 0.8:
            with open(path, "w", encoding="utf-8"):
                pass
        else:
            os.symlink(dice.choice(paths), path)
        paths.append(path)
    return paths


def disguised(path, dice):
    """Another way to write it; some of them name something else."""
    for _ in range(dice.randrange(3)):
        cut = path.rfind("/", 0, dice.randrange(1, len(path) + 1))
        head, tail = path[:max(cut, 0)], path[max(cut, 0):]
        path = dice.choice([head + "/." + tail, head + "//" + tail.lstrip("/"), head + "/etc/.." + tail, head + "/../" + os.path.basename(head) + tail,
                            path + "/", path + "/.", path + "/..", "/proc/self/root" + path, path])
    return path


def opens(root, paths, dice):
    """[(folder to stand in, folder of a descriptor or None, path, flags)]"""
    made = []
    folders = [path for path in paths if os.path.isdir(path)]
    for _ in range(OPENS):
        path = dice.choice(paths)
        if dice.random() < 0.3:
            path += "/" + dice.choice(NAMES)
        stand, descriptor = dice.choice(folders), dice.choice(folders) if dice.random() < 0.3 else None
        path = disguised(path, dice)
        if dice.random() < 0.1:
            path = path.lstrip("/")  # relative to somewhere else
        elif dice.random() < 0.5:
            path = os.path.relpath(path, dice.choice([stand, descriptor or stand, root]))
        made.append([stand, descriptor, path, dice.choice(FLAGS)])
    return made


def literal(paths, dice):
    path = dice.choice(paths)
    return dice.choice([path, path + "/" + dice.choice(NAMES)])


def with_gap(path, dice):
    """The path with something in the place of one of its names."""
    names = path.replace('"', "").split("/")
    names[dice.randrange(len(names))] = dice.choice(["*", "?*", "[a-z]*"])
    return "/".join(names)


def test_of(paths, dice):
    field = dice.choice(["fd.name"] * 4 + ["fd.nameraw", "fd.realpath", "fs.path.name", "fs.path.nameraw", "fd.directory", "fd.filename"])
    whole = literal(paths, dice)
    start, end = sorted(dice.sample(range(len(whole) + 1), 2)) if len(whole) > 1 else (0, 1)
    if field == "fd.filename":
        whole, start = os.path.basename(whole), 0
    piece = (whole[start:end] or whole).replace('"', "")
    pattern = "*".join(part for part in (whole[:start], whole[end:]) if part) or "*"
    folders = with_gap(whole, dice)
    regex = "".join(f"[{c}]" if c in ".+()" else c for c in whole[start:end]) or "x"
    return dice.choice([f'{field} = "{whole}"', f'{field} in ("{whole}", "{literal(paths, dice)}")', f'{field} startswith "{whole[:end]}"',
                        f'{field} endswith "{whole[start:]}"', f'{field} contains "{piece}"', f'{field} glob "{pattern}"', f'{field} pmatch ("{whole}")', f'{field} pmatch ("{folders}")', f'{field} glob "{folders}"',
                        f'{field} regex ".*{regex}.*"', f'{field} regex "(.|[[:space:]])*/({"|".join(dice.sample(["etc", "log", "deep", "x"], 2))})(/.*)?"',
                        f'basename({field}) in ("{os.path.basename(whole)}")', f'{field} icontains "{piece}"'])


def plain_test(dice):
    return dice.choice(["evt.is_open_read = true", "evt.is_open_write = true", "evt.is_open_create = true", "evt.is_open_exec = true", "evt.failed = true",
                        "evt.rawres >= 0", "evt.rawres < 0", "fd.num >= 0", "user.uid = 0", "user.uid != 0", "evt.arg.flags contains O_TRUNC",
                        "fd.num > -1", f"proc.name = {NAME}", "proc.name in (nginx, sshd)", 'proc.exepath endswith "/nft"', 'proc.exepath glob "*/python3*"',
                        "proc.name startswith push", "proc.exepath pmatch (/usr/bin)", "proc.name = renamed", f"proc.name pmatch ({NAME})", "evt.rawres = -2", "evt.is_open_read != true", "not evt.is_open_write = true", "fs.path.source = /x", "evt.arg.target contains x", "container.id = host"])


def condition(paths, dice, depth=3):
    if depth == 0 or dice.random() < 0.25:
        return test_of(paths, dice) if dice.random() < 0.6 else plain_test(dice)
    word = dice.choice(["and", "and", "or", "not"])
    if word == "not":
        return f"not ({condition(paths, dice, depth - 1)})"
    return f"({condition(paths, dice, depth - 1)} {word} {condition(paths, dice, depth - 1)})"


def rules(paths, dice):
    text = ""
    for number in range(RULES):
        types = dice.choice(["evt.type in (open, openat, openat2)", "evt.type = openat", "(evt.type = openat2 or evt.type = openat)"])
        # a text that most opens do not have: else every open is wanted, and nothing is left out
        needed = test_of(paths, dice)
        while "contains" in needed or "regex" in needed or needed.startswith("basename"):
            needed = test_of(paths, dice)
        text += (f"- rule: R{number}\n  desc: at random\n  condition: >\n    {types} and proc.name in ({NAME}, push_other) and {needed} and {condition(paths, dice)}\n"
                 f"  output: \"{' '.join('%' + field for field in FIELDS)}\"\n  priority: NOTICE\n")
    return text


def child(todo):
    """Makes the opens, by open, openat and openat2 in turn."""
    places.only_writable(todo["folder"])  # the paths lead anywhere, and this is root
    made = todo["opens"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(15, b"renamed")  # which does not change what rules know as its name
    if os.fork() == 0:
        made = made[::2]
    for number, (stand, descriptor, path, flags) in enumerate(made):
        os.chdir(stand)
        at = os.open(descriptor, os.O_PATH | os.O_DIRECTORY) if descriptor else -100
        name = ctypes.create_string_buffer(os.fsencode(path))
        if number % 3 == 0 and not descriptor:
            fd = libc.syscall(2, name, flags, 0o755)
        elif number % 3 == 1:
            how = (ctypes.c_uint64 * 3)(flags, 0o644 if flags & os.O_CREAT else 0, 0)
            fd = libc.syscall(437, at, name, how, 24)
        else:
            fd = libc.syscall(257, at, name, flags, 0o644)
        for one in (fd, at):
            if one >= 0:
                os.close(one)
    if len(made) < OPENS:
        os._exit(0)
    os.wait()


def agents(options, files):
    config = "outputs:\n  - type: stdout\nrule_matching: all\nmetrics: {enabled: false}\nhistory: {enabled: false}\nsensor: {push_down: %s}\n"
    return [support.Agent(options.tiercel, files, config=config % word) for word in ("true", "false")]


def told(agent, fields):
    return collections.Counter((alert["rule"], *(str(alert["output_fields"].get(field)) for field in fields))
                               for alert in agent.alerts() if not alert["rule"].startswith("Tiercel internal"))


def run(options, seed, checks):
    dice = random.Random(seed)
    with support.Folder("push") as folder:
        root = folder.folder("tree")
        paths = tree(root, dice)
        todo = folder.file("opens.json", json.dumps({"opens": opens(root, paths, dice), "folder": folder.path}))
        return compare(options, folder, rules(paths, dice), (os.path.abspath(__file__), "--opens", todo), NAME, FIELDS, checks)


def compare(options, folder, text, script, name, fields, checks):
    """Two agents with these rules beside a program of that name that runs the script: alerts without push-down, and what the kernel left out with it."""
    both = agents(options, [folder.file("rules.yaml", text)])
    with both[0], both[1]:
        program = os.path.join(folder.path, name)
        os.symlink(sys.executable, program)
        subprocess.run([program, *script, "--tiercel", "-", "--programs", "-"], check=True, timeout=120 * support.SLOWER)
        time.sleep(TICK_S)
        known = [agent.status() for agent in both]
        for agent in both:
            checks.equal(agent.stop()["lost"], 0, "events lost")
    on, off = (told(agent, fields) for agent in both)
    missing, extra = off - on, on - off
    checks.check(not missing and not extra, f"missing {sum(missing.values())} {list(missing.items())[:3]}, extra {sum(extra.values())} {list(extra.items())[:3]}")
    checks.equal(known[1]["filtered"], 0, "left out without sensor.push_down")
    return sum(off.values()), known[0]["filtered"]


def over_seeds(options, run_one, what):
    checks = support.Checks()
    first = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "little")
    seeds = 1 if options.seed is not None else SEEDS_LONG if support.soak() else SEEDS
    alerts = filtered = 0
    for seed in range(first, first + seeds):
        support.say(f"seed {seed}")
        more, left_out = run_one(options, seed, checks)
        alerts += more
        filtered += left_out
    checks.check(alerts > 0 and filtered > 0, f"alerts to compare, and {what} that the kernel left out")
    support.say(f"{alerts} alerts alike with and without; the kernel left out {filtered} {what}")
    return checks.finish(f"push-down of {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--opens", help="makes the opens of that file, and nothing else")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    if options.opens:
        with open(options.opens, encoding="utf-8") as file:
            child(json.load(file))
        return 0
    support.require_kernel_tests()
    return over_seeds(options, run, "opens")


if __name__ == "__main__":
    support.main(main, "kernel_push")
