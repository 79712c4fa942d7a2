"""Evasions 1 to 4: what a call was given is changed, or names a file in another way."""

import os
import signal

import places
import tiercel as support

RULES = """
- rule: Secret
  desc: a file that nobody should open
  condition: evt.type in (open, openat, openat2) and fd.name = FOLDER/etc/secret
  output: "%fd.name %fd.nameraw %fd.realpath %proc.pid %evt.path_uncertain"
  priority: WARNING
- rule: Raced Open
  desc: the racing open, by the file that it opens
  condition: evt.type = openat and proc.exepath = PROGRAMS/tk_toctou and fd.name glob FOLDER/race-*/real
  output: "%fd.name %fd.realpath %evt.path_uncertain"
  priority: WARNING
- rule: Raced Path
  desc: the racing truncate, by the file that it empties
  condition: evt.type = truncate and proc.exepath = PROGRAMS/tk_toctou and fs.path.name glob FOLDER/race-*/real
  output: "%fs.path.name %evt.path_uncertain"
  priority: WARNING
"""
RACES = 300


def prepare(world):
    os.mkdir(world.path("etc"))
    world.file("etc/secret")


def all_raced(world, mode, rule):
    """Each attempt is a call on "real": whatever became of its path, the rule must see every one."""
    place = world.folder.folder(f"race-{mode}")
    before = len(world.told(rule))
    world.run(world.program("tk_toctou"), place, mode, str(RACES))
    return len(world.told(rule)) - before == RACES


def opened(world, path, **more):
    before = len(world.told("Secret"))
    os.close(os.open(path, os.O_RDONLY, **more))
    return len(world.told("Secret")) == before + 1


def symbolic_link(world):
    os.symlink(world.path("etc/secret"), world.path("harmless"))
    return opened(world, world.path("harmless"))


def root_of_proc(world):
    return opened(world, "/proc/self/root" + world.path("etc/secret"))


def dot_dot(world):
    os.mkdir(world.path("etc/deep"))
    return opened(world, world.path("etc/deep/.././//secret"))


def hard_link(world):
    os.link(world.path("etc/secret"), world.path("other-name"))
    return opened(world, world.path("other-name"))


def in_a_child(deed):
    """A child's own mounts end with it."""
    child = os.fork()
    if child == 0:
        try:
            deed()
            os._exit(0)
        except BaseException as error:  # pylint: disable=broad-except
            os.write(2, f"{error!r}\n".encode())
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise support.Failure(f"a child could not do its deed: status {status}")


def bind_mount(world):
    target = world.file("mounted-over")
    before = len(world.told("Secret"))

    def deed():
        places.own_mounts()
        places._call("mount", world.path("etc/secret").encode(), target.encode(), None, places.MS_BIND, None)
        os.close(os.open(target, os.O_RDONLY))

    in_a_child(deed)
    return len(world.told("Secret")) == before + 1


def directory_descriptor(world):
    """The agent sleeps while the descriptor becomes another folder's: who resolves it late is wrong."""
    os.mkdir(world.path("elsewhere"))
    world.file("elsewhere/secret")
    world.settle()
    before = len(world.told("Secret"))
    world.agent.child.signal(signal.SIGSTOP)
    try:
        directory = os.open(world.path("etc"), os.O_RDONLY | os.O_DIRECTORY)
        os.close(os.open("secret", os.O_RDONLY, dir_fd=directory))
        other = os.open(world.path("elsewhere"), os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(other, directory)
        os.close(other)
        os.close(directory)
    finally:
        world.agent.child.signal(signal.SIGCONT)
    seen = world.told("Secret")[before:]
    return len(seen) == 1 and seen[0]["fd.realpath"] == world.path("etc/secret")


def through_a_ring(world):
    before = len(world.told("Secret"))
    said = world.deed("uring", world.path("etc/secret"))
    if said["result"] < 0:
        return True  # nobody may
    seen = world.told("Secret")[before:]
    return len(seen) == 1 and seen[0]["proc.pid"] == said["pid"]


DEEDS = {
    1: {"path of an open": lambda w: all_raced(w, "flip", "Raced Open"),
        "text in shared memory": lambda w: all_raced(w, "shared", "Raced Open"),
        "descriptor": lambda w: all_raced(w, "both", "Raced Open"),
        "path of another call": lambda w: all_raced(w, "path", "Raced Path")},
    2: {"symbolic link": symbolic_link, "/proc/self/root": root_of_proc, "dot dot": dot_dot, "hard link": hard_link,
        "bind mount": bind_mount},
    3: {"directory descriptor": directory_descriptor},
    4: {"open through a ring": through_a_ring},
}
