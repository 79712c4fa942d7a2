"""The kernels that the matrix boots: lines of kernels.txt, fetched from Debian's archive, unpacked below build/kernels, never installed."""

import fcntl
import fnmatch
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "..", "kernels.txt")
CACHE = os.path.normpath(os.path.join(HERE, "..", "..", "..", "build", "kernels"))


@dataclass
class Kernel:
    name: str  # of the line
    pattern: str
    parameters: str
    version: str = ""
    folder: str = ""  # with boot/ and lib/modules/

    @property
    def image(self):
        return f"{self.folder}/boot/vmlinuz-{self.version}"

    def has_lsm(self):
        return "bpf" in re.search(r"lsm=(\S*)", self.parameters).group(1).split(",")

    def is_locked(self):
        return "lockdown=confidentiality" in self.parameters


def listed(names=()):
    """The lines, or those of these names."""
    found = []
    with open(LIST, encoding="utf-8") as file:
        for line in file:
            fields = line.split(None, 2)
            if fields and not line.startswith("#"):
                found.append(Kernel(fields[0], fields[1], fields[2].strip()))
    absent = set(names) - {kernel.name for kernel in found}
    if absent:
        raise support.Failure(f"no such line in kernels.txt: {', '.join(sorted(absent))}")
    return [kernel for kernel in found if not names or kernel.name in names]


def _run(*argv, cwd=None):
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, check=False, timeout=600)
    if done.returncode != 0:
        raise support.Failure(f"{' '.join(argv)}: status {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def _newest(pattern, names):
    fitting = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    return max(fitting, key=lambda name: [int(number) for number in re.findall(r"\d+", name)], default=None)


def _download(package):
    """Unpacked into a new folder that takes its name when it is whole."""
    support.say(f"fetching {package}")
    part = os.path.join(CACHE, package + ".part")
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    _run("apt-get", "download", "-q", package, cwd=part)
    archive = next(name for name in os.listdir(part) if name.endswith(".deb"))
    _run("dpkg-deb", "-x", archive, "tree", cwd=part)
    _run("depmod", "-b", part + "/tree", _version(package))
    os.rename(part + "/tree", os.path.join(CACHE, package))
    shutil.rmtree(part)


def _version(package):
    return package.removeprefix("linux-image-").removesuffix("-unsigned")


def _offered(pattern):
    return _newest(pattern, _run("apt-cache", "pkgnames", "linux-image-").split())


def _had(pattern, offered):
    """The name of a package that is unpacked in the cache."""
    here = [name for name in os.listdir(CACHE) if not name.endswith(".part") and os.path.isdir(os.path.join(CACHE, name))]
    if offered in here:
        return offered
    try:
        if offered:
            _download(offered)
    except support.Failure as failure:  # the archive has newer ones by now, or cannot be reached
        support.say(f"  {failure}")
        offered = None
    if not offered:
        offered = _newest(pattern, here)
    if not offered:
        _run("apt-get", "update", "-qq")
        offered = _offered(pattern)
        if not offered:
            raise support.Failure(f"Debian's archive, as apt knows it, has no package {pattern}")
        _download(offered)
    return offered


def fetch(kernel):
    """The newest package that fits; where the archive cannot be asked, one that was fetched before."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        package = _had(kernel.pattern, _offered(kernel.pattern))
    kernel.folder, kernel.version = os.path.join(CACHE, package), _version(package)
