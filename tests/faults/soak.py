#!/usr/bin/env python3
"""What a long time brings, in a short one: events live and replayed, floods, cgroups that come and go, and faults at random.

Beside a steady rate of marked opens, at random: the manager is killed and comes back, the disk below the spool fills up and is
emptied, a process eats the memory of the agent's cgroup until the kernel ends it, rules are reloaded (good ones and bad ones), the
agent is stopped for some seconds, a cgroup floods, cgroups come and go with programs in them, a recording is replayed. At the end:

- nothing crashed, and the agent was never started again;
- marks made == marks at the manager + opens counted as lost in the marks' cgroup;
- alerts made == alerts at the manager + alerts that the spool counts as lost, when none waits any more;
- losses by cgroup add up to the losses in all;
- the memory that is the agent's own did not grow after the first third of the time.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "kernel"))
import delivery  # noqa: E402
import places  # noqa: E402
import tiercel as support  # noqa: E402
from test_flood import Cgroup  # noqa: E402

STARTS = """- rule: Start
  desc: keeps programs among what is recorded
  condition: evt.type = execve and proc.name = there-is-no-such-program
  output: "%proc.pid"
  priority: NOTICE
"""
# The ring is small, so that floods and stops do lose something: the books have something to balance.
MORE = "spool: {size_mb_max: 64}\nhistory: {enabled: false}\nsensor: {ring_bulk_size_kb: 1024}\nself_test_interval_s: 5\n"
EATER = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(4 << 20))\n    time.sleep(0.002)\n"
MEMORY_LIMIT = 512 << 20
DISK_MB = 96


class Soak:
    def __init__(self, options, folder, manager, agent_cgroup, marks_cgroup):
        self.options, self.folder, self.manager = options, folder, manager
        self.agent_cgroup, self.marks_cgroup = agent_cgroup, marks_cgroup
        self.random = random.Random(options.seed)
        self.rules = folder.file("rules.yaml", delivery.RULES.format(folder=folder.path) + STARTS)
        self.state = folder.folder("state")
        self.recording = os.path.join(folder.path, "recording")
        self.count, self.rss, self.replayed = {}, [], set()
        self.agent = None

    def program(self, name):
        return os.path.join(self.options.programs, name)

    def limit_memory(self):
        """Of the agent's cgroup, where its hierarchy can. The eater goes first."""
        for name in ("memory.limit_in_bytes", "memory.max"):
            path = os.path.join(self.agent_cgroup.path, name)
            if os.path.exists(path):
                with open(path, "w", encoding="ascii") as file:
                    file.write(str(MEMORY_LIMIT))
                return True
        return False

    def record(self):
        """1,000 marks, for the replays."""
        recorder = support.Child([self.options.tiercel, "record", self.recording, "--rules", self.rules, "--config",
                                  self.folder.file("record.yaml", "outputs:\n  - type: stdout\n"), "--run-dir", self.folder.folder("run-record"),
                                  "--state-dir", self.folder.folder("state-record")])
        try:
            recorder.wait_stderr(r"is watching", "it is watching")
            support.Child([self.program("open_marks"), self.folder.path, f"{self.folder.path}/recorded", "500", "1000", "0"]).wait()
            time.sleep(1)
            recorder.stop()
        finally:
            recorder.kill()

    # --- Faults: each returns what it did --------------------------------------------------------------------------

    def manager_dies(self):
        self.manager.kill()
        away_s = self.random.uniform(0, 5)
        time.sleep(away_s)
        self.manager.start()
        return f"away for {away_s:.1f} s"

    def disk_full(self):
        ballast, written = os.path.join(self.state, "ballast"), 0
        try:
            with open(ballast, "wb", buffering=0) as file:
                while True:
                    written += file.write(b"\0" * (1 << 20))
        except OSError:
            pass
        time.sleep(self.random.uniform(0.5, 5))
        os.unlink(ballast)
        return f"{written >> 20} MiB written until it was full"

    def memory_eaten(self):
        if not self.limited:
            return "this hierarchy has no limit of memory"

        def enter():
            self.agent_cgroup.join()
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write("1000")

        eater = subprocess.Popen([sys.executable, "-S", "-c", EATER], preexec_fn=enter)
        try:
            eater.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            eater.kill()
            eater.wait()
        return f"the eater ended by {eater.returncode}"

    def reload(self):
        good = self.random.random() < 0.7
        text = delivery.RULES.format(folder=self.folder.path) + STARTS
        self.folder.file("rules.yaml", text if good else text + "- rule: Broken\n  condition: evt.type = = open\n")
        self.agent.child.signal(signal.SIGHUP)
        time.sleep(self.random.uniform(0.2, 2))
        self.folder.file("rules.yaml", text)
        self.agent.child.signal(signal.SIGHUP)
        return "good rules" if good else "bad rules, then good ones"

    def agent_stopped(self):
        span_s = self.random.uniform(0.2, 3)
        self.agent.child.signal(signal.SIGSTOP)
        time.sleep(span_s)
        self.agent.child.signal(signal.SIGCONT)
        return f"for {span_s:.1f} s"

    def flood(self):
        opens = self.random.choice([50_000, 200_000])
        with Cgroup(f"flood-{self.random.randrange(1 << 30)}") as cgroup:
            subprocess.run([self.program("tk_flood"), "flood", str(opens), "0"], preexec_fn=cgroup.join, check=True, stdout=subprocess.DEVNULL,
                           timeout=300)
        return f"{opens} opens"

    def cgroups(self):
        many = self.random.randrange(5, 40)
        for _ in range(many):
            with Cgroup(f"churn-{self.random.randrange(1 << 30)}") as cgroup:
                subprocess.run([self.program("tk_nop"), "x"], preexec_fn=cgroup.join, check=True, timeout=60)
        return f"{many} came and went"

    def replay(self):
        done = subprocess.run([self.options.tiercel, "replay", self.recording, "--json", "--rules", self.rules], capture_output=True, timeout=120,
                              check=False)
        lines = sum(1 for line in done.stdout.splitlines() if b'"rule":"Mark"' in line)
        self.replayed.add((done.returncode, lines))
        return f"{lines} alerts"

    def run(self):
        faults = [self.manager_dies, self.disk_full, self.memory_eaten, self.reload, self.agent_stopped, self.flood, self.cgroups, self.replay]
        begun, order = time.monotonic(), []
        while (spent := time.monotonic() - begun) < self.options.seconds:
            if not order:  # each once before any comes again
                order = self.random.sample(faults, len(faults))
            fault = order.pop()
            text = fault()
            self.count[fault.__name__] = self.count.get(fault.__name__, 0) + 1
            if not self.agent.child.alive():
                raise support.Failure(f"the agent ended with status {self.agent.child.process.returncode} at {fault.__name__}:\n{self.agent.child.stderr()[-4000:]}")
            self.rss.append((spent, self.agent.rss_anon_bytes()))
            support.say(f"  {spent:6.1f} s  {fault.__name__}: {text}; {self.rss[-1][1] >> 10} KiB of its own")
            time.sleep(self.random.uniform(0, 1))

    limited = False


