#!/usr/bin/env python3
"""The Security Hub output against AWS's side of it, in a network namespace of its own (root), where the link-local
addresses of the metadata service and of containers' endpoints are the test's.

usage: run.py AWS_PROBE [EVENTS...]     events: normalised ones, a line each, to be rendered besides those of the repository
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INSIDE = "TIERCEL_AWS_TEST_INSIDE"

if os.environ.get(INSIDE) is None:
    if os.geteuid() != 0:
        print("needs root for a network namespace")
        sys.exit(77)
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])

import formats  # noqa: E402
import servers  # noqa: E402

checks = 0


def check(holds, what):
    global checks
    checks += 1
    if not holds:
        raise AssertionError(what)


class Probe:
    """The agent's side; every line that it ever prints is kept, to be searched for secrets."""
    said = []

    def __init__(self, program, environment, **arguments):
        base = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
        self.child = subprocess.Popen([program, "serve"] + [f"{k}={v}" for k, v in arguments.items()], text=True,
                                      env=base | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)

    def take(self, *events):
        for event in events:
            self.child.stdin.write(json.dumps(event, ensure_ascii=False) + "\n")

    def send(self):
        self.child.stdin.write("send\n")
        self.child.stdin.flush()
        while True:
            line = self.child.stdout.readline()
            check(line, "the probe ended")
            Probe.said.append(line)
            if line.startswith("{"):
                return json.loads(line)

    def end(self):
        self.child.stdin.close()
        Probe.said.append(self.child.stdout.read())
        check(self.child.wait() == 0, f"the probe ends with {self.child.returncode}")


def event(number, rule="Reverse Shell", exe=None, **more):
    return {"tiercel": {"schema": "1", "id": f"id-{number}", "time": f"2026-11-28T08:00:{number % 60:02d}.5Z", "rule": rule,
                        "priority": "Critical", "source": "syscall", "tags": ["network"], "output": f"shell {number}",
                        "host": {"name": "web-1"}, "mitre": {"technique": ["T1059.004"], "tactic": ["execution"]},
                        "evt": {"type": "connect"},
                        "proc": {"name": "bash", "pid": 4000 + number, "exepath": exe or f"/bin/b{number}"}, **more}}


def shipped_events(files):
    """Alerts that a real manager wrote, and hostile ones."""
    with open(os.path.join(ROOT, "tests/dashboard/alerts.ndjson")) as f:
        for line in f:
            data = json.loads(line).get("data", {})
            if "tiercel" in data:
                yield json.dumps({"tiercel": data["tiercel"]}, ensure_ascii=False)
    for path in files:
        with open(path) as f:
            yield from (line.strip() for line in f if line.strip())
    yield "{}"
    yield "no json"
    yield json.dumps({"tiercel": "text"})
    yield json.dumps({"tiercel": {"rule": "\u00e4" * 9000, "output": "\U0001f600" * 5000, "priority": "Error", "host": {"name": " "},
                                  "time": "2026-11-28T08:00:00Z", "proc": {"name": "\x01" * 3000, "exepath": "/\u20ac" * 3000, "pid": "7"},
                                  "container": {"full_id": "c" * 64, "privileged": True, "image_repository": "\u65e5" * 3000},
                                  "field": {f"k{'x' * 100}{i}": "\x02" * 2000 for i in range(150)},
                                  "fd": {"cip": "2001:db8::1", "sip": "10.0.0.1", "cport": 70000, "sport": "443", "l4proto": "tcp"}}},
                     ensure_ascii=False)


def rendered(program, files):
    events = list(shipped_events(files))
    for form, problems in (("asff", formats.asff_problems), ("ocsf", formats.ocsf_problems)):
        for update in ("create", "update"):
            out = subprocess.run([program, "render", form, update], input="\n".join(events) + "\n", text=True,
                                 capture_output=True, check=True).stdout.split("\n")
            check(len(out) == len(events) + 1, f"{form}: {len(out)} lines for {len(events)} events")
            for source, line in zip(events, out):
                found = problems(line) if form == "ocsf" else problems(line, first=update == "create")
                check(not found, f"{form} {update}: {found}\n{source[:300]}\n{line[:2000]}")
                if form == "asff" and update == "update":
                    check("Severity" not in json.loads(line), "an update sets what a customer may have changed")
    rules = {json.loads(e)["tiercel"]["rule"] for e in events[:-4]}
    return f"{len(events)} alerts of {len(rules)} rules rendered and valid, as ASFF and OCSF, new and again"


