//! A stub of an OpenID Connect provider, over HTTP on this machine.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the console's client secret is.
pub(crate) const SECRET: &str = "a secret of the tests/+";

struct Desk {
    key: Ed25519KeyPair,
    kid: String,
    alg: String,
    how: String,
    /// By code: the challenge, and what the token will say.
    codes: BTreeMap<String, (String, Value)>,
}

/// See the module.
pub(crate) struct Stub {
    issuer: String,
    desk: Arc<Mutex<Desk>>,
}

fn key(kid: &str) -> Ed25519KeyPair {
    let seed = digest(&SHA256, kid.as_bytes());
    Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).unwrap()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            bytes.extend(hex::decode(&rest[..2]).unwrap());
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

impl Stub {
    pub(crate) fn start() -> Result<Stub> {
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let issuer = format!("http://{}", socket.local_addr()?);
        let desk = Desk {
            key: key("first"),
            kid: "first".to_owned(),
            alg: "EdDSA".to_owned(),
            how: String::new(),
            codes: BTreeMap::new(),
        };
        let desk = Arc::new(Mutex::new(desk));
        let (kept, own) = (Arc::clone(&desk), issuer.clone());
        std::thread::Builder::new().spawn(move || {
            for stream in socket.incoming().flatten() {
                let _ = answer(stream, &kept, &own);
            }
        })?;
        Ok(Stub { issuer, desk })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn new_key(&self, kid: &str) {
        let mut desk = self.desk.lock().unwrap();
        (desk.key, desk.kid) = (key(kid), kid.to_owned());
    }

    pub(crate) fn signs_as(&self, alg: &str) {
        self.desk.lock().unwrap().alg = alg.to_owned();
    }

    /// How the token's address answers from now on.
    pub(crate) fn answers(&self, how: &str) {
        self.desk.lock().unwrap().how = how.to_owned();
    }

    /// Somebody logs in at the provider; where the browser is sent back to, without host.
    pub(crate) fn logs_in(&self, to: &str, subject: &str, change: impl Fn(&mut Value)) -> String {
        let (place, query) = to.split_once('?').unwrap();
        assert_eq!(place, format!("{}/authorize", self.issuer));
        let asked = fields(query);
        assert_eq!(asked["response_type"], "code");
        assert_eq!((asked["client_id"].as_str(), asked["scope"].as_str()), ("jieli", "openid"));
        assert_eq!(asked["code_challenge_method"], "S256");
        let now_s = jieli::demo::city::real_now_ms() / 1000;
        let mut claims = json!({
            "iss": self.issuer, "aud": "jieli", "sub": subject, "nonce": asked["nonce"],
            "iat": now_s, "exp": now_s + 300,
        });
        change(&mut claims);
        let mut desk = self.desk.lock().unwrap();
        let code = format!("code-{}", desk.codes.len());
        desk.codes.insert(code.clone(), (asked["code_challenge"].clone(), claims));
        let back = &asked["redirect_uri"];
        let path = back.splitn(4, '/').nth(3).unwrap();
        format!("/{path}?code={code}&state={}", asked["state"])
    }
}

fn token(desk: &Desk, claims: &Value) -> String {
    let head = json!({ "alg": desk.alg, "kid": desk.kid });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&head), part(claims));
    let signature = match desk.alg.as_str() {
        "none" => Vec::new(),
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, desk.key.public_key().as_ref());
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
        _ => desk.key.sign(signed.as_bytes()).as_ref().to_vec(),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The token for a code, where the verifier and the secret are right.
fn exchanged(desk: &mut Desk, head: &str, body: &str) -> Option<Value> {
    let basic = STANDARD.encode("jieli:a%20secret%20of%20the%20tests%2F%2B");
    if !head.contains(&format!("Basic {basic}")) {
        return None;
    }
    let asked = fields(body);
    let (challenge, claims) = desk.codes.remove(asked.get("code")?)?;
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, asked.get("code_verifier")?.as_bytes()));
    let right = hash == challenge && asked.get("grant_type")? == "authorization_code";
    right.then(|| json!({ "token_type": "Bearer", "id_token": token(desk, &claims) }))
}

fn answer(mut stream: TcpStream, desk: &Mutex<Desk>, issuer: &str) -> Result<()> {
    let mut text = String::new();
    let (head, body) = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some)?;
        text += std::str::from_utf8(&some[..count])?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if count == 0 || body.len() >= length.map_or(Ok(0), str::parse)? {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default();
    let mut desk = desk.lock().unwrap();
    let said = match path {
        "/.well-known/openid-configuration" => Some(json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        })),
        "/keys" => {
            let x = URL_SAFE_NO_PAD.encode(desk.key.public_key());
            let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": desk.kid, "x": x });
            Some(json!({ "keys": [key] }))
        }
        "/token" if desk.how.is_empty() => exchanged(&mut desk, &head, &body),
        _ => None,
    };
    match (said, desk.how.as_str()) {
        (Some(json), _) => {
            let json = json.to_string();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{json}", json.len())?;
        }
        (None, "redirect") => {
            write!(
                stream,
                "HTTP/1.1 307 There\r\nLocation: {issuer}/keys\r\nContent-Length: 0\r\n\r\n"
            )?;
        }
        (None, "endless") => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n")?;
            while stream.write_all(&[b' '; 8192]).is_ok() {}
        }
        (None, _) => write!(stream, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")?,
    }
    Ok(())
}
