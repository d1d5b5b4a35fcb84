use crate::stub::{Says, Stub};
use jieli_node::config::{Backend, Config, ConfigError};
use jieli_node::notice::{self, TEMPLATES};
use jieli_node::webhook::{SharedSecret, SignError};
use jieli_node::world::{Clock, Notice, NoticeResult, Notices, Params};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Monday 2026-11-23, 10:00 in China.
const NOW_MS: u64 = 1_795_399_200_000;

struct Ten;

impl Clock for Ten {
    fn now_unix_ms(&self) -> u64 {
        NOW_MS
    }
}

fn config(dir: &Path, more: &str) -> Result<Config, ConfigError> {
    let file = dir.join("notices.secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[city]\nid = \"km.yn\"\nname = \"昆明\"\n[notices]\nbackend = \"webhook\"\ntimeout_s = 2\n\
         secret_file = \"notices.secret\"\n{more}"
    );
    Config::parse(&text, dir)
}

fn carrier(dir: &Path, more: &str) -> Arc<dyn Notices> {
    notice::open(&config(dir, more).unwrap(), Arc::new(Ten)).unwrap()
}

fn letter(id: &str) -> Notice {
    Notice {
        id: id.to_owned(),
        to: "199 1234 5678".to_owned(),
        template: "ballot.ask.v1".to_owned(),
        params: Params {
            case: "2026-000001".to_owned(),
            code: "01234567".to_owned(),
            about: "就业".to_owned(),
        },
        text: "【接力】…".to_owned(),
    }
}

async fn result(says: Says, more: &str) -> (NoticeResult, Stub) {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::plain(says).await;
    let url = format!("url = \"http://{}/v1/notices\"\n{more}", stub.address);
    (carrier(dir.path(), &url).send(letter("a1")).await, stub)
}

#[tokio::test]
async fn a_post_is_signed_and_says_what_the_carrier_needs() {
    let (result, stub) = result(Says::Status(202), "").await;
    assert_eq!(result, NoticeResult::Sent);
    let posted = stub.posted().remove(0);
    assert_eq!((posted.method.as_str(), posted.path.as_str()), ("POST", "/v1/notices"));
    let secret = SharedSecret::parse(SECRET).unwrap();
    assert_eq!(secret.verify(posted.signed(), &posted.body, NOW_MS / 1000), Ok(()));
    assert_eq!(posted.signed()[0], "a1");
    let other = SharedSecret::parse("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let wrong = other.verify(posted.signed(), &posted.body, NOW_MS / 1000);
    assert_eq!(wrong, Err(SignError::Signature));
    let body: Value = serde_json::from_slice(&posted.body).unwrap();
    let all = json!({
        "id": "a1", "to": "19912345678", "template": "ballot.ask.v1", "text": "【接力】…",
        "params": { "case": "2026-000001", "code": "01234567", "about": "就业" },
    });
    assert_eq!(body, all);
}

#[tokio::test]
async fn a_carrier_with_templates_gets_its_own_code_and_no_text() {
    let lines = TEMPLATES.map(|id| format!("\"{id}\" = \"SMS_{}\"", id.len()));
    let more = format!("[notices.templates]\n{}\n", lines.join("\n"));
    let (result, stub) = result(Says::Status(200), &more).await;
    assert_eq!(result, NoticeResult::Sent);
    let body: Value = serde_json::from_slice(&stub.posted()[0].body).unwrap();
    assert_eq!(body["template"], "SMS_13");
    assert!(body.get("text").is_none() && body["params"]["code"] == "01234567");
}

#[tokio::test]
async fn only_a_listed_answer_means_that_the_number_is_wrong() {
    for (status, became) in [
        (200, NoticeResult::Sent),
        (204, NoticeResult::Sent),
        (410, NoticeResult::Undeliverable),
        (422, NoticeResult::Undeliverable),
        (400, NoticeResult::Later),
        (401, NoticeResult::Later),
        (429, NoticeResult::Later),
        (500, NoticeResult::Later),
        (503, NoticeResult::Later),
    ] {
        assert_eq!(result(Says::Status(status), "").await.0, became, "{status}");
    }
    let listed = result(Says::Status(400), "undeliverable_status = [400]\n").await.0;
    assert_eq!(listed, NoticeResult::Undeliverable);
    let unlisted = result(Says::Status(410), "undeliverable_status = [400]\n").await.0;
    assert_eq!(unlisted, NoticeResult::Later);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stub::plain(Says::Status(200)).await;
    let to = format!("http://{}/", elsewhere.address);
    let (result, stub) = result(Says::Redirect(to), "").await;
    assert_eq!((result, stub.posted().len()), (NoticeResult::Later, 1));
    assert!(elsewhere.posted().is_empty(), "numbers and codes went elsewhere");
}

#[tokio::test]
async fn silence_and_a_closed_port_mean_later_and_the_same_id_goes_again() {
    let dir = tempfile::tempdir().unwrap();
    let silent = Stub::plain(Says::Nothing).await;
    let phones = carrier(dir.path(), &format!("url = \"http://{}/\"\n", silent.address));
    assert_eq!(phones.send(letter("a1")).await, NoticeResult::Later);
    assert_eq!(phones.send(letter("a1")).await, NoticeResult::Later);
    let ids: Vec<String> = silent.posted().iter().map(|p| p.signed()[0].to_owned()).collect();
    assert_eq!(ids, ["a1", "a1"]);
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("url = \"http://{}/\"\n", closed.local_addr().unwrap());
    drop(closed);
    assert_eq!(carrier(dir.path(), &url).send(letter("a1")).await, NoticeResult::Later);
}

#[tokio::test]
async fn a_number_that_is_none_is_not_posted() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::plain(Says::Status(200)).await;
    let phones = carrier(dir.path(), &format!("url = \"http://{}/\"\n", stub.address));
    let wrong = Notice { to: "0871-12345678".to_owned(), ..letter("a1") };
    assert_eq!(phones.send(wrong).await, NoticeResult::Undeliverable);
    assert!(stub.posted().is_empty());
}

