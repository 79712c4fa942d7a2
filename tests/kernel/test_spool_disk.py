#!/usr/bin/env python3
"""What happens to the disk under the spool: full, read-only, damaged before a start and while the agent runs, a clock that is
set back, limits that are reached. In each case the manager is told, detection goes on, what was committed and can be read
arrives, and what came during the trouble too. The folder of the state is a small tmpfs of the test's own."""

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import delivery  # noqa: E402
import places  # noqa: E402
import tiercel as support  # noqa: E402

NOTES = """- rule: Note
  desc: of less weight than a mark
  condition: evt.type in (open, openat) and fd.name startswith {folder}/notes/
  output: "note %fd.name opened by %proc.name (%proc.cmdline)"
  priority: NOTICE
"""
ROWS_ON_PAGES = 40  # that middle() can damage: two pages of 8 KB, alerts of no less than 400 bytes
WRITTEN_BACK = 3000  # alerts after which SQLite has brought its log (8 MB) into the file, so that the damage is met
HOUR_NS = 3_600 * delivery.NS


class Scene:
    """One manager and one list of marks for all cases; each case has a state folder of its own."""

    def __init__(self, options, checks, folder, manager, arrivals):
        self.options, self.checks, self.folder, self.manager, self.arrivals = options, checks, folder, manager, arrivals
        self.rules = folder.file("rules.yaml", (delivery.RULES + NOTES).format(folder=folder.path))
        self.path = os.path.join(folder.path, "alerts.json")
        self.local = delivery.Local(self.path)
        self.marks = delivery.Marks(options, folder)
        self.state = os.path.join(folder.folder("state"))
        self.trouble = folder.file("trouble", "\0" * 16)
        self.random = random.Random(options.seed)
        self.agent, self.first, self.told = None, 0, set()

    @contextlib.contextmanager
    def case(self, name, size_mb=32, more=""):
        support.say(f"{name}:")
        self.first, self.more = len(self.marks.times), more
        self.told = {e["id"] for e in self.arrivals.internal}
        places.mount_tmpfs(self.state, size_mb)
        self.set_trouble()
        try:
            self.start()
            yield
            self.agent.stop()
        finally:
            self.agent.child.kill()
            self.set_trouble()
            places.unmount(self.state)
            if not self.manager.child.alive():
                self.manager.start()

    def start(self, wait=True):
        wazuh = f"  keys_file: {self.folder.path}/client.keys\n"
        env = dict(os.environ, LD_PRELOAD=self.options.shim, TROUBLE_FILE=self.trouble, TROUBLE_DIR=self.state + "/spool",
                   ASAN_OPTIONS="verify_asan_link_order=0")
        self.agent = support.Agent(self.options.tiercel, self.rules, config=delivery.config_text(self.path, self.manager, wazuh, self.more),
                                   manager=True, json_lines=False, folder=self.folder, wait=wait, env=env)

    def set_trouble(self, shift_ns=0, readonly=0):
        with open(self.trouble, "r+b", buffering=0) as file:
            file.write(struct.pack("qq", shift_ns, readonly))

    def make(self, count, rate=1000):
        """Marks; when all are in the local file, their numbers: detection goes on, whatever the state of the disk."""
        first = len(self.marks.times)
        self.marks.start(rate, count).finish(stop=False)
        made = range(first, first + count)
        try:
            support.wait_until(lambda: self.local.read().has(made), "marks in the local file", 20, 0.05)
        except support.Failure as failure:
            self.checks.check(False, f"{failure}; the agent said:\n{self.agent.child.stderr()[-1500:]}")
        return made

    def arrive(self, numbers, what="every alert"):
        delivery.wait_all(self.arrivals, numbers, f"{what} at the manager", 60)
        missing = sorted(n for n in numbers if n not in self.arrivals.id_of)
        self.checks.check(not missing, f"{what}: {len(missing)} of {len(numbers)} did not arrive, first {missing[:3]} last {missing[-3:]}")
        self.checks.equal(self.arrivals.changed[:3] + self.arrivals.double[:3], [], "alerts that came with other bytes or ids")

    def reports(self, name="spool"):
        return [e for e in self.arrivals.reports(name) if e["id"] not in self.told]

    def expect(self, *states):
        """Events "Tiercel internal: spool" of this case with each of the states; none: any one."""
        def states_so_far():
            return {e["field"]["state"] for e in self.reports()}
        try:
            support.wait_until(lambda: states_so_far() >= set(states) and states_so_far(), "the event about the spool", 30, 0.1)
        except support.Failure as failure:
            self.checks.check(False, f"{failure}: got {states_so_far()}, wanted {states or 'any'}; the agent said:\n"
                                     f"{self.agent.child.stderr()[-1500:]}")
        for event in self.reports():
            support.say(f"  {event['priority']}: {event['output'][:200]}")

    def wait_empty(self):
        """Nothing waits, and no file that was put aside has more."""
        def empty():
            spool = self.agent.status()["spool"]
            return spool["waiting"] == 0 and not spool["rescuing"]

        try:
            support.wait_until(empty, "an empty spool", 60, 0.2)
        except support.Failure as failure:
            raise support.Failure(f"{failure}: {self.agent.status()}; the agent said:\n{self.agent.child.stderr()[-1500:]}") from failure

    def all(self):
        return range(self.first, len(self.marks.times))

    def file(self, ending=""):
        return os.path.join(self.state, "spool", "spool.db" + ending)


