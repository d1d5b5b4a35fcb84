// How somebody works with a page: by what is written on it, with the mouse or with the keyboard
// alone. Nothing is found by its place in the markup.
const TABS_MAX = 150;

/** What stood there when something was missing: the way on, for whoever reads the failure. */
class Missing extends Error {}

export class Hand {
  /** `keys`: no mouse at all. */
  constructor(page, { keys }) {
    Object.assign(this, { page, keys });
    // Listening from the beginning: a chooser that opens before that is the browser's own.
    page.on("filechooser", () => {});
  }

  async open(url) {
    await this.page.goto(url);
  }

  /** The words of a page as a person reads them. */
  async text() {
    return (await this.page.locator("body").innerText()).replace(/\s+/g, " ");
  }

  async reads(...all) {
    const text = await this.text();
    for (const one of all) {
      const found = one instanceof RegExp ? one.test(text) : text.includes(one);
      if (!found) throw new Missing(`nothing reads “${one}”`);
    }
  }

  async readsNot(...all) {
    const text = await this.text();
    for (const one of all) if (text.includes(one)) throw new Missing(`“${one}” can be read`);
  }

  /** A link or button by its words. */
  async press(name, within = this.page) {
    const named = { name, exact: typeof name === "string" };
    const both = within.getByRole("button", named).or(within.getByRole("link", named));
    await this.there(both.first(), name);
    await this.away(await this.pressing(both.first(), name));
  }

  /** A link or button that hands a file over; its bytes' name on this disk. */
  async save(name) {
    const one = this.page.getByRole("button", { name }).or(this.page.getByRole("link", { name }));
    await this.there(one.first(), name);
    const press = await this.pressing(one.first(), name);
    const saved = this.page.waitForEvent("download", { timeout: 20_000 });
    await press();
    return (await saved).path();
  }

  /** What presses it, once it can be pressed. */
  async pressing(locator, name) {
    if (!this.keys) return () => locator.click();
    await this.focus(locator, name);
    return () => this.page.keyboard.press("Enter");
  }

  async fill(label, value) {
    const field = await this.labelled(label);
    if (!this.keys) return field.fill(value);
    await this.focus(field, label);
    if ((await field.getAttribute("type")) === "date") {
      await this.date(value);
    } else {
      await this.page.keyboard.press("Control+A");
      await this.page.keyboard.insertText(value);
    }
  }

  /** Month, day and year, as the browser of the tests asks for them; nothing clears each. */
  async date(value) {
    const [year, month, day] = value.split("-");
    for (const part of [month, day, year]) {
      await this.page.keyboard.press("Backspace");
      if (part) await this.page.keyboard.type(part);
      else await this.page.keyboard.press("ArrowRight");
    }
  }

  /** A box or a circle, in the group of that legend where one is given. */
  async tick(label, legend) {
    const within = legend === undefined ? this.page : this.page.getByRole("group", { name: legend });
    const boxes = within.getByRole("checkbox", { name: label, exact: true });
    const one = boxes.or(within.getByRole("radio", { name: label, exact: true })).first();
    await this.there(one, label);
    if (!this.keys) return one.check();
    if ((await one.getAttribute("type")) === "checkbox") {
      await this.focus(one, label);
      return this.page.keyboard.press("Space");
    }
    // Tab enters a group of circles at one of them; arrows go on from there.
    const name = await one.getAttribute("name");
    const group = this.page.locator(`input[type=radio][name="${name}"]`);
    await this.focus(group, label);
    for (let presses = await group.count(); presses > 0; presses--) {
      if (await one.evaluate((element) => element === document.activeElement)) break;
      await this.page.keyboard.press("ArrowDown");
    }
    await this.page.keyboard.press("Space");
    if (!(await one.isChecked())) throw new Missing(`the keyboard does not choose “${label}”`);
  }

  async choose(label, option) {
    const list = await this.labelled(label);
    if (!this.keys) return list.selectOption({ label: option });
    await this.focus(list, label);
    for (let presses = await list.locator("option").count(); presses > 0; presses--) {
      const now = await list.evaluate((element) => element.selectedOptions[0]?.label);
      if (now === option) return undefined;
      await this.page.keyboard.press("ArrowDown");
    }
    throw new Missing(`the keyboard does not choose “${option}”`);
  }

  async give(label, file) {
    const field = await this.labelled(label);
    if (!this.keys) return field.setInputFiles(file);
    await this.focus(field, label);
    const asked = this.page.waitForEvent("filechooser");
    await this.page.keyboard.press("Enter");
    return (await asked).setFiles(file);
  }

  async labelled(label) {
    const field = this.page.getByLabel(label, { exact: typeof label === "string" }).first();
    await this.there(field, label);
    return field;
  }

  async there(locator, name) {
    try {
      await locator.waitFor({ state: "visible", timeout: 5_000 });
    } catch {
      throw new Missing(`there is no “${name}”`);
    }
  }

  /** Enter leads to another page, or to the same one anew. */
  async away(press) {
    const gone = this.page.waitForEvent("domcontentloaded", { timeout: 20_000 });
    await press();
    await gone;
  }

  /** Forwards until it has the focus, which must be seen. */
  async focus(locators, name) {
    for (let presses = 0; presses <= TABS_MAX; presses++) {
      const has = await locators.evaluateAll((all) => all.some((one) => one === document.activeElement));
      if (has) return this.seen(name);
      await this.page.keyboard.press("Tab");
    }
    throw new Missing(`the keyboard does not reach “${name}”`);
  }

  async seen(name) {
    const shown = await this.page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      const box = document.activeElement.getBoundingClientRect();
      const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      return ring && box.bottom > 0 && box.top < innerHeight && box.width > 0;
    });
    if (!shown) throw new Missing(`nobody sees that “${name}” has the focus`);
  }
}
