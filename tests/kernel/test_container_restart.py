#!/usr/bin/env python3
"""Containers that run already when the agent starts, and when it starts again: the next event of each says whose it is,
completely, of a new process and of one that was there before."""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from docker import Docker  # noqa: E402
from places import Places  # noqa: E402

REPOSITORY, TAG = "tiercel-test/restart", "5"
IMAGE = f"{REPOSITORY}:{TAG}"
OLD = """- rule: Old
  desc: an event of a process that was there before the agent
  condition: evt.type in (open, openat, openat2, creat) and fd.name startswith /tmp/tiercel-old-
  output: "%s"
  priority: NOTICE
"""


class Scene:
    def __init__(self, docker, folder, count):
        self.docker = docker
        self.image_id = json.loads(docker.text("image", "inspect", IMAGE))[0]["Id"].removeprefix("sha256:")
        self.shells, self.idents, self.names = [], [], []
        for number in range(count):
            shell, name = marks.Shell(folder, str(number)), f"tiercel-restart-{number}"
            self.idents.append(docker.text("run", "--detach", "--network", "none", "--name", name, "--label", f"number={number}",
                                           "--volume", f"{shell.path}:{marks.Shell.PLACE}", IMAGE, *marks.Shell.ARGV))
            self.shells.append(shell)
            self.names.append(name)
        for shell in self.shells:
            shell.wait_ready()

    def act(self, start):
        """An event of each old process, and a new process in each."""
        for number, shell in enumerate(self.shells):
            shell.do(f": > /tmp/tiercel-old-{start}-{number}")
            self.docker.call("exec", self.idents[number], *marks.command(f"new-{start}-{number}"))

    def judge(self, checks, fields, number, what):
        ident = self.idents[number]
        wanted = {"container.id": ident[:12], "container.full_id": ident, "container.name": self.names[number],
                  "container.type": "docker", "container.image": IMAGE, "container.image.repository": REPOSITORY,
                  "container.image.tag": TAG, "container.image.id": self.image_id, "container.label[number]": str(number),
                  "container.hostname": ident[:12], "container.entrypoint": " ".join(marks.Shell.ARGV), "user.name": "root",
                  f"container.mount.source[{marks.Shell.PLACE}]": self.shells[number].path}
        for field, value in wanted.items():
            checks.equal(fields.get(field), value, f"{what}: {field}")
        checks.check(marks.is_true(fields.get("container.verified")), f"{what}: container.verified {fields.get('container.verified')!r}")
        checks.check(marks.is_false(fields.get("container.privileged")),
                     f"{what}: container.privileged {fields.get('container.privileged')!r}")
        checks.equal(marks.missing(fields) & {"record", "name", "image", "labels"}, set(), f"{what}: container.missing")


def old_fields(alerts, start, number):
    path = f"/tmp/tiercel-old-{start}-{number}"
    return [a["output_fields"] for a in alerts if a["rule"] == "Old" and a["output_fields"]["fd.name"] == path]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--containers", type=int, default=50 if support.soak() else 10)
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("restart") as folder, Places(), Docker(folder) as docker:
        docker.load(IMAGE, images.layer())
        scene = Scene(docker, folder, options.containers)
        more = ["container.label[number]", f"container.mount.source[{marks.Shell.PLACE}]"]
        output = " ".join("%" + field for field in marks.FIELDS + more + ["fd.name"])
        rules = folder.file("rules.yaml", marks.rules(*more) + OLD % output)
        for start in range(options.starts):
            with support.Agent(options.tiercel, rules) as agent:
                scene.act(start)
                wanted = 2 * options.containers
                try:
                    agent.wait_alerts(lambda alerts, n=wanted: len(alerts) >= n, "the next events", 10)
                except support.Failure as failure:
                    support.say(str(failure)[:200])  # said below, container by container
                summary = agent.stop()
                alerts = agent.alerts()
            for number in range(options.containers):
                for kind, seen in (("new", marks.fields_of(alerts, f"new-{start}-{number}")), ("old", old_fields(alerts, start, number))):
                    what = f"start {start + 1}, container {number}, {kind} process"
                    if checks.equal(len(seen), 1, f"{what}: events"):
                        scene.judge(checks, seen[0], number, what)
            checks.equal(summary["lost"], 0, f"start {start + 1}: lost")
            support.say(f"start {start + 1}: ready after {agent.ready_s:.2f} s beside {options.containers} containers")
    return checks.finish("restart beside containers")


if __name__ == "__main__":
    support.main(main, "kernel_container_restart")
