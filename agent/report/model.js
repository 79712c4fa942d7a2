"use strict";
// The report's data and what is asked of it, without a document: texts of others made harmless, filters, the timeline's
// columns, receipts of responses, process trees. The report is what `tiercel report --json` prints.

// Characters that nobody sees, or that change how what stands beside them is read.
const UNSEEN = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f" +
  "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\ud800-\\udfff" +
  "\\u{e0000}-\\u{e0fff}]", "gu");

function shown(value) {
  return String(value).replace(UNSEEN, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
}

// The same where there is little room: at most so many characters.
function brief(value, most) {
  const text = shown(value);
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

function categoryText(name) {
  return brief(/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name) ? name.replace(/_/g, " ") : name, 40);
}

function many(count, one, more) {
  return grouped(count) + " " + (count === 1 ? one : more || one + "s");
}

function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function timeText(ms, withMs) {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return "?";
  const text = new Date(ms).toISOString();
  return text.slice(0, 10) + " " + text.slice(11, withMs ? 23 : 19);
}

function durationText(ms) {
  const s = Math.round(ms / 1000);
  if (ms < 1000) return ms + " ms";
  if (s < 120) return s + " s";
  if (s < 7200) return Math.round(s / 60) + " min";
  return s < 172800 ? Math.round(s / 360) / 10 + " h" : Math.round(s / 8640) / 10 + " days";
}

// As a shell takes it. What cannot be seen is left to the shell's own escapes.
function shellWord(text) {
  if (/^[A-Za-z0-9_.,:\/@%+=-]+$/.test(text)) return text;
  if (!text.match(UNSEEN)) return "'" + text.replace(/'/g, "'\\''") + "'";
  const escaped = (c) => [...new TextEncoder().encode(c)].map((b) => "\\x" + b.toString(16).padStart(2, "0")).join("");
  return "$'" + text.replace(/[\\']/g, "\\$&").replace(UNSEEN, escaped) + "'";
}

// What a field says, by its path: valueOf(row, "proc", "pid"). Nothing is found in what every object has.
function valueOf(row, ...path) {
  let at = row.event.tiercel;
  for (const key of path) {
    if (at === null || typeof at !== "object" || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

function textOf(row, ...path) {
  const value = valueOf(row, ...path);
  return value === undefined ? "" : Array.isArray(value) ? value.join(" ") : String(value);
}

// Every field as [name, text], in the contract's order.
function fieldsOf(row) {
  const out = [];
  const walk = (prefix, value) => {
    if (Array.isArray(value)) out.push([prefix, value.join(", ")]);
    else if (value !== null && typeof value === "object")
      for (const [key, inner] of Object.entries(value)) walk(prefix ? prefix + "." + key : key, inner);
    else out.push([prefix, String(value)]);
  };
  for (const [key, value] of Object.entries(row.event)) walk(key === "tiercel" ? "" : key, value);
  return out;
}

// The report with what the page looks up: rows know their index, receipts their alert and alerts their receipts.
function prepare(report) {
  const byId = new Map();
  report.rows.forEach((row, index) => {
    row.index = index;
    row.receipts = [];
    row.answers = null;
    if (report.rules[row.rule].kind === "alert") byId.set(textOf(row, "id"), row);
  });
  for (const row of report.rows) {
    if (report.rules[row.rule].kind !== "receipt") continue;
    const alert = byId.get(textOf(row, "field", "response_alert_id"));
    if (!alert) continue;
    row.answers = alert;
    alert.receipts.push(row);
  }
  report.techniques = new Map();
  for (const tactic of report.attack.tactics)
    for (const one of tactic.techniques) {
      const known = report.techniques.get(one.id) || { id: one.id, name: one.name, rules: new Set() };
      one.rules.forEach((rule) => known.rules.add(rule));
      report.techniques.set(one.id, known);
    }
  return report;
}

function receiptText(row) {
  const reason = textOf(row, "field", "response_reason");
  return textOf(row, "field", "response_action") + ": " + textOf(row, "field", "response_result") + (reason ? ", " + reason : "");
}

// least: a priority's number, and all that are more severe. Empty texts and null: any.
function newFilter(report) {
  return { from: report.since_ms, to: report.until_ms, least: 7, category: "", rule: -1, container: -1, technique: "" };
}

function isWhole(filter, report) {
  return filter.from <= report.since_ms && filter.to >= report.until_ms;
}

// Of a row or a series of the timeline, without its time.
function passes(report, filter, one) {
  if (one.priority > filter.least) return false;
  if (filter.rule >= 0 && one.rule !== filter.rule) return false;
  if (filter.container >= 0 && one.container !== filter.container) return false;
  if (filter.category && report.rules[one.rule].category !== filter.category) return false;
  return !filter.technique || report.techniques.get(filter.technique).rules.has(one.rule);
}

function rowsFor(report, filter, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter((word) => word);
  return report.rows.filter((row) => {
    if (!passes(report, filter, row) || (!isWhole(filter, report) && (row.time_ms < filter.from || row.time_ms >= filter.to))) return false;
    if (wanted.length === 0) return true;
    if (row.haystack === undefined)
      row.haystack = (timeText(row.time_ms, true) + " " + fieldsOf(row).map(([name, text]) => name + "=" + text).join("\n")).toLowerCase();
    return wanted.every((word) => row.haystack.includes(word));
  });
}

// At most so many columns of equal length, each with its counts by priority; whole steps of the timeline.
function columnsFor(report, filter, most) {
  const step = report.timeline.step_ms;
  const first = Math.max(0, Math.floor((filter.from - report.since_ms) / step));
  const end = Math.max(first + 1, Math.ceil((filter.to - report.since_ms) / step));
  const length = Math.max(1, Math.ceil((end - first) / most));
  const columns = [];
  for (let at = first; at < end; at += length)
    columns.push({ from: report.since_ms + at * step, to: report.since_ms + Math.min(at + length, end) * step, counts: new Array(8).fill(0), sum: 0 });
  for (const series of report.timeline.series) {
    if (!passes(report, filter, series)) continue;
    for (let i = 0; i < series.counts.length; i += 2) {
      const at = series.counts[i];
      if (at < first || at >= end) continue;
      const column = columns[Math.floor((at - first) / length)];
      column.counts[series.priority] += series.counts[i + 1];
      column.sum += series.counts[i + 1];
    }
  }
  return columns;
}

// Alerts by rule under the filter; `without` leaves one part of the filter out.
function countsByRule(report, filter, without) {
  const open = { ...filter, ...without };
  const step = report.timeline.step_ms;
  const first = Math.floor((open.from - report.since_ms) / step), end = Math.ceil((open.to - report.since_ms) / step);
  const counts = new Array(report.rules.length).fill(0);
  for (const series of report.timeline.series) {
    if (!passes(report, open, series)) continue;
    for (let i = 0; i < series.counts.length; i += 2)
      if (series.counts[i] >= first && series.counts[i] < end) counts[series.rule] += series.counts[i + 1];
  }
  return counts;
}

function bigOf(text) {
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

// Processes with alerts, below their parents: forests of {pid, name, cmdline, rows, children, above}. A process is its pid
// and its start. A parent that has an alert of its own is found by pid, a start that is not later, and its name (pids
// are given again); any other is known by what its child says of it. above: names of what is further up.
function treesOf(report, rows) {
  const nodes = new Map(), byPid = new Map();
  for (const row of rows) {
    const pid = textOf(row, "proc", "pid");
    if (!pid) continue;
    const start = textOf(row, "proc", "start_ns"), key = pid + " " + start;
    let node = nodes.get(key);
    if (!node) {
      node = { pid, start: bigOf(start), names: new Set(), rows: [], children: [], parent: null };
      nodes.set(key, node);
      if (!byPid.has(pid)) byPid.set(pid, []);
      byPid.get(pid).push(node);
    }
    node.name = textOf(row, "proc", "name");
    node.names.add(node.name);
    node.cmdline = textOf(row, "proc", "cmdline");
    node.user = textOf(row, "user", "name");
    node.container = row.container;
    node.last = row;
    node.rows.push(row);
  }
  const roots = new Map();
  for (const [key, node] of nodes) place(node, key, byPid, roots);
  const out = [...roots.values()];
  out.forEach(measure);
  return out.sort((a, b) => a.worst - b.worst || b.latest - a.latest);
}

function place(node, key, byPid, roots) {
  const row = node.last, ppid = textOf(row, "proc", "ppid"), pname = textOf(row, "proc", "pname");
  const ancestors = valueOf(row, "proc", "ancestors");
  const above = Array.isArray(ancestors) ? ancestors.map(String) : [];
  const isAbove = (one, maybe) => {
    for (let at = maybe; at; at = at.parent) if (at === one) return true;
    return false;
  };
  let parent = null;
  for (const one of byPid.get(ppid) || [])
    if (one.start <= node.start && one.names.has(pname) && !isAbove(node, one) && (!parent || one.start > parent.start)) parent = one;
  if (!parent && (!ppid || ppid === "0" || !pname)) {
    node.above = above.slice().reverse();
    roots.set(key, node);
    return;
  }
  if (!parent) {
    const cmdline = textOf(row, "proc", "pcmdline"), parentKey = JSON.stringify([ppid, pname, cmdline, row.container]);
    parent = roots.get(parentKey);
    if (!parent) {
      parent = { pid: ppid, name: pname, cmdline, user: "", container: row.container, rows: [], children: [], parent: null,
        above: above.slice(1).reverse() };
      roots.set(parentKey, parent);
    }
  }
  node.parent = parent;
  parent.children.push(node);
}

function measure(node) {
  node.worst = Math.min(8, ...node.rows.slice(0, 1000).map((row) => row.priority));
  node.latest = node.rows.reduce((latest, row) => Math.max(latest, row.time_ms), 0);
  node.alerts = node.rows.length;
  node.size = 1;
  for (const child of node.children) {
    measure(child);
    node.worst = Math.min(node.worst, child.worst);
    node.latest = Math.max(node.latest, child.latest);
    node.alerts += child.alerts;
    node.size += child.size;
  }
}
