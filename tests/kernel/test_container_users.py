#!/usr/bin/env python3
"""Users and groups by the right file: the container's own for its processes, the host's for the host's.

And containers that make of their passwd whatever could harm: links to the host's files, a FIFO, a huge file, one that
changes all the time. None leads to a text of the host, none holds up the events of others.
"""

import argparse
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import images  # noqa: E402
import marks  # noqa: E402
import tiercel as support  # noqa: E402
from bundles import Bundle, Pod  # noqa: E402
from docker import Docker  # noqa: E402
from places import Cgroups, Places  # noqa: E402
from test_container_pods import Scene as PodScene  # noqa: E402

IMAGE = "tiercel-test/users:1"
PROGRAMS = ["/bin/ln", "/bin/rm", "/bin/mv", "/usr/bin/mkfifo", "/usr/bin/truncate"]
PASSWD = images.PASSWD + "app:x:1000:1000::/home/app:/bin/sh\n"
GROUP = images.GROUP + "crew:x:1000:\n"
LEAK_UID = 4242  # of a user that only files of the host name
NOBODY_UID = 54321
UNKNOWN = "<NA>"


def name_on_host(path, number):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            parts = line.split(":")
            if len(parts) > 2 and parts[2] == str(number):
                return parts[0]
    return UNKNOWN


class Secret:
    """Files of the host that no container may have read for it."""

    def __init__(self, folder):
        self.text = f"leaked{os.getpid()}"
        self.etc = folder.folder("secret-etc")
        folder.file("secret-etc/passwd", f"{self.text}:x:{LEAK_UID}:{LEAK_UID}::/:/bin/sh\n")
        folder.file("secret-etc/group", f"{self.text}:x:{LEAK_UID}:\n")
        self.texts = [self.text]
        with open("/etc/shadow", encoding="utf-8", errors="replace") as shadow:
            for line in shadow:
                self.texts += [part for part in (line.strip(), line.split(":")[1]) if len(part) > 3]

    def judge(self, checks, agent):
        said = b"\n".join(agent.child.lines).decode(errors="replace") + agent.child.stderr()
        for text in self.texts:
            checks.check(text not in said, f"the agent tells of the host's file: {text[:12]}...")


class Scene:
    def __init__(self, docker, folder, agent, checks):
        self.docker, self.folder, self.agent, self.checks = docker, folder, agent, checks
        self.sentinels = 0

    def shell(self, name, *more):
        shell = marks.Shell(self.folder, name)
        self.docker.call("run", "--detach", "--network", "none", "--name", f"tiercel-users-{name}", "--volume",
                         f"{shell.path}:{marks.Shell.PLACE}", *more, IMAGE, *marks.Shell.ARGV)
        shell.wait_ready()
        return shell

    def seen_as(self, shell, mark, uid):
        """Fields of a marked program that runs as that user in the shell's container."""
        shell.do(f"/bin/run_as {uid} " + " ".join(marks.command(mark)))
        fields = marks.wait(self.agent, mark)
        self.checks.equal(fields["user.uid"], uid, f"{mark}: user.uid")
        return fields

    def sentinel(self, what):
        """Events of the host come all the same."""
        self.sentinels += 1
        marks.on_host(f"sentinel-{self.sentinels}")
        fields = marks.wait(self.agent, f"sentinel-{self.sentinels}")
        self.checks.equal(fields["container.id"], "host", f"the host's event beside {what}")
        self.checks.equal(fields["user.name"], "root", f"the host's event beside {what}: user.name")


def right_names(scene):
    checks = scene.checks
    for user in ("1000", "app", "1000:1000"):
        mark = f"run-{user.replace(':', '-')}"
        scene.docker.call("run", "--rm", "--network", "none", "--user", user, IMAGE, *marks.command(mark))
        fields = marks.wait(scene.agent, mark)
        checks.equal(fields["user.name"], "app", f"docker run --user {user}: user.name")
        checks.equal(fields["user.uid"], 1000, f"docker run --user {user}: user.uid")
        checks.equal(fields["container.user"], user, f"docker run --user {user}: container.user")
    shell = scene.shell("plain")
    checks.equal(scene.seen_as(shell, "plain-group", 1000)["group.name"], "crew", "group.name in the container")
    nobody = scene.seen_as(shell, "plain-nobody", NOBODY_UID)
    checks.equal((nobody["user.name"], nobody["group.name"]), (UNKNOWN, UNKNOWN), "ids that the container's files do not name")
    mounted = scene.folder.file("mounted-passwd", images.PASSWD + "mounted:x:1000:1000::/:/bin/sh\n")
    shell = scene.shell("mounted", "--volume", f"{mounted}:/etc/passwd:ro")
    checks.equal(scene.seen_as(shell, "mounted", 1000)["user.name"], "mounted", "a passwd that is mounted into the container")
    for uid in (1000, NOBODY_UID):
        marks.on_host(f"host-{uid}", user=uid, group=uid, extra_groups=[])
        fields = marks.wait(scene.agent, f"host-{uid}")
        checks.equal(fields["user.name"], name_on_host("/etc/passwd", uid), f"user.name of the host's {uid}")
        checks.equal(fields["group.name"], name_on_host("/etc/group", uid), f"group.name of the host's {uid}")


