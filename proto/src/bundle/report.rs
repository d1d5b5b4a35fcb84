//! `REPORT.txt`: for a person who opens the ZIP. It follows from the claim and the name of the
//! program alone, so it can say nothing that the verifier does not work out again.

use super::MEDIA_TYPE_WITHIN;
use serde_json::Value;
use std::fmt::Write as _;

/// What the records do not show, in Chinese. It stands in every export.
pub const CAVEAT_ZH: &str = "这些记录只说明发送和记录了什么，不能证明当事人是出于自愿。";

/// What the records do not show, in English.
pub const CAVEAT_EN: &str =
    "These records show what was sent and recorded. They do not prove that a person acted freely.";

/// Who bears witness to a case within one city, in Chinese.
pub(super) const WITHIN_ZH: &str =
    "本市机构之间的办件：只有本市的签名，没有另一座城市的日志和回执作证。";

/// Who bears witness to a case within one city, in English.
pub(super) const WITHIN_EN: &str = "A case between offices of one city: signed by this city alone; no other city's log or receipt bears witness.";

const PRODUCT: &str = "product: ";

/// The program's name and version as it may stand in a report: one line of printable ASCII.
pub(super) fn product(name: &str) -> String {
    let clean = name.chars().filter(|c| matches!(c, ' '..='~')).take(80);
    clean.collect::<String>().trim().to_owned()
}

/// The report of a claim.
pub(super) fn write(claim: &Value, name: &str) -> String {
    let mut out = String::new();
    chinese(&mut out, claim);
    out.push('\n');
    english(&mut out, claim);
    let _ = write!(out, "\n{PRODUCT}{}\n", product(name));
    out
}

/// The name of the program in a report that [`write`] made; any other text gives one that differs.
pub(super) fn product_of(text: &str) -> String {
    let line = text.lines().last().and_then(|line| line.strip_prefix(PRODUCT));
    product(line.unwrap_or_default())
}

fn chinese(out: &mut String, claim: &Value) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let within = is_within(claim);
    line(if within { "接力 本人副本（本市内）" } else { "接力 证据包" }.to_owned());
    line(CAVEAT_ZH.to_owned());
    line(String::new());
    line("本文件由包内声明生成，本身不证明任何事；请用程序核验：".to_owned());
    if within {
        line("  jieli verify 本文件.zip --root 指纹".to_owned());
        line("根密钥指纹请取自窗口或本市公布的纸面，不要取自本包。".to_owned());
        line(WITHIN_ZH.to_owned());
    } else {
        line("  jieli verify 本文件.zip --root 指纹 --root 指纹".to_owned());
        line("根密钥指纹请取自双方的纸质协议，不要取自本包。".to_owned());
    }
    for city in list(claim, "cities") {
        let (id, root, version) = (text(city, "id"), text(city, "root"), &city["manifest_version"]);
        line(format!("城市 {id}：根指纹 {root}，密钥清单第 {version} 版"));
    }
    for found in list(claim, "agreements").iter().filter(|_| !within) {
        line(format!("协议 {}，第 {} 版", text(found, "id"), found["version"]));
    }
    for case in list(claim, "cases") {
        line(format!("办件 {}", case.as_str().unwrap_or_default()));
    }
    for leg in list(claim, "legs") {
        line(format!("事项 {}（{}）：{}", text(leg, "id"), text(leg, "service"), lasts(leg, "条")));
    }
    for head in list(claim, "heads") {
        line(format!(
            "日志 {}：共 {} 条，根 {}",
            text(head, "origin"),
            head["size"],
            text(head, "root")
        ));
    }
    line(format!("数量：{}", counts(claim)));
    if within {
        return line("时间：只是本市时钟的自述。".to_owned());
    }
    line("时间：各方时钟只是自述；只有他人的联署才限定时间。同一方联署不构成独立证明。".to_owned());
    line("日志大小会透露该城市的总业务量。".to_owned());
}

fn english(out: &mut String, claim: &Value) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let within = is_within(claim);
    line(
        if within { "Jieli own copy, within one city" } else { "Jieli evidence bundle" }.to_owned(),
    );
    line(CAVEAT_EN.to_owned());
    line(String::new());
    line(
        "This text is made from the claim in the bundle and proves nothing. Check it with:"
            .to_owned(),
    );
    if within {
        line("  jieli verify THIS-FILE.zip --root FPR".to_owned());
        line(
            "Take the root fingerprint from a window or the city's own paper, not from this file."
                .to_owned(),
        );
        line(WITHIN_EN.to_owned());
    } else {
        line("  jieli verify THIS-FILE.zip --root FPR --root FPR".to_owned());
        line(
            "Take the root fingerprints from the paper agreement, not from this bundle.".to_owned(),
        );
    }
    for city in list(claim, "cities") {
        let (id, root, version) = (text(city, "id"), text(city, "root"), &city["manifest_version"]);
        line(format!("City {id}: root fingerprint {root}, key manifest version {version}"));
    }
    for found in list(claim, "agreements").iter().filter(|_| !within) {
        line(format!("Agreement {}, version {}", text(found, "id"), found["version"]));
    }
    for case in list(claim, "cases") {
        line(format!("Case {}", case.as_str().unwrap_or_default()));
    }
    for leg in list(claim, "legs") {
        let (id, service) = (text(leg, "id"), text(leg, "service"));
        line(format!("Leg {id} ({service}): {}", lasts(leg, "messages")));
    }
    for head in list(claim, "heads") {
        let (origin, root) = (text(head, "origin"), text(head, "root"));
        line(format!("Log {origin}: {} records, root {root}", head["size"]));
    }
    line(format!("Counts: {}", counts(claim)));
    if within {
        return line("Time: claimed by this city's own clock only.".to_owned());
    }
    line("Time: every clock is a claim of its owner; only another's cosignature bounds it, and one of the other party is not independent.".to_owned());
    line("The size of a log tells the city's total traffic.".to_owned());
}

fn is_within(claim: &Value) -> bool {
    text(claim, "format") == MEDIA_TYPE_WITHIN
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn lasts(leg: &Value, unit: &str) -> String {
    let Some(last) = leg.get("last").and_then(Value::as_object) else { return String::new() };
    let mut parts: Vec<String> =
        last.iter().map(|(city, n)| format!("{city} {n} {unit}")).collect();
    parts.sort();
    parts.join(", ")
}

fn counts(claim: &Value) -> String {
    let Some(counts) = claim.get("counts").and_then(Value::as_object) else { return String::new() };
    let mut parts: Vec<String> = counts.iter().map(|(what, n)| format!("{what} {n}")).collect();
    parts.sort();
    parts.join(", ")
}
