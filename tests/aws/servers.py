"""AWS's side of the test: Security Hub, STS, instance metadata (v2), the endpoints of ECS and EKS Pod Identity.

They keep the services' rules: signatures are checked by botocore's own signer, findings by its model, tokens end.
"""
import collections
import datetime
import http.server
import json
import re
import secrets
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

import formats

ACCOUNT = "123456789012"
REGION = "eu-central-1"


class Keys:
    """Credentials that somebody was given, and whether they still count."""

    def __init__(self):
        self.lock = threading.Lock()
        self.issued = {}

    def issue(self, lifetime_s=3600, long_lived=False):
        with self.lock:
            key = ("AKIA" if long_lived else "ASIA") + secrets.token_hex(8).upper()
            self.issued[key] = {"secret": secrets.token_urlsafe(30) + "/+=",
                                "token": "" if long_lived else secrets.token_urlsafe(90) + "/+==",
                                "expired": False, "until": time.time() + lifetime_s}
            return key

    def document(self, key, token_name="Token"):
        row = self.issued[key]
        until = datetime.datetime.utcfromtimestamp(row["until"]).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"AccessKeyId": key, "SecretAccessKey": row["secret"], token_name: row["token"], "Expiration": until}

    def expire_all(self):
        with self.lock:
            for row in self.issued.values():
                row["expired"] = True

    def secrets(self):
        return [text for row in self.issued.values() for text in (row["secret"], row["token"]) if text]


def signature_problem(keys, request, body, service):
    """(error name, words) as AWS answers, or None."""
    authorization = request.headers.get("Authorization", "")
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
                         r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", authorization)
    if not match:
        return "IncompleteSignatureException", f"Authorization: {authorization[:40]}"
    key, day, region, for_service, names, signature = match.groups()
    if key not in keys.issued:
        return "UnrecognizedClientException", "The security token included in the request is invalid."
    row = keys.issued[key]
    names = names.split(";")
    stamp = request.headers.get("X-Amz-Date", "")
    if names != sorted(names) or not {"host", "x-amz-date"} <= set(names):
        return "IncompleteSignatureException", f"signed headers {names}"
    for name in names:
        if request.headers.get(name) is None:
            return "IncompleteSignatureException", f"'{name}' is named as a SignedHeader, but it does not exist"
    for name in request.headers:
        if name.lower().startswith("x-amz-") and name.lower() not in names:
            return "InvalidSignatureException", f"{name} is not signed"
    if (day, region, for_service) != (stamp[:8], REGION, service):
        return "InvalidSignatureException", "Credential should be scoped to a valid region and service"
    if (request.headers.get("X-Amz-Security-Token") or "") != row["token"]:
        return "UnrecognizedClientException", "The security token included in the request is invalid."
    signed = botocore.awsrequest.AWSRequest(
        method=request.command, url=f"http://{request.headers['Host']}{request.path}", data=body,
        headers={name: request.headers[name] for name in names})
    signed.context["timestamp"] = stamp
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, row["secret"], row["token"] or None),
                                     service, REGION)
    wanted = signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
    if wanted != signature:
        return "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
    sent = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
    if abs(sent - time.time()) > 300:
        return "InvalidSignatureException", "Signature expired"
    if row["expired"] or row["until"] < time.time():
        return "ExpiredTokenException", "The security token included in the request is expired"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.answer(self, body)

    do_GET = do_POST = do_PUT = handle_any

    def say(self, status, body, headers=()):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, status, value, error=None):
        headers = [("Content-Type", "application/json")]
        if error:
            headers.append(("x-amzn-ErrorType", error))
        self.say(status, json.dumps(value), headers)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, keys):
        super().__init__(address, Handler)
        self.keys = keys
        self.seen = []
        self.url = f"http://{address[0]}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_):
        pass


class Hub(Server):
    """Security Hub. `next` holds what is wrong with the calls to come, one a call; `bad` is what finding ids answer."""

    def __init__(self, keys):
        super().__init__(("127.0.0.1", 0), keys)
        self.next = collections.deque()
        self.bad = {}
        self.findings = {}
        self.calls = []
        self.problems = []

    def answer(self, http_request, body):
        problem = signature_problem(self.keys, http_request, body, "securityhub")
        if problem:
            self.problems.append(problem)
            return http_request.json(403, {"message": problem[1]}, problem[0] + ":http://internal.amazon.com/coral/")
        if (http_request.command, http_request.path) != ("POST", "/findings/import"):
            return http_request.json(404, {"message": "no such call"}, "UnknownOperationException")
        trouble = self.next.popleft() if self.next else None
        if trouble == "throttle":
            return http_request.json(429, {"message": "Rate exceeded"}, "ThrottlingException")
        if trouble == "limit":
            return http_request.json(429, {"Code": "x", "Message": "limit"}, "LimitExceededException")
        if trouble == "internal":
            return http_request.json(500, {"Message": "internal"}, "InternalException")
        if trouble == "disabled":
            return http_request.json(401, {"Message": f"Account {ACCOUNT} is not subscribed to AWS Security Hub"},
                                     "InvalidAccessException")
        if trouble == "denied":
            return http_request.json(403, {"Message": "User is not authorized to perform: securityhub:BatchImportFindings"},
                                     "AccessDeniedException")
        if trouble == "reset":
            http_request.close_connection = True
            return http_request.connection.close()
        if trouble == "garbage":
            return http_request.say(200, b"\x00{]" * 100)
        return self.take(http_request, body)

    def take(self, http_request, body):
        findings = json.loads(body)["Findings"]
        if not 1 <= len(findings) <= 100 or len(body) > 6_000_000:
            return http_request.json(400, {"Message": "batch"}, "InvalidInputException")
        if any(self.bad.get(f["Id"]) == "whole" for f in findings):
            return http_request.json(400, {"Message": "Invalid parameter"}, "InvalidInputException")
        failures = []
        for finding in findings:
            known = finding["Id"] in self.findings
            problems = formats.asff_problems(json.dumps(finding, ensure_ascii=False), ACCOUNT, first=not known)
            code = self.bad.get(finding["Id"])
            if problems or code:
                failures.append({"Id": finding["Id"], "ErrorCode": code or "InvalidInput",
                                 "ErrorMessage": "; ".join(problems) or "told so by the test"})
            else:
                self.findings.setdefault(finding["Id"], []).append(finding)
            self.problems += problems
        self.calls.append(len(findings))
        return http_request.json(200, {"FailedCount": len(failures), "SuccessCount": len(findings) - len(failures),
                                       "FailedFindings": failures})


