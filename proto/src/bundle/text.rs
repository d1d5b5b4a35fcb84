//! The verdicts for people: Chinese first, English after.

use super::report::{WITHIN_EN, WITHIN_ZH};
use super::verdict::{
    CaseVerdict, CityVerdict, Completeness, Cosigner, EpochVerdict, Gone, GoneBy, Holds, InLog,
    LegVerdict, PolicyMet, ReceiptVerdict, RecordVerdict, SectionVerdict, Verdicts,
};
use super::{CAVEAT_EN, CAVEAT_ZH};
use crate::day::Day;
use crate::id::CityId;
use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::section::SectionKind;
use std::collections::BTreeMap;

/// The two languages of every text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Zh,
    En,
}

/// Chinese, or English.
pub(super) fn language(zh: bool) -> In {
    if zh { In::Zh } else { In::En }
}

impl In {
    fn of(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            In::Zh => zh,
            In::En => en,
        }
    }
}

impl Verdicts {
    /// The verdicts as text, Chinese first and English second.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for language in [In::Zh, In::En] {
            self.lines(language, &mut lines);
            lines.push(String::new());
        }
        lines.pop();
        lines
            .iter()
            .map(|line| line.chars().map(visible).chain(['\n']).collect::<String>())
            .collect()
    }

    fn lines(&self, say: In, lines: &mut Vec<String>) {
        lines.push(if self.all_hold() {
            say.of("核验通过：所有声明成立。", "All that is claimed holds.").to_owned()
        } else {
            let count = self.failures.len();
            match say {
                In::Zh => format!("核验未通过：{count} 处不成立。"),
                In::En => format!("{count} things do not hold."),
            }
        });
        lines.push(say.of(CAVEAT_ZH, CAVEAT_EN).to_owned());
        if self.within {
            lines.push(say.of(WITHIN_ZH, WITHIN_EN).to_owned());
        }
        for failure in &self.failures {
            let what = say.of(failure.code.zh(), failure.code.en());
            let (file, detail) = (&failure.file, &failure.detail);
            lines.push(format!("! {} {what} [{file}] {detail}", failure.code.name()));
        }
        for city in &self.cities {
            let (id, root) = (&city.city, city.root);
            let version = city.manifest_version;
            // A revocation in a later manifest cannot be seen from here.
            lines.push(match say {
                In::Zh => format!("城市 {id}：根密钥 {root}，密钥以清单第 {version} 版为准"),
                In::En => format!("City {id}: root {root}, keys as of manifest version {version}"),
            });
        }
        for found in &self.not_judged {
            lines.push(not_judged_line(found, say));
        }
        self.epochs.iter().for_each(|found| lines.push(epoch_line(found, say)));
        for found in &self.agreements {
            let signed = holds(found.signed, say);
            let (id, version) = (found.id.hex(), found.version);
            lines.push(format!(
                "{} {id} v{version}: {} {signed}",
                say.of("协议", "Agreement"),
                say.of("双方签署并存证", "signed by both and logged"),
            ));
        }
        for (city, counts) in self.policies() {
            lines.push(policy_line(&city, &counts, say));
        }
        self.records.iter().for_each(|record| record_lines(record, say, lines));
        self.legs.iter().for_each(|leg| lines.push(leg_line(leg, say)));
    }
}

/// Paths and names come from whoever made the file: nothing in them may steer a terminal or turn
/// the direction of the text.
fn visible(c: char) -> char {
    let steers = c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    if steers { '\u{fffd}' } else { c }
}

fn record_lines(record: &RecordVerdict, say: In, lines: &mut Vec<String>) {
    let author = record.author.as_ref().map_or("?", CityId::as_str);
    let what = if record.what.is_empty() { kind(record.kind, say) } else { &record.what };
    let place = record.lane.map(|(lane, seq)| format!(" {lane}/{seq}")).unwrap_or_default();
    lines.push(format!("- {what}{place} {author} {}", &record.digest.hex()[..16]));
    let logs: Vec<String> = record.logs.iter().map(|log| log_words(log, say)).collect();
    let mut facts = vec![
        format!("{} {}", say.of("签名", "signature"), holds(record.signature, say)),
        format!("{} {}", say.of("密钥此处有效", "key valid here"), holds(record.key, say)),
    ];
    facts.extend(logs);
    if record.receipt != ReceiptVerdict::NotShown {
        facts.push(receipt(&record.receipt, say));
    }
    lines.push(format!("    {}", facts.join(say.of("；", "; "))));
    lines.push(format!("    {}", cosigned(&record.cosigners, say)));
    lines.push(format!("    {}", time(record, say)));
    for (number, verdict) in &record.sections {
        let name = SectionKind::of(u32::from(*number)).map_or("?", |kind| kind.name);
        let words = match verdict {
            SectionVerdict::Matches => say.of("与签名相符", "matches").to_owned(),
            SectionVerdict::Differs => say.of("与签名不符", "does not match").to_owned(),
            SectionVerdict::NotDisclosed => say.of("未披露", "not disclosed").to_owned(),
            SectionVerdict::Erased(all) => {
                let all: Vec<String> = all.iter().map(|gone| gone_words(gone, say)).collect();
                all.join(say.of("；", "; "))
            }
        };
        lines.push(format!("    {} {number} ({name}): {words}", say.of("信息", "section")));
    }
}

