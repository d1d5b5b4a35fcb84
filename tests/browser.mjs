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
  receiving: ["", "queue", "find", "places", "places/set", "vacancies", "vacancies/new", "vacancies/rule"],
  approver: ["", "partners", "partners?state=suspended", "agreements/new", "agreements/draft?city=ruian.zj"],
  station: ["", "sheet"],
  compliance: ["", "review", "verify", "partners", "review/flags", "packs"],
  security: ["", "accounts", "accounts/new", "accounts/events"],
  system: ["", "system", "system/hold", "packs"],
};

/** An agreement: read whole, its steps, a draft that the node refuses, by the keyboard. */
async function agreement(page, root) {
  await page.goto(`${root}partners`);
  await page.click('td a[href^="/agreements/"]');
  await page.waitForURL(/agreements\/[0-9a-f]+$/);
  await look(page, "approver-agreement");
  const here = page.url();
  for (const act of ["suspend", "terminate", "countersign"]) {
    await page.goto(`${here}/act/${act}`);
    await look(page, `approver-${act}`);
  }
  await page.goto(`${root}agreements/draft?city=ruian.zj`);
  await tab(page, "#text");
  await tab(page, "main form button");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".summary");
  await look(page, "approver-draft-refused");
  await page.goto(`${here}/act/suspend`);
  await tab(page, 'button[name="send"]');
  await page.keyboard.press("Enter");
  await page.waitForSelector(".panel");
  await look(page, "approver-entered");
  await page.goto(here);
  await look(page, "approver-waiting");
  await page.emulateMedia({ colorScheme: "dark" });
  await look(page, "approver-waiting-dark");
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await look(page, "approver-agreement-print", [768]);
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
}

/** A post: what is missing, and the whole of it to be checked. */
async function post(page, root) {
  await page.goto(`${root}vacancies/new`);
  await page.click("main form button");
  await look(page, "receiving-post-missing");
  await page.goto(`${root}vacancies/new`);
  const terms = {
    reference: "V-2026-0998", posts: "12", valid_until: "2027-03-31", employer_code: "91999999MA00002012",
    employer_name: "瑞安示例鞋业有限公司", occupation: "60401", workplace_division: "330381",
    pay_fen_month_min: "4800", pay_fen_month_max: "6500", payday: "15", hours_week: "44", rest_days_month: "5",
    term_months: "24", probation_months: "2", notice_days: "30",
  };
  for (const [name, value] of Object.entries(terms)) await page.fill(`#${name}`, value);
  for (const [name, value] of [["lodging", "0"], ["travel_there", "employer"], ["travel_home", "employer"]]) {
    await page.check(`input[name=${name}][value="${value}"]`);
  }
  await page.click("main form button");
  await page.waitForSelector(".answers");
  await look(page, "receiving-post-check");
}

/** A desk: its pages, and for compliance the figures of a period. */
async function desk(browser, link, role, start) {
  const page = await (await browser.newContext({ bypassCSP: true, locale: "zh-CN" })).newPage();
  await page.goto(new URL(link, start).href);
  const root = new URL("/", page.url()).href;
  for (const path of PAGES[role]) {
    await page.goto(root + path);
    await look(page, `${role}-${path.replace(/[/?=.]/g, "-") || "home"}`);
  }
  if (role === "approver") await agreement(page, root);
  if (role === "receiving") await post(page, root);
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
  await desk(browser, of("kunming.yn", "系统管理员"), "system", url);
} catch (error) {
  wrong.push(String(error));
} finally {
  await browser?.close();
  child.kill("SIGTERM");
}
console.log(`   ${seen.length} page states at up to ${WIDTHS.join(", ")} px, ${wrong.length} findings`);
for (const one of wrong) console.log(`   ${one}`);
process.exit(wrong.length === 0 && seen.length >= 80 ? 0 : 1);
