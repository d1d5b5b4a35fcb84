//! The generated code in `src/wire` is what the `.proto` files say: regenerate and compare.
//! `JIELI_BLESS=1 cargo test -p jieli-proto --test wire` writes it anew.

use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::{Label, Type as Kind};
use std::path::{Path, PathBuf};

const FILES: [&str; 25] = [
    "envelope",
    "log",
    "case",
    "agreement",
    "exchange",
    "partners",
    "case_desk",
    "capacity_desk",
    "desk",
    "webhooks",
    "operate",
    "rota",
    "window",
    "paper",
    "erasure_desk",
    "keys_desk",
    "checks_desk",
    "audit",
    "second",
    "grievance",
    "packs_desk",
    "systems",
    "helper",
    "employer",
    "liaison",
];

/// What never leaves a node: not decoded strictly.
const LOCAL: [&str; 20] = [
    "desk.proto",
    "partners.proto",
    "case_desk.proto",
    "capacity_desk.proto",
    "window.proto",
    "paper.proto",
    "erasure_desk.proto",
    "keys_desk.proto",
    "checks_desk.proto",
    "audit.proto",
    "second.proto",
    "packs_desk.proto",
    "grievance.proto",
    "webhooks.proto",
    "operate.proto",
    "rota.proto",
    "systems.proto",
    "helper.proto",
    "employer.proto",
    "liaison.proto",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn descriptors() -> FileDescriptorSet {
    let paths = FILES.map(|name| root().join(format!("jieli/v1/{name}.proto")));
    protox::compile(paths, [root()]).expect("the .proto files compile")
}

fn generate(into: &Path) {
    tonic_prost_build::configure()
        .server_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .client_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .out_dir(into)
        .compile_fds(descriptors())
        .expect("the descriptors generate");
}

/// The table `strict` walks: every field of every message with its type.
fn schema() -> String {
    let mut out = String::from(
        "//! Generated from `jieli/v1/*.proto` by `tests/wire.rs`: the table that strict decode walks.\n\n\
         /// A message type.\n#[derive(Debug)]\npub struct Schema {\n    /// Its name.\n    pub name: &'static str,\n    \
         /// Its fields, ascending.\n    pub fields: &'static [Field],\n}\n\n\
         /// A field.\n#[derive(Debug)]\npub struct Field {\n    /// Its number.\n    pub number: u32,\n    /// Its type.\n    \
         pub ty: Type,\n    /// Whether it repeats.\n    pub repeated: bool,\n    /// Whether it is a member of the oneof.\n    pub oneof: bool,\n}\n\n\
         /// A field's type.\n#[derive(Clone, Copy, Debug)]\npub enum Type {\n    /// uint32\n    U32,\n    /// uint64\n    U64,\n    \
         /// sint32\n    S32,\n    /// bool\n    Bool,\n    /// enum, with its known numbers but 0\n    Enum(&'static [u32]),\n    \
         /// string\n    String,\n    /// bytes\n    Bytes,\n    /// another message\n    Message(&'static str),\n}\n\n\
         impl Type {\n    /// Whether it is encoded as a varint.\n    pub fn is_scalar(self) -> bool {\n        \
         matches!(self, Type::U32 | Type::U64 | Type::S32 | Type::Bool | Type::Enum(_))\n    }\n}\n\n\
         /// All message types but those of the desk.\npub const SCHEMAS: &[Schema] = &[\n",
    );
    let fds = descriptors();
    let is_local = |name: &str| LOCAL.iter().any(|local| name.ends_with(local));
    let files = || fds.file.iter().filter(|file| !is_local(file.name()));
    let enums: Vec<_> = files().flat_map(|file| &file.enum_type).collect();
    for message in files().flat_map(|file| &file.message_type) {
        out += &format!("    Schema {{ name: \"{}\", fields: &[\n", message.name());
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        for field in fields {
            let last = field.type_name().rsplit('.').next().unwrap_or_default();
            let ty = match field.r#type() {
                Kind::Uint32 => "U32".to_owned(),
                Kind::Uint64 => "U64".to_owned(),
                Kind::Sint32 => "S32".to_owned(),
                Kind::Bool => "Bool".to_owned(),
                Kind::String => "String".to_owned(),
                Kind::Bytes => "Bytes".to_owned(),
                Kind::Message => format!("Message(\"{last}\")"),
                Kind::Enum => {
                    let found = enums.iter().find(|e| e.name() == last).expect("a known enum");
                    let known: Vec<_> =
                        found.value.iter().map(|v| v.number()).filter(|n| *n != 0).collect();
                    format!("Enum(&{known:?})")
                }
                other @ (Kind::Double
                | Kind::Float
                | Kind::Int64
                | Kind::Int32
                | Kind::Fixed64
                | Kind::Fixed32
                | Kind::Group
                | Kind::Sfixed32
                | Kind::Sfixed64
                | Kind::Sint64) => {
                    panic!("{}.{}: {other:?} has no place here", message.name(), field.name())
                }
            };
            out += &format!(
                "        Field {{ number: {}, ty: Type::{ty}, repeated: {}, oneof: {} }},\n",
                field.number(),
                field.label() == Label::Repeated,
                field.oneof_index.is_some(),
            );
        }
        out += "    ] },\n";
    }
    out + "];\n"
}

fn keep(name: &str, fresh: &str) {
    let kept = root().join("src/wire").join(name);
    if std::env::var_os("JIELI_BLESS").is_some() {
        std::fs::write(&kept, fresh).expect("src/wire can be written");
    }
    let stored = std::fs::read_to_string(&kept).unwrap_or_default();
    assert!(
        stored == fresh,
        "src/wire/{name} is stale: JIELI_BLESS=1 cargo test -p jieli-proto --test wire"
    );
}

#[test]
fn generated_code_is_current() {
    let scratch = tempfile::tempdir().unwrap();
    generate(scratch.path());
    let fresh = std::fs::read_to_string(scratch.path().join("jieli.v1.rs")).unwrap();
    keep("jieli.v1.rs", &fresh);
    keep("schema.rs", &schema());
}
