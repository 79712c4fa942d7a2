#!/usr/bin/env python3
"""Servers of http_output (with --type of another output) that hang, reset, answer 500, redirect, answer without an end, talk garbage or show a wrong
certificate: detection and the outputs beside them go on, and when they are well they get every alert. In the short form the
agent is started anew for that; with TIERCEL_SOAK=1 it waits for the breaker."""

import argparse
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import delivery  # noqa: E402
import tiercel as support  # noqa: E402

MARK = re.compile(rb"/(?:mark|crit)-(\d+)")
LENGTH = re.compile(rb"content-length: (\d+)", re.I)
# What each service says when it has taken a request, whose body it is given; and how an output of that type is configured.
ANSWERS = {"http_output": lambda body: b"", "slack": lambda body: b"ok",
           "aws_security_hub": lambda body: b'{"FailedCount":0,"SuccessCount":%d,"FailedFindings":[]}' % len(json.loads(body)["Findings"])}
KEYS = {"http_output": "url: '{url}', timeout_ms: 500", "slack": "webhook_url: '{url}', fold_window_s: 5",
        "aws_security_hub": "endpoint: '{origin}', region: us-east-1, account: '123456789012'"}
AWS = {"AWS_ACCESS_KEY_ID": "AKIATESTSTESTSTESTST", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_EC2_METADATA_DISABLED": "true"}
GIB = 1 << 30


class Server:
    """One output's other side. Until well() it gives its trouble."""

    def __init__(self, trouble, kind, contexts=None):
        self.trouble, self.kind, self.contexts = trouble, kind, contexts  # contexts: (of the wrong certificate, of the right one)
        self.is_well, self.lock = trouble == "well", threading.Lock()
        self.numbers, self.requests, self.attempts = set(), 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self._run, daemon=True).start()

    def origin(self):
        return f"{'https' if self.contexts else 'http'}://127.0.0.1:{self.port}"

    def well(self):
        self.is_well = True
        with self.lock:
            for connection in self.open:
                connection.close()

    def has(self, count):
        with self.lock:
            return len(self.numbers) >= count

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.attempts += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.contexts:
                connection = self.contexts[1 if self.is_well else 0].wrap_socket(connection, server_side=True)
            with self.lock:
                self.open.add(connection)
            while self._answer(connection):
                pass
        except OSError:  # the client went, or well() ended it
            pass
        with self.lock:
            self.open.discard(connection)
        connection.close()

    def _request(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            some = connection.recv(65536)
            if not some:
                return None
            data += some
        head, _, body = data.partition(b"\r\n\r\n")
        size = int(LENGTH.search(head)[1])
        while len(body) < size:
            body += connection.recv(65536)
        return body

    def _answer(self, connection):
        if self.trouble == "reset" and not self.is_well:
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = self._request(connection)
        if body is None:
            return False
        if not self.is_well:
            return self._trouble(connection)
        with self.lock:
            if self.kind == "http_output":  # one alert a request
                self.numbers.add(int(MARK.search(body)[1]))
            self.requests += 1
        answer = ANSWERS[self.kind](body)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        return True

    def _trouble(self, connection):
        if self.trouble == "hang":
            return bool(connection.recv(1))
        if self.trouble == "garbage":
            connection.sendall(os.urandom(100_000))
            return False
        if self.trouble == "endless":
            connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % GIB)
            for _ in range(GIB >> 20):
                connection.sendall(bytes(1 << 20))
            return False
        where = b"Location: http://127.0.0.1:1/\r\n" if self.trouble == "redirect" else b""
        connection.sendall(b"HTTP/1.1 %d No\r\n%sContent-Length: 0\r\n\r\n" % (302 if where else 500, where))
        return True


