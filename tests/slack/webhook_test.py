"""The output slack over HTTP, with the forwarder, against server.py. usage: webhook_test.py SLACK_DRIVE

Some seconds long, since Slack takes a message a second. TIERCEL_SOAK=1: the issue's minute, 10,000 alerts in real time.
"""

import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import events  # noqa: E402
import messages_test as m  # noqa: E402
import rules  # noqa: E402
import server  # noqa: E402

DRIVE = sys.argv[1]


def run(slack, window_ms, lines, wait_ms=30_000, url=None):
    text = "".join(f"{ms} {json.dumps(value)}\n" for ms, value in lines)
    done = subprocess.run([DRIVE, "post", url or slack.url, str(window_ms), str(wait_ms)], input=text, capture_output=True, text=True, check=True, timeout=250)
    assert "verysecret" not in done.stdout + done.stderr, "the URL is told"
    words = done.stdout.splitlines()[-1].split(" last ")
    numbers = words[0].split()
    return {numbers[i]: int(numbers[i + 1]) for i in range(0, len(numbers), 2)}, words[1], done.stderr


def told(slack):
    return sum(rules.said(message)[1] for message in slack.taken)


def test_a_bad_minute():
    """A flood while the service says: wait, an error of its own, an archived channel. All of it arrives, counted."""
    slack = server.Slack()
    slack.say = [(500, "rollup_error"), (410, "channel_is_archived"), (429, "rate_limited")]
    lines = [(n, m.hit(n, m.FIVE[n % 5], n % 3, 0)) for n in range(2_000)]
    counts, _, _ = run(slack, 2_000, lines)
    slack.close()
    assert counts["taken"] == 2_000 == told(slack) and counts["refused"] == 0, (counts, told(slack))
    assert counts["failures"] >= 3, counts
    print(f"2,000 alerts, {len(slack.bodies)} requests, answers {slack.answers}")


def test_blocks_not_taken():
    """Once more as plain text, then refused with the reason."""
    slack = server.Slack()
    slack.say = [(400, "invalid_blocks")]
    counts, last, _ = run(slack, 2_000, [(0, m.hit(1, m.FIVE[0], 1, 1))])
    assert counts["taken"] == 1 and len(slack.bodies) == 2, (counts, last)
    assert set(json.loads(slack.bodies[1])) == {"text", "mrkdwn", "unfurl_links", "unfurl_media"}
    slack.say = [(400, "invalid_blocks"), (400, "invalid_payload")]
    counts, last, _ = run(slack, 2_000, [(0, m.hit(1, m.FIVE[0], 1, 1))])
    slack.close()
    assert counts["refused"] == 1 and counts["taken"] == 0 and last.startswith("HTTP 400 invalid_payload"), (counts, last)


def test_nobody_there():
    """A webhook that is gone: nothing is lost, and the answer says what to do."""
    slack = server.Slack()
    counts, last, errors = run(slack, 2_000, [(0, m.hit(1, m.FIVE[0], 1, 1))], 1_000, slack.url[:-1])
    slack.close()
    assert counts["taken"] == counts["refused"] == 0 and counts["failures"] >= 1, counts
    assert last.startswith("HTTP 404 no_service: make a new webhook"), (last, errors)


def soak():
    slack = server.Slack()
    lines = sorted(m.five_rules(11, 20, 5), key=lambda line: line[0])
    counts, _, _ = run(slack, 60_000, lines, 150_000)
    slack.close()
    print(f"soak: {counts}, told {told(slack)}, at {[round(t - slack.times[0], 1) for t in slack.times]}, {slack.answers}")
    assert told(slack) == 10_000 and len(slack.bodies) <= 12


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print("ok", name)
    if os.environ.get("TIERCEL_SOAK") == "1":
        soak()
