//! Handing over, taking over, standing in, and a statement that the person asks for: on screen.

use crate::browser::Console;
use crate::desks::{arrived, step};
use anyhow::Result;
use jieli_tests::{Pair, Seeded};
use std::fmt::Write as _;

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_handed_over_and_somebody_stands_in() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let there = arrived(&pair).await?;
    let city = pair.destination();
    city.crash()?;
    let file = city.dir.join("jieli.toml");
    let mut text = std::fs::read_to_string(&file)?;
    let office = "11999999MB0000123Y";
    write!(
        text,
        "\n[[desk.tokens]]\nname = \"school-2\"\nrole = \"clerk\"\noffice = \"{office}\"\n"
    )?;
    std::fs::write(&file, text)?;
    jieli_node::tokens::make(&city.dir, "school-2", &Seeded::new(7))?;
    city.restart().await?;
    let console = Console::start(city, false)?;
    let mut school = console.clerk("ra-11", "receiving", "school")?;
    let mut other = console.clerk("ra-12", "receiving", "school-2")?;
    let path = format!("/cases/{there}");
    assert!(!school.open(&path)?.contains("/hand-over"), "nobody has taken it up");
    step(&mut school, &there, 1, "take-up", &[])?;

    // Handed over, and taken over: until then who handed it over answers for it.
    let page = school.open(&path)?;
    assert!(page.contains("/1/hand-over") && page.contains("/1/statement"), "{page}");
    assert!(!other.open(&path)?.contains("接手这一项"));
    let page = school.open(&format!("{path}/1/hand-over"))?;
    assert!(
        page.contains("school-2") && !page.contains("value=\"home\""),
        "the own office's alone"
    );
    school.send(&format!("{path}/1/hand-over"), &[("to", "school-2")])?;
    let page = other.open(&path)?;
    assert!(page.contains("接手这一项"), "{page}");
    other.send(&format!("{path}/1/take-over"), &[])?;
    assert!(other.open(&path)?.contains("/1/hand-over"));
    assert!(!school.open(&path)?.contains("/1/hand-over"));

    // Standing in, from a day to a day; the node says what cannot be, beside the field.
    let page = school.open("/stand-ins")?;
    assert!(page.contains("本机构没有代班") && page.contains("school-2"), "{page}");
    let wrong = [("stand_in", "school-2"), ("from", "2026-12-01"), ("to", "2027-12-01")];
    let refused = school.post("/stand-ins", &wrong)?;
    assert!(refused.status == 422 && refused.text().contains("href=\"#to\""), "{}", refused.text());
    let days = [("stand_in", "school-2"), ("from", "2026-12-01"), ("to", "2026-12-04")];
    let page = school.send("/stand-ins", &days)?;
    assert!(page.contains("2026年12月4日") && page.contains("提前结束"), "{page}");
    let id = page.split_once("name=\"id\" value=\"").map_or("", |(_, rest)| rest);
    let id = id.split('"').next().unwrap_or_default().to_owned();
    let page = school.send("/stand-ins/end", &[("id", id.as_str())])?;
    assert!(page.contains("本机构没有代班"), "{page}");

    // A statement is asked of the person; no desk can print it.
    other.open(&format!("{path}/1/statement"))?;
    let fields = [("fact", "STATEMENT_FACT_ENROLLED_SINCE"), ("since", "2026-09-01")];
    let answer = other.post(&format!("{path}/1/statement"), &fields)?;
    assert!(matches!(answer.status, 200 | 422), "{}", answer.text());
    assert!(!answer.text().contains("JIELI1:") && !answer.text().contains("示例"));
    Ok(())
}
