//! The header of every message, receipt and act.

use super::{Fault, require};
use crate::checkpoint::LogName;
use crate::id::{AgreementId, CityId, Digest, LegId};
use crate::kinds::{Kind, Lane, PartySide, SUITE};
use crate::refusal::Refusal;
use crate::tree::SIZE_MAX;
use crate::wire;

/// The newest head of another city's log that the author had accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenHead {
    /// The log's origin.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root at that size.
    pub root: Digest,
    /// The cosignature known to the author, if any.
    pub cosigned: Option<Cosigned>,
}

/// A cosignature, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Key name of the cosigner.
    pub by: String,
    /// When it says it signed, POSIX seconds.
    pub unix_s: u64,
    /// SHA-256 of the 64-byte cosignature.
    pub sha256: Digest,
}

/// A header of a right form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Algorithm suite.
    pub suite: u8,
    /// The agreement.
    pub agreement: AgreementId,
    /// The version cited; 0 before the first is live.
    pub agreement_version: u32,
    /// The sender's key manifest.
    pub manifest_version: u32,
    /// Who sends it.
    pub sender: CityId,
    /// To whom.
    pub recipient: CityId,
    /// The lane: of the sender's side, and for this kind of payload.
    pub lane: Lane,
    /// Its place in the lane, from 1.
    pub lane_seq: u64,
    /// The envelope before in the lane; zero for the first.
    pub lane_prev: Digest,
    /// What its author's clock said, Unix milliseconds: a claim.
    pub created_unix_ms: u64,
    /// The newest head of another log that its author knew.
    pub seen_head: Option<SeenHead>,
}

impl Head {
    /// Reads a header of a payload of a kind.
    pub fn read(found: &wire::Header, kind: Kind) -> Result<Head, Fault> {
        let head = Head::fields(found, kind)?;
        let hold = |holds, field| require(holds, Refusal::BadHeader, field);
        hold(head.sender != head.recipient, "recipient")?;
        let side = PartySide::of(head.sender.as_str(), head.recipient.as_str());
        hold(head.lane.side() == side, "lane")?;
        Ok(head)
    }

    /// Reads the header of a message between two offices of one city: sender and recipient are that
    /// city, agreement_id is [`AgreementId::LOCAL`], agreement_version 0, and there is no seen_head.
    /// The lane is that of the side that speaks: 0 whoever began the leg, 1 whoever examines it.
    pub fn read_local(found: &wire::Header) -> Result<Head, Fault> {
        let head = Head::fields(found, Kind::Message)?;
        let hold = |holds, field| require(holds, Refusal::BadHeader, field);
        hold(head.sender == head.recipient, "recipient")?;
        hold(head.agreement.is_local(), "agreement_id")?;
        hold(head.agreement_version == 0, "agreement_version")?;
        hold(head.seen_head.is_none(), "seen_head")?;
        Ok(head)
    }

    /// What every header has, whoever it goes to.
    fn fields(found: &wire::Header, kind: Kind) -> Result<Head, Fault> {
        let bad = |field| Fault { refusal: Refusal::BadHeader, field };
        let hold = |holds, field| require(holds, Refusal::BadHeader, field);
        hold(found.suite == u32::from(SUITE), "suite")?;
        let sender = CityId::parse(&found.sender).ok_or(bad("sender"))?;
        let recipient = CityId::parse(&found.recipient).ok_or(bad("recipient"))?;
        let lane = Lane::from_number(found.lane).ok_or(bad("lane"))?;
        hold(lane.kind() == kind, "lane")?;
        let lane_prev = Digest::from_slice(&found.lane_prev).ok_or(bad("lane_prev"))?;
        // Sequences fit a signed 64-bit column.
        hold((1..=SIZE_MAX).contains(&found.lane_seq), "lane_seq")?;
        let starts = (found.lane_seq == 1) == lane_prev.is_zero();
        require(starts, Refusal::BadChain, "lane_prev")?;
        hold((1..=UNIX_MS_MAX).contains(&found.created_unix_ms), "created_unix_ms")?;
        hold(found.manifest_version > 0, "manifest_version")?;
        Ok(Head {
            suite: SUITE,
            agreement: AgreementId::from_slice(&found.agreement_id).ok_or(bad("agreement_id"))?,
            agreement_version: found.agreement_version,
            manifest_version: found.manifest_version,
            seen_head: seen_head(found.seen_head.as_ref(), &sender)?,
            sender,
            recipient,
            lane,
            lane_seq: found.lane_seq,
            lane_prev,
            created_unix_ms: found.created_unix_ms,
        })
    }
}

