#!/usr/bin/env python3
"""The whole bench: runs each part, keeps its figures as JSON, and writes one page of tables and a picture from them.

Into the folder --out: NAME.json of each part, results.json (all of them, and the machine), performance.md and
pictures/performance.svg. --page: puts the tables between the marks of a document as well, and the picture into its
pictures/, unless a part failed. With --peer (or PEER in the environment) another sensor's command is measured in the same
runs, where a sensor is just started beside a load (loops, programs, storm)."""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import bars  # noqa: E402
import delivered  # noqa: E402
import flood  # noqa: E402
import growth  # noqa: E402
import interleave  # noqa: E402
import latency_rate  # noqa: E402
import loads  # noqa: E402
import parts  # noqa: E402
import sensors  # noqa: E402
import storm  # noqa: E402
import tiercel as support  # noqa: E402

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
PICTURE = "performance.svg"
SPEEDS = {"clock": "ratio", "cpu": "cpu_ratio"}


def run_to_end(argv, **more):
    """Its status. Where this program is ended meanwhile, so is that one, which ends what it started itself."""
    child = subprocess.Popen(argv, **more)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        child.wait(60)
        raise


class Part:
    def __init__(self, name, title, script, tables, arguments=(), takes_rules=True, takes_peer=False):
        self.name, self.title, self.script, self.tables, self.arguments = name, title, script, tables, list(arguments)
        self.takes_rules, self.takes_peer = takes_rules, takes_peer

    def argv(self, options):
        path = os.path.relpath(os.path.join(HERE, self.script), sensors.ROOT)
        argv = ["python3", path, "--tiercel", options.tiercel, "--programs", options.programs, *self.arguments]
        if options.quick:
            argv.append("--quick")
        if options.rules and self.takes_rules:
            argv += ["--rules", *options.rules]
        if options.peer and self.takes_peer:
            argv += ["--peer", options.peer, "--peer-settle", str(options.peer_settle)]
        return argv

    def run(self, options):
        """Its figures; nothing if it failed, which is said."""
        path = os.path.join(options.out, self.name + ".json")
        if os.path.exists(path):
            os.remove(path)
        support.say(f"== {self.name}: {self.title}")
        environment = {name: value for name, value in os.environ.items() if name != "PEER"}
        status = run_to_end(self.argv(options) + ["--json", os.path.abspath(path)], cwd=sensors.ROOT, env=environment)
        if status == support.SKIPPED:
            support.skip_or_fail(f"{self.script} was")
        figures = None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                figures = json.load(file)
        return status == 0, figures


def one(table):
    return lambda figures: [table(figures)]


PARTS = [
    Part("loops", "loops of system calls, speed beside the bare machine's", "bench.py", interleave.tables, takes_peer=True),
    Part("programs", "programs that people run, speed beside the bare machine's", "bench.py", interleave.tables,
         ["--loads", *loads.PROGRAMS, "--rounds", "5", "--slices", "3", "--slice-ms", "800"], takes_peer=True),
    Part("storm", "programs started at a steady pace", "storm.py", one(storm.table), takes_peer=True),
    Part("latency", "from the system call to the alert", "latency_rate.py", one(latency_rate.table)),
    Part("flood", "as many opens as two processes can make", "flood.py", one(flood.table)),
    Part("delivered", "an event that no rule matches and only user space can judge", "delivered.py", one(delivered.table)),
    Part("growth", "ten times as much of each", "growth.py", one(growth.table), takes_rules=False),
    Part("parts", "the parts of the agent", "parts.py", one(parts.table), takes_rules=False),
]


