"""A container image made of the host's Debian packages: their files, users of its own, nothing downloaded."""

import io
import os
import re
import subprocess
import tarfile

import tiercel as support

INFO = "/var/lib/dpkg/info"
PACKAGES = """acl adduser at attr base-files bash busybox-static coreutils dash cron curl diffutils dpkg e2fsprogs findutils gdb git grep gzip
iproute2 iptables kmod less libcap2-bin libpam-modules libpam-runtime login mount netcat-openbsd nftables nmap openssh-client openssh-server
openssl passwd perl procps python3 rsync sed socat strace sudo tar tcpdump util-linux vim-tiny wget xxd zip bzip2 bsdutils debianutils hostname make gcc libc6-dev
nginx-light redis-server postgresql
init-system-helpers logrotate mawk ncurses-base libc-bin""".split()
LEFT_OUT = re.compile(r"^/usr/share/(doc|man|locale|info|lintian|bug|gdb/auto-load)/|^/usr/lib/python3/dist-packages/|/test/|^/usr/lib/git-core/git-.*-svn")
ALTERNATIVES = "/var/lib/dpkg/alternatives"
COPIED = ["/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/pam.d", "/etc/security", "/etc/login.defs", "/etc/profile", "/etc/ssl/openssl.cnf",
          "/etc/services", "/etc/protocols", "/etc/shells"]
PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
sshd:x:102:65534::/run/sshd:/usr/sbin/nologin
app:x:1000:1000:App:/home/app:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = """root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
mail:x:8:
sudo:x:27:
shadow:x:42:
www-data:x:33:
crontab:x:105:
docker:x:998:
app:x:1000:
nogroup:x:65534:
"""
PASSWORD = "tiercel"  # of every user of the image


def _shadow():
    crypted = subprocess.run(["openssl", "passwd", "-6", "-salt", "tiercel", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
    return "".join(f"{line.split(':')[0]}:{crypted}:19000:0:99999:7:::\n" for line in PASSWD.splitlines())


FILES = {"etc/passwd": (PASSWD, 0o644), "etc/group": (GROUP, 0o644), "etc/shadow": (_shadow(), 0o640), "etc/hostname": ("web\n", 0o644),
         "etc/sudoers": ("root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n", 0o440), "etc/crontab": ("SHELL=/bin/sh\n", 0o644),
         "root/.bashrc": ("# root's\n", 0o644), "root/.profile": ("# root's\n", 0o644), "home/app/.bashrc": ("# app's\n", 0o644),
         "home/app/.profile": ("# app's\n", 0o644), "var/log/auth.log": ("sshd: accepted\n", 0o640), "var/log/syslog": ("started\n", 0o640),
         "var/log/wtmp": ("", 0o664), "var/log/lastlog": ("", 0o664), "var/www/html/index.html": ("<html></html>\n", 0o644)}
FOLDERS = {"proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "run/sshd": 0o755, "tmp": 0o1777, "var/tmp": 0o1777, "host": 0o755, "mnt": 0o755,
           "srv": 0o755, "opt": 0o755, "root": 0o700, "home": 0o755, "home/app": 0o755, "var/log": 0o755, "var/mail": 0o2775,
           "var/www": 0o755, "var/www/html": 0o755, "var/spool/cron/crontabs": 0o1730, "etc/sudoers.d": 0o750}
OWNERS = {"home/app": 1000, "home/app/.bashrc": 1000, "home/app/.profile": 1000, "var/www/html": 33}


def closure(packages):
    """With what they depend on, of what is installed."""
    needs = {}
    listing = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\t${db:Status-Status}\t${Pre-Depends}, ${Depends}\n"], capture_output=True,
                             text=True, check=True).stdout
    for line in listing.splitlines():
        name, status, depends = line.split("\t")
        if status == "installed":
            needs[name] = [re.split(r"[ :(|]", one.strip())[0] for one in depends.split(",") if one.strip()]
    wanted, seen = list(packages), set()
    while wanted:
        name = wanted.pop()
        if name in seen or name not in needs:
            continue
        seen.add(name)
        wanted += needs[name]
    missing = sorted(set(packages) - seen)
    if missing:
        support.say(f"  the image is without packages that are not installed: {' '.join(missing)}")
    return sorted(seen)


def paths_of(package):
    for name in os.listdir(INFO) if not os.path.exists(f"{INFO}/{package}.list") else [f"{package}.list"]:
        if name == f"{package}.list" or re.fullmatch(re.escape(package) + r":[a-z0-9]+\.list", name):
            with open(os.path.join(INFO, name), encoding="utf-8") as file:
                return [line.rstrip("\n") for line in file]
    return []


def alternatives():
    """The links that belong to no package: the one at the command's place, and the one in /etc/alternatives."""
    links = []
    for name in sorted(os.listdir(ALTERNATIVES)):
        with open(os.path.join(ALTERNATIVES, name), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        links += [lines[1], f"/etc/alternatives/{name}"]
    return links


def _placed(path):
    """Where a path lies: /bin is a link to /usr/bin."""
    for top in ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"):
        if path.startswith(top) and os.path.islink(top.rstrip("/")):
            return "/usr" + path
    return path


def host_paths(packages):
    paths = {_placed(path) for package in closure(packages) for path in paths_of(package)}
    for copied in COPIED:
        paths.add(copied)
        if os.path.isdir(copied):
            paths |= {os.path.join(copied, name) for name in os.listdir(copied)}
    for link in alternatives():
        target = os.path.realpath(link)
        if os.path.lexists(link) and target in paths:
            paths |= {_placed(link)}
    for link in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/var/run", "/var/lock", "/usr/bin/sh"]:
        if os.path.islink(link):
            paths.add(link)
    return sorted(path for path in paths if path not in ("", "/.") and not LEFT_OUT.search(path))


def _add(tar, name, content, mode, uid=0, kind=tarfile.REGTYPE):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.uid, entry.type = len(content), mode, uid, kind
    tar.addfile(entry, io.BytesIO(content))


def root_layer():
    """A tar with the whole root file system."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in host_paths(PACKAGES):
            name = path.lstrip("/")
            if os.path.lexists(path) and name not in FILES and name not in FOLDERS:
                tar.add(path, arcname=name, recursive=False)
        for name, mode in FOLDERS.items():
            _add(tar, name, b"", mode, OWNERS.get(name, 0), tarfile.DIRTYPE)
        for name, (text, mode) in FILES.items():
            _add(tar, name, text.encode(), mode, OWNERS.get(name, 0))
    return out.getvalue()


def attack_layer(scripts, programs):
    """/attack: the scripts {name: text} and the programs {name: path}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("attack", "attack/bin"):
            _add(tar, folder, b"", 0o755, kind=tarfile.DIRTYPE)
        for name, text in scripts.items():
            _add(tar, f"attack/{name}", text.encode(), 0o755)
        for name, path in programs.items():
            with open(path, "rb") as file:
                _add(tar, f"attack/bin/{name}", file.read(), 0o755)
    return out.getvalue()
