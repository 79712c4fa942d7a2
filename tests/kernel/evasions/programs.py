"""Evasions 5 to 9: programs that are started in another way, from another place or under another name."""

import glob
import os
import shutil
import socket
import subprocess

import tiercel as support

RULES = """
- macro: began
  condition: (evt.type in (execve, execveat) and evt.rawres = 0)
- rule: Script
  desc: a script by its own name
  condition: began and proc.script = FOLDER/script
  output: "%proc.script %proc.exepath"
  priority: WARNING
- rule: Loader
  desc: a program that the loader is given
  condition: began and basename(proc.exepath) startswith "ld-" and proc.args contains PROGRAMS
  output: "%proc.exepath %proc.args"
  priority: WARNING
- rule: Memory
  desc: a program from a memfd
  condition: began and proc.is_exe_from_memfd = true and proc.args contains ev06-memfd
  output: "%proc.exepath"
  priority: WARNING
- rule: Shared Memory
  desc: a program from /dev/shm
  condition: began and proc.exepath startswith /dev/shm/ and proc.args contains ev06-shm
  output: "%proc.exepath"
  priority: WARNING
- rule: Deleted
  desc: a program that is in no folder any more
  condition: began and proc.is_exe_deleted = true and proc.args contains ev06-deleted
  output: "%proc.exepath"
  priority: WARNING
- rule: Argument Zero
  desc: a program that says another name of itself
  condition: began and proc.argv0_is_exe = false and proc.exepath = PROGRAMS/tk_nop
  output: "%proc.exe %proc.exepath"
  priority: WARNING
- rule: Renamed
  desc: a process that goes by another name
  condition: evt.type = openat and fd.name = FOLDER/ev07-comm and proc.comm_is_exe = false
  output: "%proc.name %proc.exepath %fd.name"
  priority: WARNING
- rule: Tool
  desc: a program by its file's name
  condition: began and basename(proc.exepath) = tk_nop and proc.args contains ev07-copy
  output: "%proc.exepath"
  priority: WARNING
- rule: End
  desc: a word at the end of long arguments
  condition: began and proc.args contains ev08-end
  output: "%proc.args_size"
  priority: WARNING
- rule: Cut
  desc: arguments that are too long to be taken whole
  condition: began and proc.exepath = PROGRAMS/tk_nop and proc.is_args_cut = true and proc.args_size > 100000
  output: "%proc.args_size"
  priority: WARNING
- rule: On a Connection
  desc: a program on a connection
  condition: began and proc.stdout.type in (ipv4, ipv6) and (proc.stdin.type in (ipv4, ipv6) or proc.stderr.type in (ipv4, ipv6)) and proc.exepath = FOLDER/notes
  output: "%proc.exepath %proc.stdin.name"
  priority: WARNING
- rule: Driven
  desc: a shell in the hands of another program
  condition: began and proc.stdin.type = pipe and proc.stdout.type = pipe and proc.exepath = FOLDER/notes and proc.cmdnargs = 0
  output: "%proc.exepath %proc.stdin.type"
  priority: WARNING
"""


def prepare(world):
    world.file("script", "#!/bin/sh\nexit 0\n")
    os.chmod(world.path("script"), 0o755)
    shutil.copy(os.path.realpath("/bin/sh"), world.path("notes"))


def script(world):
    world.run(world.path("script"))
    return len(world.told("Script")) == 1


def loader(world):
    found = glob.glob("/lib64/ld-linux-*.so.*") + glob.glob("/lib/ld-linux-*.so.*")
    if not found:
        raise support.Failure("no loader is installed")
    subprocess.run([found[0], world.program("tk_nop")], capture_output=True, check=False)  # static: it starts and fails, or runs
    return len(world.told("Loader")) == 1


def start_of_descriptor(fd, argv):
    child = os.fork()
    if child == 0:
        try:
            os.execve(fd, argv, {})
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise support.Failure(f"{argv} did not start from its descriptor: status {status}")


def memfd(world):
    fd = os.memfd_create("runc_cloned:/proc/self/exe")
    with open(world.program("tk_nop"), "rb") as program, os.fdopen(fd, "wb", closefd=False) as copy:
        shutil.copyfileobj(program, copy)
    sealed = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)  # nothing that is open for writing is started
    os.close(fd)
    try:
        start_of_descriptor(sealed, ["runc", "ev06-memfd"])
    finally:
        os.close(sealed)
    return len(world.told("Memory")) == 1


def shared_memory(world):
    program = f"/dev/shm/tiercel-evasion-{os.getpid()}"
    shutil.copy(world.program("tk_nop"), program)
    try:
        os.symlink(program, world.path("innocent"))
        world.run(world.path("innocent"), "ev06-shm")
    finally:
        os.unlink(program)
    return len(world.told("Shared Memory")) == 1


def deleted(world):
    shutil.copy(world.program("tk_nop"), world.path("gone"))
    fd = os.open(world.path("gone"), os.O_RDONLY)
    os.unlink(world.path("gone"))
    try:
        start_of_descriptor(fd, ["gone", "ev06-deleted"])
    finally:
        os.close(fd)
    return len(world.told("Deleted")) == 1


def argument_zero(world):
    world.run("[kworker/0:1]", "ev07", executable=world.program("tk_nop"))
    return len(world.told("Argument Zero")) == 1


def comm(world):
    world.deed("comm", "kworker/u8:1", world.mark("ev07-comm"))
    return len(world.told("Renamed")) == 1


def copy(world):
    shutil.copy(world.program("tk_nop"), world.path("backup"))
    world.run(world.path("backup"), "ev07-copy")
    return len(world.told("Tool")) == 1


def end_of_arguments(world):
    world.run(world.program("tk_nop"), "x" * 60_000, "y" * 60_000, "ev08-end")
    return len(world.told("End")) == 1


def middle_of_arguments(world):
    before = len(world.told("Cut"))
    world.run(world.program("tk_nop"), "x" * 60_000, "ev08-middle", "y" * 60_000)
    return len(world.told("Cut")) == before + 1


def other_order(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as connection, server.accept()[0] as other_end:

            def wire():
                for number in (2, 1, 0):  # not dup2(s, 0), dup2(s, 1), dup2(s, 2), as shells in textbooks do
                    os.dup2(connection.fileno(), number)

            child = subprocess.Popen([world.path("notes")], preexec_fn=wire, pass_fds=(connection.fileno(),))
            other_end.sendall(b"exit 0\n")
            child.wait(support.WAIT_S)
    return len(world.told("On a Connection")) == 1


def relay(world):
    child = subprocess.Popen([world.path("notes")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.communicate(b"exit 0\n", timeout=support.WAIT_S)
    return len(world.told("Driven")) == 1


DEEDS = {
    5: {"script": script, "loader": loader},
    6: {"memfd with a trusted name": memfd, "link into /dev/shm": shared_memory, "deleted executable": deleted},
    7: {"argv[0]": argument_zero, "comm": comm, "copy": copy},
    8: {"end of the arguments": end_of_arguments, "middle of the arguments": middle_of_arguments},
    9: {"duplicated in another order": other_order, "pipes of a relay": relay},
}
