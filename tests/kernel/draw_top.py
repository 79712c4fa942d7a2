#!/usr/bin/env python3
"""Draws `tiercel top` from a real run: an agent with the shipped rules, a load, a program that reads /etc/shadow again and
again. The picture of docs/everyday.md: draw_top.py --tiercel build/release/tiercel. Needs root and Debian's
python3-matplotlib."""

import argparse
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import terminal  # noqa: E402
import test_top  # noqa: E402
import tiercel as support  # noqa: E402

ALERTS = "while ! read -t 0.2 line; do cat /etc/shadow > /dev/null; done"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--rules", default=os.path.join(ROOT, "rules"))
    parser.add_argument("--size", default="100x26", help="of the terminal: columns x lines")
    parser.add_argument("--rate", type=float, default=5000, help="files that the load opens a second; 0: no load, no alerts")
    parser.add_argument("--seconds", type=float, default=20, help="how long to look before the picture is taken")
    parser.add_argument("--keys", default="", help="typed before it is taken")
    parser.add_argument("--to", default=os.path.join(ROOT, "docs", "pictures", "top.png"))
    options = parser.parse_args()
    support.require_kernel_tests()
    columns, lines = (int(word) for word in options.size.split("x"))
    with support.Folder() as folder, support.Agent(options.tiercel, options.rules, folder=folder, config=test_top.CONFIG) as agent:
        others = []
        if options.rate:
            others = [test_top.Load(folder.path, options.rate),
                      subprocess.Popen(["bash", "-c", ALERTS], stdin=subprocess.PIPE)]
        try:
            with terminal.Terminal([options.tiercel, "top", "--run-dir", agent.run_dir], columns, lines) as screen:
                screen.wait_for("^Events", "the first figures")
                time.sleep(options.seconds)
                screen.type(options.keys)
                time.sleep(1.5)
                print(screen.text())
                with screen.lock:
                    terminal.draw(screen.screen, options.to)
                screen.type("qq")  # the first one may leave the help
                screen.wait()
        finally:
            for other in others:
                process = other.process if isinstance(other, test_top.Load) else other
                process.stdin.write(b"\n")  # ends its loop
                process.stdin.close()
                process.wait(support.WAIT_S)
    return 0


if __name__ == "__main__":
    support.main(main, "draw_top")
