#!/usr/bin/env python3
"""The packages as people get them: installed, started, fired, upgraded, removed and purged in clean roots.

The .deb and the .rpm are made without a network. In a clean Debian 12 root, under a real systemd in namespaces (booted.py): apt
installs with WAZUH_MANAGER and its like in the environment, systemd starts the agent on this kernel, an alert arrives at a
dev-manager that wanted the password; an upgrade keeps the host's configuration, key, spool and a response that is in effect,
and the gap is told; removing undoes that response; after a purge the root has the files that it had before. The .rpm with
rpm, likewise, but that the unit's own command line is started by a script in systemctl's place: in the host's pid namespace,
where a response holds a process.

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
import booted  # noqa: E402
import places  # noqa: E402
import roots  # noqa: E402
import tiercel as support  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.realpath(os.path.join(HERE, "..", ".."))
PASSWORD = "opens-the-door-4711"
PRESEED = {"WAZUH_MANAGER": "127.0.0.1", "WAZUH_REGISTRATION_PASSWORD": PASSWORD, "WAZUH_AGENT_GROUP": "web,linux",
           "WAZUH_AGENT_NAME": "packaged"}
OLD = "0.0.9"
SITE_RULES = """- rule: Saw a sleeper
  desc: a program of this test
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.cmdline startswith "sleep 471"
  output: "%proc.cmdline"
  priority: WARNING
- rule: Hold the sleeper
  desc: a response of this test
  condition: rule.name = "Saw a sleeper" and proc.cmdline = "sleep 4712"
  action: {type: suspend, target: process, timeout: 2h}
- rule: Saw what was brought
  desc: a program of this test
  condition: evt.type in (execve, execveat) and evt.failed = false and proc.exepath = /srv/brought
  output: "%proc.cmdline"
  priority: WARNING
- rule: Take what was brought
  desc: a response of this test
  condition: rule.name = "Saw what was brought"
  action: {type: quarantine}
