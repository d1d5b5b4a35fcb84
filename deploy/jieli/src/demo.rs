//! `cargo demo`: three cities on one machine, each its own process with its own port, directory,
//! keys and database.

use anyhow::{Context, Result};
use city::{City, Plan};
use clock::FileClock;
use jieli_node::config::{Database, DeskRole};
use jieli_proto::calendar::Calendar;
use jieli_proto::day::Day;
use narrate::Narrator;
use std::path::Path;
use std::sync::Arc;
use story::Story;

pub mod city;
pub mod clock;
mod desks;
pub mod narrate;
pub mod show;
pub mod story;

/// Monday 2026-11-23, 10:00 in China.
const START: (u32, u32, u32) = (2026, 11, 23);
/// What a demo makes in its directory: the clock that all read, and a directory for each city.
const CLOCK: &str = "clock";
/// Begins the name of a directory in which it was started over.
const AGAIN: &str = "again-";
const PLACES: [&str; 3] = ["kunming", "ruian", "chengdu"];
const HOUR_MS: u64 = 3_600_000;
const CALENDAR: &str = include_str!("../../../proto/packs/calendar-cn-2026.json");

/// The cities of the demo.
pub struct Cities {
    /// Sends.
    pub kunming: City,
    /// Receives.
    pub ruian: City,
    /// Receives, and knows nothing of Ruian.
    pub chengdu: City,
}

impl Cities {
    /// All three, the sender first.
    pub fn all(&self) -> [&City; 3] {
        [&self.kunming, &self.ruian, &self.chengdu]
    }
}

/// Tells the story once, in a scratch directory or in `keep`.
pub async fn tell(json: bool, keep: Option<&Path>) -> Result<()> {
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
    Ok(())
}

/// Removes what an earlier demo left in a directory, and nothing else.
pub fn reset(dir: &Path) -> Result<()> {
    if !dir.join(CLOCK).is_file() {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (name, place) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        let ours = PLACES.contains(&name.as_ref()) || name.starts_with(AGAIN);
        if ours && place.is_dir() {
            std::fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
        }
    }
    Ok(std::fs::remove_file(dir.join(CLOCK))?)
}

/// Starts the cities in a directory, on a Monday morning; Kunming and Ruian on these databases.
pub async fn begin(
    dir: &Path,
    program: &Path,
    [first, second]: [Database; 2],
    narrator: Narrator,
) -> Result<Story> {
    let calendar = Calendar::from_json(CALENDAR).context("the built-in calendar")?;
    let clock = dir.join(CLOCK);
    if clock.exists() {
        let dir = dir.display();
        anyhow::bail!(
            "{dir} 里已有一次演示：请换一个目录，或加 --reset 清掉它。 {dir} holds an earlier demo: take another \
             directory, or add --reset to remove it."
        );
    }
    let (year, month, day) = START;
    let start = Day::new(year, month, day).context("a date")?;
    FileClock::set(&clock, start.start_unix_ms(calendar.zone_offset_min()) + 10 * HOUR_MS)?;
    let places = PLACES.map(|name| dir.join(name));
    let (kunming, ruian, chengdu) = tokio::try_join!(
        City::start(&places[0], &clock, kunming(program, first)),
        City::start(&places[1], &clock, ruian(program, second)),
        City::start(&places[2], &clock, chengdu(program)),
    )?;
    let cities = Arc::new(Cities { kunming, ruian, chengdu });
    Ok(Story::new(cities, clock, calendar, narrator))
}

/// The employer of the first vacancy of the sample.
pub const EMPLOYER: &str = "91999999MA00002012";

/// The post of the liaison token of a city of the demo, as the sample agreements name it.
pub fn liaison_post(city: &str) -> &'static str {
    match city {
        "kunming.yn" => "就业促进科科长",
        _ => "就业服务科科长",
    }
}

/// The posts of the approver tokens of a city of the demo, as the sample agreements name them.
pub fn approver_posts(city: &str) -> [&'static str; 2] {
    match city {
        "kunming.yn" => ["人社局局长", "法制科科长"],
        "chengdu.sc" => ["分管副市长", "法制处处长"],
        _ => ["分管副市长", "法制科科长"],
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
            ("helper", DeskRole::Helper, "11999999MB00000604"),
            ("union", DeskRole::Window, "11999999MB00000604"),
            ("liaison", DeskRole::Liaison, "11999999MB0000019T"),
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
            ("school", DeskRole::Clerk, "11999999MB0000123Y"),
            ("home", DeskRole::Clerk, "11999999MB0000140P"),
            ("union", DeskRole::Window, "11999999MB00001747"),
            ("helper", DeskRole::Helper, "11999999MB00001747"),
            ("employer", DeskRole::Employer, "11999999MB00001154"),
            ("liaison", DeskRole::Liaison, "11999999MB00001154"),
            ("compliance", DeskRole::Compliance, "11999999MB0000166C"),
        ],
        database,
        program: program.to_owned(),
    }
}

/// Chengdu, which receives too.
pub fn chengdu(program: &Path) -> Plan {
    Plan {
        id: "chengdu.sc",
        name: "成都市",
        tokens: vec![
            ("operator", DeskRole::Operator, "11999999MB0000254T"),
            ("approver", DeskRole::Approver, "11999999MB0000211D"),
            ("approver-2", DeskRole::Approver, "11999999MB0000211D"),
            ("clerk", DeskRole::Clerk, "11999999MB0000211D"),
            ("window", DeskRole::Clerk, "11999999MB0000254T"),
            ("school", DeskRole::Clerk, "11999999MB000022X5"),
            ("home", DeskRole::Clerk, "11999999MB00002460"),
            ("compliance", DeskRole::Compliance, "11999999MB0000262M"),
        ],
        database: Database::Sqlite,
        program: program.to_owned(),
    }
}
