"""A docker daemon of the test's own, in the standard places. Use it inside of places.Places.

Docker's own containerd comes with it. The daemon is ended by its pid; containers that a test leaves are removed first.
"""

import json
import os
import shutil
import signal
import subprocess

import images
import places
import tiercel as support

HERE = os.path.dirname(os.path.abspath(__file__))
TRIMMED = "tiercel-test-trimmed"  # a runtime that can start privileged containers here: oci_runtime.py
CALL_S = 120


class Docker:
    def __init__(self, folder):
        self.daemon = None
        if shutil.which("docker") is None:
            support.skip_or_fail("docker is not installed (package docker.io)")
        dockerd = shutil.which("dockerd") or "/usr/sbin/dockerd"
        if not os.path.exists(dockerd):
            support.skip_or_fail("dockerd is not installed (package docker.io)")
        if os.path.exists("/run/docker.sock"):
            raise support.Failure("a docker daemon is here already: this is not a place of the test's own")
        self._cgroups = places.CgroupFolders("docker")
        runtime = os.path.join(folder.path, TRIMMED)
        shutil.copy(os.path.join(HERE, "oci_runtime.py"), runtime)
        os.chmod(runtime, 0o755)
        # a configuration of its own: the host's daemon.json is not ours
        self.daemon = support.Child([dockerd, "--config-file", folder.file("docker.json", "{}"), "--iptables=false", "--bridge=none",
                                     "--exec-opt", "native.cgroupdriver=cgroupfs", "--add-runtime", f"{TRIMMED}={runtime}"])
        try:
            support.wait_until(self._answers, "dockerd", 60, 0.05)
        except BaseException:
            self.stop()
            raise

    def _answers(self):
        if not self.daemon.alive():
            raise support.Failure(f"dockerd ended:\n{self.daemon.stderr()[-3000:]}")
        return self.call("version", check=False).returncode == 0

    def call(self, *args, data=None, check=True):
        argv = ["docker", "-H", "unix:///run/docker.sock"] + list(args)
        done = subprocess.run(argv, input=data, capture_output=True, timeout=CALL_S, check=False)
        if check and done.returncode != 0:
            raise support.Failure(f"{' '.join(argv)}: {done.returncode} {done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def text(self, *args):
        return self.call(*args).stdout.decode().strip()

    def load(self, reference, content, labels=None):
        """An image from a layer (images.layer)."""
        self.call("load", data=images.archive(reference, content, labels))

    def inspect(self, ident):
        return json.loads(self.text("inspect", ident))[0]

    def signal(self, number):
        """To the daemon and the containerd below it."""
        self.daemon.signal(number)
        with open("/run/docker/containerd/containerd.pid", encoding="ascii") as file:
            os.kill(int(file.read()), number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def remove_containers(self):
        left = self.text("ps", "-aq").split()
        if left:
            self.call("rm", "-f", *left, check=False)

    def stop(self):
        if self.daemon is None:
            return
        try:
            if self.daemon.alive():
                self.resume()
                self.remove_containers()
                self.daemon.signal(signal.SIGTERM)
                self.daemon.wait(30)
        finally:
            self.daemon.kill()
            self._cgroups.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
