//! The demo's cities, phones and results in words.

use crate::demo::city::{City, Sms};
use crate::demo::story::{EMPLOYER, Memory, SCHOOL};
use jieli_gateway::start::stage::{Phone, PhoneMessage, Subject};
use jieli_proto::wire::Service;
use serde_json::Value;
use std::collections::BTreeMap;

/// A city's English name, and whether people leave from it.
pub(super) fn city(id: &str) -> (&'static str, bool) {
    match id {
        "kunming.yn" => ("Kunming", true),
        "ruian.zj" => ("Ruian", false),
        _ => ("Chengdu", false),
    }
}

/// The office that handles a service.
pub(super) fn office(service: Service) -> [&'static str; 2] {
    match service {
        Service::Employment | Service::Unspecified => ["人社局", "labour office"],
        Service::Schooling | Service::SchoolRecord => ["教育局", "school office"],
        Service::Insurance => ["医保局", "medical office"],
        Service::Housing => ["住建局", "housing office"],
        Service::FundTransfer => ["公积金中心", "housing fund"],
    }
}

/// Results that are worth reading, with their labels; in this order.
const FACTS: &[(&str, &str, &str)] = &[
    ("refused_columns", "退回的列", "refused columns"),
    ("rows_stored", "保存的行", "rows kept"),
    ("rows_in_cleaned_copy", "清理后的副本可导入", "rows in the cleaned copy"),
    ("drafts", "草稿", "drafts"),
    ("asked", "已问", "asked"),
    (
        "desk_can_tell_no_from_silence",
        "窗口能分辨不同意和没理会",
        "desk can tell a no from silence",
    ),
    ("sent", "发出", "sent"),
    ("bytes_searched", "搜查的字节", "bytes searched"),
    ("times_the_name_was_found", "找到名字的次数", "times the name was found"),
    ("found", "找到", "found"),
    ("name_there_before_the_yes", "同意之前有名字", "name there before the yes"),
    ("name_there_after_the_yes", "同意之后有名字", "name there after the yes"),
    ("name_there_before_the_stop", "停止之前有名字", "name there before the stop"),
    ("name_there_after_the_stop", "停止之后有名字", "name there after the stop"),
    ("hours_to_read_the_terms", "看用工条件的小时", "hours to read the terms"),
    ("window", "本人在哪个窗口同意", "window where the person said yes"),
    ("completed", "办结", "completed"),
    ("letters_waiting_meanwhile", "断电时等待的信件", "letters waiting meanwhile"),
    ("times_it_arrived", "到达次数", "times it arrived"),
    ("records_identical", "两边记录相同", "records identical"),
    ("leaves_identical", "逐字节相同", "identical byte for byte"),
    ("states", "不同状态", "different states"),
    ("bytes", "存证包字节", "bytes of the bundle"),
    ("changed_byte", "改动的字节", "byte changed"),
    ("where", "核验程序指出的文件", "file the verifier names"),
    ("what_zh", "核验程序说", "the verifier says"),
    ("what_en", "", ""),
    ("case", "办件", "case"),
];

/// The results of a step for people.
pub(super) fn facts(facts: &Value) -> Vec<[String; 3]> {
    let lines = FACTS.iter().filter_map(|(key, zh, en)| {
        let value = match facts.get(key)? {
            Value::Bool(true) => "是 yes".to_owned(),
            Value::Bool(false) => "否 no".to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some([(*zh).to_owned(), (*en).to_owned(), value])
    });
    lines.collect()
}

/// The phones a city has written to, in the order in which they first rang.
pub(super) fn phones(city: &City, memory: &Memory) -> Vec<Phone> {
    let mut numbers: Vec<String> = Vec::new();
    let mut messages: BTreeMap<String, Vec<Sms>> = BTreeMap::new();
    for sms in city.phones() {
        if !messages.contains_key(&sms.to) {
            numbers.push(sms.to.clone());
        }
        messages.entry(sms.to.clone()).or_default().push(sms);
    }
    let (en, sends) = self::city(city.plan.id);
    let phone = |number: String| {
        let worker = memory.workers.iter().find(|worker| worker.phone() == number);
        let name = worker.map_or_else(|| "林·示例".to_owned(), |worker| worker.name());
        let from = if sends { String::new() } else { format!("（{}来信）", city.plan.name) };
        let yours = memory.visitors.iter().any(|worker| worker.phone() == number);
        let texts = messages.remove(&number).unwrap_or_default();
        Phone {
            city: city.plan.id.to_owned(),
            holder: [format!("{name}{from}"), format!("messages from {en}")],
            number,
            yours,
            messages: texts
                .into_iter()
                .map(|sms| PhoneMessage { case: sms.case(), code: sms.code(), text: sms.text })
                .collect(),
        }
    };
    numbers.into_iter().map(phone).collect()
}

/// Of whom and what each city is asked.
pub(super) fn subjects(memory: &Memory) -> Vec<Subject> {
    let mut all = Vec::new();
    let mut add = |zh: String, en: String, needle: &str, cities: &[&str], erased_in: &[&str]| {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let needle = needle.to_owned();
        let (cities, erased_in) = (owned(cities), owned(erased_in));
        all.push(Subject { name: [zh, en], needle, cities, erased_in });
    };
    let there = ["ruian.zj", "chengdu.sc"];
    if let Some(family) = &memory.family {
        let name = family.name();
        add(format!("找工作的家长 {name}"), "the parent".to_owned(), &name, &there, &[]);
        if let Some(child) = family.child() {
            let name = &child.name;
            add(format!("要上学的孩子 {name}"), "the child".to_owned(), name, &there, &[]);
        }
        let here = ["kunming.yn"];
        add(format!("{name} 一家的名字"), "the family's names".to_owned(), &name, &here, &[]);
        let school = "孩子进了哪所学校".to_owned();
        add(school, "which school it is".to_owned(), SCHOOL, &here, &[]);
        add("哪家单位录用".to_owned(), "which employer it is".to_owned(), EMPLOYER, &here, &[]);
    }
    if let Some(worker) = &memory.says_no {
        let name = worker.name();
        add(format!("不同意的 {name}"), "who said no".to_owned(), &name, &there, &[]);
    }
    if let Some(worker) = &memory.dormitory {
        let name = worker.name();
        let zh = format!("停止宿舍申请的 {name}");
        add(zh, "who stopped the dormitory".to_owned(), &name, &there, &["ruian.zj"]);
    }
    all
}
