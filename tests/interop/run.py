#!/usr/bin/env python3
"""Interoperability: our manager with an agent in Python, our agent with a manager in Python. Loopback only.

usage: run.py AGENT_PROBE MANAGER_PROBE [WAZUH_VECTORS_JSON]      exit status 0: all is well
"""
import hashlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib

import client
import server
import wire

LIMIT_S = 60


class Program:
    """A child process and its lines."""

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.err = queue.Queue(), queue.Queue()
        self.threads = [threading.Thread(target=self.pump, args=pair, daemon=True)
                        for pair in ((self.child.stdout, self.out), (self.child.stderr, self.err))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def pump(pipe, lines):
        for line in pipe:
            lines.put(line.rstrip(b"\n"))

    def say(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def wait_for(self, lines, wanted):
        """The first line that matches, those before it are passed over."""
        until = time.monotonic() + LIMIT_S
        seen = []
        while time.monotonic() < until:
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                assert self.child.poll() is None or not lines.empty(), f"the program ended; wanted {wanted}, saw {seen}"
                continue
            match = re.search(wanted, line)
            if match:
                return match
            seen.append(line[:200])
        raise AssertionError(f"no line like {wanted}, saw {seen[-20:]}")

    def end(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            return self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def get_all(source, count):
    return [source.get(timeout=LIMIT_S) for _ in range(count)]


def test_vectors(options):
    """The Python side by itself, against recorded frames of a real agent and a real manager."""
    with open(options["vectors"]) as f:
        vectors = [v for v in json.load(f) if v["method"] == "aes"]
    check(len(vectors) == 16, "16 AES vectors")
    for v in vectors:
        key = wire.derived_key(v["id"], v["name"], v["raw_key"])
        check(key == v["derived_key"], "derived key")
        plain = wire.plaintext(v["message"].encode(), v["random"], v["global_counter"], v["local_counter"])
        check(plain.hex() == v["checksummed_plaintext_hex"], "plaintext")
        check(zlib.compress(plain, 9).hex() == v["zlib9_hex"], "zlib")
        payload = wire.seal(v["message"].encode(), key, v["random"], v["global_counter"], v["local_counter"])
        sent = bytes.fromhex(v["wire_hex"])
        if v["direction"] == ">":
            prefix = b"!" + v["id"].encode() + b"!"
            check(sent.startswith(prefix), "id")
            sent = sent[len(prefix):]
        check(payload == sent, "wire")
        check(wire.unseal(sent, key)[0] == v["message"].encode(), "decoded message")


class Manager:
    def __init__(self, options, folder):
        self.folder = os.path.join(folder, "manager")
        self.program = Program([options["manager"], self.folder, "open sesame", "default"])
        ready = self.program.wait_for(self.program.err, rb"agents on port (\d+), enrolment on port (\d+)")
        self.port, self.enrol_port = int(ready[1]), int(ready[2])
        self.ca = os.path.join(self.folder, "manager.cert")

    def agent(self):
        line = "OSSEC PASS: open sesame OSSEC A:'python-agent' V:'v4.14.0' G:'default'\n"
        words = client.key_of(client.enrol(self.enrol_port, line, self.ca))
        # The receiver learns of the key at its next look at the file.
        until = time.monotonic() + LIMIT_S
        while True:
            agent = client.Agent(self.port, words)
            try:
                check(agent.start() == b"#!-agent ack ", "ack of the startup")
                return agent
            except wire.Closed:
                check(time.monotonic() < until, "the manager never learns of the key")
                time.sleep(0.02)


def test_client_enrolment(options, folder):
    manager = Manager(options, folder)
    try:
        def ask(line):
            return client.enrol(manager.enrol_port, line, manager.ca)
        check(ask("OSSEC A:'py'\n") == "ERROR: Invalid password. Unable to add agent", "no password")
        check(ask("OSSEC PASS: wrong OSSEC A:'py'\n") == "ERROR: Invalid password. Unable to add agent", "wrong password")
        check(ask("OSSEC PASS: open sesame OSSEC A:'py' G:'nope'\n") == "ERROR: Invalid group: nope. Unable to add agent",
              "unknown group")
        words = client.key_of(ask("OSSEC PASS: open sesame OSSEC A:'py' V:'v4.0.1' G:'default' IP:'src'\n"))
        check(words[:3] == ["001", "py", "127.0.0.1"] and re.fullmatch("[0-9a-f]{64}", words[3]), "the key")
        good = hashlib.sha1("".join([words[0], words[1], words[3]]).encode()).hexdigest()
        check(ask(f"OSSEC PASS: open sesame OSSEC A:'py' K:'{good}'\n").startswith("ERROR: Duplicate agent name: py."),
              "a key that is still good")
        with open(os.path.join(manager.folder, "client.keys")) as f:
            check(f.read() == " ".join(words) + "\n", "the manager's client.keys")
    finally:
        check(manager.program.end() == 0, "exit status of the manager")


def test_client_session(options, folder):
    manager = Manager(options, folder)
    try:
        agent = manager.agent()
        agent.say(b"#!-Linux |py |1 |1 |x86_64 [x|x: 1] - Wazuh v4.14.0\nx merged.mg\n#\"_agent_ip\":127.0.0.1\n")
        check(agent.hear() == b"#!-agent ack ", "ack of the keep-alive")
        agent.stream.send(b"#ping")
        check(agent.hear() == b"#pong", "pong")

        texts = [json.dumps({"tiercel": {"id": f"py-{i}", "n": i, "text": "caf\u00e9 \"x\" \\ \u0001"}}, ensure_ascii=i % 2 == 0)
                 for i in range(60)]
        texts.append('{"tiercel": {"id":"py-60",   "spaces":  1.50}}')
        texts.append(json.dumps({"tiercel": {"id": "py-61", "text": "y" * 60000}}))
        for text in texts:
            agent.say(b"1:tiercel:tiercel: " + text.encode())
        agent.say(b"1:some|:where:just a line")
        left = set(texts)
        plain = 0
        while left or not plain:
            line = manager.program.out.get(timeout=LIMIT_S).decode()
            event = json.loads(line)
            check(event["agent"] == {"id": agent.id, "name": "python-agent"}, "the agent in the manager's line")
            if event["decoder"] is None:
                check((event["location"], event["event"]) == ("some:where", "just a line"), "a plain event")
                plain += 1
                continue
            text = line[line.index('"event":') + len('"event":'):-1]
            check(text in left, "the event's text, byte for byte, once: " + text[:80])
            left.remove(text)

        manager.program.say(f'ar {agent.id} {{"version":1,"command":"test","parameters":{{}}}}')
        check(agent.hear() == b'#!-execd {"version":1,"command":"test","parameters":{}}', "active response")
        path = os.path.join(folder, "tiercel.yaml")
        with open(path, "w") as f:
            f.write("rule: x\n" * 5000)
        manager.program.say(f"push {path}")
        name, content = agent.receive_file()
        check(name == b"merged.mg" and content.startswith(b"#default\n!") and content.endswith(b"rule: x\n"), "merged.mg")
        check(b"!40000 tiercel.yaml\nrule: x\n" in content, "the file in merged.mg")
        manager.program.say("reconnect")
        check(agent.hear() == b"#!-force_reconnect", "force_reconnect")

        second = client.Agent(manager.port, [agent.id, agent.name, agent.ip, agent.raw_key])
        expect_closed(second.start, "a second connection of the agent")
        wrong = client.Agent(manager.port, [agent.id, agent.name, agent.ip, "0" * 64])
        expect_closed(wrong.start, "a wrong key")
        agent.say(b"#!-agent shutdown ")
        agent.stream.close()
    finally:
        check(manager.program.end() == 0, "exit status of the manager")


def expect_closed(call, what):
    try:
        answer = call()
    except wire.Closed:
        return
    raise AssertionError(f"{what}: answered {answer!r}")


def test_killed_manager(options, folder):
    """Our agent and our manager, each a process; the manager is killed -9 while alerts come in, and comes back."""
    where = [os.path.join(folder, "manager"), "open sesame", "default"]
    manager = Program([options["manager"]] + where)
    agent = None
    try:
        ready = manager.wait_for(manager.err, rb"agents on port (\d+), enrolment on port (\d+)")
        agent = Program([options["agent"], "host=127.0.0.1", f"port={int(ready[1])}", f"enrol_port={int(ready[2])}",
                         "name=our-agent", "password=open sesame", "keys=" + os.path.join(folder, "client.keys")])
        agent.wait_for(agent.out, rb"^connected$")
        expected, seen = [], []

        def collect():
            while not manager.out.empty():
                line = manager.out.get().decode()
                # The last line of a killed program may be half of one.
                if '"decoder":"tiercel"' in line and line.endswith("}}"):
                    seen.append(line[line.index('"event":') + len('"event":'):-1])

        def send(steps, step):
            for _ in range(steps):
                agent.say(f"send {step}")
                expected.extend(agent.wait_for(agent.out, rb"^sent (.*)$")[1].decode() for _ in range(step))
                time.sleep(0.01)

        for _ in range(3):
            send(50, 4)
            manager.child.kill()
            manager.child.wait()
            send(25, 4)
            for thread in manager.threads:
                thread.join()
            collect()
            manager = Program([options["manager"]] + where + [ready[1].decode(), ready[2].decode()])
            manager.wait_for(manager.err, rb"agents on port")
        until = time.monotonic() + LIMIT_S
        while not set(expected) <= set(seen):
            check(time.monotonic() < until, f"{len(set(expected) - set(seen))} of {len(expected)} alerts are missing")
            time.sleep(0.05)
            collect()
        check(set(seen) == set(expected), "nothing but what was sent, byte for byte")
        agent.say("stop")
        agent.wait_for(agent.out, f"^status .* confirmed={len(expected)} ".encode())
    finally:
        if agent:
            agent.end()
        check(manager.end() == 0, "exit status of the manager")


class AgentUnderTest:
    """Our agent against the server in Python."""

    def __init__(self, options, folder, **arguments):
        self.enrolment = server.Enrolment(folder, "open sesame")
        self.sock = server.listener()
        self.sock.settimeout(LIMIT_S)
        self.port = self.sock.getsockname()[1]
        words = {"host": "127.0.0.1", "port": self.port, "enrol_port": self.enrolment.port, "name": "our-agent",
                 "keys": os.path.join(folder, "client.keys"), "password": "open sesame", "ca": self.enrolment.cert}
        words.update(arguments)
        self.program = Program([options["agent"]] + [f"{k}={v}" for k, v in words.items()])

    def accept(self):
        return server.Session(self.sock.accept()[0], self.enrolment.keys)

    def sent(self, count):
        return [self.program.wait_for(self.program.out, rb"^sent (.*)$")[1] for _ in range(count)]


def test_agent_session(options, folder):
    agent = AgentUnderTest(options, folder, group="web")
    session = agent.accept().start()
    try:
        check(agent.enrolment.requests == ["OSSEC PASS: open sesame OSSEC A:'our-agent' V:'v4.14.0' G:'web'\n"],
              f"the enrolment request: {agent.enrolment.requests}")
        with open(os.path.join(folder, "client.keys")) as f:
            check(f.read() == " ".join(agent.enrolment.keys["001"]) + "\n", "the agent's client.keys")
        check(os.stat(os.path.join(folder, "client.keys")).st_mode & 0o777 == 0o640, "mode of client.keys")
        check(session.control.get(timeout=LIMIT_S) == b'#!-agent startup {"version":"v4.14.0"}', "startup")
        check(session.events.get(timeout=LIMIT_S) == b"1:wazuh-agent:ossec: Agent started: 'our-agent->any'.", "first event")
        keepalive = session.control.get(timeout=LIMIT_S).decode()
        check(re.fullmatch(r'#!-Linux \|\S+ \|\S+ \|.+ \|\w+ \[.+\|\w+: .*\] - Wazuh v4\.14\.0\n"env":interop\nx merged\.mg\n'
                           r'#"_agent_ip":127\.0\.0\.1\n', keepalive), "keep-alive: " + keepalive)

        agent.program.say("send 120")
        expected = {b"1:tiercel:tiercel: " + text for text in agent.sent(120)}
        check(set(get_all(session.events, 120)) == expected, "120 events, byte for byte")
        check(session.counters == sorted(session.counters) and len(set(session.counters)) == len(session.counters),
              "counters that grow")

        session.say(b'#!-execd {"version":1,"command":"x"}')
        agent.program.wait_for(agent.program.out, rb'^ar {"version":1,"command":"x"}$')
        content = b"#default\n!5 ar.conf\nabcd\n" + bytes(range(32, 127)) * 100
        digest = hashlib.md5(content).hexdigest()
        session.say(f"#!-up file {digest} merged.mg\n".encode())
        for begin in range(0, len(content), 900):
            session.say(content[begin:begin + 900])
            session.say(b"#!-agent ack ")
        session.say(b"#!-close file ")
        agent.program.wait_for(agent.program.out, f"^file merged.mg {digest} {len(content)}$".encode())
        session.say(b"#!-req 1f agent getstate")
        while True:
            message = session.control.get(timeout=LIMIT_S)
            if message.startswith(b"#!-req 1f "):
                check(json.loads(message[10:])["data"]["status"] == "connected", "getstate")
                break
        until = time.monotonic() + LIMIT_S
        while f"\n{digest} merged.mg\n".encode() not in session.control.get(timeout=LIMIT_S):
            check(time.monotonic() < until, "the keep-alive names the new merged.mg")

        # A pong inside a half-sent frame, as a real manager may write it.
        whole = wire.framed(wire.seal(b'#!-execd {"half":1}', session.key, 1, *session.counter.next()))
        for place in (1, 2, 3, 4, 30, len(whole) - 1):
            session.raw(whole[:place] + wire.framed(b"#pong") + whole[place:])
            agent.program.wait_for(agent.program.out, rb'^ar {"half":1}$')

        agent.program.say("stop")
        agent.program.wait_for(agent.program.out, rb"^status connected=\d id=001 sent=120 resent=0 confirmed=120 ")
        while session.control.get(timeout=LIMIT_S) != b"#!-agent shutdown ":
            pass
        check(session.error is None, f"the session: {session.error}")
        check(session.pings >= 2, "pings")
    finally:
        check(agent.program.end() in (0, -15), "exit status of the agent")


def test_agent_reconnects(options, folder):
    agent = AgentUnderTest(options, folder)
    try:
        seen = set()
        expected = set()
        for how in ("asked", "cut", "bad frame", "stay"):
            session = agent.accept().start()
            agent.program.wait_for(agent.program.out, rb"^connected$")
            agent.program.say("send 40")
            expected |= {b"1:tiercel:tiercel: " + text for text in agent.sent(40)}
            if how == "stay":
                break
            seen |= set(get_all(session.events, 10))
            if how == "asked":
                session.say(b"#!-force_reconnect")
            elif how == "bad frame":
                session.raw(wire.framed(b"#AES:" + b"0123456789abcdef" * 4))
            else:
                session.close()
            agent.program.wait_for(agent.program.out, rb"^disconnected$")
            session.closed.wait(LIMIT_S)
            while not session.events.empty():
                seen.add(session.events.get())
        until = time.monotonic() + LIMIT_S
        while not expected <= seen:
            check(time.monotonic() < until, f"{len(expected - seen)} events are missing")
            seen.add(session.events.get(timeout=LIMIT_S))
        started = [event for event in seen if b"Agent started" in event]
        check(len(started) <= 1 and seen - expected == set(started), "nothing but what was sent")
        agent.program.say("stop")
        status = agent.program.wait_for(agent.program.out, rb"^status .* resent=(\d+) confirmed=160 .*reconnects=3 ")
        check(int(status[1]) > 0, "what was unconfirmed is sent again")
        agent.program.wait_for(agent.program.out, rb"^stopped$")
    finally:
        agent.program.end()


def test_agent_refused(options, folder):
    """Refusals: a wrong password, a certificate of somebody else, a version that the manager does not take."""
    def last_error(agent, wanted):
        until = time.monotonic() + LIMIT_S
        while True:
            agent.program.say("status")
            line = agent.program.wait_for(agent.program.out, rb"^status .* error=(.*)$")[1].decode()
            if wanted in line:
                return line
            check(time.monotonic() < until, f"no '{wanted}' but '{line}'")
            time.sleep(0.05)

    os.mkdir(os.path.join(folder, "a"))
    agent = AgentUnderTest(options, os.path.join(folder, "a"), password="not it")
    try:
        check("not it" not in last_error(agent, "Invalid password"), "the password is in no message")
    finally:
        agent.program.end()

    os.mkdir(os.path.join(folder, "b"))
    os.mkdir(os.path.join(folder, "c"))
    other = server.make_certificate(os.path.join(folder, "b"))[0]
    agent = AgentUnderTest(options, os.path.join(folder, "c"), ca=other)
    try:
        last_error(agent, "is not good by")
        check(agent.enrolment.requests == [], "nothing is said to a stranger, the password least of all")
    finally:
        agent.program.end()

    os.mkdir(os.path.join(folder, "d"))
    too_high = b'#!-err {"message":"Agent version must be lower or equal to manager version"}'
    agent = AgentUnderTest(options, os.path.join(folder, "d"), version="v4.14.0")
    try:
        session = agent.accept()
        session.refuse_with = too_high
        session.start()
        last_error(agent, "must be lower or equal")
    finally:
        agent.program.end()

    os.mkdir(os.path.join(folder, "e"))
    agent = AgentUnderTest(options, os.path.join(folder, "e"))  # free to say less
    try:
        for version in (b"v4.14.0", b"v4.13.0", b"v4.12.0"):
            session = agent.accept()
            session.refuse_with = too_high if version != b"v4.12.0" else None
            session.start()
            said = session.control.get(timeout=LIMIT_S)
            check(said == b'#!-agent startup {"version":"' + version + b'"}', f"startup: {said}, not {version}")
        agent.program.wait_for(agent.program.out, rb"^connected$")
    finally:
        agent.program.end()


def main():
    agent, manager = (os.path.abspath(path) for path in sys.argv[1:3])
    options = {"agent": agent, "manager": manager}
    here = os.path.dirname(os.path.abspath(__file__))
    shared = os.environ.get("TIERCEL_SHARED", os.path.join(here, "..", "..", "..", "shared"))
    options["vectors"] = sys.argv[3] if len(sys.argv) > 3 else os.path.join(shared, "reference", "wazuh-vectors.json")
    failed = 0
    for test in (test_vectors, test_client_enrolment, test_client_session, test_killed_manager, test_agent_session,
                 test_agent_reconnects, test_agent_refused):
        begin = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="tiercel-interop-") as folder:
                test(options) if test is test_vectors else test(options, folder)
            print(f"ok   {test.__name__} {time.monotonic() - begin:.1f} s", flush=True)
        except Exception:  # whatever it is: the other tests have their turn
            failed += 1
            print(f"FAIL {test.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"interop: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
