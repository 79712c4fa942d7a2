"""What a virtual machine boots: Debian's own kernel (fetched, never installed here) and an ext4 disk made of the host's Debian
packages, with systemd as its first program. No mounts, no network but for the fetch."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess

import image
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.normpath(os.path.join(HERE, "..", "..", "build", "machine"))
KERNEL = "linux-image-cloud-amd64"  # what it stands for is a kernel with a version in its name
FETCHED = ["udev"]  # belongs to a machine and to no container: not on every host that tests
PACKAGES = image.PACKAGES + """apt busybox-static containerd dbus dbus-bin dbus-daemon dbus-session-bus-common dbus-system-bus-common
docker.io gpgv libpam-systemd polkitd runc systemd systemd-sysv systemd-timesyncd sysvinit-utils tzdata""".split()
LIBRARIES_OF = re.compile(r"(?:=> )?(/\S+) \(0x")
ENABLED = ["cron", "dbus", "getty@tty1", "systemd-timesyncd", "logrotate.timer", "apt-daily.timer", "dpkg-db-backup.timer", "fstrim.timer"]
DISK_MB = 4096
BOOT_MODULES = ["crc32c_generic", "crc32c-intel", "virtio_pci", "virtio_blk"]  # until the disk is there; the rest is udev's work
INIT = """#!/bin/busybox sh
# The first program: the disk, what this run brings, then systemd.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /root
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in $(cat /modules/order); do insmod /modules/$module; done
n=0
until mount -t ext4 /dev/vda /root 2>/dev/null; do n=$((n + 1)); [ $n -lt 200 ] || { echo "no disk"; poweroff -f; }; sleep 0.05; done
cp -a /brought/. /root/
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /lib/systemd/systemd "$@"
"""
FILES = {"etc/fstab": "/dev/vda / ext4 defaults 0 1\n", "etc/hostname": "machine\n", "etc/hosts": "127.0.0.1 localhost machine\n", "etc/machine-id": "",
         "etc/default/locale": "LANG=C.UTF-8\n", "etc/sudoers": "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
         "etc/crontab": image.FILES["etc/crontab"][0], "var/www/html/index.html": "<html></html>\n", "etc/resolv.conf": ""}
FOLDERS = {"proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "home/app": 0o755, "srv": 0o755,
           "opt": 0o755, "mnt": 0o755, "var/log": 0o755, "var/www/html": 0o755, "var/mail": 0o2775, "var/spool/cron/crontabs": 0o1730,
           "etc/sudoers.d": 0o750, "var/lib/dpkg/updates": 0o755, "var/lib/apt/lists/partial": 0o755, "var/cache/apt/archives/partial": 0o755,
           "var/log/apt": 0o755, "var/cache/debconf": 0o755, "var/lib/dpkg/parts": 0o755, "var/log/journal": 0o2755, "etc/apt/sources.list.d": 0o755}


def _run(*argv, cwd=None, timeout=300):
    done = subprocess.run(argv, capture_output=True, text=True, cwd=cwd, timeout=timeout, check=False)
    if done.returncode != 0:
        raise support.Failure(f"{' '.join(argv)}: status {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def _behind(package):
    """The package that a meta package stands for today."""
    for line in _run("apt-cache", "depends", package).splitlines():
        match = re.match(r"\s+Depends: (linux-image-[0-9]\S+)", line)
        if match:
            return match.group(1)
    raise support.Failure(f"{package}: apt knows no kernel behind it (apt-get update?)")


def fetch(package):
    """The folder with a package's files. One that was fetched before is taken again."""
    target = os.path.join(CACHE, package)
    if not os.path.isdir(target):
        support.say(f"  fetching {package}")
        _run("apt-get", "download", "-q", package, cwd=CACHE)
        found = [name for name in os.listdir(CACHE) if name.startswith(package + "_") and name.endswith(".deb")]
        _run("dpkg-deb", "-x", found[0], target + ".new", cwd=CACHE)
        os.rename(target + ".new", target)
        os.remove(os.path.join(CACHE, found[0]))
    return target


def kernel():
    """(version, folder, path of the kernel)"""
    try:
        name = _behind(KERNEL)
        folder = fetch(name)
    except support.Failure:
        had = sorted(one for one in os.listdir(CACHE) if one.startswith("linux-image-") and os.path.isdir(os.path.join(CACHE, one)))
        if not had:
            raise
        name, folder = had[-1], os.path.join(CACHE, had[-1])
    version = name[len("linux-image-"):]
    if not os.path.exists(os.path.join(folder, "lib/modules", version, "modules.dep")):
        _run("depmod", "-b", folder, version)
    return version, folder, os.path.join(folder, "boot", "vmlinuz-" + version)


