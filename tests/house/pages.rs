//! The numbers on the specification's pages are the numbers of the code.

use jieli_proto::bundle::Code;
use jieli_proto::case::Illegal;
use jieli_proto::kinds::Kind;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{FieldType, SectionKind, TABLE};
use prost_types::FileDescriptorSet;

/// What PROTOCOL.md lacks or tells otherwise.
pub(crate) fn protocol_faults(page: &str, set: &FileDescriptorSet) -> Vec<String> {
    let kinds = Kind::ALL.iter().map(|kind| {
        let name = kind.payload_type().split('.').nth(2).unwrap_or_default().replace('-', " ");
        format!("| {} | {name} | `{}` |", kind.number(), kind.payload_type())
    });
    let refusals = Refusal::ALL.iter().map(|refusal| {
        let name = upper(refusal.name());
        format!("| {} | {name} | {:?} |", refusal.number(), refusal.class())
    });
    let sections = TABLE.iter().map(section_row);
    let enums = set
        .file
        .iter()
        .filter(|file| !["desk.proto", "partners.proto"].iter().any(|f| file.name().ends_with(f)))
        .flat_map(|file| file.enum_type.iter().map(enum_row));
    let rows: Vec<String> = kinds.chain(refusals).chain(sections).chain(enums).collect();
    let codes = Code::ALL.iter().filter(|code| !page.contains(code.name()));
    let codes = codes.map(|code| format!("PROTOCOL.md lacks the failure code {}", code.name()));
    missing("PROTOCOL.md", page, rows).into_iter().chain(codes).collect()
}

/// What CASEWORK.md lacks or tells otherwise.
pub(crate) fn casework_faults(page: &str) -> Vec<String> {
    let rows = Illegal::ALL.iter().map(|reason| {
        format!("| {} | {} | {reason} |", reason.number(), upper(&format!("{reason:?}")))
    });
    missing("CASEWORK.md", page, rows.collect())
}

fn missing(name: &str, page: &str, rows: Vec<String>) -> Vec<String> {
    let told = |row: &String| page.lines().any(|line| line.starts_with(row.as_str()));
    rows.iter().filter(|row| !told(row)).map(|row| format!("{name} lacks: {row}")).collect()
}

/// Number, name, phase; then the services in words, which need not be compared; then the fields.
fn section_row(kind: &SectionKind) -> String {
    format!("| {} | {} | {:?} |", kind.number, kind.name, kind.phase)
}

/// The end of a section's row.
pub(crate) fn section_faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for kind in TABLE {
        let fields: Vec<String> = kind
            .fields
            .iter()
            .map(|field| {
                let may = if field.required { "" } else { "?" };
                format!("{} {}{may}: {}", field.number, field.name, type_word(field.ty))
            })
            .collect();
        let end = format!("| {} | {} |", kind.fields.len(), fields.join(", "));
        let head = section_row(kind);
        if !page.lines().any(|line| line.starts_with(&head) && line.ends_with(&end)) {
            faults.push(format!("PROTOCOL.md: section {} has the fields {end}", kind.number));
        }
    }
    faults
}

fn type_word(ty: FieldType) -> String {
    match ty {
        FieldType::Text => "text".to_owned(),
        FieldType::Number => "number".to_owned(),
        FieldType::Code(top) => format!("code 1-{top}"),
        FieldType::Date => "date".to_owned(),
        FieldType::Flag => "flag".to_owned(),
    }
}

fn enum_row(found: &prost_types::EnumDescriptorProto) -> String {
    let prefix = upper(found.name()) + "_";
    let values = found.value.iter().filter(|value| value.number() > 0).map(|value| {
        let name = value.name().strip_prefix(&prefix).unwrap_or(value.name());
        format!("{} {name}", value.number())
    });
    format!("| {} | {}", found.name(), values.collect::<Vec<_>>().join(" · "))
}

/// `NoSuchLeg` as `NO_SUCH_LEG`.
fn upper(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_uppercase());
    }
    out
}
