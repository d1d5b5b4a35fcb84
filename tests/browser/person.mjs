// The person's own pages in three languages: as they are, refused, and with what was asked.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { WIDTHS } from "./watch.mjs";

const PATHS = ["mine", "looked", "help", "helper", "proxy", "stop", "pin", "again", "erase", "stop-now", "kept", "call-back"];

/** A question of the story that nobody has answered: its case number and code. */
function asked(dir) {
  const lines = readFileSync(join(dir, "kunming", "notices.jsonl"), "utf8").trim().split("\n");
  const texts = lines.map((line) => JSON.parse(line).text).filter((text) => text.includes("逐项"));
  const text = texts.at(-1);
  return { number: text.match(/办件 (\d{4}-\d+)/)[1], code: text.match(/确认码 (\d{8})/)[1] };
}

export async function person({ watch, browser, demo }) {
  const { number, code } = asked(demo.dir);
  const context = await watch.context(browser, { bypassCSP: true });
  const page = await context.newPage();
  await page.goto(demo.door("kunming.yn", "本人"));
  const root = new URL("/", page.url()).href;
  await watch.look(page, "person-start");
  await page.click('form[action="/in"] button');
  await watch.look(page, "person-missing");
  await page.fill("#notice_case", number);
  await page.fill("#notice_code", code === "12345678" ? "12345679" : "12345678");
  await page.click('form[action="/in"] button');
  await watch.look(page, "person-refused");
  await page.goto(root);
  await page.fill("#notice_case", number);
  await page.fill("#notice_code", code);
  await page.click('form[action="/in"] button');
  await page.waitForURL(`${root}mine`);
  for (const language of ["zh", "en", "ar"]) {
    await page.goto(`${root}mine`);
    await page.click(`button[name=to][value=${language}]`);
    for (const path of PATHS) {
      await page.goto(root + path);
      // A phone's width is what these are made for; the others are looked at once.
      await watch.look(page, `person-${path}-${language}`, language === "zh" ? WIDTHS : [320]);
    }
    await page.goto(`${root}mine`);
    await page.click('form[action="/asked"] button');
    await watch.look(page, `person-asked-${language}`, [320]);
  }
  await page.goto(`${root}mine`);
  await page.emulateMedia({ colorScheme: "dark" });
  await watch.look(page, "person-mine-dark", [320]);
  await context.close();
}
