#!/usr/bin/env python3
"""/metrics and /healthz of a live agent: scraped under load, with garbage and slow clients beside.

The page is read by a strict reader, its counters are the status's, every metric that the dashboard in packaging/grafana
or docs/metrics.md names is on it; /healthz?ready turns 503 when records are lost (test_self_test.py has /healthz of a blind
agent). Nothing listens on any other address than loopback.
"""

import argparse
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import exposition  # noqa: E402
import tiercel as support  # noqa: E402

RULES = """- rule: "Start \\\\ of the test's program"
  desc: every start of the test's program
  condition: evt.type in (execve, execveat) and proc.name = tk_nop
  output: "%proc.args"
  priority: NOTICE
  tags: [container, T1059.004]
- rule: Open
  desc: every open of a marked file
  condition: evt.type = openat and fd.name startswith {folder}/mark-
  output: "%fd.name"
  priority: NOTICE
"""
CONFIG = """metrics:
  listen: 127.0.0.1:{port}
self_test_interval_s: 2
outputs:
  - type: stdout
  - type: file
    config:
      path: {folder}/alerts.json
sensor:
  ring_bulk_size_kb: 256
"""
STARTS = 50


def get(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=support.WAIT_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    finally:
        connection.close()


def page_of(port):
    status, kind, text = get(port, "/metrics")
    if status != 200 or not kind.startswith("text/plain; version=0.0.4"):
        raise support.Failure(f"/metrics: {status}, {kind}")
    try:
        return exposition.Page(text)
    except exposition.Wrong as wrong:
        raise support.Failure(f"/metrics: {wrong}") from None


def health(port, path="/healthz"):
    status, _, text = get(port, path)
    return status, json.loads(text)


def listeners(pid):
    """Addresses that the process's TCP sockets listen on, as /proc has them."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
        if found:
            inodes.add(found.group(1))
    out = []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{name}", encoding="ascii") as table:
            for line in table.read().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and words[9] in inodes:
                    out.append(words[1])
    return out


def named_metrics():
    """What the dashboard asks for and what the documentation promises: (name, where)."""
    with open(os.path.join(ROOT, "packaging", "grafana", "tiercel.json"), encoding="utf-8") as board:
        text = board.read()
    for expression in re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', text):
        for name in re.findall(r"\b(?:tiercel|falcosecurity|process)_[a-z_0-9]+", expression):
            yield name, "the dashboard"
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as page:
        for name in re.findall(r"^\| `((?:tiercel|falcosecurity|process)_[a-z_0-9]+)", page.read(), re.M):
            yield name, "docs/metrics.md"


def under_load(checks, agent, port, options):
    slow = []
    for number in range(50):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"GET /metrics HT" if number % 2 else b"\x16\x03\x01\x02\x00\x01")
        slow.append(client)
    for number in range(STARTS):
        subprocess.run([os.path.join(options.programs, "tk_nop"), str(number)], check=True)
        if number % 10 == 0:
            page_of(port)
    for path, method, wanted in (("/nothing", "GET", 404), ("/metrics", "POST", 405), ("/metrics", "HEAD", 200)):
        checks.equal(get(port, path, method)[0], wanted, f"{method} {path}")
    agent.wait_alerts(lambda alerts: len(alerts) >= STARTS, "an alert for each start")
    for client in slow:
        client.close()


def compare(checks, page, status):
    for where in ("kernel", "malformed_records", "spool", "outputs"):
        checks.equal(page.sum("tiercel_lost_total", where=where), status["lost"][where], f"lost, {where}")
    checks.equal(page.sum("tiercel_lost_total"), status["lost"]["total"], "lost in all")
    checks.equal(page.sum("tiercel_kernel_events_lost_total"), status["lost"]["kernel"], "lost in the kernel, by event")
    checks.equal(page.sum("falcosecurity_scap_n_drops_total"), status["lost"]["kernel"], "the same by Falco's name")
    checks.equal(page.sum("tiercel_container_events_lost_total"), sum(row["lost"] for row in status["lost"]["by_cgroup"]), "by container")
    checks.equal(page.sum("tiercel_alerts_total"), status["alerts"], "alerts")
    checks.equal(page.sum("falcosecurity_falco_rules_matches_total"), status["alerts"], "alerts by rule")
    for output in status["outputs"]:
        label = output["name"].removeprefix("file ")
        checks.equal(page.sum("tiercel_output_delivered_total", output=label), output["delivered"], f"delivered by {label}")


def names(checks, page):
    kinds = list(page.families)
    losses = [name for name in kinds if name.endswith("_lost_total") or "_drops_" in name]
    checks.equal(kinds[:len(losses)], losses, "losses come first")
    for name, where in named_metrics():
        conditional = name.startswith("tiercel_manager_") or name.startswith("tiercel_wazuh_")  # only with a manager
        checks.check(conditional or name in page.families, f"{where} names {name}, which is not exported")
    rule = [labels for labels, _ in page.families["falcosecurity_falco_rules_matches_total"]["samples"]
            if labels["rule_name"] == "Start \\ of the test's program"]
    checks.equal([(r["priority"], r["source"], r["tag_container"], r["tag_T1059_004"]) for r in rule],
                 [("5", "syscall", "true", "true")], "a rule's labels")


def lose(agent, folder):
    """Opens far beyond what the ring for files holds, while nobody empties it."""
    agent.child.signal(signal.SIGSTOP)
    try:
        for number in range(6_000):
            try:
                os.close(os.open(f"{folder}/mark-{number}", os.O_RDONLY))
            except FileNotFoundError:
                pass
    finally:
        agent.child.signal(signal.SIGCONT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("metrics") as folder:
        port = support.free_port()
        config = CONFIG.format(port=port, folder=folder.path)
        rules = folder.file("rules.yaml", RULES.format(folder=folder.path))
        with support.Agent(options.tiercel, rules, config=config, folder=folder) as agent:
            checks.check(listeners(agent.pid) and all(a.startswith("0100007F:") for a in listeners(agent.pid)),
                         f"it listens on loopback alone: {listeners(agent.pid)}")
            support.wait_until(lambda: health(port)[1]["checks"][1]["detail"] == "passed", "the self-test")
            ready = health(port, "/healthz?ready")
            ill = [check["name"] for check in ready[1]["checks"] if check["state"] != "ok"]
            # a busy host may have lost something already: then it says just that
            checks.check((ready[0], ill) in ((200, []), (503, ["losses"])) and health(port)[0] == 200, f"well: {ready}")
            under_load(checks, agent, port, options)

            def settled():
                # nothing came between: the same counts before and behind the page, and on it
                before, page, after = agent.status(), page_of(port), agent.status()
                counts = [(s["lost"], s["alerts"], s["outputs"]) for s in (before, after)]
                on_page = (page.sum("tiercel_lost_total"), page.sum("tiercel_alerts_total"), page.sum("tiercel_output_delivered_total"))
                wanted = (after["lost"]["total"], after["alerts"], sum(output["delivered"] for output in after["outputs"]))
                return (page, after) if counts[0] == counts[1] and on_page == wanted else None

            page, status = support.wait_until(settled, "a quiet moment")
            compare(checks, page, status)
            lose(agent, folder.path)
            answer = support.wait_until(lambda: (lambda got: got if got[0] == 503 else None)(health(port, "/healthz?ready")), "503 after a loss")
            checks.equal([c["name"] for c in answer[1]["checks"] if c["state"] == "not ready"], ["losses"], "why")
            checks.equal([health(port)[0], answer[1]["live"]], [200, True], "a loss is no reason for a restart")

            page, status = support.wait_until(settled, "another quiet moment")
            checks.check(status["lost"]["kernel"] > 0, "records were lost")
            compare(checks, page, status)
            names(checks, page)
            summary = agent.stop()
            checks.check(summary["lost"] >= page.sum("tiercel_lost_total"), f"the summary: {summary}")
    return checks.finish("metrics and health")


if __name__ == "__main__":
    support.main(main, "kernel_metrics")
