//! A log that is behind what was signed for it, after a restore or a lossy fail-over.
//!
//! Whoever is behind signs and takes nothing until every leaf that was ever signed is back, in its
//! place: the order and the hashes come from the peers' mirrors of this log, the envelopes from
//! `Fetch`. Peers notice at the first greeting, take nothing new meanwhile, and go on when the
//! rebuilt log proves to extend what they have seen.

mod collect;
mod greet;
mod repair;
mod replay;
mod resume;
mod stated;

pub use collect::{Found, Missing};
pub use greet::{Greeted, Unheard};
pub(crate) use greet::{greet_all, held_of, largest_seen, meet, own_words, standing};
pub(crate) use repair::at_start;
pub use repair::{Report, plan, repair};
pub use replay::{Answered, Answers};
pub use resume::{Resume, Resumed};

use crate::trouble::Denied;
use jieli_proto::tree::{Hash, empty_root};

/// Why nothing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The database lacks leaves that were signed.
    Behind,
    /// Nobody can tell what was signed: there is no high-water file, and no peer was reached.
    NoFile,
    /// The database has other leaves than those that were signed.
    Forked,
}

impl Cause {
    const ALL: [Cause; 3] = [Cause::Behind, Cause::NoFile, Cause::Forked];

    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Behind => "behind",
            Cause::NoFile => "no-file",
            Cause::Forked => "forked",
        }
    }

    /// The cause of a word.
    pub fn from_word(word: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| cause.word() == word)
    }
}

/// A head: size and root.
pub type SizedRoot = (u64, Hash);

/// The state in which this city signs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovering {
    /// Why.
    pub cause: Cause,
    /// Since when, in Unix milliseconds.
    pub since_ms: u64,
    /// Leaves of the exchange log found in the database.
    pub found_size: u64,
    /// Leaves of the local log found in the database.
    pub found_local: u64,
    /// The exchange log's head in the high-water file; size 0 where there was no file.
    pub file: SizedRoot,
    /// The largest head that is known to have been signed, by the file or by a peer.
    pub known: SizedRoot,
}

impl Recovering {
    /// The state in words: Chinese, English.
    pub fn words(&self) -> [String; 2] {
        let (found, known) = (self.found_size, self.known.0);
        match self.cause {
            Cause::Behind => [
                format!(
                    "正在恢复：数据库只有 {found} 条存证，而已签署 {known} 条。不签署、不收发，\
                     停止请求照样受理。请运行 jieli repair。"
                ),
                format!(
                    "Recovering: the database has {found} records, but {known} were signed. \
                     Nothing is signed, sent or taken; stops are taken down. Run `jieli repair`."
                ),
            ],
            Cause::NoFile => [
                "正在恢复：没有高水位文件，也没有联系上任何伙伴城市，无法知道此前签署到哪里。\
                 不签署、不收发，停止请求照样受理。请放回文件，或在能联系伙伴城市时运行 jieli repair。"
                    .to_owned(),
                "Recovering: there is no high-water file and no peer was reached, so nobody can \
                 tell what was signed. Nothing is signed, sent or taken; stops are taken down. Put \
                 the file back, or run `jieli repair` when a peer can be reached."
                    .to_owned(),
            ],
            Cause::Forked => [
                format!(
                    "正在恢复：数据库里的存证与已签署的（{known} 条）不一致。不签署、不收发，\
                     停止请求照样受理。请先查明哪一份正确；无法还原时用 jieli repair --new-epoch。"
                ),
                format!(
                    "Recovering: the database has other records than the {known} that were signed. \
                     Nothing is signed, sent or taken; stops are taken down. Find out which is \
                     right; what cannot be rebuilt needs `jieli repair --new-epoch`."
                ),
            ],
        }
    }
}

/// What a desk, a window or a worker is told meanwhile.
pub(crate) fn denied() -> Denied {
    Denied::new(
        "RECOVERING",
        "节点正在恢复数据，暂时不能办理；停止（撤回）请求照样受理，恢复后最先发出。请稍后再来。",
        "The node is recovering its records: this cannot be done now. A stop (withdrawal) is taken \
         down all the same and goes out first afterwards. Come back later.",
    )
}

/// No head at all.
pub(crate) fn nothing() -> SizedRoot {
    (0, empty_root())
}
