//! The system administrator's page, and what compliance reads of flags, calendars and code lists.

use crate::browser::Console;
use anyhow::Result;
use jieli_tests::Pair;

#[tokio::test(flavor = "multi_thread")]
async fn the_node_is_looked_after_on_screen_without_a_case() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.origin(), false)?;
    let mut system = console.clerk("sys-01", "system", "operator")?;
    let page = system.open("/system")?;
    assert!(
        page.contains("瑞安市") && page.contains("没有待发") && page.contains("密钥"),
        "{page}"
    );
    assert!(page.contains("没有登记推送地址"), "{page}");
    for button in ["/system/test", "/system/retry", "/system/backup"] {
        assert!(page.contains(&format!("action=\"{button}\"")), "{button}");
    }
    let tested = system.send("/system/test", &[("city", "ruian.zj")])?;
    assert!(tested.contains("测试：瑞安市") && tested.contains(">正常<"), "{tested}");

    // Held for a reason of the list and for some hours; released; tried at once.
    system.open("/system/hold?city=ruian.zj")?;
    let long = [("city", "ruian.zj"), ("reason", "maintenance"), ("hours", "25")];
    let refused = system.post("/system/hold", &long)?;
    assert!(refused.status == 422 && refused.text().contains("href=\"#hours\""));
    let hold = [("city", "ruian.zj"), ("reason", "maintenance"), ("hours", "2")];
    let page = system.send("/system/hold", &hold)?;
    assert!(page.contains("已暂停") && page.contains("对方维护"), "{page}");
    assert!(page.contains("action=\"/system/release\""), "{page}");
    // The hold is told as an alarm: what it means and what to do, in words.
    let said = jieli_proto::words::alarm("queue-held").unwrap();
    assert!(page.contains(said.zh) && page.contains("queue-held · "), "{page}");
    let page = system.send("/system/release", &[("city", "ruian.zj")])?;
    assert!(!page.contains("对方维护") && page.contains("没有待发"), "{page}");
    system.send("/system/retry", &[("city", "ruian.zj")])?;
    assert!(system.open("/packs")?.contains("日历"));

    // Kept apart: no case, no account, no agreement; and nobody else comes here.
    for path in ["/queue", "/accounts", "/review", "/partners", "/find", "/review/flags"] {
        assert_eq!(system.get(path)?.status, 403, "{path}");
    }
    let mut security = console.logged_in("admin")?;
    assert_eq!(security.get("/system")?.status, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn compliance_reads_flags_calendars_and_code_lists() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let console = Console::start(pair.destination(), false)?;
    let mut reviewer = console.clerk("rev-01", "compliance", "compliance")?;
    let page = reviewer.open("/review/flags")?;
    assert!(page.contains("请本市答复（0）") && page.contains("没有要答复的"), "{page}");
    assert_eq!(reviewer.get("/review/flags/00")?.status, 404);
    let packs = reviewer.open("/packs")?;
    assert!(packs.contains("随程序") && packs.contains("在用"), "{packs}");
    let from = packs.split_once("href=\"/packs/").map_or("", |(_, rest)| rest);
    let path = format!("/packs/{}", from.split('"').next().unwrap_or_default());
    let pack = reviewer.open(&path.replace("&#38;", "&"))?;
    assert!(pack.contains("class=\"report\""), "{pack}");
    Ok(())
}
