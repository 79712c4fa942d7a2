"""Bars as SVG, written by hand: the same figures give the same bytes, and a diff of two pictures can be read."""

from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 760, 210, 70, 16, 14, 58
COLOURS = ["#2b6cb0", "#dd6b20", "#718096", "#38a169"]
STYLE = ("text { font: 13px sans-serif; fill: #1a202c } .title { font-size: 15px; font-weight: bold } "
         ".small { font-size: 11px; fill: #4a5568; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }")


def text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'


def chart(title, groups, series, limit=1.0):
    """groups: [(name, [(low, middle, high) or None for each of series])]; a line stands at `limit`."""
    most = max([limit] + [value[2] for _, values in groups for value in values if value])
    scale = (WIDTH - LEFT - RIGHT) / most
    height = HEAD + sum(len(series) * BAR + GAP for _ in groups) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
           f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           text(12, 22, title, ' class="title"')]
    for number, name in enumerate(series):
        x = 12 + number * 200
        out += [f'<rect x="{x}" y="33" width="12" height="12" fill="{COLOURS[number % len(COLOURS)]}"/>', text(x + 18, 44, name, ' class="small"')]
    y, labels = HEAD, []
    for name, values in groups:
        out.append(text(LEFT - 10, y + len(series) * BAR / 2 + 4, name, ' text-anchor="end"'))
        for number, value in enumerate(values):
            if value:
                out += bar(y + number * BAR, value, scale, COLOURS[number % len(COLOURS)])
                labels.append(text(LEFT + max(value) * scale + 6, y + number * BAR + BAR - 4, f"{value[1]:.2f}", ' class="small"'))
        y += len(series) * BAR + GAP
    x = LEFT + limit * scale
    out += [f'<path d="M{x:.1f} {HEAD - 6}V{height - 10}" stroke="#1a202c" stroke-dasharray="4 3"/>', *labels, "</svg>", ""]
    return "\n".join(out)


def bar(y, value, scale, colour):
    """With a line from the lower to the upper quartile."""
    low, middle, high = value
    centre = y + BAR / 2 - 1
    return [f'<rect x="{LEFT}" y="{y}" width="{middle * scale:.1f}" height="{BAR - 2}" fill="{colour}"/>',
            f'<path d="M{LEFT + low * scale:.1f} {centre:.1f}H{LEFT + high * scale:.1f}" stroke="#1a202c"/>']
