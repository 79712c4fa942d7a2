"""Drives a built tiercel for tests: the agent and the dev-manager as child processes, with folders of their own.

Everything that is started here is ended here, by its pid. Nothing here decides whether a time was good enough: times
are reported; only a wait that would never end fails (WAIT_S).
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SLOWER = float(os.environ.get("TIERCEL_TEST_SLOWER", "1"))  # than a real processor: in an emulator
WAIT_S = 30.0 * SLOWER
STOP_LIMIT_S = 10.0 * SLOWER  # a stop is promised within 2 s: what it took is reported, and fails only beyond this
SKIPPED = 77


class Failure(Exception):
    """The program under test did not do what it must."""


def say(text):
    print(text, flush=True)


def skip_or_fail(reason):
    """What a test cannot do without: a skip on a developer's machine, a failure in CI."""
    if os.environ.get("CI"):
        say(f"FAILED: {reason} (a skip is a failure in CI)")
        sys.exit(1)
    say(f"skipped: {reason}")
    sys.exit(SKIPPED)


def require_kernel_tests():
    if os.geteuid() != 0:
        skip_or_fail("kernel tests need root")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        skip_or_fail("this kernel has no BTF (/sys/kernel/btf/vmlinux)")


class Checks:
    """Collects what is wrong, prints it all, and gives the exit status."""

    def __init__(self):
        self.bad = []
        self.good = 0

    def check(self, condition, text):
        if condition:
            self.good += 1
        else:
            self.bad.append(text)
            say(f"  WRONG: {text}")
        return bool(condition)

    def equal(self, got, wanted, what):
        return self.check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")

    def finish(self, name):
        say(f"{name}: {self.good} checks good, {len(self.bad)} wrong")
        for text in self.bad:
            say(f"  - {text}")
        return 1 if self.bad else 0


def table(head, rows):
    """A Markdown table, columns aligned."""
    cells = [[str(c) for c in row] for row in [head] + rows]
    width = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, width)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
    return "\n".join(lines)


