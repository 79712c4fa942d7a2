#!/usr/bin/env python3
"""Containers that come and go: real ones of docker, and cgroups by the thousand with bundles in containerd's layout,
each with a process that runs in it. Every process's event says whose it is, memory stays flat, what the agent knows of
them goes with them, and nothing is lost."""

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import images  # noqa: E402
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod  # noqa: E402
from docker import Docker  # noqa: E402
from places import Cgroups, Places  # noqa: E402
from test_order import Memory  # noqa: E402

REPOSITORY, TAG = "tiercel-test/churn", "6"
IMAGE = f"{REPOSITORY}:{TAG}"
# Becomes the program in the cgroup that the first argument names.
ENTER = 'echo $$ > "$1/cgroup.procs"; exec "$2" "$3"'


class Tally:
    """Judges alerts as they come, so that the test keeps none of them. What a mark means is said before it is made."""

    def __init__(self):
        self.wanted = {}  # mark: {field: value}
        self.seen, self.right, self.wrong = 0, 0, []

    def take(self, alert):
        fields = alert["output_fields"]
        wanted = self.wanted.pop(fields["proc.args"].removeprefix(marks.PREFIX), None)
        if wanted is None:
            self.wrong.append(f"an event that nobody made, or one twice: {fields['proc.args']}")
            return
        self.seen += 1
        differs = {field: fields.get(field) for field, value in wanted.items() if fields.get(field) != value}
        if differs or not marks.is_true(fields.get("container.verified")):
            self.wrong.append(f"{fields['proc.args']}: {differs}, container.verified {fields.get('container.verified')!r}")
        else:
            self.right += 1


def comes_true(condition, timeout_s):
    """Said as a check, with what else is wrong."""
    try:
        return support.wait_until(condition, "", timeout_s, 0.005)
    except support.Failure:
        return False


class Fixtures:
    """Bundles and cgroups, made and removed one by one, by a few at a time."""

    def __init__(self, cgroups, tally, program):
        self.cgroups, self.tally, self.program = cgroups, tally, program
        self.root = next(iter(cgroups.roots))

    def one(self, number):
        pod = Pod(f"churn-{number}")
        bundle = Bundle(pod, "main", "containerd", "cgroupfs", f"{REPOSITORY}:{number}").write()
        mark = f"fixture-{number}"
        self.tally.wanted[mark] = {"container.id": bundle.ident[:12], "k8s.pod.name": pod.name, "k8s.pod.uid": pod.uid,
                                   "container.image.tag": str(number), "user.name": "root"}
        self.cgroups.make(bundle.cgroup)
        subprocess.run(["/bin/sh", "-c", ENTER, "sh", self.root + bundle.cgroup, self.program, marks.PREFIX + mark], check=True,
                       timeout=support.WAIT_S)
        self.cgroups.remove(bundle.cgroup)
        self.cgroups.remove(os.path.dirname(bundle.cgroup))
        # A runtime takes its time to remove a bundle (it starts programs for it); this test would be too quick.
        comes_true(lambda: mark not in self.tally.wanted, 10)
        shutil.rmtree(bundle.folder)


def churn(fixtures, docker, options):
    """Containers and fixtures side by side, four at a time."""
    pool = concurrent.futures.ThreadPoolExecutor(4)
    try:
        reals = [pool.submit(real, docker, fixtures.tally, number) for number in range(options.containers)]
        for done in reals + [pool.submit(fixtures.one, number) for number in range(options.cgroups)]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def real(docker, tally, number):
    name, mark = f"tiercel-churn-{number}", f"real-{number}"
    tally.wanted[mark] = {"container.name": name, "container.type": "docker", "container.image.repository": REPOSITORY,
                          "container.image.tag": TAG, "user.name": "root"}
    docker.call("run", "--rm", "--network", "none", "--name", name, IMAGE, *marks.command(mark))


SLACK = 4  # cgroups that a runtime leaves for the next container


def known(agent):
    counts = agent.status()["containers"]
    return {key: counts[key] for key in ("known", "cgroups")}


def fallen_back(agent, before):
    return all(count <= before[key] + SLACK for key, count in known(agent).items())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--containers", type=int, default=100 if support.soak() else 20)
    parser.add_argument("--cgroups", type=int, default=10_000 if support.soak() else 1_000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks, tally = support.Checks(), Tally()
    with support.Folder("churn") as folder, Places(), Cgroups(every=False) as cgroups, Docker(folder) as docker:
        docker.load(IMAGE, images.layer())
        rules = folder.file("rules.yaml", marks.rules())
        # kept until the end, so that what is above them is not made anew each time
        cgroups.make("/kubepods/burstable")
        with support.Agent(options.tiercel, rules, keep_stdout=False, on_alert=tally.take) as agent:
            fixtures = Fixtures(cgroups, tally, os.path.join(options.programs, "tk_nop"))
            before = known(agent)
            memory = Memory(agent)
            memory.start()
            churn(fixtures, docker, options)
            comes_true(lambda: not tally.wanted, 30)
            # what has gone is kept for two seconds: a short run ends while its number still grows
            memory.judge(checks, 3 << 20 if support.soak() else 8 << 20)
            forgotten = comes_true(lambda: fallen_back(agent, before), 60)
            after = known(agent)
            counts = agent.status()["containers"]
            summary = agent.stop()
    made = options.containers + options.cgroups
    support.say(support.table(["containers", "seen", "all right", "known before", "known after"],
                              [[made, tally.seen, tally.right, before, after]]))
    checks.equal(tally.wrong[:10], [], "wrong events (the first ten)")
    checks.equal(tally.right, made, "events with the right container")
    checks.equal(list(tally.wanted)[:10], [], "programs that were not seen (the first ten)")
    checks.check(forgotten, f"what is known falls back: {before} before, {after} after")
    checks.equal(counts["readers_stuck"], 0, "readers that hang")
    checks.equal(summary["lost"], 0, "lost")
    return checks.finish("containers that come and go")


if __name__ == "__main__":
    support.main(main, "kernel_container_churn")
