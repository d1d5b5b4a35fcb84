//! Posts with their terms, rules that accept, and what a clerk had typed when the session ended.

use crate::browser::{Browser, Console};
use anyhow::{Context, Result};
use jieli_tests::{Pair, until};
use sqlx::{Connection as _, SqliteConnection};

const TERMS: [(&str, &str); 22] = [
    ("reference", "V-2026-0999"),
    ("posts", "12"),
    ("valid_until", "2027-03-31"),
    ("employer_code", "91999999MA00002012"),
    ("employer_name", "瑞安示例鞋业有限公司"),
    ("occupation", "60401"),
    ("workplace_division", "330381"),
    ("pay_fen_month_min", "4800"),
    ("pay_fen_month_max", "6500.50"),
    ("payday", "15"),
    ("deductions", "1:120"),
    ("hours_week", "44"),
    ("rest_days_month", "5"),
    ("insurances", "410 110 210"),
    ("lodging", "1"),
    ("lodging_fen_month", "150"),
    ("term_months", "24"),
    ("probation_months", "2"),
    ("notice_days", "30"),
    ("travel_there", "employer"),
    ("travel_home", "employer"),
    ("complaint_phones", "12333 12345"),
];

fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let value = |(name, value): (&'static str, &'static str)| {
        let changed = changes.iter().find(|(other, _)| *other == name);
        (name, changed.map_or(value, |(_, value)| *value))
    };
    let extra = changes.iter().copied().filter(|(n, _)| !TERMS.iter().any(|(name, _)| name == n));
    TERMS.into_iter().map(value).chain(extra).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_entered_with_its_whole_terms_and_a_rule_accepts_while_places_last() -> Result<()>
{
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (us, them) = (pair.origin(), pair.destination());
    let receiving = Console::start(them, false)?;
    let mut desk = receiving.clerk("ra-01", "receiving", "clerk")?;

    // Every hole is named at its field; a term that cannot be, too.
    desk.open("/vacancies/new")?;
    let none = desk.post("/vacancies/new", &[])?;
    assert_eq!(none.status, 422);
    for field in ["employer_code", "pay_fen_month_min", "lodging", "travel_home"] {
        assert!(none.text().contains(&format!("href=\"#{field}\"")), "{field}");
    }
    for (name, value) in [
        ("employer_code", "91999999MA0000201X"),
        ("pay_fen_month_max", "4000"),
        ("pay_fen_month_min", "4.800,00"),
        ("workplace_division", "瑞安"),
        ("payday", "32"),
        ("deductions", "120"),
        ("complaint_phones", "热线"),
    ] {
        let reply = desk.post("/vacancies/new", &with(&[(name, value), ("send", "yes")]))?;
        assert_eq!(reply.status, 422, "{name}");
        assert!(reply.text().contains(&format!("href=\"#{name}\"")), "{name}: {}", reply.text());
    }
    let check = desk.post("/vacancies/new", &TERMS)?.text();
    assert!(check.contains("6500.50") && check.contains("宿舍") && check.contains("确认并发布"));
    let done = desk.send("/vacancies/new", &with(&[("send", "yes")]))?;
    assert!(done.contains("已通知 1 个合作城市"), "{done}");

    // The other city reads it on its page of partners.
    let sending = Console::start(us, false)?;
    let mut clerk = sending.clerk("km-01", "sending", "clerk")?;
    until("the post", async || Ok(clerk.open("/partners")?.contains("V-2026-0999"))).await?;
    assert!(clerk.open("/partners")?.contains("4800–6500 元"));

    // Changed as it stands; closed.
    let page = desk.open("/vacancies/new?from=V-2026-0999")?;
    assert!(page.contains("value=\"6500.50\"") && page.contains("value=\"110 210 410\""), "{page}");
    let changed = with(&[("posts", "20"), ("from", "V-2026-0999"), ("send", "yes")]);
    desk.send("/vacancies/new", &changed)?;
    assert!(desk.open("/vacancies")?.contains(">20<"));
    assert_eq!(desk.get("/vacancies/new?from=V-2026-0000")?.status, 404);

    // A rule of the own office, and its end.
    let mut school = receiving.clerk("ra-11", "receiving", "school")?;
    school.open("/vacancies/rule")?;
    let none = school.post("/vacancies/rule", &[("cut", "school-2"), ("slot_days", "10")])?;
    assert_eq!(none.status, 422, "no places were announced: {}", none.text());
    school.open("/places/set")?;
    let places = [("cut", "school-2"), ("places", "40"), ("until", "2026-12-31")];
    school.send("/places/set", &places)?;
    school.open("/vacancies/rule")?;
    let short = school.post("/vacancies/rule", &[("cut", "school-2"), ("slot_days", "1")])?;
    assert_eq!(short.status, 422, "{}", short.text());
    let page = school.send("/vacancies/rule", &[("cut", "school-2"), ("slot_days", "10")])?;
    let number = page.split_once("name=\"number\" value=\"").with_context(|| page.clone())?.1;
    let number = number.split('"').next().unwrap_or_default().to_owned();
    let page = school.send("/vacancies/rule/end", &[("number", &number)])?;
    assert!(page.contains("没有规则"), "{page}");
    desk.open("/vacancies")?;
    desk.send("/vacancies/close", &[("reference", "V-2026-0999")])?;
    Ok(())
}

