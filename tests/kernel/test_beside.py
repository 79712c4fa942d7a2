#!/usr/bin/env python3
"""Beside a wazuh-agent: its queue gets every alert, in order, across its absences; the file for its logcollector too.

A datagram socket of the test's own stands in for that agent's queue: it is absent at first, is then read, then not read for
a while (as by an agent whose manager is away) and taken anew (as by one that restarts). What arrives is compared byte for
byte with the local file's lines. Nothing is enrolled: with no manager in the configuration there is no key.
"""

import argparse
import json
import os
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Marked open
  desc: a file that only this test names
  condition: evt.type = openat and fd.name startswith {folder}/mark-
  output: "marked file %fd.name opened by %proc.name"
  priority: WARNING
- rule: Marked critical
  desc: another
  condition: evt.type = openat and fd.name startswith {folder}/critical-
  output: "critical file %fd.name opened by %proc.name"
  priority: CRITICAL
"""
CONFIG = """outputs:
  - type: wazuh_agent
    config: {{path: {folder}/queue, rate_max_per_s: {rate}}}
  - type: file
    config: {{path: {folder}/alerts.json}}
  - type: file
    config: {{path: {folder}/wazuh.log, format: wazuh, rate_max_per_s: 0}}
heartbeat_interval_s: 0
"""
MESSAGE, LINE = b"1:tiercel:tiercel: ", b"tiercel: "


class Queue:
    """What a wazuh-agent has at queue/sockets/queue."""

    def __init__(self, path):
        self.path, self.socket, self.got = path, None, []

    def start(self):
        old, self.socket = self.socket, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.socket.bind(self.path)
        self.socket.settimeout(0.2)
        if old:
            old.close()

    def read(self):
        try:
            while True:
                self.got.append(self.socket.recv(70000))
        except socket.timeout:
            return len(self.got)

    def read_until(self, count):
        support.wait_until(lambda: self.read() >= count, f"{count} alerts at the queue, {len(self.got)} came", 120)


def lines_of(path):
    with open(path, "rb") as file:
        return file.read().split(b"\n")[:-1]


def open_marks(folder, name, first, count):
    for number in range(first, first + count):
        try:
            os.close(os.open(f"{folder}/{name}-{number}", os.O_RDONLY))
        except FileNotFoundError:
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", help="not used: all kernel tests take it")
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--burst", type=int, default=20000 if support.soak() else 3000)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("beside") as folder:
        path = folder.path
        rules = folder.file("rules.yaml", RULES.format(folder=path))
        queue = Queue(f"{path}/queue")
        with support.Agent(options.tiercel, rules, config=CONFIG.format(folder=path, rate=options.rate), manager=True,
                           json_lines=False, folder=folder) as agent:
            open_marks(path, "mark", 0, 5)
            agent.child.wait_stderr(r"no wazuh-agent listens at .*queue", "it said that nobody is there")
            queue.start()
            queue.read_until(5)
            agent.child.wait_stderr(r"takes alerts again", "it said that it is over")

            begun = time.monotonic()
            open_marks(path, "mark", 5, options.burst)  # not read: more than any queue holds
            open_marks(path, "critical", 0, 3)
            made = 5 + options.burst + 3
            support.wait_until(lambda: len(lines_of(f"{path}/alerts.json")) >= made, f"{made} alerts in the local file")
            queue.read_until(made)
            support.say(f"a burst of {options.burst} was taken in {time.monotonic() - begun:.1f} s")

            queue.start()  # the agent starts anew
            open_marks(path, "mark", made, 20)
            made += 20
            queue.read_until(made)
            summary = agent.stop()
        local, for_logcollector = lines_of(f"{path}/alerts.json"), lines_of(f"{path}/wazuh.log")
        checks.equal(len(local), made, "alerts in the local file")
        rest = [line for line in local if json.loads(line)["tiercel"]["priority"] != "Critical"]
        wanted = {"rest": rest, "critical": [line for line in local if line not in set(rest)]}
        checks.check(all(got.startswith(MESSAGE) for got in queue.got), "each message names queue, location and decoder")
        got = [message[len(MESSAGE):] for message in queue.got]
        for lane, lines in wanted.items():
            inside = set(lines)
            checks.check([line for line in got if line in inside] == lines, f"the lane {lane}: each once, in order")
        checks.equal(len(got), made, "messages at the queue")
        last_critical = max(number for number, line in enumerate(got) if line in set(wanted["critical"]))
        checks.check(last_critical < 5 + options.burst, "the criticals overtook the burst that waited before them")
        checks.check(sorted(for_logcollector) == sorted(LINE + line for line in local), "the same lines in the file")
        checks.check(not os.path.exists(os.path.join(agent.state_dir, "client.keys")), "nothing was enrolled")
        checks.equal(summary["lost"], 0, "lost")
        errors = [line for line in agent.child.errors if "no wazuh-agent listens" in line]
        checks.check(len(errors) <= 2, f"an absence is told once, not {len(errors)} times")
    return checks.finish("beside")


if __name__ == "__main__":
    support.main(main, "kernel_beside")
