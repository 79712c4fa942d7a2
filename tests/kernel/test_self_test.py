#!/usr/bin/env python3
"""An agent whose hooks were closed in its own process says that it is blind; one whose rings are read says nothing."""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.cmdline"
  priority: NOTICE
"""
CONFIG = "self_test_interval_s: 2\nheartbeat_interval_s: 0\nwatch_config_files: false\noutputs: [{type: stdout}]\n"
HEALTHZ = "metrics: {{listen: \"127.0.0.1:{port}\"}}\n"


def hooks(pid):
    """The descriptors that keep the agent's hooks attached."""
    links = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: none of the hooks
            links[fd] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return [int(fd) for fd, link in links.items() if "bpf" in link and "map" not in link and "prog" not in link]


def close_in(pid, fds):
    """What somebody does who wants to blind it."""
    calls = [word for fd in fds for word in ("-ex", f"call (int)__close({fd})")]
    done = subprocess.run([shutil.which("gdb"), "-nx", "-batch", "-p", str(pid), *calls], capture_output=True, text=True, timeout=120, check=False)
    return done.stdout.count(" = 0"), done.stdout[-2000:] + done.stderr[-2000:]


def healthz(port):
    """The status of /healthz, and the checks that are not well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=support.WAIT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def self_tests(agent):
    return [alert for alert in agent.alerts() if alert["rule"] == "Tiercel internal: self-test"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    checks = support.Checks()
    port = support.free_port()
    with support.Folder() as folder:
        config = CONFIG + HEALTHZ.format(port=port)
        with support.Agent(options.tiercel, folder.file("rules.yaml", RULES), folder=folder, config=config) as agent:
            support.wait_until(lambda: agent.status().get("self_test") == "passed", "the first self-test passes")
            checks.equal(healthz(port)[0], 200, "/healthz of an agent that sees")
            links = hooks(agent.pid)
            checks.check(len(links) >= 3, f"hooks of processes: {links}")
            closed, said = close_in(agent.pid, links)
            checks.equal(closed, len(links), f"closed by a debugger: {said}")
            agent.wait_alerts(lambda alerts: any(a["rule"] == "Tiercel internal: self-test" for a in alerts), "it says that it is blind")
            checks.equal([a["priority"] for a in self_tests(agent)], ["Critical"], "once, and as critical")
            checks.equal(agent.status().get("self_test"), "failed", "status says it")
            status, said = support.wait_until(lambda: (lambda got: got if got[0] == 503 else None)(healthz(port)), "/healthz says it")
            checks.check('"live":false' in said and "restart the agent" in said, f"/healthz says why: {said}")
    return checks.finish("an agent without hooks says so")


if __name__ == "__main__":
    support.main(main, "kernel_self_test")