fn gone_words(gone: &Gone, say: In) -> String {
    let Gone { on, city, by } = gone;
    match by {
        GoneBy::Confirmed => match say {
            In::Zh => format!("{city} 确认于 {on} 删除"),
            In::En => format!("erased on {on}, says {city}"),
        },
        GoneBy::Logged { reason, origin, index, not_after, .. } => {
            let [zh, en] = reason.says();
            let bound = not_after.as_ref().map(|bound| (stamp_s(bound.unix_s), &bound.by));
            match (say, bound) {
                (In::Zh, None) => {
                    format!("{city} 于 {on} 删除（{zh}），{origin} 第 {index} 条为证")
                }
                (In::Zh, Some((at, who))) => format!(
                    "{city} 于 {on} 删除（{zh}），{origin} 第 {index} 条为证，不晚于 {at}（{who}）"
                ),
                (In::En, None) => {
                    format!("erased on {on} by {city} ({en}), logged in {origin} at {index}")
                }
                (In::En, Some((at, who))) => format!(
                    "erased on {on} by {city} ({en}), logged in {origin} at {index}, not after \
                     {at} ({who})"
                ),
            }
        }
    }
}

pub(super) fn epoch_line(found: &EpochVerdict, say: In) -> String {
    let EpochVerdict { city, ended, size, next, declared_unix_ms, .. } = found;
    let on = stamp(*declared_unix_ms);
    match say {
        In::Zh => {
            format!("城市 {city}：其根密钥声明日志 {ended} 止于 {size} 条，其后为 {next}（{on}）")
        }
        In::En => format!(
            "City {city}: its root says that {ended} counts up to {size} and goes on as {next} ({on})"
        ),
    }
}

pub(super) fn not_judged_line(found: &CityVerdict, say: In) -> String {
    let (id, root) = (&found.city, found.root);
    match say {
        In::Zh => format!("城市 {id}：只作联署；未提供其根密钥指纹（{root}），其联署不作判断"),
        In::En => format!(
            "City {id} only cosigns; its root was not given ({root}): what it cosigned is not judged"
        ),
    }
}

/// Whom the log of a city has as witnesses, against the policy that agreements have by default.
pub(super) fn policy_line(city: &CityId, counts: &BTreeMap<&'static str, u64>, say: In) -> String {
    let each = PolicyMet::ALL.into_iter().filter_map(|met| {
        let count = counts.get(met.name())?;
        let words = match met {
            PolicyMet::Both => {
                say.of("对方与一个第三方均已联署", "the counterparty and an uninvolved city")
            }
            PolicyMet::Counterparty => say.of("仅对方联署", "the counterparty alone"),
            PolicyMet::Uninvolved => say.of("仅第三方联署", "an uninvolved city alone"),
            PolicyMet::Neither => say.of("无人联署", "nobody"),
        };
        Some(format!("{words} {count}"))
    });
    let each: Vec<String> = each.collect();
    match say {
        In::Zh => format!("{city} 日志的联署：{}", each.join("，")),
        In::En => format!("Log of {city}, cosigned by: {}", each.join(", ")),
    }
}

fn log_words(log: &InLog, say: In) -> String {
    let city = &log.city;
    let holds = holds(log.holds, say);
    match log.holds {
        Holds::Yes => match say {
            In::Zh => format!("在 {city} 日志第 {} 条（共 {} 条）", log.index, log.size),
            In::En => format!("in log of {city} at {} of {}", log.index, log.size),
        },
        Holds::No | Holds::NotShown => match say {
            In::Zh => format!("在 {city} 日志：{holds}"),
            In::En => format!("in log of {city}: {holds}"),
        },
    }
}

