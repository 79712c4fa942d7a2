#!/usr/bin/env python3
"""The packages as people get them: installed, started, fired, upgraded, removed and purged in clean roots.

The .deb and the .rpm are made without a network. In a clean Debian 12 root: apt installs with WAZUH_MANAGER and its like in
the environment, the unit's own command line starts the agent on this kernel, an alert arrives at a dev-manager that wanted
the password; an upgrade keeps the host's configuration, key, spool and a response that is in effect, and the gap is told;
removing undoes that response; after a purge the root has the files that it had before. The .rpm with rpm, likewise.

Everything is in mount and network namespaces of this process, which end with it. usage:
  test_packaging.py --tiercel build/release/tiercel [--root CLEAN_ROOT]
"""

import argparse
import ctypes
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import places  # noqa: E402
import tiercel as support  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.realpath(os.path.join(HERE, "..", ".."))
PASSWORD = "opens-the-door-4711"
PRESEED = {"WAZUH_MANAGER": "127.0.0.1", "WAZUH_REGISTRATION_PASSWORD": PASSWORD, "WAZUH_AGENT_GROUP": "web,linux",
           "WAZUH_AGENT_NAME": "packaged"}
OLD = "0.0.9"
NEEDED = "ca-certificates,libcurl4,libelf1,libssl3,rpm"
# What package managers write for themselves.
THEIRS = ("var/lib/apt", "var/lib/dpkg", "var/cache", "var/log", "var/lib/rpm", "usr/lib/sysimage", "root/.rpmdb", "run", "tmp",
          "proc", "sys", "dev", "etc/ld.so.cache", "usr/bin/systemctl")
SITE_RULES = """- rule: Saw a sleeper
  desc: a program of this test
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.cmdline startswith "sleep 471"
  output: "%proc.cmdline"
  priority: WARNING
- rule: Hold the sleeper
  desc: a response of this test
  condition: rule.name = "Saw a sleeper" and proc.cmdline = "sleep 4712"
  action: {type: suspend, target: process, timeout: 2h}
"""
COMPLETIONS = {kind: {"bash": "usr/share/bash-completion/completions/tiercel", "zsh": f"usr/share/zsh/{zsh}/_tiercel",
                      "fish": "usr/share/fish/vendor_completions.d/tiercel.fish"}
               for kind, zsh in (("deb", "vendor-completions"), ("rpm", "site-functions"))}
CLONE_NEWNET = 0x40000000


def run(argv, ok=True, **more):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if ok and done.returncode != 0:
        raise support.Failure(f"{' '.join(argv)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def clean_root(path):
    """Made once, from the archive that the host is set to."""
    if os.path.exists(path + "/etc/debian_version"):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = path + ".part"
    shutil.rmtree(part, ignore_errors=True)
    run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={NEEDED}", "bookworm", part,
         "/etc/apt/sources.list.d/debian.sources"])
    os.rename(part, path)


class Scratch(support.Folder):
    """In memory, with whatever is mounted below it. Its end takes the mounts away and deletes nothing by name: the host's
    /dev is among them."""

    def __enter__(self):
        places.mount_tmpfs(self.path)
        return self

    def __exit__(self, *_):
        places.unmount(self.path)
        os.rmdir(self.path)


