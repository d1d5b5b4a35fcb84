//! Figures to report upward: the sending desk's own page and sheet.

use crate::browser::Console;
use anyhow::Result;
use jieli_proto::case::Stage;
use jieli_proto::words;
use jieli_tests::{Pair, people, until};

#[tokio::test(flavor = "multi_thread")]
async fn v16_figures_for_above_name_nobody_and_no_few() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let us = pair.origin();
    let console = Console::start(us, false)?;
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    let asked = "/figures?from=202611&to=202611";
    let page = clerk.open(asked)?;
    assert!(page.contains("没有可以公布的数字") && page.contains("href=\"/figures\""), "{page}");

    let mut text = "姓名,证件号码,意向城市,需要住房,住房类型,同住人数,手机号码\r\n".to_owned();
    for serial in 1..=10 {
        let one = people::person(serial);
        text += &format!("{},{},瑞安,是,公租房,2,{}\r\n", one.name, one.number, one.phone);
    }
    clerk.upload("ten.csv", text.as_bytes())?;
    clerk.open("/sheet/check")?;
    let page = clerk.send("/sheet/send", &[])?;
    let cases: Vec<String> = page
        .split("<a href=\"/cases/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(cases.len(), 10);
    clerk.open("/queue")?;
    clerk.send("/ask", &[])?;
    let sent = words::stage(Stage::Offered).zh;
    for (at, case) in (1..).zip(&cases) {
        us.answer(&us.sms(case, "逐项回答").await?, &[1]).await?;
        until("it to be sent", async || Ok(clerk.open(&format!("/cases/{case}"))?.contains(sent)))
            .await?;
        let page = clerk.open(asked)?;
        let shown = page.contains("data-head=\"发起\">10<");
        assert_eq!(shown, at == 10, "{at}: {page}");
        assert!(at == 10 || !page.contains("data-head=\"发起\""), "nothing of so few");
    }
    let page = clerk.open(asked)?;
    assert!(page.contains("瑞安市") && page.contains("2026年11月"), "{page}");
    assert!(page.contains("data-head=\"受理\">不足10<"), "{page}");
    assert!(clerk.open("/figures?from=200001&to=zz")?.contains("2026年10月1日"), "a closed list");

    let sheet = clerk.get("/figures/csv?from=202611&to=202611")?;
    assert!(sheet.head.contains("text/csv"), "{}", sheet.head);
    let sheet = sheet.text();
    assert!(sheet.contains("2026年11月,瑞安市,") && sheet.contains(",10,不足10,"), "{sheet}");
    for word in ["指标", "考核目标", "完成率", "quota", "target"] {
        assert!(!page.contains(word) && !sheet.contains(word), "{word}");
    }
    for serial in 1..=10 {
        let one = people::person(serial);
        assert!(!sheet.contains(&one.name) && !page.contains(&one.number), "nobody's name");
    }
    assert!(cases.iter().all(|case| !page.contains(case) && !sheet.contains(case)));
    Ok(())
}
