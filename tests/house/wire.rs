//! What compiled descriptors and SQL may not contain.

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::deny::is_forbidden;

/// The files whose messages are, or lie inside, signed payloads: one canonical form each.
const SIGNED: &[&str] = &["envelope.proto", "case.proto", "agreement.proto", "log.proto"];
const OPEN_ENDED: &[&str] =
    &[".google.protobuf.Any", ".google.protobuf.Struct", ".google.protobuf.Value"];

/// Everything that is wrong with these files, one line each.
pub(crate) fn descriptor_faults(set: &FileDescriptorSet) -> Vec<String> {
    let mut faults = Vec::new();
    for file in &set.file {
        file_faults(file, &mut faults);
    }
    faults
}

fn file_faults(file: &FileDescriptorProto, faults: &mut Vec<String>) {
    if file.name().starts_with("google/") {
        faults.push(format!("{}: not ours to carry", file.name()));
    }
    if file.syntax() != "proto3" {
        faults.push(format!("{}: not proto3", file.name()));
    }
    let signed = SIGNED.iter().any(|name| file.name().ends_with(name));
    for message in &file.message_type {
        message_faults(message, signed, file.package(), faults);
    }
    for list in &file.enum_type {
        enum_faults(list, file.package(), faults);
    }
}

fn message_faults(m: &DescriptorProto, signed: bool, parent: &str, faults: &mut Vec<String>) {
    let here = format!("{parent}.{}", m.name());
    let mut fault = |what: String| faults.push(format!("{here}: {what}"));
    let oneofs = m.oneof_decl.iter().map(|o| o.name());
    if let Some(word) = is_forbidden(parent, m.name()) {
        fault(format!("its name means {word}"));
    }
    for name in m.field.iter().map(|f| f.name()).chain(oneofs) {
        if let Some(word) = is_forbidden(&here, name) {
            fault(format!("{name} means {word}"));
        }
    }
    if m.options.as_ref().is_some_and(|o| o.map_entry()) {
        fault("a map".into());
    }
    for field in &m.field {
        let name = field.name();
        if matches!(field.r#type(), Type::Double | Type::Float | Type::Group) {
            fault(format!("{name} is a float or a group"));
        }
        if OPEN_ENDED.contains(&field.type_name()) {
            fault(format!("{name} is open-ended: {}", field.type_name()));
        }
        if field.proto3_optional() {
            fault(format!("{name} is optional"));
        }
    }
    if signed {
        oneof_faults(m, &mut fault);
    }
    for nested in &m.nested_type {
        message_faults(nested, signed, &here, faults);
    }
    for list in &m.enum_type {
        enum_faults(list, &here, faults);
    }
}

/// A oneof holds the highest, contiguous numbers, so that ascending order is one order.
fn oneof_faults(m: &DescriptorProto, fault: &mut impl FnMut(String)) {
    let mut inside: Vec<i32> =
        m.field.iter().filter(|f| f.oneof_index.is_some()).map(|f| f.number()).collect();
    inside.sort_unstable();
    let outside = m.field.iter().filter(|f| f.oneof_index.is_none()).map(|f| f.number()).max();
    if m.oneof_decl.len() > 1 {
        fault("more than one oneof".into());
    }
    if inside.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        fault("the numbers of its oneof have gaps".into());
    }
    if inside.first().zip(outside).is_some_and(|(first, other)| first < &other) {
        fault("its oneof does not hold the highest numbers".into());
    }
}

fn enum_faults(list: &EnumDescriptorProto, parent: &str, faults: &mut Vec<String>) {
    for name in list.value.iter().map(|v| v.name()).chain([list.name()]) {
        if let Some(word) = is_forbidden(parent, name) {
            faults.push(format!("{parent}.{}: {name} means {word}", list.name()));
        }
    }
}

/// The forbidden names among the identifiers of an SQL text.
pub(crate) fn sql_faults(sql: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for line in sql.lines() {
        let code = line.split("--").next().unwrap_or_default();
        // Every second piece between single quotes is a literal.
        for piece in code.split('\'').step_by(2) {
            for name in piece.split(|c: char| !c.is_alphanumeric() && c != '_') {
                if let Some(word) = is_forbidden("sql", name) {
                    faults.push(format!("{name} means {word}"));
                }
            }
        }
    }
    faults
}
