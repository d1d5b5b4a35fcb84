// The demo of the program: three real cities, their desks, their telephones, their clock.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export class Demo {
  /** Starts it; `steps` of its story have been told when it returns. */
  static async start(program, steps) {
    const child = spawn(program, ["demo", "--port", "0", "--json"], { stdio: ["ignore", "pipe", "ignore"] });
    const demo = new Demo(child);
    const said = new Promise((done, fail) => {
      child.stdout.once("data", (bytes) => done(JSON.parse(String(bytes))));
      child.once("exit", (code) => fail(new Error(`the demo ended with ${code}`)));
    });
    try {
      Object.assign(demo, await said);
      await demo.read();
      for (let step = 0; step < steps; step++) await demo.press("continue");
    } catch (error) {
      demo.stop();
      throw error;
    }
    return demo;
  }

  constructor(child) {
    this.child = child;
  }

  stop() {
    this.child.kill("SIGTERM");
  }

  async read() {
    const page = await (await fetch(this.url)).text();
    this.token = page.match(/name=token value="([0-9a-f]+)"/)[1];
    const links = page.matchAll(/<a href="(\/enter\/[^"]+)"><span class=zh>([^<]*)/g);
    this.doors = [...links].map(([, href, words]) => ({ href, words }));
  }

  /** A button of the start page. */
  async press(what) {
    const origin = new URL(this.url).origin;
    const body = new URLSearchParams({ token: this.token });
    const reply = await fetch(`${this.url}do/${what}`, {
      method: "POST",
      body,
      headers: { origin },
      signal: AbortSignal.timeout(60_000),
    });
    await reply.text();
    if (!reply.ok) throw new Error(`the start page answers ${reply.status} to ${what}`);
  }

  /** Where the desk of these words is entered. */
  door(city, words) {
    const found = this.doors.find((one) => one.href.startsWith(`/enter/${city}/`) && one.words.includes(words));
    if (!found) throw new Error(`no door “${words}” in ${city}`);
    return new URL(found.href, this.url).href;
  }

  now() {
    return Number(readFileSync(join(this.dir, "clock"), "utf8").split(" ")[0]);
  }

  /** Day by the cities' clock, `ahead` days on. */
  day(ahead) {
    return new Date(this.now() + (8 * 60 + ahead * 24 * 60) * 60_000).toISOString().slice(0, 10);
  }

  /** What a telephone has received, newest last. */
  texts(city, phone) {
    const lines = readFileSync(join(this.dir, city, "notices.jsonl"), "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line)).filter((one) => one.to === phone);
  }

  /** Waits for a text on a telephone; hours pass if it does not come at once, as they may. */
  async text(city, phone, words) {
    for (let tries = 0; tries < 60; tries++) {
      const found = this.texts(city, phone).filter((one) => one.text.includes(words)).at(-1);
      if (found) return found;
      await new Promise((done) => setTimeout(done, 250));
      if (tries % 12 === 11) await this.press("hour");
    }
    throw new Error(`no text “${words}” on ${phone}`);
  }
}

/** A person who does not exist: number and telephone are well-formed. */
export function person(serial, name) {
  const body = `99999919900101${String(serial).padStart(3, "0")}`;
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((all, weight, at) => all + weight * Number(body[at]), 0);
  return { name, number: body + "10X98765432"[sum % 11], phone: `1990002${String(serial).padStart(4, "0")}` };
}