def _copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source):
        if not os.path.lexists(target):
            os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target)
    owner = os.lstat(source)
    os.lchown(target, owner.st_uid, owner.st_gid)
    if not os.path.islink(target):
        os.chmod(target, owner.st_mode & 0o7777)  # chown takes set-user-id bits away
    for name in () if os.path.islink(source) else os.listxattr(source):
        os.setxattr(target, name, os.getxattr(source, name))


def libraries(programs):
    found = set()
    for program in programs:
        out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        found |= set(LIBRARIES_OF.findall(out))
    return found


def _accounts(root):
    """The host's system users, and app."""
    def lines(path, wanted):
        with open(path, encoding="utf-8") as file:
            return [line for line in file.read().splitlines() if line.count(":") > 1 and wanted(line.split(":"))]

    users = lines("/etc/passwd", lambda f: int(f[2]) < 1000 or f[0] == "nobody") + ["app:x:1000:1000:App:/home/app:/bin/bash"]
    groups = lines("/etc/group", lambda f: int(f[2]) < 1000 or f[0] == "nogroup") + ["app:x:1000:"]
    # what udev's own installation makes: its rules give devices to them
    have = {group.split(":")[0] for group in groups}
    groups += [f"{name}:x:{gid}:" for name, gid in (("input", 980), ("sgx", 981), ("kvm", 982), ("render", 983)) if name not in have]
    shadow = [f"{user.split(':')[0]}:*:19000:0:99999:7:::" for user in users]
    for name, content, mode in (("passwd", users, 0o644), ("group", groups, 0o644), ("shadow", shadow, 0o640), ("gshadow", [], 0o640)):
        path = os.path.join(root, "etc", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in content))
        os.chmod(path, mode)
    shutil.chown(os.path.join(root, "etc/shadow"), group="shadow")


def _package_records(root, packages):
    """dpkg's own knowledge of what is on the disk."""
    wanted = set(packages)
    with open("/var/lib/dpkg/status", encoding="utf-8") as file:
        records = [one for one in file.read().split("\n\n") if one.strip()]
    kept = [one for one in records if re.search(r"^Package: (\S+)", one, re.M).group(1) in wanted]
    info = os.path.join(root, "var/lib/dpkg/info")
    os.makedirs(info, exist_ok=True)
    for name in os.listdir(image.INFO):
        if re.split(r"[:.](?=amd64|list|md5sums|conffiles|postinst|preinst|prerm|postrm|triggers|shlibs|symbols|templates|config)", name)[0] in wanted \
                or name == "format":
            _copy(os.path.join(image.INFO, name), os.path.join(info, name))
    with open(os.path.join(root, "var/lib/dpkg/status"), "w", encoding="utf-8") as file:
        file.write("\n\n".join(kept) + "\n")
    with open(os.path.join(root, "var/lib/dpkg/available"), "w", encoding="utf-8"):
        pass


def _tree(root, version, kernel_folder):
    """The disk's content as a folder."""
    packages = image.closure(PACKAGES)
    for path in image.host_paths(PACKAGES):
        if os.path.lexists(path) and not path.startswith(("/proc/", "/sys/", "/dev/", "/run/")):
            _copy(path, root + path)
    for path in sorted(libraries(["/usr/bin/python3"])):
        _copy(path, root + path)
        _copy(os.path.realpath(path), root + os.path.realpath(path))
    for package in FETCHED:
        _lay(fetch(package), root)
    _lay(os.path.join(kernel_folder, "lib"), os.path.join(root, "usr/lib"))
    _lay(os.path.join(kernel_folder, "boot"), os.path.join(root, "boot"))
    for name, mode in FOLDERS.items():
        os.makedirs(os.path.join(root, name), exist_ok=True)
        os.chmod(os.path.join(root, name), mode)
    _accounts(root)
    _package_records(root, packages)
    for name, text in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        with open(os.path.join(root, name), "w", encoding="utf-8") as file:
            file.write(text)
    for name in (".bashrc", ".profile"):
        shutil.copy(os.path.join("/etc/skel", name), os.path.join(root, "root", name))
        shutil.copy(os.path.join("/etc/skel", name), os.path.join(root, "home/app", name))
        os.chown(os.path.join(root, "home/app", name), 1000, 1000)
    os.chown(os.path.join(root, "home/app"), 1000, 1000)
    for name in ("redis", "postgresql"):
        for folder in (f"var/lib/{name}", f"var/log/{name}"):
            user = "redis" if name == "redis" else "postgres"
            os.makedirs(os.path.join(root, folder), exist_ok=True)
            shutil.chown(os.path.join(root, folder), user, user)
    _run("systemctl", "--root", root, "--quiet", "enable", *[unit for unit in ENABLED if _has_unit(root, unit)])


