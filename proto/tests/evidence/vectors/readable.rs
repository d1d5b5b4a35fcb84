//! Payload bytes as JSON that a person can read: field names of the `.proto` files, byte strings in
//! hex, 64-bit numbers as decimal strings, enum values by name.

#![allow(clippy::wildcard_enum_match_arm)] // prost's list of types is not ours

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use serde_json::{Map, Value, json};

/// The compiled `.proto` files.
pub(crate) struct Schema(FileDescriptorSet);

impl Schema {
    pub(crate) fn load() -> Schema {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let files = ["agreement", "log", "exchange"]
            .map(|name| root.join(format!("jieli/v1/{name}.proto")));
        Schema(protox::compile(files, [root]).unwrap())
    }

    /// A message's bytes by its name.
    pub(crate) fn read(&self, name: &str, mut bytes: &[u8]) -> Value {
        let message = self.message(name);
        let mut out = Map::new();
        while !bytes.is_empty() {
            let (key, rest) = varint(bytes);
            let number = i32::try_from(key >> 3).unwrap();
            let field = message.field.iter().find(|field| field.number() == number).unwrap();
            let (value, rest) = if key & 7 == 0 {
                let (value, rest) = varint(rest);
                (self.scalar(field, value), rest)
            } else {
                let (length, rest) = varint(rest);
                let (data, rest) = rest.split_at(length as usize);
                (self.bytes(field, data), rest)
            };
            bytes = rest;
            let packed = value.is_array();
            match (field.label(), packed) {
                (Label::Repeated, false) => {
                    let list = out.entry(field.name()).or_insert_with(|| json!([]));
                    list.as_array_mut().unwrap().push(value);
                }
                (Label::Repeated | Label::Optional | Label::Required, _) => {
                    out.insert(field.name().to_owned(), value);
                }
            }
        }
        Value::Object(out)
    }

    fn bytes(&self, field: &FieldDescriptorProto, data: &[u8]) -> Value {
        match field.r#type() {
            Type::Message => self.read(field.type_name().rsplit('.').next().unwrap(), data),
            Type::String => json!(std::str::from_utf8(data).unwrap()),
            Type::Bytes => json!(hex::encode(data)),
            _ => {
                let mut rest = data;
                let mut list = Vec::new();
                while !rest.is_empty() {
                    let (value, after) = varint(rest);
                    list.push(self.scalar(field, value));
                    rest = after;
                }
                json!(list)
            }
        }
    }

    fn scalar(&self, field: &FieldDescriptorProto, value: u64) -> Value {
        match field.r#type() {
            Type::Bool => json!(value == 1),
            Type::Uint64 => json!(value.to_string()),
            Type::Sint32 => json!((value >> 1) as i64 ^ -((value & 1) as i64)),
            Type::Enum => {
                let name = field.type_name().rsplit('.').next().unwrap();
                let found = self.enumeration(name);
                let value = found.value.iter().find(|found| found.number() as u64 == value);
                json!(value.unwrap().name())
            }
            _ => json!(value),
        }
    }

    fn message(&self, name: &str) -> &DescriptorProto {
        let mut all = self.0.file.iter().flat_map(|file| &file.message_type);
        all.find(|message| message.name() == name).unwrap()
    }

    fn enumeration(&self, name: &str) -> &EnumDescriptorProto {
        let mut all = self.0.file.iter().flat_map(|file| &file.enum_type);
        all.find(|found| found.name() == name).unwrap()
    }
}

fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let value =
        bytes[..end].iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, &bytes[end..])
}
