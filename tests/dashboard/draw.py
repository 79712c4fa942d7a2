#!/usr/bin/env python3
"""Draws every panel of siem/dashboard/tiercel.ndjson over alerts of a manager: the pictures of siem/dashboard/README.md.

They are drawn from the panels' own definitions (evaluate.py), with matplotlib. They are no screenshots.

`make dashboard` runs it; needs Debian's python3-matplotlib.
"""

import argparse
import datetime
import os
import re
import sys
import textwrap

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import evaluate  # noqa: E402
import saved  # noqa: E402

PICTURES = os.path.join(saved.FOLDER, "pictures")
COLUMN_IN, ROW_IN, DPI = 0.36, 0.26, 72  # a dashboard's column and row on paper
COLORS = ["#54B399", "#6092C0", "#D36086", "#9170B8", "#CA8EAE", "#D6BF57", "#B9A888", "#DA8B45", "#AA6556", "#E7664C", "#3B7F6B", "#34567A"]
INK, PALE = "#343741", "#69707D"
plt.rcParams.update({"font.size": 8.5, "font.family": "DejaVu Sans", "text.color": INK, "axes.edgecolor": "#D3DAE6", "axes.labelcolor": PALE,
                     "xtick.color": PALE, "ytick.color": PALE, "axes.spines.top": False, "axes.spines.right": False})


def clock(stamp, seconds=True):
    return datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc).strftime("%H:%M:%S" if seconds else "%H:%M")


def cell(value):
    """A time shows as one; the rest as it is."""
    if isinstance(value, float):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc).strftime("%b %d %H:%M:%S")
    return "-" if value is None or value == "" else str(value).replace("\n", " ")


def shorten(text, letters):
    return text if len(text) <= letters else text[:max(1, letters - 1)] + "…"


class Paper:
    """Where a panel is drawn: a part of a figure, in inches."""

    def __init__(self, figure, x, y, w, h):
        self.figure, self.x, self.y, self.w, self.h = figure, x, y, w, h  # y from the top
        self._width, self._height = figure.get_size_inches()

    def axes(self, left=0.0, top=0.0, right=0.0, bottom=0.0):
        """The paper without so many inches on each side."""
        return self.figure.add_axes([(self.x + left) / self._width, 1 - (self.y + self.h - bottom) / self._height,
                                     (self.w - left - right) / self._width, (self.h - top - bottom) / self._height])

    def blank(self, **sides):
        axes = self.axes(**sides)
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        return axes


def legend(axes, names):
    axes.legend([shorten(name, 40) for name in names], loc="upper left", bbox_to_anchor=(1.0, 1.03), frameon=False, fontsize=7.5,
                handlelength=0.9, labelspacing=0.35)


def draw_text(panel, paper):
    axes = paper.blank(left=0.15, top=0.32, right=0.1)
    text = re.sub(r"[*`]", "", panel.params["markdown"].strip())
    axes.text(0, 1, "\n".join(textwrap.wrap(" ".join(text.split()), int(paper.w * 14.5))), va="top", fontsize=8.5, linespacing=1.5)


def draw_controls(panel, paper):
    axes = paper.blank(left=0.15, top=0.32, right=0.1)
    choices = panel.choices()
    for at, (label, values) in enumerate(choices):
        x, w = at / len(choices), 1 / len(choices) - 0.03
        axes.text(x, 0.86, label, va="center", fontsize=8, weight="bold")
        axes.add_patch(plt.Rectangle((x, 0.34), w, 0.36, fc="#FBFCFD", ec="#D3DAE6"))
        axes.text(x + 0.02, 0.52, f"Select...  ({len(values)})", va="center", fontsize=8, color=PALE)


def draw_numbers(panel, paper):
    axes = paper.blank(top=0.28)
    numbers = panel.numbers()
    for at, (label, number) in enumerate(numbers):
        x = (at + 0.5) / len(numbers)
        axes.text(x, 0.62, f"{number:,}", ha="center", va="center", fontsize=24, weight="bold")
        axes.text(x, 0.2, label, ha="center", va="center", fontsize=9.5, color=PALE)