def settled(agent):
    before = None
    while before != (before := agent.status()["lost"]):
        support.wait_until(lambda at=agent.status()["uptime_s"]: agent.status()["uptime_s"] > at + 1, "two seconds")
    return agent.status()


def judge(checks, soak, marks, arrivals, status):
    lost = status["lost"]
    in_marks = sum(row["lost"] for row in lost["by_cgroup"] if int(row["cgroup"]) == soak.marks_cgroup.id and row["event"] in ("open", "openat"))
    made, came = len(marks.times), len(arrivals.id_of)
    # open_marks opens one file that is no mark
    checks.check(0 <= came + in_marks + lost["spool"] - made <= 2, f"marks made {made}, at the manager {came}, lost in the kernel {in_marks}, in the spool {lost['spool']}")
    checks.equal(status["alerts"], came + lost["spool"] + lost["outputs"], "alerts made, and those that arrived or are counted as lost")
    checks.equal(status["spool"]["waiting"], 0, "alerts that wait still")
    checks.equal(sum(row["lost"] for row in lost["by_cgroup"]), lost["kernel"], "losses by cgroup, and in all")
    checks.equal((lost["malformed_records"], arrivals.changed[:3], arrivals.double[:3]), (0, [], []), "records and alerts that are damaged")
    checks.check(not [row for row in lost["by_cgroup"] if row["event"] in ("execve", "clone", "fork", "vfork", "procexit")], f"events of processes lost: {lost['by_cgroup']}")
    checks.equal(len(soak.replayed), 1, f"replays that differ: {soak.replayed}")
    checks.check(all(status_ == 0 and lines == 1000 for status_, lines in soak.replayed), f"what a replay gave: {soak.replayed}")
    deaf = status.get("canaries", {}).get("deaf", [])
    checks.equal(deaf, [], "hooks that are said to be deaf")
    third = [size for spent, size in soak.rss if spent <= soak.options.seconds / 3]
    if len(third) >= 3:
        limit = max(third) * 5 // 4 + (16 << 20)
        checks.check(soak.rss[-1][1] <= limit, f"memory of its own: {soak.rss[-1][1] >> 10} KiB at the end, {max(third) >> 10} at most in the first third")
    return [made, came, in_marks, lost["spool"], lost["kernel"], lost["held_back"], status["alerts"], arrivals.repeats()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--seconds", type=float, default=3600 if support.soak() else 30)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    support.require_kernel_tests()
    support.say(f"seed {options.seed}")
    checks, arrivals = support.Checks(), delivery.Arrivals()
    with support.Folder("soak") as folder, Cgroup("soak-agent") as agent_cgroup, Cgroup("soak-marks") as marks_cgroup, \
            support.DevManager(options.tiercel, folder, [], arrivals.take) as manager:
        arrivals.manager = manager
        soak = Soak(options, folder, manager, agent_cgroup, marks_cgroup)
        soak.record()
        places.mount_tmpfs(soak.state, DISK_MB)
        marks = delivery.Marks(options, folder)
        try:
            path, wazuh = os.path.join(folder.path, "alerts.json"), f"  keys_file: {folder.path}/client.keys\n"
            soak.limited = soak.limit_memory()
            with support.Agent(options.tiercel, soak.rules, config=delivery.config_text(path, manager, wazuh, MORE), manager=True, json_lines=False,
                               folder=folder) as agent:
                soak.agent = agent
                with open(f"{agent_cgroup.path}/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(agent.pid))
                marks.start(options.rate)
                with open(f"{marks_cgroup.path}/cgroup.procs", "w", encoding="ascii") as file:
                    file.write(str(marks.child.pid))
                soak.run()
                marks.finish()
                support.wait_until(lambda: agent.status()["spool"]["waiting"] == 0, "the spool to be empty", 300, 0.5)
                row = judge(checks, soak, marks, arrivals, settled(agent))
                agent.stop()
        finally:
            if marks.child and marks.child.alive():
                marks.child.kill()
            if soak.agent:
                soak.agent.child.kill()
            places.unmount(soak.state)
    support.say(support.table(["marks", "at the manager", "lost in the kernel", "lost in the spool", "kernel losses, all", "held back", "alerts", "repeats"], [row]))
    support.say(", ".join(f"{name} {count}" for name, count in sorted(soak.count.items())))
    return checks.finish("soak")


if __name__ == "__main__":
    support.main(main, "faults_soak")