class Root:
    """An overlay over the clean root, in this process's mount namespace, with the host's /proc, /sys and /dev."""

    def __init__(self, lower, folder, name):
        self.path = folder.folder(name)
        upper = folder.folder(name + "-changes")
        places.mount_tmpfs(upper)
        for part in ("upper", "inner"):
            os.mkdir(f"{upper}/{part}")
        run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper}/upper,workdir={upper}/inner",
             self.path])
        places.mount_tmpfs(self.path + "/run")
        for part in ("proc", "sys", "dev"):
            run(["mount", "--rbind", "/" + part, f"{self.path}/{part}"])
        os.makedirs(self.path + "/run/systemd/system")
        shutil.copy(HERE + "/systemctl", self.path + "/usr/bin/systemctl")
        self.said = ""  # by everything that ran in there

    def command(self, *argv, ok=True, env=None):
        done = run(["chroot", self.path, *argv], ok=ok,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8", **(env or {})})
        self.said += done.stdout + done.stderr
        return done

    def read(self, name):
        with open(f"{self.path}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, name):
        return os.path.lexists(f"{self.path}/{name}")

    def files(self):
        found = set()
        for folder, names, others in os.walk(self.path):
            below = os.path.relpath(folder, self.path)
            names[:] = [n for n in names if os.path.normpath(os.path.join(below, n)) not in THEIRS]
            found |= {os.path.normpath(os.path.join(below, n)) for n in names + others}
        return {name for name in found if name not in THEIRS and not name.endswith(".pyc")}

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

    def end(self):
        if self.exists("run/tiercel-unit.pid"):
            self.command("systemctl", "stop", "tiercel.service", ok=False)


def older(package, folder):
    """The same package with a lower version, and a configuration file of which the newer one has another text."""
    work = folder.folder("older")
    run(["dpkg-deb", "-R", package, work])
    for name, pattern, text in (("DEBIAN/control", r"^Version: .*$", f"Version: {OLD}"), ("etc/tiercel/tiercel.yaml", r"\Z", "# older\n")):
        with open(f"{work}/{name}", encoding="utf-8") as file:
            changed = re.sub(pattern, text, file.read(), count=1, flags=re.M if "DEBIAN" in name else 0)
        with open(f"{work}/{name}", "w", encoding="utf-8") as file:
            file.write(changed)
    out = folder.folder("debs") + f"/tiercel_{OLD}.deb"
    run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", work, out])
    return out


class Managed:
    """A dev-manager on Wazuh's own ports, in this process's network namespace, that wants the password."""

    def __init__(self, tiercel, folder, name):
        self.tiercel = tiercel
        self.password = folder.file(name + "-password", PASSWORD + "\n")
        self.manager_folder = folder.folder(name + "-manager")
        self.lines, self.child = [], None
        self.start()

    def start(self):
        self.child = support.Child([self.tiercel, "dev-manager", "--dir", self.manager_folder, "--password-file", self.password, "--json"],
                                   keep_stdout=False, on_line=self.lines.append, stdin=subprocess.PIPE)
        support.wait_until(lambda: run(["ss", "-Hltn", "sport", "=", ":1515"]).stdout, "the dev-manager's port")

    def has(self, *words):
        return any(all(word.encode() in line for word in words) for line in self.lines)

    def wait(self, what, *words):
        support.wait_until(lambda: self.has(*words), f"{what} at the manager", timeout_s=60)


def sleeper(children, root, seconds):
    """A program that the site's rules know, in a session of its own."""
    child = subprocess.Popen(["chroot", root.path, "sleep", seconds], start_new_session=True, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children.append(child)
    return child


def stopped(child):
    with open(f"/proc/{child.pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def no_leak(root, checks, what):
    """The password is nowhere but in the file that only root can read."""
    found = run(["grep", "-rlF", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=dev", PASSWORD, root.path + "/etc",
                 root.path + "/var", root.path + "/run", root.path + "/tmp"], ok=False).stdout.split()
    checks.equal(found, [root.path + "/etc/tiercel/enrolment.pass"], f"{what}: files with the password in them")
    checks.check(PASSWORD not in root.said, f"{what}: the password was printed")


def use(root, manager, checks, children, what):
    """The host's own rules, an alert of theirs, and a response that is still in effect when this ends."""
    with open(root.path + "/etc/tiercel/rules.d/site.yaml", "w", encoding="utf-8") as file:
        file.write(SITE_RULES)
    with open(root.path + "/etc/tiercel/tiercel.yaml", "a", encoding="utf-8") as file:
        file.write("# mine\n")
    root.command("tiercel", "rules", "reload")
    sleeper(children, root, "4711")
    manager.wait(f"{what}: the alert", "Saw a sleeper", "sleep 4711")
    held = sleeper(children, root, "4712")
    support.wait_until(lambda: stopped(held), "the response")
    manager.child.kill()  # so what comes now is in the spool
    sleeper(children, root, "4713")
    support.wait_until(lambda: "sleep 4713" in root.read("var/log/tiercel/alerts.json"), "the alert in the host's file")
    return held


def upgraded(root, manager, checks, before, held, what):
    """before: what the agent's key and pid were."""
    key, pid = before
    checks.check(root.unit_pid() != pid, f"{what}: the new agent runs")
    checks.check(stopped(held), f"{what}: the response is still in effect")
    checks.check(f"{held.pid}" in root.command("tiercel", "respond", "list", "--json").stdout, f"{what}: and will be undone")
    manager.start()
    manager.wait(f"{what}: the alert from the spool", "Saw a sleeper", "sleep 4713")
    manager.wait(f"{what}: the gap", "Tiercel internal: gap")
    checks.equal(root.read("var/lib/tiercel/client.keys"), key, f"{what}: the key")
    text = root.read("etc/tiercel/tiercel.yaml")
    checks.check(text.endswith("# mine\n"), f"{what}: the host's configuration is kept")
    checks.equal(root.read("etc/tiercel/rules.d/site.yaml"), SITE_RULES, f"{what}: the host's rules")


def installed(root, manager, checks, what):
    pid = root.unit_pid()
    manager.wait(f"{what}: the agent's start", "Tiercel internal: heartbeat")
    enrolment = root.read("etc/tiercel/enrolment.yaml")
    checks.check("'127.0.0.1'" in enrolment and "'packaged'" in enrolment and "'web'" in enrolment, f"{what}: the preseed is kept")
    checks.equal(oct(os.stat(root.path + "/etc/tiercel/enrolment.pass").st_mode & 0o777), "0o600", f"{what}: the password's mode")
    key = root.read("var/lib/tiercel/client.keys")
    checks.check(" packaged " in key, f"{what}: enrolled by the name that was given")
    no_leak(root, checks, what)
    for shell, place in COMPLETIONS[what].items():
        checks.equal(root.read(place), root.command("tiercel", "completions", shell).stdout, f"{what}: completions of {shell}")
    return key, pid


def test_deb(options, package, old, folder, checks, children):
    root, manager = Root(options.root, folder, "deb"), Managed(options.tiercel, folder, "deb")
    try:
        before = root.files()
        for file in (package, old):
            shutil.copy(file, root.path + "/tmp")
        apt = ("apt-get", "install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold")
        root.command(*apt, "/tmp/" + os.path.basename(old), env=PRESEED)
        was = installed(root, manager, checks, "deb")
        held = use(root, manager, checks, children, "deb")
        root.command(*apt, "/tmp/" + os.path.basename(package))
        upgraded(root, manager, checks, was, held, "deb")
        checks.check(root.exists("etc/tiercel/tiercel.yaml.dpkg-dist"), "deb: the new configuration lies beside the host's")
        no_leak(root, checks, "deb, upgraded")

        pid = root.unit_pid()
        root.command("apt-get", "remove", "-y", "tiercel")
        checks.check(not os.path.exists(f"/proc/{pid}"), "deb: removing ends the agent")
        checks.check(not stopped(held), "deb: removing undoes what responses hold")
        checks.check(not root.exists("usr/bin/tiercel") and not root.exists("usr/share/tiercel"), "deb: removing takes the program")
        checks.check(root.exists("etc/tiercel/tiercel.yaml"), "deb: removing leaves the configuration")
        root.command("apt-get", "purge", "-y", "tiercel")
        after = root.files()
        checks.equal((sorted(after - before), sorted(before - after)), ([], []), "deb: what a purge leaves, and what it took")
        for place in ("var/log/tiercel", "var/lib/tiercel", "run/tiercel"):
            checks.check(not root.exists(place), f"deb: {place} is gone")
    finally:
        root.end()
        manager.child.kill()


def test_rpm(options, package, old, folder, checks, children):
    root, manager = Root(options.root, folder, "rpm"), Managed(options.tiercel, folder, "rpm")
    try:
        before = root.files()
        for file in (package, old):
            shutil.copy(file, root.path + "/tmp")
        # Nothing else in this root is an rpm, so what others would provide is not asked for.
        root.command("rpm", "-i", "--nodeps", "/tmp/" + os.path.basename(old), env=PRESEED)
        was = installed(root, manager, checks, "rpm")
        held = use(root, manager, checks, children, "rpm")
        root.command("rpm", "-U", "--nodeps", "/tmp/" + os.path.basename(package))
        upgraded(root, manager, checks, was, held, "rpm")
        pid = root.unit_pid()
        root.command("rpm", "-e", "tiercel")
        checks.check(not os.path.exists(f"/proc/{pid}"), "rpm: erasing ends the agent")
        checks.check(not stopped(held), "rpm: erasing undoes what responses hold")
        left = {name for name in root.files() - before if not name.startswith("var/lib/tiercel")}
        checks.equal(sorted(left - {"etc/tiercel", "var/lib/tiercel", "etc/tiercel/rules.d", "etc/tiercel/rules.d/site.yaml"}),
                     ["etc/tiercel/enrolment.pass", "etc/tiercel/enrolment.yaml", "etc/tiercel/tiercel.yaml.rpmsave"],
                     "rpm: what is left is the host's own")
    finally:
        root.end()
        manager.child.kill()


def built(options, out):
    """The packages, as files; without a network, which this process has left."""
    script = os.path.join(SOURCE, "packaging", "package.sh")
    build = os.path.dirname(os.path.realpath(options.tiercel))

    if options.packages:  # made before
        def there(name):
            return os.path.realpath(os.path.join(options.packages, name))
        names = [name for name in os.listdir(options.packages) if not re.match("tiercel-(dbgsym|debuginfo)", name)]
        rpms = sorted((name for name in names if name.endswith(".rpm")), key=lambda name: f"-{OLD}-" in name)
        return there(next(name for name in names if name.endswith(".deb"))), there(rpms[0]), there(rpms[1])

    def make(kind, *more):
        return run([script, kind, "--build", build, "--output", out, *more]).stdout.split()[-1]
    return os.path.realpath(make("deb")), os.path.realpath(make("rpm")), os.path.realpath(make("rpm", "--version", OLD))


def lint(debs, rpms, checks):
    """Only in the long form: the two are large."""
    for argv in (["lintian", "--fail-on", "error,warning", *debs], ["rpmlint", "-c", HERE + "/../../packaging/rpm/rpmlint.toml", *rpms]):
        if shutil.which(argv[0]) is None:
            raise support.Failure(f"{argv[0]} is not installed: packaging/install-dependencies.sh package-lint")
        done = run(argv, ok=False)
        checks.check(done.returncode == 0, f"{argv[0]}:\n{done.stdout}{done.stderr}")


def symbols(package, folder, checks):
    """The package of symbols beside it has those of this very program, and the program has none."""
    kind = package.rpartition(".")[2]
    place, name = os.path.split(package)
    other = os.path.join(place, name.replace("tiercel", "tiercel-dbgsym" if kind == "deb" else "tiercel-debuginfo", 1))
    trees = []
    for name, file in (("program", package), ("symbols", other)):
        trees.append(folder.folder(f"{kind}-{name}"))
        if kind == "deb":
            run(["dpkg-deb", "-x", file, trees[-1]])
        else:
            run(["sh", "-c", 'rpm2cpio "$1" | (cd "$2" && cpio -idm --quiet)', "sh", file, trees[-1]])
    program = trees[0] + "/usr/bin/tiercel"
    found = re.search(r"Build ID: ([0-9a-f]{2})([0-9a-f]+)", run(["readelf", "-n", program]).stdout)
    debug = f"{trees[1]}/usr/lib/debug/.build-id/{found[1]}/{found[2]}.debug" if found else "no build id"
    checks.check(os.path.exists(debug), f"{kind}: {debug} is there")
    checks.check(".debug_line" in run(["readelf", "-SW", debug], ok=False).stdout, f"{kind}: it has lines")
    checks.check(".debug_line" not in run(["readelf", "-SW", program]).stdout, f"{kind}: the program is without")
    said = run(["gdb", "-nx", "-batch", "-iex", f"set debug-file-directory {trees[1]}/usr/lib/debug", "-ex", "info line main", program],
               ok=False).stdout
    checks.check("main.cpp" in said, f"{kind}: gdb finds them: {said}")
    return other


def body(checks):
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--root", default=os.path.join(SOURCE, "build", "packaging-root"))
    parser.add_argument("--packages", help=f"a folder with the .deb, the .rpm and the .rpm of version {OLD}")
    options = parser.parse_args()
    options.tiercel = os.path.realpath(options.tiercel)
    support.require_kernel_tests()
    clean_root(options.root)
    places.own_mounts()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise support.Failure("no network namespace of our own")
    run(["ip", "link", "set", "lo", "up"])
    children = []
    with Scratch("packaging") as folder:
        try:
            deb, rpm, old_rpm = built(options, folder.folder("built"))
            other = [symbols(package, folder, checks) for package in (deb, rpm)] if not options.packages else []
            if support.soak():
                lint([deb, *other[:1]], [rpm, *other[1:]], checks)
            test_deb(options, deb, older(deb, folder), folder, checks, children)
            test_rpm(options, rpm, old_rpm, folder, checks, children)
        finally:
            for child in children:
                child.kill()
                child.wait()


def main():
    checks = support.Checks()
    body(checks)
    return checks.finish("packaging")


if __name__ == "__main__":
    support.main(main, "packaging")
