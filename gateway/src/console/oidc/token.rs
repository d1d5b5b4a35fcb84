//! An ID token of OpenID Connect, checked: signed by a key of the provider with one of three
//! algorithms, said by that provider to this console, for this log-in, now.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 32;
/// How far its clock may be off.
const LEEWAY_S: i64 = 60;
/// The oldest token of a log-in that just happened.
const AGE_S: i64 = 600;
/// The longest name of a person at the provider.
const SUBJECT_BYTES_MAX: usize = 255;

/// Why a token was not taken. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("it is no signed token")]
    Form,
    #[error("its algorithm is none of RS256, ES256 and EdDSA")]
    Algorithm,
    #[error("the provider has no such key")]
    Key,
    #[error("its signature is wrong")]
    Signature,
    #[error("another provider says it")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it is too old, or from the future")]
    Time,
    #[error("it is of another log-in")]
    Nonce,
    #[error("it does not say who that is")]
    Subject,
}

/// What a token has to say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    /// The claim that names the person.
    pub(crate) claim: &'a str,
    pub(crate) now_s: i64,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) subject: String,
    /// How the person has proved it, by RFC 8176.
    pub(crate) means: Vec<String>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A key as the provider tells it; what it does not use for signing is left out.
#[derive(Clone, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

/// The keys of a provider.
#[derive(Clone)]
pub(crate) struct Keys(Vec<Key>);

fn bytes(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Form)
}

impl Keys {
    /// From a JWK set; what is none is left out.
    pub(crate) fn parse(json: &[u8]) -> Option<Keys> {
        let set: Value = serde_json::from_slice(json).ok()?;
        let keys = set.get("keys")?.as_array()?.iter().take(KEYS_MAX);
        let keys = keys.filter_map(|key| serde_json::from_value(key.clone()).ok());
        Some(Keys(
            keys.filter(|key: &Key| key.purpose.as_deref().is_none_or(|p| p == "sig")).collect(),
        ))
    }

    /// Checks a token and tells what it says.
    pub(crate) fn check(
        &self,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<Claimed, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Form);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Form)?;
        let (head, claims) = signed.split_once('.').ok_or(TokenError::Form)?;
        let head: Head = serde_json::from_slice(&bytes(head)?).map_err(|_| TokenError::Form)?;
        if head.crit.is_some() {
            return Err(TokenError::Form);
        }
        self.verify(&head, signed.as_bytes(), &bytes(signature)?)?;
        let claims: Claims =
            serde_json::from_slice(&bytes(claims)?).map_err(|_| TokenError::Form)?;
        claims.hold(expected)
    }

    fn verify(&self, head: &Head, signed: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        // By the algorithm alone: no key of one kind is ever used as one of another.
        let (kind, curve) = match head.alg.as_str() {
            "RS256" => ("RSA", None),
            "ES256" => ("EC", Some("P-256")),
            "EdDSA" => ("OKP", Some("Ed25519")),
            _ => return Err(TokenError::Algorithm),
        };
        let fits = |key: &&Key| {
            key.kty == kind
                && curve.is_none_or(|curve| key.crv.as_deref() == Some(curve))
                && key.alg.as_ref().is_none_or(|alg| *alg == head.alg)
                && head.kid.as_ref().is_none_or(|kid| key.kid.as_ref() == Some(kid))
        };
        let mut found = self.0.iter().filter(fits).peekable();
        if found.peek().is_none() {
            return Err(TokenError::Key);
        }
        let holds = found.any(|key| key.holds(signed, signature).unwrap_or(false));
        if holds { Ok(()) } else { Err(TokenError::Signature) }
    }
}

impl Key {
    fn holds(&self, signed: &[u8], signature: &[u8]) -> Result<bool, TokenError> {
        let done = match self.kty.as_str() {
            "RSA" => {
                let key = RsaPublicKeyComponents { n: bytes(&self.n)?, e: bytes(&self.e)? };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            }
            "EC" => {
                let point = [vec![4], bytes(&self.x)?, bytes(&self.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            _ => UnparsedPublicKey::new(&ED25519, bytes(&self.x)?).verify(signed, signature),
        };
        Ok(done.is_ok())
    }
}

impl Claims {
    fn hold(self, expected: &Expected<'_>) -> Result<Claimed, TokenError> {
        if self.iss != expected.issuer {
            return Err(TokenError::Issuer);
        }
        let (ours, others) = match &self.aud {
            Audience::One(one) => (one == expected.client_id, false),
            Audience::Many(all) => (all.iter().any(|one| one == expected.client_id), all.len() > 1),
        };
        let party = self.azp.as_deref();
        if !ours
            || party.is_some_and(|azp| azp != expected.client_id)
            || (others && party.is_none())
        {
            return Err(TokenError::Audience);
        }
        let now = expected.now_s;
        let fresh = self.exp > now - LEEWAY_S
            && (now - AGE_S..=now + LEEWAY_S).contains(&self.iat)
            && self.nbf.is_none_or(|nbf| nbf <= now + LEEWAY_S);
        if !fresh {
            return Err(TokenError::Time);
        }
        let nonce = self.nonce.as_deref().unwrap_or_default();
        if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
            return Err(TokenError::Nonce);
        }
        let subject = self.others.get(expected.claim).and_then(Value::as_str).unwrap_or_default();
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return Err(TokenError::Subject);
        }
        Ok(Claimed { subject: subject.to_owned(), means: self.amr })
    }
}
