"""A machine for one boot: one of kernels.txt's kernels in QEMU, a small Debian of this host's files on an ext4 disk (python3, busybox, the
agent, the test programs), no network card. guest.py does the work; what it found comes back on a second disk.

KVM where that works, else QEMU emulates the processor (TCG: some ten times slower)."""

import json
import lzma
import os
import shutil
import subprocess

import image
import machine_image
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.normpath(os.path.join(HERE, "..", ".."))
QEMU = "qemu-system-x86_64"
PACKAGES = ["base-files", "busybox-static", "coreutils", "dash", "kmod", "libc-bin", "netbase", "python3", "tzdata"]
FOLDERS = {"proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "mnt": 0o755,
           "var/lib": 0o755, "var/log": 0o755, "src": 0o755}
BROUGHT = ["kernel", "support"]  # of tests/
DISK_MB = 1024
FOUND_MB = 64
BOOT_MODULES = [*machine_image.BOOT_MODULES, "overlay"]
TEST_MODULE = "dummy"  # an interface that is not there until somebody makes one
SLOWER = {"kvm": 1, "tcg": 10}
MACHINE_S = {"kvm": 900, "tcg": 5400}
KVM_TRY_S = 30
BOOTS = 3  # emulated processors sometimes trip over a kernel that patches its own code while both run
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /root
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in $(cat /modules/order); do insmod /modules/$module; done
n=0
until mount -t ext4 /dev/vda /root 2>/dev/null; do n=$((n + 1)); [ $n -lt 600 ] || { echo "no disk"; poweroff -f; }; sleep 0.05; done
cp -a /brought/. /root/
mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
mount -t tmpfs tmp /root/tmp
mount -t tmpfs run /root/run
mkdir -p /root/dev/pts
mount -t devpts pts /root/dev/pts
mkdir -p /root/dev/shm
mount -t tmpfs shm /root/dev/shm
mount -t tracefs tracefs /root/sys/kernel/tracing
mount -t securityfs securityfs /root/sys/kernel/security
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
ifconfig lo up
exec switch_root /root /bin/sh /brought.sh
"""
SCRIPT = """cd /src
exec </dev/null
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
python3 tests/kernel/matrix/guest.py
echo "machine: status $?"
sync
exec /bin/busybox poweroff -f
"""


def require():
    if shutil.which(QEMU) is None:
        support.skip_or_fail(f"{QEMU} is not installed: packaging/install-dependencies.sh test")


def _copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):
        if not os.path.lexists(target):
            os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        shutil.copy2(source, target)


def _tree(root, tiercel, programs):
    for path in image.host_paths(PACKAGES):
        if os.path.lexists(path) and not path.startswith(("/proc/", "/sys/", "/dev/", "/run/")):
            _copy(path, root + path)
    for path in machine_image.libraries([tiercel, "/usr/bin/python3"]):
        for name in {path, os.path.realpath(path)}:
            _copy(name, f"{root}/{machine_image.placed(name)}")
    for name, mode in FOLDERS.items():
        os.makedirs(f"{root}/{name}", exist_ok=True)
        os.chmod(f"{root}/{name}", mode)
    for name in ("etc/passwd", "etc/group"):
        with open(f"{root}/{name}", "w", encoding="utf-8") as file:
            file.write(image.FILES[name][0])
    for name in BROUGHT:
        shutil.copytree(f"{TESTS}/{name}", f"{root}/src/tests/{name}", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(tiercel, root + "/usr/bin/tiercel")
    os.makedirs(root + "/src/programs")
    for name in sorted(os.listdir(programs)):
        if os.path.isfile(f"{programs}/{name}") and os.path.exists(f"{TESTS}/kernel/programs/{name}.c"):
            shutil.copy2(f"{programs}/{name}", f"{root}/src/programs/{name}")


def make_disk(folder, tiercel, programs):
    """The path of the disk that all boots of a run share: each throws away what it changed."""
    root, path = folder.folder("tree"), folder.path + "/disk.ext4"
    _tree(root, tiercel, programs)
    done = subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", root, "-E", "lazy_itable_init=1,lazy_journal_init=1", path, f"{DISK_MB}M"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise support.Failure(f"mke2fs: {done.stderr[-1000:]}")
    shutil.rmtree(root)
    return path


def _plain(module):
    return os.path.basename(module).removesuffix(".xz")


def _module(path):
    """Its bytes; newer packages have them compressed, and a call by bytes takes no such."""
    with (lzma.open if path.endswith(".xz") else open)(path, "rb") as file:
        return file.read()


class NeverBegan(support.Failure):
    """No program of ours ran in the machine."""


class Machine:
    _no_kvm = None  # why not, once it was tried

    def __init__(self, kernel, disk, folder):
        self._kernel, self._disk, self._folder = kernel, disk, folder

    def run(self, work):
        """`work` is given to guest.py as JSON, with how slow the machine is. Returns what guest.py found, or raises."""
        if Machine._no_kvm is None:
            try:
                if not os.access("/dev/kvm", os.R_OK | os.W_OK):
                    raise NeverBegan("no /dev/kvm")
                return self._boot("kvm", "host", work)
            except NeverBegan as failure:
                Machine._no_kvm = str(failure).splitlines()[0][:120]
                support.say(f"  no KVM here ({Machine._no_kvm}): QEMU emulates the processor")
        for _ in range(BOOTS - 1):
            try:
                return self._boot("tcg", "max", work)
            except NeverBegan as failure:
                support.say(f"  the machine did not come up, once more: {str(failure).splitlines()[0][:120]}")
        return self._boot("tcg", "max", work)

    def _first_root(self, work):
        path = f"{self._folder.path}/initrd"
        cpio = machine_image.Cpio(path)
        for name in ("dev", "proc", "sys", "root", "brought"):
            cpio.folder(name)
        cpio.copy("/bin/busybox", "bin/busybox", 0o755)
        cpio.add("init", INIT.encode(), 0o755)
        modules = machine_image.module_files(self._kernel.version, self._kernel.folder, BOOT_MODULES)
        for module in modules:
            cpio.add("modules/" + _plain(module), _module(module))
        cpio.add("modules/order", "".join(_plain(one) + "\n" for one in modules).encode())
        for module in machine_image.module_files(self._kernel.version, self._kernel.folder, [TEST_MODULE]):
            cpio.add("brought/src/" + _plain(module), _module(module))
        cpio.add("brought/src/orders.json", json.dumps(work).encode())
        cpio.add("brought/brought.sh", SCRIPT.encode(), 0o755)
        cpio.close()
        return path

    @staticmethod
    def _first_line(child):
        try:
            support.wait_until(lambda: child.lines or not child.alive(), "the machine's first line", KVM_TRY_S)
        except support.Failure as failure:
            raise NeverBegan(str(failure)) from None

    def _boot(self, accelerator, processor, work):
        found = f"{self._folder.path}/found"
        with open(found, "wb") as file:
            file.truncate(FOUND_MB << 20)
        initrd = self._first_root({**work, "slower": SLOWER[accelerator]})
        argv = ["setpriv", "--pdeathsig", "KILL", QEMU, "-M", "q35", "-accel", accelerator, "-cpu", processor, "-m", "2048", "-smp", "2", "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", self._kernel.image, "-initrd", initrd,
                "-append", f"console=ttyS0 quiet panic=-1 {self._kernel.parameters}",
                "-drive", f"file={self._disk},if=none,format=raw,id=disk,snapshot=on", "-device", "virtio-blk-pci,drive=disk",
                "-drive", f"file={found},if=none,format=raw,id=found", "-device", "virtio-blk-pci,drive=found"]
        child = support.Child(argv, on_line=lambda line: support.say("  | " + line.decode(errors="replace").rstrip("\r")),
                              env={**os.environ, "TMPDIR": self._folder.path})
        try:
            if accelerator == "kvm":
                self._first_line(child)
            child.wait(MACHINE_S[accelerator])
        finally:
            child.kill()
        if not any(line.startswith(b"guest: begins") for line in child.lines):
            raise NeverBegan(child.stderr()[-1000:] or "the machine ended before its first program ran")
        with open(found, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            text = file.read(size)
        if not size:
            raise support.Failure("the machine did not come to its end")
        return json.loads(text)
