//! What a command prints, and how it ends.

use jieli_gateway::drafts::DraftError;
use jieli_node::boot::StartError;
use jieli_node::store::StoreError;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::Path;
use tonic::{Code, Status};

/// Refused, not allowed or not found.
pub const REFUSED: u8 = 1;
/// The command line, or a file named on it, is wrong.
pub const WRONG_USE: u8 = 2;
/// Some rows of a sheet were refused.
pub const SOME_ROWS: u8 = 3;
/// The node cannot be reached, is busy or failed.
pub const FAILED: u8 = 4;

/// The zone in which times are printed, minutes east of UTC.
const ZONE_MIN: i32 = 480;

/// How a command that was carried out ends: its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done(pub(super) u8);

/// Carried out.
pub(super) const OK: Done = Done(0);

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fail {
    /// Exit code.
    pub exit: u8,
    /// Stable word for programs.
    pub code: String,
    /// What happened and what to do, Chinese.
    pub zh: String,
    /// The same, English.
    pub en: String,
}

impl Fail {
    /// A failure.
    pub(super) fn new(exit: u8, code: &str, zh: impl Into<String>, en: impl Into<String>) -> Fail {
        Fail { exit, code: code.to_owned(), zh: zh.into(), en: en.into() }
    }

    /// Something on the command line is wrong.
    pub(super) fn usage(zh: impl Into<String>, en: impl Into<String>) -> Fail {
        Fail::new(WRONG_USE, "USAGE", zh, en)
    }
}

impl From<Status> for Fail {
    fn from(status: Status) -> Fail {
        let word = status.metadata().get(jieli_node::serve::CODE_KEY);
        let word = word.and_then(|word| word.to_str().ok());
        let from_node = word.is_some();
        let code = word.map_or(format!("{:?}", status.code()).to_uppercase(), str::to_owned);
        let exit = match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::AlreadyExists
            | Code::OutOfRange => REFUSED,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => FAILED,
        };
        if let Some([zh, en]) = jieli_node::serve::says(&status) {
            return Fail { exit, code, zh, en };
        }
        if from_node {
            // Of an older node: both languages in one.
            let both = status.message().to_owned();
            return Fail { exit, code, zh: both.clone(), en: both };
        }
        Fail {
            exit,
            code,
            zh: "无法连接节点，请确认 `jieli node serve` 正在运行。".to_owned(),
            en: format!(
                "The node did not answer ({}): is `jieli node serve` running?",
                status.message()
            ),
        }
    }
}

impl From<anyhow::Error> for Fail {
    fn from(error: anyhow::Error) -> Fail {
        Fail::new(REFUSED, "FAILED", "没有完成，原因见下。", chain(error.as_ref()))
    }
}

/// Why the node did not start: nothing was refused, the node is not there.
impl From<StartError> for Fail {
    fn from(error: StartError) -> Fail {
        let (code, zh, en) = match &error {
            StartError::Listen { what, address, .. } => (
                "LISTEN",
                format!(
                    "无法在 {address}（listen.{what}）上监听：端口可能已被占用，也许另一个节点正在运行。\
                     请停止它，或在 jieli.toml 中换一个端口。"
                ),
                " Is another node running? Stop it, or name another port in jieli.toml.",
            ),
            StartError::Store(StoreError::Locked(path)) => (
                "ALREADY_RUNNING",
                format!(
                    "{} 正被另一个进程使用：这个目录里的节点已在运行，不能再启动一个。",
                    path.display()
                ),
                ": the node of this directory runs already, and there is only one.",
            ),
            StartError::Keys(_)
            | StartError::Public(_)
            | StartError::Manifest(_)
            | StartError::Disk(_)
            | StartError::Calendar { .. }
            | StartError::Store(_)
            | StartError::Commit(_)
            | StartError::OtherCity { .. }
            | StartError::HighWater(_)
            | StartError::Tls(_)
            | StartError::Tokens(_)
            | StartError::Reports(_) => {
                ("NOT_STARTED", "节点没有启动，原因见英文说明。".to_owned(), "")
            }
        };
        let said = chain(&error);
        let stop = if en.starts_with(' ') { "." } else { "" };
        Fail::new(FAILED, code, zh, format!("The node did not start: {said}{stop}{en}"))
    }
}

