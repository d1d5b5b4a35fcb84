//! The signature of Standard Webhooks: HMAC-SHA256 over `id.seconds.body`, base64, version `v1`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::fmt;
use zeroize::Zeroizing;

/// Names of the three headers: id, seconds since 1970, signatures.
pub const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How far the sender's clock may be off, in seconds; also how long a body can be played again.
const TOLERANCE_S: u64 = 300;
/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a secret or a signature was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Not a secret.
    #[error("not a secret: write whsec_ and 24 to 64 random bytes in base64")]
    Secret,
    /// The timestamp is not one, or too far from now.
    #[error("the timestamp is not within five minutes of now")]
    Time,
    /// No signature is right.
    #[error("no signature is right")]
    Signature,
}

/// A secret that two sides share. Blind in Debug.
pub struct SharedSecret(hmac::Key);

impl SharedSecret {
    /// From `whsec_` and base64.
    pub fn parse(text: &str) -> Result<SharedSecret, SignError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(SignError::Secret)?;
        let bytes = Zeroizing::new(STANDARD.decode(digits).map_err(|_| SignError::Secret)?);
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(SignError::Secret);
        }
        Ok(SharedSecret(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The values of [`HEADERS`] for a body.
    pub fn headers(&self, id: &str, seconds: u64, body: &[u8]) -> [String; 3] {
        SharedSecret::headers_of(std::slice::from_ref(self), id, seconds, body)
    }

    /// The same, signed with each of these: who still has the secret before can verify too.
    pub fn headers_of(
        secrets: &[SharedSecret],
        id: &str,
        seconds: u64,
        body: &[u8],
    ) -> [String; 3] {
        let bytes = signed(id, &seconds.to_string(), body);
        let tags = secrets.iter().map(|secret| hmac::sign(&secret.0, &bytes));
        let tags: Vec<String> = tags.map(|tag| format!("v1,{}", STANDARD.encode(tag))).collect();
        [id.to_owned(), seconds.to_string(), tags.join(" ")]
    }

    /// Of random bytes, as [`SharedSecret::parse`] reads it.
    pub fn text(bytes: &[u8; 32]) -> Zeroizing<String> {
        let digits = Zeroizing::new(STANDARD.encode(bytes));
        Zeroizing::new(format!("{PREFIX}{}", *digits))
    }

    /// Whether one of the signatures is ours, at about this time. `headers` are the values of
    /// [`HEADERS`]; signatures of other versions are skipped.
    pub fn verify(&self, headers: [&str; 3], body: &[u8], now_s: u64) -> Result<(), SignError> {
        let [id, seconds, signatures] = headers;
        let at: u64 = seconds.parse().map_err(|_| SignError::Time)?;
        if at.abs_diff(now_s) > TOLERANCE_S {
            return Err(SignError::Time);
        }
        let bytes = signed(id, seconds, body);
        let right = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).any(|one| {
            STANDARD.decode(one).is_ok_and(|tag| hmac::verify(&self.0, &bytes, &tag).is_ok())
        });
        if right { Ok(()) } else { Err(SignError::Signature) }
    }
}

fn signed(id: &str, seconds: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat()
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the scheme's own pages.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_example_comes_out() {
        let secret = SharedSecret::parse(SECRET).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let headers = secret.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(headers[2], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let values = [headers[0].as_str(), headers[1].as_str(), headers[2].as_str()];
        let at = 1_614_265_330;
        assert_eq!(secret.verify(values, body, at + 300), Ok(()));
        assert_eq!(secret.verify(values, body, at + 301), Err(SignError::Time));
        assert_eq!(secret.verify(values, body, at - 301), Err(SignError::Time));
        assert_eq!(secret.verify(values, b"{}", at), Err(SignError::Signature));
        let two = format!("v1a,xx v1,AAAA {}", headers[2]);
        assert_eq!(secret.verify([values[0], values[1], &two], body, at), Ok(()));
        for wrong in [["other", values[1], values[2]], [values[0], values[1], "v1,"]] {
            assert_eq!(secret.verify(wrong, body, at), Err(SignError::Signature));
        }
    }

    #[test]
    fn a_short_secret_is_none() {
        for wrong in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_*"] {
            assert_eq!(SharedSecret::parse(wrong).err(), Some(SignError::Secret), "{wrong}");
        }
    }
}
