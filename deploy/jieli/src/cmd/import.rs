//! `jieli import`: a sheet into drafts, row by row, each fault with its cell and what to do.

use super::dial::{At, Desk};
use super::say::{OK, Out, REFUSED, SOME_ROWS, bytes_of, unreadable};
use super::{Done, Fail};
use crate::ambient::SystemClock;
use clap::Args;
use jieli_gateway::drafts::{draft, told_only};
use jieli_gateway::sheet::{self, Finding, Limits, Options, Severity, Sheet, SheetRefusal};
use jieli_node::config::DeskRole;
use jieli_node::world::Clock;
use jieli_proto::day::Day;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rows handed over at once: the node does other work in between.
const ROWS_AT_ONCE: usize = 200;
/// China Standard Time, in minutes from UTC.
const ZONE_MIN: i32 = 480;

/// Reads a sheet into drafts.
#[derive(Args, Debug)]
pub(super) struct Import {
    /// The sheet: .xlsx, or .csv in UTF-8 or GB 18030.
    file: PathBuf,
    /// Reads and reports, and makes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What the node says beside the sheet.
struct Known {
    desk: Option<Desk>,
    today: Day,
    vacancies: Option<BTreeSet<String>>,
}

impl Import {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let limits = at.config()?.import;
        let mut known = known(at, self.dry_run).await?;
        let options = Options {
            today: known.today,
            known_vacancies: known.vacancies.take(),
            limits: Limits {
                file_bytes_max: limits.file_bytes_max,
                rows_max: usize::try_from(limits.rows_max).unwrap_or(usize::MAX),
                ..Limits::default()
            },
        };
        let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let bytes = read(&self.file, limits.file_bytes_max)?;
        let sheet = match sheet::read(&bytes, &name, &options) {
            Ok(sheet) => sheet,
            Err(refusal) => return Err(whole(&self.file, &bytes, &name, &refusal, &options)),
        };
        let rows = match known.desk {
            Some(mut desk) if !self.dry_run => import(&mut desk, &sheet, &name).await?,
            Some(_) | None => Vec::new(),
        };
        Ok(report(&sheet, &rows, self.dry_run, out))
    }
}

/// A dry run works without a node; then today is this machine's, and vacancies are not checked.
async fn known(at: &At, dry_run: bool) -> Result<Known, Fail> {
    let mut desk = match at.desk(DeskRole::Clerk).await {
        Ok(desk) => desk,
        Err(_) if dry_run => {
            let today = Day::of_unix_ms(SystemClock.now_unix_ms(), ZONE_MIN);
            return Ok(Known { desk: None, today, vacancies: None });
        }
        Err(fail) => return Err(fail),
    };
    let status = desk.status(wire::StatusRequest {}).await?.into_inner();
    let listed = desk.list_vacancies(wire::ListVacanciesRequest {}).await?.into_inner();
    let terms = listed.vacancies.into_iter().filter_map(|vacancy| vacancy.terms);
    let vacancies: BTreeSet<String> = terms.map(|terms| terms.reference).collect();
    let today = Day::of_unix_ms(status.now_unix_ms, ZONE_MIN);
    // Where nothing was announced yet there is nothing to check against, and the sheet says so.
    let vacancies = (!vacancies.is_empty()).then_some(vacancies);
    Ok(Known { desk: Some(desk), today, vacancies })
}

fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>, Fail> {
    let len = std::fs::metadata(file).map_err(|error| unreadable(file, &error))?.len();
    if len > bytes_max {
        let what = SheetRefusal::FileTooLarge { bytes_max };
        return Err(refused(&what, ""));
    }
    bytes_of(file)
}

