// The page itself: its sections, and what a press changes.

const ROWS_AT_FIRST = 50, ROWS_MORE = 200, TREES_AT_FIRST = 10, TREES_MORE = 40, TREE_OPEN_UP_TO = 40, DEPTH_MOST = 40, ALERTS_OF_A_NODE = 8, RULES_AT_FIRST = 15;

function utc(ms, withMs) {
  return el("time", { datetime: new Date(ms).toISOString() }, timeText(ms, withMs));
}

function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": id + "-title" }, el("h2", { id: id + "-title" }, title), children);
}

function commandFor(report, rule) {
  return "tiercel alerts --since " + new Date(report.since_ms).toISOString().slice(0, 19) + "Z" + (rule ? " --rule " + shellWord(rule.replace(/[?[]/g, "[$&]")) : "");
}

// What the page cannot show, in the first place that people look at.
function troubles(report) {
  const lost = report.lost, out = [];
  if (!report.status) out.push("No agent answers on this host now: since it ended nothing was seen, and how long that is will be told when one starts again");
  if (lost.gaps) out.push(many(lost.gaps, "gap") + ", " + durationText(lost.gaps_ms) + " in all: this host was without the agent, and what happened then was not seen");
  if (lost.events) out.push(many(lost.events, "event") + " lost in the kernel: what they would have shown was not seen");
  if (lost.alerts) out.push(many(lost.alerts, "alert") + " lost on the way to an output");
  const removed = lost.removed.reduce((sum, one) => sum + one.alerts, 0);
  if (removed) out.push(many(removed, "alert") + " removed by the history's limits, some perhaps of before this period: " +
    lost.removed.slice(0, 5).map((one) => brief(one.rule, 60) + " " + grouped(one.alerts)).join(", "));
  if (report.totals.unreadable) out.push(many(report.totals.unreadable, "row") + " of the history that could not be read");
  return out;
}

function head(report) {
  const found = troubles(report), totals = report.totals, told = totals.notices;
  const band = found.length
    ? el("div", { class: "alarm", role: "note", "aria-label": "Losses and gaps" }, el("strong", null, "Not everything was seen or kept"), el("ul", null, found.map((text) => el("li", null, text))), el("p", null, el("a", { href: "#notices" }, "When, and what exactly")))
    : el("p", { class: "fine" }, "No loss and no gap was told in this period.", told ? el("span", null, " The agent has ", el("a", { href: "#notices" }, many(told, "report") + " about itself"), ".") : null);
  const tile = (count, name, cls) => el("li", { class: "tile " + cls }, el("b", null, grouped(count)), el("span", null, name));
  return el("header", null,
    el("p", { class: "brand" }, "Tiercel report"), el("h1", null, shown(report.host || "this host")),
    el("p", { class: "period" }, utc(report.since_ms), " to ", utc(report.until_ms), " UTC (" + durationText(report.until_ms - report.since_ms) + ")"),
    el("p", { class: "quiet" }, "Made ", utc(report.made_ms), " UTC by tiercel " + shown(report.version) + ". ",
      report.begins_ms === 0 ? "This host has kept no alert yet." : report.begins_ms > report.since_ms ? ["The oldest alert that this host keeps is of ", utc(report.begins_ms), "."] : null),
    band,
    el("ul", { class: "tiles" }, tile(totals.alerts, totals.alerts === 1 ? "alert" : "alerts", "all"),
      totals.by_priority.map((count, priority) => (count ? tile(count, report.priorities[priority], "p" + priority) : null)),
      totals.receipts ? tile(totals.receipts, totals.receipts === 1 ? "receipt of a response" : "receipts of responses", "receipts") : null),
    totals.by_category.length ? el("ul", { class: "categories", "aria-label": "Alerts by category" }, totals.by_category.slice().sort((a, b) => b.alerts - a.alerts)
      .map((one) => el("li", null, categoryText(one.name), el("b", null, grouped(one.alerts))))) : null);
}

// One row of a table, and below it what belongs to it when it is asked for.
function detail(page, row) {
  const report = page.report, rule = report.rules[row.rule];
  const link = (other) => el("button", { type: "button", class: "link", click: () => page.goTo(other) }, timeText(other.time_ms, true), " ", brief(report.rules[other.rule].name, 100));
  const related = row.receipts.map((one) => el("li", null, link(one), " ", shown(receiptText(one))));
  const orphan = rule.kind === "receipt" && !row.answers && textOf(row, "field", "response_alert_id");
  const groups = new Map();
  for (const [name, text] of fieldsOf(row)) {
    if (name === "output") continue;
    const group = name.includes(".") ? name.slice(0, name.indexOf(".")) : "alert";
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push([name, text]);
  }
  return el("div", { class: "detail" },
    el("p", { class: "output" }, shown(textOf(row, "output"))),
    related.length ? el("div", { class: "related" }, el("h4", null, "What was done about it"), el("ul", null, related)) : null,
    row.answers ? el("div", { class: "related" }, el("h4", null, "Done because of"), link(row.answers)) : null,
    orphan ? el("p", { class: "quiet" }, "Its alert is not among those that this page shows with all fields.") : null,
    el("div", { class: "fields" }, [...groups].map(([group, fields]) => el("section", null, el("h4", null, group),
      el("dl", null, fields.map(([name, text]) => el("div", null, el("dt", null, shown(name)), el("dd", null, text === "" ? "(empty)" : shown(text)))))))),
    el("p", { class: "actions" },
      el("button", { type: "button", click: () => page.narrow({ rule: row.rule }) }, "Only this rule"),
      el("button", { type: "button", click: () => page.narrow({ container: row.container }) }, "Only ", brief(report.containers[row.container], 50)),
      el("button", { type: "button", click: () => page.narrow({ from: Math.max(report.since_ms, row.time_ms - 60000), to: Math.min(report.until_ms, row.time_ms + 60000) }) }, "The minute before and after")),
    el("details", null, el("summary", null, "As it was sent (JSON)"), el("pre", null, shown(JSON.stringify(row.event, null, 1)).replace(/\\u\{a\}/g, "\n"))));
}

function processText(row) {
  const name = textOf(row, "proc", "name"), pid = textOf(row, "proc", "pid");
  return name ? brief(name, 60) + (pid ? " (" + brief(pid, 20) + ")" : "") : brief(textOf(row, "field", "response_process"), 60);
}

function tableRow(page, row) {
  const report = page.report, rule = report.rules[row.rule], id = "alert-" + row.index;
  const below = el("tr", { class: "below", hidden: true }, el("td", { colspan: "6" }));
  const button = el("button", { type: "button", id, class: "time", "aria-expanded": "false" }, timeText(row.time_ms, true));
  const toggle = (open) => {
    if (open && below.firstChild.childNodes.length === 0) below.firstChild.append(detail(page, row));
    below.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  const press = () => toggle(below.hidden);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    press();
  });
  const receipts = row.receipts.map((one) => el("span", { class: "did" }, brief(textOf(one, "field", "response_action") + " " + textOf(one, "field", "response_result"), 60)));
  const line = el("tr", { class: "row" + (rule.kind === "receipt" ? " receipt" : ""), click: press }, el("td", null, button), el("td", null, badge(report, row.priority)),
    el("td", { class: "rule" }, brief(rule.name, 100), receipts), el("td", null, processText(row)), el("td", null, brief(report.containers[row.container], 60)),
    el("td", { class: "what" }, el("div", null, shown(textOf(row, "output")))));
  page.opened.set(row.index, () => {
    toggle(true);
    line.scrollIntoView({ block: "start" });
    button.focus();
  });
  return [line, below];
}

