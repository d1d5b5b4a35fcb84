//! `jieli import`: a sheet into drafts, row by row, each fault with its cell and what to do. The
//! bytes of the sheet are understood in a process of their own, see [`reader`].

use super::dial::{At, Desk};
use super::say::{FAILED, OK, Out, REFUSED, SOME_ROWS, unreadable};
use super::{Done, Fail};
use crate::ambient::SystemClock;
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jieli_gateway::sheet::job::{Answer, Job, Refused, Work};
use jieli_gateway::sheet::{Form, Limits, Mapping, SheetRefusal, known_vacancies, template};
use jieli_node::config::DeskRole;
use jieli_node::disk;
use jieli_node::world::Clock;
use jieli_proto::day::Day;
use jieli_proto::wire;
use prost::Message as _;
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

mod headings;
mod measure;
mod reader;
mod tell;

pub(super) use measure::measured;
pub(crate) use reader::Reader;
pub(super) use reader::be_reader;
pub(super) use tell::row_json;

/// Rows handed over at once: the node does other work in between.
pub(crate) const ROWS_AT_ONCE: usize = 500;
/// China Standard Time, in minutes from UTC.
const ZONE_MIN: i32 = 480;
/// Of the files that are written: they hold persons.
const PRIVATE: u32 = 0o600;

const EXITS: &str = "\
Exit codes: 0 all rows; 1 the whole sheet refused; 2 wrong use; 3 some rows refused; 4 no node, or broken off.";

/// Reads a sheet into drafts.
#[derive(Args, Debug)]
#[command(after_help = EXITS)]
pub(super) struct Import {
    /// The sheet: .xlsx, or .csv in UTF-8 or GB 18030.
    #[arg(required_unless_present_any = ["template", "forget_mapping", "measure"])]
    file: Option<PathBuf>,
    /// Reads and reports, and makes nothing; needs no running node.
    #[arg(long)]
    dry_run: bool,
    /// A heading of the office and the column it means, by a heading of the template; may be
    /// repeated. Remembered for the office when rows were imported.
    #[arg(long = "map", value_name = "HEADING=COLUMN")]
    maps: Vec<String>,
    /// Forgets the headings remembered for the office.
    #[arg(long)]
    forget_mapping: bool,
    /// If columns are refused: writes the copy without them here (.xlsx or .csv).
    #[arg(long, value_name = "OUT")]
    clean: Option<PathBuf>,
    /// Writes the sheet with case numbers and what to do here (.xlsx).
    #[arg(long, value_name = "OUT")]
    report: Option<PathBuf>,
    /// Writes the rows to be put right here (.xlsx), to be corrected and imported again.
    #[arg(long, value_name = "OUT")]
    bad_rows: Option<PathBuf>,
    /// Writes an empty sheet to fill in here (.xlsx or .csv).
    #[arg(long, value_name = "OUT", conflicts_with_all = ["file", "dry_run"])]
    template: Option<PathBuf>,
    /// Measures the reading of a made-up sheet of so many rows.
    #[arg(long, value_name = "ROWS", hide = true, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    measure: Option<u32>,
}

/// What the node says beside the sheet.
struct Known {
    desk: Option<Desk>,
    today: Day,
    vacancies: Option<BTreeSet<String>>,
}

/// What the node made of the drafts.
#[derive(Default)]
struct Sent {
    rows: Vec<wire::ImportedRow>,
    /// Why the rest is not in.
    broken_off: Option<Fail>,
}

