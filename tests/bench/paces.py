"""Processes that make calls at a steady pace (pace.c) in cgroups, and wait for each other's start."""

import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from sensors import program  # noqa: E402

EVENTS = ("open", "openat2")  # what bench_pace's open is: the one or the other, by architecture


class Paces:
    """Ended by their pids."""

    def __init__(self, options, cgroups=None):
        self.program, self.cgroups, self.children = program(options, "bench_pace"), cgroups, []

    def add(self, cgroup, *argv):
        child = subprocess.Popen([self.program, *(str(word) for word in argv)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(child)
        if cgroup is not None:
            self.cgroups.move(cgroup, child.pid)

    def run(self, seconds):
        """Lets all of them go; what each says."""
        for child in self.children:
            child.stdin.close()
        out = []
        for child in self.children:
            out.append(json.loads(child.stdout.read() or "{}"))
            if child.wait(seconds * 10 + 60) != 0:
                raise support.Failure(f"bench_pace ended with status {child.returncode}")
        return out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            child.stdout.close()
            if not child.stdin.closed:
                child.stdin.close()