/// An error and what lies beneath it; what has been said already is not said again.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let more = error.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        beneath = error.source();
    }
    said
}

impl From<DraftError> for Fail {
    fn from(error: DraftError) -> Fail {
        Fail::new(WRONG_USE, "BAD_FILE", error.zh(), error.to_string())
    }
}

/// The language of what a clerk reads. What a worker reads is always in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Tongue {
    /// Chinese first, English second.
    #[default]
    Both,
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Tongue {
    /// From the names of locales in the order of POSIX (LC_ALL, LC_MESSAGES, LANG): the first that
    /// is set counts; one that is neither Chinese nor English says nothing.
    pub(super) fn of_locale<'a>(names: impl IntoIterator<Item = &'a str>) -> Tongue {
        let first = names.into_iter().find(|name| !name.is_empty()).unwrap_or("");
        let language = first.split(['_', '-', '.', '@']).next().unwrap_or("");
        match language {
            "zh" => Tongue::Zh,
            "en" => Tongue::En,
            _ => Tongue::Both,
        }
    }
}

/// Where the output goes, and in which language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    /// As JSON.
    pub(super) json: bool,
    /// In this language.
    pub(super) tongue: Tongue,
}

impl Out {
    /// A sentence in the language of the clerk; both on one line where none was chosen.
    pub(super) fn say(self, zh: &str, en: &str) -> String {
        match self.tongue {
            Tongue::Zh => zh.to_owned(),
            Tongue::En => en.to_owned(),
            // After a line of its own there is nothing to part them.
            Tongue::Both if zh.ends_with('\n') => format!("{zh}{en}"),
            Tongue::Both => format!("{zh} {en}"),
        }
    }

    /// The same where each language takes lines of its own.
    pub(super) fn lines(self, zh: &str, en: &str) -> String {
        match self.tongue {
            Tongue::Zh => zh.to_owned(),
            Tongue::En => en.to_owned(),
            Tongue::Both => format!("{zh}\n{en}"),
        }
    }

    /// The part of a sentence pair of the node, `中文。 English.`, that is in the language of the
    /// clerk; all of any other text.
    pub(super) fn part(self, both: &str) -> String {
        match (both.split_once("。 "), self.tongue) {
            (Some((zh, _)), Tongue::Zh) => format!("{zh}。"),
            (Some((_, en)), Tongue::En) => en.to_owned(),
            (Some(_), Tongue::Both) | (None, _) => both.to_owned(),
        }
    }

    /// Prints the outcome in the form asked for.
    pub(super) fn show(self, value: &Value, text: impl FnOnce() -> String) {
        if self.json {
            print(&format!("{value:#}"));
        } else {
            print(text().trim_end());
        }
    }

    /// Prints why nothing came of it; returns the exit code.
    pub(super) fn fail(self, fail: &Fail) -> u8 {
        if self.json {
            let error = json!({ "code": fail.code, "zh": fail.zh, "en": fail.en });
            eprintln!("{}", json!({ "error": error, "exit": fail.exit }));
        } else {
            let (zh, en) = (self.tongue != Tongue::En, self.tongue != Tongue::Zh);
            if zh || fail.en.is_empty() {
                eprintln!("{} [{}]", fail.zh, fail.code);
            }
            if en && !fail.en.is_empty() {
                eprintln!(
                    "{}{}",
                    fail.en,
                    if zh { String::new() } else { format!(" [{}]", fail.code) }
                );
            }
        }
        fail.exit
    }
}

/// A date of the wire as people read it.
pub(super) fn date(number: u32) -> String {
    jieli_proto::day::Day::from_number(number).map_or(String::new(), |day| day.to_string())
}

/// An instant as people read it: date, time and zone of China; empty for 0.
pub(super) fn time(unix_ms: u64) -> String {
    if unix_ms == 0 {
        return String::new();
    }
    let day = jieli_proto::day::Day::of_unix_ms(unix_ms, ZONE_MIN);
    let second = unix_ms.saturating_sub(day.start_unix_ms(ZONE_MIN)) / 1000;
    format!("{day} {:02}:{:02}:{:02} +08:00", second / 3600, second / 60 % 60, second % 60)
}