def machine(options):
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), os.uname().machine)
    version = subprocess.run([options.tiercel, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": os.uname().release, "version": version, "quick": options.quick,
            "hooks_of_others": sensors.hooks_of_others()}


def first_sensor(results, part):
    return results[part]["sensors"][0] if results.get(part) else None


def summary(results):
    """What people ask first: (what, figure, part)."""
    rows = []
    loops, programs = first_sensor(results, "loops"), first_sensor(results, "programs")
    for part, sensor in (("loops", loops), ("programs", programs)):
        for load in results[part]["loads"] if sensor else []:
            of_load = sensor["loads"][load["name"]]
            rows.append((f"speed: {load['title']}", f"{interleave.spread(of_load['ratio'], 2)}; by its own CPU time {of_load['cpu_ratio'][1]:.2f}", part))
    if loops:
        of_open = loops["loads"]["open"]
        rows.append(("CPU for a million of open + close", f"{of_open['cpu_s_per_million']:.2f} s", "loops"))
        rows.append(("memory: RssAnon, and rings", f"{interleave.mib(loops['rss_bytes'])}, {interleave.mib(loops['ring_bytes'])}", "loops"))
        rows.append(("ready after the start", f"{loops['ready_s'][1]:.2f} s", "loops"))
        rows.append(("events lost", f"{loops['lost']:,} of {loops['events'] + loops['lost']:,}", "loops"))
    for set_ in results.get("delivered") or []:
        rows.append((f"user space for an event that reached it, rules: {set_['rules']}", f"{interleave.spread(set_['us'], 2)} us", "delivered"))
    if storms := first_sensor(results, "storm"):
        rows.append((f"share of one core, {results['storm']['rate']:,} starts/s", f"{storms['share'][1]:.1%}, lost {storms['lost']}", "storm"))
    if late := results.get("latency"):
        rows.append((f"system call to alert, {late['rate']:,} matching events/s",
                     f"p50 {late['p50_us'][1]:,.0f} us, p99 {late['p99_us'][1]:,.0f} us, longest {late['max_us'][1]:,.0f} us", "latency"))
    if flooded := results.get("flood"):
        rows.append((f"flood of {flooded['per_s']:,.0f} opens/s: marked ones that alerted", f"{flooded['alerts']:,} of {flooded['marks']:,}", "flood"))
    return rows


def page(options, results):
    host = results["machine"]
    out = [f"{host['version']}; {host['cpus']} CPUs ({host['cpu']}), Linux {host['kernel']}"
           + (f"; {host['hooks_of_others']} BPF programs of others hooked into it from the beginning" if host["hooks_of_others"] else "")
           + ("; **a quick run: the figures mean nothing**" if host["quick"] else "") + ".", "", f"![speed with sensors](pictures/{PICTURE})", "",
           support.table(["what", "figure", "part"], summary(results)), ""]
    for part in PARTS:
        if part.name not in options.only:
            continue
        out += [f"### {part.name}", "", f"{part.title[0].upper()}{part.title[1:]}: `{shlex.join(part.argv(options))}`", ""]
        if results.get(part.name) is None:
            out += ["It failed, and gave no figures.", ""]
            continue
        for table in part.tables(results[part.name]):
            out += [table, ""]
    return "\n".join(out)


def picture(results, by):
    """Speed of loops and programs with each sensor, by the clock or by the load's CPU time."""
    groups, names = [], []
    for part in ("loops", "programs"):
        got = results.get(part)
        if not got:
            continue
        names = [sensor["name"] for sensor in got["sensors"]]
        groups += [(load["title"], [sensor["loads"][load["name"]][SPEEDS[by]] for sensor in got["sensors"]]) for load in got["loads"]]
    words = {"clock": "Speed with a sensor; 1.00: without", "cpu": "Speed by the load's own CPU time with a sensor; 1.00: without"}
    return bars.chart(words[by], groups, names)


def put_into(path, text, drawn):
    """Between the marks of a document; the picture into its pictures/."""
    with open(path, encoding="utf-8") as file:
        before, mark, rest = file.read().partition(BEGIN)
    _, other, after = rest.partition(END)
    if not mark or not other:
        raise support.Failure(f"{path} has no place for figures: {BEGIN} and {END}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{text}\n{END}{after}")
    shutil.copy(drawn, os.path.join(os.path.dirname(path), "pictures", PICTURE))


def write(options, results, whole):
    files = {"results.json": json.dumps(results, indent=1) + "\n", "performance.md": page(options, results), PICTURE: picture(results, options.by)}
    for name, text in files.items():
        path = os.path.join(options.out, *(["pictures"] if name == PICTURE else []), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    if options.page and whole:
        put_into(options.page, files["performance.md"], os.path.join(options.out, "pictures", PICTURE))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sensors.add_arguments(parser)
    parser.add_argument("--out", required=True, help="folder for the figures, the page and the picture")
    parser.add_argument("--page", help="a document with a place for figures")
    parser.add_argument("--by", choices=SPEEDS, default="clock", help="what the picture shows: on a busy machine rather cpu")
    parser.add_argument("--only", nargs="*", choices=[part.name for part in PARTS], default=[part.name for part in PARTS])
    options = parser.parse_args()
    support.require_kernel_tests()
    os.makedirs(options.out, exist_ok=True)
    results, failed = {"machine": machine(options)}, []
    for part in PARTS:
        if part.name not in options.only:
            continue
        good, results[part.name] = part.run(options)
        if not good:
            failed.append(part.name)
    write(options, results, not failed)
    support.say("\n" + support.table(["what", "figure", "part"], summary(results)))
    support.say(f"{options.out}: results.json, performance.md, pictures/{PICTURE}")
    if failed:
        support.say(f"not as it must be: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    support.main(main, "bench suite")
