//! Seals what a person says to a grievance body, where the person says it: what leaves here is one
//! size, and only the body's private key opens it. The same for the body's answers to the person.
//! HPKE (RFC 9180) by the `hpke` crate; padding and code are `jieli_proto::sealed`.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable};
use jieli_proto::sealed::{KeptCode, SEALED_BYTES, TO_BODY, TO_PERSON, WORDS_MAX, pad, unpad};
use jieli_proto::wire::{SealedBox, SealedWords};
use prost::Message as _;
use std::convert::Infallible;
use std::fmt;
use zeroize::Zeroizing;

pub mod figures;

type Private = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
type Encapped = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

/// Bytes of either half of a key.
pub const KEY_BYTES: usize = 32;
const ENCAPPED_BYTES: usize = 32;
/// What a process seals for itself is nobody else's.
const TO_SELF: &[u8] = b"jieli kept form";

/// Why nothing was sealed or opened. No variant carries what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More than [`WORDS_MAX`] characters.
    #[error("at most {WORDS_MAX} characters")]
    TooLong,
    /// Not a key of this kind.
    #[error("not an X25519 key")]
    Key,
    /// Sealed to another key, changed, or not sealed in this way.
    #[error("it does not open with this key")]
    Closed,
}

/// Where random bytes come from.
pub type Fill<'a> = &'a mut dyn FnMut(&mut [u8]);

/// A key pair of a body, or of a person's code. Blind in Debug.
pub struct KeyPair {
    private: Private,
    public: Public,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(..)")
    }
}

impl KeyPair {
    /// A new one.
    pub fn make(fill: Fill<'_>) -> KeyPair {
        let mut material = Zeroizing::new([0; KEY_BYTES]);
        fill(material.as_mut());
        KeyPair::derived(material.as_ref())
    }

    /// That of a person's code.
    pub fn of_code(code: &KeptCode) -> KeyPair {
        KeyPair::derived(Zeroizing::new(code.reply_material()).as_ref())
    }

    fn derived(material: &[u8]) -> KeyPair {
        let (private, public) = X25519HkdfSha256::derive_keypair(material);
        KeyPair { private, public }
    }

    /// From the private half.
    pub fn from_private(bytes: &[u8]) -> Result<KeyPair, SealError> {
        let private = Private::from_bytes(bytes).map_err(|_| SealError::Key)?;
        let public = X25519HkdfSha256::sk_to_pk(&private);
        Ok(KeyPair { private, public })
    }

    /// The private half, for a file of the body's own.
    pub fn private(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.private.to_bytes().to_vec())
    }

    /// The public half.
    pub fn public(&self) -> Vec<u8> {
        self.public.to_bytes().to_vec()
    }

    fn open(&self, info: &[u8], record: &[u8], sealed: &[u8]) -> Result<SealedWords, SealError> {
        if sealed.len() != SEALED_BYTES {
            return Err(SealError::Closed);
        }
        let padded = self.open_bytes(info, record, sealed)?;
        let text = unpad(&padded).ok_or(SealError::Closed)?;
        SealedWords::decode(text).map_err(|_| SealError::Closed)
    }

    /// What this process sealed for itself, bound to `bound`.
    pub(crate) fn take_back(
        &self,
        bound: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_bytes(TO_SELF, bound, sealed)
    }

    /// Seals something for this process itself: only this very key gives it back.
    pub(crate) fn put_away(
        &self,
        bound: &[u8],
        text: &[u8],
        fill: Fill<'_>,
    ) -> Result<Vec<u8>, SealError> {
        seal_bytes(&self.public, TO_SELF, bound, text, fill)
    }

    fn open_bytes(
        &self,
        info: &[u8],
        record: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let split = sealed.split_at_checked(ENCAPPED_BYTES);
        let (encapped, text) = split.ok_or(SealError::Closed)?;
        let encapped = Encapped::from_bytes(encapped).map_err(|_| SealError::Closed)?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &encapped,
            info,
            text,
            record,
        );
        Ok(Zeroizing::new(opened.map_err(|_| SealError::Closed)?))
    }
}

/// Seals what a person says to a body of this public key, under a code drawn here. Only the person
/// learns the code; the answers can be opened with nothing else.
pub fn to_body(
    office: &str,
    public_key: &[u8],
    mut words: SealedWords,
    fill: Fill<'_>,
) -> Result<(SealedBox, KeptCode), SealError> {
    let code = KeptCode::draw(fill);
    words.reply_key = KeyPair::of_code(&code).public();
    let record_id = code.record_id();
    let sealed = seal(public_key, TO_BODY, &record_id, &words, fill)?;
    let filed = SealedBox {
        record_id: record_id.to_vec(),
        office: office.to_owned(),
        public_key: public_key.to_vec(),
        sealed,
    };
    Ok((filed, code))
}

