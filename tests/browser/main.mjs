// Chromium works with the demo: six journeys in three ways, and a look at every desk and at the
// person's own pages. Started by tests/run:
//   node tests/browser/main.mjs PROGRAM MODULES OUT
// Prints what it has seen; ends with 1 if anything is not as it should be.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { Demo } from "./demo.mjs";
import { DESKS, desk, logIn } from "./desks.mjs";
import { JOURNEYS, Way } from "./journeys.mjs";
import { person } from "./person.mjs";
import { Watch } from "./watch.mjs";

const [program, modules, out] = process.argv.slice(2);
const require = createRequire(resolve(modules, "package.json"));
const { chromium } = require("playwright-core");
/** Fewer states, or fewer pages read by the checker, and something is not looked at any more. */
const STATES_MIN = 140;
const PAGES_MIN = 300;
/** Steps of the story that have been told: cases in many states, a question nobody has answered. */
const STEPS = 5;
const AT_ONCE = 3;
const WAYS = [
  ["mouse, no script", { script: false, keys: false }],
  ["mouse, scripts on", { script: true, keys: false }],
  ["keyboard alone", { script: false, keys: true }],
];

const watch = new Watch(require, out);

/** One at a time, in the order of asking. */
function turns() {
  let last = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}

async function journeys(way) {
  let made = 0;
  for (const [name, journey] of Object.entries(JOURNEYS)) {
    try {
      await journey(way);
      made += 1;
    } catch (error) {
      watch.wrong.push(`${way.name}, ${name}: ${error.message}`);
      await tell(way, name);
      break;
    }
  }
  console.log(`   ${way.name}: ${made} of ${Object.keys(JOURNEYS).length} journeys`);
}

/** What was on the screen, and a picture of it. */
async function tell(way, name) {
  const { page } = way.hand ?? {};
  if (!page) return;
  const picture = join(out, `failed-${name}-${way.name.replace(/\W+/g, "-")}.png`);
  await page.screenshot({ path: picture, fullPage: true }).catch(() => {});
  const text = await way.hand.text().catch(() => "");
  watch.wrong.push(`  at ${page.url()}, picture ${picture}: ${text.slice(0, 700)}`);
}

const began = Date.now();
const demo = await Demo.start(program, STEPS);
let browser;
try {
  const executablePath = process.env.JIELI_CHROMIUM || "/usr/bin/chromium";
  // Date fields ask in the order of the browser's own language, whatever the page's.
  const env = { ...process.env, LANGUAGE: "en_US", LC_ALL: "C.UTF-8" };
  browser = await chromium.launch({ executablePath, env, args: ["--no-sandbox"] });
  const world = { watch, browser, demo };
  await watch.first(browser, "a desk's first page", demo.door("kunming.yn", "转出经办"));
  await watch.first(browser, "the person's first page", demo.door("kunming.yn", "本人"));
  const alone = turns();
  const ways = WAYS.map(([name, how], at) => new Way(name, { ...world, ...how, alone, serial: 700 + 10 * at }));
  const work = [...ways.map((way) => () => journeys(way)), () => person(world), () => logIn(world)];
  work.push(...DESKS.map((one) => () => desk(world, one)));
  const worker = async () => {
    for (let next = work.shift(); next; next = work.shift()) {
      await next().catch((error) => watch.wrong.push(String(error.stack).slice(0, 900)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
} catch (error) {
  watch.wrong.push(String(error));
} finally {
  await Promise.all(watch.waits);
  await browser?.close();
  demo.stop();
}
const looked = Math.round((Date.now() - began) / 1000);
await watch.validate();
const validated = Math.round((Date.now() - began) / 1000) - looked;
console.log(`   ${watch.seen.size} page states without barriers, ${watch.pages} pages of valid HTML`);
console.log(`   ${looked} s in the browser, ${validated} s in the validator, ${watch.wrong.length} findings`);
for (const one of watch.wrong) console.log(`   ${one}`);
const whole = watch.seen.size >= STATES_MIN && watch.pages >= PAGES_MIN;
if (!whole) console.log(`   at least ${STATES_MIN} states and ${PAGES_MIN} pages are to be seen`);
process.exit(watch.wrong.length === 0 && whole ? 0 : 1);
