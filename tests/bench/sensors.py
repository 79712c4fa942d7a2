"""What is measured beside: nothing, the agent, or any other sensor's command. Each is started and stopped as often as the
bench wants, and says what it took and what it lost. What a sensor does not tell is None."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import kernel_counts  # noqa: E402
import tiercel as support  # noqa: E402

CONFIG = support.CONFIG + "metrics: {{listen: 'unix:{folder}/metrics.sock'}}\n"


HOOKS = ("kprobe", "tracepoint", "raw_tracepoint", "raw_tracepoint_writable", "tracing", "lsm", "perf_event")


def difference(after, before):
    return {what: after[what] - before.get(what, 0) for what in after}


class Bare:
    name = "bare"

    def start(self):
        return self

    def cpu_s(self):
        return 0.0

    def events(self):
        return None

    def stop(self):
        pass


class Tiercel:
    """The agent; what it said of itself is kept over all its starts."""

    def __init__(self, name, tiercel, rules, **more):
        self.name, self.tiercel, self.rules, self.more = name, tiercel, rules, more
        self.ready_s, self.stop_s, self.rss, self.rings, self.lost, self.seen = [], [], [], 0, 0, 0
        self.agent = None

    def start(self):
        folder = support.Folder("bench")
        try:
            self.agent = support.Agent(self.tiercel, self.rules, config=CONFIG.format(folder=folder.path), folder=folder,
                                       **{"keep_stdout": False, **self.more})
        except BaseException:
            folder.__exit__()
            raise
        self.ready_s.append(self.agent.ready_s)
        return self

    def cpu_s(self):
        return self.agent.cpu_s()

    def status(self):
        return json.loads(kernel_counts.ask(os.path.join(self.agent.run_dir, "tiercel.sock"), b'{"command":"status"}\n'))

    def events(self):
        """That reached user space and were put to the rules."""
        return self.status()["events"]

    def metrics(self):
        """The page of metrics, read strictly: exposition.Page."""
        return kernel_counts.page(os.path.join(self.agent.folder.path, "metrics.sock"))

    def counts(self, event):
        """What the kernel counted of an event type so far: kernel_counts.of_event()."""
        return kernel_counts.of_event(self.metrics(), event)

    def stop(self):
        """The agent's summary of this life."""
        try:
            self.rss.append(self.agent.rss_anon_bytes())
            self.rings = self.agent.status()["memory"]["ring_bytes"]
            summary = self.agent.stop()
            self.stop_s.append(self.agent.stop_s)
            self.lost += summary["lost"]
            self.seen += summary["events seen"]
            return summary
        finally:
            self.agent.__exit__(Exception)
            self.agent.folder.__exit__()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.agent.stop_s is None:
            self.stop()

    def figures(self):
        return {"ready_s": support.numbers(self.ready_s), "stop_s": support.numbers(self.stop_s)[1], "rss_bytes": max(self.rss),
                "ring_bytes": self.rings, "events": self.seen, "lost": self.lost}


def rss_anon_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon:")), 0)


class Peer:
    """Any command, in a process group of its own; ended by the group, which nobody else is in."""

    def __init__(self, command, settle_s):
        self.name, self.argv, self.settle_s, self.rss = "peer", shlex.split(command), settle_s, []

    def start(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(self.settle_s)
        if self.process.poll() is not None:
            raise support.Failure(f"the peer ended with status {self.process.returncode}: {shlex.join(self.argv)}")
        return self

    def cpu_s(self):
        return support.cpu_s_of(self.process.pid)

    def events(self):
        return None

    def stop(self):
        self.rss.append(rss_anon_bytes(self.process.pid))
        for number, limit_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(limit_s)
                return
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                self.process.wait(limit_s)
                return

    def figures(self):
        return {"ready_s": None, "stop_s": None, "rss_bytes": max(self.rss), "ring_bytes": None, "events": None, "lost": None}


def hooks_of_others():
    """BPF programs that hook into this kernel while none of ours does: another sensor that runs. None: nobody says."""
    try:
        listed = subprocess.run(["bpftool", "prog", "show", "--json"], check=True, capture_output=True, timeout=60).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return sum(one["type"] in HOOKS for one in json.loads(listed))


def say_of_others():
    """How many; a line where the bare machine is not bare."""
    hooks = hooks_of_others()
    if hooks:
        support.say(f"{hooks} BPF programs of others hook into this kernel: the bare machine has what they cost, too")
    return hooks


def add_arguments(parser):
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="the build's folder of test programs")
    parser.add_argument("--rules", nargs="*", help="rule files or folders (default: the shipped ones, and busy_rules.yaml)")
    parser.add_argument("--peer", default=os.environ.get("PEER"), help="command of another sensor (or the environment's PEER)")
    parser.add_argument("--peer-settle", type=float, default=8, help="seconds until the peer watches")
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean nothing")


def chosen(options):
    """The sensors that the arguments name."""
    if options.rules:
        sensors = [Tiercel("tiercel", options.tiercel, options.rules)]
    else:
        sensors = [Tiercel("tiercel, shipped rules", options.tiercel, [os.path.join(ROOT, "rules")]),
                   Tiercel("tiercel, busy rules", options.tiercel, [os.path.join(HERE, "busy_rules.yaml")])]
    if options.peer:
        sensors.append(Peer(options.peer, options.peer_settle))
    return sensors


def program(options, name):
    path = os.path.join(options.programs, "bench", name)
    if not os.path.exists(path):
        raise support.Failure(f"{path} is not built")
    return path


def write_json(options, figures):
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
