//! A running console, and a browser that keeps its cookies and runs no script.

use anyhow::{Context, Result, bail};
use jieli::demo::city::{City, free_port};
use jieli_tests::program;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What every account of the tests is set to.
pub(crate) const PASSWORD: &str = "一句足够长的话 就是密码";

/// A console of its own process.
pub(crate) struct Console {
    child: Child,
    pub(crate) host: String,
    dir: tempfile::TempDir,
    first: String,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Where it sends the browser.
    pub(crate) fn location(&self) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix("location: "));
        line.unwrap_or_default()
    }
}

impl Console {
    /// Made from a city's own configuration; `second_factor` as asked.
    pub(crate) fn start(city: &City, second_factor: bool) -> Result<Console> {
        let dir = tempfile::tempdir()?;
        let config = dir.path().join("gateway.toml");
        let address = free_port()?.to_string();
        let made = Command::new(program()?)
            .args(["--json", "--dir"])
            .arg(&city.dir)
            .args(["gateway", "init", "--address", &address, "--config"])
            .arg(&config)
            .output()?;
        let said: serde_json::Value = serde_json::from_slice(&made.stdout)
            .with_context(|| String::from_utf8_lossy(&made.stderr).into_owned())?;
        let first = said["one_time_password"].as_str().context("a password")?.to_owned();
        let text = std::fs::read_to_string(&config)?;
        let rule = format!("second_factor = {second_factor}");
        std::fs::write(&config, text.replace("second_factor = true", &rule))?;
        let child = serve(dir.path(), "serve", "gateway.toml")?;
        let mut console = Console { child, host: address, dir, first };
        console.first_log_in()?;
        Ok(console)
    }

    /// Stops it and serves again behind TLS, as `https://desk.example`.
    pub(crate) fn restart_with_tls(&mut self, certificate: &str, key: &str) -> Result<()> {
        self.stop()?;
        let folder = self.dir.path();
        std::fs::write(folder.join("cert.pem"), certificate)?;
        std::fs::write(folder.join("key.pem"), key)?;
        let file = folder.join("gateway.toml");
        let text = std::fs::read_to_string(&file)?;
        let origin = format!("origin = \"http://{}\"", self.host);
        let tls = "origin = \"https://desk.example\"\n\
            tls = { certificate = \"cert.pem\", key = \"key.pem\" }";
        std::fs::write(&file, text.replace(&origin, tls))?;
        self.child = serve(folder, "serve", "gateway.toml")?;
        Ok(())
    }

    /// Stops it and serves again by a changed configuration.
    pub(crate) fn restart_with(&mut self, change: impl FnOnce(String) -> String) -> Result<()> {
        self.stop()?;
        let file = self.dir.path().join("gateway.toml");
        std::fs::write(&file, change(std::fs::read_to_string(&file)?))?;
        self.child = serve(self.dir.path(), "serve", "gateway.toml")?;
        Ok(())
    }

    /// Puts a file beside the configuration.
    pub(crate) fn put(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.dir.path().join(name), text)?)
    }

    /// All that it wrote so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Everything in its folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Asks it to stop as systemd does; its exit code.
    pub(crate) fn stop(&mut self) -> Result<Option<i32>> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        Ok(self.child.wait()?.code())
    }

    fn first_log_in(&mut self) -> Result<()> {
        let mut admin = self.browser();
        admin.log_in("admin", &self.first.clone())?;
        admin.new_password(&self.first.clone(), PASSWORD)
    }

    /// A browser without cookies.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.host)
    }

    /// A browser that is logged in.
    pub(crate) fn logged_in(&self, name: &str) -> Result<Browser> {
        let mut browser = self.browser();
        browser.log_in(name, PASSWORD)?;
        Ok(browser)
    }

    /// Makes an account as the administrator does; returns its one-time password.
    pub(crate) fn make(&self, name: &str, role: &str, token: &str) -> Result<String> {
        let mut admin = self.logged_in("admin")?;
        admin.get("/accounts/new")?;
        let fields = [("name", name), ("role", role), ("token", token)];
        let made = admin.post("/accounts/new", &fields)?;
        let text = made.text();
        let from = text.split_once("class=\"reference\">").with_context(|| text.clone())?.1;
        Ok(from.split_once('<').context("an end")?.0.to_owned())
    }

    /// Makes an account and gives it the password of the tests; logged in.
    pub(crate) fn clerk(&self, name: &str, role: &str, token: &str) -> Result<Browser> {
        let once = self.make(name, role, token)?;
        let mut browser = self.browser();
        browser.log_in(name, &once)?;
        browser.new_password(&once, PASSWORD)?;
        Ok(browser)
    }
}

