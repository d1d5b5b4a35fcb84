//! AES-256-GCM with a random 96-bit nonce: of sections, drafts and notices at rest, and of the
//! keys they are sealed under.

use super::KeysError;
use super::secret::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Length in bytes of a nonce.
pub const NONCE_LEN: usize = 12;

/// Length in bytes of the tag at the end of what is sealed.
pub const TAG_LEN: usize = 16;

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
        let aad = b"this place";
        let sealed = seal_section(&key(7), [8; 12], aad, b"name").unwrap();
        assert_eq!(sealed.len(), 4 + TAG_LEN);
        assert_eq!(*open_section(&key(7), [8; 12], aad, &sealed).unwrap(), b"name");

        for other in [b"that place".as_slice(), b"this plac", b""] {
            let opened = open_section(&key(7), [8; 12], other, &sealed);
            assert!(matches!(opened, Err(KeysError::Seal)));
        }
        assert!(open_section(&key(6), [8; 12], aad, &sealed).is_err());
        assert!(open_section(&key(7), [9; 12], aad, &sealed).is_err());
        assert!(open_section(&key(7), [8; 12], aad, &sealed[1..]).is_err());
        assert!(open_section(&key(7), [8; 12], aad, &[]).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open_section(&key(7), [8; 12], aad, &changed).is_err(), "{at}");
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
