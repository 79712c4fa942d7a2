#!/usr/bin/env python3
"""Inside a machine of the matrix: runs the programs under each way to attach, and writes what was found to the second disk.

Judged here: whether the events are what the programs state (test_events.py). Judged outside (judge.py): everything between ways."""

import glob
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EVENTS = os.path.join(HERE, "..", "test_events.py")
TIERCEL = "/usr/bin/tiercel"
PROGRAMS = "/src/programs"
FOUND = "/dev/vdb"
WORDS = 25  # lines
sys.path.insert(0, os.path.join(HERE, ".."))
import test_events  # noqa: E402


def say(text):
    print(text, flush=True)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        return f"({error.strerror})"


def words(way):
    """Shows why the agent did not come to watch: the kernel's words about the program that it refused."""
    with open("/tmp/all.yaml", "w", encoding="utf-8") as file:
        file.write(test_events.rules_text(test_events.events_of(TIERCEL)))
    argv = ["timeout", "60", TIERCEL, "run", "--no-manager", "--json", "--log-level", "debug", "--run-dir", "/tmp/run", "--state-dir", "/tmp/state",
            "--rules", "/tmp/all.yaml", *way["flags"]]
    said = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False).stderr.splitlines()
    say("\n".join(["guest: the agent's last words:", *said[-WORDS:]]))


def events(way, only):
    """test_events.py with this way to attach: (its status, what it kept)"""
    kept = "/tmp/kept.json"
    argv = [sys.executable, EVENTS, "--tiercel", TIERCEL, "--programs", PROGRAMS, "--keep", kept, *way["flags"], *way.get("events", []),
            "--seen", *way["seen"], "--unseen", *way["unseen"]]
    if os.path.exists(kept):
        os.remove(kept)
    status = subprocess.run(argv + (["--only", *only] if only else []), check=False).returncode
    if not os.path.exists(kept):
        words(way)
        return {"status": status}
    with open(kept, encoding="utf-8") as file:
        return {"status": status, **json.load(file)}


def further(name, way):
    """Another test of tests/kernel: its status."""
    argv = [sys.executable, os.path.join(HERE, "..", f"test_{name}.py"), "--tiercel", TIERCEL, "--programs", PROGRAMS, *way["flags"]]
    return subprocess.run(argv, check=False).returncode


def one_way(way, only, tests):
    begun = time.monotonic()
    say(f"guest: {way['name']}")
    found = {"events": events(way, only),
             "tests": {name: further(name, way) for name, names in tests if (names is None and not way.get("events")) or way["name"] in (names or [])}}
    say(f"guest: {way['name']} took {time.monotonic() - begun:.0f} s")
    return found


def main():
    say("guest: begins")
    with open("/src/orders.json", encoding="utf-8") as file:
        work = json.load(file)
    os.environ["TIERCEL_TEST_SLOWER"] = str(work["slower"])
    os.environ["TK_MODULE"] = glob.glob("/src/*.ko")[0]
    doctor = subprocess.run([TIERCEL, "doctor", "--json"], capture_output=True, text=True, check=False)
    found = {"kernel": os.uname().release, "lsm": read("/sys/kernel/security/lsm"), "doctor": doctor.stdout, "doctor_said": doctor.stderr, "ways": {}}
    for way in work["ways"]:
        found["ways"][way["name"]] = one_way(way, work["only"], work["tests"])
    text = json.dumps(found).encode()
    with open(FOUND, "wb") as disk:
        disk.write(len(text).to_bytes(8, "little") + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