/// The time that every session was last used is put an hour back.
async fn an_hour_passes(console: &Console) -> Result<()> {
    let file = console.files().into_iter().find(|path| path.ends_with("accounts.db"));
    let address = format!("sqlite://{}", file.context("the accounts")?.display());
    let mut accounts = SqliteConnection::connect(&address).await?;
    sqlx::query("UPDATE session SET seen_ms = seen_ms - 3600000").execute(&mut accounts).await?;
    accounts.close().await?;
    Ok(())
}

fn log_in(browser: &mut Browser, name: &str) -> Result<String> {
    browser.get("/login")?;
    let fields = [("name", name), ("password", crate::browser::PASSWORD)];
    Ok(browser.post("/login", &fields)?.location().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_survives_a_session_that_ended_for_the_same_clerk_and_once() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.destination(), false)?;
    let mut desk = console.clerk("ra-01", "receiving", "clerk")?;
    let mut other = console.clerk("ra-02", "receiving", "clerk")?;
    let typed = with(&[("employer_name", "示例没有提交的名字"), ("send", "yes")]);

    desk.open("/vacancies/new")?;
    an_hour_passes(&console).await?;
    let reply = desk.post("/vacancies/new", &typed)?;
    assert_eq!((reply.status, reply.location()), (303, "/login?kept=yes"));
    assert!(desk.open("/login?kept=yes")?.contains("替您留着"));
    // Another clerk at the same screen is offered nothing.
    other.cookies = desk.cookies.clone();
    assert_eq!(log_in(&mut other, "ra-02")?, "/");
    assert_eq!(other.get("/resume")?.location(), "/");

    assert_eq!(log_in(&mut desk, "ra-01")?, "/resume");
    let page = desk.open("/resume")?;
    assert!(page.contains("action=\"/vacancies/new\""), "{page}");
    assert!(page.contains("示例没有提交的名字") && page.contains("name=\"change\" value=\"yes\""));
    // It is looked at again, never sent by itself: not even with the old press of the button.
    let again = desk.post("/vacancies/new", &with(&[("change", "yes"), ("send", "yes")]))?;
    assert!(again.text().contains("value=\"瑞安示例鞋业有限公司\""), "{}", again.text());
    assert!(!desk.open("/vacancies")?.contains("V-2026-0999"));
    assert_eq!(desk.get("/resume")?.location(), "/", "once");

    // Not of a form of another site, of somebody who logged out, or with a secret in it.
    desk.open("/vacancies/new")?;
    an_hour_passes(&console).await?;
    let kind = "application/x-www-form-urlencoded";
    let body = format!("form={}&reference=x", desk.token());
    let forged =
        desk.ask("POST", "/vacancies/new", kind, body.as_bytes(), "https://evil.example")?;
    assert_eq!(forged.location(), "/login");
    assert_eq!(log_in(&mut desk, "ra-01")?, "/");
    desk.open("/find")?;
    an_hour_passes(&console).await?;
    let find = [("document", "1"), ("number", "999999199001010016"), ("purpose", "办理业务")];
    assert_eq!(desk.post("/find", &find)?.location(), "/login");
    assert_eq!(log_in(&mut desk, "ra-01")?, "/");
    desk.open("/vacancies/new")?;
    let mut late = desk.clone();
    desk.post("/logout", &[])?;
    assert_eq!(late.post("/vacancies/new", &typed)?.location(), "/login");

    for file in console.files() {
        let bytes = std::fs::read(file)?;
        assert!(memchr::memmem::find(&bytes, "没有提交的名字".as_bytes()).is_none(), "on no disk");
    }
    Ok(())
}

