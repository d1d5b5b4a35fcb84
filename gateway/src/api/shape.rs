//! What a body looks like, said once: the struct that is written and read, and its JSON schema with
//! words in both languages, come from the same lines.

use serde_json::{Map, Value, json};

/// Schemas by name.
pub(super) type Schemas = Map<String, Value>;

/// Part of a body.
pub(super) trait Part {
    /// Whether it has to be there.
    const NEEDED: bool = true;

    /// Its schema, where it is used.
    fn schema() -> Value;

    /// Puts what it consists of among the named schemas.
    fn collect(_into: &mut Schemas) {}
}

impl Part for String {
    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Part for bool {
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Part for u32 {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

impl Part for u64 {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl<T: Part> Part for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }

    fn collect(into: &mut Schemas) {
        T::collect(into);
    }
}

impl<T: Part> Part for Option<T> {
    const NEEDED: bool = false;

    fn schema() -> Value {
        json!({ "anyOf": [T::schema(), { "type": "null" }] })
    }

    fn collect(into: &mut Schemas) {
        T::collect(into);
    }
}

/// Named values of text.
pub(super) type Named = std::collections::BTreeMap<String, String>;

impl Part for Named {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

/// A schema with words.
pub(super) fn told(mut schema: Value, zh: &str, en: &str) -> Value {
    let words = format!("{zh} {en}");
    if schema.get("$ref").is_some() {
        return json!({ "allOf": [schema], "description": words });
    }
    schema["description"] = words.into();
    schema
}

/// The schema of a type, after it and what it consists of have been put among the named ones.
pub(super) fn of<T: Part>(into: &mut Schemas) -> Value {
    T::collect(into);
    T::schema()
}

macro_rules! shape {
    ($(#[$meta:meta])* $name:ident, $zh:literal, $en:literal;
     $($field:ident: $ty:ty, $field_zh:literal, $field_en:literal;)*) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $field: $ty,)*
        }

        impl $crate::api::shape::Part for $name {
            fn schema() -> serde_json::Value {
                serde_json::json!({
                    "$ref": concat!("#/components/schemas/", stringify!($name))
                })
            }

            fn collect(into: &mut $crate::api::shape::Schemas) {
                use $crate::api::shape::{Part, told};
                let mut properties = serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                $(
                    <$ty as Part>::collect(into);
                    let schema = told(<$ty as Part>::schema(), $field_zh, $field_en);
                    properties.insert(stringify!($field).to_owned(), schema);
                    if <$ty as Part>::NEEDED {
                        required.push(stringify!($field));
                    }
                )*
                let mut all = serde_json::Map::new();
                all.insert("type".to_owned(), "object".into());
                all.insert("description".to_owned(), concat!($zh, " ", $en).into());
                all.insert("additionalProperties".to_owned(), false.into());
                all.insert("properties".to_owned(), properties.into());
                all.insert("required".to_owned(), required.into());
                into.insert(stringify!($name).to_owned(), all.into());
            }
        }
    };
}

pub(super) use shape;
