//! Who signs: the seam behind which a key may live in a file, in a token or on another machine.

use super::KeysError;
use super::secret::Secret;
use async_trait::async_trait;
use jieli_proto::envelope::pae;
use jieli_proto::id::Digest;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::strict::Payload;
use jieli_proto::wire::Envelope;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::fmt;

/// A private key that signs with Ed25519 (RFC 8032).
#[async_trait]
pub trait Signer: Send + Sync {
    /// Its public key.
    fn public(&self) -> PublicKey;

    /// Its name everywhere: SHA-256 of the DER SubjectPublicKeyInfo.
    fn fingerprint(&self) -> Digest;

    /// Signs bytes as they are.
    async fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], KeysError>;
}

/// Signs a payload: the same bytes as [`jieli_proto::envelope::seal`].
pub async fn seal_envelope<M: Payload>(
    payload: &M,
    signer: &dyn Signer,
) -> Result<Envelope, KeysError> {
    let payload_type = M::KIND.payload_type().to_owned();
    let payload = payload.encode_to_vec();
    let sig = signer.sign(&pae(&payload_type, &payload)).await?.to_vec();
    Ok(Envelope { payload_type, payload, key_fpr: signer.fingerprint().to_vec(), sig })
}

/// A key held in memory, from a key file. ring keeps its expanded form for as long as this lives
/// and does not wipe it.
pub struct FileSigner {
    pair: Ed25519KeyPair,
    public: PublicKey,
    fpr: Digest,
}

impl FileSigner {
    /// The key of a 32-byte RFC 8032 seed.
    pub fn from_seed(seed: &Secret<32>) -> Result<FileSigner, KeysError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| KeysError::BadSeed)?;
        let public =
            PublicKey::from_bytes(pair.public_key().as_ref()).map_err(|_| KeysError::BadSeed)?;
        Ok(FileSigner { pair, public, fpr: Digest(public.fingerprint()) })
    }

    /// Signs at once.
    pub fn sign_now(&self, bytes: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(self.pair.sign(bytes).as_ref());
        out
    }
}

#[async_trait]
impl Signer for FileSigner {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn fingerprint(&self) -> Digest {
        self.fpr
    }

    async fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], KeysError> {
        Ok(self.sign_now(bytes))
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileSigner({:?})", self.fpr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jieli_proto::{envelope, wire};

    #[tokio::test]
    async fn the_first_vector_of_rfc_8032() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let signer = FileSigner::from_seed(&Secret::from_slice(&seed.unwrap()).unwrap()).unwrap();
        assert_eq!(
            hex::encode(signer.public().as_bytes()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        let sig = signer.sign(b"").await.unwrap();
        assert!(hex::encode(sig).starts_with("e5564300c360ac729086e2cc806e828a84877f1e"));
        assert_eq!(signer.public().verify(b"", &sig), Ok(()));
    }

    #[tokio::test]
    async fn an_envelope_is_the_one_of_the_law() {
        let signer = FileSigner::from_seed(&Secret::take(&mut [3; 32])).unwrap();
        let payload = wire::KeyManifest { city_id: "km.yn".to_owned(), ..Default::default() };
        let sealed = seal_envelope(&payload, &signer).await.unwrap();
        let same = envelope::seal(&payload, signer.fingerprint(), |bytes| signer.sign_now(bytes));
        assert_eq!(sealed, same);
        assert_eq!(envelope::verify(&sealed, &signer.public()), Ok(()));
    }
}
