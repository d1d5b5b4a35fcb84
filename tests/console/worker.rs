//! The worker's pages, as a telephone without scripts uses them.

use crate::browser::{Browser, Console, WorkerPages};
use crate::desks::{family, sent};
use anyhow::{Context, Result};
use jieli::demo::city::City;
use jieli_gateway::worker::routes::{Route, Who, routes};
use jieli_node::tokens;
use jieli_proto::wire::{ListCasesRequest, StatementFact, StatementRequest};
use jieli_tests::{Pair, Seeded, program, until};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const PAPER: &str = include_str!("../../gateway/worker.txt");
const PLANTED: &str = "工头把我的身份证锁在抽屉里七六五四";
/// The trade union of Kunming, of the agreement's offices.
const UNION: &str = "11999999MB00000604";

fn paper() -> BTreeMap<(String, String), [bool; 3]> {
    let lines = PAPER.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut all = BTreeMap::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words.len(), 5, "{line}");
        let cells = [2, 3, 4].map(|at| words[at] == "y");
        let key = (words[0].to_owned(), words[1].to_owned());
        assert!(all.insert(key, cells).is_none(), "{line} stands twice");
    }
    all
}

#[test]
fn the_table_on_paper_is_the_router_and_no_desk_is_in_it() {
    let paper = paper();
    let key = |route: &Route| (route.method.to_owned(), route.path.to_owned());
    let routed: BTreeSet<_> = routes().iter().map(key).collect();
    assert_eq!(routed, paper.keys().cloned().collect());
    for route in routes() {
        let opens = match route.who {
            Who::Anyone => [true, true, true],
            Who::Slip => [false, true, true],
            Who::Notice => [false, false, true],
        };
        assert_eq!(paper[&key(&route)], opens, "{route:?}");
    }
    // What both have names no case: the way in, the language, how it looks, whether it lives.
    let desks: BTreeSet<_> =
        jieli_gateway::console::routes::routes().iter().map(|r| (r.method, r.path)).collect();
    let own: BTreeSet<_> = routes().iter().map(|r| (r.method, r.path)).collect();
    let both: Vec<_> = desks.intersection(&own).copied().collect();
    let same = [("GET", "/"), ("GET", "/health"), ("GET", "/icon.svg"), ("POST", "/language")];
    assert_eq!(both, same);
}

/// A page without what is drawn anew for every browser.
fn bare(page: &str) -> String {
    let mut out = String::new();
    for (at, part) in page.split("name=\"form\" value=\"").enumerate() {
        out += if at == 0 { part } else { &part[64..] };
    }
    out
}

/// The items of the page of a case: headings and sentences.
fn items(page: &str) -> Vec<String> {
    let items = page.split("<div class=\"item\">").skip(1);
    items.map(|item| item.split("</div>").next().unwrap_or_default().to_owned()).collect()
}

fn code_of_slip(page: &str) -> String {
    page.split_once("class=\"code\">").unwrap().1[..9].to_owned()
}

/// A family's case of Kunming whose person was asked: pages, case number, code of the notice.
async fn asked(city: &City) -> Result<(WorkerPages, String, String)> {
    let console = Console::start(city, false)?;
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    let case = sent(&mut clerk, &family().0)?;
    clerk.open(&format!("/cases/{case}"))?;
    clerk.send(&format!("/cases/{case}"), &[("purpose", "核对信息")])?;
    clerk.send(&format!("/cases/{case}/ask"), &[])?;
    let code = city.sms(&case, "逐项回答").await?.code();
    Ok((WorkerPages::start(city, true)?, case, code))
}

