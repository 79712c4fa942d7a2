#!/usr/bin/env python3
"""The suite's page and picture, from a short run of the loops with the agent and with a peer that does nothing: the figures
stand between a document's marks and nowhere else, the picture is XML, the same figures give the same bytes, and a part
that fails fails the suite."""

import argparse
import json
import os
import sys
import xml.etree.ElementTree

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import suite  # noqa: E402
import tiercel as support  # noqa: E402

BEFORE, AFTER = "# A document\n\n", "\n\nand what follows\n"
RULES = os.path.join(HERE, "busy_rules.yaml")


def run(options, out, *more):
    argv = [sys.executable, os.path.join(HERE, "suite.py"), "--tiercel", options.tiercel, "--programs", options.programs, "--out", out, "--quick",
            "--only", "loops", "--rules", RULES, *more]
    return suite.run_to_end(argv)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--quick", action="store_true", help="it is always short")
    options = parser.parse_args()
    support.require_kernel_tests()
    checks = support.Checks()
    with support.Folder("suite") as folder:
        out, document = folder.folder("out"), folder.file("page.md", f"{BEFORE}{suite.BEGIN}\nold\n{suite.END}{AFTER}")
        folder.folder("pictures")
        checks.equal(run(options, out, "--page", document, "--peer", "sleep 1000", "--peer-settle", "0"), 0, "the suite's status")
        page, picture = text_of(document), text_of(os.path.join(folder.path, "pictures", suite.PICTURE))
        checks.check(page.startswith(BEFORE + suite.BEGIN) and page.endswith(suite.END + AFTER), f"what stands around the marks has changed: {page}")
        checks.check("old" not in page.split(), "the old figures are still there")
        for what in ("getpid + pipe", "| tiercel ", "| peer ", "CPU for a million of open + close", "tests/bench/bench.py"):
            checks.check(what in page, f"the page does not have '{what}'")
        names = {node.text for node in xml.etree.ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")}
        checks.check({"peer", "tiercel", "connect"} <= names, f"the picture says {names}")
        results = json.loads(text_of(os.path.join(out, "results.json")))
        checks.equal(suite.picture(results, "clock"), picture, "the picture, drawn again")
        checks.check(suite.picture(results, "cpu") != picture, "the picture by CPU time is that by the clock")
        speeds = [sensor["loads"]["open"]["ratio"] for sensor in results["loops"]["sensors"]]
        checks.check(len(speeds) == 2 and all(low > 0 for low, _, _ in speeds), f"speeds {speeds}")
        checks.check(results["loops"]["sensors"][0]["events"] > 0, "the agent saw nothing")
        checks.equal(run(options, out, "--peer", "false", "--peer-settle", "0.2"), 1, "the status when a part fails")
    return checks.finish("suite")


if __name__ == "__main__":
    support.main(main, "bench_suite")
