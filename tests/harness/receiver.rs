//! A system's end of it: takes posts, keeps them, and answers as it is told to.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use jieli_node::webhook::HEADERS;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// How the next post is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// With this status.
    Status(u16),
    /// Elsewhere.
    Redirect,
    /// Not at all.
    Nothing,
}

/// What came.
#[derive(Clone, Debug)]
pub struct Post {
    /// Path and query.
    pub path: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// With what it was answered; 0: not.
    pub answered: u16,
    headers: BTreeMap<String, String>,
}

impl Post {
    /// Values of the three headers of the scheme.
    pub fn headers(&self) -> [&str; 3] {
        HEADERS.map(|name| self.headers[name].as_str())
    }

    /// Of the delivery.
    pub fn id(&self) -> String {
        self.headers()[0].to_owned()
    }

    /// What it says.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
struct Desk {
    says: VecDeque<Say>,
    got: Vec<Post>,
}

/// See the module.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    desk: Arc<Mutex<Desk>>,
}

impl Receiver {
    /// On a port of this machine.
    pub async fn start() -> Receiver {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/told?by=jieli", socket.local_addr().unwrap());
        let desk: Arc<Mutex<Desk>> = Arc::default();
        let kept = Arc::clone(&desk);
        let tasks = TaskTracker::new();
        let own = tasks.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                own.spawn(answer(stream, Arc::clone(&kept)));
            }
        });
        Receiver { url, desk }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// How the next posts are answered; after them 200.
    pub fn says(&self, says: impl IntoIterator<Item = Say>) {
        self.desk.lock().unwrap().says = says.into_iter().collect();
    }

    /// What came, in its order.
    pub fn got(&self) -> Vec<Post> {
        self.desk.lock().unwrap().got.clone()
    }
}

async fn answer(mut stream: TcpStream, desk: Arc<Mutex<Desk>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.as_bytes().to_vec());
        }
    };
    let mut lines = head.lines();
    let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let says = {
        let mut desk = desk.lock().unwrap();
        let says = desk.says.pop_front().unwrap_or(Say::Status(200));
        let answered = match says {
            Say::Status(status) => status,
            Say::Redirect => 307,
            Say::Nothing => 0,
        };
        desk.got.push(Post { path, body, answered, headers });
        says
    };
    let text = match says {
        Say::Status(status) => format!("HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n\r\n{{}}"),
        Say::Redirect => {
            let there = "http://127.0.0.1:1/elsewhere";
            format!("HTTP/1.1 307 Said\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n")
        }
        Say::Nothing => {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
}
