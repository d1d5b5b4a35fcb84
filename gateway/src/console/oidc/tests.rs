//! Tokens that are taken and those that are not.

#![allow(clippy::unwrap_used)]

use super::token::{Claimed, Expected, Keys, TokenError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

const NOW_S: i64 = 1_795_399_260;

/// An RSA key and a token that another program signed with it.
const RSA_N: &str = "rTj4P2792oMSfT2gVu8xsqktGOSnDnj9AyYTE_CODwHXJKXeukYkAum7bY3ytQWmmr4Hh5ZSNwVfRqXmEJfFvhqV\
     KkZvKHKWsfxxCa9S75IbDQiFzwPvmdI92uf0dDb3YJuGvfJplUcPKol_F5pkapjM0n9NAgcJeUNv3wq0moD_J4L-\
     QjOZtQs9G-hZ8wiswErQGNCXeE5yO25uDysXz2Wn86DJlOz-L8FphPFj5GJFgkJVALC3kup5oLxDYnMM5Zu65tMM\
     GqwINdkorfSp8wFLjEpyXFp9TeTW0jkGi6kaXg7q1HnC2qe1QFT7-cSN7JrboMrAlMbyUBFkabhhDw";
const RSA_TOKEN: &str = "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInIxIn0.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNuIiwgImF1\
     ZCI6ICJqaWVsaSIsICJzdWIiOiAicy0xIiwgImV4cCI6IDE3OTUzOTk4MDAsICJpYXQiOiAxNzk1Mzk5MjAwLCAi\
     bm9uY2UiOiAibi0xIiwgImFtciI6IFsicHdkIiwgIm1mYSJdfQ.F6mPGY0k_iFI724-9rwwmB41B2tOOEjXB7KuJ\
     7kTF8c7d9pqIURRL3y9WSlCrNaXHxq9fiQAIjNJfHPTtyZcSaBVrBmKJuShz3A_8VAYd3wDyuVdpRyYUXhJE1zWc\
     2zrY9aoFkDdhmHHn_mI-iKjy4M88WhlCMY8eh8H8vn7gWkxYqwJacS5C_AxJYjlK-GnbgTQjLREN8XNRd_ec0ZlV\
     IhdVHIzohZ3CFKvehuGoNCn5Kx1d79E-byO3oCm_901aoRosFB-Lza0SqkLftMK6RxClDcO97sM216fl_2AUSYR7\
     d-mo_0uDNm2Fd_WjudrpgKzKLTZdINHyPIrnNZWvA";

/// The same of an elliptic curve.
const EC_POINT: [&str; 2] =
    ["48o4cwzaEOmGi4STJeqd_69zTtqKGfUqUkvlNIqDo9g", "riwNLvAZQFqddbdrjoUD8-o4m2F9fbxDRKjPFgHjvr8"];
const EC_TOKEN: &str = "eyJhbGciOiAiRVMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNuIiwgImF1ZCI6ICJqaWVsaSIsI\
     CJzdWIiOiAicy0xIiwgImV4cCI6IDE3OTUzOTk4MDAsICJpYXQiOiAxNzk1Mzk5MjAwLCAibm9uY2UiOiAibi0xI\
     iwgImFtciI6IFsicHdkIiwgIm1mYSJdfQ.zbwY6TY7fu7V0ju31v5wR8cYec0fyYr8cMM2RVoYGPmxdcpaBXl_2d\
     uRh_xxjqAKWQn1GDBxgDw2brq-kk2kvA";

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example.cn",
        client_id: "jieli",
        nonce: "n-1",
        claim: "sub",
        now_s: NOW_S,
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.cn", "aud": "jieli", "sub": "s-1", "exp": NOW_S + 300,
        "iat": NOW_S, "nonce": "n-1", "amr": ["pwd", "mfa"],
    })
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A key of the provider, and what signs with it.
struct Pair(Ed25519KeyPair);

