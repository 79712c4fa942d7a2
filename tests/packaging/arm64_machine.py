"""A virtual machine of another architecture: Debian's own kernel for arm64 in QEMU's emulation of the whole processor (TCG).

Its disk is the root that the packages are tried in; what a run brings comes in the first root and is laid over it. No network card.
One program runs, on the console, and the machine is off."""

import os
import re
import shutil

import machine_image
import tiercel as support

QEMU = "qemu-system-aarch64"
KERNEL = "linux-image-cloud-arm64:arm64"
DISK_MB = 2048
MODULES = [*machine_image.BOOT_MODULES, "overlay"]
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
mount -t tracefs tracefs /root/sys/kernel/tracing
mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
exec switch_root /root /bin/sh /brought.sh
"""
END = """
echo "machine: status $?"
exec /bin/busybox poweroff -f
"""


def kernel(run, root, cache):
    """(version, folder, path): fetched by the apt of that root, whose archive has the architecture."""
    had = sorted(name for name in os.listdir(cache) if name.startswith("linux-image-") and os.path.isdir(f"{cache}/{name}"))
    if not had:
        run(["chroot", root, "apt-get", "update", "-qq"])
        said = run(["chroot", root, "apt-cache", "depends", KERNEL]).stdout
        name = re.search(r"Depends: (linux-image-[0-9][^:\s]*)", said).group(1)
        run(["chroot", root, "sh", "-c", f"cd /tmp && apt-get download -qq {name}:arm64"])
        package = next(one for one in os.listdir(root + "/tmp") if one.startswith(name + "_"))
        run(["dpkg-deb", "-x", f"{root}/tmp/{package}", f"{cache}/{name}.new"])
        os.remove(f"{root}/tmp/{package}")
        os.rename(f"{cache}/{name}.new", f"{cache}/{name}")
        had = [name]
    folder, version = f"{cache}/{had[-1]}", had[-1].removeprefix("linux-image-")
    if not os.path.exists(f"{folder}/lib/modules/{version}/modules.dep"):
        run(["depmod", "-b", folder, version])
    return version, folder, f"{folder}/boot/vmlinuz-{version}"


def first_root(path, root, version, folder, script, brought):
    """brought: {path below the root: file}"""
    cpio = machine_image.Cpio(path)
    for name in ("dev", "proc", "sys", "root", "brought"):
        cpio.folder(name)
    cpio.copy(root + "/bin/busybox", "bin/busybox", 0o755)
    cpio.add("init", INIT.encode(), 0o755)
    modules = machine_image.module_files(version, folder, MODULES)
    for module in modules:
        cpio.copy(module, "modules/" + os.path.basename(module))
    cpio.add("modules/order", "".join(os.path.basename(one) + "\n" for one in modules).encode())
    cpio.add("brought/brought.sh", (script + END).encode(), 0o755)
    for name, source in sorted(brought.items()):
        cpio.copy(source, "brought/" + name)
    cpio.close()


def disk(run, root, path):
    if not os.path.exists(path) or os.stat(path).st_mtime < os.stat(root).st_mtime:
        run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", root, "-E", "lazy_itable_init=1,lazy_journal_init=1", path + ".new", f"{DISK_MB}M"])
        os.rename(path + ".new", path)


def boot(run, roots, cache, folder, script, brought, limit_s):
    """roots: (for builds, emulated). Runs the script in the machine; returns (its exit status, the lines of the console)."""
    if shutil.which(QEMU) is None:
        raise support.Failure(f"{QEMU} is not installed: packaging/install-dependencies.sh cross-test")
    os.makedirs(cache, exist_ok=True)
    version, kernel_folder, image = kernel(run, roots[0], cache)
    disk(run, roots[1], cache + "/disk.ext4")
    initrd = folder.path + "/initrd"
    first_root(initrd, roots[1], version, kernel_folder, script, brought)
    support.say(f"the machine: Linux {version}, {QEMU}")
    # a processor without the atomic instructions of later ones: what runs on it runs on all
    argv = ["setpriv", "--pdeathsig", "KILL", QEMU, "-M", "virt", "-cpu", "cortex-a72", "-m", "2048", "-smp", "2", "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", image, "-initrd", initrd,
            "-append", "console=ttyAMA0 quiet panic=-1", "-drive", f"file={cache}/disk.ext4,if=none,format=raw,id=disk,snapshot=on",
            "-device", "virtio-blk-pci,drive=disk"]
    child = support.Child(argv, on_line=lambda line: support.say("  | " + line.decode(errors="replace").rstrip("\r")),
                          env={**os.environ, "TMPDIR": folder.path})
    try:
        child.wait(limit_s)
    finally:
        child.kill()
    lines = [line.decode(errors="replace").rstrip("\r") for line in child.lines]
    found = [re.fullmatch(r"machine: status (\d+)", line) for line in lines]
    if not any(found):
        raise support.Failure(f"the machine did not come to its end: {child.stderr()[-1000:]}")
    return int(next(one for one in found if one).group(1)), lines
