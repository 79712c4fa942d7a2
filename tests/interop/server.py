"""A manager in Python, one agent at a time: TLS enrolment and the secure session. See wire.py."""
import os
import queue
import re
import secrets
import socket
import ssl
import subprocess
import threading

import wire


def make_certificate(folder):
    cert, key = os.path.join(folder, "server.cert"), os.path.join(folder, "server.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=interop", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True, timeout=60)
    return cert, key


def listener(port=0):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(8)
    return sock


class Enrolment:
    """Answers enrolment requests by a regular expression of its own; keeps what was asked."""

    REQUEST = re.compile(r"^(?:OSSEC PASS: (?P<password>.*) )?OSSEC A:'(?P<name>[\w.-]{2,128})'(?: V:'(?P<version>[^']*)')?"
                         r"(?: G:'(?P<groups>[^']*)')?(?: IP:'(?P<ip>[^']*)')?(?: K:'(?P<hash>[0-9a-f]{40})')?\n$")

    def __init__(self, folder, password):
        self.cert, key = make_certificate(folder)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, key)
        self.password = password
        self.requests = []
        self.keys = {}
        self.sock = listener()
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def answer(self, line):
        request = self.REQUEST.match(line)
        self.requests.append(line)
        if not request:
            return "ERROR: Invalid request for new agent. Unable to add agent"
        if request["password"] != self.password:
            return "ERROR: Invalid password. Unable to add agent"
        words = ["%03d" % (len(self.keys) + 1), request["name"], "any", secrets.token_hex(32)]
        self.keys[words[0]] = words
        return "OSSEC K:'" + " ".join(words) + "'"

    def serve(self):
        while True:
            plain, _ = self.sock.accept()
            plain.settimeout(20)
            try:
                with self.context.wrap_socket(plain, server_side=True) as tls:
                    line = b""
                    while not line.endswith(b"\n"):
                        chunk = tls.recv(4096)
                        if not chunk:
                            break
                        line += chunk
                    tls.sendall(self.answer(line.decode()).encode())
            except (OSError, ssl.SSLError):
                plain.close()


class Session:
    """One accepted connection: events go to a queue, what is due is answered."""

    def __init__(self, sock, keys):
        self.stream = wire.Stream(sock)
        self.keys = keys
        self.key = None
        self.counter = wire.Counter()
        self.lock = threading.Lock()
        self.events = queue.Queue()
        self.control = queue.Queue()
        self.pings = 0
        self.counters = []
        self.refuse_with = None
        self.error = None
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def say(self, message):
        with self.lock:
            count, local = self.counter.next()
            self.stream.send(wire.seal(message, self.key, 99, count, local))

    def raw(self, data):
        with self.lock:
            self.stream.sock.sendall(data)

    def run(self):
        try:
            while True:
                self.take(self.stream.receive())
        except wire.Closed:
            pass
        except (OSError, ValueError, AssertionError) as error:
            self.error = error
        self.closed.set()

    def take(self, payload):
        if payload == b"#ping":
            self.pings += 1
            self.raw(wire.framed(b"#pong"))
            return
        assert payload.startswith(b"!"), payload[:20]
        agent_id, rest = payload[1:].split(b"!", 1)
        words = self.keys[agent_id.decode()]
        self.key = wire.derived_key(words[0], words[1], words[3])
        message, counters = wire.unseal(rest, self.key)
        self.counters.append(counters[1:])
        if not message.startswith(b"#!-"):
            self.events.put(message)
            return
        self.control.put(message)
        if message.startswith(b"#!-agent startup") and self.refuse_with:
            self.say(self.refuse_with)
        elif not message.startswith((b"#!-req ", b"#!-agent shutdown ")):
            self.say(b"#!-agent ack ")

    def close(self):
        self.stream.sock.shutdown(socket.SHUT_RDWR)
        self.stream.close()
