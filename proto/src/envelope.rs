//! Signed bytes: DSSE v1 envelopes (secure-systems-lab/dsse), one signature each.

use crate::id::Digest;
use crate::kinds::Kind;
use crate::pubkey::PublicKey;
use crate::strict::{self, NotCanonical, Payload};
use crate::wire::Envelope;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Largest encoded envelope that an open port takes, in bytes.
pub const ENVELOPE_LEN_MAX: usize = 64 * 1024;

/// The envelope proves nothing: bad form, bad signature, or another payload type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The frame of the envelope has a wrong form.
    #[error("the envelope's {0} has a wrong form")]
    Form(&'static str),
    /// The key named is not the key given.
    #[error("the envelope names another key")]
    OtherKey,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The payload type is not the one expected.
    #[error("the payload type is not {0}")]
    OtherKind(&'static str),
    /// The payload is not canonical.
    #[error(transparent)]
    Payload(#[from] NotCanonical),
}

/// DSSE v1 pre-authentication encoding: what is signed, and what the envelope's name hashes.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The envelope's name everywhere: SHA-256 of its PAE.
pub fn env_digest(envelope: &Envelope) -> Digest {
    Digest::of(&[&pae(&envelope.payload_type, &envelope.payload)])
}

/// Signs a payload. `sign` is an Ed25519 signature by the key whose fingerprint is `key_fpr`.
pub fn seal<M: Payload>(
    payload: &M,
    key_fpr: Digest,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Envelope {
    let payload_type = M::KIND.payload_type().to_owned();
    let payload = payload.encode_to_vec();
    let sig = sign(&pae(&payload_type, &payload)).to_vec();
    Envelope { payload_type, payload, key_fpr: key_fpr.to_vec(), sig }
}

/// Verifies the signature by the key given; nothing of the payload is decoded.
pub fn verify(envelope: &Envelope, key: &PublicKey) -> Result<(), SealError> {
    if envelope.sig.len() != 64 {
        return Err(SealError::Form("signature"));
    }
    if envelope.key_fpr != key.fingerprint() {
        return Err(SealError::OtherKey);
    }
    key.verify(&pae(&envelope.payload_type, &envelope.payload), &envelope.sig)
        .map_err(|_| SealError::Signature)
}

/// Decodes the payload strictly. Call [`verify`] first: nothing is decoded before it is verified.
pub fn payload<M: Payload>(envelope: &Envelope) -> Result<M, SealError> {
    if kind(envelope) != Some(M::KIND) {
        return Err(SealError::OtherKind(M::KIND.payload_type()));
    }
    Ok(strict::decode(&envelope.payload)?)
}

/// Verifies, then decodes.
pub fn open<M: Payload>(envelope: &Envelope, key: &PublicKey) -> Result<M, SealError> {
    verify(envelope, key)?;
    payload(envelope)
}

/// The kind its payload type names.
pub fn kind(envelope: &Envelope) -> Option<Kind> {
    Kind::from_payload_type(&envelope.payload_type)
}

/// The key the envelope names.
pub fn key_fpr(envelope: &Envelope) -> Result<Digest, SealError> {
    Digest::from_slice(&envelope.key_fpr).ok_or(SealError::Form("key fingerprint"))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<DsseSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseSignature {
    keyid: String,
    sig: String,
}

/// The DSSE JSON form, as exported: base64 standard padded, keyid in lower-case hex.
pub fn to_json(envelope: &Envelope) -> String {
    let json = DsseJson {
        payload: STANDARD.encode(&envelope.payload),
        payload_type: envelope.payload_type.clone(),
        signatures: vec![DsseSignature {
            keyid: hex::encode(&envelope.key_fpr),
            sig: STANDARD.encode(&envelope.sig),
        }],
    };
    // Strings and a list of strings: serialising them cannot fail.
    serde_json::to_string(&json).unwrap_or_default()
}

/// Reads the one JSON spelling that [`to_json`] writes.
pub fn from_json(text: &str) -> Result<Envelope, SealError> {
    let form = |_| SealError::Form("JSON");
    let json: DsseJson = serde_json::from_str(text).map_err(|_| SealError::Form("JSON"))?;
    let [signature] = json.signatures.as_slice() else {
        return Err(SealError::Form("number of signatures"));
    };
    let envelope = Envelope {
        payload_type: json.payload_type,
        payload: STANDARD.decode(&json.payload).map_err(form)?,
        key_fpr: hex::decode(&signature.keyid).map_err(|_| SealError::Form("keyid"))?,
        sig: STANDARD.decode(&signature.sig).map_err(form)?,
    };
    if to_json(&envelope) == text { Ok(envelope) } else { Err(SealError::Form("JSON spelling")) }
}
