// The filter's bar, and the page as a whole: what it shows follows from page.filter and page.state.

function choice(name, options, value, change) {
  const select = el("select", { change: () => change(select.value) }, options.map(([key, text]) => el("option", { value: key, selected: String(key) === String(value) }, text)));
  return el("label", null, el("span", null, name), select);
}

function filterBar(page) {
  const { report, filter } = page;
  const names = (list) => list.map((one, index) => [index, brief(one.name || one, 80)]).sort((a, b) => (a[1] < b[1] ? -1 : 1));
  const categories = [...new Set(report.rules.map((rule) => rule.category))].sort();
  const least = report.priorities.map((name, priority) => [priority, priority === 7 ? "All" : priority === 0 ? name : name + " and above"]).reverse();
  const technique = filter.technique ? report.techniques.get(filter.technique) : null;
  const chosen = page.isNarrow();
  return el("div", { class: "bar", role: "group", "aria-label": "Filter" },
    choice("Priority", least, filter.least, (value) => page.narrow({ least: Number(value) })),
    choice("Category", [[-1, "All"], ...categories.map((name, at) => [at, categoryText(name)])], categories.indexOf(filter.category), (value) => page.narrow({ category: categories[value] || "" })),
    choice("Rule", [[-1, "All"], ...names(report.rules)], filter.rule, (value) => page.narrow({ rule: Number(value) })),
    choice("Container", [[-1, "All"], ...names(report.containers)], filter.container, (value) => page.narrow({ container: Number(value) })),
    technique ? el("button", { type: "button", class: "chip", click: () => page.narrow({ technique: "" }) }, technique.id + " " + technique.name + " ×") : null,
    !isWhole(filter, report) ? el("button", { type: "button", class: "chip", click: () => page.narrow({ from: report.since_ms, to: report.until_ms }) }, timeText(filter.from) + " to " + timeText(filter.to) + " ×") : null,
    el("button", { type: "button", disabled: !chosen, click: () => page.reset() }, "Reset"));
}

// The same as the pointer can do, by keys.
function zoomButtons(page) {
  const { report, filter } = page, span = filter.to - filter.from, step = report.timeline.step_ms;
  const to = (from, until) => page.narrow({ from: Math.max(report.since_ms, from), to: Math.min(report.until_ms, Math.max(until, from + step)) });
  const whole = isWhole(filter, report);
  const button = (text, label, off, act) => el("button", { type: "button", title: label, "aria-label": label, disabled: off, click: act }, text);
  return el("p", { class: "zoom" },
    button("+", "Zoom in", span <= step, () => to(filter.from + span / 4, filter.to - span / 4)),
    button("−", "Zoom out", whole, () => to(filter.from - span / 2, filter.to + span / 2)),
    button("◀", "Earlier", filter.from <= report.since_ms, () => to(filter.from - span / 2, Math.max(filter.to - span / 2, report.since_ms + span))),
    button("▶", "Later", filter.to >= report.until_ms, () => to(Math.min(filter.from + span / 2, report.until_ms - span), filter.to + span / 2)),
    button("Whole period", "Whole period", whole, () => to(report.since_ms, report.until_ms)),
    el("span", { class: "quiet" }, "Drag over the picture to choose a part. Times are UTC."));
}

function legend(report) {
  const gaps = report.notices.some((one) => one.gap_ms), losses = report.notices.some((one) => one.lost);
  return el("p", { class: "legend" }, report.priorities.map((name, priority) => (report.timeline.series.some((one) => one.priority === priority) ? el("span", null, el("i", { class: "p" + priority }), name) : null)),
    gaps ? el("span", null, el("i", { class: "gap" }), "no agent") : null, losses ? el("span", null, el("i", { class: "loss" }), "loss") : null);
}

function fillTimeline(page) {
  const box = page.places.timeline;
  box.replaceChildren();
  append(box, [zoomButtons(page), timelineChart(page.report, page.filter, Math.max(300, box.clientWidth || 960), (from, to) => page.narrow({ from, to })), legend(page.report)]);
}

function incomplete(report) {
  const totals = report.totals, left = report.rules.filter((rule) => rule.alerts > rule.shown).sort((a, b) => b.alerts - b.shown - (a.alerts - a.shown));
  const all = totals.alerts + totals.receipts;
  if (left.length === 0) return el("p", { class: "quiet" }, "All " + many(all, "alert") + " and receipts of the period are on this page with all their fields.");
  return [el("p", null, "All " + many(all, "alert") + " and receipts are in the counts, the timeline, the rules and the matrix. " + grouped(totals.shown) +
    " are here with all their fields, for the table and the process trees: of each rule that fires often its first and its latest ones. Left out:"),
  el("ul", null, left.slice(0, 20).map((rule) => el("li", null, grouped(rule.alerts - rule.shown) + " of ", brief(rule.name, 100), ": ", el("code", null, shown(commandFor(report, rule.name))))), left.length > 20 ? el("li", null, "and some of " + many(left.length - 20, "more rule")) : null),
  el("p", { class: "quiet" }, "More of them on a page: ", el("code", null, "tiercel report --rows 10000"), ", or a shorter period.")];
}