const ORDERS = [["Time", (row) => row.time_ms * 1e3 + row.index % 1e3], ["Priority", (row) => row.priority], ["Rule", (row, report) => report.rules[row.rule].name],
  ["Process", processText], ["Container", (row, report) => report.containers[row.container]], ["What", (row) => textOf(row, "output")]];

function sorted(report, rows, order, down) {
  const keyOf = ORDERS[order][1], keyed = rows.map((row) => [keyOf(row, report), row]);
  keyed.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x.index - y.index) * (down ? -1 : 1));
  return keyed.map(([, row]) => row);
}

function alertTable(page, rows) {
  const { report, state } = page;
  const passing = countsByRule(report, page.filter, {}).reduce((sum, count) => sum + count, 0);
  const body = el("tbody");
  const list = sorted(report, rows, state.order, state.down);
  page.opened.clear();
  append(body, list.slice(0, state.rows).map((row) => tableRow(page, row)));
  const headings = ORDERS.map(([name], order) => el("th", { scope: "col", "aria-sort": state.order === order ? (state.down ? "descending" : "ascending") : "none" },
    el("button", { type: "button", click: () => page.change({ down: state.order === order ? !state.down : order === 0, order }) }, name, state.order === order ? (state.down ? " ▼" : " ▲") : "")));
  const more = list.length - state.rows;
  page.list = list;
  return [el("p", { class: "quiet", role: "status" }, state.words ? many(rows.length, "alert") + " with these words, of those that this page shows with all fields" :
    passing > rows.length ? grouped(rows.length) + " of " + many(passing, "alert") + " are here with all fields; the others are in the counts, and in " : many(rows.length, "alert") + (report.totals.receipts ? " and receipts" : ""),
    !state.words && passing > rows.length ? el("code", null, shown(commandFor(report, page.filter.rule >= 0 ? report.rules[page.filter.rule].name : ""))) : null),
  rows.length ? el("table", { class: "alerts" }, el("thead", null, el("tr", null, headings)), body) : el("p", { class: "none" }, "No alert fits."),
  more > 0 ? el("button", { type: "button", class: "more", click: () => page.change({ rows: state.rows + ROWS_MORE }) }, "Show " + Math.min(more, ROWS_MORE) + (more > ROWS_MORE ? " of " + grouped(more) : "") + " more") : null];
}

