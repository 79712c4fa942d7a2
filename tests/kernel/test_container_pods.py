#!/usr/bin/env python3
"""Kubernetes' containers from their bundles, and those who only look like one.

The records have the documented layout of containerd's CRI plugin and of CRI-O, in both cgroup drivers' forms; the
cgroups and the processes are real. A cgroup that has a container's name and no record, or another container's, is not
verified; one inside of a container belongs to it.
"""

import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from bundles import CAPABILITIES, Bundle, Pod, hex_id  # noqa: E402
from places import Cgroups, Places  # noqa: E402

PLAIN = "tiercel-plain:"
RULES = marks.rules("container.mount.dest[/srv/shop]") + f"""- rule: Plain
  desc: names no field of the container's
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.args startswith "{PLAIN}"
  output: "%proc.args"
  priority: NOTICE
"""


class Scene:
    def __init__(self, cgroups, agent):
        self.cgroups, self.agent, self.count = cgroups, agent, 0

    def start(self, cgroup, uid=1000, prefix=marks.PREFIX):
        """A program with a mark in that cgroup: a process moves there, then becomes it. Returns the mark."""
        self.count += 1
        mark = f"pod-{self.count}"
        self.cgroups.make(cgroup)
        child = subprocess.Popen(["/bin/bash", "-c", f"read -r go; exec {marks.PROGRAM} {prefix}{mark}"], stdin=subprocess.PIPE,
                                 user=uid, group=uid, extra_groups=[])
        try:
            self.cgroups.move(cgroup, child.pid)
            child.communicate(b"go\n", timeout=support.WAIT_S)
        finally:
            child.kill()
            child.wait()
        return mark

    def seen(self, cgroup):
        return marks.wait(self.agent, self.start(cgroup))

    def seen_plain(self, cgroup):
        text = PLAIN + self.start(cgroup, prefix=PLAIN)

        def mine(alerts):
            return [alert for alert in alerts if alert["rule"] == "Plain" and text in alert["output"]]

        return mine(self.agent.wait_alerts(mine, text))[0]["output_fields"]


def judge_bundle(checks, bundle, fields, what):
    pod = bundle.pod
    repository, tag = bundle.image.rsplit(":", 1)
    wanted = {"container.id": bundle.ident[:12], "container.full_id": bundle.ident, "container.type": bundle.runtime,
              "container.image.repository": repository, "container.image.tag": tag, "container.hostname": pod.name,
              "container.entrypoint": "/bin/web --listen", "container.mount.dest[/srv/shop]": "/data", "k8s.pod.name": pod.name,
              "k8s.ns.name": pod.namespace, "k8s.pod.uid": pod.uid, "user.name": "bundled", "group.name": "bundles",
              "container.capabilities": " ".join(CAPABILITIES)}
    for field, value in wanted.items():
        checks.equal(fields[field], value, f"{what}: {field}")
    checks.check(bundle.name in (fields["container.name"] or ""), f"{what}: container.name {fields['container.name']!r}")
    checks.check((fields["k8s.pod.sandbox_id"] or "-") == pod.sandbox_id[:12],
                 f"{what}: k8s.pod.sandbox_id {fields['k8s.pod.sandbox_id']!r}")
    checks.check(marks.is_true(fields["container.verified"]), f"{what}: container.verified {fields['container.verified']!r}")
    checks.equal(marks.missing(fields) & {"record", "name", "image"}, set(), f"{what}: container.missing")


def judge_real(checks, scene, bundles):
    rows = []
    for bundle in bundles:
        what = f"{bundle.runtime}, {bundle.driver}"
        fields = scene.seen(bundle.cgroup)
        judge_bundle(checks, bundle, fields, what)
        for inner in ("/init", "/deep/er", f"/docker/{hex_id('nobody')}", f"/{bundles[0].ident}", f"/{bundles[1].ident}"):
            within = scene.seen(bundle.cgroup + inner)
            judge_bundle(checks, bundle, within, f"{what}, inside of it ({inner[:20]})")
        rows.append([what, fields["container.name"], fields["k8s.ns.name"], fields["k8s.pod.name"], fields["user.name"]])
    support.say(support.table(["record", "container", "namespace", "pod", "user"], rows))


def judge_spoofs(checks, scene, bundles):
    nobody, borrowed = hex_id("no record"), bundles[0].ident
    spoofs = {f"/docker/{nobody}": nobody, f"/system.slice/docker-{nobody}.scope": nobody,
              f"/kubepods/burstable/pod{bundles[0].pod.uid}/{nobody}": nobody, f"/tiercel-spoof/{borrowed}": borrowed,
              f"/system.slice/cri-containerd-{borrowed}.scope": borrowed, f"/docker/{borrowed}": borrowed}
    for cgroup, ident in spoofs.items():
        fields = scene.seen(cgroup)
        what = f"spoofed {cgroup[:40]}"
        checks.check(marks.is_false(fields["container.verified"]), f"{what}: container.verified is {fields['container.verified']!r}")
        checks.equal(fields["container.id"], ident[:12], f"{what}: container.id")
        # the id that the name claims, and nothing of whose id it is
        for field in ("container.name", "container.image", "container.labels", "container.mounts", "k8s.pod.name", "k8s.ns.name"):
            checks.check(marks.is_empty(fields[field]), f"{what}: {field} is empty: {fields[field]!r}")
        checks.check("record" in marks.missing(fields), f"{what}: container.missing is {fields['container.missing']!r}")
        checks.check(fields["user.name"] != "bundled", f"{what}: user.name {fields['user.name']!r}")
        plain = scene.seen_plain(cgroup)
        checks.equal(plain.get("container.verified"), False, f"{what}: container.verified of a rule that does not name it")
        checks.check("record" in marks.missing(plain), f"{what}: container.missing of a rule that does not name it: {plain}")
    users = bundles[-1]
    fields = scene.seen(users.cgroup)
    checks.check(marks.is_false(fields["container.verified"]), f"a user's bundle: container.verified is {fields['container.verified']!r}")
    checks.equal(scene.seen_plain(users.cgroup).get("container.verified"), False, "a user's bundle: marked without being asked for")
    for cgroup in ("/tiercel-plain", "/user.slice/user-1000.slice/session-1.scope", "/system.slice/web.service"):
        fields = scene.seen(cgroup)
        checks.equal(fields["container.id"], "host", f"{cgroup}: container.id")
        checks.check(not marks.is_false(fields["container.verified"]), f"{cgroup}: the host is not unverified")
    plain = scene.seen_plain(bundles[0].cgroup)
    checks.check("container.verified" not in plain or plain["container.verified"] is True, f"a real container is not marked: {plain}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("pods") as folder, Places(), Cgroups() as cgroups:
        bundles = [Bundle(Pod(f"web-{number}"), f"main-{number}", runtime, driver) for number, (runtime, driver) in enumerate(
            [("containerd", "cgroupfs"), ("containerd", "systemd"), ("cri-o", "cgroupfs"), ("cri-o", "systemd")])]
        users = Bundle(Pod("of-a-user"), "main", "containerd", "cgroupfs")
        for bundle in bundles + [users]:
            bundle.write()
        users.give_to(1000)
        with support.Agent(options.tiercel, folder.file("rules.yaml", RULES)) as agent:
            scene = Scene(cgroups, agent)
            judge_real(checks, scene, bundles)
            judge_spoofs(checks, scene, bundles + [users])
            checks.equal(agent.stop()["lost"], 0, "lost")
    return checks.finish("pods and spoofs")


if __name__ == "__main__":
    support.main(main, "kernel_container_pods")
