"""What tests of delivery share: marked opens that say when they were (programs/open_marks.c), the alerts that arrived at the
dev-manager, those in the local file, and the comparison. Marks come from one process, one after the other, so the order of
their numbers is the order of the alerts."""

import array
import hashlib
import json
import os
import re
import threading
import time
from collections import defaultdict

import tiercel as support

RULES = """- rule: Critical mark
  desc: a file that only this test names
  condition: evt.type in (open, openat) and fd.name startswith {folder}/crit-
  output: "critical file %fd.name opened by %proc.name (%proc.cmdline)"
  priority: CRITICAL
- rule: Mark
  desc: a file that only this test names
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: "marked file %fd.name opened by %proc.name (%proc.cmdline) flags=%evt.arg.flags"
  priority: WARNING
  tags: [mitre_discovery, T1083]
"""
CONFIG = """outputs:
  - type: file
    config: {{path: {file}, rotate_size_mb: 0}}
  - type: wazuh
    config: {{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}}}
wazuh:
  agent_name: tiercel-delivery-test
{wazuh}heartbeat_interval_s: 0
{more}"""

NS = 1_000_000_000
EVENT = b'"decoder":"tiercel","event":'
_place = re.compile(rb'"connection":(\d+),"frame":(\d+)')


def config_text(path, manager, wazuh="", more=""):
    return CONFIG.format(file=path, port=manager.port, enrol_port=manager.enrol_port, wazuh=wazuh, more=more)


class Marks:
    """open_marks at work. Numbers go on over several of them."""

    def __init__(self, options, folder, critical_every=10):
        self.program = os.path.join(options.programs, "open_marks")
        self.folder, self.critical_every = folder, critical_every
        self.times = array.array("Q")  # of each mark, when it had been made (monotonic, ns)
        self.child, self._file = None, os.path.join(folder.path, "times")

    def start(self, rate, count=0):
        argv = [self.program, self.folder.path, self._file, str(rate), str(count), str(self.critical_every), str(len(self.times))]
        self.child = support.Child(argv)
        return self

    def finish(self, stop=True):
        """The program ends (stop: because it is told to); returns what it said."""
        if stop:
            self.child.signal(15)
        if self.child.wait(600) != 0:
            raise support.Failure(f"open_marks ended with status {self.child.process.returncode}: {self.child.stderr()}")
        with open(self._file, "rb") as file:
            new = array.array("Q", file.read())
        self.times.extend(new)
        return json.loads(self.child.lines[-1])

    def made(self):
        """How many there are, also while it works."""
        running = self.child and self.child.alive() and os.path.exists(self._file)
        return len(self.times) + (os.path.getsize(self._file) // 8 if running else 0)

    def is_critical(self, number):
        return bool(self.critical_every) and number % self.critical_every == 0

    def during(self, seconds, rate):
        self.start(rate)
        time.sleep(seconds)
        self.finish()

    def outside(self, windows):
        """The numbers of the marks that were made in none of the windows [(from ns, to ns)]."""
        return {n for n, t in enumerate(self.times) if not any(begin <= t <= end for begin, end in windows)}


class Alerts:
    """Alerts by their id, as digests: long runs have millions. Lines may come from any one thread at a time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.digests = {}  # by id
        self.id_of = {}  # by the mark's number
        self.total = 0  # of marks, repeats too
        self.changed, self.double, self.internal = [], [], []

    def add(self, event):
        """One event's JSON; returns (critical, number) if it is of a mark."""
        facts = json.loads(event)["tiercel"]
        ident, digest = facts["id"], hashlib.blake2b(event, digest_size=8).digest()
        with self.lock:
            if self.digests.setdefault(ident, digest) != digest:
                self.changed.append(ident)
            if facts["source"] == "internal":
                self.internal.append(facts)
                return None
            self.total += 1
            kind, number = os.path.basename(facts["fd"]["name"]).split("-")
            number = int(number)
            if self.id_of.setdefault(number, ident) != ident:
                self.double.append(number)
            return kind == "crit", number

    def repeats(self):
        return self.total - len(self.id_of)

    def reports(self, name):
        """The agent's own events "Tiercel internal: NAME", each once."""
        with self.lock:
            return list({e["id"]: e for e in self.internal if e["rule"] == f"Tiercel internal: {name}"}.values())

    def has(self, numbers):
        with self.lock:
            return all(n in self.id_of for n in numbers)


class Arrivals(Alerts):
    """What the dev-manager prints. Give take() to it as on_line, and itself as `manager` before the first event."""

    def __init__(self):
        super().__init__()
        self.manager = None
        self.streams = defaultdict(lambda: (array.array("Q"), array.array("Q")))  # (start, connection, critical): frames, marks

    def take(self, line):
        begin = line.find(EVENT)
        if begin < 0:
            return  # the agent's "started" message
        try:
            mark = self.add(line[begin + len(EVENT):-1])
        except ValueError:
            return  # half a line of one that was killed
        if mark:
            connection, frame = map(int, _place.search(line).groups())
            frames, marks = self.streams[(self.manager.starts, connection, mark[0])]
            frames.append(frame)
            marks.append(mark[1])

    def in_stream_order(self, key):
        frames, marks = self.streams[key]
        return [n for _, n in sorted(zip(frames, marks))]

    def out_of_order(self):
        """[(stream, mark, the mark after it)] where a lane went back within a connection."""
        bad = []
        for key in sorted(self.streams):
            marks = self.in_stream_order(key)
            bad += [(key, a, b) for a, b in zip(marks, marks[1:]) if b <= a]
        return bad


class Local(Alerts):
    """The local file, read on from where it was read to."""

    def __init__(self, path):
        super().__init__()
        self.path, self.at = path, 0

    def read(self):
        if not os.path.exists(self.path):
            return self
        with open(self.path, "rb") as file:
            file.seek(self.at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.at += len(line)
                self.add(line[:-1])
        return self


def wait_all(arrivals, numbers, what, patience_s):
    """Not a failure by itself: what is missing is told by compare()."""
    try:
        support.wait_until(lambda: arrivals.has(numbers), what, patience_s, 0.1)
    except support.Failure as failure:
        support.say(f"  {failure}")


def compare(checks, marks, arrivals, local, windows=(), what="all"):
    """Everything made outside the windows arrived and is in the file; bytes agree; order and repeats are as they must be."""
    local.read()
    must = marks.outside(windows)
    for name, alerts in (("at the manager", arrivals), ("in the local file", local)):
        missing = sorted(n for n in must if n not in alerts.id_of)
        checks.check(not missing, f"{what}: {len(missing)} of {len(must)} marks are not {name}, "
                                  f"first {missing[:3]} last {missing[-3:]}")
        checks.equal(alerts.changed[:3], [], f"{what}: repeats that are not byte-identical {name}")
        checks.equal(alerts.double[:3], [], f"{what}: marks with more than one id {name}")
        unknown = [n for n in alerts.id_of if n >= len(marks.times)]
        checks.equal(unknown[:3], [], f"{what}: marks that nobody made {name}")
    unlike = [i for i, digest in local.digests.items() if arrivals.digests.get(i, digest) != digest]
    checks.equal(unlike[:3], [], f"{what}: alerts that differ from the local file's line")
    late = sorted(n for n in set(local.id_of) - set(arrivals.id_of) if n in must)
    checks.equal(late[:3], [], f"{what}: alerts of the local file that did not arrive")
    disorder = arrivals.out_of_order()
    checks.check(not disorder, f"{what}: {len(disorder)} places where a lane went back within a connection, first {disorder[:2]}")
