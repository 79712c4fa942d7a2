#!/usr/bin/env python3
"""Hostile and wrong input from outside: a clear message each, the right exit status, no crash, nothing lost."""

import argparse
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402

USER, HOST = 1, 2  # exit statuses: the user's mistake, the host lacks something
RULES = """- rule: Start
  desc: every start of the test's program
  condition: evt.type = execve and proc.name = tk_nop
  output: "%proc.args[0] ran as %proc.cmdline"
  priority: NOTICE
"""
CONFIG = """outputs:
  - type: stdout
  - type: file
    config: {{path: {file}}}
"""
MEBIBYTE = 1 << 20


def say_status(status):
    return f"killed by signal {-status}" if status < 0 else f"status {status}"


class Starts:
    """Command lines that an attacker may choose, each marked by its first argument."""

    def __init__(self, program):
        self.program, self.marks = program, []

    def run(self, mark, *args, argv0=None):
        self.marks.append(mark)
        argv = [argv0 or os.fsencode(self.program), mark.encode()] + list(args)
        subprocess.run(argv, executable=self.program, check=True, env={})


def strange_arguments(starts):
    starts.run("plain", b"an argument")
    starts.run("invalid-utf8", b"\xff\xfe\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80", b"caf\xe9")
    starts.run("cut-utf8", b"\xe2\x82", b"\xf0\x9f\x98")
    starts.run("controls", b"\x01\x1b[31mred\x1b[0m\r\n\t\x7f\xc2\x85", b'"quotes" \\ and }{[]')
    starts.run("empty-arguments", b"", b"", b"")
    starts.run("no-name", b"x", argv0=b"\xff")
    starts.run("formats", b"%s%n%x ${HOME} %proc.name {} {0}")
    # a single argument may have 128 KiB less one byte
    piece = b"a" * 130_000
    starts.run("mebibyte", b"HEAD-OF-IT", *[piece] * 8, b"b" * (MEBIBYTE - 8 * 130_001 - 64), b"TAIL-OF-IT")
    starts.run("many-arguments", *[b"-%d" % i for i in range(20_000)], b"LAST-OF-MANY")
    random_bytes = random.Random(1)
    for number in range(50):
        size = random_bytes.randrange(1, 3000)
        starts.run(f"random-{number}", bytes(random_bytes.randrange(1, 256) for _ in range(size)))


def judge_alerts(checks, lines, starts, normalised):
    found = {}
    for line in lines:
        try:
            text = line.decode("utf-8")  # strictly
            alert = json.loads(text)
        except ValueError as error:
            checks.check(False, f"not a line of JSON in UTF-8: {error}: {line[:200]!r}")
            continue
        checks.check(not re.search(r"[\x00-\x1f\x7f]", text), f"control characters in a line: {text[:200]!r}")
        found[alert["output_fields"].get("proc.args[0]")] = alert
    for mark in starts.marks:
        checks.check(mark in found, f"no alert for the start '{mark}'")
        checks.check(mark in normalised, f"no line in the file for the start '{mark}'")
    if "invalid-utf8" in found:
        checks.check("\ufffd" in found["invalid-utf8"]["output"], "invalid UTF-8 is shown as U+FFFD")
    for mark, head, tail in (("mebibyte", "HEAD-OF-IT", "TAIL-OF-IT"), ("many-arguments", "-0 -1", "LAST-OF-MANY")):
        if mark not in found or mark not in normalised:
            continue
        cmdline = found[mark]["output_fields"]["proc.cmdline"]
        checks.check(head in cmdline and cmdline.endswith(tail), f"{mark}: head and tail are kept: {cmdline[:40]!r} .. {cmdline[-40:]!r}")
        checks.check(len(cmdline) < 16_384, f"{mark}: {len(cmdline)} characters are kept of a long command line")
        cut = normalised[mark]
        checks.check("proc.cmdline" in cut.get("truncated", []), f"{mark}: the cut is marked: truncated={cut.get('truncated')}")
        support.say(f"  {mark}: {len(cmdline)} characters kept, truncated={cut.get('truncated')}")


def command_lines(options, checks, folder):
    path = os.path.join(folder.path, "alerts.json")
    starts = Starts(os.path.join(options.programs, "tk_nop"))
    with support.Agent(options.tiercel, folder.file("rules.yaml", RULES), config=CONFIG.format(file=path)) as agent:
        strange_arguments(starts)
        try:
            agent.wait_alerts(lambda alerts: len(alerts) >= len(starts.marks), "the alerts", 15)
        except (support.Failure, ValueError) as failure:
            support.say(f"  {failure}")
        control_socket(checks, agent)
        summary = agent.stop()
        lines = list(agent.child.lines)
    normalised = {}
    with open(path, "rb") as file:
        for line in file.read().splitlines():
            event = json.loads(line.decode("utf-8"))["tiercel"]
            checks.check(len(line) <= 65_389, f"a line of {len(line)} bytes")
            normalised[event["output"].split(" ran as ")[0]] = event
    judge_alerts(checks, lines, starts, normalised)
    checks.equal(summary["lost"], 0, "lost")


