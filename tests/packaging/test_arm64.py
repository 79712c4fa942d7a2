#!/usr/bin/env python3
"""The packages for arm64: made by a cross build (make deb ARCH=arm64) and tried as far as emulation allows.

Three steps. build: the packages and the test programs, by packaging/cross.sh; what the packages say of themselves. user: in a Debian 12
root of arm64, whose programs QEMU's user-mode emulation runs: installed, every command that needs no kernel of its own, the
recorded cases of all rules, the unit tests, removed, purged. machine: on Debian's own kernel for arm64 in an emulated machine:
doctor, the filter of system calls, and every event type field by field (tests/kernel/test_events.py).

Minutes: part of `make soak` only. usage: test_arm64.py --tiercel build/release/tiercel [--steps build user machine]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder_name in ("support", "attacks"):
    sys.path.insert(0, os.path.join(HERE, "..", folder_name))
import arm64_machine  # noqa: E402
import emulation  # noqa: E402
import machine_image  # noqa: E402
import places  # noqa: E402
import test_packaging  # noqa: E402
import tiercel as support  # noqa: E402

SOURCE = os.path.realpath(os.path.join(HERE, "..", ".."))
BUILD = SOURCE + "/build/release-arm64"
CROSS = SOURCE + "/build/cross-arm64"
ROOT = SOURCE + "/build/arm64-root"
PROGRAMS = SOURCE + "/build/arm64-programs"
NEEDED = "busybox-static,libcap-ng0,libcurl4,libelf1,libseccomp2,libssl3,libsystemd0,netbase,openssl,python3,zlib1g"
GLIBC = "2.34"
MACHINE_S = 3000
SLOWER = 20
# Files of unit tests: what an architecture may make differ, and user-mode emulation has (QEMU 7.2 has no openat2).
UNIT_TESTS = ("alert_*", "attack_*", "casefile_*", "check_*", "decoders_*", "match_*", "sensor_*")
SCRIPT = """cd /src
exec </dev/null
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TIERCEL_TEST_SLOWER={slower}
ip link set lo up 2>/dev/null || /bin/busybox ifconfig lo up
uname -rm
tiercel doctor
python3 tests/kernel/test_events.py --tiercel /usr/bin/tiercel --programs /src/programs
"""


def run(argv, ok=True, **more):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if ok and done.returncode != 0:
        raise support.Failure(f"{' '.join(argv)} ended with status {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done


# ---- build ----

def package(kind):
    folder = SOURCE + "/build/packages"
    names = sorted(name for name in os.listdir(folder) if name.endswith(("_arm64.deb", ".aarch64.rpm")) and name.endswith("." + kind))
    if not names:
        raise support.Failure(f"no .{kind} for arm64 in build/packages")
    return f"{folder}/{names[-1]}"


def programs():
    """tests/kernel's programs for arm64; [those that could not be built]"""
    sources = SOURCE + "/tests/kernel/programs"
    os.makedirs(PROGRAMS, exist_ok=True)
    script = ('for file in "$1"/*.c; do name=${file##*/}; aarch64-linux-gnu-gcc -std=gnu11 -O1 -Wall -Wextra -static -pthread '
              '-o "$2/${name%.c}" "$file" || exit 1; done')
    run([SOURCE + "/packaging/cross.sh", "arm64", "sh", "-c", script, "programs", sources, PROGRAMS])


def build(checks, _options):
    for kind in ("deb", "rpm"):
        said = run(["make", "-C", SOURCE, kind, "ARCH=arm64"]).stdout
        checks.check("WRONG" not in said, f"{kind}: what the program asks of a distribution:\n{said}")
    run(["make", "-C", SOURCE, "cross-build", "ARCH=arm64", "TARGETS=unit_tests layout_test"])
    programs()
    head = run(["readelf", "-h", BUILD + "/tiercel"]).stdout
    checks.check(re.search(r"Machine:\s+AArch64", head), "the program is one for arm64")
    done = run(["python3", SOURCE + "/packaging/portability.py", BUILD + "/tiercel", "--at-most", GLIBC], ok=False)
    checks.equal(done.returncode, 0, f"what the program asks of a distribution:\n{done.stdout}")
    deb, rpm = package("deb"), package("rpm")
    checks.equal(run(["dpkg-deb", "-f", deb, "Architecture"]).stdout.strip(), "arm64", "the .deb's architecture")
    depends = run(["dpkg-deb", "-f", deb, "Depends"]).stdout
    for name in ("libc6", "libcurl4", "libelf1", "libssl3", "libcap-ng0", "libseccomp2", "libsystemd0", "zlib1g"):
        checks.check(re.search(rf"\b{name}\b", depends), f"the .deb depends on {name}: {depends}")
    checks.equal(run(["rpm", "-qp", "--qf", "%{ARCH}", rpm]).stdout, "aarch64", "the .rpm's architecture")

    def listed(argv):
        return sorted(line.split()[-1].strip("./").removesuffix(".gz") for line in run(argv).stdout.splitlines() if not line.startswith("d"))

    def plain(names):  # what one kind of package has and the other has not
        return {name for name in names if not name.startswith("usr/share/doc/tiercel/") and "/" in name}
    in_deb = {name.replace("lib/systemd", "usr/lib/systemd") if name.startswith("lib/") else name for name in listed(["dpkg-deb", "-c", deb])}
    checks.equal(plain(in_deb) ^ plain(listed(["rpm", "-qplv", rpm])), set(), "files in one package and not in the other")


