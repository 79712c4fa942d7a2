"""The agent protocol of Wazuh 4.x once more, for tests: written from its description, sharing nothing with the C++.

AES comes from the `openssl` command, TLS and zlib from the standard library.
"""
import hashlib
import socket
import struct
import subprocess
import time
import zlib

IV = b"FEDCBA0987654321"
MAX_PAYLOAD = 65536


def md5(data):
    return hashlib.md5(data).hexdigest()


def derived_key(agent_id, name, raw_key):
    return md5(raw_key.encode()) + md5((md5(name.encode()) + md5(agent_id.encode())).encode())[:15]


def aes(data, key, decrypt):
    command = ["openssl", "enc", "-aes-256-cbc", "-K", key[:32].encode().hex(), "-iv", IV.hex()]
    done = subprocess.run(command + (["-d"] if decrypt else []), input=data, capture_output=True, timeout=20)
    if done.returncode != 0:
        raise ValueError("openssl enc: " + done.stderr.decode(errors="replace").strip().splitlines()[0])
    return done.stdout


def plaintext(message, random, count, local):
    rest = b"%05d%010d:%04d:" % (random, count, local) + message
    return md5(rest).encode() + rest


def pad(compressed):
    return b"!" * (8 - len(compressed) % 8) + compressed


def seal(message, key, random, count, local):
    return b"#AES:" + aes(pad(zlib.compress(plaintext(message, random, count, local), 9)), key, False)


def unseal(payload, key):
    """message, (random, global, local)"""
    if not payload.startswith(b"#AES:"):
        raise ValueError("not AES: %r" % payload[:20])
    plain = zlib.decompress(aes(payload[5:], key, True).lstrip(b"!"))
    if md5(plain[32:]).encode() != plain[:32]:
        raise ValueError("checksum")
    if plain[47:48] != b":" or plain[52:53] != b":":
        raise ValueError("counters")
    return plain[53:], (int(plain[32:37]), int(plain[37:47]), int(plain[48:52]))


def framed(payload):
    return struct.pack("<I", len(payload)) + payload


class Closed(Exception):
    pass


class Stream:
    """One TCP connection and its frames."""

    def __init__(self, sock, timeout_s=30):
        self.sock = sock
        self.sock.settimeout(timeout_s)
        self.buffer = b""

    def send(self, payload):
        self.sock.sendall(framed(payload))

    def exactly(self, size):
        while len(self.buffer) < size:
            try:
                chunk = self.sock.recv(65536)
            except ConnectionError as error:
                raise Closed() from error
            if not chunk:
                raise Closed()
            self.buffer += chunk
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def receive(self):
        size = struct.unpack("<I", self.exactly(4))[0]
        if not 0 < size <= MAX_PAYLOAD:
            raise ValueError("length %d" % size)
        return self.exactly(size)

    def close(self):
        self.sock.close()


class Counter:
    def __init__(self):
        self.count, self.local = int(time.time()), 0

    def next(self):
        self.local += 1
        if self.local > 9997:
            self.count, self.local = self.count + 1, 1
        return self.count, self.local


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)
