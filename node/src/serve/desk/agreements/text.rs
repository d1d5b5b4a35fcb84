//! The whole agreement in plain words: what is not written here is not in it.

use jieli_proto::agreement::default_days;
use jieli_proto::day::Day;
use jieli_proto::section::{SectionKind, is_pull};
use jieli_proto::wire::{
    Agreement, Duty, HolderSide, LegalBasis, Office, OfficeSections, Party, ServiceRule,
};
use jieli_proto::words::{self, Word};

/// Duties that an agreement sets a time for, in their order.
const DUTIES: [Duty; 7] = [
    Duty::TakeUp,
    Duty::Decide,
    Duty::Supply,
    Duty::Release,
    Duty::Outcome,
    Duty::Complete,
    Duty::WithdrawEffect,
];

/// Which of the two languages.
#[derive(Clone, Copy)]
enum Tongue {
    Zh,
    En,
}

impl Tongue {
    fn word(self, word: Word) -> &'static str {
        match self {
            Tongue::Zh => word.zh,
            Tongue::En => word.en,
        }
    }

    fn say(self, zh: String, en: String) -> String {
        match self {
            Tongue::Zh => zh,
            Tongue::En => en,
        }
    }

    fn list(self, items: &[String]) -> String {
        let none = self.say("无".to_owned(), "none".to_owned());
        match (self, items.is_empty()) {
            (_, true) => none,
            (Tongue::Zh, false) => items.join("、"),
            (Tongue::En, false) => items.join(", "),
        }
    }
}

/// In Chinese.
pub(super) fn zh(agreement: &Agreement) -> String {
    whole(agreement, Tongue::Zh)
}

/// In English.
pub(super) fn en(agreement: &Agreement) -> String {
    whole(agreement, Tongue::En)
}

fn whole(agreement: &Agreement, tongue: Tongue) -> String {
    let id = hex::encode(&agreement.agreement_id);
    let version = agreement.version;
    let mut lines =
        vec![tongue.say(
            format!("协作协议 {id} 第{version}版"),
            format!("Agreement {id}, version {version}"),
        )];
    let (from, to) = (date(agreement.valid_from), date(agreement.valid_to));
    let days = agreement.wind_down_days;
    lines.push(tongue.say(
        format!("有效期：{from} 至 {to}；终止后过渡 {days} 天。"),
        format!("Valid from {from} to {to}; wind-down {days} days after its end."),
    ));
    for (at, side) in agreement.parties.iter().zip(["A", "B"]) {
        party(&mut lines, at, side, tongue);
    }
    for rule in &agreement.services {
        service(&mut lines, rule, agreement, tongue);
    }
    promises(&mut lines, agreement, tongue);
    lines.join("\n")
}

fn party(lines: &mut Vec<String>, party: &Party, side: &str, tongue: Tongue) {
    let side_zh = if side == "A" { "甲方" } else { "乙方" };
    lines.push(tongue.say(
        format!(
            "{side_zh}：{}（{}），信用代码 {}",
            party.legal_name, party.city_id, party.credit_code
        ),
        format!(
            "Party {side}: {} ({}), credit code {}",
            party.legal_name, party.city_id, party.credit_code
        ),
    ));
    let fpr = hex::encode(&party.root_fpr);
    lines.push(tongue.say(format!("  根密钥指纹：{fpr}"), format!("  Root fingerprint: {fpr}")));
    let ends = tongue.list(&party.end_points);
    lines.push(tongue.say(format!("  地址：{ends}"), format!("  End points: {ends}")));
    for office in &party.offices {
        lines.push(office_line(office, tongue));
    }
    let posts = tongue.list(&party.liaison_posts);
    lines.push(tongue.say(format!("  联络岗位：{posts}"), format!("  Liaison posts: {posts}")));
    let posts = tongue.list(&party.approver_posts);
    lines.push(tongue.say(format!("  审批岗位：{posts}"), format!("  Approver posts: {posts}")));
    let bodies = tongue.list(&party.grievance_bodies);
    lines
        .push(tongue.say(format!("  投诉机构：{bodies}"), format!("  Grievance bodies: {bodies}")));
    let tongues = tongue.list(&party.languages);
    lines.push(tongue.say(format!("  语言：{tongues}"), format!("  Languages: {tongues}")));
    let subs = tongue.list(&party.sub_processors);
    lines.push(tongue.say(format!("  受托处理者：{subs}"), format!("  Sub-processors: {subs}")));
    let zone = party.zone_offset_min;
    let (sign, hours, minutes) =
        (if zone < 0 { '-' } else { '+' }, zone.abs() / 60, zone.abs() % 60);
    let calendar = &party.calendar;
    lines.push(tongue.say(
        format!("  日历：{calendar}，时区 UTC{sign}{hours:02}:{minutes:02}"),
        format!("  Calendar: {calendar}, zone UTC{sign}{hours:02}:{minutes:02}"),
    ));
}

fn office_line(office: &Office, tongue: Tongue) -> String {
    let kind = tongue.word(words::office(office.kind()));
    let (name, code, phone) = (&office.name, &office.credit_code, &office.telephone);
    let line = tongue.say(
        format!("  机构：{name}（{kind}），信用代码 {code}，电话 {phone}"),
        format!("  Office: {name} ({kind}), credit code {code}, telephone {phone}"),
    );
    if office.succeeds.is_empty() {
        return line;
    }
    let before = tongue.list(&office.succeeds);
    line + &tongue
        .say(format!("，接办原机构 {before} 的事项"), format!(", takes over from {before}"))
}