"""
COMPLETIONS = {kind: {"bash": "usr/share/bash-completion/completions/tiercel", "zsh": f"usr/share/zsh/{zsh}/_tiercel",
                      "fish": "usr/share/fish/vendor_completions.d/tiercel.fish"}
               for kind, zsh in (("deb", "vendor-completions"), ("rpm", "site-functions"))}
CLONE_NEWNET = 0x40000000


def older(package, folder):
    """The same package with a lower version, and a configuration file of which the newer one has another text."""
    work = folder.folder("older")
    booted.run(["dpkg-deb", "-R", package, work])
    for name, pattern, text in (("DEBIAN/control", r"^Version: .*$", f"Version: {OLD}"), ("etc/tiercel/tiercel.yaml", r"\Z", "# older\n")):
        with open(f"{work}/{name}", encoding="utf-8") as file:
            changed = re.sub(pattern, text, file.read(), count=1, flags=re.M if "DEBIAN" in name else 0)
        with open(f"{work}/{name}", "w", encoding="utf-8") as file:
            file.write(changed)
    out = folder.folder("debs") + f"/tiercel_{OLD}.deb"
    booted.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", work, out])
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
        support.wait_until(lambda: booted.run(["ss", "-Hltn", "sport", "=", ":1515"]).stdout, "the dev-manager's port")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()

    def has(self, *words):
        return any(all(word.encode() in line for word in words) for line in self.lines)

    def wait(self, what, *words):
        support.wait_until(lambda: self.has(*words), f"{what} at the manager", timeout_s=60)


def no_leak(root, manager, checks, what):
    """The password is nowhere but in the file that only root can read. (Not in grep's arguments either: an agent sees those.)"""
    found = booted.run(["grep", "-rlF", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=dev", "-f", manager.password,
                        *[f"{root.path}/{folder}" for folder in ("etc", "var", "run", "tmp")]], ok=False).stdout.split()
    checks.equal(found, [root.path + "/etc/tiercel/enrolment.pass"], f"{what}: files with the password in them")
    checks.check(PASSWORD not in root.said, f"{what}: the password was printed")


def use(root, manager, checks, what):
    """The host's own rules, an alert of theirs, and a response that is still in effect when this ends."""
    with open(root.path + "/etc/tiercel/rules.d/site.yaml", "w", encoding="utf-8") as file:
        file.write(SITE_RULES)
    with open(root.path + "/etc/tiercel/tiercel.yaml", "a", encoding="utf-8") as file:
        file.write("# mine\n")
    root.command("tiercel", "rules", "reload")
    root.start("sleep", "4711")
    manager.wait(f"{what}: the alert", "Saw a sleeper", "sleep 4711")
    root.hold()
    support.wait_until(root.held, "the response")
    manager.child.kill()  # so what comes now is in the spool
    root.start("sleep", "4713")
    support.wait_until(lambda: "sleep 4713" in root.read("var/log/tiercel/alerts.json"), "the alert in the host's file")


def upgraded(root, manager, checks, before, what):
    """before: what the agent's key and pid were."""
    key, pid = before
    checks.check(root.unit_pid() != pid, f"{what}: the new agent runs")
    checks.check(root.held(), f"{what}: the response is still in effect")
    checks.check(root.held_name in root.command("tiercel", "respond", "list", "--json"), f"{what}: and will be undone")
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
    no_leak(root, manager, checks, what)
    for shell, place in COMPLETIONS[what].items():
        checks.equal(root.read(place), root.command("tiercel", "completions", shell), f"{what}: completions of {shell}")
    return key, pid


def test_deb(options, package, old, folder, checks):
    with roots.Booted(options.root, folder, "deb") as root, Managed(options.tiercel, folder, "deb") as manager:
        before = root.files()
        for file in (package, old):
            shutil.copy(file, root.path + "/tmp")
        apt = ("apt-get", "install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold")
        root.command(*apt, "/tmp/" + os.path.basename(old), env=PRESEED)
        was = installed(root, manager, checks, "deb")
        checks.equal((root.show("UnitFileState"), root.show("NRestarts")), ("enabled", "0"), "deb: the unit after the installation")
        use(root, manager, checks, "deb")
        root.command(*apt, "/tmp/" + os.path.basename(package))
        upgraded(root, manager, checks, was, "deb")
        checks.equal((root.show("UnitFileState"), root.show("NRestarts")), ("enabled", "0"), "deb: the unit after the upgrade")
        checks.check(root.exists("etc/tiercel/tiercel.yaml.dpkg-dist"), "deb: the new configuration lies beside the host's")
        no_leak(root, manager, checks, "deb, upgraded")

        pid = root.unit_pid()
        root.command("apt-get", "remove", "-y", "tiercel")
        checks.check(not root.runs(pid), "deb: removing ends the agent")
        checks.check(not root.held(), "deb: removing undoes what responses hold")
        checks.check(not root.exists("usr/bin/tiercel") and not root.exists("usr/share/tiercel"), "deb: removing takes the program")
        checks.check(root.exists("etc/tiercel/tiercel.yaml"), "deb: removing leaves the configuration")
        root.command("apt-get", "purge", "-y", "tiercel")
        checks.equal((root.show("LoadState"), root.command("systemctl", "--failed", "--plain", "--no-legend")), ("not-found", ""),
                     "deb: what systemd still knows of the unit, and units that failed")
        after = root.files() - {root.held_name.lstrip("/")}
        checks.equal((sorted(after - before), sorted(before - after)), ([], []), "deb: what a purge leaves, and what it took")
        for place in ("var/log/tiercel", "var/lib/tiercel", "run/tiercel"):
            checks.check(not root.exists(place), f"deb: {place} is gone")


def test_rpm(options, package, old, folder, checks):
    with roots.Played(options.root, folder, "rpm") as root, Managed(options.tiercel, folder, "rpm") as manager:
        before = root.files()
        for file in (package, old):
            shutil.copy(file, root.path + "/tmp")
        # Nothing else in this root is an rpm, so what others would provide is not asked for.
        root.command("rpm", "-i", "--nodeps", "/tmp/" + os.path.basename(old), env=PRESEED)
        was = installed(root, manager, checks, "rpm")
        use(root, manager, checks, "rpm")
        root.command("rpm", "-U", "--nodeps", "/tmp/" + os.path.basename(package))
        upgraded(root, manager, checks, was, "rpm")
        pid = root.unit_pid()
        root.command("rpm", "-e", "tiercel")
        checks.check(not root.runs(pid), "rpm: erasing ends the agent")
        checks.check(not root.held(), "rpm: erasing undoes what responses hold")
        left = {name for name in root.files() - before if not name.startswith("var/lib/tiercel")}
        checks.equal(sorted(left - {"etc/tiercel", "var/lib/tiercel", "etc/tiercel/rules.d", "etc/tiercel/rules.d/site.yaml"}),
                     ["etc/tiercel/enrolment.pass", "etc/tiercel/enrolment.yaml", "etc/tiercel/tiercel.yaml.rpmsave"],
                     "rpm: what is left is the host's own")


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
        return booted.run([script, kind, "--build", build, "--output", out, *more]).stdout.split()[-1]
    return os.path.realpath(make("deb")), os.path.realpath(make("rpm")), os.path.realpath(make("rpm", "--version", OLD))


def lint(debs, rpms, checks):
    """Only in the long form: the two are large."""
    for argv in (["lintian", "--fail-on", "error,warning", *debs], ["rpmlint", "-c", HERE + "/../../packaging/rpm/rpmlint.toml", *rpms]):
        if shutil.which(argv[0]) is None:
            raise support.Failure(f"{argv[0]} is not installed: packaging/install-dependencies.sh package-lint")
        done = booted.run(argv, ok=False)
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
            booted.run(["dpkg-deb", "-x", file, trees[-1]])
        else:
            booted.run(["sh", "-c", 'rpm2cpio "$1" | (cd "$2" && cpio -idm --quiet)', "sh", file, trees[-1]])
    program = trees[0] + "/usr/bin/tiercel"
    found = re.search(r"Build ID: ([0-9a-f]{2})([0-9a-f]+)", booted.run(["readelf", "-n", program]).stdout)
    debug = f"{trees[1]}/usr/lib/debug/.build-id/{found[1]}/{found[2]}.debug" if found else "no build id"
    checks.check(os.path.exists(debug), f"{kind}: {debug} is there")
    checks.check(".debug_line" in booted.run(["readelf", "-SW", debug], ok=False).stdout, f"{kind}: it has lines")
    checks.check(".debug_line" not in booted.run(["readelf", "-SW", program]).stdout, f"{kind}: the program is without")
    said = booted.run(["gdb", "-nx", "-batch", "-iex", f"set debug-file-directory {trees[1]}/usr/lib/debug", "-ex", "info line main", program],
                      ok=False).stdout
    checks.check("main.cpp" in said, f"{kind}: gdb finds them: {said}")
    return other


def body(checks):
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--root", default=booted.ROOT)
    parser.add_argument("--packages", help=f"a folder with the .deb, the .rpm and the .rpm of version {OLD}")
    options = parser.parse_args()
    options.tiercel = os.path.realpath(options.tiercel)
    support.require_kernel_tests()
    booted.clean_root(options.root)
    places.own_mounts()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise support.Failure("no network namespace of our own")
    booted.run(["ip", "link", "set", "lo", "up"])
    with booted.Scratch("packaging") as folder:
        deb, rpm, old_rpm = built(options, folder.folder("built"))
        other = [symbols(package, folder, checks) for package in (deb, rpm)] if not options.packages else []
        if support.soak():
            lint([deb, *other[:1]], [rpm, *other[1:]], checks)
        test_deb(options, deb, older(deb, folder), folder, checks)
        test_rpm(options, rpm, old_rpm, folder, checks)


def main():
    checks = support.Checks()
    body(checks)
    return checks.finish("packaging")


if __name__ == "__main__":
    support.main(main, "packaging")
