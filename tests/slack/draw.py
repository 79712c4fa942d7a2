#!/usr/bin/env python3
"""Draws messages of the output slack from their Block Kit JSON: the pictures of docs/slack.md.

They are drawn by this file, about as Slack lays such blocks out, and say so; they are no screenshots of Slack.

usage: draw.py SLACK_DRIVE [--to FOLDER]   (docs/pictures without --to). Needs Debian's python3-matplotlib.
"""

import argparse
import os
import random
import re
import sys
import textwrap

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

import events  # noqa: E402
import rules  # noqa: E402

WIDTH_IN, DPI, LINE = 7.6, 110, 0.185  # inches
SIZE, MONO, SANS = 8.6, "DejaVu Sans Mono", "DejaVu Sans"
INK, PALE, LINK, CODE, PAPER = "#1d1c1d", "#616061", "#1264a3", "#c01343", "#f6f6f6"
TOKEN = re.compile(r"```(.*?)```|`([^`]*)`|\*([^*\n]+)\*|<([^<>|]*)\|([^<>]*)>", re.S)


def unescaped(text):
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def runs(text):
    """Slack's mrkdwn, as far as our messages use it: (style, words)."""
    at = 0
    for found in TOKEN.finditer(text):
        if found.start() > at:
            yield "plain", unescaped(text[at:found.start()])
        block, code, bold, target, label = found.groups()
        if block is not None:
            yield "block", unescaped(block)
        elif code is not None:
            yield "code", unescaped(code)
        elif bold is not None:
            yield "bold", unescaped(bold)
        else:
            yield ("plain" if target.startswith("!date") else "link"), unescaped(label)
        at = found.end()
    if at < len(text):
        yield "plain", unescaped(text[at:])


class Page:
    """A column of text that grows downwards."""

    def __init__(self):
        self.marks, self.y = [], 0.12
        self.figure = plt.figure(figsize=(WIDTH_IN, 1), dpi=DPI)

    def width(self, words, style, size):
        key = dict(family=MONO if style in ("code", "block") else SANS, fontsize=size, weight="bold" if style == "bold" else "normal")
        text = self.figure.text(0, 0, words.replace("$", r"\$"), **key)
        box = text.get_window_extent(self.figure.canvas.get_renderer())
        text.remove()
        return box.width / DPI

    def words(self, x, words, style, size, colour):
        self.marks.append(("text", x, self.y, words, style, size, colour))

    def block(self, x, text, wide, size):
        letters = int((wide - 0.16) / self.width("m" * 50, "block", size) * 50)
        lines = [part for line in text.split("\n")
                 for part in (textwrap.wrap(line, letters, drop_whitespace=False, break_on_hyphens=False) or [""])]
        self.marks.append(("box", x, self.y - 0.02, wide, len(lines) * LINE + 0.08))
        self.y += 0.03
        for line in lines:
            self.words(x + 0.08, line, "block", size, INK)
            self.y += LINE
        self.y += 0.08

    def text(self, x, text, wide, size=SIZE, colour=INK):
        at, fresh = x, True
        for style, words in runs(text):
            if style == "block":
                if not fresh and at > x:
                    self.y += LINE
                self.block(x, words, wide, size - 0.6)
                at, fresh = x, True
                continue
            look = {"code": CODE, "link": LINK}.get(style, colour)
            for part in re.split(r"(\n)", words):
                if part == "\n":
                    if not (fresh and at == x and style == "plain"):
                        self.y += LINE
                    at, fresh = x, False
                    continue
                for word in re.findall(r"\s*\S+|\s+", part):
                    width = self.width(word, style, size - (0.6 if style == "code" else 0))
                    while at + width > x + wide:
                        if at > x:
                            self.y += LINE
                            at, word = x, word.lstrip()
                            width = self.width(word, style, size)
                            continue
                        keep = max(1, int(len(word) * wide / width) - 1)
                        self.words(at, word[:keep], style, size - (0.6 if style == "code" else 0), look)
                        self.y += LINE
                        word = word[keep:]
                        width = self.width(word, style, size)
                    self.words(at, word, style, size - (0.6 if style == "code" else 0), look)
                    at, fresh = at + width, False
        if not fresh:
            self.y += LINE

    def draw_block(self, block, x, wide):
        if block["type"] == "header":
            self.y += 0.04
            for line in textwrap.wrap(block["text"]["text"], 70):
                self.words(x, line, "bold", 11.5, INK)
                self.y += 0.25
        elif block["type"] == "context":
            for element in block["elements"]:
                self.text(x, element["text"], wide, SIZE - 1, PALE)
        else:
            if "text" in block:
                self.text(x, block["text"]["text"], wide)
            fields = block.get("fields", [])
            for pair in (fields[i:i + 2] for i in range(0, len(fields), 2)):
                top, ends = self.y, []
                for column, field in enumerate(pair):
                    self.y = top
                    self.text(x + column * wide / 2, field["text"], wide / 2 - 0.15)
                    ends.append(self.y)
                self.y = max(ends) + 0.07
        self.y += 0.09

    def save(self, path, note):
        self.text(0.2, note, WIDTH_IN - 0.4, 6.6, PALE)
        height = self.y + 0.08
        self.figure.set_size_inches(WIDTH_IN, height)
        axes = self.figure.add_axes([0, 0, 1, 1])
        axes.set_axis_off()
        axes.set_xlim(0, WIDTH_IN)
        axes.set_ylim(height, 0)
        for mark in self.marks:
            if mark[0] == "box":
                _, x, y, wide, high = mark
                axes.add_patch(Rectangle((x, y), wide, high, facecolor=PAPER, edgecolor="#dddddd", linewidth=0.7))
            elif mark[0] == "bar":
                _, y, end, colour = mark
                axes.add_patch(Rectangle((0.2, y), 0.055, end - y, facecolor=colour, linewidth=0))
        for mark in self.marks:
            if mark[0] == "text":
                _, x, y, words, style, size, colour = mark
                axes.text(x, y + 0.13, words.replace("$", r"\$"), family=MONO if style in ("code", "block") else SANS, fontsize=size,
                          weight="bold" if style == "bold" else "normal", color=colour, va="baseline", parse_math=False)
        self.figure.savefig(path, dpi=DPI, facecolor="white")
        plt.close(self.figure)


