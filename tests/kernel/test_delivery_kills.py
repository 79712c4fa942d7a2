#!/usr/bin/env python3
"""Agent and manager killed with SIGKILL at random instants while alerts come at a steady rate: what was committed to the
spool arrives at least once, each lane in order within a connection, repeats are byte-identical and counted, and the agent
tells of its dead times.

The truth: what the local file says, and what the test's own process opened and when. What it opened while the agent lived,
and longer than COMMIT_S before a kill, must be at the manager; only what it opened in the dead times may be missing.
"""

import argparse
import datetime
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import delivery  # noqa: E402
import tiercel as support  # noqa: E402

COMMIT_S = 0.1  # twice what the agent takes to commit an alert, as it promises
GAP_SLACK_S = 1.5
NS = delivery.NS


class Kills:
    def __init__(self, options, folder, manager):
        self.options, self.folder, self.manager = options, folder, manager
        self.random = random.Random(options.seed)
        self.path = os.path.join(folder.path, "alerts.json")
        self.rules = folder.file("rules.yaml", delivery.RULES.format(folder=folder.path))
        self.windows = []  # (ns, ns) of the monotonic clock in which an open may go unseen
        self.deaths = []  # (killed, watching again) in seconds of the real-time clock; and how often it was killed in between
        self.agent = self.start_agent()

    def start_agent(self, wait=True):
        return support.Agent(self.options.tiercel, self.rules, config=delivery.config_text(self.path, self.manager),
                             manager=True, json_lines=False, folder=self.folder, wait=wait)

    def kill_agent(self):
        killed_ns, killed_s = time.monotonic_ns(), time.time()
        self.agent.child.kill()
        time.sleep(self.random.uniform(0, self.options.away))
        halves = 0
        while self.random.random() < 0.25:  # killed again before or just after it watches
            halves += 1
            self.agent = self.start_agent(wait=False)
            time.sleep(self.random.uniform(0, 1.5))
            self.agent.child.kill()
        self.agent = self.start_agent()
        self.windows.append((killed_ns - int(COMMIT_S * NS), time.monotonic_ns()))
        self.deaths.append((killed_s, time.time(), halves))
        return f"dead for {self.deaths[-1][1] - killed_s:.1f} s" + (f", {halves} kills at its start" if halves else "")

    def kill_manager(self):
        self.manager.kill()
        away_s = self.random.uniform(0, self.options.away)
        time.sleep(away_s)
        self.manager.start()
        return f"away for {away_s:.1f} s"

    def run(self, marks):
        steps = ["manager"] * self.options.manager_kills + ["agent"] * self.options.agent_kills
        self.random.shuffle(steps)
        for number, who in enumerate(steps, 1):
            time.sleep(self.random.uniform(0.1, 1.9) * self.options.interval)
            text = self.kill_manager() if who == "manager" else self.kill_agent()
            support.say(f"  kill {number} of {len(steps)}: the {who}, at mark {marks.made()}, {text}")
        time.sleep(self.options.interval)


def seconds_of(text):
    """A time of a gap event: ISO 8601 in UTC."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    at = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return at.timestamp() + float(f"0.{fraction or 0}")


def check_gaps(checks, arrivals, deaths):
    gaps = [dict(e["field"], at=e["id"]) for e in arrivals.reports("gap")]
    checks.check(len(gaps) >= len(deaths), f"{len(gaps)} gap events for {len(deaths)} dead times")
    worst_s = 0.0
    for gap in gaps:
        begin, end, length_s = seconds_of(gap["from"]), seconds_of(gap["to"]), int(gap["gap_ms"]) / 1000
        checks.equal(gap["how"], "killed", f"how the agent ended, by the gap event {gap}")
        checks.check(abs(end - begin - length_s) < 0.1, f"a gap event's length is not from its from to its to: {gap}")
        inside = [d for d in deaths if d[0] - GAP_SLACK_S <= begin and end <= d[1] + GAP_SLACK_S]
        checks.check(inside, f"a gap event outside every dead time: {gap}")
    for killed, watching, halves in deaths:
        ends = [min(abs(seconds_of(g["to"]) - watching) for g in gaps)] if gaps else [1e9]
        begins = [min(abs(seconds_of(g["from"]) - killed) for g in gaps)] if gaps else [1e9]
        off_s = max(ends + begins)
        worst_s = max(worst_s, off_s)
        checks.check(off_s <= GAP_SLACK_S, f"no gap event tells of the dead time of {watching - killed:.1f} s "
                                           f"(killed {halves + 1} times): nearest is {off_s:.1f} s off")
    support.say(f"{len(gaps)} gap events for {len(deaths)} dead times, {worst_s:.2f} s off at most")


def main():
    long = support.soak()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiercel", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--manager-kills", type=int, default=30 if long else 3)
    parser.add_argument("--agent-kills", type=int, default=30 if long else 2)
    parser.add_argument("--interval", type=float, default=40 if long else 5, help="seconds between kills, on average")
    parser.add_argument("--away", type=float, default=5 if long else 2, help="seconds until it is started again, at most")
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--patience", type=float, default=120, help="seconds at the end until all must have arrived")
    parser.add_argument("--repeats-max", type=float, default=1.0 if long else 100.0, help="per cent of the alerts")
    parser.add_argument("--friendly", action="store_true", help="a manager without habits")
    options = parser.parse_args()
    support.require_kernel_tests()
    support.say(f"seed {options.seed}")
    checks, arrivals = support.Checks(), delivery.Arrivals()
    with support.Folder("kills") as folder:
        with support.DevManager(options.tiercel, folder, [] if options.friendly else ["--unfriendly"], arrivals.take) as manager:
            arrivals.manager = manager
            kills = Kills(options, folder, manager)
            marks = delivery.Marks(options, folder)
            try:
                marks.start(options.rate)
                kills.run(marks)
                marks.finish()
                begun = time.monotonic()
                delivery.wait_all(arrivals, marks.outside(kills.windows), "every alert at the manager", options.patience)
                drained_s = time.monotonic() - begun
                kills.agent.stop()
            finally:
                kills.agent.child.kill()
                if marks.child.alive():
                    marks.child.kill()
            manager.stop()
        local = delivery.Local(kills.path)
        delivery.compare(checks, marks, arrivals, local, kills.windows)
        check_gaps(checks, arrivals, kills.deaths)
    made, came, repeats = len(marks.times), len(arrivals.id_of), arrivals.repeats()
    share = 100 * repeats / max(made, 1)
    support.say(f"{made} marks, {made - came} in dead times, {repeats} repeats ({share:.2f} %), the last one "
                f"{drained_s:.1f} s after the end, {len(arrivals.streams)} streams")
    checks.check(share < options.repeats_max, f"{share:.2f} % of the alerts came more than once")
    return checks.finish("delivery_kills")


if __name__ == "__main__":
    support.main(main, "kernel_delivery_kills")
