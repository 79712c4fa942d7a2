#!/usr/bin/env python3
"""Containers of a plain containerd, through `ctr`: what the bundle holds is there on the first event; image and labels
once containerd's socket has answered, and until then they are empty and said to be missing. A containerd that hangs or
is gone costs nothing else, and one that comes back is asked again."""

import argparse
import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from containerd import NAMESPACE, Containerd  # noqa: E402
from places import Places  # noqa: E402

REPOSITORY, TAG = "registry.example/tiercel-test/ctr", "2.1"
IMAGE = f"{REPOSITORY}:{TAG}"
# A socket that hung is asked again after a while that doubles, up to a minute.
ASKED_AGAIN_S = 150
LONGER_THAN_A_QUESTION_S = 3  # so that the first one failed when containerd goes on


class Bundle:
    """What containerd wrote for the runtime, as the truth of a container."""

    def __init__(self, containerd, ident):
        with open(os.path.join(containerd.bundle(ident), "config.json"), encoding="utf-8") as file:
            self.config = json.load(file)

    def judge(self, checks, fields, ident, what):
        process = self.config["process"]
        checks.equal(fields["container.id"], ident, f"{what}: container.id")
        checks.equal(fields["container.full_id"], ident, f"{what}: container.full_id")
        checks.equal(fields["container.type"], "containerd", f"{what}: container.type")
        checks.equal(fields["container.entrypoint"], " ".join(process["args"]), f"{what}: container.entrypoint")
        checks.equal(fields["container.hostname"] or "", self.config.get("hostname", ""), f"{what}: container.hostname")
        checks.equal(set((fields["container.capabilities"] or "").split()), set(process["capabilities"]["bounding"]),
                     f"{what}: container.capabilities")
        checks.check(marks.is_true(fields["container.verified"]), f"{what}: container.verified is {fields['container.verified']!r}")
        for mount in self.config["mounts"]:
            if mount["type"] == "bind":
                checks.check(f"{mount['source']}:{mount['destination']}:" in (fields["container.mounts"] or ""),
                             f"{what}: container.mounts has {mount['destination']}: {fields['container.mounts']!r}")


def judge_image(checks, fields, ident, what):
    checks.equal(fields["container.image.repository"], REPOSITORY, f"{what}: container.image.repository")
    checks.equal(fields["container.image.tag"], TAG, f"{what}: container.image.tag")
    checks.equal(fields["container.label[from]"], "image", f"{what}: a label of the image")
    checks.equal(fields["container.label[own]"], ident, f"{what}: a label of the container")
    checks.equal(marks.missing(fields) & {"image", "labels", "record"}, set(), f"{what}: container.missing")


def judge_unanswered(checks, fields, what):
    for field in ("container.image.repository", "container.image.tag", "container.label[from]"):
        checks.check(marks.is_empty(fields[field]), f"{what}: {field} is empty: {fields[field]!r}")
    checks.check({"image", "labels"} <= marks.missing(fields), f"{what}: container.missing names image and labels: {marks.missing(fields)}")


def wait_image(agent, shell, what, timeout_s):
    """Starts a marked program now and then until one carries its image."""
    tries = [0]

    def answered():
        tries[0] += 1
        mark = f"{what}-{tries[0]}"
        shell.mark(mark)
        fields = marks.wait(agent, mark)
        return None if marks.is_empty(fields["container.image"]) else fields

    return support.wait_until(answered, f"the image ({what})", timeout_s, 0.2)


class Scene:
    def __init__(self, options, checks, folder, containerd):
        self.options, self.checks, self.folder, self.containerd = options, checks, folder, containerd
        self.data = folder.folder("data")
        self.rules = folder.file("rules.yaml", marks.rules("container.label[from]", "container.label[own]"))

    def run(self, ident, *argv, detach=False, mounts=(), more=()):
        args = ["run", "--detach" if detach else "--rm", "--label", f"own={ident}", *more]
        for source, target in ((self.data, "/data"), *mounts):
            args += ["--mount", f"type=bind,src={source},dst={target},options=rbind:rw"]
        self.containerd.ctr(*args, IMAGE, ident, *argv)

    def shell(self, ident):
        shell = marks.Shell(self.folder, ident)
        self.run(ident, *marks.Shell.ARGV, detach=True, mounts=[(shell.path, marks.Shell.PLACE)])
        shell.wait_ready()
        return shell, Bundle(self.containerd, ident)

    def agent(self):
        return support.Agent(self.options.tiercel, self.rules)


