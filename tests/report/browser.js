// A browser without a window, by the DevTools protocol over a pipe: descriptors 3 and 4, messages that end in NUL. Nothing of the
// test's own is installed for it. openBrowser() starts one, with a folder of its own, and close() ends it and takes the folder away.
"use strict";
const { spawn, execFileSync } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");

const FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--force-device-scale-factor=1", "--remote-debugging-pipe", "--hide-scrollbars",
  "--host-resolver-rules=MAP * ~NOTFOUND"];

function findBrowser() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      continue;
    }
  }
  return null;
}

async function openBrowser() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tiercel-report-"));
  const child = spawn(findBrowser(), [...FLAGS, "--user-data-dir=" + folder, "about:blank"],
    { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"], detached: true, env: { ...process.env, HOME: folder } });
  let said = "", waiting = "", number = 0;
  const calls = new Map(), listeners = [];
  child.stderr.on("data", (text) => (said = (said + text).slice(-4000)));
  child.stdio[4].on("data", (bytes) => {
    waiting += bytes.toString("utf8");
    for (let end = waiting.indexOf("\0"); end >= 0; end = waiting.indexOf("\0")) {
      const message = JSON.parse(waiting.slice(0, end));
      waiting = waiting.slice(end + 1);
      const call = calls.get(message.id);
      if (!call) {
        listeners.forEach((listener) => listener(message));
        continue;
      }
      calls.delete(message.id);
      if (message.error) call.refuse(new Error(call.method + ": " + message.error.message));
      else call.give(message.result);
    }
  });
  const over = (why) => {
    for (const call of calls.values()) call.refuse(new Error(why + "\n" + said));
    calls.clear();
  };
  child.on("exit", (code) => over("the browser ended with status " + code));
  child.on("error", (error) => over(String(error)));
  const send = (method, params, sessionId) => new Promise((give, refuse) => {
    const id = ++number;
    calls.set(id, { give, refuse, method });
    child.stdio[3].write(JSON.stringify({ id, method, params: params || {}, sessionId }) + "\0");
  });
  const close = async () => {
    const ended = new Promise((done) => (child.exitCode !== null ? done() : child.once("exit", done)));
    await send("Browser.close").catch(() => {});
    await Promise.race([ended, new Promise((done) => setTimeout(done, 10000))]);
    try {
      process.kill(-child.pid, "SIGKILL"); // its own group: what it left behind
    } catch {
      // nothing was left
    }
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  return { send, close, listeners };
}

// A page of that browser. problems: what the page said on its console, refused requests and all requests but its own file.
async function openPage(browser, file, { width = 1280, height = 900, dark = false, media = "" } = {}) {
  const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (method, params) => browser.send(method, params, sessionId);
  const problems = [], url = "file://" + path.resolve(file);
  let loaded;
  const ready = new Promise((done) => (loaded = done));
  browser.listeners.push((message) => {
    if (message.sessionId !== sessionId) return;
    const p = message.params;
    if (message.method === "Page.loadEventFired") loaded();
    if (message.method === "Runtime.exceptionThrown") problems.push("exception: " + (p.exceptionDetails.exception || {}).description);
    if (message.method === "Runtime.consoleAPICalled") problems.push("console: " + JSON.stringify(p.args.map((arg) => arg.value)));
    if (message.method === "Log.entryAdded") problems.push("log: " + p.entry.text);
    if (message.method === "Network.requestWillBeSent" && p.request.url !== url) problems.push("request: " + p.request.url.slice(0, 200));
    if (message.method === "Page.javascriptDialogOpening") problems.push("dialog: " + p.message);
  });
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(domain + ".enable");
  await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  await send("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
  await send("Page.navigate", { url });
  await ready;
  // A function of this file, run in the page; its result comes back as JSON.
  const run = async (work, ...values) => {
    const reply = await send("Runtime.evaluate", { expression: `(${work})(...${JSON.stringify(values)})`, returnByValue: true, awaitPromise: true });
    if (reply.exceptionDetails) throw new Error((reply.exceptionDetails.exception || {}).description || reply.exceptionDetails.text);
    return reply.result.value;
  };
  const mouse = (type, x, y) => send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: type === "mouseReleased" ? 0 : 1, clickCount: 1 });
  const key = async (name, text) => {
    await send("Input.dispatchKeyEvent", { type: "keyDown", key: name, code: name, windowsVirtualKeyCode: { Enter: 13, Tab: 9 }[name] || 0, text });
    await send("Input.dispatchKeyEvent", { type: "keyUp", key: name, code: name });
  };
  const picture = async (to, whole = true) => {
    const clip = whole ? await run(() => ({ x: 0, y: 0, width: innerWidth, height: Math.min(document.documentElement.scrollHeight, 12000), scale: 1 })) : undefined;
    const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole, clip });
    fs.writeFileSync(to, Buffer.from(data, "base64"));
  };
  return { send, run, mouse, key, picture, problems, close: () => browser.send("Target.closeTarget", { targetId }) };
}

module.exports = { findBrowser, openBrowser, openPage };