/// An employer proposes on screen and the desk answers; its window knows numbers alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_employer_proposes_posts_and_reads_no_name() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.destination(), false)?;
    let mut employer = console.clerk("ra-61", "employer", "employer")?;
    let mut desk = console.clerk("ra-62", "receiving", "clerk")?;
    assert!(employer.open("/")?.contains("href=\"/posts\""));
    let page = employer.open("/posts")?;
    assert!(page.contains("看不到姓名") && page.contains("没有提出过岗位"), "{page}");

    let code = TERMS[3].1;
    employer.open("/posts/new")?;
    // Somebody else's posts are refused beside the form; nothing is handed over before it was read.
    let other = [("employer_code", "91999999MA00002025"), ("send", "yes")];
    let other = employer.post("/posts/new", &with(&other))?;
    assert_eq!(other.status, 422, "{}", other.text());
    let check = employer.post("/posts/new", &TERMS)?.text();
    assert!(
        check.contains("交给窗口") && !desk.open("/vacancies")?.contains("/vacancies/proposed")
    );
    assert!(employer.send("/posts/new", &with(&[("send", "yes")]))?.contains("已交给窗口"));
    assert!(employer.open("/posts")?.contains("等待窗口答复"));

    let page = desk.open("/vacancies")?;
    let href = page.split_once("href=\"/vacancies/proposed").map_or("", |(_, rest)| rest);
    let href =
        href.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#38;", "&");
    let path = format!("/vacancies/proposed{href}");
    let page = desk.open(&path)?;
    assert!(page.contains("用人单位欠薪") && !page.contains("checked"), "{page}");
    let named = [("employer", code), ("reference", TERMS[0].1)];
    let say = |reply: &'static str| [&named[..], &[("reply", reply)]].concat();
    assert_eq!(desk.post("/vacancies/proposed", &named)?.status, 422, "nothing is chosen");
    let arrears = desk.post("/vacancies/proposed", &say("DECISION_CODE_EMPLOYER_WAGE_ARREARS"))?;
    assert!(arrears.status == 422 && arrears.text().contains("劳动保障监察"), "{}", arrears.text());
    assert!(desk.send("/vacancies/proposed", &say("announce"))?.contains("已公布"));
    assert_eq!(desk.get(&path)?.status, 404, "it waits no more");
    let page = employer.open("/posts")?;
    assert!(page.contains("已公布") && page.contains(TERMS[0].1), "{page}");

    // A number that was not released here: one answer.
    for case in ["2026-000001", "2026-999999", "某某"] {
        let shown = employer.post("/posts/released", &[("case", case), ("leg", "1")])?;
        assert!(shown.status == 422 && shown.text().contains("没有找到"), "{}", shown.text());
        let fields = [("case", case), ("leg", "1"), ("began", "2026-11-24")];
        assert_eq!(employer.post("/posts/work", &fields)?.status, 422);
    }
    Ok(())
}

/// A liaison post reads counts of its agreements; whoever holds another post reads none.
#[tokio::test(flavor = "multi_thread")]
async fn a_liaison_post_reads_what_is_late_and_nobody() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let us = pair.origin();
    let console = Console::start(us, false)?;
    let mut liaison = console.clerk("km-61", "liaison", "liaison")?;
    assert!(liaison.open("/delays")?.contains("没有生效的协议列有本岗位"));
    drop(console);
    pair.agree().await?;
    let console = Console::start(pair.origin(), false)?;
    let mut liaison = console.clerk("km-62", "liaison", "liaison")?;
    let page = liaison.open("/delays")?;
    assert!(page.contains("ruian.zj") && page.contains("没有逾期的事项"), "{page}");
    assert_eq!(liaison.get("/delays?after=x")?.status, 422);
    assert_eq!(liaison.get("/queue")?.status, 403);
    Ok(())
}
