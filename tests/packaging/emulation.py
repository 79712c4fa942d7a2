"""Programs of another architecture on this machine: QEMU's user-mode emulation for this process and its children alone.

A handler of binfmt_misc belongs to a user namespace (Linux 6.7 and later), so a child of the test makes one of its own, with
mounts of its own. Nothing is registered on the host, and all of it ends with the last process inside."""

import ctypes
import os
import sys
import traceback

import places
import tiercel as support

CLONE_NEWUSER = 0x10000000
HANDLERS = "/proc/sys/fs/binfmt_misc"
QEMU = {"arm64": "/usr/lib/binfmt.d/qemu-aarch64.conf"}
EVERYBODY = "0 0 4294967295\n"

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(arch):
    if not os.path.exists(QEMU[arch]):
        raise support.Failure("qemu-user-static is not installed: packaging/install-dependencies.sh cross-test")
    places.own_mounts()
    if _libc.mount(b"binfmt_misc", HANDLERS.encode(), b"binfmt_misc", 0, None) != 0:
        raise support.Failure(f"no binfmt_misc of our own (Linux 6.7 and later have it): {os.strerror(ctypes.get_errno())}")
    with open(QEMU[arch], encoding="ascii") as handler, open(HANDLERS + "/register", "w", encoding="ascii") as register:
        register.write(handler.read())


def inside(arch, work):
    """work() in a child where programs of that architecture run. Returns what it returns, a number that an exit status can be."""
    (ready, is_ready), (mapped, is_mapped) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if _libc.unshare(CLONE_NEWUSER) != 0:
                raise support.Failure(f"no user namespace of our own: {os.strerror(ctypes.get_errno())}")
            os.write(is_ready, b"x")
            os.read(mapped, 1)
            os.setgid(0)
            os.setuid(0)
            _enter(arch)
            status = work()
        except support.Failure as failure:
            support.say(f"FAILED: {failure}")
        except BaseException:  # of a child: nothing above it may go on
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(is_ready)
    if os.read(ready, 1):
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                file.write(EVERYBODY)
    os.write(is_mapped, b"x")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
