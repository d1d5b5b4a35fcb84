//! The compliance desk: figures, timeline, sample, pack, and checking what is handed in.

use crate::browser::{Browser, Console};
use crate::desks::{arrived, family};
use anyhow::{Context, Result};
use jieli_tests::{Pair, until};

/// The fields of the page on which agreement and period are chosen, as a query.
fn scope(page: &str) -> Result<String> {
    let id = page.split_once("name=\"agreement\" value=\"").context("an agreement")?.1;
    let id = id.split('"').next().unwrap_or_default();
    Ok(format!("agreement={id}&from=2026-11-01&to=2026-11-30"))
}

fn fields(query: &str) -> Vec<(&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('=')).collect()
}

/// Whatever a page of this desk says, no person is in it.
fn names_nobody(page: &str) {
    let (_, worker, child) = family();
    for value in ["示例·甲", "示例小乙", "19900010001", &worker, &child] {
        assert!(!page.contains(value), "{value}");
    }
}

async fn reviewer(console: &Console) -> Result<(Browser, String)> {
    let mut reviewer = console.clerk("rev-01", "compliance", "compliance")?;
    let query = scope(&reviewer.open("/review")?)?;
    Ok((reviewer, query))
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_samples_and_evidence_without_a_person() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let case = arrived(&pair).await?;
    let console = Console::start(pair.destination(), false)?;
    let (mut reviewer, query) = reviewer(&console).await?;

    let page = reviewer.open(&format!("/review/report?{query}"))?;
    names_nobody(&page);
    assert!(page.contains("<dt>新开事项</dt><dd>1</dd>"), "{page}");
    // Each bar stands beside its number, and what opened the leg came from the other city.
    assert!(page.contains("昆明市 → 本市 入学"), "{page}");
    assert!(page.contains("<rect class=\"s2\" x=\"0\" width=\"1000\""), "{page}");
    assert!(page.contains("在办\">1</td>") && !page.contains("style=\""), "{page}");
    let backwards = query.replace("from=2026-11-01", "from=2026-12-01");
    let refused = reviewer.get(&format!("/review/report?{backwards}"))?;
    assert!((400..500).contains(&refused.status) && refused.text().contains("起止日期"));

    // A sample that is drawn again is the same; what is in it is shown with its proofs.
    reviewer.open(&format!("/review/sample?{query}"))?;
    let all = fields(&query);
    let draw = |seed: &'static str| [all.as_slice(), &[("seed", seed), ("size", "5")]].concat();
    let page = reviewer.post("/review/sample", &draw("2026-11-lottery"))?.text();
    assert!(page.contains(&format!("href=\"/review/cases/{case}\"")), "{page}");
    names_nobody(&page);
    let mut timeline = String::new();
    until("both cities' proofs", async || {
        timeline = reviewer.open(&format!("/review/cases/{case}"))?;
        Ok(timeline.contains("全部成立") && timeline.contains("昆明市、瑞安市"))
    })
    .await?;
    assert!(timeline.contains("data-head=\"签名\">成立"), "{timeline}");
    names_nobody(&timeline);

    // Signed in codes, none of them chosen before.
    reviewer.open(&format!("/review/sample?{query}"))?;
    let page = reviewer.post("/review/sample", &draw("2026-11-lottery"))?.text();
    assert!(!page.contains("checked"), "{page}");
    let seed = [all.as_slice(), &[("seed", "2026-11-lottery")]].concat();
    assert_eq!(reviewer.post("/review/sign-off", &seed)?.status, 422, "nothing chosen");
    let signed = reviewer.post("/review/sign-off", &[&seed[..], &[("finding", "1")]].concat())?;
    assert!(signed.head.contains("attachment") && signed.text().contains("\"payloadType\""));
    assert!(signed.text().starts_with('{'), "{}", signed.text());

    reviewer.open("/review")?;
    let page = reviewer.post("/review/reconcile", &all)?.text();
    assert!(page.contains("双方一致"), "{page}");
    let looks = reviewer.open(&format!("/review/looks?{query}"))?;
    assert!(looks.contains("没有人查看过"), "{looks}");
    let mut clerk = console.clerk("ra-21", "receiving", "school")?;
    clerk.open(&format!("/cases/{case}"))?;
    clerk.send(&format!("/cases/{case}"), &[("purpose", "核对信息")])?;
    let looks = reviewer.open(&format!("/review/looks?{query}"))?;
    assert!(looks.contains("核对信息") && looks.contains(&case), "{looks}");
    names_nobody(&looks);
    // A clerk's account opens none of it, nor an export by its address.
    assert_eq!(clerk.get(&format!("/review/pack?{query}"))?.status, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_is_handed_in_is_checked_and_not_kept() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    arrived(&pair).await?;
    let console = Console::start(pair.destination(), false)?;
    let (mut reviewer, query) = reviewer(&console).await?;
    let pack = reviewer.get(&format!("/review/pack?{query}"))?;
    assert!(pack.bytes.starts_with(b"PK") && pack.head.contains("jieli-pack-20261101"));
    let empty = query.replace("2026-11-", "2025-11-");
    let nothing = reviewer.get(&format!("/review/pack?{empty}"))?;
    assert!((400..500).contains(&nothing.status), "said on a page: {}", nothing.head);
    let page = reviewer.open("/verify")?;
    let from = page.split_once("<textarea").and_then(|(_, rest)| rest.split_once('>'));
    let roots = from.and_then(|(_, rest)| rest.split('<').next()).context("roots")?.to_owned();
    assert_eq!(roots.split_whitespace().count(), 2, "{roots}");
    let mut check = |roots: &str, bytes: &[u8]| {
        reviewer.upload_to("/verify", &[("roots", roots)], ("bundle", "x.zip"), bytes)
    };
    let good = check(&roots, &pack.bytes)?;
    assert!(good.status == 200 && good.text().contains("全部成立"), "{}", good.text());
    names_nobody(&good.text());
    // Another city's root, one byte, no file at all.
    let wrong = check(&"ab".repeat(32), &pack.bytes)?.text();
    assert!(wrong.contains("不是全部成立"), "{wrong}");
    let mut spoiled = pack.bytes.clone();
    let at = spoiled.windows(4).position(|part| part == b"JL01" || part == b"sig\"").unwrap_or(900);
    spoiled[at + 8] ^= 1;
    assert!(!check(&roots, &spoiled)?.text().contains("全部成立：没有"), "one byte");
    assert!(check(&roots, b"PK nonsense")?.text().contains("无法读取"));
    assert_eq!(check("not a root", &pack.bytes)?.status, 422);
    assert_eq!(check(&roots, b"")?.status, 422);
    let kept = console.files().iter().any(|path| path.extension().is_some_and(|end| end == "zip"));
    assert!(!kept, "nothing is kept");
    Ok(())
}