fn answers(worker: &mut Browser, fields: &[(&str, &str)]) -> Result<String> {
    worker.open("/mine")?;
    let page = worker.post("/asked", &[])?.text();
    assert!(page.contains("只写同意的序号") && page.contains("class=\"asked\""), "{page}");
    assert!(!page.contains("checked"), "nothing is ticked before: {page}");
    let check = worker.post("/answer", fields)?.text();
    assert!(check.contains("请核对您的回答"), "{check}");
    let all: Vec<_> = fields.iter().copied().chain([("send", "yes")]).collect();
    let done = worker.post("/answer", &all)?;
    assert_eq!(done.status, 200, "{}", done.text());
    Ok(done.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_answers_sees_who_looked_and_stops() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (us, them) = (pair.origin(), pair.destination());
    let (pages, case, code) = asked(us).await?;

    // Without both, nothing; a wrong code is told, and guessing never shuts the way to stop.
    let mut nobody = pages.browser();
    assert_eq!(nobody.get("/mine")?.location(), "/");
    let first = nobody.open("/")?;
    assert!(first.contains("<html lang=\"zh-CN\" dir=\"ltr\">") && first.contains("12348"));
    let missing = nobody.post("/in", &[("by", "notice"), ("notice_case", "")])?;
    assert!(missing.status == 422 && missing.text().contains("href=\"#notice_case\""));
    let fields = [("by", "notice"), ("notice_case", case.as_str()), ("notice_code", "00000000")];
    let wrong = nobody.post("/in", &fields)?;
    assert!(wrong.status >= 400 && wrong.text().contains("编号或码不对"), "{}", wrong.text());

    let mut worker = pages.typed("notice", &case, &code)?;
    let before = worker.open("/mine")?;
    assert_eq!(items(&before).len(), 2, "{before}");
    assert!(before.contains("没有您的同意，什么也没有发出"), "{before}");
    assert!(!before.contains("示例") && !before.contains(&code), "no name and no code: {before}");
    assert!(worker.open("/looked")?.contains("用途：核对信息"));

    // Yes to the school and no to the home; a page of no alone is the same page.
    let mixed = answers(&mut worker, &[("item1", "yes"), ("item2", "no")])?;
    assert!(mixed.contains("已收到"));
    let after = worker.open("/mine")?;
    assert_eq!(items(&after)[1], items(&before)[1], "refused and silent read alike (V23)");
    until("the offer", async || {
        let mut arrived = 0;
        for desk in ["school", "home"] {
            let list = them.desk(desk)?.list_cases(ListCasesRequest::default()).await?;
            arrived += list.into_inner().cases.len();
        }
        Ok(arrived == 1)
    })
    .await?;
    a_fact_to_carry(us, &pages, &case).await?;
    let (second, other) = second_case(us).await?;
    let mut refuses = pages.typed("notice", &second, &other)?;
    let no = answers(&mut refuses, &[])?;
    assert_eq!(bare(&no), bare(&mixed), "yes and no get the same page");

    // Paper to keep; with a slip's code one looks and stops and does nothing else.
    worker.open("/mine")?;
    let copy = worker.post("/copy", &[])?;
    assert!(copy.bytes.starts_with(b"PK") && copy.head.contains("attachment; filename=\"jieli-"));
    worker.open("/mine")?;
    let slip = worker.post("/slip", &[])?;
    assert!(slip.text().contains("办件回单") && slip.head.contains("style-src 'sha256-"));
    let mut holder = pages.typed("slip", &case, &code_of_slip(&slip.text()))?;
    cells(&mut holder, 1)?;
    let mut again = pages.typed("slip", &case, &code_of_slip(&slip.text()))?;
    let page = again.open("/stop")?;
    assert!(!page.contains("checked"));
    assert_eq!(again.post("/stop", &[])?.status, 422, "which ones is asked");
    let done = again.send("/stop", &[("items", "1")])?;
    assert!(done.contains("已收到"), "{done}");
    until("the stop", async || Ok(worker.open("/mine")?.contains("已停止，不留任何记号"))).await?;

    // Guessed at until it is locked, the code opens nothing and still stops.
    for _ in 0..6 {
        nobody.open("/")?;
        nobody.post("/in", &fields)?;
    }
    nobody.open("/")?;
    let right = [("by", "notice"), ("notice_case", case.as_str()), ("notice_code", &code)];
    assert!(nobody.post("/in", &right)?.status >= 400, "locked");
    nobody.open("/stop-now")?;
    let stop = [("by", "notice"), ("case", case.as_str()), ("code", &code), ("items", "")];
    let done = nobody.post("/stop-now", &stop)?;
    assert!(done.status == 200 && done.text().contains("已收到"), "{}", done.text());
    Ok(())
}

/// Another family's case that was asked about.
/// Told by the desk, wanted here, printed here, and by nobody before the yes.
async fn a_fact_to_carry(city: &City, pages: &WorkerPages, case: &str) -> Result<()> {
    let fact = StatementFact::InsuredMonths.into();
    let case_number = case.to_owned();
    let ask = StatementRequest { case_number, leg: 1, fact, months: 37, since: 0 };
    city.desk("clerk")?.ask_statement(ask).await?;
    let code = city.sms(case, "出具一份证明").await?.code();
    let mut worker = pages.typed("notice", case, &code)?;
    worker.open("/mine")?;
    let page = worker.post("/asked", &[])?.text();
    assert!(page.contains("累计参保月数 37 个月") && page.contains("领取证明"), "{page}");
    let early = worker.post("/statement", &[])?;
    assert!(early.status >= 400 && early.text().contains("没有可领取的证明"), "{}", early.text());
    worker.open("/mine")?;
    worker.post("/asked", &[])?;
    worker.post("/answer", &[("item1", "yes")])?;
    worker.post("/answer", &[("item1", "yes"), ("send", "yes")])?;
    worker.open("/mine")?;
    let page = worker.post("/statement", &[])?;
    assert!(page.status == 200 && page.text().contains("37 个月"), "{}", page.text());
    assert!(page.head.contains("style-src 'sha256-") && !page.text().contains(case));
    Ok(())
}

async fn second_case(city: &City) -> Result<(String, String)> {
    let console = Console::start(city, false)?;
    let mut clerk = console.clerk("km-02", "sending", "clerk")?;
    let sheet = family().0;
    let worker = jieli_tests::people::person(811).number;
    let child = jieli_tests::people::person_born(812, 2017).number;
    let (old_worker, old_child) = (family().1, family().2);
    let sheet = sheet.replace(&old_worker, &worker).replace(&old_child, &child);
    let sheet = sheet.replace("19900010001", "19900010002");
    let case = sent(&mut clerk, &sheet)?;
    clerk.open(&format!("/cases/{case}"))?;
    clerk.send(&format!("/cases/{case}/ask"), &[])?;
    let code = city.sms(&case, "逐项回答").await?.code();
    Ok((case, code))
}

/// Every route as its column says, for who has typed nothing (0), a slip's code or a notice's.
fn cells(browser: &mut Browser, column: usize) -> Result<()> {
    for route in routes() {
        // These end the session, or stop.
        if ["/leave", "/in", "/stop-now", "/stop"].contains(&route.path) {
            continue;
        }
        let cell = paper()[&(route.method.to_owned(), route.path.to_owned())][column];
        let reply = match route.method {
            "GET" => browser.get(route.path)?,
            _ => {
                browser.get("/kept")?;
                browser.post(route.path, &[])?
            }
        };
        let told = format!("{column} {} {}: {}", route.method, route.path, reply.head);
        match (cell, column) {
            // It is the node that says no there, and not the gate.
            (true, _) => {
                let text = reply.text();
                assert!(!text.contains("回单码只能") && !text.contains("这一页已经过期"), "{told}");
            }
            (false, 0) => assert_eq!((reply.status, reply.location()), (303, "/"), "{told}"),
            (false, _) => assert_eq!(reply.status, 403, "{told}"),
        }
        assert!(reply.status < 500, "{told}");
    }
    for route in jieli_gateway::console::routes::routes() {
        let path = route.path.replace(['{', '}'], "");
        if !routes().iter().any(|own| own.path == route.path) {
            assert_eq!(browser.get(&path)?.status, 404, "{path}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_its_own_and_three_languages_are_whole() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (pages, case, code) = asked(pair.origin()).await?;
    cells(&mut pages.browser(), 0)?;
    let mut worker = pages.typed("notice", &case, &code)?;
    let (key, _) = worker.cookies.iter().next().context("a cookie")?;
    assert!(key.starts_with("__Host-"));
    let head = pages.browser().get("/")?.head;
    for header in ["content-security-policy: default-src 'none'", "cache-control: no-store"] {
        assert!(head.contains(header), "{head}");
    }
    assert!(head.contains("HttpOnly") && head.contains("SameSite=Strict"), "{head}");
    // Without the form's own word, or from elsewhere, nothing is taken.
    worker.open("/mine")?;
    worker.page = String::new();
    assert_eq!(worker.post("/stop", &[("items", "1")])?.status, 403);
    worker.open("/mine")?;
    let body = format!("form={}&items=1", worker.token());
    let kind = "application/x-www-form-urlencoded";
    let from = worker.ask("POST", "/stop", kind, body.as_bytes(), "https://evil.example")?;
    assert_eq!(from.status, 403);
    for (to, tag, dir) in [("en", "en", "ltr"), ("ar", "ar", "rtl"), ("zh", "zh-CN", "ltr")] {
        worker.open("/mine")?;
        worker.post("/language", &[("to", to), ("back", "/mine")])?;
        for path in ["/mine", "/looked", "/pin", "/again", "/erase", "/help", "/stop", "/kept"] {
            let page = worker.open(path)?;
            assert!(page.contains(&format!("<html lang=\"{tag}\" dir=\"{dir}\">")), "{page}");
        }
        let page = worker.post("/asked", &[])?.text();
        assert!(
            page.contains("lang=\"zh-CN\" dir=\"ltr\">请逐项回答"),
            "the text as it is: {page}"
        );
    }
    // The PIN is typed twice and shown never; leaving clears all.
    worker.open("/pin")?;
    let two = worker.post("/pin", &[("pin", "1234"), ("again", "1235")])?;
    assert!(two.status == 422 && !two.text().contains("value=\"1234\""), "{}", two.text());
    assert!(worker.send("/pin", &[("pin", "1234"), ("again", "1234")])?.contains("已设置"));
    let old = worker.clone();
    worker.open("/mine")?;
    assert_eq!(worker.post("/leave", &[])?.location(), "/");
    assert_eq!(worker.get("/mine")?.location(), "/");
    assert_eq!(old.clone().get("/mine")?.location(), "/", "the old cookie opens nothing");
    Ok(())
}

fn jieli(city: &City, args: &[&str]) -> Result<String> {
    let done =
        Command::new(program()?).args(["--json", "--dir"]).arg(&city.dir).args(args).output()?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    anyhow::ensure!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    Ok(said)
}

/// Gives the city's trade union a token and a key of its own.
async fn with_union(city: &City, key: &Path) -> Result<()> {
    city.crash()?;
    let file = city.dir.join("jieli.toml");
    let mut text = std::fs::read_to_string(&file)?;
    write!(
        text,
        "\n[[desk.tokens]]\nname = \"union-body\"\nrole = \"body\"\noffice = \"{UNION}\"\n"
    )?;
    std::fs::write(&file, text)?;
    tokens::make(&city.dir, "union-body", &Seeded::new(77))?;
    city.restart().await?;
    let key = key.to_str().context("a path")?;
    jieli(city, &["grievance", "key", "new", "--out", key])?;
    jieli(city, &["--as", "union-body", "grievance", "key", "place", key])?;
    Ok(())
}

/// Every byte under a folder.
fn holds(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(needle.len()).any(|part| part == needle)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_is_sealed_before_the_node_has_it() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let us = pair.origin();
    let keys = tempfile::tempdir()?;
    let key = keys.path().join("body.key");
    with_union(us, &key).await?;
    let (pages, case, code) = asked(us).await?;
    let mut worker = pages.typed("notice", &case, &code)?;
    let page = worker.open("/help")?;
    assert!(page.contains("昆明市总工会") && page.contains("0871-60000060"), "{page}");
    assert!(page.contains("会看到它一瞬间") && !page.contains("checked"), "said honestly: {page}");
    let long = "欠".repeat(jieli_proto::sealed::WORDS_MAX + 1);
    let fields = [("body", UNION), ("kind", "2"), ("words", long.as_str())];
    assert_eq!(worker.post("/help", &fields)?.status, 422);
    let fields = [("body", UNION), ("kind", "2"), ("words", PLANTED)];
    let done = worker.post("/help", &fields)?;
    assert_eq!(done.status, 200, "{}", done.text());
    let done = done.text();
    let kept = done.split_once("class=\"code\" dir=\"ltr\">").context("a code")?.1;
    let kept = kept.split('<').next().unwrap_or_default().to_owned();

    // Nobody but the union can read it: not the node, not these pages afterwards, not a log.
    assert!(!holds(&us.dir, PLANTED.as_bytes()) && !holds(pages.dir.path(), PLANTED.as_bytes()));
    assert!(!worker.open("/mine")?.contains("投诉编号"));
    let key = key.to_str().context("a path")?;
    let listed = jieli(us, &["--as", "union-body", "grievance", "list", "--key", key])?;
    let listed: serde_json::Value = serde_json::from_str(&listed)?;
    let record = listed["records"][0]["record"].as_str().context("a record")?.to_owned();
    let opened = jieli(us, &["--as", "union-body", "grievance", "open", &record, "--key", key])?;
    assert!(opened.contains(PLANTED) && !opened.contains(&case), "{opened}");

    // With the code alone, in another browser.
    let mut other = pages.browser();
    other.open("/kept")?;
    assert_eq!(other.post("/kept", &[("kept", "123")])?.status, 422);
    let page = other.send("/kept", &[("kept", &kept)])?;
    assert!(page.contains("已收到，等待受理") && page.contains("昆明市总工会"), "{page}");

    // A city that does not want that offers telephones alone.
    let silent = WorkerPages::start(us, false)?;
    let mut worker = silent.typed("notice", &case, &code)?;
    let page = worker.open("/help")?;
    assert!(page.contains("0871-60000060") && !page.contains("<textarea"), "{page}");
    assert!(!worker.post("/help", &fields)?.text().contains("查询码"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_names_a_helper_and_ends_it() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let us = pair.origin();
    let (pages, case, code) = asked(us).await?;
    let mut worker = pages.typed("notice", &case, &code)?;
    assert!(worker.open("/mine")?.contains("href=\"/helper\""));
    let page = worker.open("/helper")?;
    assert!(page.contains("helper · 昆明市总工会"), "{page}");
    assert!(
        !page.contains("checked") && !page.contains("现在协助的是"),
        "nobody is chosen: {page}"
    );
    let missing = worker.post("/helper", &[("item", "1")])?;
    assert_eq!(missing.status, 422, "whom is asked");
    let unknown = worker.post("/helper", &[("item", "1"), ("helper", "clerk")])?;
    assert_eq!(unknown.status, 422, "a clerk is no helper");
    let done = worker.send("/helper", &[("item", "1"), ("helper", "helper")])?;
    assert!(done.contains("已登记") && done.contains("现在协助的是：helper ·"), "{done}");
    let given = jieli(us, &["--as", "helper", "helper", "list"])?;
    assert!(given.contains(&case), "{given}");

    let done = worker.send("/no-helper", &[("item", "1")])?;
    assert!(done.contains("已取消") && !done.contains("现在协助的是"), "{done}");
    let given = jieli(us, &["--as", "helper", "helper", "list"])?;
    assert!(!given.contains(&case), "{given}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_names_a_proxy_and_ends_it() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let us = pair.origin();
    let (pages, case, code) = asked(us).await?;
    let mut worker = pages.typed("notice", &case, &code)?;
    assert!(worker.open("/mine")?.contains("href=\"/proxy\""));
    let page = worker.open("/proxy")?;
    assert!(page.contains("指定代办人") && page.contains("不能代办"), "{page}");
    let wrong = worker.post("/proxy", &[("document", "1"), ("number", "999999199001010017")])?;
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    let right = [("document", "1"), ("number", "999999199001010016")];
    let done = worker.send("/proxy", &right)?;
    assert!(done.contains("已收到") && !done.contains("999999199001010016"), "{done}");
    assert!(worker.send("/no-proxy", &[])?.contains("已取消"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_one_case_shut_nobody_out_of_another() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let us = pair.origin();
    let (pages, case, code) = asked(us).await?;
    let (second, other) = second_case(us).await?;
    let try_in = |browser: &mut Browser, case: &str, code: &str| -> Result<u16> {
        browser.open("/")?;
        let fields = [("by", "notice"), ("notice_case", case), ("notice_code", code)];
        Ok(browser.post("/in", &fields)?.status)
    };
    // Behind a proxy that is not listed everybody has one address, and whatever it says is nothing.
    let mut guesser = pages.browser();
    guesser.forwarded = "198.51.100.1".to_owned();
    let statuses = (0..12).map(|_| try_in(&mut guesser, "2026-999999", "00000000"));
    let statuses = statuses.collect::<Result<Vec<_>>>()?;
    assert!(statuses[..10].iter().all(|status| *status != 429), "{statuses:?}");
    assert_eq!(statuses[10..], [429, 429], "of one case, from wherever");
    for number in 1..=31 {
        try_in(&mut guesser, &format!("2026-99{number:04}"), "00000000")?;
    }
    for (case, code) in [(&case, &code), (&second, &other)] {
        assert_eq!(try_in(&mut pages.browser(), case, code)?, 303, "others go in");
    }
    // Listed, the proxy tells whom it forwards for: that address is shut out, and no other.
    let listed = WorkerPages::behind(us, true, "trusted_proxies = [\"127.0.0.1\"]")?;
    let mut guesser = listed.browser();
    guesser.forwarded = "203.0.113.5, 198.51.100.1".to_owned();
    for number in 1..=31 {
        try_in(&mut guesser, &format!("2026-99{number:04}"), "00000000")?;
    }
    assert_eq!(try_in(&mut guesser, &case, &code)?, 429);
    guesser.forwarded = "198.51.100.2".to_owned();
    assert_eq!(try_in(&mut guesser, &case, &code)?, 303);
    // Stopping is never refused for guesses.
    guesser.forwarded = "198.51.100.1".to_owned();
    guesser.open("/stop-now")?;
    let fields = [("by", "notice"), ("case", second.as_str()), ("code", other.as_str())];
    assert_eq!(guesser.post("/stop-now", &fields)?.status, 200);
    Ok(())
}