def disk_takes_nothing(scene, name, begin, end):
    with scene.case(name):
        scene.arrive(scene.make(100))
        scene.manager.kill()
        scene.make(200)
        begin()
        scene.make(4000, 2000)
        end()
        scene.manager.start()
        scene.expect("not_durable", "durable")
        scene.arrive(scene.all())


def disk_full(scene):
    filler = os.path.join(scene.state, "filler")

    def fill():
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096) > 0:
                pass

    disk_takes_nothing(scene, "the disk is full, then has room again", fill, lambda: os.unlink(filler))


def read_only(scene):
    disk_takes_nothing(scene, "the disk becomes read-only, then writable again", lambda: scene.set_trouble(readonly=1), scene.set_trouble)


def read_only_at_start(scene):
    with scene.case("the disk is read-only at the start, then writable again"):
        scene.arrive(scene.make(50))
        scene.manager.kill()
        scene.make(300)
        scene.agent.stop()
        places.remount(scene.state, True)
        scene.start()
        scene.make(300)
        places.remount(scene.state, False)
        scene.manager.start()
        scene.expect("not_durable", "durable")
        scene.arrive(scene.all())


# --- Damage ------------------------------------------------------------------------------------------------------------


def rows_of(folder):
    """{(table, seq): bytes} of what a copy of the spool's file gives to somebody who asks for each row and those behind it. A
    row on a damaged page that only a walk from the table's end would meet is not among them: the agent makes none."""
    rows = {}
    copy = folder + "-copy"
    shutil.rmtree(copy, ignore_errors=True)
    os.makedirs(copy)
    for name in os.listdir(folder):
        if name.startswith("spool.db") and os.path.isfile(os.path.join(folder, name)):
            shutil.copy(os.path.join(folder, name), copy)
    with contextlib.closing(sqlite3.connect(os.path.join(copy, "spool.db"))) as file:
        for table in range(8):
            after, failures = 0, 0
            while failures < 2000:
                try:
                    for seq, data in file.execute(f"SELECT seq, data FROM p{table} WHERE seq > {after} ORDER BY seq"):
                        rows[table, seq] = data
                        after = seq
                    break
                except sqlite3.DatabaseError:
                    after, failures = after + 1, failures + 1
    shutil.rmtree(copy)
    return rows


def number_of(data):
    found = re.search(rb"/(?:mark|crit)-(\d+)", data)
    return int(found.group(1)) if found else None


def overwrite(scene, path, at, size):
    with open(path, "r+b", buffering=0) as file:
        file.seek(at)
        file.write(scene.random.randbytes(size))


