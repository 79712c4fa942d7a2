#!/usr/bin/env python3
"""Group configuration: what is dropped into a group's folder on the manager runs on its agents, or is refused with a
reason, and nothing of it is lost, half-applied or applied after a refusal.

An agent and a dev-manager that serves a folder: a rule that comes and fires, a bad one, keys that a group may not set,
removal; a start without the manager; --pushes changing sets back to back while files are opened (each must be told
once, whichever set judges it); a manager that is killed in the middle of a push, and an agent that is killed while sets
come.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import threading
import time
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

FLAT_BYTES = 4 << 20  # how much the last quarter of the pushes may lie above the second
APPLIED = "Tiercel internal: group configuration applied"
REFUSED = "Tiercel internal: group configuration refused"
CONFIG = """outputs:
  - type: stdout
  - type: wazuh
    config: {{host: 127.0.0.1, port: {port}, enrol_port: {enrol_port}}}
wazuh:
  agent_name: tiercel-group-test
heartbeat_interval_s: 0
{more}
"""
RULE = """- rule: {name}
  desc: d
  condition: evt.type = openat and fd.name startswith {folder}/{mark}-
  output: "%fd.name"
  priority: WARNING
"""
BAD = """
- rule: Bad
  desc: d
  condition: evt.type = openat and proc.nmae = x
  output: o
  priority: WARNING
