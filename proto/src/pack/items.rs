//! The catalogue of items: what can be asked for, which office kind decides it, what is brought,
//! how long it may take and which fields it fills. So an item received here and decided there is
//! data, not code.
//!
//! ```json
//! {"name":"items-cn","version":1,"valid_from":20260101,"valid_to":20271231,
//!  "items":[{"code":1,"zh":"职工医保关系转移接续","en":"transfer of employee medical cover",
//!            "service":"insurance","decides":"medical_security","bring":[1,6],
//!            "legal_days":10,"fields":["action","from_division","to_division","scheme"]}]}
//! ```
//! `bring` names codes of the list *bring*, `fields` the fields of the section that opens the
//! service, by their names in the specification and in their order; those that every such section
//! must have are among them. `legal_days` are working days, 0 where the agreement's apply.
//! Only insurance names its item on the wire. Elsewhere `"when":{"entry":2,"stage":3}` may say by
//! which codes of its fields a request is known to be about the item, for who decides it.

use super::{PackError, Title, label};
use crate::section::{Field, FieldType, PERSON, Phase, SUPPORT_NEED, TABLE, Value};
use crate::wire::{OfficeKind, Service};
use crate::words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most items in one catalogue.
pub const ITEMS_MAX: usize = 500;

/// Longest legal time of an item, in working days.
const LEGAL_DAYS_MAX: u32 = 250;

/// The file form of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogueParts {
    name: String,
    version: u32,
    valid_from: u32,
    valid_to: u32,
    items: Vec<ItemParts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemParts {
    code: u32,
    zh: String,
    en: String,
    service: String,
    decides: String,
    bring: Vec<u32>,
    legal_days: u32,
    fields: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, u64>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// The service it belongs to.
    pub service: Service,
    /// The kind of office that decides it.
    pub decides: OfficeKind,
    /// What is brought: codes of the list *bring*, ascending.
    pub bring: Vec<u32>,
    /// Working days the law gives, 0 where the agreement's apply.
    pub legal_days: u32,
    /// The fields it fills, by name, in the order of their section.
    pub fields: Vec<&'static str>,
    /// The codes in these fields by which a request is known to be about this item, ascending by
    /// name; empty where a request does not tell.
    pub when: Vec<(&'static Field, u64)>,
}

impl Item {
    fn is_meant_by(&self, values: &[(u32, Value)]) -> bool {
        self.when.iter().all(|(field, code)| {
            values.iter().any(|(number, value)| {
                *number == field.number && matches!(value, Value::Number(found) if found == code)
            })
        })
    }
}

/// A checked catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Name, version, validity.
    pub title: Title,
    items: BTreeMap<u32, Item>,
}

impl Catalogue {
    /// An item by its code.
    pub fn get(&self, code: u32) -> Option<&Item> {
        self.items.get(&code)
    }

    /// All items, ascending by code.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Item)> {
        self.items.iter().map(|(code, item)| (*code, item))
    }

    /// The items that a request may be about: the one it names, or, where it names none, those of
    /// its service whose codes are those it has.
    pub fn meant(&self, service: Service, code: u32, values: &[(u32, Value)]) -> Vec<&Item> {
        let of_service = |item: &&Item| item.service == service;
        if code > 0 {
            return self.get(code).into_iter().filter(of_service).collect();
        }
        self.items.values().filter(of_service).filter(|item| item.is_meant_by(values)).collect()
    }

    pub(super) fn from_parts(parts: CatalogueParts) -> Result<Catalogue, PackError> {
        let title = Title::of(&parts.name, parts.version, parts.valid_from, parts.valid_to)?;
        if parts.items.is_empty() || parts.items.len() > ITEMS_MAX {
            return Err(PackError::Entry {
                place: "items".to_owned(),
                what: format!("a catalogue has 1 to {ITEMS_MAX} items"),
            });
        }
        let mut items: BTreeMap<u32, Item> = BTreeMap::new();
        for found in parts.items {
            let code = found.code;
            let item = item(found)?;
            if code == 0 || items.last_key_value().is_some_and(|(last, _)| *last >= code) {
                return Err(wrong(code, "codes count from 1 and ascend, each once"));
            }
            items.insert(code, item);
        }
        Ok(Catalogue { title, items })
    }

    pub(super) fn to_parts(&self) -> CatalogueParts {
        let parts = |(code, item): (&u32, &Item)| ItemParts {
            code: *code,
            zh: item.zh.clone(),
            en: item.en.clone(),
            service: name_of(item.service.as_str_name(), "SERVICE_"),
            decides: name_of(item.decides.as_str_name(), "OFFICE_KIND_"),
            bring: item.bring.clone(),
            legal_days: item.legal_days,
            fields: item.fields.iter().map(|name| (*name).to_owned()).collect(),
            when: item.when.iter().map(|(field, code)| (field.name.to_owned(), *code)).collect(),
        };
        CatalogueParts {
            name: self.title.name.clone(),
            version: self.title.version,
            valid_from: self.title.valid_from.number(),
            valid_to: self.title.valid_to.number(),
            items: self.items.iter().map(parts).collect(),
        }
    }
}

