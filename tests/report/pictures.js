// Pictures of a report's page, whole or its first HEIGHT pixels.
// usage: node pictures.js PAGE.html FOLDER NAME [WIDTH] [light|dark|print] [HEIGHT]
"use strict";
const path = require("path");
const { openBrowser, openPage } = require("./browser.js");

(async () => {
  const [file, folder, name, width, look, height] = process.argv.slice(2);
  const browser = await openBrowser();
  const page = await openPage(browser, file, { width: Number(width || 1280), dark: look === "dark", media: look === "print" ? "print" : "", height: Number(height || 900) });
  if (!height) await page.run(() => document.querySelector("button.time") && document.querySelector("button.time").click());
  await page.picture(path.join(folder, name + ".png"), !height);
  page.problems.forEach((problem) => console.log(problem));
  await browser.close();
})();