/// A date from the command line, as `yyyymmdd`.
pub(super) fn date_of(text: &str) -> Result<u32, String> {
    let day = jieli_gateway::drafts::date(text);
    day.map(|day| day.number()).ok_or_else(|| "日期格式 2026-12-01 / a date".to_owned())
}

/// The text of a file named on the command line.
pub(super) fn text_of(file: &Path) -> Result<String, Fail> {
    let bytes = bytes_of(file)?;
    String::from_utf8(bytes).map_err(|_| {
        let name = file.display();
        Fail::new(
            WRONG_USE,
            "BAD_FILE",
            format!("文件 {name} 不是 UTF-8 编码，请另存为 UTF-8 后重试。"),
            format!("{name} is not UTF-8: save it as UTF-8 and try again."),
        )
    })
}

/// The bytes of a file named on the command line.
pub(super) fn bytes_of(file: &Path) -> Result<Vec<u8>, Fail> {
    std::fs::read(file).map_err(|error| unreadable(file, &error))
}

/// Why a file could not be read, and what to do.
pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Fail {
    let name = file.display();
    let (zh, en) = if error.kind() == ErrorKind::NotFound {
        (
            format!("没有找到文件 {name}，请核对文件名和所在目录。"),
            format!("There is no file {name}: check its name and directory."),
        )
    } else if error.kind() == ErrorKind::PermissionDenied {
        (format!("没有读取文件 {name} 的权限。"), format!("This user may not read {name}."))
    } else {
        (format!("文件 {name} 无法读取：{error}。"), format!("{name} cannot be read: {error}."))
    };
    Fail::new(WRONG_USE, "BAD_FILE", zh, en)
}

/// Why a file could not be written, and what to do.
pub(super) fn unwritable(file: &Path, error: &std::io::Error) -> Fail {
    let name = file.display();
    let (zh, en) = if error.kind() == ErrorKind::AlreadyExists {
        (
            format!("文件 {name} 已经存在，请换一个名字。"),
            format!("{name} exists already: name another file."),
        )
    } else {
        (format!("文件 {name} 无法写入：{error}。"), format!("{name} cannot be written: {error}."))
    };
    Fail::new(WRONG_USE, "BAD_FILE", zh, en)
}

/// Prints a line; a reader that has gone away is no failure of the command.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::{Fail, StartError, StoreError, Tongue, chain, time};

    #[test]
    fn times_have_a_date_and_a_zone() {
        assert_eq!(time(1_795_399_200_000), "2026-11-23 10:00:00 +08:00");
        assert_eq!(time(1_795_399_200_000 + 3_661_000), "2026-11-23 11:01:01 +08:00");
        assert_eq!(time(0), "");
    }
    #[test]
    fn nothing_is_said_twice() {
        let inner = std::io::Error::other("the port is taken");
        let outer = anyhow::Error::new(inner).context("listen: the port is taken");
        assert_eq!(chain(outer.context("start").as_ref()), "start: listen: the port is taken");
    }

    #[test]
    fn a_node_that_did_not_start_says_why_in_both_languages() {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 7400));
        let error = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        let fail = Fail::from(StartError::Listen { what: "peer", address, error });
        assert_eq!((fail.exit, fail.code.as_str()), (4, "LISTEN"));
        assert!(fail.zh.contains("127.0.0.1:7400") && fail.en.contains("127.0.0.1:7400"));
        let fail = Fail::from(StartError::Store(StoreError::Locked("jieli.db".into())));
        assert_eq!((fail.exit, fail.code.as_str()), (4, "ALREADY_RUNNING"));
        assert!(fail.zh.contains("jieli.db") && fail.en.matches("jieli.db").count() == 1);
    }

    #[test]
    fn the_first_locale_set_counts() {
        for (names, tongue) in [
            (["", "", "zh_CN.UTF-8"], Tongue::Zh),
            (["en_GB.UTF-8", "", "zh_CN.UTF-8"], Tongue::En),
            (["", "zh-Hans", "en_US"], Tongue::Zh),
            (["C.UTF-8", "", "zh_CN"], Tongue::Both),
            (["", "", ""], Tongue::Both),
            (["fr_FR", "", ""], Tongue::Both),
        ] {
            assert_eq!(Tongue::of_locale(names), tongue, "{names:?}");
        }
    }
}
