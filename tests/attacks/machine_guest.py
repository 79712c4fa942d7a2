#!/usr/bin/env python3
"""Inside the virtual machine (machine.py): does what the test asks for on one port, sends the agent's alerts down another.
A request is a line of JSON {"argv": [...], "limit_s": n}; its answer {"status": n, "said": "..."}."""

import json
import subprocess
import sys
import threading
import time

ALERTS, AGENT_SAID = "/run/tiercel-alerts", "/run/tiercel-said"
PORTS = "/dev/virtio-ports/"


def opened(path, mode):
    while True:
        try:
            return open(path, mode, buffering=0)
        except OSError:
            time.sleep(0.05)


def send_alerts():
    with opened(PORTS + "tiercel.alerts", "wb") as port, opened(ALERTS, "rb") as source:
        while True:
            piece = source.read(1 << 16)
            if not piece:
                time.sleep(0.02)
            while piece:
                piece = piece[port.write(piece):]


def agent_watches():
    while True:
        with opened(AGENT_SAID, "rb") as file:
            said = file.read().decode(errors="replace")
        if "is watching" in said:
            return {"ready": True, "said": said}
        state = subprocess.run(["systemctl", "is-failed", "tiercel.service"], capture_output=True, text=True, check=False).stdout.strip()
        if state == "failed":
            return {"ready": False, "said": said}
        time.sleep(0.1)


def answer(request):
    try:
        done = subprocess.run(request["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=request["limit_s"], check=False)
        return {"status": done.returncode, "said": done.stdout.decode(errors="replace")}
    except subprocess.TimeoutExpired as late:
        return {"status": None, "said": (late.stdout or b"").decode(errors="replace")}
    except OSError as error:
        return {"status": None, "said": str(error)}


def main():
    threading.Thread(target=send_alerts, daemon=True).start()
    with opened(PORTS + "tiercel.control", "r+b") as port:
        def tell(what):
            text = json.dumps(what).encode() + b"\n"
            while text:
                text = text[port.write(text):]

        with open("/proc/uptime", encoding="ascii") as file:
            uptime_s = float(file.read().split()[0])
        tell({**agent_watches(), "uptime_s": uptime_s})
        pending = b""
        while True:
            piece = port.read(1 << 16)
            if not piece:
                time.sleep(0.05)  # nobody at the other end
                continue
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                tell(answer(json.loads(line)))


if __name__ == "__main__":
    sys.exit(main())
