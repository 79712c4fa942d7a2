"""A virtual machine as a place for scenarios and honest work: Debian's own kernel and a real systemd, for what containers and
rooms cannot show: module calls, units, udev, timers, a boot. The agent runs in it as a service with all rules, from before udev.

One boot for all. QEMU with KVM where that works, else it emulates the processor (TCG: some ten times slower). No network card;
two virtio ports lead out: requests (machine_guest.py answers them) and alerts. The disk's changes are thrown away."""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import image
import images
import machine_image
import marks
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
QEMU = "qemu-system-x86_64"
IMAGE = "shop/small:1"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_S, CALL_S, KVM_S = 240, 120, 30
SLOWER = {"kvm": 1, "tcg": 6}  # what a script's time limit is multiplied with
AGENT_UNIT = """[Unit]
Description=Tiercel
DefaultDependencies=no
IgnoreOnIsolate=yes
Wants=sys-kernel-tracing.mount
After=sys-kernel-tracing.mount
Before=systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service systemd-sysctl.service systemd-sysusers.service

[Service]
ExecStart=/usr/bin/tiercel run --config /opt/tiercel/tiercel.yaml --run-dir /run/tiercel --state-dir /var/lib/tiercel --no-manager --json{rules}
StateDirectory=tiercel
StandardOutput=append:/run/tiercel-alerts
StandardError=append:/run/tiercel-said

[Install]
WantedBy=sysinit.target
"""
GUEST_UNIT = """[Unit]
Description=Does what the test asks for
DefaultDependencies=no
IgnoreOnIsolate=yes
After=basic.target

[Service]
ExecStart=/opt/tiercel/guest

[Install]
WantedBy=multi-user.target
"""
SERVERS_UNIT = """[Unit]
Description=The far sides of attacks

[Service]
ExecStart=/bin/sh -c 'sleep infinity | exec /opt/tiercel/servers'
"""


def require():
    if shutil.which(QEMU) is None:
        raise support.Failure(f"{QEMU} is not installed: packaging/install-dependencies.sh test attacks (or leave out what is `where: machine`)")