function treeNode(page, node, depth, open) {
  const report = page.report, byRule = new Map();
  for (const row of node.rows) byRule.set(row.rule, [...(byRule.get(row.rule) || []), row]);
  const groups = [...byRule.values()].map((rows) => {
    const place = el("div", { hidden: true });
    const button = el("button", { type: "button", class: "link", "aria-expanded": "false", click: () => {
      if (place.childNodes.length === 0) append(place, [detail(page, rows[rows.length - 1]), rows.length > 1 ? el("p", { class: "quiet" }, "The last of " + rows.length + ".") : null]);
      place.hidden = !place.hidden;
      button.setAttribute("aria-expanded", String(!place.hidden));
    } }, brief(report.rules[rows[0].rule].name, 100), rows.length > 1 ? " ×" + grouped(rows.length) : "");
    const done = rows.flatMap((row) => row.receipts).map((one) => textOf(one, "field", "response_action") + " " + textOf(one, "field", "response_result"));
    return el("li", null, badge(report, rows[0].priority), " ", button, " ", el("small", null, timeText(rows[0].time_ms)), [...new Set(done)].map((text) => el("span", { class: "did" }, brief(text, 60))), place);
  });
  const rest = groups.length - ALERTS_OF_A_NODE;
  const label = [el("b", null, brief(node.name || "?", 60)), el("span", { class: "pid" }, " " + brief(node.pid, 20)), node.user ? el("span", { class: "user" }, " " + brief(node.user, 40)) : null,
    node.cmdline && node.cmdline !== node.name ? el("code", null, brief(node.cmdline, 400)) : null];
  const own = el("div", { class: node.rows.length ? "node" : "node silent" }, label, groups.length ? el("ul", { class: "hits" }, groups.slice(0, ALERTS_OF_A_NODE), rest > 0 ? el("li", null, "and " + many(rest, "rule") + " more") : null) : null);
  if (node.children.length === 0) return [el("li", null, own)];
  if (depth >= DEPTH_MOST) return [el("li", null, own), ...node.children.flatMap((child) => treeNode(page, child, depth, open))];
  const inner = el("ul"), count = el("summary", null, many(node.size - 1, "process", "processes") + " below");
  const fill = () => {
    if (inner.childNodes.length === 0) append(inner, node.children.flatMap((child) => treeNode(page, child, depth + 1, open)));
  };
  const box = el("details", { open }, count, inner);
  if (open) fill();
  box.addEventListener("toggle", () => box.open && fill());
  return [el("li", null, own, box)];
}

function treeList(page, rows) {
  const { report, state } = page, trees = treesOf(report, rows), more = trees.length - state.trees;
  if (trees.length === 0) return el("p", { class: "none" }, "No process has an alert here.");
  return [el("p", { class: "quiet" }, "Processes with alerts below their parents, the most severe first. Grey: no alert of its own, known by what its child says of it."),
    trees.slice(0, state.trees).map((tree) => el("article", { class: "tree" },
      el("p", { class: "above" }, el("span", { class: "where" }, brief(report.containers[tree.container], 60)), tree.above.map((name) => [brief(name, 40), " › "])),
      el("ul", null, treeNode(page, tree, 0, tree.size <= TREE_OPEN_UP_TO)))),
    more > 0 ? el("button", { type: "button", class: "more", click: () => page.change({ trees: state.trees + TREES_MORE }) }, "Show " + Math.min(more, TREES_MORE) + (more > TREES_MORE ? " of " + grouped(more) : "") + " more trees") : null];
}

