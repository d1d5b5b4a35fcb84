//! What a verifier found in a pack: figures, since nobody reads a hundred thousand verdicts.

use super::super::code::Failure;
use super::super::text::{epoch_line, language, not_judged_line, policy_line};
use super::super::verdict::{
    Agreed, CaseVerdict, CityVerdict, Completeness, EpochVerdict, Holds, RecordVerdict,
    SectionVerdict, Verdicts, city, epoch, policy,
};
use super::super::{CAVEAT_EN, CAVEAT_ZH, json};
use super::About;
use super::lanes::LanePart;
use crate::id::CityId;
use crate::kinds::Kind;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Failures that are kept; more are counted.
const FAILURES_KEPT_MAX: usize = 1_000;

/// What was found in a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackVerdicts {
    /// Agreement and period, as claimed.
    pub about: Option<About>,
    /// Cities whose root was given and whose keys could be used.
    pub cities: Vec<CityVerdict>,
    /// The agreement versions.
    pub agreements: Vec<Agreed>,
    /// The message lanes of A and of B.
    pub lanes: Vec<LanePart>,
    /// How many bundles were judged.
    pub bundles: u64,
    /// Messages that can be read, inside the period or not.
    pub messages: u64,
    /// Of these, how many a city that is no party has cosigned in one of the logs.
    pub cosigned: u64,
    /// By city: how many messages its log is shown to hold, by who has cosigned that.
    pub policies: BTreeMap<CityId, BTreeMap<&'static str, u64>>,
    /// Cities that have cosigned here, and whose root was not given: their words are not judged.
    pub not_judged: Vec<CityVerdict>,
    /// Epochs of exchange logs that ended.
    pub epochs: Vec<EpochVerdict>,
    /// Sections of which it is shown that a city has erased them.
    pub erased: u64,
    /// Legs by what is known of their end: complete, later messages may exist, a message missing.
    pub legs: [u64; 3],
    /// Legs by the case law: legal, illegal, not replayed.
    pub case_law: [u64; 3],
    /// What does not hold: the first thousand.
    pub failures: Vec<Failure>,
    /// How many things do not hold.
    pub failed: u64,
}

impl PackVerdicts {
    /// Whether nothing is false, missing, extra or double.
    pub fn all_hold(&self) -> bool {
        self.failed == 0
    }

    /// The exit code of `jieli verify`.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.all_hold())
    }

    pub(super) fn fail(&mut self, failures: impl IntoIterator<Item = Failure>) {
        for failure in failures {
            self.failed += 1;
            if self.failures.len() < FAILURES_KEPT_MAX {
                self.failures.push(failure);
            }
        }
    }

    pub(super) fn count(&mut self, found: &Verdicts) {
        let independent =
            |record: &&RecordVerdict| record.cosigners.iter().any(|cosigner| cosigner.independent);
        let messages = || {
            let of = found.records.iter();
            of.filter(|record| record.kind == Kind::Message && record.author.is_some())
        };
        self.bundles += 1;
        self.messages += messages().count() as u64;
        self.cosigned += messages().filter(independent).count() as u64;
        for log in messages().flat_map(|record| &record.logs) {
            if log.holds == Holds::Yes {
                let of = self.policies.entry(log.city.clone()).or_default();
                *of.entry(log.policy.name()).or_default() += 1;
            }
        }
        let sections = messages().flat_map(|record| &record.sections);
        let erased = sections.filter(|(_, said)| matches!(said, SectionVerdict::Erased(_)));
        self.erased += erased.count() as u64;
        for leg in &found.legs {
            self.legs[match &leg.complete {
                Completeness::Complete => 0,
                Completeness::LaterMayExist(_) => 1,
                Completeness::Gap => 2,
            }] += 1;
            self.case_law[match &leg.case {
                CaseVerdict::Legal(_) => 0,
                CaseVerdict::Illegal(_) => 1,
                CaseVerdict::NotReplayed => 2,
            }] += 1;
        }
    }
}

