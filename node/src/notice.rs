//! Notices to persons: the texts there are, and a file that stands for the phones: one JSON object
//! a line, `{"id","to","text","at","template","params"}`, `at` in Unix milliseconds. For the demo,
//! for tests, and for a carrier's own program to follow.

use crate::config::{Backend, Config};
use crate::disk::{self, DiskError};
use crate::webhook::{Webhook, WebhookError};
use crate::world::{Clock, Notice, NoticeResult, Notices, Params};
use async_trait::async_trait;
use jieli_proto::number::MobileNumber;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The texts there are, by their lasting ids. A text that changes gets a new id.
pub const TEMPLATES: [&str; 19] = [
    "consent.ask.v1",
    "terms.ask.v1",
    "ballot.ask.v1",
    "complete.ask.v1",
    "arrival.tell.v1",
    "consent.tell.v1",
    "stopped.tell.v1",
    "pin.tell.v1",
    "letter.ask.v1",
    "call-back.ask.v1",
    "redirect.ask.v1",
    "correction.ask.v1",
    "duplicate.ask.v1",
    "phone.tell.v1",
    "correction.tell.v1",
    "guardian.tell.v1",
    "statement.ask.v1",
    "proxy.tell.v1",
    "cover.tell.v1",
];

/// The way to persons that the settings name.
pub fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Notices>, NoticeError> {
    Ok(match config.notices.backend {
        Backend::File => Arc::new(NoticeFile::open(&config.notices_file(), clock)?),
        Backend::Webhook => Arc::new(Webhook::open(config, clock)?),
    })
}

/// Why there is no way to persons. Carries no number and no text.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The webhook cannot be set up.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// It could not be read or written, or others may read it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A line is not one of ours.
    #[error("{path}, line {line}: not a notice; move the file away", path = .path.display())]
    Form {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    to: String,
    text: String,
    at: u64,
    // Absent in files of earlier versions.
    #[serde(default)]
    template: String,
    #[serde(default)]
    params: Params,
}

struct Open {
    file: File,
    /// Length up to the last whole line.
    len: u64,
    ids: BTreeSet<String>,
}

/// The file back end of [`Notices`].
pub struct NoticeFile {
    path: PathBuf,
    open: Arc<Mutex<Open>>,
    clock: Arc<dyn Clock>,
}

impl NoticeFile {
    /// Opens the file, or makes it with mode 0600. A last line that a crash cut off is removed: its
    /// notice was never reported as sent.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<NoticeFile, NoticeError> {
        let io = |source| DiskError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.mode(disk::PRIVATE).open(path).map_err(io)?;
        disk::check_private_file(path, &file)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io)?;
        let len = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut ids = BTreeSet::new();
        for (i, bytes) in text[..len].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line: Line = serde_json::from_slice(bytes)
                .map_err(|_| NoticeError::Form { path: path.to_owned(), line: i + 1 })?;
            ids.insert(line.id);
        }
        let mut open = Open { file, len: len as u64, ids };
        open.cut().map_err(io)?;
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            disk::sync_dir(dir)?;
        }
        Ok(NoticeFile { path: path.to_owned(), open: Arc::new(Mutex::new(open)), clock })
    }
}

impl Open {
    /// Removes whatever follows the last whole line, and stands there.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.seek(SeekFrom::Start(self.len)).map(drop)
    }

    fn append(&mut self, line: Line) -> io::Result<()> {
        if self.ids.contains(&line.id) {
            return Ok(());
        }
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line may be there: take it back, or the next one would be glued to it.
            self.cut()?;
            return Err(error);
        }
        self.len += bytes.len() as u64;
        self.ids.insert(line.id);
        Ok(())
    }
}