/// The worker's pages, in a process of their own.
pub(crate) struct WorkerPages {
    child: Child,
    host: String,
    pub(crate) dir: tempfile::TempDir,
}

impl Drop for WorkerPages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl WorkerPages {
    /// Made from a city's own configuration; `complaints` as asked.
    pub(crate) fn start(city: &City, complaints: bool) -> Result<WorkerPages> {
        WorkerPages::behind(city, complaints, "")
    }

    /// The same with this line in `[listen]`.
    pub(crate) fn behind(city: &City, complaints: bool, line: &str) -> Result<WorkerPages> {
        let dir = tempfile::tempdir()?;
        let config = dir.path().join("worker.toml");
        let host = free_port()?.to_string();
        let made = Command::new(program()?)
            .arg("--dir")
            .arg(&city.dir)
            .args(["gateway", "worker-init", "--address", &host, "--config"])
            .arg(&config)
            .output()?;
        let text = std::fs::read_to_string(&config)
            .with_context(|| String::from_utf8_lossy(&made.stderr).into_owned())?;
        let rule = format!("complaints = {complaints}");
        let text = text.replace("complaints = true", &rule);
        std::fs::write(&config, text.replace("[listen]\n", &format!("[listen]\n{line}\n")))?;
        let child = serve(dir.path(), "worker-serve", "worker.toml")?;
        Ok(WorkerPages { child, host, dir })
    }

    /// A browser without cookies.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.host)
    }

    /// A browser in which case number and code were typed.
    pub(crate) fn typed(&self, by: &str, case: &str, code: &str) -> Result<Browser> {
        let mut browser = self.browser();
        browser.open("/")?;
        let (number, word) = (format!("{by}_case"), format!("{by}_code"));
        browser.send("/in", &[("by", by), (&number, case), (&word, code)])?;
        Ok(browser)
    }
}

