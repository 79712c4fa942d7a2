#!/usr/bin/env python3
"""Streams of real events for the matching bench: what a compiler, a package installation and a web server under load
make the kernel say, each recorded by `tiercel record` with every event type asked for."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402


def compile_c(folder, seconds):
    """gcc over and over: one object, one program."""
    source = os.path.join(folder, "bench.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n"
                   "int main(void) { puts(\"bench\"); return 0; }\n")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        subprocess.run(["cc", "-O1", "-c", "-o", os.path.join(folder, "bench.o"), source], check=True)
        subprocess.run(["cc", "-o", os.path.join(folder, "bench"), os.path.join(folder, "bench.o")], check=True)
        subprocess.run([os.path.join(folder, "bench")], check=True, stdout=subprocess.DEVNULL)


def install_packages(folder, seconds):
    """apt plans an installation; dpkg unpacks and configures a package of its own below the folder, with its scripts."""
    tree, admin, root = (os.path.join(folder, name) for name in ("tree", "admin", "root"))
    for path in (os.path.join(tree, "DEBIAN"), os.path.join(tree, "usr/share/bench"), root, os.path.join(admin, "updates"),
                 os.path.join(admin, "info")):
        os.makedirs(path)
    for number in range(200):
        with open(os.path.join(tree, "usr/share/bench", f"file{number}.conf"), "w", encoding="utf-8") as file:
            file.write(f"key = {number}\n")
    with open(os.path.join(tree, "DEBIAN/control"), "w", encoding="utf-8") as file:
        file.write("Package: tiercel-bench\nVersion: 1\nArchitecture: all\nMaintainer: bench <bench@localhost>\nDescription: bench\n")
    script = os.path.join(tree, "DEBIAN/postinst")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nset -e\ngrep -q key \"$DPKG_ROOT/usr/share/bench/file1.conf\"\n")
    os.chmod(script, 0o755)
    open(os.path.join(admin, "status"), "w", encoding="utf-8").close()
    package = os.path.join(folder, "bench.deb")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, package], check=True, stdout=subprocess.DEVNULL)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        subprocess.run(["dpkg", f"--admindir={admin}", f"--instdir={root}", "--force-script-chrootless", "--install", package],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["apt-get", "--simulate", "install", package], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def serve_web(folder, seconds):
    """A web server of Python's on loopback, and clients that fetch a page on a new connection each time."""
    with open(os.path.join(folder, "index.html"), "w", encoding="utf-8") as file:
        file.write("<p>bench</p>" * 100)
    server = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline().split("port ")[1].split()[0])
        end = time.monotonic() + seconds

        def client():
            while time.monotonic() < end:
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                link.request("GET", "/index.html")
                link.getresponse().read()
                link.close()

        clients = [threading.Thread(target=client) for _ in range(2)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


STREAMS = {"compile": compile_c, "install": install_packages, "web": serve_web}


def every_event_rule(tiercel, folder):
    names = [event["name"] for event in json.loads(subprocess.run([tiercel, "events", "--json"], check=True, capture_output=True).stdout)]
    path = os.path.join(folder, "everything.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("- rule: Everything\n  desc: asks for every event type\n"
                   f"  condition: evt.type in ({', '.join(names)}) and proc.name = tiercel-bench-nobody and proc.env = none\n"
                   "  output: \"%evt.type\"\n  priority: DEBUG\n")
    return path


def record(tiercel, name, into, seconds):
    """Runs one load under `tiercel record`; returns the recording's path."""
    path = os.path.join(into, f"{name}.rec")
    with tempfile.TemporaryDirectory(prefix="tiercel-stream-") as folder:
        rules = every_event_rule(tiercel, folder)
        agent = subprocess.Popen([tiercel, "record", path, "--rules", rules, "--state-dir", folder, "--run-dir", folder],
                                 stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            for line in agent.stderr:
                if "is watching" in line:
                    break
            else:
                raise support.Failure("the recorder ended before it watched")
            drain = threading.Thread(target=lambda: [None for _ in agent.stderr], daemon=True)
            drain.start()
            work = os.path.join(folder, "work")
            os.mkdir(work)
            STREAMS[name](work, seconds)
        finally:
            agent.send_signal(signal.SIGINT)
            agent.wait(30)
    if agent.returncode != 0:
        raise support.Failure(f"tiercel record ended with status {agent.returncode}")
    return path