def certificate(folder, name):
    path = [os.path.join(folder.path, f"{name}.{kind}") for kind in ("pem", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-out", path[0], "-keyout", path[1]], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*path)
    return path[0], context


def config_text(folder, servers, ca_file):
    lines = ["heartbeat_interval_s: 0", "outputs:", f"  - {{type: file, config: {{path: {folder.path}/alerts.json, rotate_size_mb: 0}}}}"]
    for name, server in servers.items():
        more = f", ca_file: {ca_file}" if server.contexts else ""
        keys = KEYS[server.kind].format(url=server.origin() + "/SECRET", origin=server.origin())
        lines.append(f"  - {{type: {server.kind}, config: {{name: {name}, {keys}, condition: 'evt.type in (open, openat)'{more}}}}}")
    return "\n".join(lines) + "\n"


def run(options, checks):
    rate, seconds = (500, 120) if support.soak() else (300, 3)
    with support.Folder("hostile") as folder:
        rules = folder.file("rules.yaml", delivery.RULES.format(folder=folder.path))
        ca_file, right = certificate(folder, "right")
        wrong = certificate(folder, "wrong")[1]
        servers = {name: Server(name, options.type) for name in ("well", "hang", "reset", "error", "redirect", "endless", "garbage")}
        servers["certificate"] = Server("certificate", options.type, (wrong, right))
        config = config_text(folder, servers, ca_file)

        def start():
            return support.Agent(options.tiercel, rules, config=config, folder=folder, json_lines=False, env={**os.environ, **AWS})

        agent = start()
        try:
            marks, begun = delivery.Marks(options, folder), time.monotonic()
            told = marks.start(rate, rate * seconds).finish(stop=False)
            count = told["opens"]

            def has_all(name):
                """By the server where it can tell them apart, else by the agent, which counts what was taken for it."""
                if options.type == "http_output":
                    return servers[name].has(count)
                return {row["name"]: row["delivered"] for row in agent.status()["outputs"]}[name] + before.get(name, 0) >= count

            before = {}
            support.wait_until(lambda: has_all("well"), "all alerts at the server that is well", 60, 0.2)
            beside_s = time.monotonic() - begun
            status = agent.status()
            checks.equal(status["lost"]["total"], 0, "lost")
            rows = {row["name"]: row for row in status["outputs"]}
            for name, server in servers.items():
                if name == "well":
                    continue
                checks.equal(rows[name]["delivered"], 0, f"{name}: delivered in its trouble")
                checks.check(rows[name]["waiting"] >= count, f"{name}: {rows[name]['waiting']} of {count} wait")
                checks.check(server.attempts > 0, f"{name}: it was never asked")
                if name == "hang" and options.type != "http_output" and not support.soak():
                    continue  # their time limits are longer than the short form
                checks.check(rows[name]["failures"] > 0, f"{name}: failures")
                checks.check(rows[name]["last_answer"], f"{name}: no answer is told")
            checks.check("SECRET" not in str(status) + agent.child.stderr(), "a URL is shown")
            rss = agent.rss_anon_bytes()
            if not support.soak():
                before["well"] = count
                agent.child.stop()
            for server in servers.values():
                server.well()
            well_at = time.monotonic()
            if not support.soak():
                agent = start()
            support.wait_until(lambda: all(has_all(name) for name in servers), "all alerts everywhere", 300, 0.2)
            recovered_s = time.monotonic() - well_at
            checks.equal(agent.status()["lost"]["total"], 0, "lost after all")
            agent.child.stop()
        finally:
            agent.child.kill()
        local = delivery.Local(os.path.join(folder.path, "alerts.json")).read()
        checks.check(len(local.id_of) == count, f"{len(local.id_of)} of {count} alerts in the file")
        for server in servers.values():
            server.listener.close()
    told_apart = options.type == "http_output"
    table = [[name, count, len(server.numbers) if told_apart else "all", server.requests - len(server.numbers) if told_apart else "-",
              server.requests, server.attempts,
              rows[name]["last_answer"][:70]] for name, server in servers.items()]
    support.say(support.table(["server", "alerts", "got", "twice", "requests", "connections", "what was told in its trouble"], table))
    support.say(f"{count} alerts in {told['took_ms']:.0f} ms; at the server that is well after {beside_s:.1f} s; at the others "
                f"{recovered_s:.1f} s after they were well; {rss / (1 << 20):.1f} MiB anonymous in the trouble")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--type", choices=ANSWERS, default="http_output")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    run(options, checks)
    return checks.finish("hostile outputs")


if __name__ == "__main__":
    support.main(main, "kernel_hostile_outputs")
