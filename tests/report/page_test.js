// The report's page without a browser: its form, its figures against a count of the test's own, and its script on the small
// document of dom.js. usage: node page_test.js REPORT_DRIVE
"use strict";
const assert = require("assert");
const path = require("path");
const { execFileSync } = require("child_process");
const { load } = require("./dom.js");

const drive = process.argv[2];
const UNTIL = 1795867200, SINCE = UNTIL - 86400;

function linesOf(...what) {
  return execFileSync("python3", [path.join(__dirname, "events.py"), ...what], { encoding: "utf8", maxBuffer: 1 << 30 });
}

function pageOf(lines, ...flags) {
  const all = ["--since", SINCE + "000000000", "--until", UNTIL + "000000000", ...flags];
  const run = (...more) => execFileSync(drive, [...all, ...more], { input: lines, encoding: "utf8", maxBuffer: 1 << 30 });
  return { html: run(), json: run("--json") };
}

function inDom({ html, json }) {
  const scripts = elementsOf(html).scripts;
  return load(scripts[1].text, json);
}

// The page's elements as HTML reads it, where scripts and styles end at their end tag whatever is in them.
function elementsOf(html) {
  const open = [], scripts = [], styles = [], tags = [];
  const empty = new Set(["meta"]);
  let at = html.indexOf("<html");
  while ((at = html.indexOf("<", at)) >= 0) {
    const found = /^<(\/?)([a-z]+)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*>/.exec(html.slice(at, at + 2000));
    assert(found, "no well-formed tag: " + html.slice(at, at + 80));
    const [tag, end, name, attributes] = found;
    at += tag.length;
    if (end) {
      assert.strictEqual(open.pop(), name, "an end tag without its begin");
      continue;
    }
    tags.push({ name, attributes });
    if (empty.has(name)) continue;
    if (name === "script" || name === "style") {
      const close = html.toLowerCase().indexOf("</" + name, at);
      (name === "script" ? scripts : styles).push({ attributes, text: html.slice(at, close) });
      at = close + name.length + 3;
      continue;
    }
    open.push(name);
  }
  assert.deepStrictEqual(open, []);
  return { scripts, styles, tags };
}