#[tokio::test]
async fn a_carrier_shows_a_certificate_that_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::tls(Says::Status(200)).await;
    std::fs::write(dir.path().join("ca.pem"), &stub.certificate).unwrap();
    let url = format!("url = \"https://{}/v1\"\n", stub.address);
    let with = carrier(dir.path(), &format!("{url}ca_file = \"ca.pem\"\n"));
    assert_eq!(with.send(letter("a1")).await, NoticeResult::Sent);
    assert_eq!(stub.posted().len(), 1);
    // Neither the public roots nor another city's carrier vouch for it.
    assert_eq!(carrier(dir.path(), &url).send(letter("a2")).await, NoticeResult::Later);
    let other = Stub::tls(Says::Status(200)).await;
    std::fs::write(dir.path().join("other.pem"), &other.certificate).unwrap();
    let with = carrier(dir.path(), &format!("{url}ca_file = \"other.pem\"\n"));
    assert_eq!(with.send(letter("a2")).await, NoticeResult::Later);
    assert_eq!(stub.posted().len(), 1);
}

#[test]
fn a_node_does_not_start_where_codes_would_travel_in_the_clear_or_unsigned() {
    let dir = tempfile::tempdir().unwrap();
    let refused = config(dir.path(), "url = \"http://sms.example.cn/\"\n").unwrap_err();
    assert!(refused.to_string().contains("must begin with https"), "{refused}");
    let good = config(dir.path(), "url = \"https://sms.example.cn/\"\n").unwrap();
    assert_eq!(good.notices.backend, Backend::Webhook);
    let secret = dir.path().join("notices.secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(notice::open(&good, Arc::new(Ten)).is_err(), "others may read the secret");
    std::fs::remove_file(&secret).unwrap();
    assert!(notice::open(&good, Arc::new(Ten)).is_err());
    let empty = config(dir.path(), "url = \"https://a.cn/\"\nca_file = \"empty.pem\"\n").unwrap();
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    assert!(notice::open(&empty, Arc::new(Ten)).is_err(), "no root to check with");
}
