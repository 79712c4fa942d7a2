"""A real systemd as the first program of namespaces of its own (pid, mount, cgroup, network, IPC, host name), in an overlay
over a clean Debian root: units as users have them, on this kernel, up in a second.

What it is not: the host. The pids that the kernel tells the sensor are those of the host's pid namespace, and the agent in here
sees its own; so what finds a process by its pid is tested elsewhere (test_response.py; test_unit.py in a machine of its own).
The agent's programs are on this kernel all the same and see all of the host."""

import fcntl
import os
import shutil
import subprocess
import time

import places
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", "..", "build", "packaging-root"))
NEEDED = "ca-certificates,dbus,libcurl4,libelf1,libssl3,rpm,systemd"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
BOOT_S = 120


def run(argv, ok=True, **more):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if ok and done.returncode != 0:
        raise support.Failure(f"{' '.join(argv)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def clean_root(path=ROOT):
    """A Debian 12 with systemd and what the package depends on; made once, from the archive that the host is set to."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path + "/lib/systemd/systemd"):
            return path
        part = path + ".part"
        for old in (path, part):  # the first: one of before systemd was wanted
            shutil.rmtree(old, ignore_errors=True)
        run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={NEEDED}", "bookworm", part, "/etc/apt/sources.list.d/debian.sources"])
        os.rename(part, path)
    return path


def overlay(lower, folder, name):
    """The path of a root whose changes are in memory, in this process's mount namespace."""
    path, upper = folder.folder(name), folder.folder(name + "-changes")
    places.mount_tmpfs(upper)
    for part in ("upper", "inner"):
        os.mkdir(f"{upper}/{part}")
    run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper}/upper,workdir={upper}/inner", path])
    return path


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Scratch(support.Folder):
    """In memory, with whatever is mounted below it. Its end takes the mounts away and deletes nothing by name: the host's
    /dev may be among them."""

    def __enter__(self):
        places.mount_tmpfs(self.path)
        return self

    def __exit__(self, *_):
        places.unmount(self.path)
        os.rmdir(self.path)


class Booted:
    """A context. `root`: an overlay of its own, in this process's mount namespace (places.own_mounts). Its network is its own, or
    this process's, if that is no longer the host's."""

    def __init__(self, root, own_network=True):
        self.root, self.child, self.pid, self.up_s = root, None, None, None
        self._more = ["--net"] if own_network else []
        top = next((folder for folder, options in places.hierarchies().items() if not options), None)
        if top is None:
            raise support.Failure("cgroup v2 is not mounted: systemd has no place of its own")
        self.cgroup = os.path.join(top, f"tiercel-booted-{os.getpid()}-{os.path.basename(root)}")

    def __enter__(self):
        begun = time.monotonic()
        os.mkdir(self.cgroup)
        try:
            # The first program dies with `unshare`, and with it all that is in the pid namespace.
            self.child = support.Child(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--ipc", "--uts", *self._more,
                                        "--propagation", "private", "--fork", "--kill-child=KILL", "sh", HERE + "/booted.sh", self.root, self.cgroup])
            support.wait_until(self._up, "systemd to be up", BOOT_S)
            self.up_s = time.monotonic() - begun
        except BaseException:
            self.__exit__()
            raise
        return self

    def _up(self):
        if not self.child.alive():
            raise support.Failure(f"systemd did not start: {self.child.stderr()}")
        self.pid = next(iter(children_of(self.child.pid)), None)
        if self.pid is None or os.readlink(f"/proc/{self.pid}/exe") != "/usr/lib/systemd/systemd":
            return False
        # "degraded" is up, too: what a namespace does not allow to a unit of Debian's is not what is tested
        return self.call("systemctl", "is-system-running")[1].strip() in ("running", "degraded")

    def __exit__(self, *_):
        if self.child:
            self.child.kill()
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            support.wait_until(lambda at=folder: places.gone(at), f"{folder} to be empty")

    def argv(self, *argv):
        """What starts a command in there."""
        return ["nsenter", "--target", str(self.pid), "--all", "--", *argv]

    def call(self, *argv, env=None, limit_s=120):
        """(status, what it said) of a command, as root in there. The same as a machine's (tests/attacks/machine.py)."""
        done = subprocess.run(self.argv(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit_s,
                              env={**ENVIRONMENT, **(env or {})}, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def journal(self, *more):
        return self.call("journalctl", "--no-pager", "-o", "cat", *more)[1]
