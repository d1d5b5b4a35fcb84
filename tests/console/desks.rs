//! The sending and the receiving desk, from a sheet to a decision, by forms alone.

use crate::browser::{Browser, Console};
use anyhow::{Context, Result};
use jieli_tests::{Pair, people, until};

const FORBIDDEN: &[u8] = include_bytes!("../../gateway/fixtures/sheets/forbidden-columns.xlsx");
const OWN: &[u8] = include_bytes!("../../gateway/fixtures/sheets/own-headings.xlsx");
const MESSY: &[u8] = include_bytes!("../../gateway/fixtures/sheets/messy-60.xlsx");
/// A family with a job, a school place and a home.
const FAMILY: &str = "姓名,证件号码,手机号码,意向城市,子女姓名,子女身份证号,子女申请年级,需要住房,住房类型,同住人数\r\n\
    示例·甲,{0},19900010001,瑞安,示例小乙,{1},3,是,公租房,3\r\n";

/// The family's sheet.
pub(crate) fn family() -> (String, String, String) {
    let (worker, child) = (people::person(801).number, people::person_born(802, 2017).number);
    let sheet = FAMILY.replace("{0}", &worker).replace("{1}", &child);
    (sheet, worker, child)
}

/// A school leg, alone, that has reached Ruian: the case number there.
pub(crate) async fn arrived(pair: &Pair) -> Result<String> {
    let console = Console::start(pair.origin(), false)?;
    let mut clerk = console.clerk("km-arrived", "sending", "clerk")?;
    let school_alone = family().0.replace("是,公租房,3", ",,");
    let case = sent(&mut clerk, &school_alone)?;
    clerk.open(&format!("/cases/{case}"))?;
    clerk.send(&format!("/cases/{case}/ask"), &[])?;
    let us = pair.origin();
    us.answer(&us.sms(&case, "逐项回答").await?, &[1]).await?;
    in_queue(pair.destination()).await
}

/// The case in the queue of Ruian's school.
async fn in_queue(city: &jieli::demo::city::City) -> Result<String> {
    let mut case = String::new();
    until("the offer", async || {
        let ask = jieli_proto::wire::ListCasesRequest::default();
        let list = city.desk("school")?.list_cases(ask).await?.into_inner();
        case = list.cases.first().map_or(String::new(), |line| line.case_number.clone());
        Ok(!case.is_empty())
    })
    .await?;
    Ok(case)
}

/// Uploads a sheet of one row, previews it, imports it; the case number.
pub(crate) fn sent(clerk: &mut Browser, sheet: &str) -> Result<String> {
    let reply = clerk.upload("名单.csv", sheet.as_bytes())?;
    assert_eq!(reply.location(), "/sheet/check", "{}", reply.text());
    let preview = clerk.open("/sheet/check")?;
    assert!(preview.contains("导入为草稿"), "{preview}");
    let done = clerk.send("/sheet/send", &[])?;
    let from = done.split_once("<a href=\"/cases/").with_context(|| done.clone())?.1;
    Ok(from.split('"').next().unwrap_or_default().to_owned())
}

/// The legs on a household page, each from its heading on.
fn legs(page: &str) -> Vec<String> {
    page.split("<section class=\"leg").skip(1).map(str::to_owned).collect()
}

