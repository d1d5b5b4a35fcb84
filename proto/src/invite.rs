//! First contact: an invitation that goes as a file, and six groups of digits that go by telephone.
//!
//! ```text
//! groups heard = groups of H(root_spki)  ->  root key
//! root key     ->  manifest  ->  message key  ->  signature of the invitation
//! ```
//! Nothing in the file is believed before the groups are: the file only says which key they are of.

use crate::envelope::{self, SealError};
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::manifest::{Manifest, ManifestError};
use crate::pubkey::PublicKey;
use crate::wire::{Envelope, Invite};

/// The longest an invitation may be answered, in milliseconds: 14 days.
pub const INVITE_MS_MAX: u64 = 14 * 86_400_000;

/// By how much the clocks of two strangers may differ, in milliseconds.
pub const INVITE_SLACK_MS: u64 = 15 * 60_000;

/// Why an envelope is no invitation, or none any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// The envelope, or its signature, is not good.
    #[error("the invitation: {0}")]
    Seal(#[from] SealError),
    /// The manifest inside is not signed by the root key inside.
    #[error("the key manifest in the invitation: {0}")]
    Manifest(#[from] ManifestError),
    /// A field has a wrong form.
    #[error("the invitation's {0} has a wrong form")]
    Form(&'static str),
    /// The manifest is about another city.
    #[error("the invitation is of another city than its key manifest")]
    OtherCity,
    /// Its last moment is over.
    #[error("the invitation is over: ask the other city for a new one")]
    Over,
    /// It wants to stand longer than an invitation may.
    #[error("the invitation stands longer than 14 days: compare the clocks of the two cities")]
    TooLong,
}

/// An invitation whose signatures hold under the root key inside it. Whether that root key is the
/// other city's is for the telephone to say.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The city's keys, and its root key.
    pub manifest: Manifest,
    /// Its name, as people say it; its form is not checked here.
    pub name: String,
    /// Where it is reached; their form is not checked here.
    pub end_points: Vec<String>,
    /// What an answer repeats.
    pub nonce: [u8; 16],
    /// Its last moment, Unix milliseconds.
    pub not_after_unix_ms: u64,
}

impl Invited {
    /// Reads an invitation. The payload says by which keys it is to be verified, so it is decoded
    /// (strictly) before: nothing of it is returned unless manifest and signature hold.
    pub fn open(sealed: &Envelope) -> Result<Invited, InviteError> {
        let found: Invite = envelope::payload(sealed)?;
        let form = InviteError::Form;
        let root = PublicKey::from_spki(&found.root_spki).map_err(|_| form("root key"))?;
        let inside = found.manifest.as_ref().ok_or(form("key manifest"))?;
        let manifest = Manifest::open(inside, &root, None)?;
        manifest.verify(sealed, Kind::Invite)?;
        if manifest.is_revoked(&envelope::key_fpr(sealed)?) {
            return Err(SealError::OtherKey.into());
        }
        let city = CityId::parse(&found.city_id).ok_or(form("city id"))?;
        if city != manifest.city {
            return Err(InviteError::OtherCity);
        }
        Ok(Invited {
            manifest,
            name: found.name,
            end_points: found.end_points,
            nonce: found.nonce.as_slice().try_into().map_err(|_| form("nonce"))?,
            not_after_unix_ms: found.not_after,
        })
    }

    /// Whether it may be answered at this moment.
    pub fn stands_at(&self, now_unix_ms: u64) -> Result<(), InviteError> {
        if now_unix_ms > self.not_after_unix_ms {
            return Err(InviteError::Over);
        }
        if self.not_after_unix_ms - now_unix_ms > INVITE_MS_MAX + INVITE_SLACK_MS {
            return Err(InviteError::TooLong);
        }
        Ok(())
    }

    /// Fingerprint of its root key.
    pub fn root_fpr(&self) -> Digest {
        Digest(self.manifest.root.fingerprint())
    }
}

/// The six groups of five digits that two operators read to each other over the telephone: group
/// i is the big-endian number of five bytes from 5i, modulo 100000.
pub fn spoken(root_fpr: &Digest) -> [String; 6] {
    std::array::from_fn(|i| {
        let number = root_fpr.0[5 * i..5 * i + 5]
            .iter()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{:05}", number % 100_000)
    })
}

/// What was wrong with the groups as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misheard {
    /// They are not six groups of five digits; so many groups were found.
    Form(usize),
    /// These groups, counted from 1, are others.
    Groups(Vec<usize>),
}

/// Compares groups as typed with those of a fingerprint. Groups are parted by blanks or hyphens;
/// full-width digits count as digits.
pub fn check_heard(root_fpr: &Digest, typed: &str) -> Result<(), Misheard> {
    let plain = |c: char| match c {
        '\u{ff10}'..='\u{ff19}' => char::from(b'0' + (c as u32 - 0xff10) as u8),
        _ => c,
    };
    let typed: String = typed.chars().map(plain).collect();
    let split = |c: char| c.is_whitespace() || c == '-';
    let groups: Vec<&str> = typed.split(split).filter(|group| !group.is_empty()).collect();
    let five = |group: &&str| group.len() == 5 && group.bytes().all(|b| b.is_ascii_digit());
    if groups.len() != 6 || !groups.iter().all(five) {
        return Err(Misheard::Form(groups.len()));
    }
    let right = spoken(root_fpr);
    let wrong: Vec<usize> = (0..6).filter(|i| groups[*i] != right[*i]).map(|i| i + 1).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Misheard::Groups(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spoken_form() {
        let mut digest = Digest::ZERO;
        assert_eq!(spoken(&digest), ["00000"; 6]);
        digest.0[4] = 42;
        digest.0[5] = 1;
        digest.0[29] = 255;
        digest.0[30] = 255;
        assert_eq!(spoken(&digest), ["00042", "67296", "00000", "00000", "00000", "00255"]);
    }

    #[test]
    fn a_wrong_group_is_named() {
        let fpr = Digest::of(&[b"root"]);
        let mut groups = spoken(&fpr);
        assert_eq!(check_heard(&fpr, &groups.join(" ")), Ok(()));
        assert_eq!(check_heard(&fpr, &format!("  {} ", groups.join("-"))), Ok(()));
        let wide: String = groups.join("\u{3000}").replace('1', "\u{ff11}");
        assert_eq!(check_heard(&fpr, &wide), Ok(()));
        groups[1] = format!("{:05}", (groups[1].parse::<u32>().unwrap() + 1) % 100_000);
        groups.swap(4, 5);
        let heard = check_heard(&fpr, &groups.join(" "));
        assert_eq!(heard, Err(Misheard::Groups(vec![2, 5, 6])));
        for (typed, found) in [("", 0), ("12345", 1), ("1 2 3 4 5 6", 6), (&groups.concat(), 1)] {
            assert_eq!(check_heard(&fpr, typed), Err(Misheard::Form(found)), "{typed}");
        }
    }
}