def placed(path):
    """A host's path as one below a root where /lib is a link."""
    return "usr" + path if path.startswith(("/lib/", "/lib64/", "/bin/", "/sbin/")) else path.lstrip("/")


def _has_unit(root, unit):
    name = re.sub("@.*", "@", unit) + ("" if unit.endswith(".timer") else ".service")
    return any(os.path.exists(os.path.join(root, folder, name)) for folder in ("usr/lib/systemd/system", "lib/systemd/system"))


def _lay(source, target):
    """Everything below `source` onto `target`, where /lib is a link to /usr/lib."""
    for folder, folders, names in os.walk(source):
        inner = os.path.relpath(folder, source)
        for name in names + [one for one in folders if os.path.islink(os.path.join(folder, one))]:
            _copy(os.path.join(folder, name), os.path.join(target, placed(os.path.normpath(os.path.join("/", inner, name)))))


def _key(version):
    """Changes when the disk would."""
    text = version
    for path in (__file__, image.__file__):
        with open(path, encoding="utf-8") as file:
            text += file.read()
    return hashlib.sha256((text + str(os.stat("/var/lib/dpkg/status").st_mtime_ns)).encode()).hexdigest()[:16]


def disk(version, kernel_folder):
    """The path of the disk; made once for as long as packages and this file stay as they are."""
    key = _key(version)
    path = os.path.join(CACHE, f"disk-{key}.ext4")
    if not os.path.exists(path):
        support.say("  making the machine's disk")
        for name in os.listdir(CACHE):
            if name.startswith(("disk-", "tree")):
                gone = os.path.join(CACHE, name)
                shutil.rmtree(gone) if os.path.isdir(gone) else os.remove(gone)
        root = os.path.join(CACHE, "tree")
        try:
            os.makedirs(root, mode=0o755)
            _tree(root, version, kernel_folder)
            _run("mke2fs", "-q", "-t", "ext4", "-d", root, "-E", "lazy_itable_init=1,lazy_journal_init=1", path + ".new", f"{DISK_MB}M")
            os.rename(path + ".new", path)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return path


def module_files(version, kernel_folder, names=BOOT_MODULES):
    """Paths below the kernel's folder, each after those that it needs."""
    base = os.path.join(kernel_folder, "lib/modules", version)
    needs = {}
    with open(os.path.join(base, "modules.dep"), encoding="utf-8") as file:
        for line in file:
            name, _, others = line.partition(":")
            needs[name] = others.split()
    by_name = {os.path.basename(path).split(".ko")[0]: path for path in needs}
    order = []
    for module in names:
        if module in by_name:
            order += [one for one in reversed(needs[by_name[module]]) if one not in order]
            order += [by_name[module]] if by_name[module] not in order else []
    return [os.path.join(base, path) for path in order]


class Cpio:
    """A file tree as the kernel takes it for its first root (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self, path):
        self.file, self.inode = open(path, "wb"), 0
        self._folders = set()

    def _entry(self, name, mode, content=b""):
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0]
        self._padded(b"070701" + b"".join(b"%08X" % field for field in fields) + raw)
        self._padded(content)

    def _padded(self, content):
        self.file.write(content + b"\0" * (-len(content) % 4))

    def folder(self, name, mode=0o755):
        if name and name not in self._folders:
            self.folder(os.path.dirname(name))
            self._folders.add(name)
            self._entry(name, 0o40000 | mode)

    def add(self, name, content, mode=0o644):
        self.folder(os.path.dirname(name))
        self._entry(name, 0o100000 | mode, content)

    def copy(self, source, name, mode=None):
        with open(source, "rb") as file:
            self.add(name, file.read(), mode or os.stat(source).st_mode & 0o7777)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self._entry(name, 0o120777, target.encode())

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.file.close()


def first_root(path, version, kernel_folder, brought):
    """The initramfs. `brought`: {path in the machine: (content or None, path on the host or None, mode; None: a link to the content)}."""
    cpio = Cpio(path)
    for name in ("dev", "proc", "sys", "root", "brought"):
        cpio.folder(name)
    cpio.copy("/bin/busybox", "bin/busybox", 0o755)
    cpio.add("init", INIT.encode(), 0o755)
    modules = module_files(version, kernel_folder)
    for module in modules:
        cpio.copy(module, "modules/" + os.path.basename(module))
    cpio.add("modules/order", "".join(os.path.basename(one) + "\n" for one in modules).encode())
    for name, (content, source, mode) in sorted(brought.items()):
        if mode is None:
            cpio.link("brought/" + name, content.decode())
        elif source:
            cpio.copy(source, "brought/" + name, mode)
        else:
            cpio.add("brought/" + name, content, mode)
    cpio.close()


def prepare():
    """(version, folder of the kernel, path of the kernel, path of the disk), once at a time."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version, folder, path = kernel()
        return version, folder, path, disk(version, folder)
