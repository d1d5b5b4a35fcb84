// The six journeys, as somebody who cannot see the program's insides makes them.
import { readFile } from "node:fs/promises";
import { person } from "./demo.mjs";
import { Hand } from "./hand.mjs";

const HEAD = "姓名,证件号码,意向城市,需要住房,住房类型,同住人数,手机号码";
const DESK = { sending: ["kunming.yn", "转出经办"], receiving: ["ruian.zj", "住建局 · 接收经办"] };

/** A way to work with the pages, and the people it works for. */
export class Way {
  constructor(name, { watch, browser, demo, script, keys, serial, alone }) {
    Object.assign(this, { name, watch, browser, demo, script, keys, alone });
    this.worker = person(serial, "买买提·试验乙");
    this.other = person(serial + 1, "𠮷田·示例");
  }

  /** A browser of its own, at the desk's door. */
  async at(city, words) {
    const context = await this.watch.context(this.browser, { javaScriptEnabled: this.script });
    this.hand = new Hand(await context.newPage(), { keys: this.keys });
    await this.hand.open(this.demo.door(city, words));
    return this.hand;
  }

  async section(name) {
    await this.hand.press(name, this.hand.page.getByRole("navigation"));
  }

  /** The worker's own page, with the newest code that was sent about something. */
  async own(who, words) {
    const text = await this.demo.text("kunming", who.phone, words);
    const [, number] = text.text.match(/办件 (\d{4}-\d+)/);
    const [, code] = text.text.match(/确认码 (\d{8})/);
    const hand = await this.at("kunming.yn", "本人");
    await hand.fill("办件编号", number);
    await hand.fill("确认码", code);
    await hand.press("打开");
    await hand.reads(`办件 ${number}`);
    return hand;
  }

  async says(hand, word) {
    await hand.press("看问题并回答");
    await hand.tick(word);
    await hand.press("下一步");
    await hand.reads(word);
    await hand.press("提交");
    await hand.press("返回");
  }
}

/** A list becomes drafts; the persons are asked; nothing has gone anywhere. */
async function send(way) {
  const hand = await way.at(...DESK.sending);
  await way.section("导入名单");
  const row = (who) => `${who.name},${who.number},瑞安,是,公租房,2,${who.phone}`;
  const rows = [HEAD, row(way.worker), row(way.other), "无名,,瑞安,是,公租房,2,"].join("\r\n");
  await hand.press("读取并预览");
  await hand.reads("请选择一个文件");
  await hand.give("名单文件", { name: "名单.csv", mimeType: "text/csv", buffer: Buffer.from(rows) });
  await hand.press("读取并预览");
  await hand.reads("可以导入 2", "需更正 1", "还没有发送任何内容", "B4 证件号码");
  await hand.press("导入为草稿");
  await hand.reads("新建草稿 2", "询问本人之前，什么也不会发给对方城市");
  const results = hand.page.url();
  const cases = (await hand.text()).match(/\d{4}-\d{6}/g);
  for (const number of cases) {
    await hand.open(results);
    await hand.press(number);
    await hand.reads("草稿，未发出");
    await hand.readsNot(way.worker.name, way.worker.number);
    await hand.press("询问本人");
    await hand.reads("已通知本人 1 位");
  }
  [way.number] = cases;
}

/** The person says yes; the other city takes it up and accepts, and only then reads the name. */
async function takeUp(way) {
  const worker = await way.own(way.worker, "是否同意把申请");
  const hand = await way.at(...DESK.receiving);
  await way.section("待办");
  // The two cities number their cases each by itself: the new one is the one that was not there.
  const there = await way.alone(async () => {
    await hand.page.reload();
    const before = await hand.text();
    await way.says(worker, "同意");
    for (let tries = 0; tries < 60; tries++) {
      const lines = [...(await hand.text()).matchAll(/(\d{4}-\d{6}) \/ 1 住房 待受理/g)];
      const fresh = lines.find(([line]) => !before.includes(line));
      if (fresh) return fresh[1];
      await new Promise((done) => setTimeout(done, 250));
      await hand.page.reload();
    }
    return undefined;
  });
  await hand.press(`${there} / 1`);
  await hand.choose("查看个人信息的用途", "办理业务");
  await hand.press("查看");
  await hand.readsNot(way.worker.name, way.worker.number, way.worker.phone);
  await hand.press("受理");
  await hand.reads("请核对后提交");
  await hand.press("确认提交");
  await hand.reads("已登记", `${there} / 1`);
  await until(hand, `办件 ${there}`, "已受理");
  await hand.press("同意接收");
  await hand.tick("身份证件");
  await hand.fill("名额保留到", "");
  await hand.press("继续");
  await hand.reads("请先更正以下内容", "请填写“名额保留到”");
  await hand.fill("名额保留到", way.demo.day(20));
  await hand.press("继续");
  await hand.reads("请核对后提交", "身份证件");
  await hand.press("确认提交");
  await until(hand, `办件 ${there}`, "已移交");
  await hand.choose("查看个人信息的用途", "办理业务");
  await hand.press("查看");
  await hand.reads(way.worker.name, way.worker.number, "这次查看已记录，本人可以看到");
  way.there = there;
}

