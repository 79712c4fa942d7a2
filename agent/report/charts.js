// What the page draws: the timeline and ATT&CK's matrix. Every text goes in as text.

function append(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(typeof child === "object" ? child : document.createTextNode(String(child)));
  }
  return node;
}

// An element: attributes that are null or false are left out, functions are listeners.
function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  return append(node, children);
}

function el(name, attributes, ...children) {
  return dress(document.createElement(name), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";  // a name: nothing is asked of that place

function svg(name, attributes, ...children) {
  return dress(document.createElementNS(SVG, name), attributes, children);
}

function badge(report, priority) {
  return el("span", { class: "badge p" + priority }, report.priorities[priority]);
}

const CHART = { height: 190, left: 44, right: 10, top: 12, bottom: 26 };

// At most five marks, at round numbers of alerts.
function marksFor(most) {
  let step = 1;
  for (const factor of [1, 2, 5]) for (let power = 1; power <= 1e9; power *= 10) {
    const one = factor * power;
    if (most / one <= 4 && (step === 1 ? most > 4 : one < step)) step = one;
  }
  const out = [];
  for (let at = step; at <= most; at += step) out.push(at);
  return out;
}

function timeMarks(from, to, most) {
  const steps = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000];
  const step = (steps.find((s) => (to - from) / (s * 1000) <= most) || 1e9) * 1000;
  const out = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) out.push(at);
  return { step, out };
}

// Columns of alerts by priority; gaps, in which nobody looked, as bands; losses as marks on the axis.
// zoom(from, to) is called when a part was chosen.
function timelineChart(report, filter, width, zoom) {
  const columns = columnsFor(report, filter, Math.max(20, Math.floor((width - CHART.left) / 6)));
  const from = columns[0].from, to = columns[columns.length - 1].to;
  const most = Math.max(1, ...columns.map((column) => column.sum));
  const inner = width - CHART.left - CHART.right, tall = CHART.height - CHART.top - CHART.bottom;
  const x = (ms) => CHART.left + ((Math.min(Math.max(ms, from), to) - from) / (to - from)) * inner;
  const y = (count) => CHART.top + tall * (1 - count / most);
  const sum = columns.reduce((all, column) => all + column.sum, 0);
  const peak = columns.reduce((best, column) => (column.sum > best.sum ? column : best), columns[0]);
  const label = many(sum, "alert") + " from " + timeText(from) + " to " + timeText(to) + " UTC" +
    (sum > 0 ? "; most, " + grouped(peak.sum) + ", in the " + durationText(peak.to - peak.from) + " from " + timeText(peak.from) : "");
  const chart = svg("svg", { class: "timeline", viewBox: `0 0 ${width} ${CHART.height}`, width, height: CHART.height, role: "img", "aria-label": label });
  for (const mark of marksFor(most))
    append(chart, [svg("line", { class: "grid", x1: CHART.left, x2: width - CHART.right, y1: y(mark), y2: y(mark) }),
      svg("text", { class: "axis", x: CHART.left - 6, y: y(mark) + 4, "text-anchor": "end" }, grouped(mark))]);
  const marks = timeMarks(from, to, Math.max(2, Math.floor(inner / 90)));
  for (const at of marks.out) {
    const text = timeText(at);
    append(chart, [svg("line", { class: "tick", x1: x(at), x2: x(at), y1: CHART.top + tall, y2: CHART.top + tall + 4 }),
      svg("text", { class: "axis", x: Math.min(Math.max(x(at), 30), width - 34), y: CHART.height - 8, "text-anchor": "middle" },
        marks.step >= 86400000 ? text.slice(0, 10) : at % 86400000 === 0 ? text.slice(5, 10) : marks.step < 60000 ? text.slice(11) : text.slice(11, 16))]);
  }
  drawNotices(report, chart, x, from, to, tall);
  drawColumns(report, chart, columns, x, y);
  chart.append(svg("line", { class: "base", x1: CHART.left, x2: width - CHART.right, y1: CHART.top + tall, y2: CHART.top + tall }));
  if (sum === 0) chart.append(svg("text", { class: "none", x: CHART.left + inner / 2, y: CHART.top + tall / 2, "text-anchor": "middle" }, "no alerts"));
  chooseByPointer(chart, width, (px) => from + ((px - CHART.left) / inner) * (to - from), columns, zoom);
  return chart;
}