def draw(message, path):
    page = Page()
    for block in message["blocks"]:
        page.draw_block(block, 0.2, WIDTH_IN - 0.4)
    for attachment in message["attachments"]:
        top = page.y
        for block in attachment["blocks"]:
            page.draw_block(block, 0.4, WIDTH_IN - 0.65)
        page.marks.append(("bar", top, page.y - 0.06, attachment.get("color", "#dddddd")))
        page.y += 0.08
    page.text(0.2, "As a notification: " + message["text"], WIDTH_IN - 0.4, SIZE - 1, PALE)
    page.y += 0.05
    page.save(path, "Drawn by tests/slack/draw.py from the message's JSON; not a screenshot of Slack.")


def flood():
    """An exploited pod that scans, mines and writes, for half a minute."""
    pick = random.Random(5)
    lines = [(0, events.escape())]
    pod = dict(container__id="7f3b1c9e2a44", container__name="checkout-api", k8s__ns="shop", k8s__pod="checkout-api-6d9f7c5b8-x2x7k", user__name="root", user__uid=0)
    for number in range(2, 2_500):
        ms = pick.randrange(1_500, 55_000)
        kind = pick.random()
        if kind < 0.8:
            port = pick.choice([22, 443, 2375, 6379, 8080, 10250])
            address = f"10.0.{pick.randrange(4)}.{pick.randrange(1, 255)}"
            value = events.event(number, "Network Scan from Container", "Error", output=f"A container connects to many hosts (command=masscan 10.0.0.0/22 connection=10.0.2.15:41000->{address}:{port})",
                                 proc__name="masscan", proc__exepath="/tmp/.x/masscan", proc__pid=48300, proc__pname="sh", proc__cmdline=f"masscan 10.0.{pick.randrange(4)}.0/24 -p{port}",
                                 proc__ancestors=["sh", "node", "containerd-shim"], fd__cip="10.0.2.15", fd__cport="41000", fd__sip=address, fd__sport=port, fd__l4proto="tcp",
                                 mitre__technique=["T1046"], evt__type="connect", **pod)
        elif kind < 0.95:
            value = events.event(number, "Write below /etc in Container", "Warning", output="A file below /etc was opened for writing (file=/etc/cron.d/sys command=sh -c echo)",
                                 proc__name="sh", proc__exepath="/bin/dash", proc__pid=48310, proc__pname="node", proc__cmdline=f"sh -c echo '* * * * * root /tmp/.x/run' > /etc/cron.d/sys{pick.randrange(3)}",
                                 fd__type="file", fd__name=f"/etc/cron.d/sys{pick.randrange(3)}", mitre__technique=["T1053.003"], evt__type="openat", evt__res="SUCCESS", **pod)
        else:
            value = events.event(number, "Cryptomining Process", "Critical", output="A miner was started (command=xmrig -o pool.example:3333)", proc__name="xmrig", proc__exepath="/tmp/.x/xmrig",
                                 proc__pid=48400 + number, proc__pname="sh", proc__cmdline="xmrig -o pool.example:3333 -u 44AFFq5kSiGB", proc__ancestors=["sh", "node", "containerd-shim"],
                                 mitre__technique=["T1496"], evt__type="execve", evt__res="SUCCESS", **pod)
        lines.append((ms, value))
    return sorted(lines, key=lambda line: line[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drive")
    parser.add_argument("--to", default=os.path.join(HERE, "../../docs/pictures"))
    given = parser.parse_args()
    os.makedirs(given.to, exist_ok=True)
    flooded = events.dry(given.drive, 60_000, flood())[0]
    pictures = {"slack-critical": events.dry(given.drive, 60_000, [(0, events.escape())])[0][0], "slack-flood-folded": flooded[-1],
                "slack-test": events.dry(given.drive, 60_000, [(0, events.test_alert())])[0][0]}
    for name, (_, body) in pictures.items():
        message, seen = rules.check(body)
        rules.harmless(seen)
        draw(message, os.path.join(given.to, name + ".png"))
        print("drawn", name)


if __name__ == "__main__":
    main()
