//! Strict decode: a payload has exactly one spelling, and any other is refused.
//!
//! The canonical form is protocol section 1: fields ascending by number, defaults omitted,
//! minimal varints, repeated scalars packed, no unknown field or enum value, members of a oneof
//! present even when default. [`check`] walks the bytes against the schema that
//! `tests/wire.rs` writes from the `.proto` files; prost then decodes what is known to be clean.

use crate::kinds::Kind;
use crate::wire;
use crate::wire::schema::{Field, Schema, Type};

/// The bytes are not the canonical form; says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical: {what} in field {field} of {message}, at byte {at}")]
pub struct NotCanonical {
    /// Message type in which it was found.
    pub message: &'static str,
    /// Field number, 0 where none could be read.
    pub field: u32,
    /// Offset from the start of that message.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// A message type whose bytes are hashed or signed.
pub trait Strict: prost::Message + Default {
    /// Its name in the schema.
    const NAME: &'static str;
}

/// A [`Strict`] type that is the payload of an envelope.
pub trait Payload: Strict {
    /// Its kind.
    const KIND: Kind;
}

macro_rules! payloads {
    ($($kind:ident: $name:ident,)*) => {$(
        impl Strict for wire::$name { const NAME: &'static str = stringify!($name); }
        impl Payload for wire::$name { const KIND: Kind = Kind::$kind; }
    )*};
}

payloads! {
    Message: Message,
    Receipt: Receipt,
    Act: Act,
    Agreement: Agreement,
    Manifest: KeyManifest,
    Consent: Consent,
    LaneStatement: LaneStatement,
    LegStatement: LegStatement,
    Recovery: Recovery,
    PersonStatement: PersonStatement,
    Slip: Slip,
    Letter: PaperLetter,
    Successor: Successor,
    Invite: Invite,
    Pack: Pack,
    Flag: RiskFlag,
}

impl Strict for wire::Item {
    const NAME: &'static str = "Item";
}

impl Strict for wire::Disclosure {
    const NAME: &'static str = "Disclosure";
}

impl Strict for wire::Terms {
    const NAME: &'static str = "Terms";
}

impl Strict for wire::Paper {
    const NAME: &'static str = "Paper";
}

/// Decodes bytes that are the canonical form of `M`.
pub fn decode<M: Strict>(bytes: &[u8]) -> Result<M, NotCanonical> {
    check(M::NAME, bytes)?;
    let other = |what| NotCanonical { message: M::NAME, field: 0, at: 0, what };
    let message = M::decode(bytes).map_err(|_| other("undecodable bytes"))?;
    // The walk above implies this; two independent readings must agree before anyone acts on it.
    if message.encode_to_vec() == bytes { Ok(message) } else { Err(other("another spelling")) }
}

/// Checks that bytes are the canonical form of the message type of that name.
pub fn check(name: &str, bytes: &[u8]) -> Result<(), NotCanonical> {
    let schema = wire::schema::SCHEMAS
        .iter()
        .find(|schema| schema.name == name)
        .unwrap_or(&Schema { name: "unknown type", fields: &[] });
    Walk { schema, bytes, at: 0, field: 0 }.message()
}

struct Walk<'a> {
    schema: &'static Schema,
    bytes: &'a [u8],
    at: usize,
    field: u32,
}

impl<'a> Walk<'a> {
    fn message(mut self) -> Result<(), NotCanonical> {
        let mut last = 0;
        let mut oneof_taken = false;
        while self.at < self.bytes.len() {
            let key = self.varint()?;
            self.field = u32::try_from(key >> 3).map_err(|_| self.wrong("field number"))?;
            let field = self
                .schema
                .fields
                .iter()
                .find(|field| field.number == self.field)
                .ok_or_else(|| self.wrong("unknown field"))?;
            let again = self.field == last;
            if self.field < last {
                return Err(self.wrong("fields out of order"));
            }
            if again && (!field.repeated || field.ty.is_scalar()) {
                return Err(self.wrong("field given twice"));
            }
            if field.oneof && std::mem::replace(&mut oneof_taken, true) {
                return Err(self.wrong("two members of one oneof"));
            }
            last = self.field;
            self.value(field, key & 7)?;
        }
        Ok(())
    }

    fn value(&mut self, field: &Field, wire_type: u64) -> Result<(), NotCanonical> {
        let scalar = field.ty.is_scalar();
        let expected = if scalar && !field.repeated { 0 } else { 2 };
        if wire_type != expected {
            return Err(self.wrong("wire type"));
        }
        if scalar && !field.repeated {
            let value = self.varint()?;
            if value == 0 && !field.oneof {
                return Err(self.wrong("explicit default"));
            }
            return self.in_range(field.ty, value);
        }
        let bytes = self.bytes_field()?;
        if scalar {
            return self.packed(field.ty, bytes);
        }
        match field.ty {
            Type::Message(name) => check(name, bytes),
            Type::String if std::str::from_utf8(bytes).is_err() => Err(self.wrong("not UTF-8")),
            Type::String | Type::Bytes if bytes.is_empty() && !field.repeated && !field.oneof => {
                Err(self.wrong("explicit default"))
            }
            Type::String | Type::Bytes => Ok(()),
            Type::U32 | Type::U64 | Type::S32 | Type::Bool | Type::Enum(_) => Ok(()),
        }
    }

