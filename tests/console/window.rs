//! The window on screen: the document in hand, a turned screen, one answer to everything.

use crate::browser::Console;
use crate::desks::{family, sent};
use anyhow::Result;
use jieli_tests::Pair;

/// The family's sheet, with a home alone.
fn home() -> (String, String) {
    let (sheet, worker, child) = family();
    let sheet = sheet.replace(",示例小乙,", ",,").replace(&child, "").replace(",3,是,", ",,是,");
    (sheet, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_at_the_window_of_another_office() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let us = pair.origin();
    let console = Console::start(us, false)?;
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    let (sheet, worker) = home();
    let case = sent(&mut clerk, &sheet)?;
    let mut window = console.clerk("km-union", "window", "union")?;

    let page = window.open("/window")?;
    assert!(page.contains("窗口接待") && !page.contains("checked"), "{page}");
    let nothing = window.post("/window", &[("document", "1"), ("errand", "ask")])?;
    assert_eq!(nothing.status, 422);
    assert!(nothing.text().contains("href=\"#case\""), "{}", nothing.text());
    // Another document than the case's: one answer, written down, nothing shown.
    let mut typed = [("case", case.as_str()), ("document", "1"), ("number", ""), ("errand", "ask")];
    typed[2].1 = "999999199001010016";
    let missed = window.post("/window", &typed)?;
    assert_eq!(missed.status, 422, "{}", missed.text());
    assert!(!missed.text().contains("999999199001010016"), "nothing is echoed");

    typed[2].1 = &worker;
    let page = window.send("/window", &typed)?;
    assert!(page.contains("是否同意把申请交给"), "{page}");
    assert!(page.contains("name=\"say-1\"") && !page.contains("checked"), "{page}");
    assert!(!page.contains("main-nav") && !page.contains("km-union"), "turned to the person");
    let seat = page.split_once("name=\"sitting\" value=\"").map_or("", |(_, rest)| rest);
    let seat = seat.split('"').next().unwrap_or_default().to_owned();
    let no = window.send("/window/answer", &[("sitting", &seat), ("numbers", "1")])?;

    let page = window.send("/window", &typed)?;
    let seat = page.split_once("name=\"sitting\" value=\"").map_or("", |(_, rest)| rest);
    let seat = seat.split('"').next().unwrap_or_default().to_owned();
    let said = [("sitting", seat.as_str()), ("numbers", "1 2"), ("say-1", "yes"), ("say-2", "no")];
    let yes = window.send("/window/answer", &said)?;
    assert!(no.contains("已收到"), "{no}");
    // Yes and no read the same, but for the token of the form.
    assert_eq!(no, yes);
    jieli_tests::until("the offer", async || {
        let ask = jieli_proto::wire::ListCasesRequest::default();
        let list = pair.destination().desk("home")?.list_cases(ask).await?.into_inner();
        Ok(!list.cases.is_empty())
    })
    .await?;

    // A helper of this very office is named elsewhere; nobody is chosen before the person chooses.
    typed[3].1 = "helper";
    let page = window.send("/window", &typed)?;
    assert!(page.contains("由您自己选") && page.contains("helper · ") && !page.contains("checked"));
    let mut named = typed.to_vec();
    named.extend([("item", "1"), ("helper", "helper")]);
    let own = window.post("/window/do", &named)?;
    assert!(own.status == 422 && own.text().contains("不能在这里指定"), "{}", own.text());
    named[5].1 = "-";
    assert!(window.send("/window/do", &named)?.contains("已登记"));

    // A PIN typed twice, and a stop, which needs none.
    typed[3].1 = "pin";
    let page = window.send("/window", &typed)?;
    assert!(page.contains("设置窗口密码"), "{page}");
    let mut pin = typed.to_vec();
    pin.extend([("pin", "482910"), ("again", "482911")]);
    assert_eq!(window.post("/window/do", &pin)?.status, 422, "the two differ");
    pin[5].1 = "482910";
    assert!(window.send("/window/do", &pin)?.contains("已收到"));
    typed[3].1 = "stop";
    assert!(window.send("/window", &typed)?.contains("不问理由"));
    assert!(window.send("/window/do", &typed)?.contains("已收到"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_no_clerk_and_a_clerk_is_no_window() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.origin(), false)?;
    let mut window = console.clerk("km-union", "window", "union")?;
    window.open("/")?;
    for path in ["/queue", "/find", "/cases/2026-000001", "/sheet"] {
        assert_eq!(window.get(path)?.status, 403, "{path}");
    }
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    clerk.open("/")?;
    assert_eq!(clerk.get("/window")?.status, 403);
    Ok(())
}