impl PackVerdicts {
    /// The verdicts as compact JSON with sorted keys.
    pub fn to_json(&self) -> String {
        let agreements = self.agreements.iter().map(|found| {
            json!({ "id": found.id.hex(), "signed_by_both": found.signed.name(), "version": found.version })
        });
        let lanes = self.lanes.iter().map(|lane| {
            json!({
                "city": lane.city.as_str(), "first": lane.first, "last": lane.last,
                "later_may_exist": lane.stated > lane.last, "stated": lane.stated,
                "whole": lane.whole,
            })
        });
        let failures = self.failures.iter().map(|found| {
            json!({
                "code": found.code.name(), "detail": found.detail, "en": found.code.en(),
                "file": found.file, "zh": found.code.zh(),
            })
        });
        let ([complete, later, gap], [legal, illegal, not_replayed]) = (self.legs, self.case_law);
        json::write(&json!({
            "agreements": agreements.collect::<Value>(),
            "all_hold": self.all_hold(),
            "bundles": self.bundles,
            "case_law": { "illegal": illegal, "legal": legal, "not_replayed": not_replayed },
            "caveat": { "en": CAVEAT_EN, "zh": CAVEAT_ZH },
            "cities": self.cities.iter().map(city).collect::<Value>(),
            "cosigned": self.policies.iter().map(policy).collect::<Map<_, _>>(),
            "cosigners_not_judged": self.not_judged.iter().map(city).collect::<Value>(),
            "epochs": self.epochs.iter().map(epoch).collect::<Value>(),
            "sections_erased": self.erased,
            "cosigned_by_an_uninvolved_city": self.cosigned,
            "failed": self.failed,
            "failures": failures.collect::<Value>(),
            "lanes": lanes.collect::<Value>(),
            "legs": { "complete": complete, "gap": gap, "later_messages_may_exist": later },
            "messages": self.messages,
            "period": self.about.as_ref().map(|about| [about.from, about.to]),
        }))
    }

    /// The verdicts as text, Chinese first and English second.
    pub fn text(&self) -> String {
        let clean = |line: String| line.chars().filter(|c| !c.is_control()).collect::<String>();
        let lines =
            [true, false].map(|zh| self.lines(zh).into_iter().map(clean).collect::<Vec<_>>());
        lines.map(|lines| lines.join("\n")).join("\n\n")
    }

    fn lines(&self, zh: bool) -> Vec<String> {
        let say = |chinese: String, english: String| if zh { chinese } else { english };
        let mut out = vec![if self.all_hold() {
            say("核验通过：所有声明成立。".to_owned(), "All that is claimed holds.".to_owned())
        } else {
            let n = self.failed;
            say(format!("核验未通过：{n} 处不成立。"), format!("{n} things do not hold."))
        }];
        out.push(if zh { CAVEAT_ZH } else { CAVEAT_EN }.to_owned());
        for failure in &self.failures {
            let what = if zh { failure.code.zh() } else { failure.code.en() };
            let (file, detail) = (&failure.file, &failure.detail);
            out.push(format!("! {} {what} [{file}] {detail}", failure.code.name()));
        }
        for city in &self.cities {
            let (id, root, version) = (&city.city, city.root, city.manifest_version);
            out.push(say(
                format!("城市 {id}：根密钥 {root}，密钥以清单第 {version} 版为准"),
                format!("City {id}: root {root}, keys as of manifest version {version}"),
            ));
        }
        let told = |found: &CityVerdict| not_judged_line(found, language(zh));
        out.extend(self.not_judged.iter().map(told));
        out.extend(self.epochs.iter().map(|found| epoch_line(found, language(zh))));
        if let Some(about) = &self.about {
            let (id, from, to) = (about.agreement.hex(), about.from, about.to);
            out.push(say(
                format!("协议 {id}，{from} 至 {to}"),
                format!("Agreement {id}, {from} to {to}"),
            ));
        }
        for lane in &self.lanes {
            let LanePart { city, first, last, whole, stated } = lane;
            let (hole, later) = match (whole, stated > last) {
                (true, false) => ("一条不缺", "none is missing"),
                (true, true) => {
                    ("中间不缺，其后可能还有", "none is missing between; later ones may exist")
                }
                (false, _) => ("有缺失", "some are missing"),
            };
            out.push(say(
                format!("{city} 发出的消息 {first} 至 {last}：{hole}"),
                format!("Messages of {city}, {first} to {last}: {later}"),
            ));
        }
        let (n, bundles, cosigned) = (self.messages, self.bundles, self.cosigned);
        out.push(say(
            format!("消息 {n} 条，证据包 {bundles} 个；其中 {cosigned} 条有第三方联署"),
            format!("{n} messages in {bundles} bundles; {cosigned} cosigned by an uninvolved city"),
        ));
        let lines = self.policies.iter();
        out.extend(lines.map(|(city, counts)| policy_line(city, counts, language(zh))));
        let erased = self.erased;
        out.push(say(
            format!("已删除的信息 {erased} 段，均有删除记录"),
            format!("{erased} sections were erased; each erasure is on record"),
        ));
        let ([complete, later, gap], [legal, illegal, not]) = (self.legs, self.case_law);
        out.push(say(
            format!("事项：完整 {complete}，可能还有后续 {later}，有缺失 {gap}；办件规则：相符 {legal}，违反 {illegal}，未复核 {not}"),
            format!("Legs: {complete} complete, {later} may have later messages, {gap} with a gap; case law: {legal} legal, {illegal} illegal, {not} not replayed"),
        ));
        out
    }
}
