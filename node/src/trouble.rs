//! Why a command came to nothing. A denial is an answer and leaves no trace; a store error rolls
//! the whole batch back.

use crate::store::StoreError;
use jieli_proto::case::Illegal;
use jieli_proto::id::AgreementId;
use jieli_proto::refusal::Refusal;
use std::fmt;

/// What a clerk, an operator or a worker is told: what happened, which item, what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Stable word for programs.
    pub code: &'static str,
    /// Plain Chinese.
    pub zh: String,
    /// Plain English.
    pub en: String,
}

impl Denied {
    /// A denial.
    pub fn new(code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Denied {
        Denied { code, zh: zh.into(), en: en.into() }
    }

    /// "Unknown" and "not yours" are one answer.
    pub fn not_found(what: &str) -> Denied {
        Denied::no_such(what, what)
    }

    /// The same, where the item has a name in each language.
    pub fn no_such(zh: &str, en: &str) -> Denied {
        Denied::new(
            "NOT_FOUND",
            format!("没有找到，或不属于本窗口：{zh}。请核对编号。"),
            format!("Not found here, or not yours: {en}. Check the number."),
        )
    }

    /// No agreement of that id is held here, or a leg is under none.
    pub fn no_agreement(id: Option<AgreementId>) -> Denied {
        match id.map(|id| id.hex()) {
            Some(id) => Denied::no_such(&format!("协议 {id}"), &format!("agreement {id}")),
            None => Denied::no_such("本事项的协议", "the agreement of this leg"),
        }
    }

    /// The case law does not allow it.
    pub fn illegal(why: Illegal) -> Denied {
        Denied::new(
            "ILLEGAL_STEP",
            format!("此时不能办理这一步：{}。", why.zh()),
            format!("This step cannot be taken now: {why}."),
        )
    }

    /// Outside what the agreement allows.
    pub fn refused(why: Refusal) -> Denied {
        Denied::new(why.name(), format!("{}。", why.zh().trim_end_matches('。')), why.en())
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} [{}]", self.zh, self.en, self.code)
    }
}

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// An answer to the one who asked.
    #[error("{0}")]
    Denied(Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Denied> for Trouble {
    fn from(denied: Denied) -> Trouble {
        Trouble::Denied(denied)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Trouble {
        Trouble::Store(StoreError::from(error))
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::Denied(Denied::refused(refusal))
    }
}

impl From<Illegal> for Trouble {
    fn from(why: Illegal) -> Trouble {
        Trouble::Denied(Denied::illegal(why))
    }
}

/// The result of a command.
pub type Outcome<T> = Result<T, Trouble>;
