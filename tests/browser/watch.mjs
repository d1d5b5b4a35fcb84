// What every page of the run is held to: nothing from elsewhere, valid HTML, no barrier, nothing
// beyond the edge, and a first page that a slow line can carry.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const FIRST_PAGE_BYTES_MAX = 60 * 1024;
const FIRST_PAGE_REQUESTS_MAX = 3;
const SCRIPT_BYTES_MAX = 15 * 1024;
export const WIDTHS = [320, 768, 1440];

export class Watch {
  constructor(require, out) {
    Object.assign(this, { out, wrong: [], seen: new Set(), pages: 0, waits: [] });
    this.axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    this.validator = join(dirname(require.resolve("vnu-jar/package.json")), "build/dist/vnu.jar");
    rmSync(out, { recursive: true, force: true });
    mkdirSync(join(out, "html"), { recursive: true });
  }

  /** A browser of somebody's own, of which every page is kept as it was served. */
  async context(browser, options) {
    const context = await browser.newContext({ locale: "zh-CN", ...options });
    context.setDefaultTimeout(15_000);
    context.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol !== "data:" && hostname !== "127.0.0.1") this.wrong.push(`asks elsewhere: ${request.url()}`);
    });
    context.on("response", (response) => this.waits.push(this.keep(response)));
    return context;
  }

  async keep(response) {
    const isPage = (response.headers()["content-type"] ?? "").startsWith("text/html");
    if (!isPage || response.status() >= 300 && response.status() < 400) return;
    // A page that was left before it came is not one that somebody read.
    const html = await response.body().catch(() => undefined);
    if (html === undefined) return;
    const name = new URL(response.url()).pathname.replace(/[^\w-]+/g, "_");
    this.pages += 1;
    writeFileSync(join(this.out, "html", `${this.pages}${name}.html`), html);
  }

  /** A state of a page: no finding of axe, nothing beyond the edge at any width. */
  async look(page, name, widths = WIDTHS) {
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (over > 0) this.wrong.push(`${name}: ${over} px beyond the edge at ${width}`);
      await page.screenshot({ path: join(this.out, `${name}-${width}.png`), fullPage: true });
    }
    await page.evaluate(this.axe);
    const found = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), TAGS);
    for (const one of found.violations) {
      this.wrong.push(`${name} (${page.url()}): ${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
    }
    if (this.seen.has(name)) this.wrong.push(`${name}: looked at twice under one name`);
    this.seen.add(name);
  }

  /** A first visit: all that comes, in bytes and requests. */
  async first(browser, name, url) {
    const context = await this.context(browser, {});
    const page = await context.newPage();
    const came = [];
    page.on("response", (response) => came.push(response));
    await page.goto(url, { waitUntil: "load" });
    let [bytes, scripts, requests] = [0, 0, 0];
    for (const response of came) {
      const redirected = response.status() >= 300 && response.status() < 400;
      if (redirected || response.request().resourceType() === "eventsource") continue;
      const { length } = await response.body();
      requests += 1;
      bytes += length;
      if (response.request().resourceType() === "script") scripts += length;
    }
    console.log(`   ${name}: ${bytes} bytes in ${requests} requests, ${scripts} of script`);
    if (requests > FIRST_PAGE_REQUESTS_MAX) this.wrong.push(`${name}: ${requests} requests`);
    if (bytes > FIRST_PAGE_BYTES_MAX) this.wrong.push(`${name}: ${bytes} bytes`);
    if (scripts >= SCRIPT_BYTES_MAX) this.wrong.push(`${name}: ${scripts} bytes of script`);
    await context.close();
  }

  /** Every page that was served, read by the validator of the W3C's markup checker. */
  async validate() {
    await Promise.all(this.waits);
    const args = ["-jar", this.validator, "--errors-only", "--format", "json", "--exit-zero-always", join(this.out, "html")];
    const { stderr, error } = spawnSync("java", args, { encoding: "utf8", maxBuffer: 1 << 28, timeout: 120_000 });
    if (error || !stderr.startsWith("{")) {
      this.wrong.push(`the HTML validator did not run: ${error ?? stderr.slice(0, 300)}`);
      return;
    }
    const told = new Set();
    for (const one of JSON.parse(stderr).messages) {
      const at = `${one.url.split("/").at(-1)}:${one.lastLine}`;
      if (told.has(one.message)) continue;
      told.add(one.message);
      this.wrong.push(`HTML ${at}: ${one.message} (${(one.extract ?? "").trim().slice(0, 120)})`);
    }
  }
}
