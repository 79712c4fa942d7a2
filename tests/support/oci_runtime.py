#!/usr/bin/env python3
"""An OCI runtime for machines that lack capabilities: takes those that this machine cannot give out of the bundle, then
becomes runc. Without it a privileged container does not start there. What the layers above recorded of the container
stays as they wrote it. On a machine that has them all it changes nothing."""

import json
import os
import shutil
import sys

# bits as in linux/capability.h
NAMES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()


def held():
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        bits = next(int(line.split()[1], 16) for line in status if line.startswith("CapBnd:"))
    return {"CAP_" + name for number, name in enumerate(NAMES) if bits >> number & 1}


def trim(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    allowed = held()
    for kind, names in config["process"].get("capabilities", {}).items():
        config["process"]["capabilities"][kind] = [name for name in names if name in allowed]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


def main():
    args = sys.argv[1:]
    if "create" in args and "--bundle" in args:
        trim(os.path.join(args[args.index("--bundle") + 1], "config.json"))
    runc = shutil.which("runc") or "/usr/sbin/runc"
    os.execv(runc, [runc] + args)


if __name__ == "__main__":
    main()