/// The latest time stamp a payload may bear: the last millisecond of year 9999.
pub(super) const UNIX_MS_MAX: u64 = 253_402_300_799_999;

fn seen_head(found: Option<&wire::SeenHead>, sender: &CityId) -> Result<Option<SeenHead>, Fault> {
    let Some(found) = found else { return Ok(None) };
    let bad = |field| Fault { refusal: Refusal::BadHeader, field };
    let of_another = matches!(
        LogName::parse(&found.origin),
        Some(LogName::Exchange { city, .. }) if city != sender.as_str()
    );
    require(of_another, Refusal::BadHeader, "seen_head.origin")?;
    require(found.size <= SIZE_MAX, Refusal::BadHeader, "seen_head.size")?;
    let root = Digest::from_slice(&found.root).ok_or(bad("seen_head.root"))?;
    let cosigned = if found.cosigner.is_empty() {
        let absent = found.cosigned_unix == 0 && found.cosignature_sha256.is_empty();
        require(absent, Refusal::BadHeader, "seen_head.cosigner")?;
        None
    } else {
        let is_cosigner = matches!(LogName::parse(&found.cosigner), Some(LogName::Cosigner { .. }));
        require(is_cosigner, Refusal::BadHeader, "seen_head.cosigner")?;
        let sha256 = Digest::from_slice(&found.cosignature_sha256);
        Some(Cosigned {
            by: found.cosigner.clone(),
            unix_s: found.cosigned_unix,
            sha256: sha256.ok_or(bad("seen_head.cosignature_sha256"))?,
        })
    };
    Ok(Some(SeenHead { origin: found.origin.clone(), size: found.size, root, cosigned }))
}

/// Where a letter says its envelope stands; what is logged when the payload cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The agreement.
    pub agreement: AgreementId,
    /// The lane.
    pub lane: Lane,
    /// The place in it, from 1.
    pub lane_seq: u64,
    /// Leg and place in it, for a message of a leg.
    pub leg: Option<(LegId, u32)>,
}

impl Frame {
    /// Reads the frame of a letter.
    pub fn read(letter: &wire::Letter) -> Result<Frame, Fault> {
        let bad = |field| Fault { refusal: Refusal::FrameMismatch, field };
        let agreement = AgreementId::from_slice(&letter.agreement_id).ok_or(bad("agreement_id"))?;
        let lane = Lane::from_number(letter.lane).ok_or(bad("lane"))?;
        let lane_seq = Some(letter.lane_seq).filter(|seq| (1..=SIZE_MAX).contains(seq));
        let leg = match (letter.leg_id.is_empty(), letter.leg_seq) {
            (true, 0) => None,
            (false, seq) if seq > 0 => {
                Some((LegId::from_slice(&letter.leg_id).ok_or(bad("leg_id"))?, seq))
            }
            (true | false, _) => return Err(bad("leg_seq")),
        };
        Ok(Frame { agreement, lane, lane_seq: lane_seq.ok_or(bad("lane_seq"))?, leg })
    }

    /// Whether a payload's header and leg place are those the frame names.
    pub fn check(&self, head: &Head, leg: Option<(LegId, u32)>) -> Result<(), Fault> {
        let hold = |holds, field| require(holds, Refusal::FrameMismatch, field);
        hold(head.agreement == self.agreement, "agreement_id")?;
        hold(head.lane == self.lane, "lane")?;
        hold(head.lane_seq == self.lane_seq, "lane_seq")?;
        hold(leg == self.leg, "leg_id")
    }
}

/// Reads a header and checks that it says what the frame of its letter says.
pub fn check_header(
    found: &wire::Header,
    kind: Kind,
    frame: &Frame,
    leg: Option<(LegId, u32)>,
) -> Result<Head, Fault> {
    let head = Head::read(found, kind)?;
    frame.check(&head, leg)?;
    Ok(head)
}