function checkForm({ html, json }) {
  const { scripts, styles, tags } = elementsOf(html);
  assert.strictEqual(scripts.length, 2);
  assert.strictEqual(styles.length, 1);
  assert(scripts[0].attributes.includes('type="application/json"'));
  assert(!/[<>&]/.test(scripts[0].text), "markup in the data");
  assert.deepStrictEqual(JSON.parse(scripts[0].text), JSON.parse(json), "the page carries what --json prints");
  const policy = tags.find((tag) => tag.attributes.includes("Content-Security-Policy")).attributes;
  assert(policy.includes("default-src 'none'") && policy.includes("script-src 'nonce-dGVzdA'") && policy.includes("require-trusted-types-for 'script'"));
  assert(!/unsafe|\*|https?:/.test(policy));
  assert(scripts[1].attributes.includes('nonce="dGVzdA"') && styles[0].attributes.includes('nonce="dGVzdA"'));
  for (const tag of tags) assert(!/\b(src|href|action|srcset)=/.test(tag.attributes), "a reference: " + tag.attributes);
  const own = scripts[1].text.replace('"http://www.w3.org/2000/svg"', "") + styles[0].text;
  for (const word of ["http:", "https:", "url(", "@import", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttp", "import("])
    assert(!own.includes(word), "the page's own code has " + word);
}

function eventsOf(lines) {
  return lines.split("\n").filter((line) => line).map((line) => JSON.parse(line.slice(line.indexOf("\t") + 1)).tiercel);
}

function countBy(list, keyOf) {
  const out = new Map();
  for (const one of list) out.set(keyOf(one), (out.get(keyOf(one)) || 0) + 1);
  return out;
}

// Every figure of the report against the events themselves.
function checkFigures(lines, json) {
  const report = JSON.parse(json), events = eventsOf(lines);
  const own = (event) => event.source === "internal", receipt = (event) => event.rule === "Tiercel internal: response" && own(event);
  const alerts = events.filter((event) => !own(event)), receipts = events.filter(receipt), notices = events.filter((event) => own(event) && !receipt(event));
  assert.strictEqual(report.totals.alerts, alerts.length);
  assert.strictEqual(report.totals.receipts, receipts.length);
  assert.strictEqual(report.totals.notices, notices.length);
  report.priorities.forEach((name, priority) => assert.strictEqual(report.totals.by_priority[priority], alerts.filter((event) => event.priority === name).length));
  const byRule = countBy([...alerts, ...receipts], (event) => event.rule);
  assert.strictEqual(report.rules.length, byRule.size);
  const inTimeline = new Array(report.rules.length).fill(0), last = Math.ceil(86400000 / report.timeline.step_ms);
  for (const series of report.timeline.series)
    for (let i = 0; i < series.counts.length; i += 2) {
      assert(series.counts[i] < last);
      inTimeline[series.rule] += series.counts[i + 1];
    }
  report.rules.forEach((rule, index) => {
    assert.strictEqual(rule.alerts, byRule.get(rule.name));
    assert.strictEqual(inTimeline[index], rule.alerts);
    assert.strictEqual(report.rows.filter((row) => row.rule === index).length, rule.shown);
  });
  const sum = (what, key) => notices.filter((event) => event.rule.endsWith(what)).reduce((all, event) => all + Number(event.field[key] || 0), 0);
  assert.strictEqual(report.lost.events, sum("events lost", "lost"));
  assert.strictEqual(report.lost.gaps_ms, sum(": gap", "gap_ms"));
  return report;
}

function section(root, id) {
  return root.find((one) => one.getAttribute("id") === id)[0];
}
function button(place, text) {
  const found = place.find((one) => one.name === "button" && one.textContent.includes(text));
  assert(found.length > 0, "no button " + text);
  return found[0];
}
function rowsShown(root) {
  return section(root, "alerts").find("row");
}
function choose(root, label, value) {
  const box = root.find((one) => one.name === "label" && one.textContent.startsWith(label))[0].find((one) => one.name === "select")[0];
  const option = box.find((one) => one.name === "option" && one.textContent === value)[0];
  assert(option, "no choice " + value);
  box.value = option.getAttribute("value");
  box.fire("change");
}

function testNothing() {
  const page = pageOf("");
  checkForm(page);
  const { root } = inDom(page);
  assert(root.shownText.includes("No alerts in this period."));
  assert(root.find("alarm")[0].shownText.includes("No agent answers"), "a host without an agent is no quiet host");
  assert.strictEqual(section(root, "timeline"), undefined);
}

function testAlerts() {
  const lines = linesOf("real"), page = pageOf(lines, "--removed", "Noisy=7", "--status", path.join(__dirname, "status.json"));
  checkForm(page);
  const report = checkFigures(lines, page.json);
  assert(report.totals.alerts > 30 && report.totals.receipts >= 2 && report.lost.events > 0);
  const { root } = inDom(page);
  const alarm = root.find("alarm")[0].shownText;
  assert(alarm.includes(report.lost.events.toLocaleString("en") + " events lost in the kernel") && alarm.includes("gap") && alarm.includes("7 alerts removed"));
  assert(!alarm.includes("No agent answers"));
  const outputs = section(root, "outputs"), bad = outputs.find("bad").map((one) => one.shownText);
  assert(outputs.shownText.includes("wazuh.example:1514") && outputs.shownText.includes("18,234,567 events seen"));
  assert(bad.some((text) => text.includes("slack") && text.includes("does not work") && text.includes("429 Too Many Requests")), "a broken output is marked: " + bad);
  assert(section(root, "timeline").find("gap").length > 0 && section(root, "timeline").find("loss").length > 0);
  // One alert's fields, all of them.
  const first = rowsShown(root)[0];
  first.find("time")[0].click();
  const detail = section(root, "alerts").find("detail")[0], said = detail.find((one) => one.name === "dd").map((one) => one.textContent);
  const raw = report.rows.reduce((latest, row) => (row.time_ms >= latest.time_ms ? row : latest));
  const leaves = (value) => (Array.isArray(value) ? [value.join(", ")] : typeof value === "object" ? Object.values(value).flatMap(leaves) : [String(value)]);
  for (const leaf of leaves(raw.event)) assert(leaf === raw.event.tiercel.output || said.includes(leaf === "" ? "(empty)" : leaf), "not shown: " + leaf);
  // A receipt and its alert know each other.
  const answered = report.rows.find((row) => report.rules[row.rule].kind === "receipt" && report.rows.some((other) => other.event.tiercel.id === row.event.tiercel.field.response_alert_id));
  choose(root, "Rule", answered.event.tiercel.field.response_alert_rule);
  const line = rowsShown(root).find((one) => one.find("did").length > 0);
  assert(line, "no mark of what was done");
  line.click();
  const link = section(root, "alerts").find("related")[0].find("link")[0];
  link.click();
  assert(section(root, "alerts").find("related").some((one) => one.textContent.includes("Done because of")), "the receipt is opened");
  // Filters narrow everything, reset widens it.
  button(root, "Reset").click();
  const rule = report.rules.find((one) => one.kind === "alert" && one.alerts > 1);
  choose(root, "Rule", rule.name);
  assert.strictEqual(rowsShown(root).length, rule.alerts);
  const cells = section(root, "attack").find("cell").filter((one) => one.find("count")[0].textContent !== "0").map((one) => one.find((b) => b.name === "b")[0].textContent);
  assert.deepStrictEqual(new Set(cells), new Set(rule.techniques));
  button(root, "Reset").click();
  const technique = section(root, "attack").find("cell")[0], id = technique.find((b) => b.name === "b")[0].textContent;
  technique.click();
  const fitting = report.rules.filter((one) => one.techniques.includes(id)).reduce((sum, one) => sum + one.alerts, 0);
  assert.strictEqual(rowsShown(root).length, Math.min(50, fitting));
  button(root, "Reset").click();
  choose(root, "Priority", "Critical and above");
  const severe = report.totals.by_priority.slice(0, 3).reduce((a, b) => a + b);
  assert.strictEqual(Math.min(50, severe), rowsShown(root).filter((one) => !one.className.includes("receipt")).length);
  button(root, "Reset").click();
  // Zoom by keys and by pointer.
  button(root, "+").click();
  const half = report.rows.filter((row) => row.time_ms >= (SINCE + 21600) * 1000 && row.time_ms < (SINCE + 64800) * 1000).length;
  assert(section(root, "alerts").shownText.includes(half + " alerts"), "half of the period has " + half);
  button(root, "Reset").click();
  const chart = section(root, "timeline").find("timeline").find((one) => one.name === "svg");
  chart.fire("pointerdown", { clientX: 44 });
  chart.fire("pointermove", { clientX: 467 });
  chart.fire("pointerup", { clientX: 467 });
  const chosen = root.find("chip")[0].textContent.split(" to ")[1].replace(" ×", "").replace(" ", "T") + "Z";
  const end = Date.parse(chosen), early = report.rows.filter((row) => row.time_ms < end).length;
  assert(Math.abs(end - (SINCE + 43200) * 1000) <= 900000, "half of the picture is half of the day, not " + chosen);
  assert(section(root, "alerts").shownText.includes(early + " alert"), "until " + chosen + " there are " + early);
  // Search.
  button(root, "Reset").click();
  const search = root.find((one) => one.name === "input")[0];
  search.value = raw.event.tiercel.id;
  search.fire("input");
  assert.strictEqual(rowsShown(root).length, report.rows.filter((row) => JSON.stringify(row.event).includes(raw.event.tiercel.id)).length);
  search.value = "no such word anywhere";
  search.fire("input");
  assert(section(root, "alerts").shownText.includes("No alert fits."));
}

function testTrees() {
  const made = [[10, 5, "bash", 1, "systemd"], [20, 6, "curl", 10, "bash"], [10, 50, "nginx", 1, "systemd"], [30, 60, "sh", 10, "nginx"], [31, 61, "id", 10, "gone"], [32, 62, "w", 10, "gone"]];
  const lines = made.map(([pid, start, name, ppid, pname], number) => {
    const event = { rule: "R", priority: "Error", source: "syscall", id: "x-" + number, proc: { name, pid, start_ns: start > 40 ? String(start) : start, ppid, pname, pcmdline: pname, ancestors: [pname, "top", "init"] } };
    return SINCE + number + "000000000\t" + JSON.stringify({ tiercel: event });
  });
  const { ask } = inDom(pageOf(lines.join("\n") + "\n"));
  const forest = JSON.parse(ask(`(() => {
    const report = prepare(JSON.parse(document.getElementById("data").textContent));
    const plain = (node) => [node.name + ":" + node.pid, node.alerts, node.children.map(plain)];
    return JSON.stringify(treesOf(report, report.rows).map((tree) => [tree.above.join(">"), plain(tree)]).sort());
  })()`));
  assert.deepStrictEqual(forest, [
    ["init>top", ["gone:10", 2, [["id:31", 1, []], ["w:32", 1, []]]]],
    ["init>top", ["systemd:1", 4, [["bash:10", 2, [["curl:20", 1, []]]], ["nginx:10", 2, [["sh:30", 1, []]]]]]]]);
}

function testHostile() {
  const lines = linesOf("hostile"), page = pageOf(lines);
  checkForm(page);
  const report = checkFigures(lines, page.json);
  const { root, ask } = inDom(page);
  const press = (place) => place.find((one) => one.name === "button" && one.getAttribute("aria-expanded") === "false").forEach((one) => one.click());
  press(section(root, "alerts"));
  press(section(root, "trees"));
  const names = new Set([...root.all()].map((one) => one.name));
  for (const name of ["script", "img", "iframe", "a:", "b:", "object", "link", "style", "form"]) assert(!names.has(name), "an element " + name);
  // eslint-disable-next-line no-control-regex
  const unseen = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
  const texts = (node) => (node.data !== undefined ? [node.data] : node.childNodes.flatMap(texts));
  for (const text of texts(root)) assert(!unseen.test(text), "shown as it is: " + JSON.stringify(text.slice(0, 80)));
  for (const one of root.all()) for (const value of one.attributes.values()) assert(!unseen.test(value), "in an attribute: " + JSON.stringify(value));
  const whole = root.textContent;
  for (const part of ["</script><script>document.title='owned'</script>", "\\u{202e}gnp.exe", "nul\\u{0}", "__proto__", "@NONCE@ @REPORT@ @VIEW@"]) assert(whole.includes(part), "not to be read: " + part);
  for (const rule of report.rules) if (rule.kind === "alert" && rule.name.length < 80) assert(texts(section(root, "alerts")).length > 0);
  for (const one of root.find((node) => node.getAttribute("href") !== null)) assert(/^#[a-z]+$/.test(one.getAttribute("href")));
  assert.strictEqual(ask("JSON.stringify([({}).polluted, Object.keys(Object.prototype).length])"), "[null,0]");
  // A shell takes a rule's name as one word, and nothing else.
  for (const rule of report.rules) {
    const word = ask("shellWord(" + JSON.stringify(rule.name) + ")");
    if (rule.name.includes("\0")) continue; // no argument can hold it
    assert.strictEqual(execFileSync("bash", ["-c", "printf %s " + word], { encoding: "utf8" }), rule.name);
  }
}

function testMany(count) {
  const lines = linesOf("flood", String(count)), page = pageOf(lines, "--rows", "500");
  checkForm(page);
  const report = checkFigures(lines, page.json);
  assert.strictEqual(report.rows.length, 500);
  const rare = report.rules.filter((rule) => rule.alerts < 50);
  assert(rare.length > 0);
  for (const rule of rare) assert.strictEqual(rule.shown, rule.alerts, "a rare rule's alerts are all there");
  for (const rule of report.rules) {
    const times = report.rows.filter((row) => report.rules[row.rule] === rule).map((row) => row.time_ms);
    assert.strictEqual(Math.min(...times), rule.first_ms);
    assert.strictEqual(Math.max(...times), rule.last_ms);
  }
  const { root } = inDom(page);
  assert.strictEqual(rowsShown(root).length, 50);
  assert(section(root, "alerts").shownText.includes("500 of " + count.toLocaleString("en") + " alerts are here with all fields"));
  assert(section(root, "left").shownText.includes("tiercel alerts --since 2026-11-27T12:00:00Z --rule 'Noisy Rule'"));
  button(section(root, "alerts"), "Show 200 of 450 more").click();
  assert.strictEqual(rowsShown(root).length, 250);
}

testNothing();
testAlerts();
testTrees();
testHostile();
testMany(process.env.TIERCEL_SOAK ? 100000 : 4000);
console.log("report's page: form, figures, script, hostile names, many alerts");
