"""Evasion 17: programs of the sensor that the kernel did not run. The test cannot make it leave one out; it compares what
the agent says with what the kernel says of the agent's programs."""

import os

import tiercel as support

RULES = ""


def missed_of_kernel(pid):
    """{program id: recursion_misses} as /proc shows it of the agent's descriptors."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as info:
                said = dict(line.split(":", 1) for line in info if ":" in line)
        except OSError:
            continue
        if "recursion_misses" in said:
            found[int(said["prog_id"])] = int(said["recursion_misses"])
    return found


def counted(world):
    of_kernel = missed_of_kernel(world.agent.pid)
    if not of_kernel:
        raise support.Failure("the kernel tells of no program of the agent's")
    return world.agent.status()["lost"]["missed_runs"] == sum(of_kernel.values())


DEEDS = {17: {"runs that the kernel skips": counted}}
