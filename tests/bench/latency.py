#!/usr/bin/env python3
"""From a system call to the alert on standard output: in containers whose runtimes hang, against the bare host.

A program tells in each of its calls when it made it; an alert's latency is the time from then until its line is read
here. In the containers' rounds a docker and a containerd container run, then dockerd and both containerds are stopped
(SIGSTOP), then the agent starts: it knows of them what files say, and every socket hangs. Rounds alternate with rounds
on the host with the daemons running, and the agent is started for each. What reading costs this script falls on both.
"""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import tiercel as support  # noqa: E402
from containerd import Containerd  # noqa: E402
from docker import Docker  # noqa: E402
from places import Cgroups, Places  # noqa: E402

LIMIT_MS = 20.0  # at p99, in containers whose runtimes hang
IMAGE = "registry.example/tiercel-test/latency:1"
PLACE = "/at"
PROGRAM = "/bin/bench_latency"
OUTPUT = "%proc.args %fd.name %evt.type %container.id %container.image.repository %container.labels %user.name %container.missing"
RULES = f"""- rule: Open
  desc: an open that says when it was made
  condition: evt.type = openat and fd.name contains /at-
  output: "{OUTPUT}"
  priority: NOTICE
- rule: Start
  desc: a start that says when it was made
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.args startswith at-
  output: "{OUTPUT}"
  priority: NOTICE
"""


class Round:
    """Latencies of one agent's life, in milliseconds, by the kind of place."""

    def __init__(self):
        self.times = {"host": [], "docker": [], "containerd": []}
        self.incomplete = 0

    def take(self, places, alert):
        arrived = time.time_ns()
        fields = alert["output_fields"]
        text = fields["proc.args"] if alert["rule"] == "Start" else fields["fd.name"]
        made = int(text.rsplit("at-", 1)[1])
        self.times[places.get(fields["container.id"], "?")].append((arrived - made) / 1e6)
        self.incomplete += bool(fields["container.missing"])


class Scene:
    def __init__(self, options, folder, docker, containerd):
        self.options, self.folder, self.docker, self.containerd = options, folder, docker, containerd
        self.rules = folder.file("rules.yaml", RULES)
        self.number = 0

    def _place(self, kind):
        self.number += 1
        return self.folder.folder(f"{kind}-{self.number}")

    def _argv(self, place):
        return [place, str(self.options.calls), str(self.options.pause_us)]

    def _measure(self, places, folders):
        """With an agent of its own: lets the programs that wait in the folders go."""
        taken = Round()
        with support.Agent(self.options.tiercel, self.rules, keep_stdout=False, on_alert=lambda a: taken.take(places, a)) as agent:
            for folder in folders:
                with open(os.path.join(folder, "go"), "w", encoding="ascii"):
                    pass
            support.wait_until(lambda: all(os.path.exists(os.path.join(folder, "done")) for folder in folders), "the programs", 300, 0.2)
            wanted = self.options.calls * len(folders)
            support.wait_until(lambda: sum(len(times) for times in taken.times.values()) >= wanted, "the last alerts", 60, 0.1)
            if agent.stop()["lost"]:
                raise support.Failure("events were lost: the latencies are not all there")
        return taken

    def on_host(self):
        folders = [self._place("host"), self._place("host")]
        children = [support.Child([self.options.program, *self._argv(folder)]) for folder in folders]
        with Cgroups() as cgroups:  # as containers have one: the scheduler treats both alike
            try:
                for number, child in enumerate(children):
                    cgroups.move(cgroups.make(f"/tiercel-latency/{number}"), child.pid)
                return self._measure({"host": "host"}, folders)
            finally:
                for child in children:
                    child.kill()

    def in_containers(self):
        folders = {kind: self._place(kind) for kind in ("docker", "containerd")}
        name = f"tiercel-latency-{self.number}"
        ident = self.docker.text("run", "--detach", "--network", "none", "--name", name, "--volume", f"{folders['docker']}:{PLACE}", IMAGE,
                                 PROGRAM, *self._argv(PLACE))
        try:
            self.containerd.ctr("run", "--detach", "--mount", f"type=bind,src={folders['containerd']},dst={PLACE},options=rbind:rw", IMAGE,
                                name, PROGRAM, *self._argv(PLACE))
            try:
                self.docker.pause()
                self.containerd.pause()
                return self._measure({ident[:12]: "docker", name: "containerd"}, list(folders.values()))
            finally:
                self.docker.resume()
                self.containerd.resume()
                self.containerd.remove(name)
        finally:
            self.docker.call("rm", "-f", ident)


def at(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(host, hung):
    """p50 and p99 over all rounds, and the ratio to the host's."""
    bare = [time for taken in host for time in taken.times["host"]]
    rows = [["host, runtimes run", len(bare), f"{at(bare, 0.5):.2f}", f"{at(bare, 0.99):.2f}", f"{max(bare):.2f}", "1.00", "1.00"]]
    worst = 0.0
    for kind in ("docker", "containerd"):
        times = [time for taken in hung for time in taken.times[kind]]
        p50, p99 = at(times, 0.5), at(times, 0.99)
        worst = max(worst, p99)
        rows.append([f"{kind}, runtimes hang", len(times), f"{p50:.2f}", f"{p99:.2f}", f"{max(times):.2f}", f"{p50 / at(bare, 0.5):.2f}",
                     f"{p99 / at(bare, 0.99):.2f}"])
    support.say(support.table(["call to alert, ms", "calls", "p50", "p99", "most", "p50 to host's", "p99 to host's"], rows))
    support.say(f"{sum(taken.incomplete for taken in hung)} alerts of the containers say what was not known")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs, for its bench_latency")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--calls", type=int, default=2000, help="of each program in a round")
    parser.add_argument("--pause-us", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    if options.quick:
        options.rounds, options.calls = 1, 200
    options.program = os.path.join(options.programs, "bench", "bench_latency")
    if not os.path.exists(options.program):
        raise support.Failure(f"{options.program} is not built")
    host, hung = [], []
    with support.Folder("latency") as folder, Places(), Docker(folder) as docker, Containerd(folder) as containerd:
        for runtime in (docker, containerd):
            runtime.load(IMAGE, images.layer(own={PROGRAM.lstrip("/"): options.program}), {"label": "of the image"})
        scene = Scene(options, folder, docker, containerd)
        for number in range(options.rounds):
            host.append(scene.on_host())
            hung.append(scene.in_containers())
            support.say(f"  round {number + 1} of {options.rounds}")
    worst = report(host, hung)
    if worst >= LIMIT_MS and not options.quick:
        support.say(f"p99 is {worst:.1f} ms: more than {LIMIT_MS:.0f} ms")
        return 1
    return 0


if __name__ == "__main__":
    support.main(main, "bench_latency")