impl Pair {
    fn new(seed: u8) -> Pair {
        Pair(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(head), part(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}

fn keys(all: &[Value]) -> Keys {
    Keys::parse(json!({ "keys": all }).to_string().as_bytes()).unwrap()
}

fn claimed() -> Claimed {
    let means = vec!["pwd".to_owned(), "mfa".to_owned()];
    Claimed { subject: "s-1".to_owned(), means }
}

#[test]
fn three_algorithms_are_taken() {
    let pair = Pair::new(1);
    let head = json!({ "alg": "EdDSA", "kid": "a" });
    let token = pair.token(&head, &claims());
    // Keys of other kinds, of another use and of none are beside it.
    let beside = [
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "RSA", "kid": "a", "use": "enc", "n": "AA", "e": "AQAB" }),
        json!("nonsense"),
        pair.jwk("a"),
    ];
    assert_eq!(keys(&beside).check(&token, &expected()), Ok(claimed()));

    let rsa =
        json!({ "kty": "RSA", "kid": "r1", "alg": "RS256", "use": "sig", "n": RSA_N, "e": "AQAB" });
    assert_eq!(keys(&[rsa]).check(RSA_TOKEN, &expected()), Ok(claimed()));

    let [x, y] = EC_POINT;
    let ec = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    assert_eq!(keys(&[ec]).check(EC_TOKEN, &expected()), Ok(claimed()));
}

#[test]
fn a_token_for_another_log_in_console_provider_or_time_is_not_taken() {
    let pair = Pair::new(1);
    let known = keys(&[pair.jwk("a")]);
    let head = json!({ "alg": "EdDSA", "kid": "a" });
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        known.check(&pair.token(&head, &claims), &expected())
    };
    for (name, value, wrong) in [
        ("iss", json!("https://id.example.cn/"), TokenError::Issuer),
        ("iss", json!("https://other.example.cn"), TokenError::Issuer),
        ("aud", json!("other"), TokenError::Audience),
        ("aud", json!(["other"]), TokenError::Audience),
        ("aud", json!(["jieli", "other"]), TokenError::Audience),
        ("azp", json!("other"), TokenError::Audience),
        ("exp", json!(NOW_S - 60), TokenError::Time),
        ("iat", json!(NOW_S + 61), TokenError::Time),
        ("iat", json!(NOW_S - 601), TokenError::Time),
        ("nbf", json!(NOW_S + 61), TokenError::Time),
        ("nonce", json!("n-2"), TokenError::Nonce),
        ("nonce", json!(""), TokenError::Nonce),
        ("nonce", Value::Null, TokenError::Nonce),
        ("sub", json!(""), TokenError::Subject),
        ("sub", json!(7), TokenError::Subject),
        ("exp", json!("tomorrow"), TokenError::Form),
    ] {
        assert_eq!(with(name, value.clone()), Err(wrong), "{name} {value}");
    }
    assert_eq!(with("aud", json!(["jieli"])), Ok(claimed()));
    assert_eq!(with("exp", json!(NOW_S - 59)), Ok(claimed()), "clocks differ a little");
}

#[test]
fn a_token_that_nobody_signed_is_not_taken() {
    let pair = Pair::new(1);
    let known = keys(&[pair.jwk("a")]);
    let check = |token: &str| known.check(token, &expected());
    let good = pair.token(&json!({ "alg": "EdDSA", "kid": "a" }), &claims());
    assert_eq!(check(&good), Ok(claimed()));
    for alg in ["none", "None", "HS256", "RS512", ""] {
        let token = pair.token(&json!({ "alg": alg, "kid": "a" }), &claims());
        assert_eq!(check(&token), Err(TokenError::Algorithm), "{alg}");
    }
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
    assert_eq!(check(&unsigned), Err(TokenError::Algorithm));
    // The public key as if it were a shared secret.
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "a" })), part(&claims()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, pair.0.public_key().as_ref());
    let tag = hmac::sign(&key, signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(check(&token), Err(TokenError::Algorithm));
    // A key of one kind is not used as one of another.
    let token = pair.token(&json!({ "alg": "ES256", "kid": "a" }), &claims());
    assert_eq!(check(&token), Err(TokenError::Key));

    let other = Pair::new(2);
    let token = other.token(&json!({ "alg": "EdDSA", "kid": "a" }), &claims());
    assert_eq!(check(&token), Err(TokenError::Signature));
    let token = other.token(&json!({ "alg": "EdDSA", "kid": "b" }), &claims());
    assert_eq!(check(&token), Err(TokenError::Key));
    let token = pair.token(&json!({ "alg": "EdDSA", "crit": ["b64"] }), &claims());
    assert_eq!(check(&token), Err(TokenError::Form));
    for broken in ["", ".", "..", "a.b", "a.b.c", &good[..good.len() - 4], &format!("{good}.x")] {
        assert!(check(broken).is_err(), "{broken}");
    }
    assert_eq!(check(&"a".repeat(20_000)), Err(TokenError::Form));
    assert!(Keys::parse(b"{}").is_none() && Keys::parse(b"x").is_none());
}

#[test]
fn only_https_or_this_machine_is_asked() {
    for good in ["https://id.example.cn/realms/a", "http://127.0.0.1:8080", "http://[::1]:8080/x"] {
        assert!(super::is_safe(good), "{good}");
    }
    for bad in [
        "http://id.example.cn",
        "http://localhost",
        "http://127.0.0.1.example.cn",
        "https://a:b@id.example.cn",
        "https://",
        "https://id.example.cn/a b",
        "ftp://127.0.0.1",
        "id.example.cn",
    ] {
        assert!(!super::is_safe(bad), "{bad}");
    }
}
