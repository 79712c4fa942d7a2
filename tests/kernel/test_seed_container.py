#!/usr/bin/env python3
"""The three seed rules, unchanged, on real behaviour in a real container (docker), and not on the host.

Uses a dockerd that already runs; else starts one for itself and ends it. The image is made from the host's own programs
and their libraries. Containers and image are removed again; /var/lib/docker is the standard place because the agent
reads there what docker wrote about a container.
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

IMAGE = "tiercel-test"
TAG = "seed"
DATA_ROOT = "/var/lib/docker"
RUN_ROOT = "/run/docker"
PROGRAMS = ["/bin/bash", "/bin/sleep", "/bin/mount", "/bin/cp", "/bin/true"]
BEHAVIOUR = """
cp /bin/sleep /tmp/xmrig
/tmp/xmrig 0.2
mount -t tmpfs none /host
bash -i -c true </dev/null
"""
RULES = ["Cryptomining Process", "Container Escape via Mount", "Reverse Shell"]


def libraries_of(program):
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(?:=> )?(/\S+) \(0x", found)


def image_archive():
    """A tar of the programs, their libraries and the folders that they expect."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in (("tmp", 0o1777), ("host", 0o755), ("proc", 0o755), ("dev", 0o755), ("etc", 0o755)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        for name, text in (("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"), ("behaviour", BEHAVIOUR)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        for path in sorted({p for program in PROGRAMS for p in [program] + libraries_of(program)}):
            with open(path, "rb") as file:
                content = file.read()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


class Docker:
    """A docker daemon: the one that runs, or one of ours."""

    def __init__(self, folder):
        self.daemon, self.host = None, None
        self.ours = [path for path in (DATA_ROOT, RUN_ROOT) if not os.path.exists(path)]
        if shutil.which("docker") is None:
            support.skip_or_fail("docker is not installed (package docker.io)")
        if self.call("version", check=False).returncode == 0:
            support.say("docker: the daemon that runs here already")
            return
        dockerd = shutil.which("dockerd") or "/usr/sbin/dockerd"
        if not os.path.exists(dockerd):
            support.skip_or_fail("dockerd is not installed (package docker.io)")
        self.host = "unix://" + os.path.join(folder.path, "docker.sock")
        self.daemon = support.Child([dockerd, "--iptables=false", "--bridge=none", "--data-root", DATA_ROOT, "--pidfile",
                                     os.path.join(folder.path, "dockerd.pid"), "-H", self.host])
        support.wait_until(self._answers, "dockerd", 60, 0.1)
        support.say(f"docker: our own daemon, pid {self.daemon.pid}")

    def _answers(self):
        if not self.daemon.alive():
            raise support.Failure(f"dockerd ended:\n{self.daemon.stderr()[-3000:]}")
        return self.call("version", check=False).returncode == 0

    def call(self, *args, data=None, check=True):
        argv = ["docker"] + (["-H", self.host] if self.host else []) + list(args)
        done = subprocess.run(argv, input=data, capture_output=True, timeout=120)
        if check and done.returncode != 0:
            raise support.Failure(f"{' '.join(argv)}: {done.returncode} {done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def stop(self):
        if self.daemon is None:
            return
        try:
            self.daemon.signal(15)
            self.daemon.wait(30)
        finally:
            self.daemon.kill()
        for path in self.ours:
            shutil.rmtree(path, ignore_errors=True)


def run_in_container(docker, name):
    """Returns id and exit status."""
    ident = docker.call("create", "--network", "none", "--name", name, f"{IMAGE}:{TAG}", "/bin/bash",
                        "/behaviour").stdout.decode().strip()
    try:
        docker.call("start", ident)
        docker.call("wait", ident)
        said = docker.call("logs", ident, check=False)
        return ident, (said.stdout + said.stderr).decode(errors="replace")
    finally:
        docker.call("rm", "-f", ident, check=False)


def run_on_host(folder):
    """The same behaviour, with nothing mounted over anything."""
    shutil.copy("/bin/sleep", os.path.join(folder.path, "xmrig"))
    subprocess.run([os.path.join(folder.path, "xmrig"), "0.1"], check=True)
    subprocess.run(["mount", "-t", "no_such_type", "none", "/host"], capture_output=True, check=False)
    subprocess.run(["bash", "-i", "-c", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                   start_new_session=True)


def judge(checks, alerts, containers):
    rows = []
    for rule in RULES:
        mine = [alert for alert in alerts if alert["rule"] == rule]
        for ident, name in containers:
            hits = [alert for alert in mine if alert["output_fields"].get("container.id") == ident[:12]]
            if not checks.equal(len(hits), 1, f"alerts of '{rule}' in container {name}"):
                continue
            for alert in hits:
                fields = alert["output_fields"]
                checks.equal(fields.get("container.name"), name, f"{rule}: container.name")
                checks.equal(fields.get("container.image.repository"), IMAGE, f"{rule}: container.image.repository")
                checks.equal(fields.get("container.image.tag"), TAG, f"{rule}: container.image.tag")
                checks.equal(fields.get("user.name"), "root", f"{rule}: user.name")
                checks.check(f"container={name}" in alert["output"], f"{rule}: the output names the container: {alert['output']}")
        known = {ident[:12] for ident, _ in containers}
        for alert in mine:
            checks.check(alert["output_fields"].get("container.id") in known,
                         f"'{rule}' fired outside of the containers: {alert['output']}")
        rows.append([rule, len(mine), mine[0]["priority"] if mine else "-", repr(mine[0]["output_fields"].get("proc.cmdline")) if mine else "-"])
    priorities = {row[0]: row[2] for row in rows}
    checks.equal(priorities, {"Cryptomining Process": "Error", "Container Escape via Mount": "Critical", "Reverse Shell": "Critical"},
                 "priorities (HIGH stands for Error)")
    support.say(support.table(["rule", "alerts", "priority", "command"], rows))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--rules", nargs="*", default=[os.path.join(here, "..", "..", "rules", "base.yaml"),
                                                       os.path.join(here, "..", "data", "seed_rules.yaml")])
    parser.add_argument("--containers", type=int, default=50 if support.soak() else 2)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("seed") as folder:
        docker = Docker(folder)
        try:
            docker.call("import", "-", f"{IMAGE}:{TAG}", data=image_archive())
            with support.Agent(options.tiercel, [os.path.normpath(path) for path in options.rules]) as agent:
                support.say(f"the agent is ready after {agent.ready_s:.2f} s")
                run_on_host(folder)
                containers = []
                for number in range(options.containers):
                    name = f"tiercel-test-{os.getpid()}-{number}"
                    ident, said = run_in_container(docker, name)
                    containers.append((ident, name))
                    support.say(f"  container {name} {ident[:12]}")
                    if number == 0:
                        support.say("    said: " + " / ".join(said.strip().splitlines()))
                wanted = len(RULES) * options.containers
                try:
                    agent.wait_alerts(lambda alerts: len(alerts) >= wanted, "the alerts of the containers", 5)
                except support.Failure:
                    pass  # said below, rule by rule
                summary = agent.stop()
                alerts = agent.alerts()
                action = [line for line in agent.child.errors if "Kill Cryptominer" in line or "action" in line]
        finally:
            docker.call("rmi", "-f", f"{IMAGE}:{TAG}", check=False)
            docker.stop()
    judge(checks, alerts, containers)
    checks.check(action, "the seed's response rule (action:) is set aside with a warning")
    checks.equal(summary["lost"], 0, "lost")
    return checks.finish("seed rules in containers")


if __name__ == "__main__":
    support.main(main, "kernel_seed_container")
