//! `cargo demo`: two cities on one machine, each its own process with its own port, directory,
//! keys and database.

use anyhow::{Context, Result};
use city::{City, Plan};
use clock::FileClock;
use jieli_node::config::{Database, DeskRole};
use jieli_proto::calendar::Calendar;
use jieli_proto::day::Day;
use narrate::Narrator;
use std::path::Path;
use story::Story;

pub mod city;
pub mod clock;
pub mod narrate;
pub mod story;

/// Monday 2026-11-23, 10:00 in China.
const START: (u32, u32, u32) = (2026, 11, 23);
const HOUR_MS: u64 = 3_600_000;
const CALENDAR: &str = include_str!("../../../proto/packs/calendar-cn-2026.json");

/// Tells the story, in a scratch directory or in `keep`. With `once` it ends there; else both
/// cities run on until Ctrl-C, for anyone to try.
pub async fn tell(json: bool, keep: Option<&Path>, once: bool) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let dir = keep.unwrap_or(scratch.path());
    std::fs::create_dir_all(dir)?;
    let databases = [Database::Sqlite, Database::Sqlite];
    let program = std::env::current_exe()?;
    let mut story = begin(dir, &program, databases, Narrator::new(json)).await?;
    story.tell().await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&story.narrator.json())?);
    } else {
        let caveat = jieli_proto::words::NOT_PROOF_OF_FREEDOM;
        println!("\n{}\n{}", caveat.zh, caveat.en);
    }
    if !once {
        let dir = dir.display();
        println!(
            "\n两座城市还在运行，Ctrl-C 结束。试试：\nBoth cities run on; Ctrl-C ends them. Try:\n  \
             cargo run -q -p jieli -- --dir {dir}/ruian --as window case list\n  \
             cargo run -q -p jieli -- --dir {dir}/kunming --as operator status"
        );
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

/// Starts both cities in a directory, on a Monday morning, each on its database.
pub async fn begin(
    dir: &Path,
    program: &Path,
    [first, second]: [Database; 2],
    narrator: Narrator,
) -> Result<Story> {
    let calendar = Calendar::from_json(CALENDAR).context("the built-in calendar")?;
    let clock = dir.join("clock");
    let (year, month, day) = START;
    let start = Day::new(year, month, day).context("a date")?;
    FileClock::set(&clock, start.start_unix_ms(calendar.zone_offset_min()) + 10 * HOUR_MS)?;
    let kunming = kunming(program, first);
    let ruian = ruian(program, second);
    let origin = City::start(&dir.join("kunming"), &clock, kunming).await?;
    let destination = City::start(&dir.join("ruian"), &clock, ruian).await?;
    Ok(Story::new(origin, destination, clock, calendar, narrator))
}

/// The posts of the approver tokens of a city of the demo, as the sample agreement names them.
pub fn approver_posts(city: &str) -> [&'static str; 2] {
    if city == "kunming.yn" {
        ["人社局局长", "法制科科长"]
    } else {
        ["分管副市长", "法制科科长"]
    }
}

/// Kunming, which sends.
pub fn kunming(program: &Path, database: Database) -> Plan {
    Plan {
        id: "kunming.yn",
        name: "昆明市",
        tokens: vec![
            ("operator", DeskRole::Operator, "11999999MB0000043B"),
            ("approver", DeskRole::Approver, "11999999MB0000019T"),
            ("approver-2", DeskRole::Approver, "11999999MB0000019T"),
            ("clerk", DeskRole::Clerk, "11999999MB0000019T"),
            ("window", DeskRole::Clerk, "11999999MB0000043B"),
            ("compliance", DeskRole::Compliance, "11999999MB00000516"),
        ],
        database,
        program: program.to_owned(),
    }
}

/// Ruian, which receives.
pub fn ruian(program: &Path, database: Database) -> Plan {
    Plan {
        id: "ruian.zj",
        name: "瑞安市",
        tokens: vec![
            ("operator", DeskRole::Operator, "11999999MB0000158H"),
            ("approver", DeskRole::Approver, "11999999MB00001154"),
            ("approver-2", DeskRole::Approver, "11999999MB00001154"),
            ("clerk", DeskRole::Clerk, "11999999MB00001154"),
            ("window", DeskRole::Clerk, "11999999MB0000158H"),
            ("medical", DeskRole::Clerk, "11999999MB0000131R"),
            ("compliance", DeskRole::Compliance, "11999999MB0000166C"),
        ],
        database,
        program: program.to_owned(),
    }
}
