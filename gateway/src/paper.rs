//! Pages for people: the worker's slip, the letter that a person carries, and statements. One A4 page each,
//! HTML without any external resource, plain Chinese first and English second.
//!
//! A page holds the text of its QR code once more, in `data-jieli`, so that the file itself can be
//! checked: `jieli verify --slip slip.html --root FPR`.

use crate::html::escape;
use base64::Engine as _;
use jieli_proto::day::Day;
use jieli_proto::wire;
use jieli_proto::words::{self, NOT_PROOF_OF_FREEDOM};

mod bring;
mod hotlines;
mod letter;
mod qr;
mod slip;
mod statement;

pub use hotlines::{HOTLINES, Hotline};

/// Why a page was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The text is longer than one QR code holds.
    #[error("the text does not fit into one QR code")]
    TooLong,
}

/// The worker's slip.
pub fn slip(page: &wire::SlipPage) -> Result<String, PageError> {
    slip::html(page)
}

/// A QR code of a text, as it stands on a page of the console.
pub(crate) fn code_svg(text: &str, mm: u32) -> Result<String, PageError> {
    qr::svg(text, mm)
}

/// The content security policy of a page to print: its own style, by the digest of it, and nothing
/// else.
pub(crate) fn policy() -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let digest = base64::engine::general_purpose::STANDARD.encode(digest);
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// What to bring to the window, in both languages.
pub fn bring(case: &str, leg: u32, service: wire::Service, window: &wire::WindowView) -> String {
    bring::html(case, leg, service, window)
}

/// The letter to a city without a node, with its tear-off slip.
pub fn letter(page: &wire::LetterPage) -> Result<String, PageError> {
    letter::html(page)
}

/// A statement of one fact, for the person who asked for it.
pub fn statement(page: &wire::StatementPage) -> Result<String, PageError> {
    statement::html(page)
}

const STYLE: &str = "@page{size:A4;margin:10mm 13mm}\
*{box-sizing:border-box}\
body{margin:0;font:9.5pt/1.32 'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC',\
'Microsoft YaHei',sans-serif;color:#000;max-width:184mm}\
h1{font-size:17pt;margin:0}h1 small{font-size:10.5pt;font-weight:normal}\
h2{font-size:10.5pt;margin:2.4mm 0 .8mm}p{margin:.7mm 0}\
.en{font-size:8pt;color:#222}\
.head{display:flex;justify-content:space-between;align-items:flex-end;border-bottom:1.2pt solid #000;\
padding-bottom:1.2mm}.head div{text-align:right}\
table{border-collapse:collapse;width:100%;font-size:8.5pt;margin-top:1.6mm}\
table.legs{table-layout:fixed;font-size:8pt;line-height:1.25}\
.legs col:nth-child(1){width:9mm}.legs col:nth-child(2){width:23mm}.legs col:nth-child(5){width:39mm}\
.legs col:nth-child(3),.legs col:nth-child(4){width:41mm}.legs col:nth-child(6){width:31mm}\
.legs .en{font-size:7pt}\
tr{break-inside:avoid}\
th,td{border:.6pt solid #000;padding:.7mm 1.1mm;text-align:left;vertical-align:top}\
th{font-weight:bold}\
.box{border:1.2pt solid #000;padding:1.2mm 2mm;margin-top:2.2mm;break-inside:avoid}\
.code{font-size:15pt;font-weight:bold;letter-spacing:.12em;white-space:nowrap}\
.two{display:flex;gap:4mm;margin-top:2.2mm;break-inside:avoid}.two>div{flex:1}\
.two>svg{flex:none}\
.fpr{font-family:monospace;font-size:7pt;word-break:break-all}\
.cut{border-top:1pt dashed #000;margin-top:3mm;padding-top:1.4mm;break-inside:avoid}\
.foot{border-top:.6pt solid #000;margin-top:2.2mm;padding-top:1mm;font-weight:bold}";

/// A whole page around its body.
fn page(title: &str, body: &str) -> String {
    let caveat = NOT_PROOF_OF_FREEDOM;
    format!(
        "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n\
         <p class=\"foot\">{}<br><span class=\"en\">{}</span></p>\n</body>\n</html>\n",
        escape(title),
        caveat.zh,
        caveat.en
    )
}

/// Chinese, and English below it.
fn both(zh: &str, en: &str) -> String {
    format!("{}<br><span class=\"en\">{}</span>", escape(zh), escape(en))
}

fn paragraph(zh: &str, en: &str) -> String {
    format!("<p>{}</p>\n", both(zh, en))
}

fn date(number: u32) -> String {
    Day::from_number(number).map_or(String::new(), |day| day.to_string())
}

fn service(service: wire::Service) -> String {
    let word = words::service(service);
    format!("{} <span class=\"en\">{}</span>", escape(word.zh), escape(word.en))
}

/// Eight digits in two groups, as people read them out.
fn code(digits: &str) -> String {
    let (left, right) = digits.split_at_checked(digits.len() / 2).unwrap_or((digits, ""));
    format!("<span class=\"code\">{} {}</span>", escape(left), escape(right))
}

/// What the code of a page holds of the person, two fields a row.
fn fields(all: &[wire::LetterField]) -> String {
    let mut out = String::from("<table>\n");
    for pair in all.chunks(2) {
        out += "<tr>";
        for field in pair {
            let name = format!(
                "{} <span class=\"en\">{}</span>",
                escape(&field.name_zh),
                escape(&field.name_en)
            );
            out += &format!("<th>{name}</th><td>{}</td>", escape(&field.value));
        }
        out += "</tr>\n";
    }
    out + "</table>\n"
}

/// How a stranger checks the page: the root as it is read out, and in full.
fn check(what: &str, city: &str, spoken: &[String], root_fpr: &str) -> String {
    format!(
        "<h2>核验 <span class=\"en\">Checking it</span></h2>\n{}<p>{}：<b>{}</b></p>\n\
         <p class=\"fpr\">{}</p>\n",
        paragraph(
            &format!(
                "扫码得到以 JIELI1: 开头的文字，不联网即可核验：jieli verify --{what} 文字 --root 指纹。\
                 指纹请与该城市公布的或纸质协议上的核对，不要只看本页。"
            ),
            &format!(
                "The code is a text that begins with JIELI1:. Check it offline: jieli verify \
                 --{what} TEXT --root FPR. Compare the fingerprint with what the city publishes or \
                 a paper agreement, not with this page alone."
            ),
        ),
        both(&format!("{city}根密钥指纹六组"), "root fingerprint, six groups"),
        escape(&spoken.join(" ")),
        escape(root_fpr)
    )
}

#[cfg(test)]
mod tests;
