#!/usr/bin/env python3
"""make kernel-test: the agent on other kernels (kernels.txt), in QEMU, in every way to attach.

In each machine the programs of tests/kernel run under each way (guest.py): every field of every event is what the program states
(test_events.py), module calls and 32-bit entries among them. Then the events of the ways are compared with each other.

usage: run.py --tiercel build/release/tiercel --programs build/release/tests/kernel [--kernels 6.1 ...] [--ways trampoline ...]
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder_name in ("support", "attacks"):
    sys.path.insert(0, os.path.join(HERE, "..", "..", folder_name))
import judge  # noqa: E402
import kernels  # noqa: E402
import boot  # noqa: E402
import tiercel as support  # noqa: E402
import ways  # noqa: E402


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True, help="folder of the built test programs")
    parser.add_argument("--kernels", nargs="*", default=[], help="names of lines of kernels.txt")
    parser.add_argument("--ways", nargs="*", default=[way["name"] for way in ways.WAYS], choices=[way["name"] for way in ways.ALL])
    parser.add_argument("--tests", nargs="*", default=[name for name, _ in ways.TESTS], help="which of the further tests (ways.py)")
    parser.add_argument("--only", nargs="*", default=[], help="only these programs of test_events.py")
    return parser.parse_args()


def main():
    options = parsed()
    if os.geteuid() != 0:
        support.skip_or_fail("the machine's disk is made by root")
    boot.require()
    checks = support.Checks()
    tests = [test for test in ways.TESTS if test[0] in options.tests]
    chosen = [way for way in ways.ALL if way["name"] in options.ways]
    with support.Folder("matrix") as folder:
        disk = boot.make_disk(folder, os.path.realpath(options.tiercel), options.programs)
        for kernel in kernels.listed(options.kernels):
            kernels.fetch(kernel)
            support.say(f"{kernel.name}: Linux {kernel.version}, {kernel.parameters}")
            found = boot.Machine(kernel, disk, folder).run({"ways": chosen, "only": options.only, "tests": [] if options.only else tests})
            judge.judge(checks, kernel, chosen, found)
    return checks.finish("kernel matrix")


if __name__ == "__main__":
    support.main(main, "kernel_matrix")
