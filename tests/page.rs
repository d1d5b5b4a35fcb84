//! The demo's start page over HTTP, in front of three real cities: plain forms do everything,
//! nothing comes from outside, and no other site can press a button. What it looks like in a
//! browser is not tested here: no browser is installed for the tests.

#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result, bail};
use jieli_gateway::sheet::{self, Options};
use jieli_proto::day::Day;
use jieli_tests::program;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running demo.
struct Demo {
    child: Child,
    host: String,
    dir: std::path::PathBuf,
    token: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Killed, it could not remove its scratch directory.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

struct Reply {
    head: String,
    /// As text.
    body: String,
    bytes: Vec<u8>,
}

impl Demo {
    fn start() -> Result<Demo> {
        let mut child = Command::new(program()?)
            .args(["demo", "--port", "0", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line)?;
        let url = said["url"].as_str().context("a url")?;
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let dir = said["dir"].as_str().context("a directory")?.into();
        let mut demo = Demo { child, host, dir, token: String::new() };
        let page = demo.page()?;
        let from = page.split_once("name=token value=\"").context("a token")?.1;
        demo.token = from[..64].to_owned();
        Ok(demo)
    }

    fn ask(&self, method: &str, path: &str, host: &str, body: &str) -> Result<Reply> {
        let mut stream = TcpStream::connect(&self.host)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let gap = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("an answer")?;
        let bytes_of_body = bytes.split_off(gap + 4);
        let head = String::from_utf8(bytes)?.to_lowercase();
        Ok(Reply {
            head,
            body: String::from_utf8_lossy(&bytes_of_body).into_owned(),
            bytes: bytes_of_body,
        })
    }

    fn page(&self) -> Result<String> {
        let reply = self.ask("GET", "/", &self.host, "")?;
        if !reply.head.starts_with("http/1.1 200") {
            bail!("{}", reply.head);
        }
        Ok(reply.body)
    }

    /// Presses a button, as a browser without scripts does, and follows it home.
    fn press(&self, path: &str, fields: &str) -> Result<String> {
        let body = format!("token={}&{fields}", self.token);
        let reply = self.ask("POST", path, &self.host, &body)?;
        if !(reply.head.starts_with("http/1.1 303") && reply.head.contains("location: /#")) {
            bail!("{path}: {} {}", reply.head, reply.body);
        }
        self.page()
    }

    /// Presses Continue so many times.
    fn go_on(&self, steps: usize) -> Result<String> {
        let mut page = String::new();
        for _ in 0..steps {
            page = self.press("/do/continue", "")?;
            if let Some((_, why)) = page.split_once("<p class=failed>") {
                bail!("{}", &why[..why.len().min(600)]);
            }
        }
        Ok(page)
    }
}

/// The part of an id, up to the next part.
fn part<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no part {id}"));
    let end = page[start..].find("data-part").unwrap() + start + 9;
    let next = page[end..].find("data-part").map_or(page.len(), |at| at + end);
    &page[start..next]
}

/// A hidden value of the first form in a part.
fn value(part: &str, name: &str) -> String {
    let from = part.split_once(&format!("name=\"{name}\" value=\"")).expect("a value").1;
    from.split_once('"').unwrap().0.to_owned()
}

#[test]
fn the_page_needs_no_script_and_nothing_from_outside() -> Result<()> {
    let demo = Demo::start()?;
    let reply = demo.ask("GET", "/", &demo.host, "")?;
    assert!(reply.head.contains("content-security-policy: default-src 'none'"));
    assert!(!reply.head.contains("unsafe-inline") && !reply.head.contains("access-control"));
    let style = demo.ask("GET", "/style.css", &demo.host, "")?.body;
    let script = demo.ask("GET", "/live.js", &demo.host, "")?.body;
    assert!(script.len() < 15_000);
    for text in [&reply.body, &style, &script] {
        for outside in ["http://", "https://", "//cdn", "@import", "url("] {
            assert!(!text.contains(outside), "{outside}");
        }
    }
    for inline in ["style=\"", "onclick", "<script>", "<style"] {
        assert!(!reply.body.contains(inline), "{inline}");
    }
    for city in ["昆明", "瑞安", "成都", "Kunming", "Ruian", "Chengdu"] {
        assert!(reply.body.contains(city), "{city}");
    }
    let caveat = jieli_proto::words::NOT_PROOF_OF_FREEDOM;
    assert!(reply.body.contains(caveat.zh) && reply.body.contains(caveat.en));
    Ok(())
}

#[test]
fn nobody_else_can_press_a_button() -> Result<()> {
    let demo = Demo::start()?;
    let wrong = "0".repeat(64);
    for body in ["", "token=", &format!("token={wrong}"), &format!("token={}", &demo.token[..63])] {
        let reply = demo.ask("POST", "/do/continue", &demo.host, body)?;
        assert!(reply.head.starts_with("http/1.1 403"), "{body}: {}", reply.head);
    }
    let body = format!("token={}", demo.token);
    let reply = demo.ask("POST", "/do/continue", "evil.example", &body)?;
    assert!(reply.head.starts_with("http/1.1 421"), "{}", reply.head);
    assert!(!demo.ask("GET", "/", "evil.example", "")?.body.contains(&demo.token));
    let reply = demo.ask("GET", "/do/continue", &demo.host, "")?;
    assert!(reply.head.starts_with("http/1.1 405"), "{}", reply.head);
    assert!(part(&demo.page()?, "story").contains("0 / 15"), "nothing was done");
    Ok(())
}

#[test]
fn the_story_goes_on_whatever_the_visitor_does_in_between() -> Result<()> {
    let demo = Demo::start()?;
    assert!(demo.ask("GET", "/cleaned.xlsx", &demo.host, "")?.head.starts_with("http/1.1 404"));
    let page = demo.go_on(4)?;
    assert!(part(&page, "story").contains("4 / 15"));
    assert!(part(&page, "proof").contains("href=/cleaned.xlsx"), "the cleaned copy is offered");
    let copy = demo.ask("GET", "/cleaned.xlsx", &demo.host, "")?;
    assert!(copy.head.contains("content-disposition: attachment"));
    let today = Day::new(2026, 11, 23).context("a day")?;
    let sheet = sheet::read(&copy.bytes, "cleaned.xlsx", &Options::new(today)).unwrap();
    assert_eq!(sheet.rows.len(), 40);
    assert!(demo.ask("GET", "/cleaned.xlsx", "evil.example", "")?.head.starts_with("http/1.1 421"));
    assert!(part(&page, "desk").contains("<b>5</b>"), "asked 5");
    // The visitor's own phone: open, answer yes to the job, and it is said to be received.
    let phones = part(&page, "phones");
    let key = ["city", "case", "code"].map(|name| (name, value(phones, name)));
    let key = key.map(|(name, value)| format!("{name}={value}")).join("&");
    let page = demo.press("/phone/open", &key)?;
    assert!(part(&page, "phones").contains("type=checkbox"));
    assert!(!part(&page, "phones").contains("checked"), "nothing is ticked beforehand");
    let page = demo.press("/phone/answer", &format!("{key}&yes=1"))?;
    assert!(part(&page, "phones").contains("已收到"));
    let page = demo.press("/do/day", "")?;
    assert!(part(&page, "clock").contains("11月25日"));
    // A city without power: the step says so, and can be tried again.
    demo.press("/power/off", "city=ruian.zj")?;
    let page = demo.press("/do/continue", "")?;
    assert!(part(&page, "story").contains("已断电"), "it says why");
    demo.press("/power/on", "city=ruian.zj")?;
    let page = demo.go_on(3)?;
    assert!(part(&page, "story").contains("7 / 15"));
    // School A's city never had the name; school B's office has it.
    let child = |page: &str, city: &str| {
        let sights = part(page, city).to_owned();
        let line = sights.split("<li class=").find(|line| line.contains("要上学的孩子"));
        line.unwrap().split('>').next().unwrap().to_owned()
    };
    assert_eq!(child(&page, "city-ruian.zj"), "never");
    assert_eq!(child(&page, "city-chengdu.sc"), "seen");
    assert!(!part(&page, "city-kunming.yn").contains("class=seen><b>孩子进了哪所学校"));
    let page = demo.go_on(8)?;
    assert!(part(&page, "story").contains("15 / 15"));
    assert!(part(&page, "city-ruian.zj").contains("class=gone"), "the dormitory's name is gone");
    let page = demo.press("/do/verify", "")?;
    assert!(part(&page, "proof").contains("verdict holds"));
    let page = demo.press("/do/change", "")?;
    assert!(part(&page, "proof").contains("verdict broken"));
    assert!(part(&page, "proof").contains("<code>envelopes/"), "the verifier says where");
    let page = demo.press("/do/start-over", "")?;
    assert!(part(&page, "story").contains("0 / 15"));
    Ok(())
}

#[test]
fn no_city_outlives_the_demo() -> Result<()> {
    let mut demo = Demo::start()?;
    let config = std::fs::read_to_string(demo.dir.join("kunming/jieli.toml"))?;
    let config: toml::Table = config.parse()?;
    let desk = config["listen"]["desk"].as_str().context("a desk")?.to_owned();
    assert!(TcpStream::connect(&desk).is_ok());
    demo.child.kill()?;
    demo.child.wait()?;
    let mut closed = false;
    for _ in 0..200 {
        closed = TcpStream::connect(&desk).is_err();
        if closed {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(closed, "a city still answers");
    Ok(())
}

#[test]
fn every_desk_of_every_city_is_one_press_away() -> Result<()> {
    let demo = Demo::start()?;
    let page = demo.page()?;
    let links: Vec<&str> = page.split("href=\"/enter/").skip(1).collect();
    let links: Vec<&str> = links.iter().filter_map(|rest| rest.split('"').next()).collect();
    let mut roles = Vec::new();
    for link in &links {
        let sent = demo.ask("GET", &format!("/enter/{link}"), &demo.host, "")?;
        let to = sent.head.split_once("location: http://").context("a way")?.1;
        let to = to.lines().next().unwrap_or_default().trim().to_owned();
        let (host, path) = to.split_once('/').context("a path")?;
        let (status, cookie) = call(host, &format!("/{path}"), "")?;
        if path.is_empty() {
            assert_eq!(status, 200, "the person's own pages: {to}");
            roles.push("worker".to_owned());
            continue;
        }
        assert_eq!(status, 303, "{to}");
        assert!(cookie.starts_with(&format!("__Host-jieli-{}=", &host[10..])), "{cookie}");
        assert_eq!(call(host, "/account", &cookie)?.0, 200, "{to}");
        assert_eq!(call(host, "/", &cookie)?.0, 200, "no password is asked for: {to}");
        // Without the key that was drawn for this demo the link opens nothing.
        let name = path.rsplit('/').next().unwrap_or_default();
        let guessed = format!("/demo/{}/{name}", "0".repeat(32));
        assert_eq!(call(host, &guessed, "")?.0, 404, "{guessed}");
        roles.push(name.rsplit('-').next().unwrap_or_default().to_owned());
    }
    for role in ["sending", "receiving", "approver", "station", "compliance", "security", "worker"]
    {
        assert!(roles.iter().any(|one| one == role), "{role}: {roles:?}");
    }
    assert_eq!(roles.iter().filter(|one| *one == "worker").count(), 3);
    Ok(())
}

/// Status, and the cookie that was set.
fn call(host: &str, path: &str, cookie: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).context("a status")?.parse()?;
    let set = text.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let set = set.and_then(|line| line.split(';').next()).unwrap_or_default();
    Ok((status, set.to_owned()))
}