/// What a person said, with a body's key.
pub fn by_body(key: &KeyPair, record: &[u8], sealed: &[u8]) -> Result<SealedWords, SealError> {
    key.open(TO_BODY, record, sealed)
}

/// Seals a body's answer to the person.
pub fn to_person(
    reply_key: &[u8],
    record: &[u8],
    answer: &str,
    fill: Fill<'_>,
) -> Result<Vec<u8>, SealError> {
    let words = SealedWords { words: answer.to_owned(), ..SealedWords::default() };
    seal(reply_key, TO_PERSON, record, &words, fill)
}

/// An answer, with the person's code.
pub fn by_person(code: &KeptCode, sealed: &[u8]) -> Result<String, SealError> {
    let opened = KeyPair::of_code(code).open(TO_PERSON, &code.record_id(), sealed)?;
    Ok(opened.words)
}

fn seal(
    to: &[u8],
    info: &[u8],
    record: &[u8],
    words: &SealedWords,
    fill: Fill<'_>,
) -> Result<Vec<u8>, SealError> {
    if words.words.chars().count() > WORDS_MAX {
        return Err(SealError::TooLong);
    }
    let to = Public::from_bytes(to).map_err(|_| SealError::Key)?;
    let text = Zeroizing::new(words.encode_to_vec());
    let padded = Zeroizing::new(pad(&text).ok_or(SealError::TooLong)?);
    seal_bytes(&to, info, record, &padded, fill)
}

fn seal_bytes(
    to: &Public,
    info: &[u8],
    record: &[u8],
    text: &[u8],
    fill: Fill<'_>,
) -> Result<Vec<u8>, SealError> {
    let sealed = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        to,
        info,
        text,
        record,
        &mut Drawn(fill),
    );
    // A public key of small order gives no secret.
    let (encapped, text) = sealed.map_err(|_| SealError::Key)?;
    Ok([encapped.to_bytes().as_slice(), &text].concat())
}

/// Random bytes of the caller's, as the crate asks for them.
struct Drawn<'a>(Fill<'a>);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        (self.0)(into);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use jieli_proto::wire::GrievanceKind;

    fn filler() -> impl FnMut(&mut [u8]) {
        let mut next = 0u8;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_mul(5).wrapping_add(17);
                *byte = next;
            }
        }
    }

    fn said(words: &str) -> SealedWords {
        SealedWords {
            kind: GrievanceKind::FeeTaken.into(),
            words: words.to_owned(),
            ..SealedWords::default()
        }
    }

    #[test]
    fn only_the_bodys_key_and_the_persons_code_open() {
        let mut fill = filler();
        let (body, other) = (KeyPair::make(&mut fill), KeyPair::make(&mut fill));
        let (filed, code) =
            to_body("union", &body.public(), said("收了两千元"), &mut fill).unwrap();
        assert_eq!(filed.record_id, code.record_id());
        let opened = by_body(&body, &filed.record_id, &filed.sealed).unwrap();
        assert_eq!((opened.kind(), opened.words.as_str()), (GrievanceKind::FeeTaken, "收了两千元"));
        assert_eq!(by_body(&other, &filed.record_id, &filed.sealed), Err(SealError::Closed));
        // Under another record's name it does not open either.
        assert_eq!(by_body(&body, &[0; 32], &filed.sealed), Err(SealError::Closed));
        let mut spoiled = filed.sealed.clone();
        spoiled[100] ^= 1;
        assert_eq!(by_body(&body, &filed.record_id, &spoiled), Err(SealError::Closed));
        let answer = to_person(&opened.reply_key, &filed.record_id, "已立案", &mut fill).unwrap();
        assert_eq!(by_person(&code, &answer).unwrap(), "已立案");
        assert_eq!(by_person(&KeptCode::draw(&mut fill), &answer), Err(SealError::Closed));
        // What goes one way does not open as what goes the other.
        assert_eq!(by_person(&code, &filed.sealed), Err(SealError::Closed));
        let again = KeyPair::from_private(&body.private()).unwrap();
        assert_eq!(again.public(), body.public());
    }

    #[test]
    fn no_size_tells_anything() {
        let mut fill = filler();
        let body = KeyPair::make(&mut fill).public();
        let long = "欠".repeat(WORDS_MAX);
        let sizes = ["", "x", &long].map(|words| {
            let (filed, _) = to_body("union", &body, said(words), &mut fill).unwrap();
            (filed.sealed.len(), filed.encode_to_vec().len())
        });
        assert_eq!(sizes[0].0, SEALED_BYTES);
        assert_eq!(sizes, [sizes[0]; 3]);
        let too_long = "x".repeat(WORDS_MAX + 1);
        assert!(matches!(to_body("u", &body, said(&too_long), &mut fill), Err(SealError::TooLong)));
        // A key of small order seals nothing.
        assert!(matches!(to_body("u", &[0; 32], said(""), &mut fill), Err(SealError::Key)));
    }
}
