"""A webhook as Slack has it, on loopback: its checks, its words, a message a second and 429 with Retry-After beyond."""

import http.server
import threading
import time

import rules

PATH = "/services/T00000000/B00000000/verysecretverysecret"


class Slack:
    def __init__(self, gap_s=1.0):
        self.gap_s = gap_s
        self.lock = threading.Lock()
        self.taken, self.bodies, self.answers, self.times = [], [], [], []
        self.say = []  # answers to be given first, in place of the true ones: (status, word)
        self._last = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, word, headers = outer.answer(self.path, self.headers.get("content-type", ""), body)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(word)))
                self.end_headers()
                self.wfile.write(word.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{PATH}"

    def answer(self, path, kind, body):
        with self.lock:
            self.times.append(time.monotonic())
            self.bodies.append(body)
            made = self._answer(path, kind, body)
            self.answers.append(made[:2])
            return made

    def _answer(self, path, kind, body):
        if path != PATH:
            return 404, "no_service", []
        now = time.monotonic()
        if self._last is not None and now - self._last < self.gap_s:
            return 429, "rate_limited", [("retry-after", "1")]
        self._last = now
        if self.say:
            return *self.say.pop(0), []
        if not kind.startswith("application/json"):
            return 400, "invalid_payload", []
        try:
            message, seen = rules.check(body)
        except rules.Refused as refused:
            print("refused:", *refused.args)
            return 400, refused.args[0], []
        rules.harmless(seen)
        self.taken.append(message)
        return 200, "ok", []

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