def first_events(scene):
    """Containers that start while the agent runs."""
    checks, rows = scene.checks, []
    with scene.agent() as agent:
        for number in range(scene.options.containers):
            ident = f"tiercel-ctr-{number}"
            scene.run(ident, *marks.command(ident))
            first = marks.wait(agent, ident)
            what = f"first event of {ident}"
            checks.equal(first["container.id"], ident, f"{what}: container.id")
            checks.equal(first["container.type"], "containerd", f"{what}: container.type")
            checks.equal(first["proc.vpid"], 1, f"{what}: proc.vpid")
            checks.equal(first["container.entrypoint"], " ".join(marks.command(ident)), f"{what}: container.entrypoint")
            checks.check(f"{scene.data}:/data:" in (first["container.mounts"] or ""),
                         f"{what}: container.mounts {first['container.mounts']!r}")
            checks.check("CAP_CHOWN" in (first["container.capabilities"] or ""),
                         f"{what}: container.capabilities {first['container.capabilities']!r}")
            checks.check(marks.is_true(first["container.verified"]), f"{what}: container.verified {first['container.verified']!r}")
            if marks.is_empty(first["container.image"]):
                judge_unanswered(checks, first, what)
            else:
                judge_image(checks, first, ident, what)
            rows.append(not marks.is_empty(first["container.image"]))
        shell, bundle = scene.shell("tiercel-ctr-long")
        fields = wait_image(agent, shell, "asked", support.WAIT_S)
        bundle.judge(checks, fields, "tiercel-ctr-long", "once asked")
        judge_image(checks, fields, "tiercel-ctr-long", "once asked")
        checks.equal(agent.stop()["lost"], 0, "lost")
    support.say(f"{len(rows)} containers; {sum(rows)} had their image on the first event already")
    return shell, bundle


def privileged(scene):
    """All capabilities that this machine has, and one without any."""
    checks = scene.checks
    with scene.agent() as agent:
        for ident, more, wanted in (("all-caps", ["--privileged", "--runc-binary", scene.containerd.runtime], True),
                                    ("no-caps", ["--cap-drop", "CAP_CHOWN"], False)):
            scene.run(ident, *marks.command(ident), more=more)
            fields = marks.wait(agent, ident)
            capabilities = set((fields["container.capabilities"] or "").split())
            checks.equal("CAP_SYS_ADMIN" in capabilities, wanted, f"{ident}: CAP_SYS_ADMIN among {capabilities}")
            checks.equal("CAP_CHOWN" in capabilities, wanted, f"{ident}: CAP_CHOWN among {capabilities}")
            checks.equal(marks.is_true(fields["container.privileged"]), wanted,
                         f"{ident}: container.privileged {fields['container.privileged']!r}")
        checks.equal(agent.stop()["lost"], 0, "lost")


def hanging(scene, shell, bundle):
    """containerd is stopped before the agent starts, and goes on later."""
    checks = scene.checks
    scene.containerd.pause()
    try:
        with scene.agent() as agent:
            for number in range(5):
                shell.mark(f"hung-{number}")
                fields = marks.wait(agent, f"hung-{number}")
                bundle.judge(checks, fields, "tiercel-ctr-long", "containerd hangs")
                judge_unanswered(checks, fields, "containerd hangs")
                marks.on_host(f"beside-{number}")
                checks.equal(marks.wait(agent, f"beside-{number}")["container.id"], "host", "the host's event while containerd hangs")
            time.sleep(LONGER_THAN_A_QUESTION_S)
            scene.containerd.resume()
            fields = wait_image(agent, shell, "goes-on", ASKED_AGAIN_S)
            judge_image(checks, fields, "tiercel-ctr-long", "containerd went on")
            checks.equal(agent.stop()["lost"], 0, "lost")
    finally:
        scene.containerd.resume()


def absent(scene, shell, bundle):
    """containerd is gone when the agent starts, and comes later."""
    checks = scene.checks
    scene.containerd.kill()
    with scene.agent() as agent:
        for number in range(5):
            shell.mark(f"gone-{number}")
            fields = marks.wait(agent, f"gone-{number}")
            bundle.judge(checks, fields, "tiercel-ctr-long", "containerd is gone")
            judge_unanswered(checks, fields, "containerd is gone")
        scene.containerd.start()
        fields = wait_image(agent, shell, "came", ASKED_AGAIN_S)
        judge_image(checks, fields, "tiercel-ctr-long", "containerd came")
        checks.equal(agent.stop()["lost"], 0, "lost")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--containers", type=int, default=50 if support.soak() else 5)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("ctr") as folder, Places(), Containerd(folder) as containerd:
        containerd.load(IMAGE, images.layer(), {"from": "image"})
        scene = Scene(options, checks, folder, containerd)
        shell, bundle = first_events(scene)
        privileged(scene)
        hanging(scene, shell, bundle)
        absent(scene, shell, bundle)
    return checks.finish(f"containers of ctr (namespace {NAMESPACE})")


if __name__ == "__main__":
    support.main(main, "kernel_container_ctr")
