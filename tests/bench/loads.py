"""Loads that a sensor slows down: loops of system calls, and programs that people run. Each is a context that starts what
it needs in a folder of its own, and slice() does so much of it: (operations, seconds). cpu_s() is what it took so far."""

import json
import os
import re
import resource
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tiercel as support  # noqa: E402
from sensors import program  # noqa: E402


def children_cpu_s():
    """Of programs that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Loop:
    """One of loops.c's."""

    def __init__(self, options, name, title):
        self.name, self.title = name, title
        self.argv = [program(options, "bench_loops"), name, str(options.slice_ms)]
        self.argv += [] if options.no_pin else [str(os.cpu_count() - 1)]

    def slice(self):
        done = json.loads(subprocess.run(self.argv, check=True, capture_output=True, timeout=60).stdout)
        return done["ops"], done["seconds"]

    def cpu_s(self):
        return children_cpu_s()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Server:
    """A load with a server beside it, which is ended by its pid."""

    def __init__(self, options):
        self.options, self.folder, self.child = options, None, None

    def __enter__(self):
        self.folder = support.Folder(self.name)
        try:
            self.child = support.Child(self.argv(), keep_stdout=False)
            support.wait_until(self.answers, f"{self.argv()[0]}; it said:\n{self.child.stderr()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        if not self.child.alive():
            raise support.Failure(f"{self.argv()[0]} ended with status {self.child.process.returncode}:\n{self.child.stderr()}")
        return os.path.exists(self.socket())

    def cpu_s(self):
        return children_cpu_s() + support.cpu_s_of(self.child.pid)

    def socket(self):
        return os.path.join(self.folder.path, "server.sock")

    def __exit__(self, *_):
        if self.child:
            self.child.stop()
        self.folder.__exit__()


class Redis(Server):
    """redis-benchmark's GET and SET over loopback TCP; the server keeps nothing."""

    name, title = "redis", "redis-benchmark"
    CLIENTS = 50

    def __init__(self, options):
        super().__init__(options)
        self.port = support.free_port()
        self.requests = 2_000

    def argv(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder.path,
                "--unixsocket", self.socket(), "--daemonize", "no"]

    def __enter__(self):
        super().__enter__()
        requests, seconds = self.slice()
        self.requests = max(2_000, int(requests / seconds * self.options.slice_ms / 1000))
        return self

    def slice(self):
        argv = ["redis-benchmark", "-h", "127.0.0.1", "-p", str(self.port), "-c", str(self.CLIENTS), "-n", str(self.requests // 2), "-t", "set,get",
                "--csv"]
        begun = time.monotonic()
        out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
        per_s = [float(rate) for rate in re.findall(r'^"(?:SET|GET)","([0-9.]+)"', out, re.M)]
        if len(per_s) != 2:
            raise support.Failure(f"redis-benchmark said after {time.monotonic() - begun:.1f} s:\n{out}")
        half = self.requests // 2
        return 2 * half, sum(half / rate for rate in per_s)


NGINX = """daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; listen unix:{folder}/server.sock; root {folder}/www; keepalive_requests 1000000; }}
}}
"""


class Nginx(Server):
    """wrk fetches a file of 1 KB: each request is an open and a close of nginx's. wrk measures whole seconds."""

    name, title, headers = "nginx", "nginx, wrk", []

    def __init__(self, options):
        super().__init__(options)
        self.port = support.free_port()

    def argv(self):
        with open(os.path.join(self.folder.folder("www"), "index.html"), "w", encoding="ascii") as page:
            page.write("<p>bench</p>\n" * 80)
        text = NGINX.format(folder=self.folder.path, port=self.port)
        user = "user root;\n" if os.geteuid() == 0 else ""
        return ["nginx", "-p", self.folder.path, "-e", os.path.join(self.folder.path, "error.log"), "-c", self.folder.file("nginx.conf", user + text)]

    def slice(self):
        argv = ["wrk", "-t", "1", "-c", "16", "-d", "1s", *self.headers, f"http://127.0.0.1:{self.port}/index.html"]
        out = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
        done = re.search(r"(\d+) requests in ([0-9.]+)(ms|s|m),", out)
        if not done or "Non-2xx" in out or int(done[1]) == 0:
            raise support.Failure(f"wrk said:\n{out}")
        return int(done[1]), float(done[2]) * {"ms": 1e-3, "s": 1, "m": 60}[done[3]]


class NginxConnections(Nginx):
    """The same with a new connection for each request."""

    name, title, headers = "nginx-connections", "nginx, wrk, a connection each", ["-H", "Connection: close"]


class Compile:
    """cc -O1 -c over a project of its own, a file at a time."""

    name, title = "compile", "compiling C"
    FILES, FUNCTIONS = 60, 20

    def __init__(self, options):
        self.files, self.next = (2 if options.quick else 8), 0

    def __enter__(self):
        self.folder = support.Folder("compile")
        self.folder.file("project.h", "#pragma once\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n"
                         "struct item { int kind; unsigned size; struct item *next; char name[32]; };\n"
                         + "".join(f"unsigned work_{n}_0(struct item *, unsigned);\n" for n in range(self.FILES)))
        for number in range(self.FILES):
            self.folder.file(f"part{number}.c", self.source(number))
        return self

    def source(self, number):
        out = ['#include "project.h"\n']
        for part in range(self.FUNCTIONS):
            mix = (number * 2654435761 + part * 40503) % 65521
            out.append(f"unsigned work_{number}_{part}(struct item *list, unsigned seed)\n{{\n\tunsigned sum = seed ^ {mix};\n"
                       f"\tfor (struct item *at = list; at; at = at->next) {{\n\t\tsum = sum * {mix | 1} + at->size;\n"
                       f"\t\tif (at->kind == {mix % 7})\n\t\t\tsum += strlen(at->name);\n\t\telse if (sum % {part + 2} == 0)\n"
                       f"\t\t\tsnprintf(at->name, sizeof(at->name), \"%u\", sum);\n\t}}\n\treturn sum;\n}}\n")
        return "".join(out)

    def slice(self):
        begun = time.monotonic()
        for _ in range(self.files):
            source = os.path.join(self.folder.path, f"part{self.next}.c")
            self.next = (self.next + 1) % self.FILES
            subprocess.run(["cc", "-O1", "-c", "-o", source[:-2] + ".o", source], check=True, timeout=60, env={"PATH": "/usr/bin:/bin"})
        return self.files, time.monotonic() - begun

    def cpu_s(self):
        return children_cpu_s()

    def __exit__(self, *_):
        self.folder.__exit__()


LOOPS = {"pipe": "getpid + pipe", "open": "open + close", "exec": "fork + exec", "connect": "connect"}
PROGRAMS = {kind.name: kind for kind in (Redis, Nginx, NginxConnections, Compile)}
NAMES = list(LOOPS) + list(PROGRAMS)


def make(options, name):
    return Loop(options, name, LOOPS[name]) if name in LOOPS else PROGRAMS[name](options)
