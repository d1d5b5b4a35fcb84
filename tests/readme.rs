//! Every command of the README runs, in its order, as a stranger would type it: two cities in two
//! directories. What the page leaves to its reader (ports, codes, groups heard on the telephone) is
//! filled in here; the cities run by a clock that can be moved, for the page's dates are those of
//! November 2026.

#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result, bail, ensure};
use jieli::demo::city::free_port;
use jieli::demo::clock::FileClock;
use jieli_node::public::spoken;
use jieli_node::world::Clock;
use jieli_proto::id::Digest;
use jieli_tests::Sms;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

#[path = "readme/page.rs"]
mod page;

use page::{Line, Who};

/// Monday 2026-11-23, 10:00 in China.
const START_MS: u64 = 1_795_399_200_000;
const MINUTE_MS: u64 = 60_000;
const PASSPHRASE: &str = "a long passphrase";
/// The document of the second worker of the sheet, who goes to a window.
const IN_HAND: &str = "999999198011111801";
/// Files that the page speaks of, and where they lie in the project.
const FILES: [(&str, &str); 6] = [
    ("agreement.toml", "deploy/sample/agreement.toml"),
    ("offices.toml", "deploy/sample/offices.toml"),
    ("case-home.toml", "deploy/sample/case-home.toml"),
    ("vacancies.toml", "deploy/sample/vacancies.toml"),
    ("roster.xlsx", "gateway/fixtures/sheets/roster-300.xlsx"),
    ("名单.xlsx", "gateway/fixtures/sheets/messy-60.xlsx"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_runs() -> Result<()> {
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    let lines = page::lines(&readme);
    ensure!(lines.len() > 30, "the page shows {} commands", lines.len());
    for line in page::unprompted(&readme) {
        let run_by_tests_run = ["cargo demo", "tests/run", "export JIELI_PASSPHRASE"];
        ensure!(run_by_tests_run.iter().any(|known| line.starts_with(known)), "{line}");
    }
    let mut walk = Walk::new()?;
    for line in &lines {
        walk.step(line).await.with_context(|| format!("{line}"))?;
    }
    Ok(())
}

/// The project's directory.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One city of the walk.
struct Town {
    dir: PathBuf,
    child: Option<Child>,
    ports: [u16; 3],
}

struct Walk {
    _dir: tempfile::TempDir,
    clock: PathBuf,
    towns: [Town; 2],
    /// What a code of the page stands for, by case and code.
    codes: BTreeMap<(String, String), String>,
    /// The sitting that a window opened last.
    sitting: String,
    /// The code of a grievance, as it was shown once.
    kept: String,
}

impl Walk {
    fn new() -> Result<Walk> {
        let dir = tempfile::tempdir()?;
        let clock = dir.path().join("clock");
        FileClock::set(&clock, START_MS)?;
        let town = |name: &str| -> Result<Town> {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir)?;
            for (there, here) in FILES {
                std::fs::copy(root().join(here), dir.join(there))?;
            }
            let mut ports = [0; 3];
            for port in &mut ports {
                *port = free_port()?.port();
            }
            Ok(Town { dir, child: None, ports })
        };
        let towns = [town("km")?, town("ra")?];
        Ok(Walk {
            _dir: dir,
            clock,
            towns,
            codes: BTreeMap::new(),
            sitting: String::new(),
            kept: String::new(),
        })
    }

    /// Types one command, and waits until it has done what the page says.
    async fn step(&mut self, line: &Line) -> Result<()> {
        if line.text == "jieli node serve" {
            return self.serve().await;
        }
        let at = usize::from(line.who == Who::Ruian);
        if line.text.contains("--clean") {
            let forbidden = root().join("gateway/fixtures/sheets/forbidden-columns.xlsx");
            std::fs::copy(forbidden, self.towns[at].dir.join("名单.xlsx"))?;
        }
        let typed = self.fill(at, &line.text).await?;
        let allowed: &[i32] = match () {
            // Refused whole, with the copy that is clean.
            () if typed.contains("--clean") => &[1],
            // Some rows of that sheet are to be corrected.
            () if typed.contains("名单.xlsx") => &[0, 3],
            () => &[0],
        };
        let input = self.input(&typed);
        for turn in 0_u64.. {
            let out = self.run(at, &typed, &input)?;
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            if out.status.code().is_some_and(|code| allowed.contains(&code)) {
                self.has_written(at, &typed)?;
                if let Some((_, code)) = text.split_once("查询码 ") {
                    self.kept = code.chars().take(29).collect();
                }
                if let Some(sitting) = hex_of(&text, 32) {
                    self.sitting = sitting;
                }
                return Ok(());
            }
            let why = String::from_utf8_lossy(&out.stderr).into_owned();
            ensure!(turn < 120, "exit {:?}\n{text}\n{why}", out.status.code());
            self.later(1).await?;
        }
        Ok(())
    }

    /// Both cities run, by the clock of the walk.
    async fn serve(&mut self) -> Result<()> {
        for town in &mut self.towns {
            let log = std::fs::File::create(town.dir.join("node.log"))?;
            let child = Command::new(jieli_tests::program()?)
                .args(["demo-city", "--clock"])
                .arg(&self.clock)
                .current_dir(&town.dir)
                .env("JIELI_PASSPHRASE", PASSPHRASE)
                .stdin(Stdio::piped())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()?;
            town.child = Some(child);
        }
        for at in [0, 1] {
            for turn in 0.. {
                if self.run(at, "jieli status", "")?.status.success() {
                    break;
                }
                let log = std::fs::read_to_string(self.towns[at].dir.join("node.log"))?;
                ensure!(turn < 200, "the node does not start\n{log}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// One minute of the cities' time in a tenth of a second of ours.
    async fn later(&self, minutes: u64) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now_ms = FileClock::open(&self.clock).now_unix_ms();
        FileClock::set(&self.clock, now_ms + minutes * MINUTE_MS)?;
        Ok(())
    }

    fn run(&self, at: usize, typed: &str, input: &str) -> Result<Output> {
        let path = jieli_tests::program()?.parent().context("a directory")?.to_owned();
        let old = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(typed)
            .current_dir(&self.towns[at].dir)
            .env("PATH", format!("{}:{old}", path.display()))
            .env("JIELI_PASSPHRASE", PASSPHRASE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        use std::io::Write as _;
        // A command that reads nothing closes its end.
        let _ = child.stdin.take().context("stdin")?.write_all(input.as_bytes());
        Ok(child.wait_with_output()?)
    }

    /// What the command was to write is there.
    fn has_written(&self, at: usize, typed: &str) -> Result<()> {
        let words: Vec<&str> = typed.split_whitespace().collect();
        for pair in words.windows(2) {
            let [option, file] = [pair[0], pair[1]];
            if ["--out", "--clean", "--report", "--bad-rows", "--template"].contains(&option) {
                ensure!(self.towns[at].dir.join(file).exists(), "{option} {file} is not there");
            }
        }
        Ok(())
    }

    /// What the person types where the command asks.
    fn input(&self, typed: &str) -> String {
        if typed.contains("worker pin set") {
            return "246813\n246813\n".to_owned();
        }
        if typed.contains("worker grievance file") {
            return "1\n1\n收了两千元\n1\n".to_owned();
        }
        if typed.contains("worker grievance status") {
            return format!("{}\n", self.kept);
        }
        if typed.contains("grievance answer") {
            return "请周三上午来\n".to_owned();
        }
        if typed.contains("worker window open") {
            return format!("{IN_HAND}\n");
        }
        if typed.contains("worker window answer") {
            return "1\n\n".to_owned();
        }
        String::new()
    }

    /// Puts in what the page leaves to its reader.
    async fn fill(&mut self, at: usize, text: &str) -> Result<String> {
        let mut typed = text.to_owned();
        for (host, at) in [("km.example:7400", 0), ("ra.example:7400", 1)] {
            let [peer, desk, worker] = self.towns[at].ports;
            let here = format!(
                "127.0.0.1:{peer} --peer-address 127.0.0.1 --peer-port {peer} --desk-port {desk} \
                 --worker-port {worker} --clock {}",
                self.clock.display()
            );
            typed = typed.replace(host, &here);
        }
        // Files that the other city sends.
        for name in ["invite.json", "answer.json"] {
            let there = self.towns[1 - at].dir.join(name);
            let here = self.towns[at].dir.join(name);
            if typed.contains(&format!("accept {name}")) && there.exists() && !here.exists() {
                std::fs::copy(there, here)?;
            }
        }
        while let Some((from, to)) = placeholder(&typed) {
            let filled = self.meant(at, &typed[from + 1..to]).await?;
            typed.replace_range(from..=to, &filled);
        }
        // A stranger's clock is that of the cities, not this machine's.
        let is_file = !typed.contains("--slip") && !typed.contains("--letter");
        if typed.starts_with("jieli verify ") && is_file {
            let now_s = FileClock::open(&self.clock).now_unix_ms() / 1_000;
            typed = format!("{typed} --at {now_s}");
        }
        self.put_codes(at, typed).await
    }

    /// What stands for `<name>`.
    async fn meant(&mut self, at: usize, name: &str) -> Result<String> {
        let of = usize::from(name.contains("Ruian"));
        if name.contains("groups") || name.contains("fingerprint") {
            let file = self.towns[of].dir.join("public.json");
            let public: Value = serde_json::from_slice(&std::fs::read(file)?)?;
            let fpr = public["root_fpr"].as_str().context("root_fpr")?;
            let heard = || Digest::from_hex(fpr).map(|fpr| spoken(&fpr).join(" "));
            let groups = name.contains("groups").then(heard).flatten();
            return Ok(groups.unwrap_or_else(|| fpr.to_owned()));
        }
        match name {
            "id" | "draft" => {
                for _ in 0..100 {
                    let out = self.run(at, "jieli agreement list --json", "")?;
                    let all: Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
                    let found = match name {
                        "id" => &all[0]["agreement_id"],
                        _ => &all[0]["waiting"][0]["draft_id"],
                    };
                    if let Some(found) = found.as_str() {
                        return Ok(found.to_owned());
                    }
                    self.later(0).await?;
                }
                bail!("no <{name}>")
            }
            "hex" => Ok(self.sitting.clone()),
            "record" => {
                let out = self.run(at, "jieli --as union-body grievance list --json", "")?;
                let all: Value = serde_json::from_slice(&out.stdout)?;
                let found = all["records"][0]["record"].as_str();
                Ok(found.context("no <record>")?.to_owned())
            }
            "request" | "digest" => {
                let out = self.run(at, "jieli second list --json", "")?;
                let all: Value = serde_json::from_slice(&out.stdout)?;
                let key = if name == "request" { "id" } else { "shown_digest" };
                let found = all["requests"][0][key].as_str();
                Ok(found.with_context(|| format!("no <{name}>"))?.to_owned())
            }
            _ => bail!("the page says <{name}>, which nobody can fill in"),
        }
    }

    /// The codes of the page, each for the one that came to the phone of that case, or that stands on
    /// the paper made last.
    async fn put_codes(&mut self, at: usize, typed: String) -> Result<String> {
        let Some(shown) = digits_after(&typed, "code ") else { return Ok(typed) };
        let case = case_of(&typed).context("a code without a case")?;
        let key = (case.clone(), shown.clone());
        for _ in 0..150 {
            let found = match self.codes.get(&key) {
                Some(code) => Some(code.clone()),
                None if typed.contains("--slip-code") => self.printed(at, "slip.html"),
                None if typed.contains("letter answer") => self.printed(at, "letter.html"),
                None => self.newest_code(at, &case),
            };
            if let Some(code) = found {
                self.codes.insert(key, code.clone());
                return Ok(typed.replace(&shown, &code));
            }
            // Notices go out by day, spread over two hours.
            self.later(10).await?;
        }
        bail!("no code for case {case}")
    }

    /// The newest code of a case that stands for no other code of the page.
    fn newest_code(&self, at: usize, case: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.towns[at].dir.join("notices.jsonl")).ok()?;
        let all = text.lines().filter_map(|line| serde_json::from_str::<Sms>(line).ok());
        let mut codes = all.filter(|sms| sms.case() == case).map(|sms| sms.code());
        let used: Vec<&String> = self.codes.values().collect();
        codes.rfind(|code| !code.is_empty() && !used.contains(&code))
    }

    /// The first code on a printed page: `1234 5678`.
    fn printed(&self, at: usize, page: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.towns[at].dir.join(page)).ok()?;
        let (_, rest) = text.split_once("class=\"code\">")?;
        let (code, _) = rest.split_once('<')?;
        Some(code.replace(' ', ""))
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        for child in self.towns.iter_mut().filter_map(|town| town.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where the next `<..>` begins and ends; not a redirection.
fn placeholder(text: &str) -> Option<(usize, usize)> {
    let from = text.find('<')?;
    Some((from, from + text[from..].find('>')?))
}

/// The eight digits after a word.
fn digits_after(text: &str, word: &str) -> Option<String> {
    text.split(word).skip(1).find_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (digits.len() == 8).then_some(digits)
    })
}

/// A case number: `2026-000001`.
fn case_of(text: &str) -> Option<String> {
    text.split_whitespace()
        .find(|word| word.len() == 11 && word.as_bytes()[4] == b'-')
        .map(str::to_owned)
}

/// A run of so many hex digits.
fn hex_of(text: &str, digits: usize) -> Option<String> {
    let mut runs = text.split(|c: char| !c.is_ascii_hexdigit());
    runs.find(|run| run.len() == digits).map(str::to_owned)
}