# ---- user ----

def clean_root():
    """Made once, from the archive that the host is set to."""
    if os.path.exists(ROOT + "/etc/debian_version"):
        return 0
    part = ROOT + ".part"
    run(["rm", "-rf", part])
    run(["mmdebstrap", "--quiet", "--mode=root", "--skip=check/qemu", "--variant=minbase", "--architectures=arm64", f"--include={NEEDED}",
         "bookworm", part, "/etc/apt/sources.list.d/debian.sources"])
    os.rename(part, ROOT)
    return 0


class Root:
    """The clean root with changes in memory, in this process's mount namespace."""

    def __init__(self, folder):
        self.path = folder.folder("root")
        upper = folder.folder("changes")
        places.mount_tmpfs(upper)
        for part in ("upper", "inner"):
            os.mkdir(f"{upper}/{part}")
        run(["mount", "-t", "overlay", "overlay", "-o", f"userxattr,lowerdir={ROOT},upperdir={upper}/upper,workdir={upper}/inner", self.path])
        for part in ("proc", "sys", "dev"):
            run(["mount", "--rbind", "/" + part, f"{self.path}/{part}"])
        places.mount_tmpfs(self.path + "/tmp")
        os.chmod(self.path + "/tmp", 0o1777)

    def show(self, path):
        """A folder of the host's, at the same place."""
        os.makedirs(self.path + path, exist_ok=True)
        run(["mount", "--bind", path, self.path + path])

    def command(self, *argv, ok=True, folder="/", env=None):
        return run(["chroot", self.path, "sh", "-c", 'cd "$0" && exec "$@"', folder, *argv], ok=ok, errors="replace",
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8",
                        "HOME": "/root", **(env or {})})

    def files(self):
        found = set()
        for folder, names, others in os.walk(self.path):
            below = os.path.relpath(folder, self.path)
            if below == ".":
                names[:] = [name for name in names if name not in ("proc", "sys", "dev", "tmp", "run")]
            found |= {os.path.normpath(os.path.join(below, name)) for name in names + others}
        return {name for name in found if not name.startswith(("var/lib/dpkg", "var/cache", "var/log", SOURCE.lstrip("/")))}


def says_the_same(root, checks, tiercel):
    """What does not ask the kernel is the same on both architectures."""
    for argv in (["--version"], ["rules", "check", "rules"], ["rules", "list", "rules"], ["rules", "test", "rules/cases"],
                 ["config", "check", "packaging/etc/tiercel.yaml"], ["config", "keys"], ["fields"], ["events"], ["operators"], ["codes"], ["evasions"],
                 ["rules", "export", "wazuh4", "rules"]):
        here, there = run([tiercel, *argv], ok=False, cwd=SOURCE), root.command("tiercel", *argv, ok=False, folder=SOURCE)
        checks.equal((there.returncode, there.stdout, there.stderr), (here.returncode, here.stdout, here.stderr), f"tiercel {' '.join(argv)}")
        if argv[:2] == ["rules", "test"]:
            support.say("  " + there.stdout.strip().splitlines()[-1])
            checks.check(there.returncode == 0 and re.search(r" 0 failed", there.stdout), f"rules test:\n{there.stdout[-2000:]}")


def unit_tests(root, checks):
    tests = ["--source-file=" + ",".join(f"*/{name}.cpp" for name in UNIT_TESTS)]
    env = {"TIERCEL_SHARED": os.environ.get("TIERCEL_SHARED", os.path.join(SOURCE, "..", "shared"))}
    done = root.command(BUILD + "/tests/unit/unit_tests", *tests, ok=False, folder=SOURCE, env=env)
    summary = re.search(r"\[doctest\] test cases:.*", done.stdout)
    support.say("  " + (summary.group(0) if summary else done.stdout[-1000:] + done.stderr[-1000:]))
    checks.check(done.returncode == 0 and summary, f"unit tests: status {done.returncode}:\n{done.stdout[-6000:]}")
    done = root.command(BUILD + "/tests/layout/layout_test", BUILD + "/bpf/layout.bpf.o", ok=False)
    checks.check(done.returncode == 0 and "ok " in done.stdout, f"records' layout:\n{done.stdout[-2000:]}")


