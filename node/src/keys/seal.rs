//! AES-256-GCM with a random 96-bit nonce: of sections, drafts and notices at rest, and of the
//! keys they are sealed under.

use super::KeysError;
use super::secret::Secret;
use jieli_proto::id::{AgreementId, CaseId, CityId, MsgId};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Length in bytes of a nonce.
pub const NONCE_LEN: usize = 12;

/// Length in bytes of the tag at the end of what is sealed.
pub const TAG_LEN: usize = 16;

/// Where a sealed section belongs. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct SectionPlace<'a> {
    /// The city that keeps it.
    pub city: &'a CityId,
    /// The agreement; 16 zero bytes for a local leg.
    pub agreement: AgreementId,
    /// The case.
    pub case: CaseId,
    /// The message it came in or will go out in.
    pub msg: MsgId,
    /// Section number, or the slot of something kept like one.
    pub section: u8,
    /// Number of the purpose.
    pub purpose: u32,
}

impl SectionPlace<'_> {
    /// The associated data:
    /// `"jieli/at-rest/v1" 00 || u8 len(city) || city || agreement || case || msg || u8 section ||
    /// u32be purpose`.
    pub fn aad(&self) -> Vec<u8> {
        let city = self.city.as_str().as_bytes();
        [
            b"jieli/at-rest/v1\0".as_slice(),
            &[city.len() as u8],
            city,
            &self.agreement.0,
            &self.case.0,
            &self.msg.0,
            &[self.section],
            &self.purpose.to_be_bytes(),
        ]
        .concat()
    }
}

/// Seals: ciphertext with the tag at its end. The nonce must be fresh and random, see
/// [`crate::world::random`].
pub fn seal_section(
    key: &Secret<32>,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, KeysError> {
    // Room for the tag, so that the plain text is never left behind by a reallocation.
    let mut bytes = Vec::with_capacity(plain.len() + TAG_LEN);
    bytes.extend_from_slice(plain);
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut bytes)
        .map_err(|_| KeysError::Seal)?;
    Ok(bytes)
}

/// Opens what [`seal_section`] made. Another key, nonce or place, or a changed byte:
/// [`KeysError::Seal`], which says no more.
pub fn open_section(
    key: &Secret<32>,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let plain_len = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut bytes)
        .map_err(|_| KeysError::Seal)?
        .len();
    bytes.truncate(plain_len);
    Ok(bytes)
}

fn cipher(key: &Secret<32>) -> Result<LessSafeKey, KeysError> {
    let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| KeysError::Seal)?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Secret<32> {
        Secret::take(&mut [byte; 32])
    }

    #[test]
    fn a_section_opens_in_its_own_place_only() {
        let city = CityId::parse("km.yn").unwrap();
        let place = SectionPlace {
            city: &city,
            agreement: AgreementId([1; 16]),
            case: CaseId([2; 16]),
            msg: MsgId([3; 16]),
            section: 4,
            purpose: 5,
        };
        let aad = place.aad();
        let sealed = seal_section(&key(7), [8; 12], &aad, b"name").unwrap();
        assert_eq!(sealed.len(), 4 + TAG_LEN);
        assert_eq!(*open_section(&key(7), [8; 12], &aad, &sealed).unwrap(), b"name");

        let elsewhere = [
            SectionPlace { city: &CityId::parse("km.yn2").unwrap(), ..place },
            SectionPlace { agreement: AgreementId([9; 16]), ..place },
            SectionPlace { case: CaseId([9; 16]), ..place },
            SectionPlace { msg: MsgId([9; 16]), ..place },
            SectionPlace { section: 9, ..place },
            SectionPlace { purpose: 9, ..place },
        ];
        for other in elsewhere {
            let opened = open_section(&key(7), [8; 12], &other.aad(), &sealed);
            assert!(matches!(opened, Err(KeysError::Seal)), "{other:?}");
        }
        assert!(open_section(&key(6), [8; 12], &aad, &sealed).is_err());
        assert!(open_section(&key(7), [9; 12], &aad, &sealed).is_err());
        assert!(open_section(&key(7), [8; 12], &aad, &sealed[1..]).is_err());
        assert!(open_section(&key(7), [8; 12], &aad, &[]).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open_section(&key(7), [8; 12], &aad, &changed).is_err(), "{at}");
        }
    }

    #[test]
    fn the_known_answer_of_the_standard() {
        // McGrew and Viega, The Galois/Counter Mode of Operation, test case 14.
        let sealed = seal_section(&key(0), [0; 12], b"", &[0; 16]).unwrap();
        let known = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";
        assert_eq!(hex::encode(sealed), known);
    }
}
