#!/usr/bin/env python3
"""Nothing lost and nothing credited to the wrong image, under a storm of process starts.

Several processes start a program as fast as they can (--execs times in all). Beside them one process opens a file that
is named after its image, turns into another image, opens that one's file, and so on (--flips images). Every start must
be seen, every open must carry the image that made it, nothing may be lost, and the agent's memory must stay small and flat.
"""

import argparse
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

MEMORY_LIMIT_BYTES = 40 << 20
FLAT_BYTES = 3 << 20  # how much the last quarter of a run may lie above its second


def rules_text(folder):
    return f"""- rule: Start
  desc: every start of the storm's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.pid %evt.res"
  priority: NOTICE
- rule: Open
  desc: every open of a marked file
  condition: evt.type = openat and fd.name startswith {folder}/opened-by-
  output: "%fd.name %proc.name %proc.exepath %proc.args %evt.res"
  priority: NOTICE
"""


class Memory(threading.Thread):
    """RssAnon and rings of the agent, about five times a second."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.samples, self.end = agent, [], threading.Event()
        self.rings = agent.status()["memory"]["ring_bytes"]

    def run(self):
        while not self.end.wait(0.2):
            try:
                self.samples.append(self.agent.rss_anon_bytes())
            except (OSError, support.Failure):
                return  # it has ended: the test says so elsewhere

    def judge(self, checks, flat_bytes=FLAT_BYTES):
        self.end.set()
        self.join()
        if not checks.check(len(self.samples) >= 4, "too few samples of memory: the storm was too short"):
            return
        quarter = max(1, len(self.samples) // 4)
        early, late = max(self.samples[quarter:2 * quarter] or self.samples[:1]), max(self.samples[-quarter:])
        peak = max(self.samples)
        support.say(f"memory: RssAnon {early / 1048576:.1f} MiB early, {late / 1048576:.1f} late, {peak / 1048576:.1f} at most; "
                    f"rings {self.rings / 1048576:.1f}")
        checks.check(peak + self.rings < MEMORY_LIMIT_BYTES,
                     f"RssAnon plus rings reached {(peak + self.rings) / 1048576:.1f} MiB of {MEMORY_LIMIT_BYTES >> 20}")
        checks.check(late <= early + flat_bytes, f"memory is not flat: {early} bytes early, {late} late")


class Tally:
    """Judges alerts as they come, so that the test itself keeps none of them."""

    def __init__(self, folder):
        self.folder = folder
        self.starts = self.failed = self.opens = self.right = 0
        self.wrong = []
        self.seen = Counter()

    def take(self, alert):
        fields = alert["output_fields"]
        if alert["rule"] == "Start":
            self.starts += fields["evt.res"] == "SUCCESS"
            self.failed += fields["evt.res"] != "SUCCESS"
            return
        if alert["rule"] != "Open":
            self.wrong.append(f"an alert of no test rule: {alert}")
            return
        self.opens += 1
        image = fields["fd.name"].rsplit("opened-by-", 1)[1]
        self.seen[fields["proc.args"]] += 1
        if fields["proc.name"] == image and fields["proc.exepath"] == f"{self.folder}/{image}" and fields["evt.res"] == "SUCCESS":
            self.right += 1
        elif len(self.wrong) < 20:
            self.wrong.append(f"{fields}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--execs", type=int, default=100_000 if support.soak() else 10_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--flips", type=int, default=100_000 if support.soak() else 10_000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("order") as folder:
        for name in ("tk_flip_a", "tk_flip_b"):
            shutil.copy(os.path.join(options.programs, "tk_flip"), os.path.join(folder.path, name))
            folder.file(f"opened-by-{name}", "")
        tally = Tally(folder.path)
        rules = folder.file("rules.yaml", rules_text(folder.path))
        with support.Agent(options.tiercel, rules, keep_stdout=False, on_alert=tally.take) as agent:
            memory = Memory(agent)
            memory.start()
            begun = time.monotonic()
            flip = support.Child([os.path.join(folder.path, "tk_flip_a"), folder.path, str(options.flips)])
            storm = support.Child([os.path.join(options.programs, "tk_storm"), str(options.execs), str(options.processes),
                                   os.path.join(options.programs, "tk_nop")])
            try:
                limit_s = 60 + (options.execs + options.flips) / 100
                statuses = storm.wait(limit_s), flip.wait(limit_s)
            finally:
                storm.kill()
                flip.kill()
            done = json.loads(storm.lines[0])["done"]
            storm_s, flip_s = storm.ended - begun, flip.ended - begun
            checks.equal(statuses, (0, 0), "exit status of the storm and of the flipping process")
            wanted_opens = 2 * options.flips
            try:
                support.wait_until(lambda: tally.starts >= done and tally.opens >= wanted_opens, "the last alerts", 60, 0.1)
            except support.Failure as failure:
                support.say(f"  {failure}")
            running = agent.status()
            cpu_s = agent.cpu_s()
            memory.judge(checks)
            summary = agent.stop()
    checks.equal(tally.starts, done, "starts seen")
    checks.equal(tally.failed, 0, "failed starts seen")
    checks.equal(tally.opens, wanted_opens, "opens seen")
    checks.equal(tally.right, wanted_opens, "opens credited to the image that made them")
    odd = [args for args, count in tally.seen.items() if count != 2]
    checks.equal(len(tally.seen), options.flips, "images that opened their file")
    checks.check(not odd, f"images that were not seen to open twice: {odd[:5]}")
    checks.equal(summary["lost"], 0, "lost")
    for text in tally.wrong[:5]:
        support.say(f"  wrong: {text}")
    support.say(support.table(
        ["what", "done", "seen", "right", "seconds"],
        [["starts", done, tally.starts, tally.starts, f"{storm_s:.1f}"],
         ["opens by changing images", wanted_opens, tally.opens, tally.right, f"{flip_s:.1f}"]]))
    support.say(f"the agent: ready after {agent.ready_s:.2f} s, {summary['events seen']} events, lost {summary['lost']} "
                f"({running['lost']}), {cpu_s:.1f} s of CPU, {running['memory']['processes']} processes known, stop {agent.stop_s:.2f} s")
    return checks.finish("order")


if __name__ == "__main__":
    support.main(main, "kernel_order")
