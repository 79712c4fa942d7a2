// The report in a browser, clicked through: what a person does, with the mouse and with the keyboard, in both widths and colours.
// Nothing may be asked of a network, nothing said on the console, and hostile names do nothing.
// usage: node click_test.js REPORT_DRIVE [FOLDER for pictures]
"use strict";
const assert = require("assert");
const fs = require("fs");
const os = require("os");
const path = require("path");
const { execFileSync } = require("child_process");
const { findBrowser, openBrowser, openPage } = require("./browser.js");

const [drive, pictures] = process.argv.slice(2);
const UNTIL = 1795867200, SINCE = UNTIL - 86400;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tiercel-click-"));

function pageOf(name, what, ...flags) {
  const lines = execFileSync("python3", [path.join(__dirname, "events.py"), ...what], { maxBuffer: 1 << 30 });
  const html = execFileSync(drive, ["--since", SINCE + "000000000", "--until", UNTIL + "000000000", ...flags], { input: lines, maxBuffer: 1 << 30 });
  const file = path.join(folder, name + ".html");
  fs.writeFileSync(file, html);
  return file;
}

// In the page: what a selector finds, as a person sees it.
const centre = (selector, at) => {
  const one = [...document.querySelectorAll(selector)][at || 0];
  if (!one) throw new Error("nothing is " + selector);
  one.scrollIntoView({ block: "center" });
  const box = one.getBoundingClientRect();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
};
const count = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.getClientRects().length > 0).length;
const text = (selector) => document.querySelector(selector).innerText;

async function click(page, selector, at) {
  const { x, y } = await page.run(centre, selector, at);
  await page.mouse("mousePressed", x, y);
  await page.mouse("mouseReleased", x, y);
}

