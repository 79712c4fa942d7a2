#!/usr/bin/env python3
"""The far sides of attacks: run inside a network namespace of its own, where it makes their addresses local. Says "ready" on
standard output and ends with its standard input."""

import json
import os
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ADDRESSES = ["203.0.113.10/32", "203.0.113.11/32", "198.51.100.7/32", "169.254.169.254/32", "10.20.30.40/32", "10.20.31.1/24"]
SCRIPT = b"#!/bin/sh\nexit 0\n"


class Sink(socketserver.BaseRequestHandler):
    """Where a reverse shell ends: one command, then good-bye."""

    def handle(self):
        try:
            time.sleep(0.1)
            self.request.sendall(b"id\n")
            time.sleep(0.5)
        except OSError:
            pass


class Http(socketserver.StreamRequestHandler):
    """Any path gives a small script; whatever is sent is swallowed."""

    timeout = 5

    def handle(self):
        try:
            length = 0
            for line in iter(self.rfile.readline, b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                if line.lower().startswith(b"expect: 100"):
                    self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                if line in (b"\r\n", b"\n"):
                    break
            self.rfile.read(min(length, 1 << 20))
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(SCRIPT), SCRIPT))
        except (OSError, ValueError):
            pass


class Pool(socketserver.StreamRequestHandler):
    """A mining pool that agrees to everything and never has work."""

    timeout = 5

    def handle(self):
        try:
            for line in iter(self.rfile.readline, b""):
                try:
                    number = json.loads(line).get("id")
                except ValueError:
                    number = None
                self.wfile.write(json.dumps({"id": number, "jsonrpc": "2.0", "error": None, "result": {"id": "1", "status": "OK"}}).encode() + b"\n")
        except OSError:
            pass


class Banner(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            self.request.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            time.sleep(0.2)
        except OSError:
            pass


class Names(socketserver.BaseRequestHandler):
    """There is no such name."""

    def handle(self):
        data, sock = self.request
        if len(data) >= 12:
            sock.sendto(data[:2] + b"\x81\x83" + data[4:6] + b"\0\0\0\0\0\0" + data[12:], self.client_address)


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Tls(Tcp):
    context = None

    def finish_request(self, request, client_address):
        try:
            with self.context.wrap_socket(request, server_side=True) as secure:
                self.RequestHandlerClass(secure, client_address, self)
        except (OSError, ssl.SSLError):
            pass


def tls_context():
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = os.path.join(folder, "key"), os.path.join(folder, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=attack.example", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
    # What does not lie here is refused at once, so that nothing waits.
    subprocess.run(["ip", "route", "add", "unreachable", "default"], check=False, capture_output=True)
    Tls.context = tls_context()
    servers = [Tcp((host, port), handler) for host, port, handler in
               [("203.0.113.10", 4444, Sink), ("203.0.113.10", 9001, Sink), ("203.0.113.10", 80, Http), ("198.51.100.7", 80, Http),
                ("203.0.113.10", 3333, Pool), ("169.254.169.254", 80, Http), ("198.51.100.7", 22, Banner)]]
    servers.append(Tls(("203.0.113.10", 443), Http))
    servers.append(socketserver.ThreadingUDPServer(("203.0.113.10", 53), Names))
    for server in servers:
        if isinstance(server, Tcp):
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
