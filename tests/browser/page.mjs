// Uses a node's page in Chromium as a person would, and a browser client of WAMP beside it.
//
//   node page.mjs URL [FOLDER]
//
// URL is that of a running node's live page; screenshots go to FOLDER. The node's first realm must let anonymous
// sessions subscribe, publish, register and call. TRANSOM_BROWSER_MODULES is the folder of the modules (or the one
// around it) that ../suites/browser/package.json names; TRANSOM_CHROMIUM the browser, /usr/bin/chromium when not set.
// Prints a line per check, then `N passed, N failed`; fails when one failed.

import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [url, folder] = process.argv.slice(2);
const given = process.env.TRANSOM_BROWSER_MODULES;
if (!url || !given) {
  console.error("usage: TRANSOM_BROWSER_MODULES=… node page.mjs URL [FOLDER]");
  process.exit(2);
}
const modules = path.basename(given) === "node_modules" ? path.resolve(given) : path.resolve(given, "node_modules");
const { chromium } = createRequire(path.join(modules, "/"))("playwright-core");

// A fresh profile each time, removed at the end.
const chrome = await chromium.launch({
  executablePath: process.env.TRANSOM_CHROMIUM || "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
});

async function visitor(options = {}) {
  const context = await chrome.newContext({
    permissions: ["clipboard-read", "clipboard-write"],
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  context.setDefaultTimeout(15_000);
  return context;
}

const browser = await visitor();

let passed = 0, failed = 0;

async function check(what, action) {
  try {
    await action();
    passed += 1;
    console.log(`ok      ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${what}\n        ${String(error?.stack ?? error).replaceAll("\n", "\n        ")}`);
  }
}

/** Complaints of all pages, and requests that leave the node. */
const complaints = [];
const outside = [];

/** Opens the page in a new tab and notes what it does. */
async function open() {
  const page = await browser.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) outside.push(request.url());
  });
  await page.goto(url);
  return page;
}

const shows = (page, selector, text) => page.locator(selector).filter({ hasText: text }).first().waitFor();

/** Waits until the log has an entry of a kind with a text in it. */
const logged = (page, kind, text) => shows(page, `#log .entry.${kind}`, text);

async function join(page) {
  await page.click("#join");
  await page.locator("#status[data-state=joined]").waitFor();
}

async function screenshot(page, name) {
  if (!folder) return;
  fs.mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}

const first = await open();
const second = await open();

await check("the page shows what the node is and its live numbers", async () => {
  assert.match(await first.title(), /\S/);
  assert.match(await first.locator("#sessions").innerText(), /^\d+$/);
  assert.match(await first.locator("#url").inputValue(), /^wss?:\/\//);
  assert.notEqual(await first.locator("#realm").inputValue(), "");
  const snippet = await first.locator("#panel-python").innerText();
  assert.ok(snippet.includes(await first.locator("#url").inputValue()), "the program has the page's address");
});

await check("a click joins", async () => {
  await join(first);
  await logged(first, "joined", "session");
  assert.equal(await first.locator("#join").innerText(), "Leave");
});

await check("a click subscribes, a click publishes, and the event comes to the same page", async () => {
  await first.click("#subscribe");
  await logged(first, "subscribed", "com.example.hello");
  await first.fill("#publish-args", '["to myself"]');
  await first.click("#publish");
  await logged(first, "published", "to myself");
  await logged(first, "event", "to myself");
});

await check("an event of another tab comes, and markup in it stays text", async () => {
  await second.fill("#publish-args", '{"text": "<img src=x onerror=alert(1)>"}');
  // Not joined yet: publishing joins.
  await second.click("#publish");
  await logged(second, "published", "img");
  await logged(first, "event", '{"text":"<img src=x onerror=alert(1)>"}');
  assert.equal(await first.locator("#log img").count(), 0);
});

await check("nothing comes back when the page does not want its own events", async () => {
  await first.uncheck("#publish-self");
  await first.fill("#publish-args", '["not to myself"]');
  await first.click("#publish");
  await logged(first, "published", "not to myself");
  await second.fill("#publish-args", '["after it"]');
  await second.click("#publish");
  await logged(first, "event", "after it");
  assert.equal(await first.locator("#log .entry.event", { hasText: "not to myself" }).count(), 0);
});

await check("a procedure of one tab answers the call of another", async () => {
  await second.click("#register");
  await logged(second, "registered", "com.example.echo");
  await first.fill("#call-args", '[1, "zwei", {"drei": null}]');
  await first.click("#call");
  await logged(second, "called", '[1,"zwei",{"drei":null}]');
  await logged(first, "result", '[1,"zwei",{"drei":null}]');
});

await check("errors are told in the log", async () => {
  await first.fill("#call-procedure", "com.example.nobody");
  await first.click("#call");
  await logged(first, "error", "wamp.error.no_such_procedure");
  await first.fill("#call-args", "no JSON");
  await first.click("#call");
  await logged(first, "error", "JSON");
  assert.equal(await first.locator("#call-args").getAttribute("aria-invalid"), "true");
  await first.fill("#call-args", '[1, "two"]');
  await first.fill("#call-procedure", "com.example.echo");
  await first.click("#call");
  await logged(first, "result", '[1,"two"]');
});

await check("the numbers follow without a reload", async () => {
  const sessions = async () => Number(await first.locator("#sessions").innerText());
  await first.waitForFunction(() => Number(document.getElementById("sessions").textContent) >= 2);
  await first.waitForFunction(() => Number(document.getElementById("registrations").textContent) >= 1);
  const before = await sessions();
  await second.click("#join");
  await second.locator("#status[data-state=idle]").waitFor();
  await first.waitForFunction((n) => Number(document.getElementById("sessions").textContent) < n, before);
});

await check("a subscription ends with its chip", async () => {
  await first.click("#subscription-list button");
  await logged(first, "unsubscribed", "com.example.hello");
  assert.equal(await first.locator("#subscription-list li").count(), 0);
});

await check("the keyboard is enough", async () => {
  const page = await open();
  await page.focus("#url");
  await page.keyboard.press("Enter");
  await page.locator("#status[data-state=joined]").waitFor();
  await page.focus("#subscribe-topic");
  await page.keyboard.press("Enter");
  await logged(page, "subscribed", "com.example.hello");
  await page.focus("#publish-args");
  await page.keyboard.press("Enter");
  await logged(page, "event", '["Hello"]');
  await page.focus("#tab-python");
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.locator("#panel-javascript").isVisible());
  assert.ok(await page.locator("#panel-python").isHidden());
  await page.close();
});

