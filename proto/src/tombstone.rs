//! The record that a city's local log keeps of an erasure: what went, when and why, and no value.
//! It can be shown in an evidence bundle with its proof in that log.

use crate::id::{Digest, LegId};

/// What every record of a local log begins with.
const MAGIC: &[u8] = b"JL-LOCAL1";

/// The word of a tombstone among the records.
pub const WHAT: &str = "erased";

/// Random bytes in a record, so that its hash tells nothing to who does not hold it.
pub const SALT_LEN: usize = 32;

/// Why something was erased. Numbers are law: they stand in hashed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The person withdrew.
    Withdrawn,
    /// Nobody confirmed what was entered.
    Lapsed,
    /// The time it was kept for is over.
    Retention,
    /// The person asked.
    PersonAsked,
    /// The other city asked.
    OtherCityAsked,
    /// Nothing rests on it any more: a closing act met a RELEASE.
    Overridden,
    /// Recorded in error.
    RecordedInError,
    /// What it was collected for is done.
    PurposeOver,
    /// An old copy had brought it back.
    Again,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Reason; 9] = [
        Reason::Withdrawn,
        Reason::Lapsed,
        Reason::Retention,
        Reason::PersonAsked,
        Reason::OtherCityAsked,
        Reason::Overridden,
        Reason::RecordedInError,
        Reason::PurposeOver,
        Reason::Again,
    ];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        Reason::ALL.iter().position(|reason| *reason == self).map_or(0, |at| at as u8 + 1)
    }

    /// The reason of a number.
    pub fn from_number(number: u8) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// Its word on command lines and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Withdrawn => "withdrawn",
            Reason::Lapsed => "lapsed",
            Reason::Retention => "retention",
            Reason::PersonAsked => "person-asked",
            Reason::OtherCityAsked => "other-city-asked",
            Reason::Overridden => "overridden",
            Reason::RecordedInError => "recorded-in-error",
            Reason::PurposeOver => "purpose-over",
            Reason::Again => "again",
        }
    }
}

impl Reason {
    /// In plain words, Chinese and English.
    pub fn says(self) -> [&'static str; 2] {
        match self {
            Reason::Withdrawn => ["本人停止", "the person withdrew"],
            Reason::Lapsed => ["逾期无人确认", "nobody confirmed it"],
            Reason::Retention => ["保存期满", "its time was over"],
            Reason::PersonAsked => ["本人要求", "the person asked"],
            Reason::OtherCityAsked => ["对方城市要求", "the other city asked"],
            Reason::Overridden => ["事项已关闭", "the leg had closed"],
            Reason::RecordedInError => ["登记有误", "recorded in error"],
            Reason::PurposeOver => ["用途已完成", "its purpose was over"],
            Reason::Again => ["旧备份带回后再次删除", "an old copy had brought it back"],
        }
    }
}

/// A tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Fresh random bytes.
    pub salt: [u8; SALT_LEN],
    /// When, Unix milliseconds by the city's own clock.
    pub at_unix_ms: u64,
    /// Whose leg.
    pub leg: LegId,
    /// Why.
    pub reason: Reason,
    /// The section digests, as signed messages name them, whose contents are gone.
    pub sections: Vec<Digest>,
}

impl Tombstone {
    /// `"JL-LOCAL1" || salt(32) || u64 ms || u16 6 || "erased" || leg(16) || u8 reason || u16 n ||
    /// n section digests`, big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = (self.sections.len() as u16).to_be_bytes();
        let len = (WHAT.len() as u16).to_be_bytes();
        let mut out = [MAGIC, &self.salt, &self.at_unix_ms.to_be_bytes(), &len].concat();
        out.extend_from_slice(WHAT.as_bytes());
        out.extend_from_slice(&self.leg.0);
        out.push(self.reason.number());
        out.extend_from_slice(&count);
        self.sections.iter().for_each(|digest| out.extend_from_slice(&digest.0));
        out
    }

    /// Reads a record; `None` where it is no tombstone in its one form.
    pub fn parse(bytes: &[u8]) -> Option<Tombstone> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (salt, rest) = rest.split_first_chunk::<SALT_LEN>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        if usize::from(u16::from_be_bytes(*len)) != WHAT.len() {
            return None;
        }
        let rest = rest.strip_prefix(WHAT.as_bytes())?;
        let (leg, rest) = rest.split_first_chunk::<16>()?;
        let (reason, rest) = rest.split_first()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let (digests, odd) = rest.as_chunks::<32>();
        if !odd.is_empty() || digests.len() != usize::from(u16::from_be_bytes(*count)) {
            return None;
        }
        Some(Tombstone {
            salt: *salt,
            at_unix_ms: u64::from_be_bytes(*at),
            leg: LegId(*leg),
            reason: Reason::from_number(*reason)?,
            sections: digests.iter().map(|digest| Digest(*digest)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_has_one_form() {
        for reason in Reason::ALL {
            let stone = Tombstone {
                salt: [7; 32],
                at_unix_ms: 1_795_000_000_000,
                leg: LegId([3; 16]),
                reason,
                sections: vec![Digest([1; 32]), Digest([2; 32])],
            };
            let bytes = stone.to_bytes();
            assert_eq!(Tombstone::parse(&bytes), Some(stone));
            assert_eq!(Tombstone::parse(&bytes[1..]), None);
            assert_eq!(Tombstone::parse(&bytes[..bytes.len() - 1]), None);
            assert_eq!(Tombstone::parse(&[bytes.as_slice(), &[0]].concat()), None);
        }
        assert_eq!((Reason::Withdrawn.number(), Reason::Again.number()), (1, 9));
    }
}
