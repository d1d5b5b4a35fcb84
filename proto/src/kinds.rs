//! The numbered tables: payload kinds, lanes, roles and suites, and what belongs to what.

use crate::wire;

/// The only suite so far: Ed25519, SHA-256, AES-256-GCM. 2 is reserved for SM2, SM3, SM4.
pub const SUITE: u8 = 1;

/// A signed payload kind. The number stands in the log leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A message of a leg, or one with no person in it. Lanes 0 and 1.
    Message = 1,
    /// A receipt. Lanes 2 and 3.
    Receipt = 2,
    /// An agreement act. Lanes 4 and 5.
    Act = 3,
    /// An agreement, carried by an act.
    Agreement = 4,
    /// A key manifest, signed by the root.
    Manifest = 5,
    /// A person's consent.
    Consent = 6,
    /// A statement about a lane.
    LaneStatement = 7,
    /// A statement about one side of a leg.
    LegStatement = 8,
    /// What a rolled-back node rebuilt.
    Recovery = 9,
    /// One fact stated to the person.
    PersonStatement = 10,
    /// The worker's own copy.
    Slip = 11,
    /// A paper letter to a city without a node.
    Letter = 12,
    /// A new log epoch, signed by the root.
    Successor = 13,
    /// First contact, signed by the root.
    Invite = 14,
    /// Signed data: calendars, code lists, catalogues, languages.
    Pack = 15,
    /// What makes an agreement worth a look; and its answer. Carried by an act.
    Flag = 16,
}

impl Kind {
    /// All kinds, by number.
    pub const ALL: [Kind; 16] = [
        Kind::Message,
        Kind::Receipt,
        Kind::Act,
        Kind::Agreement,
        Kind::Manifest,
        Kind::Consent,
        Kind::LaneStatement,
        Kind::LegStatement,
        Kind::Recovery,
        Kind::PersonStatement,
        Kind::Slip,
        Kind::Letter,
        Kind::Successor,
        Kind::Invite,
        Kind::Pack,
        Kind::Flag,
    ];

    /// The number in a log leaf.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The DSSE payload type.
    pub fn payload_type(self) -> &'static str {
        match self {
            Kind::Message => "application/vnd.jieli.message.v1+protobuf",
            Kind::Receipt => "application/vnd.jieli.receipt.v1+protobuf",
            Kind::Act => "application/vnd.jieli.act.v1+protobuf",
            Kind::Agreement => "application/vnd.jieli.agreement.v1+protobuf",
            Kind::Manifest => "application/vnd.jieli.manifest.v1+protobuf",
            Kind::Consent => "application/vnd.jieli.consent.v1+protobuf",
            Kind::LaneStatement => "application/vnd.jieli.lane-statement.v1+protobuf",
            Kind::LegStatement => "application/vnd.jieli.leg-statement.v1+protobuf",
            Kind::Recovery => "application/vnd.jieli.recovery.v1+protobuf",
            Kind::PersonStatement => "application/vnd.jieli.person-statement.v1+protobuf",
            Kind::Slip => "application/vnd.jieli.slip.v1+protobuf",
            Kind::Letter => "application/vnd.jieli.letter.v1+protobuf",
            Kind::Successor => "application/vnd.jieli.successor.v1+protobuf",
            Kind::Invite => "application/vnd.jieli.invite.v1+protobuf",
            Kind::Pack => "application/vnd.jieli.pack.v1+protobuf",
            Kind::Flag => "application/vnd.jieli.flag.v1+protobuf",
        }
    }

    /// The kind of a payload type, or `None`.
    pub fn from_payload_type(payload_type: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.payload_type() == payload_type)
    }

    /// The role a key must have to sign it.
    pub fn role(self) -> wire::Role {
        match self {
            Kind::Manifest | Kind::Successor => wire::Role::Root,
            Kind::Recovery => wire::Role::Log,
            Kind::Message
            | Kind::Receipt
            | Kind::Act
            | Kind::Agreement
            | Kind::Consent
            | Kind::LaneStatement
            | Kind::LegStatement
            | Kind::PersonStatement
            | Kind::Slip
            | Kind::Letter
            | Kind::Invite
            | Kind::Pack
            | Kind::Flag => wire::Role::Message,
        }
    }
}

/// Which party of an agreement: A is the one whose city id sorts first bytewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartySide {
    /// The id that sorts first.
    A,
    /// The other.
    B,
}

impl PartySide {
    /// The side of `us` in an agreement with `them`.
    pub fn of(us: &str, them: &str) -> PartySide {
        if us.as_bytes() < them.as_bytes() { PartySide::A } else { PartySide::B }
    }

    /// The other side.
    pub fn other(self) -> PartySide {
        match self {
            PartySide::A => PartySide::B,
            PartySide::B => PartySide::A,
        }
    }
}

/// A lane of an agreement: 0/1 messages, 2/3 receipts, 4/5 acts, by A/B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane(u8);

impl Lane {
    /// The message lane of a side.
    pub fn messages(side: PartySide) -> Lane {
        Lane(side as u8)
    }

    /// The receipt lane of a side.
    pub fn receipts(side: PartySide) -> Lane {
        Lane(2 + side as u8)
    }

    /// The act lane of a side.
    pub fn acts(side: PartySide) -> Lane {
        Lane(4 + side as u8)
    }

    /// The lane of a number 0-5, or `None`.
    pub fn from_number(number: u32) -> Option<Lane> {
        (number < 6).then_some(Lane(number as u8))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Whose lane it is.
    pub fn side(self) -> PartySide {
        if self.0.is_multiple_of(2) { PartySide::A } else { PartySide::B }
    }

    /// The kind of payload it carries.
    pub fn kind(self) -> Kind {
        match self.0 {
            0 | 1 => Kind::Message,
            2 | 3 => Kind::Receipt,
            _ => Kind::Act,
        }
    }

    /// The lane of the receipts that answer this lane; `None` for receipt lanes.
    pub fn answered_in(self) -> Option<Lane> {
        (self.kind() != Kind::Receipt).then(|| Lane::receipts(self.side().other()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_read_back() {
        for (i, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.number() as usize, i + 1);
            assert_eq!(Kind::from_payload_type(kind.payload_type()), Some(kind));
        }
        assert_eq!(Kind::from_payload_type("application/vnd.jieli.message.v2+protobuf"), None);
    }

    #[test]
    fn lanes_belong_to_a_side_and_a_kind() {
        let lane = Lane::messages(PartySide::B);
        assert_eq!((lane.number(), lane.side(), lane.kind()), (1, PartySide::B, Kind::Message));
        assert_eq!(lane.answered_in().map(Lane::number), Some(2));
        assert_eq!(Lane::acts(PartySide::A).answered_in().map(Lane::number), Some(3));
        assert_eq!(Lane::from_number(2).and_then(Lane::answered_in), None);
        assert_eq!(Lane::from_number(6), None);
    }
}