def hostile(scene, secret):
    """Containers that turn their files into something else while the agent watches: what the image held may still be
    told, never what another file holds. {name: shell}"""
    up = "../" * 12
    targets = {"absolute": secret.etc + "/{}", "relative": up + secret.etc.lstrip("/") + "/{}", "shadow": "/etc/shadow",
               "shadow-relative": up + "etc/shadow", "proc": "/proc/1/root" + secret.etc + "/{}", "self": "/etc/{}",
               "folder": "/tmp", "device": "/dev/zero"}
    makers = {name: "; ".join(f"ln -s {target.format(to)} /etc/{to}" for to in ("passwd", "group"))
              for name, target in targets.items()}
    makers["fifo"] = "mkfifo /etc/passwd /etc/group"
    makers["huge"] = "; ".join(f"echo 'app:x:1000:{rest}' > /etc/{to}; truncate -s 1G /etc/{to}"
                               for to, rest in (("passwd", "1000::/:/bin/sh"), ("group", "")))
    makers["none"] = ":"
    shells = {}
    for name, maker in makers.items():
        shells[name] = scene.shell(name)
        shells[name].do(f"rm /etc/passwd /etc/group; {maker}")
        judge_names(scene, name, shells[name], "changed", {UNKNOWN, "app"}, {UNKNOWN, "crew"})
    return shells


def judge_names(scene, name, shell, when, users, groups):
    for uid in (LEAK_UID, 1000, NOBODY_UID):
        fields = scene.seen_as(shell, f"{when}-{name}-{uid}", uid)
        more = uid == 1000
        scene.checks.check(fields["user.name"] in (users if more else {UNKNOWN}),
                           f"{name}, {when}, uid {uid}: user.name {fields['user.name']!r}")
        scene.checks.check(fields["group.name"] in (groups if more else {UNKNOWN}),
                           f"{name}, {when}, gid {uid}: group.name {fields['group.name']!r}")
    shell.mark(f"{when}-{name}-root")
    root = marks.wait(scene.agent, f"{when}-{name}-root")
    scene.checks.equal(root["user.name"], "root", f"{name}, {when}: uid 0 is root without a file")
    scene.sentinel(f"{name}, {when}")


def linked_folder(scene, secret, cgroups):
    """A root whose /etc is a link to a folder of the host (a bundle: docker would not start it)."""
    bundle = Bundle(Pod("linked"), "linked", "containerd", "cgroupfs").write()
    os.rename(os.path.join(bundle.rootfs, "etc"), os.path.join(bundle.rootfs, "etc-before"))
    os.symlink("../" * 12 + secret.etc.lstrip("/"), os.path.join(bundle.rootfs, "etc"))
    fields = marks.wait(scene.agent, PodScene(cgroups, scene.agent).start(bundle.cgroup, uid=LEAK_UID))
    scene.checks.equal(fields["container.id"], bundle.ident[:12], "the container whose /etc is a link")
    scene.checks.equal((fields["user.name"], fields["group.name"]), (UNKNOWN, UNKNOWN), "names where /etc is a link to the host's")
    scene.sentinel("a linked /etc")


def changing(scene, count):
    shell = scene.shell("changing")
    shell.do("""(i=0; while [ ! -e /ctl/enough ]; do i=$((i+1)); echo "churn$i:x:1000:1000::/:/bin/sh" > /etc/passwd.new;
mv /etc/passwd.new /etc/passwd; echo "churn$i:x:1000:1000::/:/bin/sh" > /etc/passwd; done; : > /ctl/over) &""".replace("\n", " "))
    names = set()
    for number in range(count):
        names.add(scene.seen_as(shell, f"changing-{number}", 1000)["user.name"])
        if number % 10 == 0:
            scene.sentinel("a passwd that changes")
    shell.do(": > /ctl/enough")
    support.wait_until(lambda: os.path.exists(os.path.join(shell.path, "over")), "the changes to end")
    shell.do("echo 'settled:x:1000:1000::/:/bin/sh' > /etc/passwd")
    odd = [name for name in names if name not in (UNKNOWN, "app") and not re.fullmatch(r"churn\d+", name)]
    scene.checks.equal(odd, [], "names that the changing file never had")
    tries = [0]

    def settled():
        tries[0] += 1
        return scene.seen_as(shell, f"settled-{tries[0]}", 1000)["user.name"] == "settled"

    support.wait_until(settled, "the changed file's name to be seen", 60, 0.2)
    return len(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--changes", type=int, default=1000 if support.soak() else 100)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("users") as folder, Places(), Cgroups() as cgroups, Docker(folder) as docker:
        docker.load(IMAGE, images.layer(PROGRAMS, {"etc/passwd": PASSWD, "etc/group": GROUP},
                                        {"bin/run_as": os.path.join(options.programs, "run_as")}))
        secret = Secret(folder)
        rules = folder.file("rules.yaml", marks.rules())
        with support.Agent(options.tiercel, rules) as agent:
            scene = Scene(docker, folder, agent, checks)
            right_names(scene)
            shells = hostile(scene, secret)
            linked_folder(scene, secret, cgroups)
            names = changing(scene, options.changes)
            checks.check(agent.status()["events"] > 0, "the agent answers")
            checks.equal(agent.stop()["lost"], 0, "lost")
        secret.judge(checks, agent)
        with support.Agent(options.tiercel, rules) as agent:  # reads these files for the first time
            scene = Scene(docker, folder, agent, checks)
            for name, shell in shells.items():
                judge_names(scene, name, shell, "found", {UNKNOWN}, {UNKNOWN})
            checks.equal(agent.stop()["lost"], 0, "lost")
        secret.judge(checks, agent)
    support.say(f"{options.changes} events while the passwd changed: {names} different names")
    return checks.finish("users and groups")


if __name__ == "__main__":
    support.main(main, "kernel_container_users")
