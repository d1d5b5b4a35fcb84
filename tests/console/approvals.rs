//! Agreements on screen: drafted, entered by one post and approved by another, countersigned by the
//! other city, suspended and resumed.

use crate::browser::{Browser, Console};
use anyhow::{Context, Result};
use jieli_tests::{Pair, until};

/// The first address on a page that begins like this.
fn link(page: &str, begin: &str) -> Result<String> {
    let from = page.split_once(&format!("href=\"{begin}")).with_context(|| page.to_owned())?.1;
    Ok(format!("{begin}{}", from.split('"').next().unwrap_or_default()))
}

/// What stands in the field for the draft, as a browser sends it back.
fn draft(page: &str) -> Result<String> {
    let from = page.split_once("<textarea").and_then(|(_, rest)| rest.split_once('>'));
    let text = from.and_then(|(_, rest)| rest.split_once("</textarea>")).context("a draft")?.0;
    Ok(text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&"))
}

/// Presses the button with which another post approves.
fn approve(browser: &mut Browser, path: &str) -> Result<String> {
    let page = browser.open(path)?;
    let from = page.split_once("name=\"draft\" value=\"").with_context(|| page.clone())?.1;
    let id = from.split('"').next().unwrap_or_default().to_owned();
    browser.send("/partners/approve", &[("draft", &id)])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_amended_and_suspended_by_two_posts_of_each_city() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let (us, them) = (pair.origin(), pair.destination());
    let (ours, theirs) = (Console::start(us, false)?, Console::start(them, false)?);
    let mut first = ours.clerk("km-a1", "approver", "approver")?;
    let mut second = ours.clerk("km-a2", "approver", "approver-2")?;

    // One screen for all, and a page for each with its whole text.
    let list = first.open("/partners")?;
    assert!(first.open("/partners?state=suspended")?.contains("还没有协议"));
    assert!(first.open("/partners?state=active")?.contains("协作协议（1）"));
    let rows = list.split_once("<tbody>").context("a list")?.1;
    let path = link(rows, "/agreements/")?;
    let page = first.open(&path)?;
    assert!(
        page.contains("瑞安市") && page.contains("act/suspend") && page.contains("修订"),
        "{page}"
    );

    // The next version: what is wrong is said beside the text, and nothing typed is lost.
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    let text = draft(&first.open(&format!("/agreements/draft?from={id}&as=next"))?)?;
    assert!(text.contains("version = 2") && text.contains(&id), "{text}");
    let hidden = [("as", "next"), ("from", id.as_str())];
    let broken = text.replace("no_fee_to_person = true", "no_fee_to_person = false");
    assert_ne!(broken, text);
    let refused = first.post("/agreements/draft", &[&hidden[..], &[("text", &broken)]].concat())?;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("no_fee_to_person = false"));
    assert!(refused.text().contains("href=\"#text\""));
    let longer = text.replace("wind_down_days = 60", "wind_down_days = 90");
    assert_ne!(longer, text);
    let entered = first.send("/agreements/draft", &[&hidden[..], &[("text", &longer)]].concat())?;
    assert!(entered.contains("另一个岗位的同事"), "{entered}");

    // On the list the sentence stands before a button of one word, and a date stays on one line.
    let list = second.open("/partners")?;
    assert!(list.contains(" · ") && list.contains("<button class=\"second\">批准</button>"));
    assert!(list.contains("<span class=\"whole\">20"), "{list}");

    // Nobody is the second pair of eyes of the own act.
    assert!(approve(&mut first, &path).is_err());
    approve(&mut second, &path)?;

    // The other city reads it and says which version it means.
    let mut signer = theirs.clerk("ra-a1", "approver", "approver")?;
    let mut other = theirs.clerk("ra-a2", "approver", "approver-2")?;
    until("the proposal", async || Ok(signer.open(&path)?.contains(" 90 天"))).await?;
    let act = format!("{path}/act/countersign");
    let page = signer.open(&act)?;
    assert!(page.contains("value=\"2\""), "{page}");
    let check = signer.post(&act, &[("version", "2")])?.text();
    assert!(check.contains("通读全文") && check.contains("name=\"send\""), "{check}");
    signer.send(&act, &[("version", "2"), ("send", "yes")])?;
    approve(&mut other, &path)?;
    until("the second version", async || {
        Ok(first.open(&path)?.contains("<dt>版本</dt><dd>2</dd>"))
    })
    .await?;

    // Suspended, filtered, resumed.
    let act = format!("{path}/act/suspend");
    first.open(&act)?;
    first.send(&act, &[("send", "yes")])?;
    approve(&mut second, &path)?;
    assert!(first.open("/partners?state=suspended")?.contains("协作协议（1）"));
    let page = first.open(&path)?;
    assert!(page.contains("act/resume") && !page.contains("act/suspend"), "{page}");
    let act = format!("{path}/act/resume");
    first.open(&act)?;
    first.send(&act, &[("send", "yes")])?;
    approve(&mut second, &path)?;
    assert!(first.open(&path)?.contains("act/suspend"));
    let missing = first.post(&format!("{path}/act/terminate"), &[("send", "yes")])?;
    assert!(missing.status == 422 && missing.text().contains("href=\"#on\""));

    // A new one: like this one, or from nothing.
    first.open("/agreements/new")?;
    let page = first.send("/agreements/new", &[("city", "ruian.zj"), ("from", &id)])?;
    let copy = draft(&page)?;
    assert!(copy.contains("ruian.zj") && !copy.contains(&id), "{copy}");
    first.open("/agreements/new")?;
    let empty = draft(&first.send("/agreements/new", &[("city", "ruian.zj")])?)?;
    assert!(empty.contains("city = \"kunming.yn\"") && empty.contains("city = \"ruian.zj\""));

    // A clerk reads it and is offered nothing.
    let mut clerk = ours.clerk("km-01", "sending", "clerk")?;
    let page = clerk.open(&path)?;
    assert!(page.contains("协议全文") && !page.contains("/act/"));
    assert!(!page.contains("/partners/approve"));
    assert_eq!(clerk.get(&format!("{path}/act/suspend"))?.status, 403);
    Ok(())
}