#[async_trait]
impl Notices for NoticeFile {
    /// An id already in the file is not written again; a number that is no mainland mobile number
    /// is [`NoticeResult::Undeliverable`].
    async fn send(&self, notice: Notice) -> NoticeResult {
        let Ok(to) = MobileNumber::parse(&notice.to) else { return NoticeResult::Undeliverable };
        let at = self.clock.now_unix_ms();
        let id = notice.id.clone();
        let Notice { id: _, to: _, template, params, text } = notice;
        let line = Line { id: id.clone(), to: to.as_str().to_owned(), text, at, template, params };
        let open = Arc::clone(&self.open);
        let done = tokio::task::spawn_blocking(move || {
            // A panic cannot leave it half changed: a set and a length, each set after the write.
            open.lock().unwrap_or_else(PoisonError::into_inner).append(line)
        });
        let error = match done.await {
            Ok(Ok(())) => return NoticeResult::Sent,
            Ok(Err(error)) => error,
            Err(error) => io::Error::other(error),
        };
        tracing::warn!(notice = id, file = %self.path.display(), %error, "a notice was not written");
        NoticeResult::Later
    }
}

impl fmt::Debug for NoticeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoticeFile({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct Noon;

    impl Clock for Noon {
        fn now_unix_ms(&self) -> u64 {
            12
        }
    }

    fn notice(id: &str, to: &str) -> Notice {
        let params = Params { case: "2026-000001".to_owned(), ..Params::default() };
        Notice {
            id: id.to_owned(),
            to: to.to_owned(),
            template: TEMPLATES[0].to_owned(),
            params,
            text: "您好\n\"1\"".to_owned(),
        }
    }

    fn opened(path: &Path) -> NoticeFile {
        NoticeFile::open(path, Arc::new(Noon)).unwrap()
    }

    #[tokio::test]
    async fn a_notice_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notices.jsonl");
        let phones = opened(&path);
        assert_eq!(phones.send(notice("a", "199 1234 5678")).await, NoticeResult::Sent);
        assert_eq!(phones.send(notice("a", "199 1234 5678")).await, NoticeResult::Sent);
        let once = concat!(
            r#"{"id":"a","to":"19912345678","text":"您好\n\"1\"","at":12,"#,
            r#""template":"consent.ask.v1","params":{"case":"2026-000001","code":"","about":""}}"#,
            "\n"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), once);
        let phones = opened(&path);
        assert_eq!(phones.send(notice("a", "19912345678")).await, NoticeResult::Sent);
        assert_eq!(fs::read_to_string(&path).unwrap(), once);
        assert_eq!(phones.send(notice("b", "19912345678")).await, NoticeResult::Sent);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_line_of_an_earlier_version_is_still_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notices.jsonl");
        let old = b"{\"id\":\"a\",\"to\":\"19912345678\",\"text\":\"x\",\"at\":12}\n";
        disk::write_new(&path, old, disk::PRIVATE).unwrap();
        assert!(opened(&path).open.lock().unwrap().ids.contains("a"));
    }

    #[tokio::test]
    async fn wrong_numbers_are_undeliverable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notices.jsonl");
        let phones = opened(&path);
        for to in ["", "1991234567", "0871-12345678", "+85291234567", "29912345678", "x"] {
            assert_eq!(phones.send(notice("a", to)).await, NoticeResult::Undeliverable, "{to}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(phones.send(notice("a", "19912345678")).await, NoticeResult::Sent);
    }

    #[tokio::test]
    async fn a_line_cut_off_by_a_crash_is_sent_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notices.jsonl");
        let phones = opened(&path);
        for id in ["a", "b"] {
            phones.send(notice(id, "19912345678")).await;
        }
        drop(phones);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let phones = opened(&path);
        assert_eq!(phones.send(notice("b", "19912345678")).await, NoticeResult::Sent);
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn other_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notices.jsonl");
        disk::write_new(&path, b"{}\n", disk::PRIVATE).unwrap();
        let refused = NoticeFile::open(&path, Arc::new(Noon));
        assert!(matches!(refused, Err(NoticeError::Form { line: 1, .. })));
        assert_eq!(fs::read(&path).unwrap(), b"{}\n");
        fs::write(&path, b"").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = NoticeFile::open(&path, Arc::new(Noon));
        assert!(matches!(refused, Err(NoticeError::Disk(DiskError::Open { .. }))));
    }
}