/** What came of it is reported, the person confirms it, the sending desk reads that it is done. */
async function outcome(way) {
  let hand = await way.at(...DESK.receiving);
  await way.section("待办");
  await hand.press(`${way.there} / 1`);
  await hand.press("反馈结果");
  await hand.tick("办成了", "结果");
  await hand.press("继续");
  await hand.reads("请先更正以下内容", "请填写“住房类型”");
  await hand.readsNot("--field");
  await hand.choose(/^住房类型/, "公租房");
  await hand.fill(/^开始日期/, way.demo.day(0));
  await hand.fill(/^月数/, "12");
  await hand.press("继续");
  await hand.reads("办成了", "公租房");
  await hand.readsNot("请选择");
  await hand.press("确认提交");
  await hand.reads("已登记");
  hand = await way.own(way.worker, "对方城市说已办成");
  await hand.reads("机构说已办成，等您确认是否属实");
  await way.says(hand, "同意");
  hand = await way.at(...DESK.sending);
  await hand.open(new URL(`/cases/${way.number}`, hand.page.url()).href);
  await until(hand, undefined, "办结");
  await hand.choose("查看个人信息的用途", "核对信息");
  await hand.press("查看");
  await hand.reads(way.worker.name);
}

/** Stop, without a reason; whom to turn to; an answer that nobody but the asker can look up. */
async function withdraw(way) {
  let hand = await way.own(way.other, "是否同意把申请");
  await hand.press("求助和投诉");
  await hand.reads("投诉不影响办件", "瑞安市总工会", "0577-60000174");
  await hand.press("返回");
  await hand.press("停止");
  await hand.reads("随时可以停止，不问理由");
  await hand.press("停止");
  await hand.reads("请先更正");
  await hand.tick(/住房/);
  await hand.press("停止");
  await hand.reads("已收到");
  await hand.press("返回");
  await hand.reads("停止");
  await hand.press("离开并清除");
  await hand.press("查询投诉的答复");
  await hand.reads("查询投诉的答复");
  // The desk is not told that it was a no: a draft that nobody answers.
  hand = await way.at(...DESK.sending);
  await hand.reads("只计数，不列名单");
  await hand.readsNot(way.other.name);
}

/** Figures of an agreement, a sample that anybody can draw again, a signed finding. */
async function review(way) {
  const hand = await way.at("kunming.yn", "合规审阅");
  await way.section("合规审阅");
  await hand.tick(/^瑞安市/, "协议");
  await hand.fill("从", "2026-11-01");
  await hand.press("显示");
  await hand.reads("与瑞安市的协议", "两市之间的办件", "缺同意 0");
  const report = hand.page.url();
  await hand.press("与对方对账");
  await hand.reads("双方一致");
  await hand.open(report);
  await hand.press("谁查看过");
  await hand.reads("每次查看都写明用途");
  await hand.open(report);
  const pack = await hand.save("下载证据包");
  await hand.press("抽样审阅");
  await hand.fill("种子", `seed-${way.worker.phone}`);
  await hand.fill("多少项", "3");
  await hand.press("抽取");
  await hand.reads(`种子 seed-${way.worker.phone}`, "抽中");
  await hand.tick("无发现", "发现");
  await hand.save("签署并下载");
  await way.section("核验证据");
  const buffer = await readFile(pack);
  await hand.give("证据包（ZIP）", { name: "pack.zip", mimeType: "application/zip", buffer });
  await hand.press("核验");
  await hand.reads("文件没有保存");
  await hand.readsNot(way.worker.name, way.worker.number);
}

/** The person reads who looked, in an own language, sets a PIN, and leaves nothing behind. */
async function worker(way) {
  const hand = await way.own(way.worker, "对方城市说已办成");
  await hand.press("谁查看过我的信息");
  await hand.reads("昆明市人力资源和社会保障局", "用途：核对信息", "只有本市机构的查看记录");
  await hand.press("返回");
  await hand.press("设置窗口密码");
  const pin = `${way.worker.phone.slice(-3)}927`;
  await hand.fill("新密码", pin);
  await hand.fill("再输一次", "111112");
  await hand.press("设置");
  await hand.reads("请先更正");
  await hand.fill("新密码", pin);
  await hand.fill("再输一次", pin);
  await hand.press("设置");
  await hand.press("返回");
  await hand.press("English");
  await hand.reads(`Case ${way.number}`);
  await hand.press("العربية");
  const direction = await hand.page.locator("html").getAttribute("dir");
  if (direction !== "rtl") throw new Error("Arabic is not written from the right");
  await hand.press("中文");
  await hand.press("打印我的回单");
  await hand.reads("回单");
  await hand.page.goBack();
  await hand.press("离开并清除");
  await hand.reads("查看您的办件");
  await hand.page.goto(new URL("/mine", hand.page.url()).href);
  await hand.readsNot(way.number);
}

/** Reads a page again, or the one of that name, until it says so. */
async function until(hand, name, words) {
  if (name !== undefined) await hand.press(name);
  for (let tries = 0; tries < 60; tries++) {
    if ((await hand.text()).includes(words)) return;
    await new Promise((done) => setTimeout(done, 250));
    await hand.page.reload();
  }
  await hand.reads(words);
}

export const JOURNEYS = { send, takeUp, outcome, withdraw, review, worker };
