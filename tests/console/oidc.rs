//! Logging in by a provider: a stub of one over HTTP, and what must not open the console.

use crate::browser::{Browser, Console, Reply};
use crate::provider::{SECRET, Stub};
use anyhow::Result;
use jieli_tests::Pair;
use serde_json::{Value, json};
use std::time::Duration;

/// Who the provider says it is: clerk, nobody here, a disabled account, one never used.
const CLERK: &str = "person-1";
const STRANGER: &str = "person-2";
const GONE: &str = "person-3";
const NEW: &str = "person-4";

/// The console of a city that knows the stub, with its accounts.
async fn console(stub: &Stub) -> Result<(Pair, Console)> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let mut console = Console::start(pair.origin(), false)?;
    console.clerk("sys-01", "system", "operator")?;
    console.clerk("sys-02", "system", "operator")?;
    console.make("sys-03", "system", "operator")?;
    let mut admin = console.logged_in("admin")?;
    admin.open("/accounts")?;
    admin.send("/accounts/disable", &[("name", "sys-02"), ("off", "yes")])?;
    console.put("oidc.secret", SECRET)?;
    console.restart_with(|text| {
        format!(
            "{text}\n[oidc]\nissuer = \"{}\"\nclient_id = \"jieli\"\n\
             client_secret_file = \"oidc.secret\"\n[oidc.accounts]\n{CLERK} = \"sys-01\"\n\
             {GONE} = \"sys-02\"\n{NEW} = \"sys-03\"\n",
            stub.issuer()
        )
    })?;
    Ok((pair, console))
}

/// A browser that has been at the provider: what it comes back with.
fn at_provider(browser: &mut Browser, stub: &Stub, change: impl Fn(&mut Value)) -> Result<String> {
    let sent = browser.get("/login/oidc")?;
    assert_eq!(sent.status, 303, "{}", sent.text());
    Ok(stub.logs_in(sent.location(), CLERK, change))
}

fn comes_back(
    console: &Console,
    stub: &Stub,
    change: impl Fn(&mut Value),
) -> Result<(Browser, Reply)> {
    let mut browser = console.browser();
    let back = at_provider(&mut browser, stub, change)?;
    let reply = browser.get(&back)?;
    Ok((browser, reply))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_says_who_it_is_and_the_configuration_which_account() -> Result<()> {
    let stub = Stub::start()?;
    let (_pair, mut console) = console(&stub).await?;
    let mut browser = console.browser();
    assert!(browser.open("/login")?.contains("href=\"/login/oidc\""));
    let before = browser.cookies.clone();
    let back = at_provider(&mut browser, &stub, |_| {})?;
    let reply = browser.get(&back)?;
    assert_eq!((reply.status, reply.location()), (303, "/"), "{}", reply.text());
    assert_ne!(browser.cookies, before, "a new cookie for every log-in");
    assert!(browser.open("/system")?.contains("sys-01"));
    // Used once: neither the same browser nor another one gets in with it again.
    for mut again in [browser.clone(), console.browser()] {
        again.get("/login")?;
        assert_eq!(again.get(&back)?.status, 400);
    }
    let mut admin = console.logged_in("admin")?;
    assert!(admin.open("/accounts/events")?.contains("由统一身份登录"));

    // A new key of the provider is looked up.
    stub.new_key("second");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(comes_back(&console, &stub, |_| {})?.1.location(), "/");

    // Where a second factor is asked for, the provider has to have asked for it.
    console.restart_with(|text| text.replace("second_factor = false", "second_factor = true"))?;
    let (_, reply) = comes_back(&console, &stub, |_| {})?;
    assert!(reply.status == 403 && reply.text().contains("多重验证"), "{}", reply.text());
    let (mut in_now, reply) = comes_back(&console, &stub, |claims| claims["amr"] = json!(["mfa"]))?;
    assert_eq!(reply.location(), "/", "{}", reply.text());
    // The own rule still holds besides: an account without an app sets one up first.
    assert_eq!(in_now.get("/system")?.location(), "/account/app");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_with_what_is_not_for_this_browser_console_or_moment() -> Result<()> {
    let stub = Stub::start()?;
    let (_pair, console) = console(&stub).await?;
    for (what, name, value) in [
        ("another log-in", "nonce", json!("other")),
        ("another console", "aud", json!("other")),
        ("another provider", "iss", json!("https://other.example.cn")),
        ("long ago", "exp", json!(1)),
        ("nobody", "sub", json!("")),
    ] {
        let (mut browser, reply) =
            comes_back(&console, &stub, |claims| claims[name] = value.clone())?;
        assert_eq!(reply.status, 403, "{what}");
        assert_eq!(browser.get("/system")?.location(), "/login", "{what}");
    }
    for (subject, word) in [(STRANGER, "没有对应"), (GONE, "没有对应"), (NEW, "一次性密码")]
    {
        let (mut browser, reply) =
            comes_back(&console, &stub, |claims| claims["sub"] = json!(subject))?;
        assert!(reply.status == 403 && reply.text().contains(word), "{}", reply.text());
        assert_eq!(browser.get("/system")?.location(), "/login", "{subject}");
    }
    for alg in ["none", "HS256"] {
        stub.signs_as(alg);
        assert_eq!(comes_back(&console, &stub, |_| {})?.1.status, 403, "{alg}");
    }
    stub.signs_as("EdDSA");

    // Another browser has the state of this one; a state that nobody began; a no of the provider's.
    let mut browser = console.browser();
    let back = at_provider(&mut browser, &stub, |_| {})?;
    let mut other = console.browser();
    other.get("/login")?;
    assert_eq!(other.get(&back)?.status, 400);
    assert_eq!(browser.get("/login/oidc/back?code=x&state=y")?.status, 400);
    let back = at_provider(&mut browser, &stub, |_| {})?;
    let state = back.split("state=").nth(1).unwrap_or_default().to_owned();
    let no = browser.get(&format!("/login/oidc/back?error=access_denied&state={state}"))?;
    assert_eq!(no.status, 403);

    // The provider redirects, answers without end, or is away.
    for broken in ["redirect", "endless", "500"] {
        stub.answers(broken);
        let (_, reply) = comes_back(&console, &stub, |_| {})?;
        assert_eq!(reply.status, 502, "{broken}");
    }
    let log = console.log();
    assert!(!log.contains(CLERK) && !log.contains(STRANGER), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_there_is_no_such_page() -> Result<()> {
    let pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    let console = Console::start(pair.origin(), false)?;
    let mut browser = console.browser();
    assert!(!browser.open("/login")?.contains("/login/oidc"));
    for path in ["/login/oidc", "/login/oidc/back?code=x&state=y"] {
        assert_eq!(browser.get(path)?.status, 404, "{path}");
    }
    Ok(())
}
