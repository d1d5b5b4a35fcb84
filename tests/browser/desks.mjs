// The desks, page by page: as they are, in English, empty, refused, in the dark and on paper.
import { person } from "./demo.mjs";

/** Pages of a desk, and what on them only this role has. */
export const DESKS = [
  ["kunming.yn", "转出经办", "sending", ["", "sheet", "queue", "find", "figures", "stand-ins", "partners", "account", "account/password"]],
  ["ruian.zj", "住建局 · 接收经办", "housing", ["", "queue", "queue?due=overdue"]],
  ["chengdu.sc", "教育局 · 接收经办", "empty", ["", "queue", "places"]],
  ["ruian.zj", "人社局 · 接收经办", "receiving", ["", "queue", "find", "places", "places/set", "vacancies", "vacancies/new", "vacancies/rule"], post],
  ["kunming.yn", "审批", "approver", ["", "partners", "partners?state=suspended", "agreements/new", "agreements/draft?city=ruian.zj"], agreement],
  ["kunming.yn", "站点录入", "station", ["", "sheet"]],
  ["kunming.yn", "总工会 · 窗口人员", "window", ["", "window"], sitting],
  ["kunming.yn", "负责人", "director", ["", "figures", "partners"]],
  ["kunming.yn", "协助人", "helper", ["", "given"]],
  ["ruian.zj", "用人单位", "employer", ["", "posts", "posts/new"], nobody],
  ["kunming.yn", "驻外联络", "liaison", ["", "delays"]],
  ["ruian.zj", "合规审阅", "compliance", ["", "review", "verify", "partners", "review/flags", "packs"], report],
  ["kunming.yn", "安全管理员", "security", ["", "accounts", "accounts/new", "accounts/events"]],
  ["kunming.yn", "系统管理员", "system", ["", "system", "system/hold", "packs"]],
];

/** A desk in Chinese at every width, then in English on a narrow screen. */
export async function desk({ watch, browser, demo }, [city, words, role, paths, more]) {
  const context = await watch.context(browser, { bypassCSP: true });
  const page = await context.newPage();
  await page.goto(demo.door(city, words));
  const root = new URL("/", page.url()).href;
  const named = (path) => `${role}-${path.replace(/[/?=.]/g, "-") || "home"}`;
  for (const path of paths) {
    await page.goto(root + path);
    await watch.look(page, named(path));
  }
  if (more) await more(watch, page, root, { browser, demo });
  await page.goto(`${root}cases/2026-999999`);
  await watch.look(page, `${role}-refused`, [320]);
  await page.goto(root);
  await page.getByRole("button", { name: "English" }).click();
  for (const path of paths) {
    await page.goto(root + path);
    await watch.look(page, `${named(path)}-en`, [320]);
  }
  await context.close();
}

/** Without an account: the log-in, and its refusal. */
export async function logIn({ watch, browser, demo }) {
  const context = await watch.context(browser, { bypassCSP: true });
  const page = await context.newPage();
  await page.goto(demo.door("kunming.yn", "转出经办"));
  await page.getByRole("button", { name: "退出" }).click();
  await page.goto(new URL("/login", page.url()).href);
  await watch.look(page, "login");
  await page.getByLabel("工号").fill("nobody");
  await page.getByLabel("密码", { exact: true }).fill("一句不对的话");
  await page.getByRole("button", { name: "登录" }).click();
  await watch.look(page, "login-refused");
  await context.close();
}

/** A number that was not released to this employer, and one that has no digits. */
async function nobody(watch, page, root) {
  await page.goto(`${root}posts`);
  await page.getByLabel("办件编号").fill("2026-999999");
  await page.getByRole("button", { name: "核对" }).click();
  await watch.look(page, "employer-nobody");
}

/** Who stands at the window: what is missing, every errand, the screen that is turned round. */
async function sitting(watch, page, root, { browser, demo }) {
  const who = person(790, "示例·窗口");
  const context = await watch.context(browser, {});
  const clerk = await context.newPage();
  await clerk.goto(demo.door("kunming.yn", "转出经办"));
  await clerk.goto(new URL("/sheet", clerk.url()).href);
  const rows = `姓名,证件号码,意向城市,需要住房,住房类型,同住人数,手机号码\r\n${who.name},${who.number},瑞安,是,公租房,2,${who.phone}`;
  await clerk.setInputFiles("input[type=file]", { name: "名单.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
  await clerk.getByRole("button", { name: "读取并预览" }).click();
  await clerk.getByRole("button", { name: "导入为草稿" }).click();
  const [number] = (await clerk.innerText("main")).match(/\d{4}-\d{6}/);
  await context.close();
  await page.goto(`${root}window`);
  await page.click("main form button");
  await page.waitForSelector(".summary");
  await watch.look(page, "window-missing");
  for (const errand of ["proxy", "guardian", "stop", "pin", "helper", "reopen", "correct", "erase", "ask"]) {
    await page.goto(`${root}window`);
    await page.fill("#case", number);
    await page.fill("#number", who.number);
    await page.check(`input[name=errand][value=${errand}]`);
    await page.click("main form button");
    await page.waitForSelector("main form");
    await watch.look(page, `window-${errand}`);
  }
  await page.click("main form button");
  await page.waitForSelector(".panel");
  await watch.look(page, "window-received");
}

/** An agreement: read whole, its steps, a draft that the node refuses. */
async function agreement(watch, page, root) {
  await page.goto(`${root}partners`);
  await page.click('td a[href^="/agreements/"]');
  await page.waitForURL(/agreements\/[0-9a-f]+$/);
  await watch.look(page, "approver-agreement");
  const here = page.url();
  for (const act of ["suspend", "terminate", "countersign"]) {
    await page.goto(`${here}/act/${act}`);
    await watch.look(page, `approver-${act}`);
  }
  await page.goto(`${root}agreements/draft?city=ruian.zj`);
  await page.click("main form button");
  await page.waitForSelector(".summary");
  await watch.look(page, "approver-draft-refused");
  await page.goto(`${here}/act/suspend`);
  await page.click('button[name="send"]');
  await page.waitForSelector(".panel");
  await watch.look(page, "approver-entered");
  await page.goto(here);
  await watch.look(page, "approver-waiting");
  await page.emulateMedia({ colorScheme: "dark" });
  await watch.look(page, "approver-waiting-dark");
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await watch.look(page, "approver-agreement-print", [768]);
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
}

/** A post: what is missing, and the whole of it to be checked. */
async function post(watch, page, root) {
  await page.goto(`${root}vacancies/new`);
  await page.click("main form button");
  await watch.look(page, "receiving-post-missing");
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
  await watch.look(page, "receiving-post-check");
}

/** The figures of a period, a sample, one case's records. */
async function report(watch, page, root) {
  await page.goto(`${root}review`);
  await page.fill("#from", "2026-11-01");
  await page.click("main form button");
  await page.waitForURL(/review\/report/);
  await watch.look(page, "compliance-report");
  await page.emulateMedia({ media: "print" });
  await watch.look(page, "compliance-report-print", [768]);
  await page.emulateMedia({ media: "screen" });
  await page.getByRole("link", { name: "抽样审阅" }).click();
  await page.getByRole("button", { name: "抽取" }).click();
  await watch.look(page, "compliance-sample-missing");
  await page.getByLabel("种子").fill("2026-11");
  await page.getByRole("button", { name: "抽取" }).click();
  await watch.look(page, "compliance-sample");
  await page.locator("main td a").first().click();
  await watch.look(page, "compliance-case");
}
