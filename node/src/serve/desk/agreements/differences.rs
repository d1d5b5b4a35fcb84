//! What two texts of an agreement differ in, in words: what came, what went, what changed.

use jieli_proto::section::SectionKind;
use jieli_proto::wire::{Agreement, Office, Party, ServiceRule};
use jieli_proto::words;
use std::collections::BTreeMap;

/// Lines in both languages, side by side.
type Lines = (Vec<String>, Vec<String>);

/// From the first to the second, Chinese and English; one line says so where nothing differs.
pub(super) fn of(old: &Agreement, new: &Agreement) -> Lines {
    let mut lines = Lines::default();
    for (before, after) in old.parties.iter().zip(&new.parties) {
        party(&mut lines, before, after);
    }
    services(&mut lines, old, new);
    if (old.valid_from, old.valid_to) != (new.valid_from, new.valid_to) {
        say(&mut lines, "  改动：有效期", "  Changed: the dates of validity");
    }
    if old.wind_down_days != new.wind_down_days {
        say(&mut lines, "  改动：终止后的过渡天数", "  Changed: the days of winding down");
    }
    let rest =
        |a: &Agreement| (a.assessment_reference.clone(), a.assessment_date, a.review_dates.clone());
    if rest(old) != rest(new) {
        say(&mut lines, "  改动：影响评估或复审日期", "  Changed: assessment or review dates");
    }
    if lines.0.is_empty() {
        say(&mut lines, "  内容相同", "  Nothing differs");
    }
    lines
}

fn say(lines: &mut Lines, zh: impl Into<String>, en: impl Into<String>) {
    lines.0.push(zh.into());
    lines.1.push(en.into());
}

fn party(lines: &mut Lines, old: &Party, new: &Party) {
    let city = &new.city_id;
    let by_code = |party: &Party| -> BTreeMap<String, Office> {
        party.offices.iter().map(|office| (office.credit_code.clone(), office.clone())).collect()
    };
    let (before, after) = (by_code(old), by_code(new));
    for office in after.values().filter(|office| !before.contains_key(&office.credit_code)) {
        let name = &office.name;
        say(lines, format!("  新增机构：{city} {name}"), format!("  Added office: {city} {name}"));
    }
    for office in before.values().filter(|office| !after.contains_key(&office.credit_code)) {
        let name = &office.name;
        say(
            lines,
            format!("  删去机构：{city} {name}"),
            format!("  Removed office: {city} {name}"),
        );
    }
    let same =
        after.iter().filter(|(code, office)| before.get(*code).is_some_and(|o| o != *office));
    for (_, office) in same {
        let name = &office.name;
        say(
            lines,
            format!("  改动机构：{city} {name}"),
            format!("  Changed office: {city} {name}"),
        );
    }
    let posts = |party: &Party| (party.liaison_posts.clone(), party.approver_posts.clone());
    if posts(old) != posts(new) {
        say(
            lines,
            format!("  改动：{city} 的联络或批准岗位"),
            format!("  Changed: liaison or approver posts of {city}"),
        );
    }
    let bare = |party: &Party| Party {
        offices: Vec::new(),
        liaison_posts: Vec::new(),
        approver_posts: Vec::new(),
        ..party.clone()
    };
    if bare(old) != bare(new) {
        say(
            lines,
            format!("  改动：{city} 的名称、地址、投诉机构、语言、受托处理者或日历"),
            format!(
                "  Changed: name, end points, grievance bodies, languages, sub-processors or calendar of {city}"
            ),
        );
    }
}

fn services(lines: &mut Lines, old: &Agreement, new: &Agreement) {
    let by_number = |agreement: &Agreement| -> BTreeMap<i32, ServiceRule> {
        agreement.services.iter().map(|rule| (rule.service, rule.clone())).collect()
    };
    let (before, after) = (by_number(old), by_number(new));
    for (number, rule) in &after {
        let word = words::service(rule.service());
        match before.get(number) {
            None => say(
                lines,
                format!("  新增事项：{}", word.zh),
                format!("  Added service: {}", word.en),
            ),
            Some(was) => service(lines, was, rule),
        }
    }
    for rule in before.values().filter(|rule| !after.contains_key(&rule.service)) {
        let word = words::service(rule.service());
        say(lines, format!("  删去事项：{}", word.zh), format!("  Removed service: {}", word.en));
    }
}

fn service(lines: &mut Lines, old: &ServiceRule, new: &ServiceRule) {
    let word = words::service(new.service());
    let open = |rule: &ServiceRule| -> Vec<(i32, u32)> {
        let of = rule.sections.iter();
        of.flat_map(|one| one.sections.iter().map(|section| (one.kind, *section))).collect()
    };
    let (before, after) = (open(old), open(new));
    let mut told = |entry: &(i32, u32), zh: &str, en: &str| {
        let kind = jieli_proto::wire::OfficeKind::try_from(entry.0).unwrap_or_default();
        let office = words::office(kind);
        let name = SectionKind::of(entry.1).map_or(entry.1.to_string(), |k| k.name.to_owned());
        say(
            lines,
            format!("  {}：{zh}向{}开放的 {name}", word.zh, office.zh),
            format!("  {}: {en} {name} for {}", word.en, office.en),
        );
    };
    for entry in after.iter().filter(|entry| !before.contains(entry)) {
        told(entry, "新增", "added");
    }
    for entry in before.iter().filter(|entry| !after.contains(entry)) {
        told(entry, "删去", "removed");
    }
    if old.holders != new.holders {
        say(lines, format!("  {}：改动方向", word.zh), format!("  {}: other directions", word.en));
    }
    let bare = |rule: &ServiceRule| ServiceRule {
        sections: Vec::new(),
        holders: Vec::new(),
        ..rule.clone()
    };
    if bare(old) != bare(new) {
        say(
            lines,
            format!("  {}：改动区划、期限、保存天数或上限", word.zh),
            format!("  {}: other divisions, deadlines, retention or ceiling", word.en),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jieli_proto::wire::{OfficeKind, OfficeSections, Service};

    fn agreement() -> Agreement {
        let office = |code: &str, name: &str| Office {
            credit_code: code.to_owned(),
            kind: OfficeKind::Education.into(),
            name: name.to_owned(),
            ..Office::default()
        };
        let party = |city: &str| Party {
            city_id: city.to_owned(),
            offices: vec![office("1", "人社局"), office("2", "教育局")],
            ..Party::default()
        };
        let rule = |service: Service| ServiceRule {
            service: service.into(),
            sections: vec![OfficeSections {
                kind: OfficeKind::Education.into(),
                sections: vec![16],
            }],
            ..ServiceRule::default()
        };
        Agreement {
            parties: vec![party("kunming.yn"), party("ruian.zj")],
            services: vec![rule(Service::Schooling), rule(Service::Housing)],
            ..Agreement::default()
        }
    }

    #[test]
    fn what_came_went_and_changed_is_told() {
        let old = agreement();
        assert_eq!(of(&old, &old).0, ["  内容相同"]);
        let mut new = old.clone();
        new.parties[1].offices.remove(1);
        new.services.pop();
        new.services[0].sections[0].sections = vec![16, 18];
        new.valid_to = 20_291_231;
        let (zh, en) = of(&old, &new);
        assert_eq!(zh.len(), en.len());
        let whole = zh.join("\n");
        for part in ["删去机构：ruian.zj 教育局", "删去事项：", "present_school", "有效期"]
        {
            assert!(whole.contains(part), "{part}: {whole}");
        }
        let (back, _) = of(&new, &old);
        assert!(back.join("\n").contains("新增机构：ruian.zj 教育局"));
    }
}