class Folder:
    """A temporary folder that goes away; readable by all, since some tests change their user."""

    def __init__(self, name="test"):
        self.path = tempfile.mkdtemp(prefix=f"tiercel-{name}-")
        os.chmod(self.path, 0o755)

    def file(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def folder(self, name):
        path = os.path.join(self.path, name)
        if not os.path.isdir(path):
            os.makedirs(path)
            os.chmod(path, 0o755)
        return path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def wait_until(condition, what, timeout_s=WAIT_S, step_s=0.02):
    deadline = time.monotonic() + timeout_s
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(step_s)


def cpu_s_of(pid):
    """User and system time of a process so far, by its CPU clock (include/linux/posix-timers.h: ~pid << 3 | 2)."""
    return time.clock_gettime(~pid << 3 | 2)


def soak():
    """`make soak` asks for the long form of each test."""
    return bool(os.environ.get("TIERCEL_SOAK"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Child:
    """A child process whose two streams are read by threads, so that it never waits for us."""

    def __init__(self, argv, keep_stdout=True, on_line=None, env=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        self.argv = argv
        self.started = time.monotonic()
        self.ended = None
        self.lines = []  # of standard output, as bytes
        self.errors = []  # of standard error, as text
        self._on_line = on_line
        self._keep = keep_stdout
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=env)
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_err, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_out(self):
        for line in self.process.stdout or ():  # None: the test reads it itself
            line = line.rstrip(b"\n")
            if self._keep:
                self.lines.append(line)
            if self._on_line:
                self._on_line(line)
        self.ended = time.monotonic()  # or has closed its output

    def _read_err(self):
        for line in self.process.stderr:
            self.errors.append(line.decode("utf-8", "replace").rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return "\n".join(self.errors)

    def alive(self):
        return self.process.poll() is None

    def wait_stderr(self, pattern, what, timeout_s=WAIT_S):
        def found():
            for line in list(self.errors):
                match = re.search(pattern, line)
                if match:
                    return match
            if not self.alive():
                raise Failure(f"{self.argv[0]} ended with status {self.process.returncode} before {what}:\n{self.stderr()}")
            return None

        return wait_until(found, f"{what} of {' '.join(self.argv[:3])}; it said:\n{self.stderr()}", timeout_s)

    def wait(self, timeout_s=WAIT_S):
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{' '.join(self.argv[:3])} did not end within {timeout_s:.0f} s") from None
        for thread in self._threads:
            thread.join(WAIT_S)
        return self.process.returncode

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def kill(self):
        """kill -9, and reaped."""
        if self.alive():
            self.process.kill()
        self.process.wait(WAIT_S)
        for thread in self._threads:
            thread.join(WAIT_S)

    def stop(self):
        """SIGTERM; returns the seconds until it ended."""
        if not self.alive():
            return 0.0
        begun = time.monotonic()
        self.process.terminate()
        self.wait(STOP_LIMIT_S)
        return time.monotonic() - begun


CONFIG = "outputs:\n  - type: stdout\n"


def names_of_processes():
    names = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                names.add(file.read().strip())
        except OSError:
            pass  # it ended
    return names


def wait_detached():
    """Until the children that an agent leaves behind have closed its hooks: what comes next shall not pay for them."""
    wait_until(lambda: "tiercel-detach" not in names_of_processes(), "hooks of an agent that ended to be taken away", 60 * SLOWER, 0.05)


class Agent:
    """`tiercel run` in the foreground. Use as a context: it is stopped at the end, and killed if that fails."""

    def __init__(self, tiercel, rules, config=CONFIG, manager=False, json_lines=True, folder=None, extra=(), wait=True,
                 keep_stdout=True, on_alert=None, stdout=subprocess.PIPE, env=None, record_to=None):
        self.tiercel = tiercel
        self._own = folder is None
        self.folder = folder or Folder("agent")
        self.run_dir = self.folder.folder("run")
        self.state_dir = self.folder.folder("state")
        self._on_alert = on_alert
        argv = [tiercel] + (["record", record_to] if record_to else ["run"]) + ["--config", self.folder.file("tiercel.yaml", config), "--run-dir", self.run_dir,
                "--state-dir", self.state_dir]
        if not manager and not record_to:
            argv.append("--no-manager")
        if json_lines:
            argv.append("--json")
        for path in [rules] if isinstance(rules, str) else rules:
            argv += ["--rules", path]
        self.ready_s = None
        self.stop_s = None
        self.child = Child(argv + list(extra), keep_stdout=keep_stdout, on_line=self._line if on_alert else None, stdout=stdout,
                           env=env)
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.child.kill()
                self._clean()
                raise

    def _line(self, line):
        if line.startswith(b"{"):
            self._on_alert(json.loads(line))

    def wait_ready(self):
        self.child.wait_stderr(r"is watching", "it said that it is watching")
        self.ready_s = time.monotonic() - self.child.started
        return self

    @property
    def pid(self):
        return self.child.pid

    def alerts(self):
        """Alerts so far. A line that is no JSON object fails the test."""
        return [json.loads(line) for line in list(self.child.lines)]

    def wait_alerts(self, condition, what, timeout_s=WAIT_S):
        """Until condition(alerts) is true; returns them."""
        seen = []

        def enough():
            for line in self.child.lines[len(seen):]:
                seen.append(json.loads(line))
            return condition(seen)

        try:
            wait_until(enough, what, timeout_s, 0.05)
        except Failure as failure:
            raise Failure(f"{failure}; {len(seen)} alerts came. The agent said:\n{self.child.stderr()[-2000:]}") from None
        return seen

    def status(self):
        got = subprocess.run([self.tiercel, "status", "--json", "--run-dir", self.run_dir], capture_output=True, timeout=WAIT_S)
        if got.returncode not in (0, 1):  # 1: it says that something is wrong, which may be what the test is about
            raise Failure(f"tiercel status: {got.returncode} {got.stderr.decode()}")
        return json.loads(got.stdout)

    def rss_anon_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise Failure("no RssAnon in /proc")

    def cpu_s(self):
        return cpu_s_of(self.pid)

    def stop(self):
        """Returns the summary: {"events seen": n, "alerts": n, "lost": n}."""
        if self.stop_s is None:
            self.stop_s = self.child.stop()
            wait_detached()
        if self.child.process.returncode != 0:
            raise Failure(f"the agent ended with status {self.child.process.returncode}:\n{self.child.stderr()[-4000:]}")
        return self.summary()

    def summary(self):
        found = {}
        for line in self.child.errors:
            match = re.match(r"(events seen|alerts|lost|sent to manager)\s+(\d+)", line)
            if match:
                found[match.group(1)] = int(match.group(2))
        for name in ("events seen", "alerts", "lost"):
            if name not in found:
                raise Failure(f"the summary does not say '{name}':\n{self.child.stderr()[-2000:]}")
        return found

    def _clean(self):
        if self._own:
            self.folder.__exit__()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.child.alive():
                self.stop()
            elif self.child.alive():
                self.child.kill()
        finally:
            self.child.kill()
            self._clean()


class DevManager:
    """`tiercel dev-manager --json` on loopback. May be killed and started again on the same ports and folder."""

    def __init__(self, tiercel, folder, extra=(), on_line=None, stdout=subprocess.PIPE):
        self.tiercel = tiercel
        self.dir = folder.folder("manager")
        self.port, self.enrol_port = free_port(), free_port()
        self.lines = []  # bytes, over all starts, unless on_line takes them
        self.starts = 0
        self._on_line = on_line or self.lines.append
        self._extra = list(extra)
        self._stdout = stdout
        self.child = None
        self.start()

    def start(self):
        self.starts += 1  # the lines of the one before have all been taken
        self.child = Child(
            [self.tiercel, "dev-manager", "--dir", self.dir, "--port", str(self.port), "--enrol-port", str(self.enrol_port),
             "--json"] + self._extra,
            keep_stdout=False, on_line=self._on_line, stdin=subprocess.PIPE, stdout=self._stdout)
        wait_until(self._listens, "the dev-manager's ports")

    def _listens(self):
        if not self.child.alive():
            raise Failure(f"the dev-manager ended with status {self.child.process.returncode}:\n{self.child.stderr()}")
        for port in (self.port, self.enrol_port):
            with socket.socket() as s:
                s.settimeout(1)
                if s.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True

    def kill(self):
        self.child.kill()

    def stop(self):
        return self.child.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()


def numbers(values):
    """Median and quartiles."""
    ordered = sorted(values)

    def at(share):
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return at(0.25), at(0.5), at(0.75)


def handle_signals():
    """SIGTERM (ctest's timeout sends it on some versions) unwinds, so that contexts end their children."""

    def ended(_number, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)


def main(run, name):
    """Runs a test: a Failure is printed without a trace and gives status 1."""
    handle_signals()
    begun = time.monotonic()
    try:
        status = run()
    except Failure as failure:
        say(f"FAILED: {failure}")
        status = 1
    except KeyboardInterrupt:
        say("interrupted")
        status = 130
    say(f"{name}: {'ok' if status == 0 else 'FAILED' if status != SKIPPED else 'skipped'}, {time.monotonic() - begun:.1f} s")
    sys.exit(status)