function drawColumns(report, chart, columns, x, y) {
  for (const column of columns) {
    if (column.sum === 0) continue;
    const left = x(column.from), wide = Math.max(1, x(column.to) - left - 1);
    const parts = column.counts.map((count, priority) => (count ? grouped(count) + " " + report.priorities[priority] : "")).filter((part) => part);
    const group = svg("g", { class: "column" }, svg("title", null, timeText(column.from) + " UTC, " + durationText(column.to - column.from) + ": " + parts.join(", ")));
    let below = 0;
    for (let priority = 0; priority < 8; ++priority) {
      if (column.counts[priority] === 0) continue;
      const top = y(below + column.counts[priority]);
      const height = Math.max(below === 0 ? 2 : 0.5, y(below) - top);
      group.append(svg("rect", { class: "bar p" + priority, x: left, y: y(below) - height, width: wide, height }));
      below += column.counts[priority];
    }
    chart.append(group);
  }
}

function drawNotices(report, chart, x, from, to, tall) {
  for (const notice of report.notices) {
    const begin = notice.gap_ms ? Date.parse(notice.from) : notice.time_ms, end = notice.gap_ms ? Date.parse(notice.to) : begin;
    if (!(end >= from && begin < to)) continue;
    const title = svg("title", null, brief(notice.rule + ": " + notice.message, 400));
    if (notice.gap_ms)
      chart.append(svg("rect", { class: "gap", x: x(begin), y: CHART.top, width: Math.max(2, x(end) - x(begin)), height: tall }, title));
    else if (notice.lost)
      chart.append(svg("path", { class: "loss", d: `M${x(begin) - 5} ${CHART.top - 10}h10l-5 9z` }, title));
  }
}

// A press and a move choose a part; a press alone the column.
function chooseByPointer(chart, width, timeAt, columns, zoom) {
  let pressed = null;
  const area = svg("rect", { class: "chosen", y: CHART.top, height: CHART.height - CHART.top - CHART.bottom, width: 0, x: 0 });
  chart.append(area);
  const place = (event) => {
    const box = chart.getBoundingClientRect();
    return Math.min(Math.max(((event.clientX - box.left) / (box.width || width)) * width, CHART.left), width - CHART.right);
  };
  chart.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed = place(event);
    event.preventDefault();
    if (chart.setPointerCapture) chart.setPointerCapture(event.pointerId);
  });
  chart.addEventListener("pointermove", (event) => {
    if (pressed === null) return;
    const now = place(event);
    area.setAttribute("x", Math.min(pressed, now));
    area.setAttribute("width", Math.abs(now - pressed));
  });
  chart.addEventListener("pointerup", (event) => {
    if (pressed === null) return;
    const now = place(event), begin = Math.min(pressed, now), end = Math.max(pressed, now);
    pressed = null;
    const first = columns.find((column) => column.to > timeAt(begin)), last = columns.find((column) => column.to >= timeAt(end));
    if (first && last && (end - begin >= 4 || first.sum > 0)) zoom(first.from, last.to);
    else area.setAttribute("width", 0);
  });
  chart.addEventListener("pointercancel", () => {
    pressed = null;
    area.setAttribute("width", 0);
  });
}

// Tactics as columns, techniques as cells with their alerts. choose(id) is called with a technique.
function matrix(report, filter, choose) {
  const counts = countsByRule(report, filter, { technique: "" });
  const tactics = report.attack.tactics.filter((tactic) => tactic.techniques.length > 0);
  const none = report.attack.tactics.filter((tactic) => tactic.techniques.length === 0).map((tactic) => tactic.title);
  if (tactics.length === 0) return el("p", { class: "quiet" }, "No alert of this period names a technique.");
  const sumOf = (rules) => rules.reduce((sum, rule) => sum + counts[rule], 0);
  const most = Math.max(1, ...tactics.flatMap((tactic) => tactic.techniques.map((one) => sumOf(one.rules))));
  const cell = (one) => {
    const alerts = sumOf(one.rules), shade = alerts === 0 ? 0 : 1 + Math.min(4, Math.floor((5 * Math.log(alerts)) / Math.log(most + 1)));
    const rules = one.rules.slice(0, 30).map((rule) => brief(report.rules[rule].name, 100)).join("\n");
    return el("li", null, el("button", { type: "button", class: "cell shade" + shade, title: rules, "aria-pressed": filter.technique === one.id ? "true" : "false",
      click: () => choose(filter.technique === one.id ? "" : one.id) }, el("b", null, one.id), el("span", { class: "count" }, grouped(alerts)), el("span", { class: "name" }, one.name)));
  };
  return el("div", null,
    el("div", { class: "matrix", tabindex: "0", role: "group", "aria-label": "Techniques by tactic" }, tactics.map((tactic) =>
      el("section", null, el("h3", null, tactic.title, el("small", null, tactic.id)), el("ul", null, tactic.techniques.map(cell))))),
    none.length ? el("p", { class: "quiet" }, "No alert: " + none.join(", ") + ".") : null);
}