def batches(program, hub, environment):
    probe = Probe(program, environment, region=servers.REGION)
    probe.take(*(event(i) for i in range(250)), *(event(i, exe="/bin/same") for i in range(40)))
    answers = [probe.send() for _ in range(3)]
    check([a["settled"] for a in answers] == [100, 100, 90] and hub.calls == [100, 100, 51], f"{answers} {hub.calls}")
    same = [f for f in hub.findings if f.endswith("bin/same")]
    check(len(same) == 1 and hub.findings[same[0]][0]["ProductFields"]["tiercel/alerts"] == "40", f"{same}")
    probe.take(event(50, exe="/bin/same"))
    probe.send()
    again = hub.findings[same[0]][1]
    check(again["ProductFields"]["tiercel/alerts"] == "41" and "Types" not in again, f"{again}")
    check(again["CreatedAt"] == hub.findings[same[0]][0]["CreatedAt"], "CreatedAt moved")
    instance = [r for r in again["Resources"] if r["Type"] == "AwsEc2Instance"]
    check(instance and instance[0]["Id"].endswith("instance/i-0123456789abcdef0"), f"{again['Resources']}")
    probe.end()
    return "290 alerts: 251 findings in 3 calls; a repeat updates"


def troubles(program, hub, environment):
    probe = Probe(program, environment, region=servers.REGION)
    probe.take(event(1000), event(1001), event(1002))
    for trouble, words in (("throttle", "Throttling"), ("limit", "LimitExceeded"), ("internal", "500 InternalException"),
                           ("disabled", "enable-security-hub"), ("denied", "needs securityhub:BatchImportFindings on arn:aws:"),
                           ("reset", ""), ("garbage", "no JSON")):
        # libcurl asks once more by itself where a connection that it had kept open ends without an answer.
        hub.next.extend([trouble] * (2 if trouble == "reset" else 1))
        answer = probe.send()
        check(answer["result"] == "retry" and words in answer["answer"], f"{trouble}: {answer}")
        check((answer["retry_after_ms"] > 0) == (trouble in ("throttle", "limit")), f"{trouble}: {answer}")
    ids = {n: f"tiercel/web-1/Reverse%20Shell/-//bin/b{n}" for n in (1000, 1001, 1002, 1003)}
    hub.bad = {ids[1000]: "InvalidInput", ids[1001]: "InternalFailure"}
    answer = probe.send()
    check((answer["settled"], answer["refused"], answer["result"]) == (1, 1, "taken"), f"{answer}")
    answer = probe.send()
    check(answer["result"] == "retry" and "InternalFailure" in answer["answer"], f"{answer}")
    hub.bad = {}
    answer = probe.send()
    check((answer["settled"], hub.calls[-1]) == (1, 1), f"{answer}")  # only what failed was sent again
    hub.bad = {ids[1003]: "whole"}
    probe.take(*(event(i) for i in range(1003, 1030)))
    answers = [probe.send() for _ in range(6)]
    total = [sum(a["settled"] for a in answers if a["result"] == kind) for kind in ("taken", "refused")]
    check(total == [26, 1], f"one bad finding among 27: {answers}")
    hub.bad = {}
    probe.end()
    return "throttling, errors, partial failures, one bad finding that fails the call"


def renewal(program, hub, keys, environment):
    probe = Probe(program, environment, region=servers.REGION)
    probe.take(event(2000))
    check(probe.send()["settled"] == 1, "first")
    keys.expire_all()
    probe.take(event(2001))
    before = len(hub.problems)
    check(probe.send()["settled"] == 1, "after the token ended")
    check([p[0] for p in hub.problems[before:]] == ["ExpiredTokenException"], f"{hub.problems[before:]}")
    del hub.problems[before:]
    probe.end()