    fn packed(&mut self, ty: Type, bytes: &'a [u8]) -> Result<(), NotCanonical> {
        if bytes.is_empty() {
            return Err(self.wrong("explicit default"));
        }
        let mut inner = Walk { schema: self.schema, bytes, at: 0, field: self.field };
        while inner.at < bytes.len() {
            let value = inner.varint()?;
            inner.in_range(ty, value)?;
        }
        Ok(())
    }

    fn in_range(&self, ty: Type, value: u64) -> Result<(), NotCanonical> {
        let fits = match ty {
            Type::U32 | Type::S32 => value <= u64::from(u32::MAX),
            Type::Bool => value <= 1,
            Type::Enum(known) => known.iter().any(|number| u64::from(*number) == value),
            Type::U64 | Type::String | Type::Bytes | Type::Message(_) => true,
        };
        if fits { Ok(()) } else { Err(self.wrong("value out of range")) }
    }

    fn bytes_field(&mut self) -> Result<&'a [u8], NotCanonical> {
        let len = usize::try_from(self.varint()?).map_err(|_| self.wrong("length"))?;
        let rest = &self.bytes[self.at..];
        let found = rest.get(..len).ok_or_else(|| self.wrong("length past the end"))?;
        self.at += len;
        Ok(found)
    }

    fn varint(&mut self) -> Result<u64, NotCanonical> {
        let mut value = 0_u64;
        for i in 0..10 {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.wrong("varint past the end"))?;
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if i == 9 && bits > 1 {
                return Err(self.wrong("varint over 64 bits"));
            }
            value |= bits << (7 * i);
            if byte & 0x80 == 0 {
                let long = byte == 0 && i > 0;
                return if long { Err(self.wrong("long varint")) } else { Ok(value) };
            }
        }
        Err(self.wrong("varint over 64 bits"))
    }

    fn wrong(&self, what: &'static str) -> NotCanonical {
        NotCanonical { message: self.schema.name, field: self.field, at: self.at, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    fn item() -> Vec<u8> {
        wire::Item {
            lane_seq: 300,
            env_digest: vec![7; 32],
            log_index: 0,
            status: wire::ItemStatus::Refused.into(),
            code: 20,
        }
        .encode_to_vec()
    }

    fn what(bytes: &[u8]) -> &'static str {
        decode::<wire::Item>(bytes).unwrap_err().what
    }

    #[test]
    fn the_canonical_form_is_read() {
        assert_eq!(decode::<wire::Item>(&item()).unwrap().lane_seq, 300);
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let good = item();
        assert_eq!(&good[..3], [0x08, 0xac, 0x02]);
        let with = |from: usize, to: usize, new: &[u8]| [&good[..from], new, &good[to..]].concat();
        assert_eq!(what(&[&good[..], &[0x48, 1]].concat()), "unknown field");
        assert_eq!(what(&with(0, 3, &[0x08, 0xac, 0x82, 0x00])), "long varint");
        assert_eq!(what(&[&good[..3], &good[..]].concat()), "field given twice");
        assert_eq!(what(&[&good[3..], &good[..3]].concat()), "fields out of order");
        assert_eq!(what(&with(37, 37, &[0x18, 0])), "explicit default");
        assert_eq!(what(&with(38, 39, &[9])), "value out of range");
        assert_eq!(what(&good[..20]), "length past the end");
        assert_eq!(what(&with(0, 1, &[0x0d])), "wire type");
    }

    #[test]
    fn no_enum_field_of_any_payload_takes_an_unknown_value() {
        let mut seen = 0;
        for schema in wire::schema::SCHEMAS {
            for field in schema.fields {
                let Type::Enum(known) = field.ty else { continue };
                let top = known.iter().max().copied().unwrap_or(0);
                for bad in [top + 1, 100] {
                    let key = (field.number << 3) | if field.repeated { 2 } else { 0 };
                    let mut bytes = Vec::new();
                    prost::encoding::encode_varint(u64::from(key), &mut bytes);
                    if field.repeated {
                        bytes.push(1);
                    }
                    bytes.push(bad as u8);
                    assert_eq!(check(schema.name, &bytes).unwrap_err().what, "value out of range");
                    seen += 1;
                }
            }
        }
        assert!(seen > 40, "{seen}");
    }
}
