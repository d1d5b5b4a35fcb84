//! One spelling of JSON: compact, keys sorted bytewise, no trailing newline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Writes a value in its one spelling, whatever order its maps are kept in.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    append(value, &mut out);
    out
}

fn append(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                append(&Value::String(key.clone()), out);
                out.push(':');
                append(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                append(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}

/// Reads a value that is in its one spelling.
pub(crate) fn read(bytes: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    (write(&value).as_bytes() == bytes).then_some(value)
}

/// The fields of an object that has these keys and no other, in the order asked.
pub(crate) fn fields<const N: usize>(value: &Value, keys: [&str; N]) -> Option<[Value; N]> {
    let map = value.as_object().filter(|map| map.len() == N)?;
    let found: Option<Vec<Value>> = keys.iter().map(|key| map.get(*key).cloned()).collect();
    found?.try_into().ok()
}

/// Base64 of RFC 4648 section 4.
pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// Reads one base64 string.
pub(crate) fn bytes(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

/// Reads a list of base64 strings.
pub(crate) fn list(value: &Value) -> Option<Vec<Vec<u8>>> {
    value.as_array()?.iter().map(bytes).collect()
}

/// Reads a list of base64 strings of 32 bytes each.
pub(crate) fn hashes(value: &Value) -> Option<Vec<[u8; 32]>> {
    list(value)?.into_iter().map(|bytes| bytes.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        assert!(read(br#"{"a":[1,"x"],"b":null}"#).is_some());
        for other in [
            &br#"{"b":null,"a":[1,"x"]}"#[..],
            br#"{"a": 1}"#,
            br#"{"a":1,"a":1}"#,
            br#"{"a":1.0e0}"#,
            br#"{"a":"\u0041"}"#,
            b"{}\n",
            b"",
        ] {
            assert!(read(other).is_none(), "{}", String::from_utf8_lossy(other));
        }
    }
}