def user(checks, options):
    if emulation.inside("arm64", clean_root) != 0:
        raise support.Failure("no root of arm64")

    def work():
        inner = support.Checks()
        with test_packaging.Scratch("arm64") as folder:
            checks_of_user(Root(folder), inner, options)
        return inner.finish("user-mode emulation")
    checks.equal(emulation.inside("arm64", work), 0, "the step `user`")


def checks_of_user(root, checks, options):
    root.show(SOURCE)
    shared = os.path.realpath(os.environ.get("TIERCEL_SHARED", os.path.join(SOURCE, "..", "shared")))
    if os.path.isdir(shared):
        root.show(shared)
    before = root.files()
    checks.equal(root.command("uname", "-m").stdout.strip(), "aarch64", "the root's machine")
    shutil.copy(package("deb"), root.path + "/tmp/tiercel.deb")
    root.command("dpkg", "-i", "/tmp/tiercel.deb", env={"WAZUH_MANAGER": "127.0.0.1"})
    checks.equal(root.command("dpkg-query", "-W", "-f", "${Architecture} ${Status}", "tiercel").stdout, "arm64 install ok installed", "dpkg")
    checks.check(os.path.exists(root.path + "/etc/tiercel/enrolment.yaml"), "the preseed is kept")
    checks.check("not found" not in root.command("ldd", "/usr/bin/tiercel").stdout, "all libraries are there")
    checks.equal(root.command("tiercel", "config", "check").returncode, 0, "the installed configuration")
    says_the_same(root, checks, options.tiercel)
    unit_tests(root, checks)
    root.command("dpkg", "-r", "tiercel")
    checks.check(not os.path.exists(root.path + "/usr/bin/tiercel"), "removing takes the program")
    checks.check(os.path.exists(root.path + "/etc/tiercel/tiercel.yaml"), "removing leaves the configuration")
    root.command("dpkg", "-P", "tiercel")
    after = root.files()
    checks.equal((sorted(after - before), sorted(before - after)), ([], []), "what a purge leaves, and what it took")


# ---- machine ----

def machine(checks, _options):
    if not os.path.exists(ROOT + "/etc/debian_version"):
        emulation.inside("arm64", clean_root)
    with support.Folder("arm64") as folder:
        tree = folder.folder("tree")
        run(["dpkg-deb", "-x", package("deb"), tree])
        brought = {}
        for place, source in (("", tree), ("src/programs", PROGRAMS), ("src/tests/kernel", SOURCE + "/tests/kernel"),
                              ("src/tests/support", SOURCE + "/tests/support")):
            for inner, _, names in os.walk(source):
                for name in names:
                    file = os.path.join(inner, name)
                    if not file.endswith(".pyc"):
                        brought[machine_image.placed(os.path.normpath(os.path.join("/", place, os.path.relpath(file, source))))] = file
        status, lines = arm64_machine.boot(run, (CROSS, ROOT), SOURCE + "/build/arm64-machine", folder, SCRIPT.format(slower=SLOWER),
                                           brought, MACHINE_S)
    said = "\n".join(lines)
    checks.equal(status, 0, "test_events.py in the machine")
    checks.check(re.search(r"^\S+ aarch64$", said, re.M), "the machine is one of arm64")
    checks.check("the kernel takes them" in said, "doctor: the sensor's programs are loaded")
    checks.check("this architecture never had fork, vfork, open" in said, "doctor names the calls that arm64 never had")
    checks.check("no tracepoint for open" not in said, "... and not as something that is missing")
    checks.check(re.search(r"events: \d+ checks good, 0 wrong", said), "every event type, field by field")


def body(checks):
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True, help="the program for this machine, which says what the other must say")
    parser.add_argument("--steps", nargs="*", default=["build", "user", "machine"], choices=["build", "user", "machine"])
    options = parser.parse_args()
    options.tiercel = os.path.realpath(options.tiercel)
    if os.geteuid() != 0:
        support.skip_or_fail("the roots are made by root")
    for step in options.steps:
        support.say(f"{step}:")
        {"build": build, "user": user, "machine": machine}[step](checks, options)


def main():
    checks = support.Checks()
    body(checks)
    return checks.finish("arm64")


if __name__ == "__main__":
    support.main(main, "arm64")
