"""Alerts for the report's tests, as report_drive reads them: "TIME_NS TAB EVENT" lines over the 24 hours before UNTIL.

real: those of tests/dashboard/alerts.ndjson, as a manager got them, spread over the day; with a gap, losses and receipts
flood: so many alerts, most of one rule     hostile: names that want to be more than names     none: nothing
usage: events.py real|flood|hostile|none [N]
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
UNTIL = 1795867200 * 10**9  # 2026-11-28T12:00:00Z
SINCE = UNTIL - 86400 * 10**9

# Each of these is a process's name, a rule's name and a container's name.
HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"`;document.title='owned';//",
    "<!--<script>",
    "]]>--><svg/onload=document.title='owned'>",
    "\u202egnp.exe",
    "a\u200bb\u2066c\u2069\u2028d",
    "bell\u0007 esc\u001b[31m nul\u0000 del\u007f",
    "&lt;b&gt;&#x27;",
    "__proto__", "constructor", "hasOwnProperty", "toString",
    "@NONCE@ @REPORT@ @VIEW@",
    "${alert(1)} {{7*7}}",
    "\ufffd\ufffdbroken",
    "x" * 3000,
    "javascript:document.title='owned'",
    "a b'c\"d$(touch /tmp/owned)`id`",
]


def iso(ns):
    import datetime
    moment = datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + ".%09dZ" % (ns % 10**9)


def event(ns, number, rule, priority, **more):
    out = {"schema": "1", "id": "feed-%d" % number, "time": iso(ns), "rule": rule, "priority": priority, "source": "syscall"}
    out.update(more)
    out.setdefault("output", "%s fired" % rule)
    out.setdefault("host", {"name": "web-1"})
    return ns, {"tiercel": out}


def internal(ns, number, what, priority, output, **field):
    return event(ns, number, "Tiercel internal: " + what, priority, source="internal", output=output, field=field)


def real(count):
    lines = open(os.path.join(HERE, "..", "dashboard", "alerts.ndjson"), encoding="utf-8").read().splitlines()
    found = [json.loads(line)["data"] for line in lines]
    found = [one for one in found if "tiercel" in one and "heartbeat" not in one["tiercel"]["rule"]][:count]
    out = []
    for number, one in enumerate(found):
        # More in the afternoon than at night, and a burst.
        part = (number + 1) / (len(found) + 1)
        ns = SINCE + int(86400e9 * (0.25 + 0.72 * part ** 0.6 if number % 3 else 0.62 + 0.02 * part))
        one["tiercel"]["time"] = iso(ns)
        out.append((ns, one))
    hour = 3600 * 10**9
    out.append(internal(SINCE + 9 * hour, 9001, "gap", "Warning", "this host was without tiercel for 2700.000 s, from %s to %s (the agent was killed): what happened then was not seen"
                        % (iso(SINCE + 8 * hour + 900 * 10**9), iso(SINCE + 9 * hour)), **{"from": iso(SINCE + 8 * hour + 900 * 10**9), "to": iso(SINCE + 9 * hour), "gap_ms": "2700000", "how": "killed"}))
    out.append(internal(SINCE + 15 * hour, 9002, "events lost", "Critical", "1234 events were lost in the kernel (openat=1200 execve=34); by container since the start: web=1234",
                        lost="1234", by_type="openat=1200 execve=34", by_cgroup="web=1234", reader_lag_ms="812"))
    shells = [(ns, one) for ns, one in out if one["tiercel"].get("category") == "reverse_shell"][:2]
    for number, (ns, one) in enumerate(shells):
        name, pid = one["tiercel"]["proc"]["name"], one["tiercel"]["proc"]["pid"]
        out.append(internal(ns + 2 * 10**6, 9100 + number, "response", "Notice", "kill_shells (kill) done", response_origin="local", response_name="kill_shells",
                            response_action="kill", response_result="done", response_process=name, response_pid=str(pid),
                            response_alert_id=one["tiercel"]["id"], response_alert_rule=one["tiercel"]["rule"], response_latency_us="812"))
    return out


def flood(count):
    out = []
    rules = [("Noisy Rule", "Warning", "T1059"), ("Write below etc", "Error", "T1543"), ("Shell in a Container", "Critical", "T1059.004"), ("Connection to a Miner", "Critical", "T1496")]
    for number in range(count):
        ns = SINCE + (86400 * 10**9 * number) // count
        at = 3 if number % 20011 == 17 else 2 if number % 997 == 5 else 1 if number % 50 == 0 else 0
        rule, priority, technique = rules[at]
        pid = 2000 + number % 30000
        out.append(event(ns, number, rule, priority, category="cryptomining" if at == 3 else "file_integrity" if at == 1 else "reverse_shell", mitre={"technique": [technique]},
                         output="%s: file=/etc/x%d (proc=cp pid=%d container=web-%d)" % (rule, number, pid, number % 40),
                         evt={"type": "openat", "res": "SUCCESS", "num": number},
                         proc={"name": "cp", "pid": pid, "start_ns": str(10**12 + number), "cmdline": "cp a /etc/x%d" % number, "exepath": "/usr/bin/cp", "ppid": 1900 + number % 7,
                               "pname": "sh", "pcmdline": "sh /opt/job%d.sh" % (number % 7), "ancestors": ["sh", "cron", "systemd"]},
                         user={"name": "root", "uid": 0}, container={"id": "%012x" % (number % 40), "name": "web-%d" % (number % 40)}))
    return out


def hostile():
    out = []
    for number, text in enumerate(HOSTILE):
        ns = UNTIL - (len(HOSTILE) - number) * 60 * 10**9
        out.append(event(ns, number, text, "Critical", category=text, tags=[text], output=text, mitre={"technique": ["T1059", text], "tactic": [text]},
                         proc={"name": text, "pid": 100 + number, "start_ns": number, "cmdline": text, "ppid": 99 + number if number else 1, "pname": HOSTILE[number - 1] if number else text,
                               "pcmdline": text, "ancestors": [text] * 23, "exe": text}, user={"name": text}, container={"id": text[:12], "name": text},
                         field={"x_%d" % number: text, "__proto__": text, "constructor": text}))
        out.append(internal(ns, 1000 + number, "events lost", "Critical", text, lost=str(number + 1)))
        out.append(internal(ns, 2000 + number, "gap", "Warning", text, **{"from": text, "to": text, "gap_ms": "5"}))
        out.append(internal(ns, 3000 + number, "response", "Notice", text, response_action=text, response_result=text, response_reason=text, response_alert_id="feed-%d" % number))
    return out


def main():
    what = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10**9
    made = {"real": lambda: real(count), "flood": lambda: flood(count), "hostile": hostile, "none": list}[what]()
    out = sys.stdout.buffer
    for ns, one in sorted(made, key=lambda pair: pair[0]):
        out.write(b"%d\t" % ns + json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main()
