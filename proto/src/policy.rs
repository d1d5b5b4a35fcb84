//! C2SP tlog-policy: which logs are known and whose cosignatures a checkpoint needs.

mod parse;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{KeyKind, Note, NoteError, VKey};
use std::fmt;

/// The most logs, witnesses and groups, each.
pub const ENTRIES_MAX: usize = 64;

/// The largest policy text in bytes.
pub const POLICY_BYTES_MAX: usize = 256 * 1024;

/// How far a cosigner's clock may be ahead of its reader's, in seconds.
pub const COSIGNED_AHEAD_S_MAX: u64 = 15 * 60;

/// Whether a cosignature's time lies in its reader's future: then it is no upper bound of anything.
pub fn is_ahead(cosigned_unix_s: u64, now_unix_s: u64) -> bool {
    cosigned_unix_s > now_unix_s.saturating_add(COSIGNED_AHEAD_S_MAX)
}

/// Why a policy was refused, or why a checkpoint does not satisfy it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too long, or too many entries.
    #[error("the policy is too large")]
    TooLarge,
    /// A line of no known form, a control character, or no newline at the end.
    #[error("malformed policy line")]
    Malformed,
    /// A verifier key that does not parse.
    #[error("bad verifier key in the policy: {0}")]
    BadKey(NoteError),
    /// A log with a cosigner's key type, or a witness with a log's.
    #[error("a key of the wrong type for its line")]
    WrongKind,
    /// One public key on two lines of a kind, or one name defined or listed twice.
    #[error("a key or name appears twice")]
    Duplicate,
    /// A group or quorum that names something not defined before it.
    #[error("an undefined name")]
    Undefined,
    /// A threshold below 1 or above the number of members.
    #[error("bad threshold")]
    BadThreshold,
    /// None or more than one quorum line.
    #[error("there must be one quorum line")]
    BadQuorum,
    /// The note's signatures were refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note's text is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No listed log of this origin signed.
    #[error("no known log signed under its own name")]
    NotTheLog,
    /// The cosignatures do not make the quorum.
    #[error("too few cosignatures")]
    NoQuorum,
}

/// A witness: its name within the policy and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Name within the policy. Ours is the key name.
    pub name: String,
    /// A cosignature/v1 key.
    pub key: VKey,
}

/// So many of these members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name within the policy.
    pub name: String,
    /// How many members must have witnessed, from 1 to all.
    pub threshold: usize,
    /// Names of witnesses and of groups defined before.
    pub members: Vec<String>,
}

/// A policy: known logs, known witnesses and the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VKey>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<String>,
}

/// A checkpoint that satisfies a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The verified head.
    pub checkpoint: Checkpoint,
    /// Positions in [`Policy::logs`] of the log keys that signed.
    pub logs: Vec<usize>,
    /// Positions in [`Policy::witnesses`] of those that cosigned, each with its time in POSIX
    /// seconds.
    pub cosigned: Vec<(usize, u64)>,
}

impl Policy {
    /// The policy that Jieli writes: the log's keys (two while a rotation overlaps), its cosigners
    /// under their key names, and any `threshold` of them as the quorum; 0 asks for none.
    pub fn new(
        logs: Vec<VKey>,
        cosigners: Vec<VKey>,
        threshold: usize,
    ) -> Result<Policy, PolicyError> {
        let named = |key: VKey| Witness { name: key.name().to_owned(), key };
        let witnesses: Vec<Witness> = cosigners.into_iter().map(named).collect();
        let mut policy = Policy { logs, witnesses, groups: Vec::new(), quorum: None };
        if threshold > 0 {
            let members = policy.witnesses.iter().map(|witness| witness.name.clone()).collect();
            policy.groups.push(Group { name: "cosigners".to_owned(), threshold, members });
            policy.quorum = Some("cosigners".to_owned());
        }
        // The text form has all the rules.
        let parsed = Policy::parse(&policy.to_string())?;
        if parsed == policy { Ok(policy) } else { Err(PolicyError::Malformed) }
    }

    /// Known log keys.
    pub fn logs(&self) -> &[VKey] {
        &self.logs
    }

    /// Known witnesses.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether it asks for any cosignature at all.
    pub fn has_quorum(&self) -> bool {
        self.quorum.is_some()
    }

    /// Checks a signed checkpoint: a listed log whose name is the origin signed it, every line of a
    /// listed key verifies, and the quorum cosigned.
    pub fn check(&self, note: &Note) -> Result<Checked, PolicyError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let witness_keys = self.witnesses.iter().map(|witness| &witness.key);
        let keys: Vec<VKey> = self.logs.iter().chain(witness_keys).cloned().collect();
        let mut checked = Checked { checkpoint, logs: Vec::new(), cosigned: Vec::new() };
        for verified in note.verify(&keys)? {
            match (verified.key.checked_sub(self.logs.len()), verified.unix_s) {
                (None, _) => checked.logs.push(verified.key),
                (Some(witness), Some(unix_s)) => checked.cosigned.push((witness, unix_s)),
                (Some(_), None) => return Err(PolicyError::WrongKind),
            }
        }
        checked.logs.retain(|log| self.logs[*log].name() == checked.checkpoint.origin());
        if checked.logs.is_empty() {
            return Err(PolicyError::NotTheLog);
        }
        let witnessed: Vec<usize> = checked.cosigned.iter().map(|(witness, _)| *witness).collect();
        let is_quorum = match &self.quorum {
            None => true,
            Some(name) => self.has_witnessed(name, &witnessed),
        };
        if is_quorum { Ok(checked) } else { Err(PolicyError::NoQuorum) }
    }

    /// Groups name only what is defined before them, so the recursion ends.
    fn has_witnessed(&self, name: &str, witnessed: &[usize]) -> bool {
        if let Some(at) = self.witnesses.iter().position(|witness| witness.name == name) {
            return witnessed.contains(&at);
        }
        let Some(group) = self.groups.iter().find(|group| group.name == name) else { return false };
        let is_in = |member: &&String| self.has_witnessed(member, witnessed);
        group.members.iter().filter(is_in).count() >= group.threshold
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for log in &self.logs {
            writeln!(f, "log {log}")?;
        }
        for Witness { name, key } in &self.witnesses {
            writeln!(f, "witness {name} {key}")?;
        }
        for Group { name, threshold, members } in &self.groups {
            writeln!(f, "group {name} {threshold} {}", members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or("none"))
    }
}

/// Whether a key may stand on a `log` (else a `witness`) line.
fn is_kind_for(key: &VKey, is_log: bool) -> bool {
    match key.kind() {
        KeyKind::Ed25519 => is_log,
        KeyKind::CosignatureV1 => !is_log,
    }
}