/// Takes a step: questions if any, the page to check, the confirmation.
pub(crate) fn step(
    clerk: &mut Browser,
    case: &str,
    leg: u32,
    step: &str,
    fields: &[(&str, &str)],
) -> Result<String> {
    let path = format!("/cases/{case}/{leg}/act/{step}");
    clerk.open(&path)?;
    if !fields.is_empty() {
        let check = clerk.post(&path, fields)?;
        assert_eq!(check.status, 200, "{}", check.text());
        assert!(check.text().contains("请核对后提交"), "{}", check.text());
    }
    let all: Vec<_> = fields.iter().copied().chain([("send", "yes")]).collect();
    clerk.send(&path, &all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_is_refused_mapped_previewed_sent_and_handed_back() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.origin(), false)?;
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    let template = clerk.get("/sheet/files/template.xlsx")?;
    assert!(template.bytes.starts_with(b"PK") && template.head.contains("attachment"));
    let nothing = clerk.upload("x.xlsx", b"")?;
    assert!(nothing.status == 422 && nothing.text().contains("href=\"#sheet\""));

    // V11: refused whole, the columns named, a copy without them.
    assert_eq!(clerk.upload("a.xlsx", FORBIDDEN)?.location(), "/sheet/check");
    let page = clerk.open("/sheet/check")?;
    assert!(page.contains("民族") && page.contains("G1") && !page.contains("导入为草稿"));
    let clean = clerk.get("/sheet/files/cleaned.xlsx")?.bytes;
    assert_eq!(clerk.upload("b.xlsx", &clean)?.location(), "/sheet/check");
    assert!(clerk.open("/sheet/check")?.contains("<dd>40</dd>"));

    // Columns by other names: offered, put right, remembered for the office.
    clerk.upload("c.xlsx", OWN)?;
    let page = clerk.open("/sheet/check")?;
    assert!(page.contains("就业去向") && page.contains("name=\"map-0\""), "{page}");
    let page = clerk.send("/sheet/map", &[("map-0", "意向城市"), ("map-1", "最早到岗日期")])?;
    assert!(page.contains("导入为草稿") && page.contains("就业去向 → 意向城市"), "{page}");
    clerk.upload("c.xlsx", OWN)?;
    assert!(clerk.open("/sheet/check")?.contains("导入为草稿"), "remembered");
    let page = clerk.send("/sheet/forget", &[])?;
    assert!(page.contains("name=\"map-0\""), "forgotten");

    // Errors by cell, with what to do; the rows to be put right; the sheet with case numbers.
    clerk.upload("d.xlsx", MESSY)?;
    let page = clerk.open("/sheet/check")?;
    assert!(page.contains("<dd>53</dd>") && page.contains("<dd>6</dd>"), "{page}");
    assert!(page.contains("请先把此列设为文本格式"), "{page}");
    let wrong = clerk.get("/sheet/files/wrong.xlsx")?.bytes;
    clerk.open("/sheet/check")?;
    let page = clerk.send("/sheet/send", &[])?;
    assert!(page.matches("<a href=\"/cases/").count() >= 50, "{page}");
    let token = clerk.token();
    let again = clerk.post("/sheet/send", &[])?;
    assert_eq!(again.location(), "/sheet/check", "pressed twice, sent once ({token})");
    let back = clerk.get("/sheet/files/back.xlsx")?.bytes;
    assert!(back.len() > wrong.len() && wrong.starts_with(b"PK"));

    // Another session has no sheet in hand.
    let mut other = console.clerk("km-02", "sending", "clerk")?;
    assert_eq!(other.get("/sheet/check")?.location(), "/sheet");
    assert_eq!(other.get("/sheet/files/back.xlsx")?.location(), "/sheet");
    // V23: the queue counts who has not answered and lists nobody of them.
    clerk.open("/queue")?;
    clerk.send("/ask", &[])?;
    let queue = clerk.open("/queue")?;
    let listed = queue.matches("data-head=\"进度\">").count();
    let drafts = queue.matches("data-head=\"进度\">草稿").count();
    assert_eq!(listed, drafts, "no list of who has not confirmed: {queue}");
    assert!(queue.contains("另有") && !queue.contains("另有 0 项"), "{queue}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_household_goes_from_desk_to_desk() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (us, them) = (pair.origin(), pair.destination());
    let sending = Console::start(us, false)?;
    let receiving = Console::start(them, false)?;
    let mut clerk = sending.clerk("km-01", "sending", "clerk")?;
    let (sheet, worker, child) = family();
    let case = sent(&mut clerk, &sheet)?;

    // A person is shown for a purpose, and never without.
    let path = format!("/cases/{case}");
    let page = clerk.open(&path)?;
    assert!(legs(&page).len() == 2 && !page.contains("示例") && !page.contains(&worker));
    let page = clerk.send(&path, &[("purpose", "核对信息")])?;
    assert!(page.contains("示例小乙") && page.contains(&child) && page.contains("这次查看已记录"));
    clerk.open(&path)?;
    assert!(!clerk.send(&path, &[("purpose", "随便看看")])?.contains("示例"), "a closed list");
    clerk.open(&path)?;
    let slip = clerk.post(&format!("{path}/slip"), &[])?;
    assert!(slip.text().contains("办件回单") && slip.head.contains("style-src 'sha256-"));
    assert!(!slip.text().contains("style=\"") && !slip.text().contains("示例"));
    let code = slip.text().split_once("class=\"code\">").unwrap().1[..9].to_owned();

    // Places are asked for, and the answer comes to the page of partner cities.
    let mut school = receiving.clerk("ra-11", "receiving", "school")?;
    school.open("/places/set")?;
    let fields = [("cut", "school-2"), ("places", "40"), ("until", "2026-12-31")];
    assert!(school.send("/places/set", &fields)?.contains(">40<"));
    clerk.open("/partners/ask")?;
    clerk.send("/partners/ask", &[("city", "ruian.zj"), ("cut", "school-2")])?;
    until("the answer", async || Ok(clerk.open("/partners")?.contains("有名额"))).await?;
    let page = clerk.open("/partners")?;
    assert!(page.contains("协作协议（1）") && page.contains("瑞安市"));

    // The person says yes on the own phone; the desk learns nothing before it is sent.
    clerk.open(&path)?;
    clerk.send(&format!("{path}/ask"), &[])?;
    us.answer(&us.sms(&case, "逐项回答").await?, &[1, 2]).await?;
    let there = in_queue(them).await?;
    let at = own_leg(&mut school, &there)?;
    let queue = school.open("/queue")?;
    assert!(queue.contains(&format!("{there} / {at}")) && queue.contains("待受理"), "{queue}");
    let page = school.open(&format!("/cases/{there}"))?;
    assert_eq!(legs(&page).len(), 1, "of its own office alone");
    assert!(page.contains("act/take-up") && !page.contains("act/outcome"), "legal steps only");

    // Taken up, with a question of its own; an act waits and can be undone.
    let done = step(&mut school, &there, at, "take-up", &[])?;
    assert!(done.contains(&format!("{there} / {at}")), "{done}");
    let bad = school.post(&format!("/cases/{there}/{at}/act/accept"), &[("slot_until", "x")])?;
    assert!(bad.status == 422 && bad.text().contains("href=\"#slot_until\""));
    let fields = [
        ("slot_until", "2026-12-11"),
        ("bring", "1"),
        ("bring", "4"),
        ("opens", "09:00"),
        ("closes", "17:00"),
    ];
    step(&mut school, &there, at, "accept", &fields)?;
    until("the release", async || Ok(school.open(&format!("/cases/{there}"))?.contains("已移交")))
        .await?;
    assert!(school.open("/places")?.contains("data-head=\"已留\">1"), "counted");
    until("the place to be told", async || {
        let page = clerk.open(&path)?;
        Ok(page.contains("身份证件、就读证明") && page.contains("09:00-17:00"))
    })
    .await?;

    // What to bring, on paper and in both languages, for who reads no screen; no person is on it.
    let page = clerk.open(&path)?;
    let href =
        page.split("href=\"").find(|rest| rest.split('"').next().unwrap().ends_with("/bring"));
    let href = href.context("the list of what to bring")?.split('"').next().unwrap_or_default();
    let list = clerk.get(href)?;
    assert!(list.status == 200 && list.head.contains("style-src 'sha256-"), "{}", list.head);
    let list = list.text();
    for said in
        ["<li>身份证件<br>", "<li>就读证明<br>", "09:00", "入学", "What to bring", "school place"]
    {
        assert!(list.contains(said), "{said}: {list}");
    }
    assert!(!list.contains("示例") && !list.contains(&child) && !list.contains(&worker));
    let home_leg = if href.contains("/1/") { 2 } else { 1 };
    assert_eq!(clerk.get(&format!("{path}/{home_leg}/bring"))?.status, 409, "nothing to bring yet");

    // At the window: by the document in hand, never in an address; by the slip.
    school.open("/find")?;
    let fields = [("document", "1"), ("number", child.as_str()), ("purpose", "办理业务")];
    let found = school.send("/find", &fields)?;
    assert!(found.contains(&there) && found.contains("今天还可查找 19 次"), "{found}");
    school.open("/find")?;
    let none = [("document", "1"), ("number", &child[..17]), ("purpose", "办理业务")];
    assert!(!school.post("/find", &none)?.text().contains(&there), "no part of a number");
    clerk.open("/find")?;
    let by_slip = clerk.send("/find/slip", &[("case", case.as_str()), ("code", code.as_str())])?;
    assert!(by_slip.contains("入学") && !by_slip.contains("示例"), "{by_slip}");

    // The home is declined with a coded reason.
    let mut home = receiving.clerk("ra-12", "receiving", "home")?;
    let number = own_leg(&mut home, &there)?;
    step(&mut home, &there, number, "take-up", &[])?;
    step(&mut home, &there, number, "decline", &[("code", "CAPACITY")])?;
    until("the decline", async || Ok(clerk.open(&path)?.contains("不予接收"))).await?;

    // The result; and nobody but the two offices ever opened anything.
    let fields = [
        ("how", "done"),
        ("f.school_outcome.school_code", "9999990001"),
        ("f.school_outcome.enrolled_on", "2026-12-01"),
    ];
    until("the notice to have gone out", async || {
        Ok(!school.open(&format!("/cases/{there}"))?.contains("短信还没有送出"))
    })
    .await?;
    step(&mut school, &there, at, "outcome", &fields)?;
    until("the result", async || Ok(clerk.open(&path)?.contains("已办成，待本人确认"))).await?;

    // What was typed and shown stands in no log of the console and no address.
    for console in [&sending, &receiving] {
        for secret in [worker.as_str(), &child, "示例", "19900010001", code.trim()] {
            assert!(!console.log().contains(secret), "{secret}");
            for file in console.files() {
                let bytes = std::fs::read(file)?;
                assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{secret}");
            }
        }
    }
    Ok(())
}

/// The number of the leg that an office sees in a case.
fn own_leg(clerk: &mut Browser, case: &str) -> Result<u32> {
    let page = clerk.open(&format!("/cases/{case}"))?;
    let from = page.split_once("id=\"leg-").context("a leg")?.1;
    Ok(from.split('"').next().unwrap_or_default().parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_waits_and_can_be_undone() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let there = arrived(&pair).await?;
    let city = pair.destination();
    let file = city.dir.join("jieli.toml");
    let text = std::fs::read_to_string(&file)?;
    assert!(text.contains("undo_minutes = 0"), "{text}");
    std::fs::write(&file, text.replace("undo_minutes = 0", "undo_minutes = 5"))?;
    city.crash_and_restart().await?;
    let console = Console::start(city, false)?;
    let mut school = console.clerk("ra-11", "receiving", "school")?;
    let done = step(&mut school, &there, 1, "take-up", &[])?;
    assert!(done.contains("撤销“受理”") && done.contains("10:05"), "{done}");
    let path = format!("/cases/{there}");
    let page = school.open(&path)?;
    assert!(page.contains("待发：受理") && !page.contains("act/accept"), "{page}");
    school.send(&format!("{path}/1/undo"), &[])?;
    let page = school.open(&path)?;
    assert!(!page.contains("待发：受理") && page.contains("act/take-up"), "{page}");
    Ok(())
}