fn service(lines: &mut Vec<String>, rule: &ServiceRule, whole: &Agreement, tongue: Tongue) {
    let service = rule.service();
    let name = tongue.word(words::service(service));
    let pull = is_pull(service);
    let way = if pull {
        tongue.say("由转入地申请".to_owned(), "asked for by the provider".to_owned())
    } else {
        tongue.say("由转出地提出".to_owned(), "offered by the holder".to_owned())
    };
    lines.push(tongue.say(format!("事项：{name}，{way}"), format!("Service: {name}, {way}")));
    let sides: Vec<String> = rule.holders().map(|side| direction(side, whole, tongue)).collect();
    lines.push(format!("  {}", tongue.list(&sides)));
    let all = tongue.say("全部区划".to_owned(), "all divisions".to_owned());
    let where_ = if rule.divisions.is_empty() { all } else { tongue.list(&rule.divisions) };
    lines.push(tongue.say(format!("  区划：{where_}"), format!("  Divisions: {where_}")));
    for allowed in &rule.sections {
        lines.push(sections_line(allowed, tongue));
    }
    lines.push(basis_line(rule, tongue));
    let levels = DUTIES.map(|duty| {
        let set = rule.levels.iter().find(|level| level.duty() == duty);
        let days = set.map_or(default_days(service, duty), |level| level.working_days);
        format!("{} {days}", duty_word(duty, tongue))
    });
    let levels = tongue.list(&levels);
    lines.push(tongue.say(
        format!("  期限（工作日）：{levels}"),
        format!("  Deadlines in working days: {levels}"),
    ));
    let days = rule.retention_days;
    lines.push(
        tongue.say(format!("  办结后保存 {days} 天"), format!("  Kept {days} days after closing")),
    );
    if rule.ceiling_open_cases > 0 {
        let most = rule.ceiling_open_cases;
        lines.push(tongue.say(
            format!("  同时在办不超过 {most} 件（上限，不是任务）"),
            format!("  At most {most} open cases (a ceiling, never a target)"),
        ));
    }
}

fn direction(side: HolderSide, whole: &Agreement, tongue: Tongue) -> String {
    let city = |at: usize| whole.parties.get(at).map_or("", |party| party.city_id.as_str());
    let (from, to) = match side {
        HolderSide::Unspecified | HolderSide::A => (city(0), city(1)),
        HolderSide::B => (city(1), city(0)),
    };
    let word = tongue.word(words::holder(side));
    tongue.say(format!("{word}（{from} 到 {to}）"), format!("{word} ({from} to {to})"))
}

fn sections_line(allowed: &OfficeSections, tongue: Tongue) -> String {
    let office = tongue.word(words::office(allowed.kind()));
    let names: Vec<String> = allowed
        .sections
        .iter()
        .map(|number| match SectionKind::of(*number) {
            Some(kind) => {
                let fields = kind.fields.iter();
                let fields = fields.map(|field| tongue.say(field.zh.into(), field.en.into()));
                let fields = tongue.list(&fields.collect::<Vec<_>>());
                tongue
                    .say(format!("{}（{fields}）", kind.name), format!("{} ({fields})", kind.name))
            }
            None => number.to_string(),
        })
        .collect();
    let names = tongue.list(&names);
    tongue.say(format!("  {office}可接收：{names}"), format!("  {office} may receive: {names}"))
}

fn basis_line(rule: &ServiceRule, tongue: Tongue) -> String {
    let basis = match rule.legal_basis() {
        LegalBasis::Unspecified => ("未写明", "not stated"),
        LegalBasis::Consent => ("本人同意", "the person's own consent"),
        LegalBasis::StatutoryDuty => {
            ("法定职责，并征得本人同意", "a duty by law, and the person's consent")
        }
    };
    let purposes: Vec<String> = rule
        .purposes()
        .map(|purpose| purpose.as_str_name().trim_start_matches("PURPOSE_").to_lowercase())
        .collect();
    let purposes = tongue.list(&purposes);
    tongue.say(
        format!("  依据：{}；目的：{purposes}", basis.0),
        format!("  Legal basis: {}; purposes: {purposes}", basis.1),
    )
}

fn duty_word(duty: Duty, tongue: Tongue) -> &'static str {
    match crate::legs::duty_of(duty) {
        Some(duty) => tongue.word(words::duty(duty)),
        None => "-",
    }
}

fn promises(lines: &mut Vec<String>, agreement: &Agreement, tongue: Tongue) {
    let yes = |is: bool| match (tongue, is) {
        (Tongue::Zh, true) => "是",
        (Tongue::Zh, false) => "否",
        (Tongue::En, true) => "yes",
        (Tongue::En, false) => "no",
    };
    let (fee, target) = (yes(agreement.no_fee_to_person), yes(agreement.no_target));
    lines.push(tongue.say(
        format!("双方证明：不向个人收费：{fee}；不设指标：{target}"),
        format!("Both certify: no fee is charged to a person: {fee}; no target exists: {target}"),
    ));
    let reference = if agreement.assessment_reference.is_empty() {
        "-"
    } else {
        &agreement.assessment_reference
    };
    let assessed = date(agreement.assessment_date);
    lines.push(tongue.say(
        format!("影响评估：{reference}，{assessed}"),
        format!("Impact assessment: {reference}, {assessed}"),
    ));
    let reviews: Vec<String> = agreement.review_dates.iter().map(|day| date(*day)).collect();
    let reviews = tongue.list(&reviews);
    lines.push(tongue.say(format!("复审日期：{reviews}"), format!("Review dates: {reviews}")));
}

fn date(number: u32) -> String {
    Day::from_number(number).map_or("-".to_owned(), |day| day.to_string())
}