await check("every control has a name", async () => {
  const nameless = await first.evaluate(() =>
    [...document.querySelectorAll("input, button")]
      .filter((control) => !(control.labels?.length || control.textContent.trim() || control.ariaLabel))
      .map((control) => control.outerHTML));
  assert.deepEqual(nameless, []);
});

await check("a copied address is what the page shows", async () => {
  const shown = await first.locator(".endpoint-url").first().innerText();
  await first.locator(".endpoint .copy").first().click();
  await shows(first, ".endpoint .copy", "Copied");
  assert.equal(await first.evaluate(() => navigator.clipboard.readText()), shown);
});

await check("a realm that is not there is told of", async () => {
  const page = await open();
  await page.fill("#realm", "no.such.realm");
  await page.click("#join");
  await logged(page, "error", "wamp.error.no_such_realm");
  await page.locator("#status[data-state=idle]").waitFor();
  await page.close();
});

await check("no complaint of the browser and no request to elsewhere", async () => {
  assert.deepEqual(complaints, []);
  assert.deepEqual(outside, []);
});

await first.fill("#publish-args", '["Hello"]');
await first.check("#publish-self");
await first.click("#subscribe");
await first.click("#publish");
await logged(first, "event", '["Hello"]');
for (const [size, width, height] of [["wide", 1280, 900], ["narrow", 390, 844]]) {
  for (const colorScheme of ["light", "dark"]) {
    await check(`${size} and ${colorScheme}: nothing is cut off`, async () => {
      await first.setViewportSize({ width, height });
      // Without motion, or the picture may catch a button between two colours.
      await first.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await screenshot(first, `${size}-${colorScheme}`);
      const wider = await first.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `the page is ${wider} pixels too wide`);
    });
  }
}

await check("a browser client joins, subscribes, publishes and receives", async () => {
  const script = path.join(modules, "autobahn-browser", "autobahn.min.js");
  // The page's policy lets no other script in.
  const page = await (await visitor({ bypassCSP: true })).newPage();
  await page.goto(url);
  await page.addScriptTag({ path: script });
  const wish = { url: await page.inputValue("#url"), realm: await page.inputValue("#realm") };
  const got = await page.evaluate(({ url, realm }) => new Promise((resolve, reject) => {
    /* global autobahn */
    const connection = new autobahn.Connection({ url, realm, max_retries: 0 });
    const topic = "com.example.browser";
    connection.onopen = async (session) => {
      try {
        const event = new Promise((came) => session.subscribe(topic, (args) => came(args)).then(() =>
          session.publish(topic, ["from the browser", 42], {}, { exclude_me: false, acknowledge: true })));
        const args = await event;
        await session.register("com.example.browser.add", ([a, b]) => a + b);
        const sum = await session.call("com.example.browser.add", [2, 3]);
        connection.close();
        resolve({ args, sum });
      } catch (error) {
        reject(new Error(JSON.stringify(error)));
      }
    };
    connection.onclose = (reason, details) => reject(new Error(`${reason} ${details?.message ?? ""}`));
    connection.open();
  }), wish);
  assert.deepEqual(got, { args: ["from the browser", 42], sum: 5 });
  await page.close();
});

await chrome.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