/// The whole sheet is refused; one with forbidden or unknown columns comes back without them.
fn whole(file: &Path, bytes: &[u8], name: &str, refusal: &SheetRefusal, options: &Options) -> Fail {
    let SheetRefusal::Columns(_) = refusal else { return refused(refusal, "") };
    let copy = file.with_extension("cleaned.csv");
    let written = sheet::cleaned_copy(bytes, name, &options.limits)
        .ok()
        .filter(|clean| write_new(&copy, clean).is_ok());
    match written {
        Some(_) => refused(refusal, &copy.display().to_string()),
        None => refused(refusal, ""),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    std::io::Write::write_all(&mut file, bytes)
}

fn refused(refusal: &SheetRefusal, copy: &str) -> Fail {
    let (what, remedy) = (refusal.what(), refusal.remedy());
    let (mut zh, mut en) =
        (format!("{}。{}。", what.zh, remedy.zh), format!("{}; {}.", what.en, remedy.en));
    if !copy.is_empty() {
        zh += &format!("已写出清理后的副本：{copy}");
        en += &format!(" The cleaned copy is {copy}.");
    }
    Fail::new(REFUSED, "SHEET_REFUSED", zh, en)
}

async fn import(
    desk: &mut Desk,
    sheet: &Sheet,
    name: &str,
) -> Result<Vec<wire::ImportedRow>, Fail> {
    let mut rows = Vec::new();
    let drafts: Vec<wire::Draft> = sheet.rows.iter().map(draft).collect();
    // A row with nothing but cover to be transferred makes no case here.
    let drafts: Vec<wire::Draft> = drafts.into_iter().filter(|d| !d.legs.is_empty()).collect();
    for some in drafts.chunks(ROWS_AT_ONCE) {
        let request = wire::ImportRequest { file_name: name.to_owned(), drafts: some.to_vec() };
        rows.extend(desk.import(request).await?.into_inner().rows);
    }
    Ok(rows)
}

fn report(sheet: &Sheet, rows: &[wire::ImportedRow], dry_run: bool, out: Out) -> Done {
    let made = rows.iter().filter(|row| row.code == "draft").count();
    let again = rows.iter().filter(|row| row.code == "duplicate").count();
    let refused_here = sheet.faulty_rows();
    let refused_there = rows.len() - made - again;
    let insurance = sheet.rows.iter().filter(|row| told_only(row)).count();
    let value = json!({
        "dry_run": dry_run,
        "rows_read": sheet.rows_read,
        "readable": sheet.rows.len(),
        "drafts": made,
        "duplicates": again,
        "refused": refused_here.len() + refused_there,
        "insurance_rows_told_only": insurance,
        "rows": rows.iter().map(row_json).collect::<Vec<_>>(),
        "findings": sheet.findings.iter().map(finding_json).collect::<Vec<_>>(),
    });
    out.show(&value, || {
        let mut lines: Vec<String> = sheet.findings.iter().map(finding_text).collect();
        lines.extend(rows.iter().map(row_text));
        lines.push(format!(
            "读到 {} 行：可用 {}，草稿 {made}，重复 {again}，未导入 {}。 {} rows: {} readable, \
             {made} drafts, {again} already here, {} refused.",
            sheet.rows_read,
            sheet.rows.len(),
            refused_here.len() + refused_there,
            sheet.rows_read,
            sheet.rows.len(),
            refused_here.len() + refused_there,
        ));
        if insurance > 0 {
            lines.push(format!(
                "{insurance} 行填写了医保：由转入地窗口申请转入，本表不发出。 {insurance} rows name \
                 medical insurance: the receiving city asks for it; nothing is sent from here."
            ));
        }
        lines.join("\n")
    });
    if refused_here.is_empty() && refused_there == 0 { OK } else { Done(SOME_ROWS) }
}

pub(super) fn row_json(row: &wire::ImportedRow) -> Value {
    json!({
        "row": row.row,
        "case_number": row.case_number,
        "code": row.code,
        "say_zh": row.say_zh,
        "say_en": row.say_en,
        "legs": row.legs,
    })
}

fn row_text(row: &wire::ImportedRow) -> String {
    format!("第{}行 row {}: {} {} {}", row.row, row.row, row.case_number, row.say_zh, row.say_en)
}

fn severity(finding: &Finding) -> (&'static str, &'static str) {
    match finding.severity {
        Severity::Error => ("错误", "error"),
        Severity::Warning => ("提示", "warning"),
    }
}

fn finding_json(finding: &Finding) -> Value {
    let (what, remedy) = (finding.what(), finding.remedy());
    json!({
        "severity": severity(finding).1,
        "row": finding.row,
        "cell": finding.cell,
        "heading": finding.heading,
        "what_zh": what.zh,
        "what_en": what.en,
        "remedy_zh": remedy.zh,
        "remedy_en": remedy.en,
    })
}

fn finding_text(finding: &Finding) -> String {
    let (what, remedy) = (finding.what(), finding.remedy());
    let (zh, en) = severity(finding);
    format!(
        "{}（{}）{zh}：{}。{}。\n    {en}: {}; {}.",
        finding.cell, finding.heading, what.zh, remedy.zh, what.en, remedy.en
    )
}