/// A process of that folder, once it says that it runs.
fn serve(folder: &Path, command: &str, config: &str) -> Result<Child> {
    let file = folder.join("log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(&file)?;
    let mut child = Command::new(program()?)
        .args(["--json", "gateway", command, "--config"])
        .arg(folder.join(config))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    while let Some(line) = lines.next().transpose()? {
        said += &line;
        if line == "}" {
            break;
        }
    }
    if !said.contains("url") {
        bail!("the console did not start: {}", std::fs::read_to_string(&file)?);
    }
    Ok(child)
}

/// A browser without scripts.
#[derive(Clone)]
pub(crate) struct Browser {
    host: String,
    /// What a proxy says that it forwards for; empty without a proxy.
    pub(crate) forwarded: String,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The last page.
    pub(crate) page: String,
}

impl Browser {
    fn new(host: &str) -> Browser {
        Browser {
            host: host.to_owned(),
            forwarded: String::new(),
            cookies: BTreeMap::new(),
            page: String::new(),
        }
    }

    /// One request; cookies are kept.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
        origin: &str,
    ) -> Result<Reply> {
        let mut stream = TcpStream::connect(&self.host)?;
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let host = &self.host;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {}\r\n",
            cookies.join("; ")
        )?;
        if !origin.is_empty() {
            write!(stream, "Origin: {origin}\r\n")?;
        }
        if !self.forwarded.is_empty() {
            write!(stream, "X-Forwarded-For: {}\r\n", self.forwarded)?;
        }
        write!(stream, "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())?;
        // One that refuses early does not hear all of it.
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let gap = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("an answer")?;
        let body = bytes.split_off(gap + 4);
        let head = String::from_utf8(bytes)?;
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        let bytes = match head.contains("transfer-encoding: chunked") {
            true => unchunked(&body),
            false => body,
        };
        let reply = Reply { status, head, bytes };
        if reply.head.contains("text/html") {
            self.page = reply.text();
        }
        Ok(reply)
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Reply> {
        self.ask("GET", path, "text/plain", b"", "")
    }

    /// Goes there and on, until a page is shown.
    pub(crate) fn open(&mut self, path: &str) -> Result<String> {
        let mut reply = self.get(path)?;
        for _ in 0..4 {
            if reply.status != 303 {
                break;
            }
            let to = reply.location().to_owned();
            reply = self.get(&to)?;
        }
        if reply.status != 200 {
            bail!("{path}: {} {}", reply.head, reply.text());
        }
        Ok(reply.text())
    }

    /// What binds a form to this browser, out of the last page.
    pub(crate) fn token(&self) -> String {
        let from = self.page.split_once("name=\"form\" value=\"").map_or("", |(_, rest)| rest);
        from.split('"').next().unwrap_or_default().to_owned()
    }

    /// Sends a form of the last page.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Reply> {
        let token = self.token();
        let fields = std::iter::once(("form", token.as_str())).chain(fields.iter().copied());
        let pairs = fields.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let origin = format!("http://{}", self.host);
        let kind = "application/x-www-form-urlencoded";
        self.ask("POST", path, kind, body.as_bytes(), &origin)
    }

    /// The same, and on to the page that it leads to.
    pub(crate) fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<String> {
        let reply = self.post(path, fields)?;
        match reply.status {
            303 => self.open(reply.location()),
            200 => Ok(reply.text()),
            _ => bail!("{path}: {} {}", reply.head, reply.text()),
        }
    }

    /// Uploads a sheet, as a form with a file does.
    pub(crate) fn upload(&mut self, name: &str, file: &[u8]) -> Result<Reply> {
        self.upload_to("/sheet", &[], ("sheet", name), file)
    }

    /// Uploads a file to a page that has such a form, with other fields of it.
    pub(crate) fn upload_to(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        (field, name): (&str, &str),
        file: &[u8],
    ) -> Result<Reply> {
        self.open(path)?;
        let token = self.token();
        let edge = "----jieli-test-edge";
        let mut body = String::new();
        for (name, value) in [("form", token.as_str())].iter().chain(fields) {
            body += &format!(
                "--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body += &format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let mut body = body.into_bytes();
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{edge}--\r\n").as_bytes());
        let origin = format!("http://{}", self.host);
        let kind = format!("multipart/form-data; boundary={edge}");
        self.ask("POST", path, &kind, &body, &origin)
    }

    pub(crate) fn log_in(&mut self, name: &str, password: &str) -> Result<()> {
        self.get("/login")?;
        let reply = self.post("/login", &[("name", name), ("password", password)])?;
        if reply.status != 303 {
            bail!("{name}: {} {}", reply.head, reply.text());
        }
        self.get("/account")?;
        Ok(())
    }

    pub(crate) fn new_password(&mut self, old: &str, new: &str) -> Result<()> {
        self.get("/account/password")?;
        let fields = [("old", old), ("new", new), ("again", new)];
        let reply = self.post("/account/password", &fields)?;
        if reply.status != 303 {
            bail!("{} {}", reply.head, reply.text());
        }
        self.get("/account")?;
        Ok(())
    }
}

/// As browsers write it.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
        if size == 0 {
            break;
        }
    }
    out
}
