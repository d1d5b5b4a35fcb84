//! `REPORT.txt`, `REPORT.html` and `verify.sh`: for people. They follow from the claim and the
//! program's name alone, so they can say nothing that a verifier does not count again.

use super::super::report::{product, product_of};
use super::super::{CAVEAT_EN, CAVEAT_ZH};
use serde_json::Value;
use std::fmt::Write as _;

/// A line of the report: a heading, a sentence, or a name with its figure.
enum Line {
    Title(String),
    Text(String),
    Figure(String, String),
}

/// How to check a pack. It takes the fingerprints from the paper agreement, never from the pack.
const VERIFY: &str = "#!/bin/sh\n\
# Checks this pack on a machine without network or account.\n\
# 在不联网、无账号的机器上核验本包；根密钥指纹取自纸质协议，不要取自本包。\n\
#   sh verify.sh pack.zip FINGERPRINT FINGERPRINT\n\
set -eu\n\
pack=$1\n\
shift\n\
for root in \"$@\"; do set -- \"$@\" --root \"$root\"; shift; done\n\
exec \"${JIELI:-jieli}\" verify \"$pack\" \"$@\"\n";

/// The three files of a claim, in the order of the container.
pub(super) fn files(claim: &Value, name: &str) -> [(&'static str, String); 3] {
    let (zh, en) = (lines(claim, true), lines(claim, false));
    [
        (super::PAGE, page(&zh, &en, name)),
        (super::TEXT, text(&zh, &en, name)),
        (super::SCRIPT, VERIFY.to_owned()),
    ]
}

/// The program's name in a text report.
pub(super) fn made_by(text: &str) -> String {
    product_of(text)
}

fn text(zh: &[Line], en: &[Line], name: &str) -> String {
    let mut out = String::new();
    for part in [zh, en] {
        for line in part {
            let _ = match line {
                Line::Title(title) => writeln!(out, "{title}\n"),
                Line::Text(text) => writeln!(out, "{text}"),
                Line::Figure(what, figure) => writeln!(out, "  {what}: {figure}"),
            };
        }
        out.push('\n');
    }
    let _ = writeln!(out, "product: {}", product(name));
    out
}

fn page(zh: &[Line], en: &[Line], name: &str) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"zh\">\n<meta charset=\"utf-8\">\n\
         <title>接力 Jieli</title>\n\
         <style>body{max-width:50em;margin:2em auto;font-family:sans-serif;line-height:1.5}\
         td{padding:0 1em 0 0;vertical-align:top;overflow-wrap:anywhere}</style>\n",
    );
    for (lang, part) in [("zh", zh), ("en", en)] {
        let _ = writeln!(out, "<section lang=\"{lang}\">");
        let mut in_table = false;
        for line in part {
            let figure = matches!(line, Line::Figure(..));
            if figure != in_table {
                out.push_str(if figure { "<table>\n" } else { "</table>\n" });
                in_table = figure;
            }
            let _ = match line {
                Line::Title(title) => writeln!(out, "<h1>{}</h1>", escaped(title)),
                Line::Text(text) => writeln!(out, "<p>{}</p>", escaped(text)),
                Line::Figure(what, figure) => {
                    writeln!(out, "<tr><td>{}<td>{}</tr>", escaped(what), escaped(figure))
                }
            };
        }
        out.push_str(if in_table { "</table>\n</section>\n" } else { "</section>\n" });
    }
    let _ = writeln!(out, "<footer>product: {}</footer>", escaped(&product(name)));
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn lines(claim: &Value, zh: bool) -> Vec<Line> {
    let say = |chinese: &str, english: &str| if zh { chinese } else { english }.to_owned();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = vec![
        Line::Title(say("接力 审计包", "Jieli audit pack")),
        Line::Text(say(CAVEAT_ZH, CAVEAT_EN)),
        Line::Text(say(
            "本文件由包内声明生成，本身不证明任何事；请用程序核验，根密钥指纹取自双方的纸质协议：",
            "This text is made from the claim in the pack and proves nothing. Check the pack with \
             the root fingerprints of the paper agreement:",
        )),
        Line::Text("jieli verify pack.zip --root FPR --root FPR".to_owned()),
        Line::Figure(say("协议", "agreement"), text(&claim["agreement"])),
        Line::Figure(say("期间", "period"), format!("{} - {}", claim["from"], claim["to"])),
    ];
    for city in list(&claim["cities"]) {
        let figure = format!("{} {}", text(&city["id"]), text(&city["root"]));
        out.push(Line::Figure(say("城市，根指纹", "city, root fingerprint"), figure));
    }
    for lane in list(&claim["lanes"]) {
        let what = format!("{} {}", say("消息通道", "message lane"), lane["lane"]);
        out.push(Line::Figure(what, format!("{} - {}", lane["first"], lane["last"])));
    }
    for (key, chinese, english) in COUNTS {
        let figure = claim["counts"].get(*key).map_or("0".to_owned(), Value::to_string);
        out.push(Line::Figure(say(chinese, english), figure));
    }
    for (kind, cities) in map(&claim["types"]) {
        let of = map(cities).into_iter().map(|(city, n)| format!("{city} {n}"));
        let what = format!("{} {kind}", say("消息", "message"));
        out.push(Line::Figure(what, of.collect::<Vec<_>>().join(", ")));
    }
    for (code, n) in map(&claim["decisions"]) {
        out.push(Line::Figure(format!("{} {code}", say("未办理", "declined")), n.to_string()));
    }
    out.push(Line::Text(say(
        "日期为作者自述；只有他人的联署才限定时间。本包不含个人信息：它证明谁签了什么、顺序如何，不说明内容。",
        "Dates are claims of their authors; only another's cosignature bounds a time. The pack holds \
         no personal data: it shows who signed what and in which order, not the content.",
    )));
    out
}

/// What is counted, and how it is called.
const COUNTS: &[(&str, &str, &str)] = &[
    ("legs", "事项", "legs"),
    ("messages", "期间内消息", "messages in the period"),
    ("refused", "其中对方拒收", "of these refused by the other city"),
    ("withheld", "其中未随附信息", "of these stored without sections"),
    ("outside_the_period", "同一事项中期间外的消息", "messages of these legs outside the period"),
    ("unreadable", "无法读取的消息", "messages that cannot be read"),
    ("released", "交出身份的消息", "messages that hand over identity"),
    ("released_under_consent", "其中引用同意书", "of these citing a consent"),
];

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entries of an object, by key.
fn map(value: &Value) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> = value.as_object().into_iter().flatten().collect();
    all.sort_by_key(|(key, _)| key.as_str());
    all
}