class Machine:
    """`rules`: files and folders. `scripts`: {name: text}, `programs`: {name: path}, as in the other places."""

    def __init__(self, tiercel, rules, config, folder, scripts, programs):
        self.folder = folder.folder("machine")
        self.lines, self.child, self._sockets = [], None, []
        self._answers, self._docker = [], False
        version, kernel_folder, self._kernel, self._disk = machine_image.prepare()
        self._initrd = os.path.join(self.folder, "initrd")
        machine_image.first_root(self._initrd, version, kernel_folder, self._brought(tiercel, rules, config, scripts, programs))
        begun = time.monotonic()
        self._start()
        support.say(f"  the machine (Linux {version}, {self.how}) is up after {time.monotonic() - begun:.1f} s; its agent watches")

    # ---- what it is given ----

    def _brought(self, tiercel, rules, config, scripts, programs):
        brought = {"usr/bin/tiercel": (None, tiercel, 0o755), "opt/tiercel/tiercel.yaml": (config.encode(), None, 0o644),
                   "opt/tiercel/guest": (None, os.path.join(HERE, "machine_guest.py"), 0o755),
                   "opt/tiercel/servers": (None, os.path.join(HERE, "servers.py"), 0o755)}
        for path in machine_image.libraries([tiercel]):
            brought[machine_image.placed(path)] = (None, path, 0o755)
        given = []
        for number, path in enumerate(rules):
            names = sorted(name for name in os.listdir(path) if name.endswith(".yaml")) if os.path.isdir(path) else [None]
            given.append(f"/opt/tiercel/rules{number}" + ("" if names != [None] else ".yaml"))
            for name in names:
                brought[given[-1].lstrip("/") + (f"/{name}" if name else "")] = (None, os.path.join(path, name) if name else path, 0o644)
        units = {"tiercel": AGENT_UNIT.replace("{rules}", "".join(f" --rules {path}" for path in given)), "lab": GUEST_UNIT, "far-sides": SERVERS_UNIT}
        for name, text in units.items():
            brought[f"etc/systemd/system/{name}.service"] = (text.encode(), None, 0o644)
        brought["etc/systemd/system/sysinit.target.wants/tiercel.service"] = (b"/etc/systemd/system/tiercel.service", None, None)
        for name in ("lab", "far-sides"):
            brought[f"etc/systemd/system/multi-user.target.wants/{name}.service"] = (f"/etc/systemd/system/{name}.service".encode(), None, None)
        for name, text in scripts.items():
            brought[f"attack/{name}"] = (text.encode(), None, 0o755)
        for name, path in programs.items():
            brought[f"attack/bin/{name}"] = (None, path, 0o755)
        own = {"bin/busybox": "/bin/busybox"}
        layer = images.layer(["/usr/bin/kmod", "/usr/bin/cat", "/usr/bin/cp", "/usr/bin/ls", "/usr/bin/uname"], own=own)
        brought["etc/docker/daemon.json"] = (b'{"iptables": false, "bridge": "none"}\n', None, 0o644)
        brought["opt/tiercel/image.tar"] = (images.archive(IMAGE, [layer, image.attack_layer(scripts, programs)]), None, 0o644)
        return brought

    # ---- start and stop ----

    def _start(self):
        why = "no /dev/kvm"
        if os.access("/dev/kvm", os.R_OK | os.W_OK):
            try:
                return self._boot("kvm", "host", KVM_S)
            except support.Failure as failure:
                why = str(failure).splitlines()[0][:120]
        support.say(f"  no KVM here ({why}): QEMU emulates the processor")
        return self._boot("tcg", "max", BOOT_S)

    def _boot(self, accelerator, processor, limit_s):
        self.how, self._sockets, ports = accelerator, [], []
        for number, name in enumerate(("control", "alerts")):
            path = os.path.join(self.folder, f"{accelerator}-{name}")
            ports += ["-chardev", f"socket,id=c{number},path={path},server=on,wait=off",
                      "-device", f"virtserialport,chardev=c{number},name=tiercel.{name}"]
        argv = ["setpriv", "--pdeathsig", "KILL", QEMU, "-M", "q35", "-accel", accelerator, "-cpu", processor, "-m", "2048", "-smp", "2", "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", self._kernel, "-initrd", self._initrd,
                "-append", "console=ttyS0 quiet panic=-1 systemd.show_status=0 apparmor=0", "-drive", f"file={self._disk},if=none,format=raw,id=disk,snapshot=on",
                "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-serial-pci", *ports]
        self.child = support.Child(argv, env={**os.environ, "TMPDIR": self.folder})
        try:
            self._control = self._connect(f"{accelerator}-control")
            alerts = self._connect(f"{accelerator}-alerts")
            threading.Thread(target=self._read, args=(alerts, self.lines.append), daemon=True).start()
            threading.Thread(target=self._read, args=(self._control, self._answers.append), daemon=True).start()
            hello = self._answer(limit_s)
            if not hello["ready"]:
                raise support.Failure(f"the agent in the machine ended: {hello['said'][-2000:]}")
        except BaseException:
            self.kill()
            raise

    def _connect(self, name):
        path = os.path.join(self.folder, name)
        support.wait_until(lambda: os.path.exists(path) or not self.child.alive(), "QEMU's sockets", 10)
        self._check()
        one = socket.socket(socket.AF_UNIX)
        support.wait_until(lambda: one.connect_ex(path) == 0 or self._check(), "QEMU's sockets listen", 10)  # there before it listens
        self._sockets.append(one)
        return one

    def _check(self):
        if not self.child.alive() or "KVM internal error" in self.child.stderr():
            raise support.Failure((self.child.stderr() or "QEMU ended").strip().splitlines()[-1])

    @staticmethod
    def _read(one, take):
        pending = b""
        while True:
            try:
                piece = one.recv(1 << 16)
            except OSError:
                return
            if not piece:
                return
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                take(line)

    def _answer(self, limit_s):
        def there():
            if not self._answers:
                self._check()
            return self._answers

        try:
            support.wait_until(there, "the machine's answer", limit_s, 0.01)
        except support.Failure as failure:
            console = b" / ".join(self.child.lines[-15:]).decode(errors="replace")
            raise support.Failure(f"{failure}; its console: {console[-1500:]}") from None
        return json.loads(self._answers.pop(0))

    def kill(self):
        if self.child:
            self.child.kill()
        for one in self._sockets:
            one.close()

    def stop(self):
        """The agent's summary, as Agent.stop gives it."""
        try:
            self.call("systemctl", "stop", "tiercel.service")
            _, said = self.call("cat", "/run/tiercel-said")
        finally:
            self.kill()
        found = {name: int(value) for name, value in re.findall(r"^(events seen|alerts|lost)\s+(\d+)", said, re.M)}
        if "lost" not in found:
            raise support.Failure(f"the agent in the machine gives no summary: {said[-2000:]}")
        return found

    # ---- what is done in it ----

    def call(self, *argv, limit_s=CALL_S):
        """(status or None, what it said)"""
        self._control.sendall(json.dumps({"argv": argv, "limit_s": limit_s}).encode() + b"\n")
        done = self._answer(limit_s + 30)
        return done["status"], done["said"]

    def mark(self, mark):
        self.call(*marks.command(mark))

    def said(self):
        return self.call("cat", "/run/tiercel-said")[1]

    def run(self, scenario, limit_s):
        """Returns (None, what it said). A service of systemd's, or a container of the machine's Docker."""
        limit_s *= SLOWER[self.how]
        if scenario.needs.get("container"):
            return None, self._run_container(scenario, limit_s)
        home = "/root" if scenario.user == "root" else f"/home/{scenario.user}"
        _, said = self.call("systemd-run", "--quiet", "--wait", "--collect", "--pipe", "-p", f"RuntimeMaxSec={limit_s}", "-p", f"User={scenario.user}",
                            "-E", f"TIERCEL_ATTACK={scenario.ident}", "-E", f"HOME={home}", "-E", f"PATH={PATH}", "/bin/bash", f"/attack/{scenario.ident}",
                            limit_s=limit_s + 20)
        return None, said

    def _run_container(self, scenario, limit_s):
        if not self._docker:
            for argv in (["systemctl", "start", "docker.service"], ["docker", "load", "-i", "/opt/tiercel/image.tar"]):
                status, said = self.call(*argv)
                if status != 0:
                    raise support.Failure(f"{' '.join(argv)} in the machine: {said[-1500:]}")
            self._docker = True
        options = []
        for key, option in (("caps", "--cap-add"), ("security", "--security-opt"), ("mounts", "-v"), ("devices", "--device")):
            for value in scenario.needs.get(key, []):
                options += [option, value]
        if scenario.needs.get("privileged"):
            options.append("--privileged")
        if scenario.needs.get("host_pid"):
            options += ["--pid", "host"]
        if scenario.user != "root":
            options += ["--user", scenario.user]
        _, said = self.call("timeout", str(limit_s), "docker", "run", "--rm", "--network", "none", "--name", scenario.ident, "-e",
                            f"TIERCEL_ATTACK={scenario.ident}", *options, IMAGE, "/bin/bash", f"/attack/{scenario.ident}", limit_s=limit_s + 20)
        self.call("docker", "rm", "-f", scenario.ident)
        return said