impl Import {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        if let Some(path) = &self.template {
            return write_template(path, out);
        }
        if let Some(rows) = self.measure {
            return measure::run(measuring(), rows, out).await;
        }
        if self.forget_mapping {
            let office = at.office(DeskRole::Clerk)?;
            let there = headings::forget(&at.dir, &office)?;
            let Some(_) = &self.file else { return Ok(forgotten(there, out)) };
        }
        let Some(file) = self.file.clone() else { return Ok(OK) };
        self.import(&file, at, out).await
    }

    async fn import(&self, file: &Path, at: &At, out: Out) -> Result<Done, Fail> {
        self.check_outputs()?;
        let limits = at.config()?.import;
        let office = at.office(DeskRole::Clerk)?;
        let mapping = self.mapping(&at.dir, &office)?;
        let mut known = known(at, self.dry_run).await?;
        let bytes = read_file(file, limits.file_bytes_max)?;
        let ending = file.extension().map(|ending| ending.to_string_lossy().into_owned());
        let limits = Limits {
            file_bytes_max: limits.file_bytes_max,
            rows_max: usize::try_from(limits.rows_max).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let ending = ending.unwrap_or_default();
        let job = job(&ending, known.today, known.vacancies.take(), mapping.clone(), limits);
        let work = reader::read(&job, &bytes).await?;
        let reading = match work.answer {
            Answer::Sheet(reading) => reading,
            Answer::Refused(refused) => return Err(self.whole(&job, &bytes, &refused).await?),
            Answer::File | Answer::Walked(_) | Answer::NoJob => return Err(no_answer()),
        };
        let sent = match &mut known.desk {
            Some(desk) if !self.dry_run => {
                let drafts = wire::ImportRequest::decode(work.body.as_slice());
                send(desk, drafts.map_err(|_| no_answer())?.drafts, out).await
            }
            Some(_) | None => Sent::default(),
        };
        let some_in = sent.rows.iter().any(|row| !row.case_number.is_empty());
        let remembered = some_in && !self.maps.is_empty();
        if remembered {
            headings::save(&at.dir, &office, &mapping)?;
        }
        let mut told = tell::Told {
            reading: &reading,
            rows: &sent.rows,
            broken_off: sent.broken_off.as_ref(),
            dry_run: self.dry_run,
            mapping: &mapping,
            remembered,
            cost: work.cost,
            files: &[],
        };
        let (files, unwritten) = self.hand_back(&job, &bytes, &told, out).await;
        told.files = &files;
        told.show(out);
        // The drafts are in; a file that could not be written does not take them back.
        if let Some(fail) = sent.broken_off.as_ref().or(unwritten.as_ref()) {
            out.fail(fail);
            return Ok(Done(if sent.broken_off.is_some() { FAILED } else { fail.exit }));
        }
        Ok(if told.count().refused == 0 { OK } else { Done(SOME_ROWS) })
    }

    /// What the office called its columns before, and what it says now.
    fn mapping(&self, dir: &Path, office: &str) -> Result<Mapping, Fail> {
        let mut mapping = headings::load(dir, office)?;
        for written in &self.maps {
            mapping.add_written(written).map_err(|error| {
                let said = error.say();
                Fail::usage(
                    format!("--map {written}：{}。", said.zh),
                    format!("--map {written}: {}.", said.en),
                )
            })?;
        }
        Ok(mapping)
    }

    /// Before anything is done: nothing is overwritten, and no report is lost for its name.
    fn check_outputs(&self) -> Result<(), Fail> {
        let workbooks = [&self.report, &self.bad_rows].into_iter().flatten();
        for path in workbooks.clone() {
            if form_of(path) != Some(Form::Xlsx) {
                return Err(wrong_ending(path, ".xlsx"));
            }
        }
        if let Some(path) = self.clean.as_ref().filter(|path| form_of(path).is_none()) {
            return Err(wrong_ending(path, ".xlsx / .csv"));
        }
        for path in workbooks.chain(&self.clean) {
            if path.exists() {
                let path = path.display();
                return Err(Fail::usage(
                    format!("{path} 已存在，不会覆盖；请换一个文件名。"),
                    format!("{path} exists and is not overwritten: name another file."),
                ));
            }
        }
        Ok(())
    }

    /// The whole sheet is refused; one with forbidden or unknown columns comes back without them,
    /// where the clerk says.
    async fn whole(&self, job: &Job, bytes: &[u8], refused: &Refused) -> Result<Fail, Fail> {
        let mut fail = refusal(refused);
        if refused.columns.iter().any(|column| column.topic.is_none() && !column.heading.is_empty())
        {
            fail.zh += "只是叫法不同的列，可用 --map 表头=栏目 对应。";
            fail.en +=
                " A column that only goes by another name can be mapped: --map HEADING=COLUMN.";
        }
        let Some(path) = self.clean.as_ref().filter(|_| !refused.columns.is_empty()) else {
            return Ok(fail);
        };
        let form = form_of(path).unwrap_or(Form::Xlsx);
        let work = reader::read(&Job { work: Work::Clean(form), ..job.clone() }, bytes).await?;
        if work.answer != Answer::File {
            return Ok(fail);
        }
        disk::write_new(path, &work.body, PRIVATE).context("the cleaned copy")?;
        let names =
            refused.columns.iter().map(|column| format!("{} {}", column.cell, column.heading));
        let names = names.collect::<Vec<_>>().join("、");
        let path = path.display();
        fail.zh += &format!("已写出去除这些列的副本 {path}（去除：{names}），请核对后导入。");
        fail.en += &format!(
            " The copy without these columns is {path} (removed: {names}): check it, then import it."
        );
        Ok(fail)
    }

    /// The sheet with what became of its rows, and the rows to put right; names what was written.
    async fn hand_back(
        &self,
        job: &Job,
        bytes: &[u8],
        told: &tell::Told<'_>,
        out: Out,
    ) -> (Vec<String>, Option<Fail>) {
        let notes = told.notes(out);
        let any_wrong = notes.iter().any(|note| note.wrong);
        let mut written = Vec::new();
        for (path, wrong_only) in [(&self.report, false), (&self.bad_rows, true)] {
            let Some(path) = path.as_ref().filter(|_| any_wrong || !wrong_only) else { continue };
            let work = Work::HandBack { notes: notes.clone(), wrong_only };
            let done = async {
                let work = reader::read(&Job { work, ..job.clone() }, bytes).await?;
                match work.answer {
                    Answer::File => {}
                    Answer::Refused(refused) => return Err(refusal(&refused)),
                    Answer::Sheet(_) | Answer::Walked(_) | Answer::NoJob => return Err(no_answer()),
                }
                disk::write_new(path, &work.body, PRIVATE).context("the sheet that goes back")?;
                Ok::<_, Fail>(())
            };
            match done.await {
                Ok(()) => written.push(path.display().to_string()),
                Err(fail) => return (written, Some(fail)),
            }
        }
        (written, None)
    }
}

