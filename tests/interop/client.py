"""An agent in Python: enrols with a manager and talks to it. See wire.py."""
import hashlib
import ssl

import wire


def enrol(port, line, ca=None):
    """The manager's whole answer to one request line."""
    context = ssl.create_default_context(cafile=ca) if ca else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not ca:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with wire.connect(port) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(line.encode())
        answer = b""
        while True:
            chunk = tls.recv(4096)
            if not chunk:
                return answer.decode()
            answer += chunk


def key_of(answer):
    if not (answer.startswith("OSSEC K:'") and answer.endswith("'")):
        raise ValueError("no key: " + answer)
    return answer[len("OSSEC K:'"):-1].split(" ")


class Agent:
    def __init__(self, port, key_words):
        self.id, self.name, self.ip, self.raw_key = key_words
        self.key = wire.derived_key(self.id, self.name, self.raw_key)
        self.counter = wire.Counter()
        self.port = port
        self.stream = wire.Stream(wire.connect(port))

    def say(self, message):
        count, local = self.counter.next()
        self.stream.send(b"!" + self.id.encode() + b"!" + wire.seal(message, self.key, 4711, count, local))

    def hear(self):
        payload = self.stream.receive()
        return payload if payload == b"#pong" else wire.unseal(payload, self.key)[0]

    def start(self):
        self.say(b'#!-agent startup {"version":"v4.14.0"}')
        return self.hear()

    def receive_file(self):
        """name, content of a shared file that the manager begins to push now."""
        head = self.hear()
        while head == b"#!-agent ack ":
            head = self.hear()
        assert head.startswith(b"#!-up file "), head
        digest, name = head[len(b"#!-up file "):].rstrip(b"\n").split(b" ", 1)
        content = b""
        while True:
            message = self.hear()
            if message == b"#!-close file ":
                break
            if not message.startswith(b"#!-"):
                content += message
        assert hashlib.md5(content).hexdigest().encode() == digest, "MD5 of the shared file"
        return name, content
