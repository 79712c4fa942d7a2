"""The roots that packages are installed in: overlays over a clean Debian, in this process's mount namespace."""

import os
import shutil
import subprocess

import booted
import places
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
# What package managers, and systemd, write for themselves.
THEIRS = ("var/lib/apt", "var/lib/dpkg", "var/cache", "var/log", "var/lib/rpm", "usr/lib/sysimage", "root/.rpmdb", "run", "tmp",
          "proc", "sys", "dev", "etc/ld.so.cache", "usr/bin/systemctl", "var/tmp", "etc/.updated", "var/.updated")


class Root:
    """What the two kinds have in common. `path` is where its files are, for this process."""

    def __init__(self):
        self.said = ""  # by everything that ran in there
        self.children = []

    def argv(self, *argv):
        raise NotImplementedError

    def command(self, *argv, ok=True, env=None):
        done = booted.run(self.argv(*argv), ok=ok, env={**booted.ENVIRONMENT, **(env or {})})
        self.said += done.stdout + done.stderr
        return done.stdout

    def start(self, *argv):
        """A program that goes on, in a session of its own."""
        child = subprocess.Popen(self.argv(*argv), start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=booted.ENVIRONMENT)
        self.children.append(child)
        return child

    def read(self, name):
        with open(f"{self.path}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, name):
        return os.path.lexists(f"{self.path}/{name}")

    def runs(self, pid):
        return self.exists(f"proc/{pid}")

    def files(self):
        found = set()
        for folder, names, others in os.walk(self.path):
            below = os.path.relpath(folder, self.path)
            names[:] = [n for n in names if os.path.normpath(os.path.join(below, n)) not in THEIRS]
            found |= {os.path.normpath(os.path.join(below, n)) for n in names + others}
        return {name for name in found if name not in THEIRS and not name.endswith(".pyc")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()


class Booted(Root):
    """systemd is its first program. Its processes are in a pid namespace, so the response here is one that takes a file."""

    held_name = "/srv/brought"

    def __init__(self, lower, folder, name):
        super().__init__()
        self.system = booted.Booted(booted.overlay(lower, folder, name), own_network=False)

    def __enter__(self):
        self.system.__enter__()
        self.path = f"/proc/{self.system.pid}/root"
        return self

    def __exit__(self, *why):
        self.system.__exit__(*why)
        super().__exit__()

    def argv(self, *argv):
        return self.system.argv(*argv)

    def show(self, name):
        return self.command("systemctl", "show", "--value", f"-p{name}", "tiercel.service").strip()

    def unit_pid(self):
        """Of the agent that is watching."""
        try:
            support.wait_until(lambda: self.show("ActiveState") == "active" and self.show("StatusText").startswith("watching"), "the unit's agent to watch")
        except support.Failure as failure:
            raise support.Failure(f"{failure}; it said:\n{self.system.journal('-u', 'tiercel')[-1500:]}") from failure
        return int(self.show("MainPID"))

    def hold(self):
        shutil.copy(self.path + "/usr/bin/sleep", self.path + self.held_name)
        self.start(self.held_name, "0")

    def held(self):
        return not self.exists(self.held_name)


class Played(Root):
    """With the host's /proc, /sys and /dev, and a script (systemctl, here) that starts the unit's own command line."""

    def __init__(self, lower, folder, name):
        super().__init__()
        self.path = booted.overlay(lower, folder, name)
        places.mount_tmpfs(self.path + "/run")
        for part in ("proc", "sys", "dev"):
            booted.run(["mount", "--rbind", "/" + part, f"{self.path}/{part}"])
        os.makedirs(self.path + "/run/systemd/system")
        shutil.copy(HERE + "/systemctl", self.path + "/usr/bin/systemctl")

    def __exit__(self, *why):
        if self.exists("run/tiercel-unit.pid"):
            self.command("systemctl", "stop", "tiercel.service", ok=False)
        super().__exit__(*why)

    def argv(self, *argv):
        return ["chroot", self.path, *argv]

    def unit_pid(self):
        """Of the agent that is watching."""
        def watching():
            return "is watching" in self.read("run/unit.log").rpartition("== started")[2]
        try:
            support.wait_until(lambda: self.exists("run/unit.log") and watching(), "the unit's agent to watch")
        except support.Failure as failure:
            said = self.read("run/unit.log") if self.exists("run/unit.log") else "nothing: it was not started"
            raise support.Failure(f"{failure}; it said:\n{said[-1500:]}") from failure
        return int(self.read("run/tiercel-unit.pid"))

    def hold(self):
        self._sleeper = self.start("sleep", "4712").pid
        self.held_name = str(self._sleeper)

    def held(self):
        with open(f"/proc/{self._sleeper}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
