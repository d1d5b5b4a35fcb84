//! Typed identifiers. Each is parsed once, where bytes come in, and is then right by construction.

use std::fmt;

/// A SHA-256 digest: of an envelope's PAE, of a key, of a text, a tree root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// 32 zero bytes: "none before" in `prev` and `leg_seen`.
    pub const ZERO: Digest = Digest([0; 32]);

    /// SHA-256 of the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Digest {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        parts.iter().for_each(|part| context.update(part));
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Digest(out)
    }

    /// Exactly 32 bytes, or `None`.
    pub fn from_slice(bytes: &[u8]) -> Option<Digest> {
        bytes.try_into().ok().map(Digest)
    }

    /// 64 hex digits of either case, or `None`.
    pub fn from_hex(text: &str) -> Option<Digest> {
        hex::decode(text.trim()).ok().and_then(|bytes| Digest::from_slice(&bytes))
    }

    /// Lower-case hex, as in file names and key ids.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Whether this is [`Digest::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Digest::ZERO
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", &self.hex()[..12])
    }
}

macro_rules! random_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Exactly 16 bytes, or `None`.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// 32 hex digits, or `None`.
            pub fn from_hex(text: &str) -> Option<Self> {
                hex::decode(text.trim()).ok().and_then(|bytes| Self::from_slice(&bytes))
            }

            /// Lower-case hex.
            pub fn hex(&self) -> String {
                hex::encode(self.0)
            }

            /// The bytes.
            pub fn to_vec(&self) -> Vec<u8> {
                self.0.to_vec()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}..)", stringify!($name), &self.hex()[..8])
            }
        }
    )*};
}

random_id! {
    /// Names an agreement; drawn by its proposer.
    AgreementId;
    /// Names a case.
    CaseId;
    /// Names a leg of a case.
    LegId;
    /// Names a message; salts its section digests.
    MsgId;
}

impl AgreementId {
    /// 16 zero bytes, which no agreement bears: between two offices of one city there is none.
    pub const LOCAL: AgreementId = AgreementId([0; 16]);

    /// Whether it stands for the law between two offices of one city.
    pub fn is_local(&self) -> bool {
        *self == AgreementId::LOCAL
    }
}

/// A city id: 3-63 bytes of `[a-z0-9.-]`, chosen by the city and fixed in its manifest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CityId(String);

impl CityId {
    /// Parses a city id, or `None`.
    pub fn parse(text: &str) -> Option<CityId> {
        let fits = (3..=63).contains(&text.len());
        let clean = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        (fits && clean).then(|| CityId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Origin of this city's exchange log in an epoch, which is also the note key's name.
    pub fn exchange_origin(&self, epoch: u32) -> String {
        format!("jieli.{}/log/{epoch}", self.0)
    }

    /// Origin of this city's local log in an epoch.
    pub fn local_origin(&self, epoch: u32) -> String {
        format!("jieli.{}/local/{epoch}", self.0)
    }
}

impl fmt::Display for CityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn city_ids_have_one_spelling() {
        for good in ["ruian", "km.yn", "a-b", &"x".repeat(63)] {
            assert!(CityId::parse(good).is_some(), "{good}");
        }
        for bad in ["", "ab", "Ruian", "瑞安市", "a b", "a/b", "a_b", &"x".repeat(64)] {
            assert!(CityId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn digests_read_back() {
        let digest = Digest::of(&[b"a", b"b"]);
        assert_eq!(digest, Digest::of(&[b"ab"]));
        assert_eq!(Digest::from_hex(&digest.hex()), Some(digest));
        assert_eq!(Digest::from_slice(&[0; 31]), None);
    }
}