def middle(scene, path):
    size = os.path.getsize(path)
    overwrite(scene, path, size // 2 // 4096 * 4096 + 100, 6000)


def cut(_scene, path):
    os.truncate(path, os.path.getsize(path) // 2)


def directory(_scene, path):
    os.unlink(path)
    os.mkdir(path)


def owner(_scene, path):
    os.chmod(path, 0o000)
    os.chown(path, 65534, 65534)


# What is done to the file, and the states that the manager must hear of.
DAMAGES = {
    "random bytes over the header": (lambda scene, path: overwrite(scene, path, 0, 100), ["damaged"]),
    "random bytes over the middle": (middle, ["damaged"]),
    "half of it cut off": (cut, ["damaged"]),
    "nothing left in it": (lambda _scene, path: os.truncate(path, 0), ["damaged"]),
    "a folder in its place": (directory, []),
    "another owner, and no mode": (owner, None),
    "random bytes over the middle of the log of an agent that was killed": (lambda scene, path: middle(scene, path + "-wal"), None),
}


def damaged_before_start(scene, name, damage, states):
    with scene.case(f"a damaged file: {name}"):
        scene.arrive(scene.make(50))
        scene.manager.kill()
        waited = scene.make(600)
        time.sleep(0.3)
        if "killed" in name:
            scene.agent.child.kill()
        else:
            scene.agent.stop()
        whole = rows_of(os.path.dirname(scene.file()))
        scene.checks.equal({number_of(data) for data in whole.values()} >= set(waited), True, "all that waited was in the file")
        damage(scene, scene.file())
        left = rows_of(os.path.dirname(scene.file()))
        readable = {number_of(data) for row, data in left.items() if whole.get(row) == data} & set(waited)
        scene.start()
        new = scene.make(100)
        scene.manager.start()
        scene.arrive(new, "what came after the damage")
        if states is not None:
            # Damage to the list of free pages looks like a full disk, and on one as small as this one it may be.
            support.wait_until(lambda: scene.reports(), "an event about the spool", 30, 0.1)
            full = any("disk is full" in e["field"]["reason"] for e in scene.reports())
            scene.expect(*(["not_durable"] if full else states))
        scene.arrive(sorted(readable), "what was readable")
        came = sum(1 for n in waited if n in scene.arrivals.id_of)
        support.say(f"  {len(readable)} of {len(waited)} were readable, {came} arrived")


def damaged_while_running(scene):
    with scene.case("random bytes over the file while the agent runs", size_mb=64):
        scene.arrive(scene.make(50))
        scene.manager.kill()
        scene.make(WRITTEN_BACK, 2000)
        overwrite(scene, scene.file(), 0, 100)
        middle(scene, scene.file())
        last = scene.make(2000, 2000)
        scene.manager.start()
        scene.arrive(last, "what came after the damage")
        scene.wait_empty()
        scene.expect("damaged", "rescued")
        missing = [n for n in scene.all() if n not in scene.arrivals.id_of]
        scene.checks.check(len(missing) <= ROWS_ON_PAGES, f"{len(missing)} alerts are gone: more than the damaged pages held")
        told = sum(int(e["field"]["lost"]) for e in scene.reports())
        scene.checks.check(len(missing) <= told <= 2 * ROWS_ON_PAGES, f"{len(missing)} alerts are gone, {told} were told as lost")
        scene.agent.stop()
        scene.start()
        scene.arrive(scene.make(100), "after the next start")
        support.say(f"  {len(missing)} alerts are gone, at most {told} were told as lost")
    with scene.case("another file in its place while the agent runs"):
        scene.arrive(scene.make(50))
        scene.manager.kill()
        scene.make(1000)
        with open(scene.file(".other"), "wb") as file:
            file.write(scene.random.randbytes(100_000))
        os.rename(scene.file(".other"), scene.file())
        scene.make(1000)
        scene.manager.start()
        scene.expect("damaged")
        scene.arrive(scene.all())


# --- The clock and the limits ------------------------------------------------------------------------------------------


def clock_set_back(scene):
    with scene.case("the clock is set back an hour, and forward again"):
        scene.arrive(scene.make(100))
        scene.set_trouble(shift_ns=-HOUR_NS)
        scene.arrive(scene.make(300))
        told = support.wait_until(lambda: scene.reports("clock set"), "an event that tells of the clock", 30, 0.1)
        scene.manager.kill()
        scene.make(300)
        time.sleep(0.2)
        scene.agent.child.kill()
        killed_s = time.monotonic()
        time.sleep(1)
        scene.start()
        dead_s = time.monotonic() - killed_s
        scene.make(300)
        scene.manager.start()
        scene.arrive(scene.all())
        gaps = scene.reports("gap")
        if scene.checks.equal(len([g for g in gaps if g["field"]["how"] == "killed"]), 1, f"gap events of a kill: {gaps}"):
            gap_s = int(gaps[-1]["field"]["gap_ms"]) / 1000
            scene.checks.check(abs(gap_s - dead_s) < 1.5, f"the gap is {gap_s:.1f} s, the agent was away for {dead_s:.1f} s")
        scene.set_trouble()
        scene.arrive(scene.make(300))
        support.wait_until(lambda: len(scene.reports("clock set")) == len(told) + 1, "the clock's way back", 30, 0.1)
        told = scene.reports("clock set")
        scene.checks.equal([e["field"]["jump_ms"][0] == "-" for e in told], [True, False], "back, then forward")
        for event in told:
            support.say(f"  {event['priority']}: {event['output'][:200]}")
        scene.checks.equal(scene.reports("alerts lost"), [], "losses")


def limits(scene):
    notes_folder = scene.folder.folder("notes")
    with scene.case("the spool's limit is reached", more="spool: {size_mb_max: 1}\n"):
        scene.arrive(scene.make(20))
        support.wait_until(lambda: scene.agent.status()["manager"]["confirmed"] >= 20, "the confirmation", 30, 0.1)
        scene.manager.kill()
        notes = delivery.Marks(scene.options, scene.folder)
        notes.times = scene.marks.times  # numbers go on

        def note(count):
            first = len(notes.times)
            argv = [notes.program, notes_folder, os.path.join(scene.folder.path, "times"), "2000", str(count), "0", str(first)]
            notes.child, notes._file = support.Child(argv), argv[2]
            notes.finish(stop=False)
            return range(first, first + count)

        made = list(note(400))
        kept = scene.make(300)
        made += note(3000)
        support.wait_until(lambda: scene.local.read().has(made), "notes in the local file", 20, 0.05)
        time.sleep(2)
        scene.manager.start()
        scene.arrive(kept, "criticals and warnings")
        scene.wait_empty()
        check_losses(scene, made)


def check_losses(scene, made):
    came = [n for n in made if n in scene.arrivals.id_of]
    lost = len(made) - len(came)
    scene.checks.check(lost > 0, "the limit removed nothing")

    def told():
        by_rule = {}
        for event in scene.reports("alerts lost"):
            parts = [part.rsplit("=", 1) for part in event["field"]["by_rule"].split("; ")]
            scene.checks.equal(sum(int(n) for _, n in parts), int(event["field"]["lost"]), "the sum of a loss by rule")
            for rule, n in parts:
                by_rule[rule] = by_rule.get(rule, 0) + int(n)
        return by_rule

    try:
        support.wait_until(lambda: sum(told().values()) >= lost, "the losses to be told", 30, 0.5)
    except support.Failure as failure:
        support.say(f"  {failure}")
    scene.checks.equal(told(), {"Note": lost}, "what was lost, by rule")
    # The oldest of them go first.
    if came:
        scene.checks.check(all(n in came for n in made if n >= min(came)), "a note is missing after the first that arrived")
    for event in scene.reports("alerts lost"):
        support.say(f"  {event['priority']}: {event['output'][:160]} from {event['field']['from']} to {event['field']['to']}")
    support.say(f"  {lost} of {len(made)} notes were lost")


CASES = [disk_full, read_only, read_only_at_start] + [
    (lambda scene, n=name, d=damage, s=states: damaged_before_start(scene, n, d, s)) for name, (damage, states) in DAMAGES.items()
] + [damaged_while_running, clock_set_back, limits]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--shim", help="libtrouble_shim.so; by default the one beside the programs")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--case", type=int, action="append", help="only these, by their place in CASES")
    options = parser.parse_args()
    options.shim = options.shim or os.path.join(options.programs, "libtrouble_shim.so")
    support.require_kernel_tests()
    support.say(f"seed {options.seed}")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    places.own_mounts()
    checks, arrivals = support.Checks(), delivery.Arrivals()
    with support.Folder("spool-disk") as folder:
        with support.DevManager(options.tiercel, folder, [], arrivals.take) as manager:
            arrivals.manager = manager
            scene = Scene(options, checks, folder, manager, arrivals)
            for number, case in enumerate(CASES):
                if options.case is None or number in options.case:
                    try:
                        case(scene)
                    except support.Failure as failure:
                        checks.check(False, f"case {number}: {failure}")
            manager.stop()
    return checks.finish("spool_disk")


if __name__ == "__main__":
    support.main(main, "kernel_spool_disk")