def control_socket(checks, agent):
    """Noise on the control socket must not disturb the agent."""
    noise = random.Random(2)
    for size in (0, 1, 7, 4096, 300_000):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(os.path.join(agent.run_dir, "tiercel.sock"))
            try:
                s.sendall(noise.randbytes(size))
                s.shutdown(socket.SHUT_WR)
                s.recv(4096)
            except OSError:
                pass  # refused: as good
    checks.check(agent.status()["lost"]["total"] == 0, "status answers after noise on the control socket")


def run_to_the_end(argv, **more):
    """A start that must fail. What would go on running is ended after a while."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, errors="replace", **more)
    except subprocess.TimeoutExpired as expired:
        said = (expired.stderr or b"").decode(errors="replace")
        return subprocess.CompletedProcess(argv, 0, "", f"it went on running. {said}")


def refused_starts(options, checks, folder):
    rules = folder.file("rules.yaml", RULES)
    dirs = ["--state-dir", folder.folder("state"), "--run-dir", folder.folder("run")]
    quiet = folder.file("quiet.yaml", "outputs:\n  - type: stdout\n")
    base = [options.tiercel, "run", "--no-manager", "--config"] + [quiet] + dirs
    garbled = folder.file("garbled.keys", "\x00\x01not a key\nat all")
    not_a_file = folder.folder("keys.d")
    managed = "outputs:\n  - type: wazuh\n    config: {host: 127.0.0.1, port: 1, enrol_port: 1}\nwazuh:\n  keys_file: "

    def with_config(name, text, *more):
        return [options.tiercel, "run", "--config", folder.file(name, text)] + dirs + ["--rules", rules] + list(more)

    broken_rules = folder.file("broken_rules.yaml", "- rule: Broken\n  desc: x\n  condition: evt.type = and (\n  output: x\n  priority: NOTICE\n")
    cases = [
        ("empty rules folder", base + ["--rules", folder.folder("rules.d")], USER, r"rules\.d", {}),
        ("rules file that is not there", base + ["--rules", folder.path + "/absent.yaml"], USER, r"absent\.yaml", {}),
        ("rules with a mistake", base + ["--rules", broken_rules], USER, r"broken_rules\.yaml:\d+:\d+", {}),
        ("rules that are no YAML", base + ["--rules", folder.file("no.yaml", "\x00\x01{[")], USER, r"no\.yaml:\d+:\d+", {}),
        ("config that is not there", [options.tiercel, "run", "--config", folder.path + "/none.yaml", "--rules", rules], USER,
         r"none\.yaml", {}),
        ("config with an unknown key", with_config("unknown.yaml", "outputz: []\n"), USER, r"unknown\.yaml:1:\d+", {}),
        ("config that is no YAML", with_config("noyaml.yaml", "outputs: [\n  - {\n"), USER, r"noyaml\.yaml:\d+", {}),
        ("garbled key file", with_config("garbled.yaml", managed + garbled + "\n"), USER, r"garbled\.keys", {}),
        ("key file that cannot be read", with_config("dir.yaml", managed + not_a_file + "\n"), USER, r"keys\.d", {}),
        ("unknown option", [options.tiercel, "run", "--no-such-option"], USER, r"no-such-option", {}),
        ("unknown log level", base + ["--rules", rules, "--log-level", "loud"], USER, r"loud", {}),
    ]
    # somebody else's folders would be another mistake than not being root
    private = folder.folder("nobody")
    os.chown(private, 65534, 65534)
    readable = os.path.join(private, "tiercel")
    shutil.copy(options.tiercel, readable)
    cases.append(("not root", [readable, "run", "--no-manager", "--config", quiet, "--rules", rules, "--state-dir", private, "--run-dir",
                               private], HOST, r"root", {"user": 65534, "group": 65534, "extra_groups": []}))
    rows = []
    for name, argv, status, pattern, more in cases:
        done = run_to_the_end(argv, **more)
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        checks.check(done.returncode == status, f"{name}: {say_status(done.returncode)}, wanted {status}: {done.stderr[-300:]}")
        checks.check(re.search(pattern, done.stderr), f"{name}: the message names what is wrong ({pattern}): {done.stderr[-300:]}")
        checks.check(done.stdout == "", f"{name}: nothing on standard output: {done.stdout[:100]!r}")
        rows.append([name, say_status(done.returncode), lines[-1][:110] if lines else "(nothing)"])
    support.say(support.table(["case", "ended with", "last line"], rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("bad-input") as folder:
        command_lines(options, checks, folder)
        refused_starts(options, checks, folder)
    return checks.finish("bad input")


if __name__ == "__main__":
    support.main(main, "kernel_bad_input")