class Sts(Server):
    def __init__(self, keys, identity_token):
        super().__init__(("127.0.0.1", 0), keys)
        self.identity_token = identity_token
        self.refuse = False

    def error(self, http_request, status, code, message):
        http_request.say(status, f"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
                                 f"</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")

    def answer(self, http_request, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        if form.get("Version") != "2011-06-15":
            return self.error(http_request, 400, "InvalidAction", "version")
        if form["Action"] == "GetCallerIdentity":
            problem = signature_problem(self.keys, http_request, body, "sts")
            if problem:
                return self.error(http_request, 403, *problem)
            return http_request.say(200, "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
                                         f"<GetCallerIdentityResult><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/r/s</Arn>"
                                         f"<UserId>X:s</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
                                         "</GetCallerIdentityResponse>")
        if form["Action"] != "AssumeRoleWithWebIdentity" or "Authorization" in http_request.headers:
            return self.error(http_request, 400, "InvalidAction", form["Action"])
        if self.refuse or form["WebIdentityToken"] != self.identity_token:
            return self.error(http_request, 400, "InvalidIdentityToken", "No OpenIDConnect provider &amp; so on")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", form["RoleSessionName"]) or not form["RoleArn"].startswith("arn:aws:iam::"):
            return self.error(http_request, 400, "ValidationError", "name or role")
        row = self.keys.document(self.keys.issue(), "SessionToken")
        inner = "".join(f"<{k}>{v}</{k}>" for k, v in row.items())
        return http_request.say(200, f"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                                     f"<Credentials>\n{inner}\n</Credentials></AssumeRoleWithWebIdentityResult>"
                                     f"</AssumeRoleWithWebIdentityResponse>")


class Imds(Server):
    """Instance metadata with HttpTokens=required."""

    def __init__(self, keys, address=("169.254.169.254", 80), lifetime_s=3600):
        super().__init__(address, keys)
        self.tokens = set()
        self.lifetime_s = lifetime_s
        self.role = "tiercel-role"

    def answer(self, request, body):
        if request.path == "/latest/api/token":
            ttl = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if request.command != "PUT" or not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
                return request.say(400, "")
            if request.headers.get("X-Forwarded-For"):
                return request.say(403, "")
            token = secrets.token_urlsafe(40) + "=="
            self.tokens.add(token)
            return request.say(200, token)
        if request.headers.get("X-aws-ec2-metadata-token") not in self.tokens:
            return request.say(401, "")
        if request.path == "/latest/meta-data/iam/security-credentials/":
            return request.say(200 if self.role else 404, self.role)
        if self.role and request.path == "/latest/meta-data/iam/security-credentials/" + self.role:
            row = self.keys.document(self.keys.issue(self.lifetime_s))
            return request.json(200, {"Code": "Success", "LastUpdated": "2026-11-28T00:00:00Z", "Type": "AWS-HMAC", **row})
        if request.path == "/latest/dynamic/instance-identity/document":
            return request.json(200, {"accountId": ACCOUNT, "region": REGION, "availabilityZone": REGION + "a",
                                      "instanceId": "i-0123456789abcdef0", "instanceType": "m5.large",
                                      "imageId": "ami-0123456789abcdef0", "privateIp": "10.0.0.1", "version": "2017-09-30"})
        return request.say(404, "")


class Container(Server):
    """The credentials' endpoint of ECS (no authorization) or of EKS Pod Identity (a token that must fit)."""

    def __init__(self, keys, address, path, authorization=None):
        super().__init__(address, keys)
        self.path, self.authorization = path, authorization

    def answer(self, request, body):
        if request.path != self.path or request.command != "GET":
            return request.json(404, {"code": "NotFound", "message": "no such path"})
        if self.authorization is not None and request.headers.get("Authorization") != self.authorization:
            return request.json(401, {"code": "Unauthorized", "message": "token"})
        return request.json(200, {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", **self.keys.document(self.keys.issue())})
