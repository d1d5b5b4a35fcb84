// Chromium looks at the demo: every desk and the person's own pages, as rendered. Pages run without
// scripts but for one context, in which axe-core is put beside them. Started by tests/run:
//   node tests/browser.mjs PROGRAM MODULES OUT
// Prints what it has seen; ends with 1 at the first thing that is not as it should be.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [program, modules, out] = process.argv.slice(2);
const require = createRequire(resolve(modules, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [320, 768, 1440];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
mkdirSync(out, { recursive: true });

const wrong = [];
const seen = [];

/** The demo, once it says where it is. */
function start() {
  const child = spawn(program, ["demo", "--port", "0", "--json"], { stdio: ["ignore", "pipe", "ignore"] });
  const said = new Promise((done, fail) => {
    child.stdout.once("data", (bytes) => done(JSON.parse(String(bytes))));
    child.once("exit", (code) => fail(new Error(`the demo ended with ${code}`)));
  });
  return { child, said };
}

/** A state of a page: no finding of axe, nothing beyond the edge at any width. */
async function look(page, name, widths = WIDTHS) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (over > 0) wrong.push(`${name}: ${over} px beyond the edge at ${width}`);
    await page.screenshot({ path: join(out, `${name}-${width}.png`), fullPage: true });
  }
  await page.evaluate(axe);
  const found = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), TAGS);
  for (const one of found.violations) wrong.push(`${name}: ${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
  seen.push(name);
}

/** By the keyboard alone: to the field or button that `is` names, forwards. */
async function tab(page, is) {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((css) => document.activeElement?.matches(css) ?? false, is)) return;
  }
  throw new Error(`the keyboard does not reach ${is} on ${page.url()}`);
}

/** A question of the story that nobody has answered: its case number and code. */
function asked(dir) {
  const lines = readFileSync(join(dir, "kunming", "notices.jsonl"), "utf8").trim().split("\n");
  const texts = lines.map((line) => JSON.parse(line).text).filter((text) => text.includes("逐项"));
  const text = texts.at(-1);
  return { number: text.match(/办件 (\d{4}-\d+)/)[1], code: text.match(/确认码 (\d{8})/)[1] };
}

/** The person's own pages: in by the keyboard, an answer, every page in three languages. */
async function person(browser, root, dir) {
  const { number, code } = asked(dir);
  const plain = await browser.newContext({ javaScriptEnabled: false, locale: "zh-CN" });
  const keys = await plain.newPage();
  await keys.goto(root);
  // Without a script what has the focus is known by where typing goes.
  for (let presses = 0; presses < 6; presses++) await keys.keyboard.press("Tab");
  await keys.keyboard.type(number);
  await keys.keyboard.press("Tab");
  await keys.keyboard.type(code);
  await keys.keyboard.press("Enter");
  await keys.waitForURL(`${root}mine`);
  await plain.close();
  const page = await (await browser.newContext({ bypassCSP: true, locale: "zh-CN" })).newPage();
  await page.goto(root);
  await look(page, "person-start");
  await page.click('form[action="/in"] button');
  await look(page, "person-missing");
  await tab(page, "#notice_case");
  await page.keyboard.type(number);
  await tab(page, "#notice_code");
  await page.keyboard.type(code);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${root}mine`);
  for (const language of ["zh", "en", "ar"]) {
    await page.goto(`${root}mine`);
    await page.click(`button[name=to][value=${language}]`);
    for (const path of ["mine", "looked", "help", "stop", "pin", "again", "erase", "stop-now", "kept", "call-back"]) {
      await page.goto(root + path);
      // A phone's width is what these are made for; the others are looked at once.
      await look(page, `person-${path}-${language}`, language === "zh" ? WIDTHS : [320]);
    }
  }
  await page.goto(`${root}mine`);
  await tab(page, 'form[action="/asked"] button');
  await page.keyboard.press("Enter");
  await page.waitForURL(`${root}asked`);
  await look(page, "person-asked-ar");
}

const PAGES = {
  sending: ["", "sheet", "queue", "find", "partners", "account"],
  receiving: ["", "queue", "find", "places", "places/set"],
  approver: ["", "partners"],
  station: ["", "sheet"],
  compliance: ["", "review", "verify", "partners"],
  security: ["", "accounts", "accounts/new", "accounts/events"],
};

/** A desk: its pages, and for compliance the figures of a period. */
async function desk(browser, link, role, start) {
  const page = await (await browser.newContext({ bypassCSP: true, locale: "zh-CN" })).newPage();
  await page.goto(new URL(link, start).href);
  const root = new URL("/", page.url()).href;
  for (const path of PAGES[role]) {
    await page.goto(root + path);
    await look(page, `${role}-${path.replace("/", "-") || "home"}`);
  }
  if (role === "compliance") {
    await page.goto(`${root}review`);
    await page.fill("#from", "2026-11-01");
    await page.click("main form button");
    await page.waitForURL(/review\/report/);
    await look(page, "compliance-report");
  }
}

const { child, said } = start();
let browser;
try {
  const { url, dir } = await said;
  browser = await chromium.launch({ executablePath: process.env.JIELI_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await browser.newPage();
  await page.goto(url);
  const token = await page.getAttribute('input[name="token"]', "value");
  for (let step = 0; step < 5; step++) {
    await page.request.post(`${url}do/continue`, { form: { token }, headers: { origin: new URL(url).origin }, timeout: 60_000 });
  }
  const links = await page.$$eval(".enter a", (all) => all.map((one) => [one.getAttribute("href"), one.textContent]));
  const of = (city, word) => links.find(([href, text]) => href.startsWith(`/enter/${city}`) && text.includes(word))?.[0];
  const own = await page.request.get(new URL(of("kunming.yn", "本人"), url).href);
  await person(browser, own.url(), dir);
  await desk(browser, of("kunming.yn", "转出经办"), "sending", url);
  await desk(browser, of("ruian.zj", "接收经办"), "receiving", url);
  await desk(browser, of("kunming.yn", "审批"), "approver", url);
  await desk(browser, of("kunming.yn", "站点录入"), "station", url);
  await desk(browser, of("ruian.zj", "合规审阅"), "compliance", url);
  await desk(browser, of("kunming.yn", "安全管理员"), "security", url);
} catch (error) {
  wrong.push(String(error));
} finally {
  await browser?.close();
  child.kill("SIGTERM");
}
console.log(`   ${seen.length} page states at up to ${WIDTHS.join(", ")} px, ${wrong.length} findings`);
for (const one of wrong) console.log(`   ${one}`);
process.exit(wrong.length === 0 && seen.length >= 50 ? 0 : 1);
