#!/usr/bin/env python3
"""Short-lived docker containers, many at a time: the first event of each says whose it is, completely.

Each container's program carries a mark, and docker says the container's id, so the truth does not come from the agent.
Marked programs on the host run between them and belong to the host.
"""

import argparse
import concurrent.futures
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

REPOSITORY, TAG = "registry.example:5000/tiercel-test/first", "1.2"
IMAGE = f"{REPOSITORY}:{TAG}"
NEVER_EMPTY = ["container.id", "container.full_id", "container.name", "container.type", "container.image",
               "container.image.id", "container.image.repository", "container.image.tag", "container.mounts",
               "container.labels", "container.entrypoint", "container.hostname", "container.capabilities",
               "container.created_ts", "container.user", "user.name", "group.name"]
# what docker gives a container that asks for nothing (moby, oci/caps/defaults.go)
DEFAULT_CAPABILITIES = {"CAP_" + name for name in """CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP
SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE""".split()}
PASSWD = images.PASSWD + "app:x:1000:1000::/home/app:/bin/sh\n"
GROUP = images.GROUP + "crew:x:1000:\n"


class Runs:
    """docker run, many at a time, and a marked program of the host after each."""

    def __init__(self, docker, folder, count):
        self.docker, self.folder, self.count = docker, folder, count
        self.data = folder.folder("data")
        self.idents = {}

    def one(self, number):
        name, cidfile = f"tiercel-first-{number}", os.path.join(self.folder.path, f"cid-{number}")
        self.docker.call("run", "--rm", "--network", "none", "--name", name, "--cidfile", cidfile, "--user", "1000:1000",
                         "--hostname", f"host-{number}", "--label", "app=shop", "--label", f"number={number}",
                         "--volume", f"{self.data}:/data:ro", IMAGE, *marks.command(f"in-{number}"))
        marks.on_host(f"out-{number}")
        with open(cidfile, encoding="ascii") as file:
            self.idents[number] = file.read().strip()

    def all(self, at_a_time):
        pool = concurrent.futures.ThreadPoolExecutor(at_a_time)
        try:
            for done in [pool.submit(self.one, number) for number in range(self.count)]:
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def judge_container(checks, fields, number, ident, runs, image_id):
    name = f"container {number}"
    wanted = {"container.id": ident[:12], "container.full_id": ident, "container.name": f"tiercel-first-{number}",
              "container.type": "docker", "container.image": IMAGE, "container.image.repository": REPOSITORY,
              "container.image.tag": TAG, "container.image.id": image_id, "container.label[app]": "shop",
              "container.label[number]": str(number), "container.user": "1000:1000", "container.hostname": f"host-{number}",
              "container.entrypoint": " ".join(marks.command(f"in-{number}")), "user.name": "app", "group.name": "crew",
              "container.mount.source[/data]": runs.data, f"container.mount.dest[{runs.data}]": "/data",
              "proc.vpid": 1}
    for field, value in wanted.items():
        checks.equal(fields.get(field), value, f"{name}: {field}")
    for field in ("container.privileged", "container.host_network", "container.host_pid", "container.host_ipc",
                  f"container.mount.rdwr[{runs.data}]"):
        checks.check(marks.is_false(fields.get(field)), f"{name}: {field} is {fields.get(field)!r}")
    checks.check(marks.is_true(fields.get("container.verified")), f"{name}: container.verified is {fields.get('container.verified')!r}")
    checks.check(f"{runs.data}:/data:ro:false:rprivate" in (fields.get("container.mounts") or ""),
                 f"{name}: container.mounts is {fields.get('container.mounts')!r}")
    checks.check("app:shop" in (fields.get("container.labels") or ""), f"{name}: container.labels is {fields.get('container.labels')!r}")
    checks.equal(set((fields.get("container.capabilities") or "").split()), DEFAULT_CAPABILITIES, f"{name}: container.capabilities")
    checks.equal(marks.missing(fields) & {"record", "name", "image", "labels"}, set(), f"{name}: container.missing")


def judge(checks, alerts, runs, image_id):
    empty, right = [], 0
    for number, ident in sorted(runs.idents.items()):
        seen = marks.fields_of(alerts, f"in-{number}")
        if not checks.equal(len(seen), 1, f"events of container {number}"):
            continue
        empty += [(number, field) for field in NEVER_EMPTY if marks.is_empty(seen[0].get(field))]
        before = len(checks.bad)
        judge_container(checks, seen[0], number, ident, runs, image_id)
        right += len(checks.bad) == before
        for outside in marks.fields_of(alerts, f"out-{number}"):
            checks.equal(outside["container.id"], "host", f"program {number} of the host: container.id")
            checks.check(marks.is_empty(outside["container.image"]),
                         f"program {number} of the host: container.image {outside['container.image']!r}")
            checks.equal(marks.missing(outside), set(), f"program {number} of the host: container.missing")
    checks.equal(empty, [], "<NA> where a fact should be")
    checks.equal(len([a for a in alerts if a["output_fields"]["container.id"] == "host"]), runs.count, "programs of the host")
    support.say(support.table(["containers", "first events seen", "all of it right", "<NA>"],
                              [[runs.count, sum(len(marks.fields_of(alerts, f"in-{n}")) for n in runs.idents), right, len(empty)]]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--containers", type=int, default=500 if support.soak() else 50)
    parser.add_argument("--at-a-time", type=int, default=8)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("first") as folder, Places(), Docker(folder) as docker:
        docker.load(IMAGE, images.layer(files={"etc/passwd": PASSWD, "etc/group": GROUP}))
        image_id = json.loads(docker.text("image", "inspect", IMAGE))[0]["Id"].removeprefix("sha256:")
        runs = Runs(docker, folder, options.containers)
        rules = folder.file("rules.yaml", marks.rules(
            "container.label[app]", "container.label[number]", "container.mount.source[/data]", f"container.mount.dest[{runs.data}]",
            f"container.mount.rdwr[{runs.data}]"))
        with support.Agent(options.tiercel, rules) as agent:
            runs.all(options.at_a_time)
            try:
                agent.wait_alerts(lambda alerts: len(alerts) >= 2 * options.containers, "all events", 10)
            except support.Failure as failure:
                support.say(str(failure)[:200])  # said below, container by container
            summary = agent.stop()
            alerts = agent.alerts()
    judge(checks, alerts, runs, image_id)
    checks.equal(summary["lost"], 0, "lost")
    return checks.finish("first events of containers")


if __name__ == "__main__":
    support.main(main, "kernel_container_first")
