"""Places that a test has to itself: the folders where runtimes keep their records, and cgroups.

The agent reads the standard folders. So that a test can fill them without touching what the host has there, its process
(and what it starts afterwards, agent and runtimes) gets a mount namespace of its own with empty folders in those places.
They end with the last process inside. Cgroups have no such namespace: what a test makes there it removes.
"""

import ctypes
import os
import time

import tiercel as support

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE, MS_SHARED, MS_BIND = 0x4000, 1 << 18, 1 << 20, 0x1000
MS_RDONLY, MS_REMOUNT = 1, 32
MNT_DETACH = 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
RUN = "/run"
STATE = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers")

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *args):
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise support.Failure(f"{name}{args}: {os.strerror(number)}")


def own_mounts():
    """A mount namespace for this process and what it starts. Before the first thread or child."""
    _call("unshare", CLONE_NEWNS)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def _set_read_only(path, flags, read_only):
    attributes = (ctypes.c_uint64 * 4)(*((MOUNT_ATTR_RDONLY, 0) if read_only else (0, MOUNT_ATTR_RDONLY)), 0, 0)
    _call("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, attributes, ctypes.sizeof(attributes))


def only_writable(folder):
    """From here on this process and what it starts can change nothing outside of that folder, whatever path they use: for
    calls made at random. Paths stay what they are. Fails where the kernel lets anything through."""
    own_mounts()
    _call("mount", folder.encode(), folder.encode(), None, MS_BIND, None)
    _set_read_only("/", AT_RECURSIVE, True)
    _set_read_only(folder, 0, False)
    os.chdir(folder)  # a folder entered before is still on the old, writable mount's side of it
    for place in ("/", "/etc", "/tmp", os.path.dirname(folder)):
        if not os.statvfs(place).f_flag & os.ST_RDONLY:
            raise support.Failure(f"{place} can still be written to: calls at random must not be made here")


def mount_tmpfs(path, size_mb=0):
    _call("mount", b"tiercel-test", path.encode(), b"tmpfs", 0, b"mode=755" + (b",size=%dm" % size_mb if size_mb else b""))


def remount(path, read_only):
    """Refused by the kernel while a file is open for writing."""
    _call("mount", b"tiercel-test", path.encode(), None, MS_REMOUNT | (MS_RDONLY if read_only else 0), None)


def unmount(path):
    _call("umount2", path.encode(), MNT_DETACH)


def share_mounts():
    """New mounts show in mount namespaces that are made from here on, as on a host that systemd runs."""
    _call("mount", b"none", b"/", None, MS_REC | MS_SHARED, None)


class Places:
    """Own, empty folders below /run and /var/lib. Enter it before the test starts a thread or a child."""

    def __init__(self):
        self.made, self.mounted = [], []

    def __enter__(self):
        own_mounts()
        try:
            for path in (RUN,) + STATE:
                if not os.path.isdir(path):
                    os.makedirs(path)
                    self.made.append(path)
                mount_tmpfs(path)
                self.mounted.append(path)
            if os.path.realpath("/var/run") != RUN:
                _call("mount", RUN.encode(), b"/var/run", None, MS_BIND, None)
                self.mounted.append("/var/run")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for path in reversed(self.mounted):
            _libc.umount2(path.encode(), MNT_DETACH)
        for path in reversed(self.made):
            try:
                os.rmdir(path)
            except OSError:
                support.say(f"  {path} stays: it is not empty")


def hierarchies():
    """{folder: controllers} of the mounted cgroup hierarchies; cgroup v2 has the empty text."""
    found = {}
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, folder, kind, options, *_ = line.split()
            if kind == "cgroup2":
                found[folder] = ""
            elif kind == "cgroup":
                found[folder] = options
    if not found:
        raise support.Failure("no cgroup hierarchy is mounted")
    return found


def sensors_hierarchy():
    """The folder of the hierarchy that the sensor tells containers by, and its number (0: cgroup v2)."""
    numbers = {}
    with open("/proc/cgroups", encoding="ascii") as table:
        for line in table.read().splitlines()[1:]:
            name, number = line.split()[:2]
            numbers[name] = int(number)
    mounted = hierarchies()
    for controller in ("memory", "pids", "devices", "freezer", "cpu"):
        if numbers.get(controller, 0) == 0:
            continue
        for folder, options in mounted.items():
            if controller in options.split(","):
                return folder, numbers[controller]
    for folder, options in mounted.items():
        if not options:
            return folder, 0
    raise support.Failure("the sensor's cgroup hierarchy is not mounted")


def _copy_cpuset(folder):
    """A v1 cpuset takes no process before it has CPUs and memory nodes."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        own, above = os.path.join(folder, name), os.path.join(os.path.dirname(folder), name)
        if not os.path.exists(own):
            return
        with open(above, encoding="ascii") as source, open(own, "w", encoding="ascii") as target:
            target.write(source.read())


class Cgroups:
    """Cgroups by their path, in every hierarchy or just in the sensor's; removed at the end with those made above them."""

    def __init__(self, every=True):
        self.roots = hierarchies() if every else {sensors_hierarchy()[0]: "-"}
        self._made = []  # folders, the outer before the inner

    def make(self, path):
        for root, options in self.roots.items():
            at = root
            for part in path.strip("/").split("/"):
                at = os.path.join(at, part)
                try:
                    os.mkdir(at)
                except FileExistsError:
                    continue
                self._made.append(at)
                if "cpuset" in options.split(","):
                    _copy_cpuset(at)
        return path

    def move(self, path, pid):
        for root in self.roots:
            with open(os.path.join(root, path.strip("/"), "cgroup.procs"), "w", encoding="ascii") as procs:
                procs.write(str(pid))

    def remove(self, path):
        """One that has no process any more; what was made above it stays until the end."""
        for root in self.roots:
            folder = os.path.join(root, path.strip("/"))
            support.wait_until(lambda at=folder: gone(at), f"{folder} to be empty", step_s=0.002)
            if folder in self._made:
                self._made.remove(folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        left = [folder for folder in reversed(self._made) if not _gone_soon(folder)]
        if left:
            support.say(f"  cgroups stay, which others use: {left}")


def gone(folder):
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _gone_soon(folder):
    """A cgroup is busy for a moment after its last process ended."""
    end = time.monotonic() + 5
    while not gone(folder):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class CgroupFolders:
    """Removes at the end the empty folders that a runtime leaves at the top of each hierarchy ("docker", a namespace)."""

    def __init__(self, *names):
        self._mine = [folder for root in hierarchies() for name in names
                      if not os.path.exists(folder := os.path.join(root, name))]

    def remove(self):
        for folder in self._mine:
            _gone_soon(folder)