async function checkLook(page, name) {
  const wide = await page.run(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide[0] <= wide[1], name + " is wider than its window: " + wide);
  // Every text can be read before what is behind it: contrast by WCAG, 4.5, or 3 where it is large.
  const pale = await page.run(() => {
    const parse = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (one) => {
      for (let at = one; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
      }
      return [255, 255, 255];
    };
    const out = new Set();
    for (const one of document.querySelectorAll("body *")) {
      if (one instanceof SVGElement || one.disabled || one.getClientRects().length === 0 || ![...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
      const style = getComputedStyle(one), a = light(parse(style.color)), b = light(behind(one));
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
      if (ratio < (large ? 3 : 4.5)) out.add(one.tagName + "." + one.className + " " + ratio.toFixed(2) + " " + style.color + " on " + behind(one));
    }
    return [...out];
  });
  assert.deepStrictEqual(pale, [], name + " is hard to read");
}

async function clickThrough(browser) {
  const page = await openPage(browser, pageOf("real", ["real"], "--removed", "Noisy=7", "--status", path.join(__dirname, "status.json")));
  assert.strictEqual(await page.run(() => document.compatMode), "CSS1Compat");
  await checkLook(page, "real");
  const whole = await page.run(count, "tr.row");
  // By mouse: details on a click, and away again.
  await click(page, "tr.row .what");
  assert.strictEqual(await page.run(count, ".alerts .detail"), 1);
  assert((await page.run(text, ".alerts .detail")).includes("proc.cmdline"));
  await click(page, "tr.row .what");
  assert.strictEqual(await page.run(count, ".alerts .detail"), 0);
  // By keyboard: from the search to the first alert, and into it.
  await page.run(() => document.querySelector("input[type=search]").focus());
  for (let i = 0; i < 7; ++i) await page.key("Tab");
  assert.strictEqual(await page.run(() => document.activeElement.className), "time");
  await page.key("Enter", "\r");
  assert.strictEqual(await page.run(count, ".alerts .detail"), 1);
  assert(await page.run(() => getComputedStyle(document.activeElement).outlineStyle !== "none"), "the place of the keyboard is to be seen");
  // A part of the timeline by dragging, and back.
  const box = await page.run(() => {
    const one = document.querySelector("svg.timeline");
    one.scrollIntoView({ block: "center" });
    const at = one.getBoundingClientRect();
    return { x: at.x, y: at.y, width: at.width, height: at.height };
  });
  await page.mouse("mousePressed", box.x + box.width * 0.55, box.y + 60);
  await page.mouse("mouseMoved", box.x + box.width * 0.7, box.y + 60);
  await page.mouse("mouseReleased", box.x + box.width * 0.7, box.y + 60);
  assert.strictEqual(await page.run(count, ".chip"), 1);
  const part = await page.run(() => document.querySelector(".alerts p[role=status]").textContent);
  assert(Number(part.split(" ")[0]) > 0 && Number(part.split(" ")[0]) < whole + 100, part);
  await click(page, ".chip");
  assert.strictEqual(await page.run(count, ".chip"), 0);
  // Technique, rule and tree.
  await click(page, ".matrix .cell");
  assert.strictEqual(await page.run(count, ".chip"), 1);
  assert.strictEqual(await page.run(count, ".cell[aria-pressed=true]") > 0, true);
  await click(page, ".chip");
  await click(page, ".rules button.link");
  const rule = await page.run(text, ".rules tr.on button");
  assert((await page.run(() => [...document.querySelectorAll("tr.row td.rule")].map((one) => one.firstChild.textContent))).every((name) => name === rule));
  await click(page, ".rules tr.on button");
  await click(page, ".tree .hits button");
  assert.strictEqual(await page.run(count, ".tree .detail"), 1);
  // Words.
  await page.run(() => document.querySelector("input[type=search]").focus());
  await page.send("Input.insertText", { text: "no such word anywhere" });
  assert.strictEqual(await page.run(count, "tr.row"), 0);
  assert.deepStrictEqual(page.problems, []);
  await page.close();
}

async function lookAround(browser) {
  const every = process.env.TIERCEL_SOAK || pictures;
  const files = { none: pageOf("none", ["none"]), fifty: pageOf("fifty", ["real", "50"], "--status", path.join(__dirname, "status.json")), many: pageOf("many", ["flood", process.env.TIERCEL_SOAK ? "100000" : "4000"], "--rows", "500") };
  for (const [name, file] of Object.entries(files))
    for (const [width, dark] of every ? [[1280, false], [1280, true], [400, false], [400, true]] : name === "none" ? [[400, false]] : [[1280, true], [400, name === "many"]]) {
      const page = await openPage(browser, file, { width, dark });
      const look = name + "-" + width + (dark ? "-dark" : "-light");
      await page.run(() => document.querySelector("button.time") && document.querySelector("button.time").click());
      await checkLook(page, look);
      if (pictures) await page.picture(path.join(pictures, look + ".png"));
      assert.deepStrictEqual(page.problems, [], look);
      await page.close();
    }
}

async function hostile(browser) {
  const page = await openPage(browser, pageOf("hostile", ["hostile"]), { width: 1280 });
  await page.run(() => {
    document.querySelectorAll("details").forEach((one) => (one.open = true));
    document.querySelectorAll("button[aria-expanded=false]").forEach((one) => one.click());
  });
  await checkLook(page, "hostile");
  assert.strictEqual(await page.run(() => document.title), "Tiercel report: test");
  assert.strictEqual(await page.run(() => document.querySelectorAll("script").length), 2);
  assert.strictEqual(await page.run(() => document.querySelectorAll("img, iframe, object, embed, form, link, base").length), 0);
  assert.deepStrictEqual(page.problems, []);
  // The policy holds against code that got in all the same.
  const stopped = await page.run(async () => {
    const out = [];
    try {
      document.body.innerHTML = "<b>x</b>";
      out.push("markup was taken");
    } catch {
      out.push("no markup");
    }
    const script = document.createElement("script");
    try {
      script.textContent = "document.title = 'owned'";
      document.body.append(script);
    } catch {
      out.push("no script");
    }
    const image = new Image();
    const asked = new Promise((done) => ((image.onerror = () => done("refused")), (image.onload = () => done("loaded"))));
    image.src = "http://127.0.0.1:9/x.png";
    out.push(await asked, document.title);
    return out;
  });
  assert.deepStrictEqual(stopped.filter((one) => one !== "no script"), ["no markup", "refused", "Tiercel report: test"]);
  await page.close();
}

async function main() {
  if (!findBrowser()) {
    console.log("no chromium here: apt-get install --no-install-recommends chromium");
    return 77;
  }
  const browser = await openBrowser();
  try {
    await clickThrough(browser);
    await hostile(browser);
    await lookAround(browser);
  } finally {
    await browser.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log("report in a browser: clicked through, hostile names, both widths and colours");
  return 0;
}

main().then((status) => (process.exitCode = status), (error) => {
  console.error(error);
  process.exitCode = 1;
});
