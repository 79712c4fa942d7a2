#!/usr/bin/env python3
"""Reload without a gap: rules change under a storm of process starts, and no start is missed or counted twice.

Two rule sets that both count starts take turns, --reloads times in about --seconds, asked for in each of the three ways
(SIGHUP, `tiercel rules reload`, a changed file). Bad sets in between (a mistake, an empty folder, a file that cannot be
read, no active rule) must leave the old one running and say why. Then: sets that need other hooks, a signal during the
start, a ConfigMap's symlinks, and the heartbeat that tells a manager which rules run.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

FLAT_BYTES = 3 << 20  # how much the last quarter of a run may lie above its second
WAYS = ("SIGHUP", "command", "changed file")
RULE = """- rule: {name}
  desc: d
  condition: {condition}
  output: "{output}"
  priority: NOTICE
"""


def rule(name, condition, output):
    return RULE.format(name=name, condition=condition, output=output)


def starts(letter):
    return rule(f"Start {letter}", "evt.type in (execve, execveat) and proc.name = tk_nop", "%evt.num %evt.res")


class Rules:
    """A folder with rule files, changed as an editor or a package does: never a half."""

    def __init__(self, folder, text):
        self.path = folder.folder("rules.d")
        self.put(text)

    def put(self, text, name="rules.yaml"):
        new = os.path.join(self.path, f".{name}.new")
        with open(new, "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(new, os.path.join(self.path, name))

    def remove(self, name="rules.yaml"):
        try:
            os.unlink(os.path.join(self.path, name))
        except FileNotFoundError:
            pass


class Driver:
    """Asks a running agent for reloads in the three ways and waits for what becomes of them."""

    def __init__(self, agent, checks):
        self.agent, self.checks, self.command_said = agent, checks, None
        self.seconds = {way: [] for way in WAYS}

    def rules(self):
        return self.agent.status()["rules"]

    def command(self, *extra):
        return subprocess.run([self.agent.tiercel, "rules", "reload", "--run-dir", self.agent.run_dir, *extra],
                              capture_output=True, timeout=support.WAIT_S, text=True)

    def ask(self, way):
        self.command_said = None
        if way == "SIGHUP":
            self.agent.child.signal(signal.SIGHUP)
        elif way == "command":
            self.command_said = self.command()

    def good(self, change, way):
        """After it another set runs than before."""
        before = self.rules()["digest"]
        begun = time.monotonic()
        change()
        self.ask(way)
        now = support.wait_until(lambda: (r := self.rules())["digest"] != before and r, f"the new rules ({way})")
        self.seconds[way].append(time.monotonic() - begun)
        if self.command_said:
            self.checks.equal(self.command_said.returncode, 0, f"exit status of rules reload: {self.command_said}")
            self.checks.check(now["digest"] in self.command_said.stdout, f"the command says the digest: {self.command_said}")
        return now

    def bad(self, change, way, why):
        """After it the same set runs, and the reason is told."""
        before = self.rules()
        change()
        self.ask(way)
        now = support.wait_until(lambda: (r := self.rules())["reloads"]["refused"] > before["reloads"]["refused"] and r,
                                 f"the refusal ({way}, {why})")
        self.checks.equal(now["digest"], before["digest"], f"the set that runs after a refusal ({why})")
        self.checks.check(re.search(why, now["last_refusal"]["reason"]), f"status says why: {now['last_refusal']}, not {why}")
        if self.command_said:
            self.checks.equal(self.command_said.returncode, 1, f"exit status of a refused reload: {self.command_said}")
            self.checks.check(re.search(why, self.command_said.stdout), f"the command says why: {self.command_said}, not {why}")


class Storm(threading.Thread):
    """tk_storm again and again until it is told to end; counts the starts that it made."""

    def __init__(self, programs, each, processes):
        super().__init__(daemon=True)
        self.argv = [os.path.join(programs, "tk_storm"), str(each), str(processes), os.path.join(programs, "tk_nop")]
        self.end, self.done, self.failed = threading.Event(), 0, 0
        self.begun = time.monotonic()

    def run(self):
        while not self.end.is_set():
            got = subprocess.run(self.argv, capture_output=True, check=False)
            self.failed += got.returncode != 0
            self.done += json.loads(got.stdout)["done"]

    def finish(self):
        self.end.set()
        self.join()
        return time.monotonic() - self.begun


class Tally:
    """Alerts as they come."""

    def __init__(self):
        self.numbers, self.by_rule, self.other, self.internal = set(), Counter(), [], []

    def take(self, alert):
        if alert["source"] == "internal":
            self.internal.append(alert)
        elif alert["rule"].startswith("Start "):
            fields = alert["output_fields"]
            if fields["evt.res"] == "SUCCESS":
                self.by_rule[alert["rule"]] += 1
                self.numbers.add(fields["evt.num"])
        else:
            self.other.append(alert)

    def starts(self):
        return sum(self.by_rule.values())


class Memory(threading.Thread):
    """RssAnon of the agent, about five times a second."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.samples, self.end = agent, [], threading.Event()

    def run(self):
        while not self.end.wait(0.2):
            try:
                self.samples.append(self.agent.rss_anon_bytes())
            except (OSError, support.Failure):
                return

    def judge(self, checks, sanitized):
        self.end.set()
        self.join()
        quarter = max(1, len(self.samples) // 4)
        early, late = max(self.samples[quarter:2 * quarter] or self.samples[:1]), max(self.samples[-quarter:])
        support.say(f"memory: RssAnon {early / 1048576:.2f} MiB early, {late / 1048576:.2f} late, "
                    f"{max(self.samples) / 1048576:.2f} at most")
        if not sanitized:
            checks.check(late <= early + FLAT_BYTES, f"memory is not flat: {early} bytes early, {late} late")


def bad_sets(rules):
    """What makes the folder bad, and the reason that must be told."""
    def mistake():
        rules.put(starts("A") + rule("Bad", "evt.type = execve and proc.nmae = x", "o"))

    def unreadable():
        os.symlink("nowhere", os.path.join(rules.path, "z.yaml"))

    return [(mistake, r"rules\.yaml:8:\d+: error: rule 'Bad'.*proc\.nmae"),
            (rules.remove, r"no rule is active"),
            (unreadable, r"z\.yaml: error: cannot be read"),
            (lambda: rules.put(starts("A") + "  enabled: false\n"), r"no rule is active"),
            (lambda: rules.put("- rule: [\n"), r"rules\.yaml:\d+:\d+: error")]


def under_load(options, checks, folder):
    rules, tally = Rules(folder, starts("A")), Tally()
    config = "outputs:\n  - type: stdout\nheartbeat_interval_s: 1\n"
    with support.Agent(options.tiercel, rules.path, config=config, keep_stdout=False, on_alert=tally.take) as agent:
        driver, memory, storm = Driver(agent, checks), Memory(agent), Storm(options.programs, 400, 4)
        memory.start()
        storm.start()
        begun, refusals = time.monotonic(), 0
        for number in range(options.reloads):
            if number % 4 == 3:
                change, why = bad_sets(rules)[refusals % 5]
                driver.bad(change, WAYS[refusals % 3], why)
                refusals += 1

            def good(letter="BA"[number % 2]):
                rules.put(starts(letter))
                rules.remove("z.yaml")

            driver.good(good, WAYS[number % 3])
            time.sleep(max(0.0, begun + (number + 1) * options.seconds / options.reloads - time.monotonic()))
        took_s, storm_s = time.monotonic() - begun, storm.finish()
        try:
            support.wait_until(lambda: tally.starts() >= storm.done, "the last starts", 30, 0.1)
        except support.Failure as failure:
            support.say(f"  {failure}")
        status = agent.status()
        memory.judge(checks, options.sanitized)
        summary = agent.stop()
        log = agent.child.stderr()
    checks.equal(storm.failed, 0, "storms that failed")
    checks.equal(tally.starts(), storm.done, "starts seen, under either set")
    checks.equal(len(tally.numbers), storm.done, "starts seen, each once")
    checks.check(all(tally.by_rule[f"Start {letter}"] > 0 for letter in "AB"), f"both sets judged: {tally.by_rule}")
    checks.equal(summary["lost"], 0, "lost")
    checks.equal(tally.other, [], "alerts of no test rule")
    told = [a for a in tally.internal if a["rule"] == "Tiercel internal: rules refused"]
    checks.equal(len(told), status["rules"]["reloads"]["refused"], "alerts about refusals")
    checks.equal(len(tally.internal), len(told), "internal alerts on standard output: no heartbeat there")
    checks.check(status["rules"]["reloads"]["refused"] >= refusals, f"refusals: {status['rules']}")
    checks.check(status["rules"]["reloads"]["ok"] >= options.reloads, f"reloads: {status['rules']}")
    for way in WAYS:
        count = len(re.findall(rf"rules reloaded \({way}", log))
        checks.check(count >= options.reloads // 3, f"{count} reloads by {way}")
    swaps = sorted(int(us) for us in re.findall(r"swapped in (\d+) us", log))
    support.say(f"swaps as the deciding thread feels them: median {swaps[len(swaps) // 2]} us, at most {swaps[-1]} us")
    rows = [[way, len(driver.seconds[way]), f"{1000 * support.numbers(driver.seconds[way])[1]:.0f}"] for way in WAYS]
    support.say(support.table(["asked for by", "reloads", "ms until the new set judges (median)"], rows))
    support.say(f"{status['rules']['reloads']['ok']} reloads and {status['rules']['reloads']['refused']} refusals in {took_s:.1f} s; "
                f"{storm.done} starts in {storm_s:.1f} s, {tally.starts()} seen ({dict(tally.by_rule)}), lost {summary['lost']}; "
                f"ready {agent.ready_s:.2f} s, stop {agent.stop_s:.2f} s")


def links_of(agent):
    """How many programs are attached: each has a link."""
    found = 0
    for fd in os.listdir(f"/proc/{agent.pid}/fd"):
        try:
            found += os.readlink(f"/proc/{agent.pid}/fd/{fd}") in ("anon_inode:bpf_link", "anon_inode:[bpf_link]")
        except OSError:
            pass
    return found


def hooks(options, checks, folder):
    """Sets that need other hooks, and facts that nobody needed before."""
    ends = rule("End", "evt.type = procexit and proc.name = tk_nop", "%evt.num")
    mark = os.path.join(folder.path, "mark")
    opens = rule("Open", f"evt.type in (open, openat) and fd.name startswith {mark}", "%fd.name %proc.cwd")
    marked = rule("Marked", "evt.type = execve and proc.env[TIERCEL_MARK] = yes", "%proc.name")
    rules = Rules(folder, ends)

    def touch(name):
        with open(f"{mark}-{name}", "w", encoding="ascii"):
            pass

    with support.Agent(options.tiercel, rules.path) as agent:
        driver = Driver(agent, checks)
        least = links_of(agent)
        checks.equal(least, 4, "programs attached for a rule that needs no system call")
        touch("before")
        # This one changes its directory while nobody follows that.
        where = folder.folder("somewhere else")
        shell = subprocess.Popen(["/bin/sh", "-c", f"cd '{where}'; echo; read x; : < {mark}-before; read x"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        shell.stdout.readline()
        driver.good(lambda: rules.put(ends + opens + marked), "command")
        more = links_of(agent)
        checks.check(more > least, f"{more} programs attached, {least} before")
        shell.stdin.write(b"\n")
        shell.stdin.flush()
        touch("during")
        subprocess.run([os.path.join(options.programs, "tk_nop")], check=True, env={"TIERCEL_MARK": "yes"})
        support.wait_until(lambda: {"Open", "Marked", "End"} <= {a["rule"] for a in agent.alerts()}, "the alerts of the new hooks")
        driver.good(lambda: rules.put(ends), "SIGHUP")
        support.wait_until(lambda: links_of(agent) == least, "hooks that nobody needs to be detached")
        touch("after")
        subprocess.run([os.path.join(options.programs, "tk_nop"), "last"], check=True, env={"TIERCEL_MARK": "yes"})
        support.wait_until(lambda: sum(a["rule"] == "End" for a in agent.alerts()) == 2, "the last end")
        # A third time: the programs are there already.
        driver.good(lambda: rules.put(ends + opens), "changed file")
        touch("again")
        support.wait_until(lambda: any("mark-again" in a["output"] for a in agent.alerts()), "the hook that came back")
        shell.communicate(b"\n")
        summary = agent.stop()
        alerts = agent.alerts()
    got = [a["output_fields"]["fd.name"].rsplit("-", 1)[1] for a in alerts if a["rule"] == "Open"]
    checks.equal(sorted(got), ["again", "before", "during"], "opens seen: only while a rule asked for them")
    cwds = [a["output_fields"]["proc.cwd"] for a in alerts if a["rule"] == "Open" and a["output_fields"]["fd.name"].endswith("before")]
    checks.equal([cwd.rstrip("/") for cwd in cwds], [where], "directory of a process that changed it unseen")
    checks.equal(sum(a["rule"] == "Marked" for a in alerts), 1, "starts with the mark in the environment, while a rule asked")
    checks.equal(summary["lost"], 0, "lost")
    support.say(f"hooks: {least} programs attached, {more} while a rule named opens and the environment, {least} after")


def early_signal(options, checks, folder):
    """SIGHUP before the agent is ready: carried out, not fatal."""
    path = folder.file("early.yaml", starts("A"))
    agent = support.Agent(options.tiercel, path, folder=folder, wait=False)
    with agent:
        def blocks():
            with open(f"/proc/{agent.pid}/status", encoding="ascii", errors="replace") as status:
                mask = re.search(r"SigBlk:\s*(\w+)", status.read())
            return mask and int(mask.group(1), 16) >> (signal.SIGHUP - 1) & 1

        support.wait_until(blocks, "the agent to begin", step_s=0.001)
        agent.child.signal(signal.SIGHUP)
        ready_already = "is watching" in agent.child.stderr()
        agent.wait_ready()
        agent.child.wait_stderr(r"rules reloaded \(SIGHUP\)", "the reload that the early signal asked for")
        checks.check(not ready_already, "the signal came too late: the test shows nothing")


def config_map(options, checks, folder):
    """Kubernetes: every file is a symlink through ..data, and ..data is swapped. And keys of the configuration."""
    mount = folder.folder("mount")
    for version, text in (("..1", starts("A")), ("..2", starts("B"))):
        folder.file(os.path.join(os.path.relpath(folder.folder(os.path.join("mount", version)), folder.path), "rules.yaml"), text)
    os.symlink("..1", os.path.join(mount, "..data"))
    os.symlink("..data/rules.yaml", os.path.join(mount, "rules.yaml"))
    with support.Agent(options.tiercel, mount, folder=folder) as agent:
        driver = Driver(agent, checks)

        def swap():
            os.symlink("..2", os.path.join(mount, "..data_tmp"))
            os.rename(os.path.join(mount, "..data_tmp"), os.path.join(mount, "..data"))

        driver.good(swap, "changed file")
        driver.good(lambda: folder.file("tiercel.yaml", support.CONFIG + "priority: Notice\nappend_output: []\n"), "changed file")
        folder.file("tiercel.yaml", support.CONFIG + "sensor: {ring_bulk_size_kb: 64}\nwatch_config_files: false\n")
        said = driver.command("--json")
        outcome = json.loads(said.stdout)
        checks.equal((said.returncode, outcome["result"], outcome["needs_restart"]), (0, "accepted", ["sensor"]), "a key for a restart")
        checks.check(not driver.rules()["watching"], "nothing is watched once watch_config_files is false")
        checks.equal(driver.rules()["needs_restart"], ["sensor"], "status names the key")
    gone = driver.command()
    checks.check(gone.returncode == 2 and "not running" in gone.stderr, f"without an agent: {gone}")


def heartbeat(options, checks, folder):
    """To the manager and a file, with the digest of what runs; not to standard output."""
    rules, path = Rules(folder, starts("A")), os.path.join(folder.path, "alerts.json")
    with support.DevManager(options.tiercel, folder) as manager:
        config = ("outputs:\n  - type: stdout\n" f"  - type: file\n    config: {{path: {path}}}\n"
                  f"  - type: wazuh\n    config: {{host: 127.0.0.1, port: {manager.port}, enrol_port: {manager.enrol_port}}}\n"
                  "heartbeat_interval_s: 3600\nwazuh: {agent_name: tiercel-reload-test}\n")
        with support.Agent(options.tiercel, rules.path, config=config, manager=True, folder=folder) as agent:
            driver = Driver(agent, checks)
            first = driver.rules()["digest"]

            def beats():
                found = []
                for line in list(manager.lines):
                    at = line.find(b'"decoder":"tiercel","event":')
                    if at >= 0:
                        event = json.loads(line[at + len(b'"decoder":"tiercel","event":'):-1])["tiercel"]
                        if event["rule"] == "Tiercel internal: heartbeat":
                            found.append(event)
                return found

            support.wait_until(beats, "a heartbeat after the start")
            second = driver.good(lambda: rules.put(starts("B")), "command")["digest"]
            seen = support.wait_until(lambda: len(b := beats()) >= 2 and b, "a heartbeat after the reload")
            agent.stop()
            checks.equal(agent.alerts(), [], "lines on standard output")
    checks.equal([b["field"]["rules_digest"] for b in seen], [first, second], "digests in the heartbeats")
    with open(path, encoding="utf-8") as file:
        checks.equal([json.loads(line)["tiercel"]["id"] for line in file], [b["id"] for b in seen], "the same in the file")
    wanted = {"rules_digest", "rules_active", "agent_version", "uptime_s", "events", "alerts", "lost", "attached", "attached_digest"}
    checks.equal(set(seen[0]["field"]), wanted, "fields of a heartbeat")
    checks.equal(seen[0]["priority"], "Informational", "its priority")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--reloads", type=int, default=100 if support.soak() else 20)
    parser.add_argument("--seconds", type=float, default=60 if support.soak() else 10)
    parser.add_argument("--sanitized", action="store_true", help="a build whose memory says nothing")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    for part in (under_load, hooks, early_signal, config_map, heartbeat):
        with support.Folder("reload") as folder:
            part(options, checks, folder)
    return checks.finish("reload")


if __name__ == "__main__":
    support.main(main, "kernel_reload")
