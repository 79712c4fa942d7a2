"""Where scenarios run: containers of a Docker daemon of our own, and rooms that look like the host. Both share a network
namespace in which the far sides of attacks (servers.py) are local addresses."""

import os
import shutil
import signal
import subprocess

import docker as docker_support
import image
import images
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGE = "shop/web:1.4"
SCRIPT_S = 12


class Network:
    """A network namespace with servers.py in it. `holder`: a pid whose namespace it is, or None for a new one."""

    def __init__(self, holder=None):
        into = ["nsenter", f"--net=/proc/{holder}/ns/net"] if holder else ["unshare", "--net", "--kill-child", "--fork"]
        self.child = support.Child(into + ["python3", os.path.join(HERE, "servers.py")], stdin=subprocess.PIPE)

        def ready():
            if not self.child.alive():
                raise support.Failure(f"servers.py ended: {self.child.stderr()}")
            return b"ready" in self.child.lines

        support.wait_until(ready, "the far sides of attacks", 20)
        self.pid = self._server_pid() if not holder else holder

    def _server_pid(self):
        with open(f"/proc/{self.child.pid}/task/{self.child.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        return int(children[0]) if children else self.child.pid

    def stop(self):
        self.child.process.stdin.close()
        self.child.wait(10)


class HostRooms:
    def __init__(self, folder, files, network):
        self.folder, self.files, self.network = folder, files, network

    def run(self, scenario):
        """Returns (container id or None, what it said)."""
        room = self.folder.folder("room")
        argv = ["nsenter", f"--net=/proc/{self.network.pid}/ns/net", "unshare", "-m", "-p", "-f", "-u", "-i", "--kill-child", "sh",
                os.path.join(HERE, "host_room.sh"), room, self.files, scenario.user, scenario.ident]
        with open(os.devnull, "rb") as nothing, subprocess.Popen(argv, stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                                                 start_new_session=True, cwd="/") as child:
            try:
                said, _ = child.communicate(timeout=SCRIPT_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                said, _ = child.communicate()
        return None, said.decode(errors="replace")


class Containers:
    """`network_of`: the container whose network namespace all share."""

    def __init__(self, docker, folder, scripts, programs):
        self.docker, self.folder = docker, folder
        docker.load(IMAGE, [image.root_layer(), image.attack_layer(scripts, programs)])
        self.network_of = docker.text("run", "-d", "--network", "none", "--name", "net", IMAGE, "/bin/sleep", "infinity")
        self.network_pid = int(docker.text("inspect", "-f", "{{.State.Pid}}", "net"))
        self._tags = {IMAGE}

    def _options(self, scenario):
        needs, options = scenario.needs, []
        for cap in needs.get("caps", []):
            options += ["--cap-add", cap]
        if needs.get("privileged"):
            options += ["--privileged", "--runtime", docker_support.TRIMMED]
        if needs.get("host_pid"):
            options += ["--pid", "host"]
        for option in needs.get("security", []):
            options += ["--security-opt", option]
        for device in needs.get("devices", []):
            options += ["--device", device]
        for mount in needs.get("mounts", []):
            if mount.startswith("volume:"):
                mount = self.folder.folder(f"volume-{scenario.ident}") + mount[len("volume"):]
            options += ["-v", mount]
        if scenario.user != "root":
            options += ["--user", scenario.user]
        return options

    def _image(self, scenario):
        wanted = scenario.needs.get("image", IMAGE)
        if wanted not in self._tags:
            self.docker.call("tag", IMAGE, wanted)
            self._tags.add(wanted)
        return wanted

    def run(self, scenario):
        """Returns (container id, what it said)."""
        ident = self.docker.text("create", "--network", "container:net", "--name", scenario.ident, "-e", f"TIERCEL_ATTACK={scenario.ident}",
                                 *self._options(scenario), self._image(scenario), "/bin/bash", f"/attack/{scenario.ident}")
        try:
            started = self.docker.call("start", ident, check=False)
            if started.returncode != 0:
                return ident, "NOT STARTED: " + started.stderr.decode(errors="replace")
            try:
                support.wait_until(lambda: self.docker.text("inspect", "-f", "{{.State.Running}}", ident) == "false", "the end", SCRIPT_S, 0.05)
            except support.Failure:
                self.docker.call("kill", ident, check=False)
            said = self.docker.call("logs", ident, check=False)
            return ident, (said.stdout + said.stderr).decode(errors="replace")
        finally:
            self.docker.call("rm", "-f", ident, check=False)


def compile_programs(source, target):
    """tests/attacks/programs/*.c as static programs in `target`; returns {name: path}."""
    found = {}
    for name in sorted(os.listdir(source)):
        if name.endswith(".c"):
            path = os.path.join(target, name[:-2])
            done = subprocess.run(["cc", "-O1", "-std=gnu11", "-static", "-pthread", "-o", path, os.path.join(source, name)], capture_output=True,
                                  text=True, check=False)
            if done.returncode != 0:
                raise support.Failure(f"{name}:\n{done.stderr}")
            found[name[:-2]] = path
    return found


def attack_folder(folder, scripts, programs):
    """What is /attack in a host room, as a folder."""
    path = folder.folder("attack")
    os.makedirs(os.path.join(path, "bin"), exist_ok=True)
    for name, text in scripts.items():
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write(text)
    for name, source in programs.items():
        shutil.copy(source, os.path.join(path, "bin", name))
    return path