function makePage(report, root) {
  const page = { report, filter: newFilter(report), opened: new Map(), places: {}, list: [] };
  const fresh = () => ({ words: "", order: 0, down: true, rows: ROWS_AT_FIRST, trees: TREES_AT_FIRST, rules: RULES_AT_FIRST });
  page.state = fresh();
  page.isNarrow = () => JSON.stringify(page.filter) !== JSON.stringify(newFilter(report)) || page.state.words !== "";
  page.rows = () => rowsFor(report, page.filter, page.state.words);
  const put = (place, children) => {
    page.places[place].replaceChildren();
    append(page.places[place], [children]);
  };
  const fillRows = () => {
    const rows = page.rows();
    put("rules", ruleTable(page));
    put("alerts", alertTable(page, rows));
    put("trees", treeList(page, rows));
  };
  // A redrawn control keeps the keyboard's place.
  page.draw = () => {
    const labels = [...document.querySelectorAll(".filter select, .filter button, .zoom button")], at = labels.indexOf(document.activeElement);
    put("filter", filterBar(page));
    fillTimeline(page);
    put("matrix", matrix(report, page.filter, (technique) => page.narrow({ technique })));
    fillRows();
    if (at >= 0) {
      const again = [...document.querySelectorAll(".filter select, .filter button, .zoom button")][at];
      if (again) again.focus();
    }
  };
  // Times are those of whole steps, so that rows and counts are of the same time.
  const snapped = (ms, round) => Math.min(Math.max(report.since_ms + round((ms - report.since_ms) / report.timeline.step_ms) * report.timeline.step_ms, report.since_ms), report.until_ms);
  page.narrow = (what) => {
    const next = { ...page.filter, ...what };
    page.filter = { ...next, from: snapped(next.from, Math.floor), to: snapped(next.to, Math.ceil) };
    Object.assign(page.state, { rows: ROWS_AT_FIRST, trees: TREES_AT_FIRST });
    page.draw();
  };
  page.change = (what) => {
    Object.assign(page.state, what);
    fillRows();
  };
  page.reset = () => {
    page.filter = newFilter(report);
    page.state = fresh();
    page.search.value = "";
    page.draw();
  };
  page.goTo = (row) => {
    if (!page.list.includes(row)) page.reset();
    const at = page.list.indexOf(row);
    if (at >= page.state.rows) page.change({ rows: at + ROWS_AT_FIRST });
    page.opened.get(row.index)();
  };
  build(page, root);
  return page;
}

function build(page, root) {
  const report = page.report, place = (name) => (page.places[name] = el("div", { class: name }));
  page.search = el("input", { type: "search", placeholder: "Words in any field", "aria-label": "Search alerts", autocomplete: "off", spellcheck: "false",
    input: () => page.change({ words: page.search.value, rows: ROWS_AT_FIRST, trees: TREES_AT_FIRST }) });
  const empty = report.totals.alerts + report.totals.receipts === 0;
  const links = empty ? [["notices", "The agent itself"], ["outputs", "Outputs"]]
    : [["timeline", "Timeline"], ["rules", "Rules"], ["alerts", "Alerts"], ["trees", "Processes"], ["attack", "ATT&CK"], ["notices", "The agent itself"], ["outputs", "Outputs"]];
  const told = [section("notices", "Losses, gaps and what else the agent said of itself", noticeList(report)), section("outputs", "Outputs", outputTable(report))];
  const parts = empty
    ? [el("p", { class: "nothing" }, "No alerts in this period."), report.lost.gaps || report.lost.events || !report.status ? el("p", null, "That is not the same as nothing having happened: see the losses and gaps above.") : null, told]
    : [place("filter"), section("timeline", "Timeline", place("timeline")), section("rules", "Rules", place("rules")),
      section("alerts", "Alerts", el("p", { class: "search" }, page.search), place("alerts")), section("trees", "Process trees", place("trees")),
      section("attack", "MITRE ATT&CK " + shown(report.attack.version), place("matrix")), told,
      section("left", "What is not on this page", incomplete(report))];
  append(root, [head(report), el("nav", { "aria-label": "Parts" }, links.map(([id, text]) => el("a", { href: "#" + id }, text))), el("main", null, parts)]);
  if (empty) return;
  page.draw();
  let width = page.places.timeline.clientWidth;
  window.addEventListener("resize", () => {
    if (page.places.timeline.clientWidth === width) return;
    width = page.places.timeline.clientWidth;
    fillTimeline(page);
  });
}

makePage(prepare(JSON.parse(document.getElementById("data").textContent)), document.getElementById("report"));