def sources(program, hub, keys, sts, imds, folder):
    hub_url = {"AWS_ENDPOINT_URL_SECURITYHUB": hub.url, "AWS_ENDPOINT_URL_STS": sts.url}
    user = keys.document(keys.issue(long_lived=True))
    pair = {"AWS_ACCESS_KEY_ID": user["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": user["SecretAccessKey"]}
    with open(f"{folder}/credentials", "w") as f:
        f.write(f"# keys\n[other]\naws_access_key_id = AKIAWRONG\n[work]\naws_access_key_id={user['AccessKeyId']}\n"
                f"aws_secret_access_key = {user['SecretAccessKey']}\n")
    with open(f"{folder}/config", "w") as f:
        f.write(f"[default]\nregion = us-east-1\n[profile work]\nregion = {servers.REGION}\ns3 =\n  region = no\n")
    with open(f"{folder}/identity", "w") as f:
        f.write(sts.identity_token + "\n")
    with open(f"{folder}/pod", "w") as f:
        f.write("pod token 1\n")
    files = {"AWS_SHARED_CREDENTIALS_FILE": f"{folder}/credentials", "AWS_CONFIG_FILE": f"{folder}/config"}
    region = {"AWS_REGION": servers.REGION}
    off = {"AWS_EC2_METADATA_DISABLED": "true"}
    ways = {
        "the environment": pair | region | off,
        "profile work": files | off | {"AWS_PROFILE": "work"},
        "web identity": region | off | {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/tiercel",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE": f"{folder}/identity"},
        "the container's endpoint": region | off | {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"},
        "the container's endpoint (EKS)": region | off | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{folder}/pod"},
        "instance metadata": {},
    }
    for number, (name, environment) in enumerate(ways.items()):
        probe = Probe(program, hub_url | environment)
        probe.take(event(3000 + number))
        answer = probe.send()
        probe.end()
        check(answer["settled"] == 1, f"{name}: {answer}")
        check(any(f"credentials from {name.split(' (')[0]}" in line for line in Probe.said[-3:]), f"{name}: {Probe.said[-3:]}")
    for name, environment, words in (
            ("nothing", region | off, "no AWS credentials: the environment: "),
            ("no region", off, "no AWS region"),
            ("a bad host", region | off | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2.evil.example/"}, "must be https"),
            ("a bad token", region | off | {"AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
                                           "AWS_WEB_IDENTITY_TOKEN_FILE": f"{folder}/pod"}, "InvalidIdentityToken"),
            ("an unknown profile", files | region | off | {"AWS_PROFILE": "none"}, "profile none has no"),
            ("a wrong secret", region | off | pair | {"AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignature")):
        probe = Probe(program, hub_url | environment)
        probe.take(event(3100))
        answer = probe.send()
        probe.end()
        check(answer["result"] == "retry" and words in answer["answer"], f"{name}: {answer}")
    imds.role = ""
    probe = Probe(program, hub_url | region)
    probe.take(event(3200))
    check("the instance has no role" in probe.send()["answer"], "no role")
    imds.role = "tiercel-role"
    imds.tokens.clear()  # as after a restart of the service: 401, then a new token
    check(probe.send()["settled"] == 1, "a role came")
    probe.end()
    hub.problems[:] = [p for p in hub.problems if p[0] != "InvalidSignatureException"]
    return f"{len(ways)} sources of credentials, 7 that fail with the way out"


def main():
    program, files = os.path.abspath(sys.argv[1]), sys.argv[2:]
    for command in (["link", "set", "lo", "up"], *(["addr", "add", f"{a}/32", "dev", "lo"] for a in
                    ("169.254.169.254", "169.254.170.2", "169.254.170.23"))):
        subprocess.run(["ip", *command], check=True)
    keys = servers.Keys()
    hub, sts, imds = servers.Hub(keys), servers.Sts(keys, "identity." + "x" * 900), servers.Imds(keys)
    servers.Container(keys, ("169.254.170.2", 80), "/v2/credentials/1")
    servers.Container(keys, ("169.254.170.23", 80), "/v1/credentials", "pod token 1")
    environment = {"AWS_ENDPOINT_URL_SECURITYHUB": hub.url, "AWS_ENDPOINT_URL_STS": sts.url}
    print(rendered(program, files))
    print(batches(program, hub, environment))
    print(troubles(program, hub, environment))
    renewal(program, hub, keys, environment)
    with tempfile.TemporaryDirectory() as folder:
        print(sources(program, hub, keys, sts, imds, folder))
    check(not hub.problems, f"{hub.problems[:5]}")
    said = "".join(Probe.said)
    for secret in keys.secrets() + [sts.identity_token, "pod token 1"] + list(imds.tokens):
        check(secret not in said, "a secret was printed")
    check(not re.search(r"AWS4-HMAC", said), "a signature was printed")
    print(f"aws: {checks} checks, {sum(hub.calls)} findings in {len(hub.calls)} calls")


if __name__ == "__main__":
    main()
