//! What a caller is told when nothing came of it: a denial with its word, "not now", or an opaque
//! error with a log id.

use crate::config::DeskRole;
use crate::self_audit;
use crate::store::StoreError;
use crate::trouble::{Denied, Trouble};
use crate::world::{Entropy, random};
use crate::writer::Failure;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Metadata key of a denial's word.
pub const CODE_KEY: &str = "jieli-code";

/// Metadata keys of what happened and what to do, UTF-8: Chinese, then English.
pub const SAYS_KEYS: [&str; 2] = ["jieli-zh-bin", "jieli-en-bin"];

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Unable {
    /// An answer to the one who asked.
    Denied(Denied),
    /// Not now.
    Busy(String),
    /// Another city would be needed for it: word, Chinese, English.
    Unreachable(&'static str, String, String),
    /// The store failed; the caller gets a log id.
    Store(StoreError),
}

/// What a call comes to.
pub(super) type Answer<T> = Result<T, Unable>;

impl From<Denied> for Unable {
    fn from(denied: Denied) -> Unable {
        Unable::Denied(denied)
    }
}

impl From<StoreError> for Unable {
    fn from(error: StoreError) -> Unable {
        Unable::Store(error)
    }
}

impl From<Failure> for Unable {
    fn from(failure: Failure) -> Unable {
        match failure {
            Failure::Denied(denied) => Unable::Denied(denied),
            Failure::Busy(what) => Unable::Busy(what),
        }
    }
}

impl From<self_audit::Failed> for Unable {
    fn from(failed: self_audit::Failed) -> Unable {
        match failed {
            self_audit::Failed::Store(error) => error.into(),
            self_audit::Failed::Busy(failure) => failure.into(),
        }
    }
}

impl From<Trouble> for Unable {
    fn from(trouble: Trouble) -> Unable {
        match trouble {
            Trouble::Denied(denied) => Unable::Denied(denied),
            Trouble::Store(error) => Unable::Store(error),
        }
    }
}

/// The writer answered with another kind of reply than was asked for.
pub(super) fn odd() -> Unable {
    Unable::Store(StoreError::Corrupt("the writer's reply"))
}

impl Unable {
    /// As the caller gets it. Nothing of the inside is in it.
    pub(super) fn status(self, entropy: Option<&dyn Entropy>) -> Status {
        match self {
            Unable::Denied(denied) => denial(&denied),
            Unable::Unreachable(word, zh, en) => told(Code::Unavailable, word, &zh, &en),
            Unable::Busy(what) => {
                tracing::warn!(what, "a call was put off");
                let en = "The node is busy: try again in a moment.";
                told(Code::Unavailable, "BUSY", "节点忙，请稍后再试。", en)
            }
            Unable::Store(error) => {
                let id = entropy.map_or([0; 6], random::<6>);
                let id = hex::encode(id);
                tracing::error!(log_id = %id, %error, "a call failed");
                let zh = format!("节点内部错误，请把日志编号 {id} 告诉运行人员。");
                let en = format!("Internal error: give the log id {id} to the operators.");
                told(Code::Internal, "INTERNAL", &zh, &en)
            }
        }
    }
}

/// No token, or one that nobody holds.
pub(super) fn no_token() -> Status {
    let zh = "需要有效的令牌，请用 --as 指明，或请运行人员发放。";
    let en = "A valid token is needed: name one with --as, or ask the operators for one.";
    told(Code::Unauthenticated, "NO_TOKEN", zh, en)
}

/// The role may not call this.
pub(super) fn not_for_role(call: &str, role: DeskRole) -> Status {
    let role = role.as_str();
    let zh = format!("“{role}”角色不能调用 {call}，请使用相应的令牌。");
    let en = format!("The role {role} may not call {call}: use the token of another role.");
    told(Code::PermissionDenied, "NOT_FOR_ROLE", &zh, &en)
}

fn denial(denied: &Denied) -> Status {
    let code = match denied.code {
        "NOT_FOUND" => Code::NotFound,
        "WRONG_CODE" | "WRONG_PIN" | "NO_MATCH" | "NOT_YOURS" => Code::PermissionDenied,
        "FIELD_MISSING" | "NO_SUCH_NUMBER" | "NO_PURPOSE" => Code::InvalidArgument,
        code if code.starts_with("BAD_") => Code::InvalidArgument,
        _ => Code::FailedPrecondition,
    };
    told(code, denied.code, &denied.zh, &denied.en)
}

/// The message holds both languages; who shows only one takes it from the metadata.
fn told(code: Code, word: &'static str, zh: &str, en: &str) -> Status {
    let mut status = Status::new(code, format!("{zh} {en}"));
    let metadata = status.metadata_mut();
    metadata.insert(CODE_KEY, MetadataValue::from_static(word));
    for (key, text) in SAYS_KEYS.into_iter().zip([zh, en]) {
        metadata.insert_bin(key, MetadataValue::from_bytes(text.as_bytes()));
    }
    status
}

/// Chinese and English of a status of this node, where it holds both.
pub fn says(status: &Status) -> Option<[String; 2]> {
    let text = |key| {
        let bytes = status.metadata().get_bin(key)?.to_bytes().ok()?;
        String::from_utf8(bytes.to_vec()).ok()
    };
    let [zh, en] = SAYS_KEYS;
    Some([text(zh)?, text(en)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_keeps_its_word_and_both_languages() {
        let status = Unable::from(Denied::not_found("2026-000001")).status(None);
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.metadata().get(CODE_KEY).unwrap(), "NOT_FOUND");
        assert!(status.message().contains("没有找到") && status.message().contains("Not found"));
        let [zh, en] = says(&status).unwrap();
        assert!(zh.contains("2026-000001") && zh.contains("没有找到") && !zh.contains("Not"));
        assert!(en.contains("2026-000001") && en.starts_with("Not found"));
    }

    #[test]
    fn what_broke_stays_inside() {
        let status = Unable::from(StoreError::Corrupt("section_key")).status(None);
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("section_key"));
    }
}
