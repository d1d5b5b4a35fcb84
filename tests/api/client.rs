//! A running API, and a system that calls it.

use anyhow::{Context, Result, bail};
use jieli::demo::city::{City, free_port};
use jieli_proto::wire;
use jieli_tests::{Pair, people, program, until};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Name and office of the systems that each city of the tests has.
const SYSTEMS: [&[(&str, &str)]; 2] = [
    &[("rosters", "11999999MB0000019T")],
    &[("homes", "11999999MB0000140P"), ("schools", "11999999MB0000123Y")],
];

/// Two cities that work together, each with its systems.
pub(crate) async fn pair() -> Result<Pair> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    for (city, systems) in [pair.origin(), pair.destination()].into_iter().zip(SYSTEMS) {
        city.crash()?;
        let file = city.dir.join("jieli.toml");
        let mut text = std::fs::read_to_string(&file)?;
        for (name, office) in systems {
            write!(
                text,
                "\n[[desk.tokens]]\nname = \"{name}\"\nrole = \"system\"\noffice = \"{office}\"\n"
            )?;
        }
        std::fs::write(&file, text)?;
        // Makes the tokens, which the node has to know before it starts.
        Api::init(city, &free_port()?.to_string())?;
        city.restart().await?;
    }
    pair.agree().await?;
    Ok(pair)
}

/// Homes of Kunming's workers, as drafts; their cases.
pub(crate) async fn drafts(city: &City, serials: std::ops::Range<u32>) -> Result<Vec<String>> {
    let drafts = serials.map(people::home).collect();
    let ask = wire::ImportRequest { file_name: String::new(), drafts };
    let rows = city.desk("clerk")?.import(ask).await?.into_inner().rows;
    assert!(rows.iter().all(|row| row.code == "draft"), "{rows:?}");
    Ok(rows.into_iter().map(|row| row.case_number).collect())
}

/// A home that was asked about and confirmed in Kunming; its case there, and the person's code.
pub(crate) async fn sent(city: &City, serial: u32) -> Result<(String, String)> {
    let case = drafts(city, serial..serial + 1).await?.remove(0);
    let ask = wire::AskRequest { case_numbers: vec![case.clone()] };
    city.desk("clerk")?.ask(ask).await?;
    let sms = city.sms(&case, "逐项回答").await?;
    city.answer(&sms, &[1]).await?;
    Ok((case, sms.code()))
}

/// The API of a city, in a process of its own.
pub(crate) struct Api {
    child: Child,
    host: String,
    _dir: tempfile::TempDir,
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Api {
    fn init(city: &City, host: &str) -> Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        let made = Command::new(program()?)
            .args(["--json", "--dir"])
            .arg(&city.dir)
            .args(["gateway", "api-init", "--address", host, "--config"])
            .arg(dir.path().join("api.toml"))
            .output()?;
        if !made.status.success() {
            bail!("{}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(dir)
    }

    /// Made from a city's own configuration.
    pub(crate) fn start(city: &City) -> Result<Api> {
        let host = free_port()?.to_string();
        let dir = Api::init(city, &host)?;
        let mut child = Command::new(program()?)
            .args(["--json", "gateway", "api-serve", "--config"])
            .arg(dir.path().join("api.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut said = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let first = said.next().transpose()?.context("it does not start")?;
        assert!(first.starts_with('{'), "{first}");
        for line in said {
            if line? == "}" {
                break;
            }
        }
        Ok(Api { child, host, _dir: dir })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Nobody in particular.
    pub(crate) fn nobody(&self) -> Caller {
        Caller { host: self.host.clone(), token: String::new(), keys: 0 }
    }

    /// A system with its token.
    pub(crate) fn system(&self, city: &City, name: &str) -> Result<Caller> {
        Ok(Caller { token: city.token(name)?.trim().to_owned(), ..self.nobody() })
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        let begin = format!("{name}: ");
        let found = self.head.lines().find_map(|line| line.strip_prefix(&begin));
        found.unwrap_or_default().to_owned()
    }

    /// The stable code of a problem.
    pub(crate) fn code(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    host: String,
    token: String,
    keys: u32,
}

impl Caller {
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
        let token = match self.token.as_str() {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{token}{headers}\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        )?;
        Ok(stream)
    }

    /// One request with headers of its own, each with its end of line.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Reply> {
        let mut text = String::new();
        self.send(method, path, headers, body)?.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").context("an answer")?;
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        Ok(Reply { status, head: head.to_owned(), text: body.to_owned() })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Reply> {
        self.ask("GET", path, "", "")
    }

    /// Posts with a key that was not used before.
    pub(crate) fn post(&mut self, path: &str, if_match: &str, body: &Value) -> Result<Reply> {
        self.keys += 1;
        self.post_as(&format!("key-{}", self.keys), path, if_match, body)
    }

    pub(crate) fn post_as(
        &self,
        key: &str,
        path: &str,
        if_match: &str,
        body: &Value,
    ) -> Result<Reply> {
        let mut headers = format!("Content-Type: application/json\r\nIdempotency-Key: {key}\r\n");
        if !if_match.is_empty() {
            write!(headers, "If-Match: {if_match}\r\n")?;
        }
        self.ask("POST", path, &headers, &body.to_string())
    }

    /// Waits for the first leg of a stage in the queue: case and number.
    pub(crate) async fn first(&self, stage: &str) -> Result<(String, u64)> {
        let mut found = None;
        until(stage, async || {
            let page = self.get(&format!("/api/v1/legs?stage={stage}"))?.json();
            let leg = &page["legs"][0];
            found = leg["case"].as_str().map(str::to_owned).zip(leg["leg"].as_u64());
            Ok(found.is_some())
        })
        .await?;
        found.context("a leg")
    }

    /// The events from here on.
    pub(crate) fn events(&self, last: Option<&str>) -> Result<Events> {
        let last = last.map_or(String::new(), |last| format!("Last-Event-ID: {last}\r\n"));
        let stream = self.send("GET", "/api/v1/events", &last, "")?;
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            lines.read_line(&mut head)?;
        }
        assert!(head.contains("text/event-stream"), "{head}");
        Ok(Events(lines))
    }
}

/// A stream of events.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// Id and data of the next one.
    pub(crate) fn next(&mut self) -> Result<(String, Value)> {
        let (mut id, mut data) = (String::new(), Value::Null);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                bail!("the stream ended");
            }
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.trim().to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = serde_json::from_str(text)?;
            } else if line.trim().is_empty() && !data.is_null() {
                return Ok((id, data));
            }
        }
    }
}
