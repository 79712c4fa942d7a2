#!/usr/bin/env python3
"""Disks that hang: first one that a container has its root on, then one that a runtime keeps its records on. The agent
goes on, tells of what it could read, shows who waits, and takes in the rest when the disk is back.

Nothing is judged by a clock: a deciding thread that waits for such a disk would never come to the next event.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from bundles import STORAGE, Bundle, Pod  # noqa: E402
from hung_disk import HungDisk  # noqa: E402
from places import Cgroups, Places  # noqa: E402
from test_container_pods import Scene, judge_bundle  # noqa: E402

EVENTS = 200


def host_goes_on(checks, agent, what):
    """Many events of the host, one after the other, none of which may be held up."""
    for number in range(EVENTS):
        marks.on_host(f"{what}-{number}")
    last = marks.wait(agent, f"{what}-{EVENTS - 1}")
    checks.equal((last["container.id"], last["user.name"]), ("host", "root"), f"{what}: events of the host")
    seen = sum(len(marks.fields_of(agent.alerts(), f"{what}-{number}")) for number in range(EVENTS))
    checks.equal(seen, EVENTS, f"{what}: events of the host seen")


def stuck(agent):
    return agent.status()["containers"]["readers_stuck"]


def until(scene, cgroup, field, value, what):
    """Until a new event of that cgroup says so: what was late is taken in when it comes."""
    fields = {}

    def so():
        fields.update(scene.seen(cgroup))
        return fields[field] == value

    support.wait_until(so, what)
    return fields


def hung_root(checks, scene, agent):
    broken, sound = (Bundle(Pod(name), "main", "containerd", "cgroupfs").write() for name in ("hung-root", "sound-root"))
    with HungDisk(broken.rootfs) as disk:
        fields = scene.seen(broken.cgroup)
        checks.equal(fields["k8s.pod.name"], broken.pod.name, "a container whose root hangs: k8s.pod.name, on its first event")
        checks.check(marks.is_true(fields["container.verified"]), "a container whose root hangs: container.verified")
        checks.equal(fields["user.name"], "<NA>", "a container whose root hangs: user.name")
        support.wait_until(disk.is_touched, "a reader that waits for the disk")
        host_goes_on(checks, agent, "root")
        support.wait_until(lambda: stuck(agent) == 1, "the status to tell of one stuck reader")
        fields = scene.seen(sound.cgroup)
        checks.equal(fields["k8s.pod.name"], sound.pod.name, "another container beside it: k8s.pod.name")
        disk.gone()
        until(scene, sound.cgroup, "user.name", "bundled", "the users of the other container")
        support.wait_until(lambda: stuck(agent) == 0, "no reader to be stuck")
    judge_bundle(checks, sound, scene.seen(sound.cgroup), "the other container, afterwards")


def hung_records(checks, scene, agent):
    late = Bundle(Pod("hung-records"), "main", "containerd", "cgroupfs").write()
    os.makedirs(STORAGE, exist_ok=True)
    with HungDisk(STORAGE) as disk:
        fields = scene.seen(late.cgroup)
        checks.equal(fields["container.id"], late.ident[:12], "records that hang: container.id is what the cgroup says")
        checks.check(marks.is_false(fields["container.verified"]), "records that hang: container.verified")
        support.wait_until(disk.is_touched, "a reader that waits for the records")
        host_goes_on(checks, agent, "records")
        disk.gone()
        fields = until(scene, late.cgroup, "container.verified", True, "the record to be read")
    judge_bundle(checks, late, until(scene, late.cgroup, "user.name", "bundled", "its users"), "a record that came late")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    options = parser.parse_args()
    support.require_kernel_tests()
    if not os.path.exists("/dev/fuse"):
        support.skip_or_fail("there is no /dev/fuse")
    checks = support.Checks()
    with support.Folder("hung") as folder, Places(), Cgroups() as cgroups:
        rules = folder.file("rules.yaml", marks.rules("container.mount.dest[/srv/shop]"))
        with support.Agent(options.tiercel, rules) as agent:
            scene = Scene(cgroups, agent)
            hung_root(checks, scene, agent)
            hung_records(checks, scene, agent)
            checks.equal(agent.stop()["lost"], 0, "lost")
    return checks.finish("disks that hang")


if __name__ == "__main__":
    support.main(main, "kernel_container_hung")
