"""A containerd of the test's own with its standard state folder and socket, and `ctr`. Use it inside of places.Places."""

import os
import shutil
import signal
import subprocess

import images
import places
import tiercel as support

STATE = "/run/containerd"
ADDRESS = STATE + "/containerd.sock"
TASKS = STATE + "/io.containerd.runtime.v2.task"
NAMESPACE = "tiercel-test"
CONFIG = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
CALL_S = 120


class Containerd:
    def __init__(self, folder):
        self.daemon = None
        self._program = shutil.which("containerd") or "/usr/sbin/containerd"
        if shutil.which("ctr") is None or not os.path.exists(self._program):
            support.skip_or_fail("containerd is not installed (package containerd)")
        if os.path.exists(ADDRESS):
            raise support.Failure("a containerd is here already: this is not a place of the test's own")
        self._cgroups = places.CgroupFolders(NAMESPACE)
        self._config = folder.file("containerd.toml", CONFIG)
        self._folder = folder
        self.runtime = os.path.join(folder.path, "trimmed-runc")
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "oci_runtime.py"), self.runtime)
        os.chmod(self.runtime, 0o755)
        self.start()

    def start(self):
        self.daemon = support.Child([self._program, "--config", self._config, "--root", "/var/lib/containerd", "--state", STATE,
                                     "--address", ADDRESS])
        try:
            support.wait_until(self._answers, "containerd", 60, 0.05)
        except BaseException:
            self.daemon.kill()
            raise

    def _answers(self):
        if not self.daemon.alive():
            raise support.Failure(f"containerd ended:\n{self.daemon.stderr()[-3000:]}")
        return self.ctr("version", check=False).returncode == 0

    def ctr(self, *args, check=True):
        argv = ["ctr", "--address", ADDRESS, "--namespace", NAMESPACE] + list(args)
        done = subprocess.run(argv, capture_output=True, timeout=CALL_S, check=False)
        if check and done.returncode != 0:
            raise support.Failure(f"{' '.join(argv)}: {done.returncode} {done.stderr.decode(errors='replace')[-2000:]}")
        return done

    def load(self, reference, content, labels=None, user=""):
        path = os.path.join(self._folder.path, "image.tar")
        with open(path, "wb") as file:
            file.write(images.archive(reference, content, labels, user))
        self.ctr("image", "import", path)
        os.unlink(path)

    def bundle(self, ident):
        return os.path.join(TASKS, NAMESPACE, ident)

    def remove(self, ident):
        """A running container: killed, waited for, deleted."""
        self.ctr("task", "kill", "--signal", "SIGKILL", ident, check=False)
        support.wait_until(lambda: self.ctr("task", "delete", ident, check=False).returncode == 0 or
                           not os.path.exists(self.bundle(ident)), f"the task of {ident} to end", 30, 0.1)
        self.ctr("container", "delete", ident, check=False)

    def pause(self):
        self.daemon.signal(signal.SIGSTOP)

    def resume(self):
        self.daemon.signal(signal.SIGCONT)

    def kill(self):
        """Its containers go on: they hang on their shims."""
        self.daemon.kill()
        if os.path.exists(ADDRESS):
            os.unlink(ADDRESS)

    def stop(self):
        if self.daemon is None:
            return
        try:
            self.resume()
            if not self.daemon.alive():
                self.start()
            for ident in self.ctr("container", "list", "-q").stdout.decode().split():
                self.remove(ident)
            self.daemon.signal(signal.SIGTERM)
            self.daemon.wait(30)
        finally:
            self.daemon.kill()
            self._cgroups.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
