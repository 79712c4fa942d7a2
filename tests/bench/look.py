#!/usr/bin/env python3
"""What looking costs: the agent's CPU time for a million operations of a loop, while nobody looks and while `tiercel top` does.

Slices with and without alternate in one agent; a ratio is that of two neighbours. Shown are the median and the quartiles."""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tiercel as support  # noqa: E402


class Looker:
    """Asks as `tiercel top` does, once a second, for no longer than a second."""

    def __init__(self, run_dir):
        self.path = os.path.join(run_dir, "tiercel.sock")
        self.done = threading.Event()
        self.answers = 0
        self.bytes = 0
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.done.is_set():
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self.path)
                connection.sendall(b'{"command":"top","for_s":2}\n')
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += connection.recv(1 << 20)
            self.answers += 1
            self.bytes = len(answer)
            self.last = json.loads(answer)
            self.done.wait(1)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def slice_of(options, agent, loop):
    """CPU seconds of the agent for a million operations."""
    before = agent.cpu_s()
    argv = [options.loops, loop, str(options.slice_ms), str(os.cpu_count() - 1)]
    done = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)
    time.sleep(0.05)  # what is still in the rings belongs to this slice
    return (agent.cpu_s() - before) * 1e6 / done["ops"], done["ops"] / done["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs")
    parser.add_argument("--rules", nargs="*", default=[os.path.join(ROOT, "rules")])
    parser.add_argument("--loops-of", nargs="*", default=["open", "exec", "connect"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--slice-ms", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    options.loops = os.path.join(options.programs, "bench", "bench_loops")
    if options.quick:
        options.rounds, options.slice_ms = 1, 100
    rows = []
    with support.Agent(options.tiercel, options.rules, keep_stdout=False) as agent:
        for loop in options.loops_of:
            plain, looked, ratios, speed, size = [], [], [], [], 0
            slice_of(options, agent, loop)
            for _ in range(options.rounds):
                alone, ops = slice_of(options, agent, loop)
                with Looker(agent.run_dir) as looker:
                    support.wait_until(lambda: looker.answers, "the first answer")
                    watched, _ = slice_of(options, agent, loop)
                size = max(size, looker.bytes)
                time.sleep(3.2)  # until nobody looks any more
                again, _ = slice_of(options, agent, loop)
                plain += [alone, again]
                looked.append(watched)
                ratios.append(watched * 2 / (alone + again))
                speed.append(ops)
            low, middle, high = support.numbers(ratios)
            rows.append([loop, f"{support.numbers(speed)[1]:,.0f}", f"{support.numbers(plain)[1]:.3f}",
                         f"{support.numbers(looked)[1]:.3f}", f"{middle:.3f} ({low:.3f} .. {high:.3f})", size])
    print(support.table(["loop", "ops/s", "CPU s per million: nobody looks", "somebody looks", "ratio", "bytes an answer"], rows), flush=True)
    return 0


if __name__ == "__main__":
    support.main(main, "look bench")
