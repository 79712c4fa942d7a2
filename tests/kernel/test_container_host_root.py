#!/usr/bin/env python3
"""--host-root: an agent that lives in a container, with the host's / mounted in a folder, knows the host's containers,
users and name by what is below that folder, and by nothing that it finds in its own places.

The agent's surroundings are a mount and a UTS namespace of its own: other passwd and group files, empty runtime folders,
another host name.
"""

import argparse
import os
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from docker import Docker  # noqa: E402
from places import RUN, STATE, Places, share_mounts  # noqa: E402

REPOSITORY, TAG = "tiercel-test/inside", "3.0"
OWN_NAME = "agents-own-name"
ENTER = """#!/bin/sh
# What a container runtime does for a DaemonSet that mounts the host's /.
exec unshare --mount --uts --propagation slave sh -eu -c '
mount --rbind / {host}
mount --make-rslave {host}
for place in {places}; do mount -t tmpfs tiercel-test "$place"; done
mount --bind {passwd} /etc/passwd
mount --bind {group} /etc/group
echo {name} > /proc/sys/kernel/hostname
exec {tiercel} "$@"
' sh "$@"
"""


def boxed(tiercel, folder, host):
    """A command that runs tiercel in the surroundings."""
    text = ENTER.format(host=host, places=" ".join((RUN,) + STATE), name=OWN_NAME, tiercel=tiercel,
                        passwd=folder.file("own-passwd", "boxroot:x:0:0::/:/bin/sh\nboxed:x:1000:1000::/:/bin/sh\n"),
                        group=folder.file("own-group", "boxroot:x:0:\nboxed:x:1000:\n"))
    path = folder.file("enter.sh", text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


def host_name():
    with open("/etc/hostname", encoding="ascii") as file:
        return file.read().strip()


def judge_container(checks, fields, name, ident):
    wanted = {"container.id": ident[:12], "container.name": name, "container.image.repository": REPOSITORY,
              "container.image.tag": TAG, "user.name": "app", "group.name": "crew"}
    for field, value in wanted.items():
        checks.equal(fields.get(field), value, f"{name}: {field}")
    checks.check(marks.is_true(fields.get("container.verified")), f"{name}: container.verified")


def run_container(docker, agent, mark):
    name = f"tiercel-host-root-{mark}"
    ident = docker.text("create", "--network", "none", "--name", name, "--user", "1000:1000", f"{REPOSITORY}:{TAG}",
                        *marks.command(mark)).strip()
    docker.call("start", "--attach", ident)
    return marks.wait(agent, mark), name, ident


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("host-root") as folder, Places():
        share_mounts()
        with Docker(folder) as docker:
            docker.load(f"{REPOSITORY}:{TAG}", images.layer(files={
                "etc/passwd": images.PASSWD + "app:x:1000:1000::/:/bin/sh\n", "etc/group": images.GROUP + "crew:x:1000:\n"}))
            host = folder.folder("host")
            command = boxed(options.tiercel, folder, host)
            rules = folder.file("rules.yaml", marks.rules("evt.hostname"))
            refused = support.Child([command, "run", "--no-manager", "--rules", rules, "--host-root", "/nowhere"])
            checks.equal(refused.wait(), 1, "exit status with a host root that is none")
            checks.check("/nowhere" in refused.stderr(), "the message names the folder that is no host's /")
            with support.Agent(command, rules, extra=["--host-root", host]) as agent:
                for mark in ("one", "two"):
                    fields, name, ident = run_container(docker, agent, mark)
                    judge_container(checks, fields, name, ident)
                    checks.equal(fields["evt.hostname"], host_name(), "evt.hostname")
                marks.on_host("outside")
                fields = marks.wait(agent, "outside")
                checks.equal(fields["container.id"], "host", "a program of the host")
                checks.equal(fields["user.name"], "root", "user.name of the host's root")
                summary = agent.stop()
    checks.equal(summary["lost"], 0, "lost")
    return checks.finish("an agent in a container")


if __name__ == "__main__":
    support.main(main, "kernel_container_host_root")