fn job(
    ending: &str,
    today: Day,
    vacancies: Option<BTreeSet<String>>,
    mapping: Mapping,
    limits: Limits,
) -> Job {
    let ending = ending.chars().take(8).collect();
    Job { work: Work::Read, ending, today: today.number(), vacancies, mapping, limits }
}

/// The job whose cost is measured.
pub(super) fn measuring() -> Job {
    let limits = Limits { rows_max: 20_000, ..Limits::default() };
    job("xlsx", local_today(), None, Mapping::default(), limits)
}

fn local_today() -> Day {
    Day::of_unix_ms(SystemClock.now_unix_ms(), ZONE_MIN)
}

/// A dry run works without a node; then today is this machine's, and vacancies are not checked.
async fn known(at: &At, dry_run: bool) -> Result<Known, Fail> {
    let mut desk = match at.desk(DeskRole::Clerk).await {
        Ok(desk) => desk,
        Err(_) if dry_run => {
            return Ok(Known { desk: None, today: local_today(), vacancies: None });
        }
        Err(fail) => return Err(fail),
    };
    let status = desk.status(wire::StatusRequest {}).await?.into_inner();
    let listed = desk.list_vacancies(wire::ListVacanciesRequest {}).await?.into_inner();
    let today = Day::of_unix_ms(status.now_unix_ms, ZONE_MIN);
    let vacancies = known_vacancies(&listed, today.number());
    Ok(Known { desk: Some(desk), today, vacancies })
}

/// At most one byte more than allowed, whatever the file claims to be.
fn read_file(file: &Path, bytes_max: u64) -> Result<Vec<u8>, Fail> {
    let open = std::fs::File::open(file).map_err(|error| unreadable(file, &error))?;
    let mut bytes = Vec::new();
    let mut some = open.take(bytes_max.saturating_add(1));
    some.read_to_end(&mut bytes).map_err(|error| unreadable(file, &error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(refusal(&Refused::from(&SheetRefusal::FileTooLarge { bytes_max })));
    }
    Ok(bytes)
}

/// Piece by piece. What is in stays in: rows of the same sheet are known when they come again.
async fn send(desk: &mut Desk, drafts: Vec<wire::Draft>, out: Out) -> Sent {
    let bar = progress(drafts.len(), out);
    let mut sent = Sent::default();
    for some in drafts.chunks(ROWS_AT_ONCE) {
        // The name of a file may be a person's: it stays here.
        let request = wire::ImportRequest { file_name: String::new(), drafts: some.to_vec() };
        match desk.import(request).await {
            Ok(reply) => sent.rows.extend(reply.into_inner().rows),
            Err(status) => {
                sent.broken_off = Some(status.into());
                break;
            }
        }
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    sent
}

/// On a terminal only.
fn progress(rows: usize, out: Out) -> ProgressBar {
    if out.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rows as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}");
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

fn write_template(path: &Path, out: Out) -> Result<Done, Fail> {
    let form = form_of(path).ok_or_else(|| wrong_ending(path, ".xlsx / .csv"))?;
    disk::write_new(path, &template(form), PRIVATE).context("the template")?;
    let file = path.display().to_string();
    let value = serde_json::json!({ "template": file });
    out.show(&value, || {
        out.say(
            &format!("已写出模板 {file}。填写说明见第二张工作表；身份证号一列请保持文本格式。"),
            &format!("The template is {file}; how to fill it in stands in its second worksheet."),
        )
    });
    Ok(OK)
}

fn forgotten(there: bool, out: Out) -> Done {
    out.show(&serde_json::json!({ "forgotten": there }), || {
        if there {
            out.say("已删除本机构的表头对应关系。", "The headings of the office are forgotten.")
        } else {
            out.say("本机构没有记住的表头。", "Nothing was remembered for the office.")
        }
    });
    OK
}

fn form_of(path: &Path) -> Option<Form> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "xlsx" => Some(Form::Xlsx),
        "csv" => Some(Form::Csv),
        _ => None,
    }
}

fn wrong_ending(path: &Path, endings: &str) -> Fail {
    let path = path.display();
    Fail::usage(
        format!("{path}：文件名应以 {endings} 结尾。"),
        format!("{path}: the name ends in {endings}."),
    )
}

fn no_answer() -> Fail {
    let (zh, en) =
        ("读取表格的进程没有给出结果。", "The process that reads sheets gave no answer.");
    Fail::new(FAILED, "READER", zh, en)
}

fn refusal(refused: &Refused) -> Fail {
    let (what, remedy) = (&refused.what, &refused.remedy);
    let code = format!("SHEET_{}", refused.code);
    let zh = format!("{}。{}。", what.zh, remedy.zh);
    Fail::new(REFUSED, &code, zh, format!("{}; {}.", what.en, remedy.en))
}
