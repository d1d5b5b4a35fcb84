//! What a caller is told when nothing came of it: a denial with its word, "not now", or an opaque
//! error with a log id.

use crate::config::DeskRole;
use crate::store::StoreError;
use crate::trouble::{Denied, Trouble};
use crate::world::{Entropy, random};
use crate::writer::Failure;
use tonic::{Code, Status};

/// Metadata key of a denial's word.
pub const CODE_KEY: &str = "jieli-code";

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Unable {
    /// An answer to the one who asked.
    Denied(Denied),
    /// Not now.
    Busy(String),
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
            Unable::Busy(what) => {
                tracing::warn!(what, "a call was put off");
                let text = "节点忙，请稍后再试。 The node is busy: try again in a moment.";
                with_code(Status::unavailable(text), "BUSY")
            }
            Unable::Store(error) => {
                let id = entropy.map_or([0; 6], random::<6>);
                let id = hex::encode(id);
                tracing::error!(log_id = %id, %error, "a call failed");
                let text = format!(
                    "节点内部错误，请把日志编号 {id} 告诉运行人员。 Internal error: give the log \
                     id {id} to the operators."
                );
                with_code(Status::internal(text), "INTERNAL")
            }
        }
    }
}

/// No token, or one that nobody holds.
pub(super) fn no_token() -> Status {
    let text = "需要有效的令牌。 A valid token is needed.";
    with_code(Status::unauthenticated(text), "NO_TOKEN")
}

/// The role may not call this.
pub(super) fn not_for_role(call: &str, role: DeskRole) -> Status {
    let role = role.as_str();
    let text = format!(
        "“{role}”角色不能调用 {call}，请使用相应的令牌。 The role {role} may not call {call}: use \
         the token of another role."
    );
    with_code(Status::permission_denied(text), "NOT_FOR_ROLE")
}

fn denial(denied: &Denied) -> Status {
    let code = match denied.code {
        "NOT_FOUND" => Code::NotFound,
        "WRONG_CODE" | "WRONG_PIN" | "NO_MATCH" | "NOT_YOURS" => Code::PermissionDenied,
        "FIELD_MISSING" | "NO_SUCH_NUMBER" | "NO_PURPOSE" => Code::InvalidArgument,
        code if code.starts_with("BAD_") => Code::InvalidArgument,
        _ => Code::FailedPrecondition,
    };
    with_code(Status::new(code, format!("{} {}", denied.zh, denied.en)), denied.code)
}

fn with_code(mut status: Status, code: &'static str) -> Status {
    let value = tonic::metadata::MetadataValue::from_static(code);
    status.metadata_mut().insert(CODE_KEY, value);
    status
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
    }

    #[test]
    fn what_broke_stays_inside() {
        let status = Unable::from(StoreError::Corrupt("section_key")).status(None);
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("section_key"));
    }
}