def draw_over_time(panel, paper):
    axes = paper.axes(left=0.5, top=0.4, right=2.75, bottom=0.45)
    step, times, series = panel.series()
    below = [0] * len(times)
    for at, (_, counts) in enumerate(series.items()):
        color = COLORS[at % len(COLORS)]
        if panel.kind == "line":
            axes.plot(times, [count or None for count in counts], color=color, marker="o", markersize=3, linewidth=1.5)
        else:
            axes.bar(times, counts, width=step * 0.88, bottom=below, color=color, align="edge")
            below = [a + b for a, b in zip(below, counts)]
    legend(axes, series)
    ticks = times[:: max(1, len(times) // 6)]
    axes.set_xticks(ticks, [clock(t) for t in ticks], fontsize=7.5)
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel(panel.params["valueAxes"][0]["title"]["text"])
    axes.set_xlabel(f"Time, each {step} s" if step < 60 else f"Time, each {step // 60} min", fontsize=7.5)


def draw_bars(panel, paper):
    axes = paper.axes(left=1.75, top=0.4, right=1.75, bottom=0.35)
    rows = panel.shares()
    names = list(dict.fromkeys(name for _, parts in rows for name in parts))
    below = [0] * len(rows)
    for at, name in enumerate(names):
        counts = [parts.get(name, 0) for _, parts in rows]
        axes.barh(range(len(rows)), counts, left=below, color=COLORS[at % len(COLORS)], height=0.7)
        below = [a + b for a, b in zip(below, counts)]
    legend(axes, names)
    axes.set_yticks(range(len(rows)), [shorten(value, 26) for value, _ in rows], fontsize=7.5)
    axes.set_ylim(max(len(rows), 3) - 0.5, -0.5)
    axes.set_xlabel("Alerts", fontsize=7.5)


def draw_donut(panel, paper):
    axes = paper.axes(left=0.1, top=0.45, right=1.7, bottom=0.2)
    rows = panel.shares()
    axes.pie([sum(parts.values()) for _, parts in rows], colors=COLORS, startangle=90, counterclock=False,
             wedgeprops={"width": 0.42, "edgecolor": "white"})
    legend(axes, [f"{value}  {sum(parts.values())}" for value, parts in rows])


def widths(head, rows, letters):
    """Letters of each column: what it needs, the widest ones cut until all fit."""
    need = [max([len(name)] + [len(row[at]) for row in rows]) + 2 for at, name in enumerate(head)]
    while sum(need) > letters and max(need) > 8:
        need[need.index(max(need))] -= 1
    return need


def draw_table(panel, paper, head, rows, size):
    axes = paper.blank(left=0.15, top=0.36, right=0.1, bottom=0.05)
    fits = int((paper.h - 0.45) / 0.215) - 2
    shown = [[cell(value) for value in row] for row in rows[:min(fits, size)]]
    need = widths(head, shown, int(paper.w * 14.8))
    total, step = max(sum(need), int(paper.w * 9)), 1 / (fits + 2)
    for at, row in enumerate([head, *shown]):
        y, x = 1 - step * (at + 0.5), 0.0
        for value, width in zip(row, need):
            axes.text(x, y, shorten(value, width - 1), va="center", fontsize=7.6, weight="bold" if at == 0 else "normal")
            x += width / total
        axes.axhline(1 - step * (at + 1), color="#D3DAE6", linewidth=0.6)
    if len(rows) > len(shown):
        axes.text(0, step * 0.45, f"{len(shown)} of {len(rows)} rows", va="center", fontsize=7, color=PALE)


DRAWERS = {"markdown": draw_text, "input_control_vis": draw_controls, "metric": draw_numbers, "histogram": draw_over_time, "line": draw_over_time,
           "horizontal_bar": draw_bars, "pie": draw_donut}


def short_column(column):
    return re.sub(r"^data\.tiercel\.(field\.(response_)?)?", "", column)


def draw(panel, paper):
    frame = paper.blank()
    frame.add_patch(plt.Rectangle((0, 0), 1, 1, fc="white", ec="#D3DAE6", lw=1))
    frame.text(0.1 / paper.w, 1 - 0.17 / paper.h, panel.title, va="center", weight="bold", fontsize=9)
    if panel.kind == "search":
        head, rows = panel.table()
        draw_table(panel, paper, [short_column(name) for name in head], rows, 100)
    elif panel.kind == "table":
        draw_table(panel, paper, *panel.table(), panel.params["perPage"])
    else:
        DRAWERS[panel.kind](panel, paper)


def picture(folder, name, width, height, drawings):
    figure = plt.figure(figsize=(width, height), facecolor="#F5F7FA")
    for panel, (x, y, w, h) in drawings:
        draw(panel, Paper(figure, x + 0.05, y + 0.05, w - 0.1, h - 0.1))
    figure.savefig(os.path.join(folder, name + ".png"), dpi=DPI, facecolor=figure.get_facecolor(), metadata={"Software": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", default=PICTURES, help="folder for the pictures (default: siem/dashboard/pictures)")
    parser.add_argument("alerts", nargs="*", default=[saved.SAMPLE], help="files of a manager's alerts.json (default: those that the tests have)")
    options = parser.parse_args()
    alerts = saved.alerts(options.alerts)
    os.makedirs(options.to, exist_ok=True)
    objects = saved.objects()
    for board in saved.dashboards(objects):
        drawings = []
        for place, made in saved.panels(board, objects):
            x, y, w, h = place["x"] * COLUMN_IN, place["y"] * ROW_IN, place["w"] * COLUMN_IN, place["h"] * ROW_IN
            panel = evaluate.panel(made, alerts)
            drawings.append((panel, (x, y, w, h)))
            picture(options.to, made["id"], w, h, [(panel, (0, 0, w, h))])
        height = max(y + h for _, (_, y, _, h) in drawings)
        picture(options.to, board["id"], 48 * COLUMN_IN, height, drawings)
        print(f"{board['id']}: {len(drawings)} panels over {len(alerts.all)} alerts")


if __name__ == "__main__":
    main()