fn wrong(code: u32, what: &str) -> PackError {
    PackError::Entry { place: format!("item {code}"), what: what.to_owned() }
}

fn name_of(full: &str, prefix: &str) -> String {
    full.trim_start_matches(prefix).to_lowercase()
}

fn item(found: ItemParts) -> Result<Item, PackError> {
    let code = found.code;
    let place = format!("item {code}");
    label(&place, &found.zh)?;
    label(&place, &found.en)?;
    let service = Service::from_str_name(&format!("SERVICE_{}", found.service.to_uppercase()));
    let service = service
        .filter(|service| *service != Service::Unspecified)
        .filter(|service| name_of(service.as_str_name(), "SERVICE_") == found.service)
        .ok_or_else(|| wrong(code, &format!("there is no service {}", found.service)))?;
    let decides =
        OfficeKind::from_str_name(&format!("OFFICE_KIND_{}", found.decides.to_uppercase()));
    let decides = decides
        .filter(|kind| *kind != OfficeKind::Unspecified)
        .filter(|kind| name_of(kind.as_str_name(), "OFFICE_KIND_") == found.decides)
        .ok_or_else(|| wrong(code, &format!("there is no office kind {}", found.decides)))?;
    if found.bring.windows(2).any(|pair| pair[0] >= pair[1]) || found.bring.first() == Some(&0) {
        return Err(wrong(code, "bring: codes count from 1 and ascend, each once"));
    }
    if found.legal_days > LEGAL_DAYS_MAX {
        return Err(wrong(code, &format!("legal_days is {LEGAL_DAYS_MAX} at most")));
    }
    let fields = fields_of(service, &found.fields).map_err(|what| wrong(code, &what))?;
    if service != Service::Insurance && decides != words::kind_of_service(service) {
        let what =
            "only items of insurance are decided by another kind of office than their service";
        return Err(wrong(code, what));
    }
    let when = when_of(service, &fields, &found.when).map_err(|what| wrong(code, &what))?;
    Ok(Item {
        zh: found.zh,
        en: found.en,
        service,
        decides,
        bring: found.bring,
        legal_days: found.legal_days,
        fields,
        when,
    })
}

/// Codes are those of fields that the item fills. Insurance names its item itself.
fn when_of(
    service: Service,
    fields: &[&str],
    found: &BTreeMap<String, u64>,
) -> Result<Vec<(&'static Field, u64)>, String> {
    let mut when = Vec::new();
    for (name, code) in found {
        let field = opening_fields(service).iter().find(|field| field.name == name);
        let field = field.filter(|field| fields.contains(&field.name));
        let fits =
            |ty: FieldType| matches!(ty, FieldType::Code(_)) && ty.takes(&Value::Number(*code));
        let is_code = field.filter(|field| fits(field.ty));
        match is_code.filter(|_| service != Service::Insurance) {
            Some(field) => when.push((field, *code)),
            None => return Err(format!("when: {name} {code} is no code that this item fills")),
        }
    }
    Ok(when)
}

/// The fields that open a service: those of its section of phase A, or, where the opening names the
/// person at once, of its own section of phase B.
fn opening_fields(service: Service) -> &'static [Field] {
    let of = |phase: Phase| {
        TABLE.iter().find(move |kind| {
            kind.phase == phase
                && kind.serves(service)
                && kind.number != PERSON
                && kind.number != SUPPORT_NEED
        })
    };
    of(Phase::A).or_else(|| of(Phase::B)).map_or(&[], |kind| kind.fields)
}

fn fields_of(service: Service, names: &[String]) -> Result<Vec<&'static str>, String> {
    let all = opening_fields(service);
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|field| field.name != **name)) {
        return Err(format!("this service has no field {unknown}"));
    }
    let chosen: Vec<&'static str> =
        all.iter().map(|field| field.name).filter(|name| names.iter().any(|n| n == name)).collect();
    if chosen != names.iter().map(String::as_str).collect::<Vec<_>>() {
        return Err("fields stand in the order of their section, each once".to_owned());
    }
    match all.iter().find(|field| field.required && !chosen.contains(&field.name)) {
        Some(field) => Err(format!("the field {} cannot be left out", field.name)),
        None => Ok(chosen),
    }
}