"""


def open_marked(folder, mark, number=0):
    try:
        os.close(os.open(f"{folder}/{mark}-{number}", os.O_RDONLY))
    except FileNotFoundError:
        pass


class Group:
    """The group's folder, and the manager that serves it."""

    def __init__(self, tiercel, folder):
        self.path = folder.folder("web")
        os.makedirs(os.path.join(self.path, "tiercel-rules"), exist_ok=True)
        self.put("agent.conf", "<agent_config></agent_config>\n")
        self.manager = support.DevManager(tiercel, folder)

    def put(self, name, text):
        path = os.path.join(self.path, name)
        new = os.path.join(os.path.dirname(path), "." + os.path.basename(path))
        with open(new, "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(new, path)

    def remove(self, name):
        os.unlink(os.path.join(self.path, name))

    def tell(self, command):
        self.manager.child.process.stdin.write(command.encode() + b"\n")
        self.manager.child.process.stdin.flush()

    def pushes(self):
        return [line.rsplit(" ", 1)[1] for line in list(self.manager.child.errors) if "pushed " in line and " md5 " in line]

    def push(self):
        """Returns the MD5."""
        before = len(self.pushes())
        self.tell("push-folder " + self.path)
        support.wait_until(lambda: len(self.pushes()) > before, "the push")
        return self.pushes()[-1]


class Told:
    """Events as the manager got them, by rule."""

    def __init__(self, manager):
        self.manager, self.at, self.events = manager, 0, []

    def read(self):
        lines = self.manager.lines
        while self.at < len(lines):
            line = lines[self.at]
            self.at += 1
            if b'"decoder":"tiercel"' in line:
                self.events.append(json.loads(line)["event"]["tiercel"])
        return self.events

    def wait(self, rule, what, **fields):
        def found():
            for event in self.read():
                if event["rule"] == rule and all(str(event.get("field", {}).get(k)) == str(v) for k, v in fields.items()):
                    return event
            return None

        return support.wait_until(found, f"{what}: {rule} {fields} at the manager")


def group_status(agent):
    return agent.status().get("group_configuration", {})


def wait_applied(agent, md5, what):
    return support.wait_until(lambda: (g := group_status(agent)).get("md5") == md5 and g, f"{what} to apply")


def fires(agent, folder, mark, rule, what):
    """An opened file is told by that rule. It is opened again and again: a hook may be young."""
    before = len(agent.child.lines)

    def told():
        open_marked(folder, mark)
        return any(json.loads(line)["rule"] == rule for line in agent.child.lines[before:])

    support.wait_until(told, f"{rule} ({what}); the agent said:\n{agent.child.stderr()[-2000:]}", step_s=0.1)


def rules_that_fire(agent, folder, mark):
    """Of one opened file. A file that the host's rule is sure to tell of says when to look."""
    before = len(agent.child.lines)
    open_marked(folder, mark)
    open_marked(folder, "host", number=before)

    def told():
        new = [json.loads(line) for line in agent.child.lines[before:]]
        return new if any(alert["output_fields"].get("fd.name") == f"{folder}/host-{before}" for alert in new) else None

    alerts = support.wait_until(told, "the host's rule")
    return [alert["rule"] for alert in alerts if alert["source"] != "internal" and alert["rule"] != "Host"]


class Test:
    def __init__(self, options, checks, folder):
        self.options, self.checks, self.folder = options, checks, folder
        self.group = Group(options.tiercel, folder)
        self.rules = folder.file("host.yaml", RULE.format(name="Host", folder=folder.path, mark="host"))

    def agent(self, more=""):
        config = CONFIG.format(port=self.group.manager.port, enrol_port=self.group.manager.enrol_port, more=more)
        return support.Agent(self.options.tiercel, self.rules, config, manager=True, folder=self.folder)

    def rule(self, name, mark="web"):
        return RULE.format(name=name, folder=self.folder.path, mark=mark)

    def applies_and_is_refused(self):
        checks, group, told, path = self.checks, self.group, Told(self.group.manager), self.folder.path
        with self.agent() as agent:
            checks.equal(rules_that_fire(agent, path, "web"), [], "rules before the group has any")
            group.put("tiercel-rules/web.yaml", self.rule("Web"))
            md5 = group.push()
            state = wait_applied(agent, md5, "the first set")
            checks.equal(state["files"], ["tiercel-rules/web.yaml"], "files in status")
            checks.equal(state["group"], "web", "the group in status")
            fires(agent, path, "web", "Web", "after a push")
            told.wait(APPLIED, "after a push", md5=md5)
            told.wait("Web", "the rule's alert")

            group.put("tiercel-rules/web.yaml", self.rule("Web") + BAD)
            bad = group.push()
            event = told.wait(REFUSED, "a bad rule", md5=bad)
            checks.equal(event["field"]["file"], "tiercel-rules/web.yaml", "the file that was refused")
            checks.equal(int(event["field"]["line"]), 9, "its line")
            checks.check("proc.nmae" in event["field"]["reason"], f"why: {event['field']}")
            checks.check("tiercel-rules/web.yaml:9:" in event["output"], f"as people read it: {event['output']}")
            checks.equal(rules_that_fire(agent, path, "web"), ["Web"], "rules after a refusal")
            state = group_status(agent)
            checks.equal((state["md5"], state["refused"]["md5"]), (md5, bad), "status after a refusal")

            group.put("tiercel-rules/web.yaml", self.rule("Web two"))
            group.put("tiercel.yaml", "priority: debug\noutputs:\n  - type: file\n    config: {path: /etc/cron.d/x}\n")
            bad = group.push()
            event = told.wait(REFUSED, "a key that is not for a group", md5=bad)
            checks.equal((event["field"]["file"], int(event["field"]["line"])), ("tiercel.yaml", 2), "its place")
            checks.equal(rules_that_fire(agent, path, "web"), ["Web"], "nothing of a refused set runs")
            checks.check(not os.path.exists("/etc/cron.d/x"), "a refused key does nothing")
        self.after_a_refusal(md5, bad)

    def after_a_refusal(self, md5, bad):
        """The refused set is neither applied at the next start nor asked for again."""
        checks, path = self.checks, self.folder.path
        with self.agent() as agent:
            checks.equal(rules_that_fire(agent, path, "web"), ["Web"], "rules at the next start")
            state = group_status(agent)
            checks.equal((state["md5"], state["refused"]["md5"]), (md5, bad), "status at the next start")
            agent.child.wait_stderr(r"connected to", "it connected")
            told = Told(self.group.manager)
            told.at = len(self.group.manager.lines)
            open_marked(path, "host", "later")
            support.wait_until(lambda: any(e["rule"] == "Host" for e in told.read()), "an alert at the manager")
            time.sleep(1)  # the first keep-alive is long through: its answer would have been the file
            checks.check("got the shared file" not in agent.child.stderr(), "the manager did not send the refused set again")

    def starts_without_the_manager(self):
        checks, group, path = self.checks, self.group, self.folder.path
        with self.agent() as agent:
            group.put("tiercel.yaml", "static_fields: {site: north}\nappend_output: [{extra_fields: [evt.num]}]\n")
            group.put("tiercel-rules/web.yaml", self.rule("Web two") + "- rule: Host\n  enabled: false\n  override: {enabled: replace}\n")
            group.put("tiercel-rules/again.yaml", self.rule("Again", "again"))
            md5 = group.push()
            wait_applied(agent, md5, "three files")
            fires(agent, path, "web", "Web two", "a set of three files")
            open_marked(path, "host", "off")
            fires(agent, path, "again", "Again", "another rule file")
            off = [json.loads(line)["rule"] for line in agent.child.lines if f"{path}/host-off".encode() in line]
            checks.equal(off, [], "the group switched the host's rule off")
        group.manager.kill()
        with self.agent() as agent:
            fires(agent, path, "web", "Web two", "without the manager")
            checks.equal(group_status(agent)["md5"], md5, "the kept set")
            checks.check(not agent.status()["manager"]["connected"], "no manager was there")
        group.manager.start()

    def goes_away(self):
        group, path, told = self.group, self.folder.path, Told(self.group.manager)
        group.put("tiercel.yaml", "log_level: debug\n")
        group.put("tiercel-rules/web.yaml", self.rule("Web"))
        with self.agent() as agent:
            wait_applied(agent, group.push(), "what is to go")
            group.remove("tiercel.yaml")
            group.remove("tiercel-rules/web.yaml")
            md5 = group.push()
            wait_applied(agent, md5, "the removal")
            event = told.wait(APPLIED, "the removal", md5=md5)
            self.checks.check("the host's own configuration applies" in event["output"], event["output"])
            self.checks.equal(rules_that_fire(agent, path, "web"), [], "the group's rules are gone")

    def many(self):
        """Each file is told once, by one set or the other; the last set wins; memory stays flat."""
        checks, group, path, pushes = self.checks, self.group, self.folder.path, self.options.pushes
        opened, ending, memory, last = [0], threading.Event(), [], None

        def keep_opening():
            while not ending.wait(0.002):
                open_marked(path, "web", opened[0])
                opened[0] += 1

        group.put("tiercel-rules/web.yaml", self.rule("Web start"))
        with self.agent() as agent:
            wait_applied(agent, group.push(), "the first of many")
            fires(agent, path, "web", "Web start", "the first of many")
            first = len(agent.child.lines)
            opener = threading.Thread(target=keep_opening, daemon=True)
            opener.start()
            for number in range(pushes):
                group.put("tiercel-rules/web.yaml", self.rule(f"Web {number}"))
                group.put("tiercel-rules/more.yaml", self.rule(f"More {number}", "more") * (number % 3 > 0) or "# none\n")
                last = group.push()
                memory.append(agent.rss_anon_bytes())
            wait_applied(agent, last, "the last of many")
            ending.set()
            opener.join()
            fires(agent, path, "web", f"Web {pushes - 1}", "the last of many")
            wanted = {f"{path}/web-{number}" for number in range(opened[0])}

            def by_file():
                alerts = [json.loads(line) for line in agent.child.lines[first:]]
                return Counter(a["output_fields"]["fd.name"] for a in alerts if a["rule"].startswith("Web "))

            support.wait_until(lambda: wanted <= set(by_file()), "every file's alert")
            count = by_file()
            twice = [name for name in wanted if count[name] != 1 and not name.endswith("/web-0")]  # fires() opens web-0
            checks.equal(twice, [], "files that were told more than once")
            status = agent.status()
            checks.equal(status["lost"]["total"], 0, "events lost")
            quarter = max(1, pushes // 4)
            second, fourth = max(memory[quarter:2 * quarter]), max(memory[-quarter:])
            checks.check(fourth <= second + FLAT_BYTES, f"memory grew from {second >> 10} to {fourth >> 10} KiB")
            support.say(f"  {pushes} pushes, {status['rules']['reloads']['ok']} reloads, {opened[0]} files each told once; "
                        f"RssAnon {second >> 10} KiB in the second quarter, {fourth >> 10} in the last")
        kept = os.path.join(self.folder.path, "state", "shared")
        checks.equal(sorted(os.listdir(kept)), sorted(["current", last]), "what is kept")

    def broken_off(self):
        """The manager dies in the middle of a long push."""
        group, path = self.group, self.folder.path
        with self.agent() as agent:
            agent.child.wait_stderr(r"connected to", "it connected")
            broken = 0
            for attempt in range(20):
                group.put("tiercel-rules/web.yaml", self.rule(f"Long {attempt}") + f"# {'long ' * 15}\n" * 90_000)
                before = agent.child.stderr().count("got the shared file")
                group.tell("push-folder " + group.path)
                time.sleep(random.uniform(0, 0.2))
                group.manager.kill()
                time.sleep(0.3)
                broken += agent.child.stderr().count("got the shared file") == before
                self.checks.check(agent.child.alive(), "the agent lives on")
                group.manager.start()
                if broken == 3:
                    break
            self.checks.equal(broken, 3, "pushes that were broken off")
            md5 = group.push()
            wait_applied(agent, md5, "what came after the manager was back")
            fires(agent, path, "web", f"Long {attempt}", "what came after the manager was back")
            with open(os.path.join(path, "state", "shared", "current", "merged.mg"), "rb") as merged:
                self.checks.equal(hashlib.md5(merged.read()).hexdigest(), group_status(agent)["md5"], "the kept file's MD5")

    def killed_agent(self):
        """kill -9 while sets come: the next start has one of them, whole."""
        group, path, known, seen = self.group, self.folder.path, {}, 0
        for kill in range(self.options.kills):
            agent = self.agent()
            agent.child.wait_stderr(r"connected to", "it connected")
            until = time.monotonic() + random.uniform(0.05, 0.6)
            number = 0
            while time.monotonic() < until:
                name = f"Kill {kill} {number}"
                group.put("tiercel-rules/web.yaml", self.rule(name))
                group.put("tiercel-rules/more.yaml", self.rule("More " + name, "more"))
                known[group.push()] = name
                number += 1
            agent.child.kill()
            group.manager.kill()
            with self.agent() as again:
                state = group_status(again)
                if state["md5"] in known:
                    name = known[state["md5"]]
                    seen += 1
                    self.checks.equal(rules_that_fire(again, path, "web"), [name], "one set")
                    self.checks.equal(rules_that_fire(again, path, "more"), ["More " + name], "and all of it")
            group.manager.start()
        self.checks.check(seen > 0, "no start found a kept set")

    def watched(self):
        """--shared: the dev-manager pushes at its start and whenever files change."""
        group = self.group
        group.put("tiercel-rules/web.yaml", self.rule("Watched"))
        with support.DevManager(self.options.tiercel, self.folder, ["--shared", group.path]) as manager:
            group.manager.kill()
            group.manager = manager
            with self.agent() as agent:
                fires(agent, self.folder.path, "web", "Watched", "pushed at the start")
                group.put("tiercel-rules/web.yaml", self.rule("Changed"))
                fires(agent, self.folder.path, "web", "Changed", "pushed when it changed")


def run():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used here")
    parser.add_argument("--pushes", type=int, default=1000 if support.soak() else 200)
    parser.add_argument("--kills", type=int, default=30 if support.soak() else 5)
    parser.add_argument("--only", help="one part by its name")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    for part in ("applies_and_is_refused", "starts_without_the_manager", "goes_away", "many", "broken_off", "killed_agent",
                 "watched"):
        if options.only not in (None, part):
            continue
        with support.Folder("group") as folder:
            test = Test(options, checks, folder)
            with test.group.manager:
                begun = time.monotonic()
                getattr(test, part)()
                support.say(f"  {part}: {time.monotonic() - begun:.1f} s")
    return checks.finish("group")


if __name__ == "__main__":
    support.main(run, "test_group")
