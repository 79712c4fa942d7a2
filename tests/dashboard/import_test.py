#!/usr/bin/env python3
"""siem/dashboard/import.sh against a server that speaks the saved objects API as the dashboard does: with TLS, a password and
the header against forged requests; what arrives, what is removed, and what is said when something is wrong."""

import base64
import email.parser
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import urllib.parse

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import saved  # noqa: E402
from tiercel import Checks, Folder, free_port  # noqa: E402

SCRIPT = os.path.join(saved.FOLDER, "import.sh")
NAME, PASSWORD = "admin", 'a "very" \\secret: word#'
PATTERN = ("index-pattern", "wazuh-alerts-*")


class Api(http.server.BaseHTTPRequestHandler):
    """GET and DELETE api/saved_objects/TYPE/ID, POST api/saved_objects/_import."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refused(self):
        """True where the answer was a no."""
        book = self.server.book
        wanted = "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        book.tenants.add(self.headers.get("securitytenant"))
        if book.status:
            self.answer(book.status, {"statusCode": book.status, "error": "x", "message": "told to"})
        elif self.headers.get("Authorization") != wanted:
            self.answer(401, {"statusCode": 401, "error": "Unauthorized", "message": "Authentication Exception"})
        elif self.command != "GET" and not self.headers.get("osd-xsrf"):
            self.answer(400, {"statusCode": 400, "error": "Bad Request", "message": "Request must contain a osd-xsrf header."})
        else:
            return False
        return True

    def key(self):
        parts = self.path.split("?")[0].split("/")
        return (parts[3], urllib.parse.unquote(parts[4])) if len(parts) == 5 and parts[1:3] == ["api", "saved_objects"] else None

    def do_GET(self):
        if self.refused():
            return
        if self.key() in self.server.book.objects:
            self.answer(200, {"id": self.key()[1], "type": self.key()[0], "attributes": {}})
        else:
            self.answer(404, {"statusCode": 404, "error": "Not Found", "message": "Saved object not found"})

    def do_DELETE(self):
        if self.refused():
            return
        found = self.server.book.objects.pop(self.key(), None)
        self.answer(200 if found else 404, {} if found else {"statusCode": 404, "error": "Not Found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.refused():
            return
        form = email.parser.BytesParser().parsebytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        (part,) = form.get_payload()
        name = part.get_filename()
        if self.path != "/api/saved_objects/_import?overwrite=true" or part.get_param("name", header="content-disposition") != "file" or not name.endswith(".ndjson"):
            self.answer(400, {"statusCode": 400, "error": "Bad Request", "message": f"Invalid file {name}"})
            return
        objects = [json.loads(line) for line in part.get_payload(decode=True).decode().splitlines()]
        have = set(self.server.book.objects) | {(made["type"], made["id"]) for made in objects}
        errors = [{"id": made["id"], "type": made["type"], "error": {"type": "missing_references"}} for made in objects
                  if any((ref["type"], ref["id"]) not in have for ref in made["references"])]
        if not errors:
            self.server.book.objects.update({(made["type"], made["id"]): made for made in objects})
        self.answer(200, {"success": not errors, "successCount": len(objects) - len(errors), **({"errors": errors} if errors else {})})


class Book:
    """A dashboard: what it holds, and where it listens."""

    def __init__(self, folder):
        self.objects, self.status, self.tenants = {PATTERN: {}, ("dashboard", "of-somebody-else"): {}}, None, set()
        self.cert, key = os.path.join(folder.path, "cert.pem"), os.path.join(folder.path, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.book = self
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Case:
    def __init__(self, checks, folder, book):
        self.checks, self.book = checks, book
        self.login = folder.file("login", f"{NAME}:{PASSWORD}\n")
        os.chmod(self.login, 0o600)

    def run(self, *options, env=None, url=None):
        plain = {key: value for key, value in os.environ.items() if not key.startswith("TIERCEL_DASHBOARD")}
        got = subprocess.run(["sh", SCRIPT, "--url", url or self.book.url, *options], capture_output=True, text=True, timeout=120,
                             stdin=subprocess.DEVNULL, env={**plain, **(env or {})})
        self.checks.check(PASSWORD not in got.stdout + got.stderr, "the password is printed")
        return got

    def good(self, what, wanted, *options, **more):
        got = self.run(*options, **more)
        self.checks.check(got.returncode == 0 and re.search(wanted, got.stdout), f"{what}: {got.returncode} {got.stdout} {got.stderr}")

    def bad(self, what, wanted, *options, **more):
        got = self.run(*options, **more)
        self.checks.check(got.returncode == 1 and re.search(wanted, got.stderr) and not got.stdout, f"{what}: {got.returncode} {got.stdout} {got.stderr}")


def imports(case, book, checks):
    tls, wanted = ["--ca", book.cert], {(made["type"], made["id"]) for made in saved.lines(saved.OBJECTS)}
    old = set(book.objects)
    for time in ("first", "again"):
        case.good(f"import, {time}", f"^{len(wanted)} objects are there.*app/dashboards#/view/tiercel-detections", *tls, "--credentials", case.login)
        checks.equal(set(book.objects), old | wanted, f"objects there, {time}")
    case.good("by the environment, any certificate", "objects are there", "--insecure",
              env={"TIERCEL_DASHBOARD_USER": NAME, "TIERCEL_DASHBOARD_PASSWORD": PASSWORD})
    book.tenants.clear()
    case.good("into a tenant", "objects are there", *tls, "--credentials", case.login, "--tenant", "global")
    checks.equal(book.tenants, {"global"}, "tenants that the requests name")
    case.good("remove", f"^{len(wanted)} objects removed, 0 were not there", *tls, "--credentials", case.login, "--remove")
    checks.equal(set(book.objects), old, "objects that are left: the others")
    case.good("remove again", f"^0 objects removed, {len(wanted)} were not there", *tls, "--credentials", case.login, "--remove")


def refusals(case, book, folder):
    good = ["--ca", book.cert, "--credentials", case.login]
    case.bad("an unknown certificate", "not trusted.*--ca FILE", "--credentials", case.login)
    case.bad("no credentials", "--credentials FILE, or TIERCEL_DASHBOARD_USER", "--ca", book.cert)
    wrong = folder.file("wrong", "admin:nonsense\n")
    case.bad("credentials that others can read", "chmod 600", "--ca", book.cert, "--credentials", wrong)
    os.chmod(wrong, 0o600)
    case.bad("a wrong password", "does not take this name and password", "--ca", book.cert, "--credentials", wrong)
    empty = folder.file("empty", "\n")
    os.chmod(empty, 0o600)
    case.bad("an empty file", "no NAME:PASSWORD", "--ca", book.cert, "--credentials", empty)
    case.bad("a password in the URL", "--credentials FILE", url="https://admin:x@127.0.0.1")
    case.bad("nobody listens", "nobody listens there", *good, url=f"https://127.0.0.1:{free_port()}")
    case.bad("no TLS", "closed the connection|https:// or http://", *good, url=book.url.replace("https", "http"))
    case.bad("an unknown option", "is no option", "--help-me")
    case.bad("an option without a value", "needs a value", "--ca")
    for status, wanted in ((403, "may not change saved objects"), (503, "is not ready"), (500, "HTTP 500")):
        book.status = status
        case.bad(f"HTTP {status}", wanted, *good)
        case.bad(f"HTTP {status} at a removal", wanted, *good, "--remove")
    book.status = None
    del book.objects[PATTERN]
    case.bad("no index pattern", "open the Wazuh dashboard's page once", *good)
    case.checks.check(("dashboard", "tiercel-detections") not in book.objects, "without its index pattern nothing is imported")


def main():
    checks = Checks()
    with Folder("dashboard") as folder:
        book = Book(folder)
        case = Case(checks, folder, book)
        imports(case, book, checks)
        refusals(case, book, folder)
        got = subprocess.run(["sh", SCRIPT, "--help"], capture_output=True, text=True)
        checks.check(got.returncode == 0 and "--remove" in got.stdout and not got.stderr, "--help")
        book.server.shutdown()
    return checks.finish("dashboard import")


if __name__ == "__main__":
    sys.exit(main())