fn cosigned(cosigners: &[Cosigner], say: In) -> String {
    if cosigners.is_empty() {
        return say.of("联署：未声明", "cosigned: not claimed").to_owned();
    }
    let each = cosigners.iter().map(|cosigner| {
        let role = if cosigner.independent {
            say.of("第三方", "uninvolved")
        } else {
            say.of("当事方", "a party")
        };
        format!("{} > {} ({role}, {})", cosigner.by, cosigner.origin, stamp_s(cosigner.unix_s))
    });
    format!("{} {}", say.of("联署：", "cosigned:"), each.collect::<Vec<_>>().join(", "))
}

fn time(record: &RecordVerdict, say: In) -> String {
    let claimed = record.time.claimed_unix_ms;
    match (&record.time.not_before, &record.time.not_after) {
        (None, None) => format!(
            "{} {}",
            say.of("时间：仅为作者自述", "time: claimed by its author only"),
            stamp(claimed)
        ),
        (before, after) => {
            let bound = |bound: &Option<super::Bound>| {
                bound
                    .as_ref()
                    .map_or("?".to_owned(), |b| format!("{} ({})", stamp_s(b.unix_s), b.by))
            };
            let (before, after) = (bound(before), bound(after));
            format!("{} {before} .. {after}", say.of("时间介于", "time between"))
        }
    }
}

fn stamp_s(unix_s: u64) -> String {
    stamp(unix_s.saturating_mul(1_000))
}

/// Date, time and zone of an instant, UTC: a stranger need not know any city's zone.
fn stamp(unix_ms: u64) -> String {
    let day = Day::of_unix_ms(unix_ms, 0);
    let second = unix_ms.saturating_sub(day.start_unix_ms(0)) / 1_000;
    format!("{day} {:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}

fn leg_line(leg: &LegVerdict, say: In) -> String {
    let last: Vec<String> = leg.last.iter().map(|(city, seq)| format!("{city} {seq}")).collect();
    let complete = match &leg.complete {
        Completeness::Complete => say.of("完整", "complete").to_owned(),
        Completeness::LaterMayExist(cities) => {
            let cities: Vec<&str> = cities.iter().map(CityId::as_str).collect();
            let words = say.of(
                "可能还有后续消息，未作声明的一方：",
                "later messages may exist; not stated by",
            );
            format!("{words} {}", cities.join(", "))
        }
        Completeness::Gap => say.of("有缺失", "a message is missing").to_owned(),
    };
    let case = match &leg.case {
        CaseVerdict::NotReplayed => say.of("办件规则未复核", "case law not replayed").to_owned(),
        CaseVerdict::Legal(stage) => format!("{} {stage}", say.of("办件规则相符：", "legal:")),
        CaseVerdict::Illegal(what) => format!("{} {what}", say.of("违反办件规则：", "illegal:")),
    };
    let name = say.of("事项", "Leg");
    format!("{name} {} ({}): {complete}; {case}", leg.leg.hex(), last.join(", "))
}

fn holds(holds: Holds, say: In) -> &'static str {
    match holds {
        Holds::Yes => say.of("成立", "yes"),
        Holds::No => say.of("不成立", "no"),
        Holds::NotShown => say.of("未出示", "not shown"),
    }
}

fn receipt(receipt: &ReceiptVerdict, say: In) -> String {
    match receipt {
        ReceiptVerdict::NotShown => say.of("无回执", "no receipt").to_owned(),
        ReceiptVerdict::Stored => say.of("对方已存", "stored by the other city").to_owned(),
        ReceiptVerdict::StoredWithheld => {
            say.of("对方已存（未含信息）", "stored without its sections").to_owned()
        }
        ReceiptVerdict::Refused(code) => {
            let why = Refusal::from_number(*code)
                .map(|refusal| say.of(refusal.zh(), refusal.en()))
                .unwrap_or_default();
            format!("{} ({code}) {why}", say.of("对方拒收，无效力", "refused, without effect"))
        }
    }
}

fn kind(kind: Kind, say: In) -> &'static str {
    match kind {
        Kind::Receipt => say.of("回执", "receipt"),
        Kind::LegStatement => say.of("事项声明", "leg statement"),
        Kind::Message => say.of("消息（无法读取）", "message (unreadable)"),
        Kind::Act => say.of("协议行为（无法读取）", "act (unreadable)"),
        Kind::Agreement
        | Kind::Manifest
        | Kind::Consent
        | Kind::LaneStatement
        | Kind::Recovery
        | Kind::PersonStatement
        | Kind::Slip
        | Kind::Letter
        | Kind::Successor
        | Kind::Invite
        | Kind::Pack
        | Kind::Flag => say.of("其他", "other"),
    }
}
