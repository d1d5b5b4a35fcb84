//! Logging in, lock-out, one-time passwords, the code app, forms that are not ours.

use crate::browser::{Console, PASSWORD};
use anyhow::Result;
use jieli_tests::Pair;
use ring::hmac;
use std::io::{Read, Write};

/// What an app computes from the key on the page (RFC 6238), written anew for the test.
fn code(base32: &str, step: u64) -> String {
    let mut bits = String::new();
    for c in base32.chars() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap();
        bits += &format!("{value:05b}");
    }
    let bytes: Vec<u8> = (0..bits.len() / 8)
        .map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let four = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", four % 1_000_000)
}

fn step_now() -> u64 {
    jieli::demo::city::real_now_ms() / 30_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_guarded() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let console = Console::start(pair.origin(), false)?;
    let once = console.make("km-07", "sending", "clerk")?;

    // The one-time password opens nothing but the page to change it.
    let mut clerk = console.browser();
    let before = clerk.get("/login")?;
    assert!(before.head.contains("set-cookie: __Host-jieli="), "{}", before.head);
    for mark in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(before.head.contains(mark), "{mark}");
    }
    let old_cookie = clerk.cookies["__Host-jieli"].clone();
    clerk.log_in("km-07", &once)?;
    assert_ne!(clerk.cookies["__Host-jieli"], old_cookie, "a log-in has a cookie of its own");
    assert_eq!(clerk.get("/queue")?.location(), "/account/password");
    clerk.get("/account/password")?;
    for (new, again) in [("short", "short"), (PASSWORD, "another one, long"), (&once, &once)] {
        let fields = [("old", once.as_str()), ("new", new), ("again", again)];
        assert_eq!(clerk.post("/account/password", &fields)?.status, 422, "{new}");
    }
    let mut elsewhere = console.browser();
    elsewhere.log_in("km-07", &once)?;
    clerk.new_password(&once, PASSWORD)?;
    assert_eq!(clerk.get("/queue")?.status, 200);
    assert_eq!(elsewhere.get("/queue")?.location(), "/login", "other log-ins have ended");

    // Log-out everywhere.
    let mut second = console.logged_in("km-07")?;
    assert_eq!(second.get("/queue")?.status, 200);
    clerk.get("/account")?;
    clerk.post("/logout/everywhere", &[])?;
    assert_eq!(second.get("/queue")?.location(), "/login");
    assert_eq!(clerk.get("/queue")?.location(), "/login");

    // Five wrong tries lock the account, the right password too; the administrator opens it.
    let mut stranger = console.browser();
    stranger.get("/login")?;
    for _ in 0..5 {
        let fields = [("name", "km-07"), ("password", "wrong wrong wrong")];
        assert_eq!(stranger.post("/login", &fields)?.status, 422);
    }
    let right = [("name", "km-07"), ("password", PASSWORD)];
    let locked = stranger.post("/login", &right)?;
    assert!(locked.status == 422 && locked.text().contains("15 分钟"), "{}", locked.text());
    let mut admin = console.logged_in("admin")?;
    let events = admin.open("/accounts/events")?;
    assert!(events.contains("登录被锁定") && events.contains("127.0.0.1"));
    admin.open("/accounts")?;
    let reset = admin.post("/accounts/reset", &[("name", "km-07")])?.text();
    let fresh = reset.split_once("class=\"reference\">").unwrap().1.split('<').next().unwrap();
    console.browser().log_in("km-07", fresh)?;
    // The last administrator stays; a disabled account is out at once.
    admin.open("/accounts")?;
    assert_eq!(admin.post("/accounts/disable", &[("name", "admin"), ("off", "yes")])?.status, 409);
    admin.open("/accounts")?;
    admin.send("/accounts/disable", &[("name", "km-07"), ("off", "yes")])?;
    assert!(console.browser().log_in("km-07", fresh).is_err());

    // Nothing that was typed stands anywhere.
    for file in console.files() {
        let bytes = std::fs::read(&file)?;
        for secret in [PASSWORD, fresh, once.as_str()] {
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{file:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_does_nothing_and_a_page_loads_nothing() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let mut console = Console::start(pair.origin(), false)?;
    let mut clerk = console.clerk("km-01", "sending", "clerk")?;
    clerk.open("/account")?;
    let (form, kind) = (format!("form={}", clerk.token()), "application/x-www-form-urlencoded");
    let own = format!("http://{}", console.host);
    let path = "/logout/everywhere";
    for (body, origin) in [
        (form.as_str(), ""),
        (form.as_str(), "null"),
        (form.as_str(), "http://evil.example"),
        ("", own.as_str()),
        ("form=00", own.as_str()),
    ] {
        let refused = clerk.ask("POST", path, kind, body.as_bytes(), origin)?;
        assert_eq!(refused.status, 403, "{body} {origin}");
    }
    // Another's token is no good either.
    let mut other = console.clerk("km-02", "sending", "clerk")?;
    other.open("/account")?;
    let stolen = format!("form={}", other.token());
    assert_eq!(clerk.ask("POST", path, kind, stolen.as_bytes(), &own)?.status, 403);
    assert_eq!(clerk.get("/queue")?.status, 200, "still logged in");

    let reply = clerk.get("/queue")?;
    for line in [
        "content-security-policy: default-src 'none'; style-src 'self'",
        "x-content-type-options: nosniff",
        "referrer-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert!(reply.head.contains(line), "{line}: {}", reply.head);
    }
    assert!(!reply.head.contains("unsafe"));
    let style = clerk.get("/console.css")?.text();
    for text in [reply.text(), style] {
        for outside in ["http://", "https://", "@import", "url(", "<script", "style=\"", "onclick"]
        {
            assert!(!text.contains(outside), "{outside}");
        }
    }
    // English on demand, and back to the page.
    clerk.open("/queue")?;
    let english = clerk.send("/language", &[("to", "en"), ("back", "/queue")])?;
    assert!(english.contains("<html lang=\"en\">") && english.contains("To do"));
    clerk.open("/queue")?;
    let out = clerk.post("/language", &[("to", "zh"), ("back", "//evil.example")])?;
    assert_eq!(out.location(), "/");
    assert_eq!(console.stop()?, Some(0), "a graceful stop");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_needed_and_its_code_is_good_once() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let console = Console::start(pair.origin(), true)?;
    let mut admin = console.logged_in("admin")?;
    assert_eq!(admin.get("/accounts")?.location(), "/account/app");
    let page = admin.open("/account/app")?;
    assert!(page.contains("<svg"));
    let secret = page.split_once("name=\"secret\" value=\"").unwrap().1.split('"').next().unwrap();
    let shown = page.split("<p class=\"lead\">").nth(2).unwrap().split('<').next().unwrap();
    let shown = shown.replace(' ', "");
    let wrong = [("secret", secret), ("code", "000000"), ("old", PASSWORD)];
    assert_eq!(admin.post("/account/app", &wrong)?.status, 422);
    let now = step_now();
    let given = code(&shown, now);
    let blind = [("secret", secret), ("code", given.as_str()), ("old", "not the password")];
    assert_eq!(admin.post("/account/app", &blind)?.status, 422);
    let right = [("secret", secret), ("code", given.as_str()), ("old", PASSWORD)];
    assert_eq!(admin.post("/account/app", &right)?.status, 303);
    assert_eq!(admin.get("/accounts")?.status, 200);
    let next = code(&shown, now + 1);
    let mut again = console.browser();
    again.get("/login")?;
    for (code, status) in [("", 422), (given.as_str(), 422), (next.as_str(), 303)] {
        let fields = [("name", "admin"), ("password", PASSWORD), ("code", code)];
        assert_eq!(again.post("/login", &fields)?.status, status, "{code}");
    }
    let mut third = console.browser();
    third.get("/login")?;
    let fields = [("name", "admin"), ("password", PASSWORD), ("code", next.as_str())];
    assert_eq!(third.post("/login", &fields)?.status, 422, "a code is good once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_tls_with_its_own_certificate() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let mut console = Console::start(pair.origin(), false)?;
    let made = rcgen::generate_simple_self_signed(vec!["desk.example".to_owned()])?;
    console.restart_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem())?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "desk.example".to_owned().try_into()?;
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), name)?;
    // One that says nothing keeps nobody waiting.
    let _silent = std::net::TcpStream::connect(&console.host)?;
    let mut socket = std::net::TcpStream::connect(&console.host)?;
    let mut stream = rustls::Stream::new(&mut client, &mut socket);
    stream.write_all(b"GET /login HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // The end of the connection may come without a farewell.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).to_string();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("strict-transport"), "{answer}");
    assert_eq!(console.stop()?, Some(0));
    Ok(())
}