function ruleTable(page) {
  const report = page.report, counts = countsByRule(report, page.filter, { rule: -1 });
  const order = report.rules.map((_, index) => index).filter((index) => counts[index] > 0)
    .sort((a, b) => (report.rules[a].kind !== report.rules[b].kind ? (report.rules[a].kind === "alert" ? -1 : 1) : counts[b] - counts[a]));
  if (order.length === 0) return el("p", { class: "none" }, "No alert fits.");
  const most = Math.max(...counts), more = order.length - page.state.rules;
  return [el("table", { class: "rules" }, el("thead", null, el("tr", null, ["Rule", "Priority", "Category", "Alerts", "First", "Last"].map((name) => el("th", { scope: "col", class: name === "Alerts" ? "number" : null }, name)))),
    el("tbody", null, order.slice(0, page.state.rules).map((index) => {
      const rule = report.rules[index], on = page.filter.rule === index;
      return el("tr", { class: on ? "on" : null }, el("td", { class: "rule" }, el("button", { type: "button", class: "link", "aria-pressed": on ? "true" : "false", click: () => page.narrow({ rule: on ? -1 : index }) }, brief(rule.name, 100)),
        rule.alerts > rule.shown ? el("small", null, grouped(rule.shown) + " with all fields") : null),
      el("td", null, badge(report, rule.priority)), el("td", null, categoryText(rule.category)),
      el("td", { class: "number" }, grouped(counts[index]), el("progress", { max: most, value: counts[index], "aria-hidden": "true" })), el("td", null, timeText(rule.first_ms)), el("td", null, timeText(rule.last_ms)));
    }))), more > 0 ? el("button", { type: "button", class: "more", click: () => page.change({ rules: Infinity }) }, "Show " + grouped(more) + " more rules") : null];
}

function noticeList(report) {
  const list = report.notices, more = report.totals.notices - list.length;
  const removed = report.lost.removed.length === 0 ? null : el("div", null, el("h3", null, "Removed by the history's limits (history.size_mb_max, age_days_max), since the history was begun"),
    el("ul", null, report.lost.removed.slice(0, 50).map((one) => el("li", null, grouped(one.alerts) + " of ", brief(one.rule, 100), ", the last of " + timeText(one.last_ms)))));
  if (list.length === 0) return [el("p", { class: "none" }, "The agent told of no loss, no gap and no trouble of its own."), removed];
  return [removed, el("table", { class: "notices" }, el("thead", null, el("tr", null, ["Time", "Priority", "What", "Lost", "In its words"].map((name) => el("th", { scope: "col", class: name === "Lost" ? "number" : null }, name)))),
    el("tbody", null, list.map((one) => el("tr", { class: one.lost || one.gap_ms ? "bad" : null }, el("td", null, timeText(one.time_ms)), el("td", null, badge(report, one.priority)),
      el("td", null, brief(one.rule.replace(/^Tiercel internal: /, ""), 60)), el("td", { class: "number" }, one.lost ? grouped(one.lost) : one.gap_ms ? durationText(one.gap_ms) : ""), el("td", { class: "what" }, shown(one.message)))))),
  more > 0 ? el("p", { class: "quiet" }, "And " + grouped(more) + " more: ", el("code", null, shown(commandFor(report, "Tiercel internal: *")))) : null];
}

function outputTable(report) {
  const status = report.status;
  if (!status) return el("p", { class: "none" }, "Not known: " + shown(report.status_missing || "the agent was not asked") + ".");
  const manager = status.manager || {}, outputs = status.outputs || [], lost = (status.lost || {}).total || 0;
  return [el("p", null, "As the running agent said when this page was made: up " + durationText((status.uptime_s || 0) * 1000) + ", " + many(status.events || 0, "event") + " seen, ",
    el("span", { class: lost ? "bad" : null }, grouped(lost) + " lost since its start"), ", " + many((status.spool || {}).waiting || 0, "alert") + " waiting."),
  el("table", { class: "outputs" }, el("thead", null, el("tr", null, ["Output", "State", "Delivered", "Waiting", "Failures", "Lost", "Last answer"].map((name, at) => el("th", { scope: "col", class: at > 1 && at < 6 ? "number" : null }, name)))),
    el("tbody", null,
      el("tr", { class: manager.configured && !manager.connected ? "bad" : null }, el("td", null, "Wazuh manager", manager.address ? " " + shown(manager.address) : ""),
        el("td", null, !manager.configured ? "none configured" : manager.connected ? "connected" : "not connected"), el("td", { class: "number", "data-name": "delivered" }, grouped(manager.confirmed || 0)), el("td"), el("td"), el("td"), el("td")),
      outputs.map((one) => el("tr", { class: one.breaker_open || one.lost ? "bad" : null }, el("td", null, shown(one.name)), el("td", null, one.breaker_open ? "does not work" : "works"),
        ["delivered", "waiting", "failures", "lost"].map((key) => el("td", { class: "number", "data-name": key }, grouped(one[key] || 0))), el("td", { class: "what" }, shown(one.last_answer || ""))))))];
}
