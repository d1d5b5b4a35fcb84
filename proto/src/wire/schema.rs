//! Generated from `jieli/v1/*.proto` by `tests/wire.rs`: the table that strict decode walks.

/// A message type.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// Its fields, ascending.
    pub fields: &'static [Field],
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Its number.
    pub number: u32,
    /// Its type.
    pub ty: Type,
    /// Whether it repeats.
    pub repeated: bool,
    /// Whether it is a member of the oneof.
    pub oneof: bool,
}

/// A field's type.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// uint32
    U32,
    /// uint64
    U64,
    /// sint32
    S32,
    /// bool
    Bool,
    /// enum, with its known numbers but 0
    Enum(&'static [u32]),
    /// string
    String,
    /// bytes
    Bytes,
    /// another message
    Message(&'static str),
}

impl Type {
    /// Whether it is encoded as a varint.
    pub fn is_scalar(self) -> bool {
        matches!(self, Type::U32 | Type::U64 | Type::S32 | Type::Bool | Type::Enum(_))
    }
}

/// All message types but those of the desk.
pub const SCHEMAS: &[Schema] = &[
    Schema { name: "Envelope", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "SeenHead", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 6, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Header", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: false, oneof: false },
        Field { number: 6, ty: Type::String, repeated: false, oneof: false },
        Field { number: 7, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 8, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 9, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 10, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 11, ty: Type::Message("SeenHead"), repeated: false, oneof: false },
    ] },
    Schema { name: "Receipt", fields: &[
        Field { number: 1, ty: Type::Message("Header"), repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: false, oneof: false },
        Field { number: 6, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 7, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "Item", fields: &[
        Field { number: 1, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Enum(&[1, 2, 3]), repeated: false, oneof: false },
        Field { number: 5, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "KeyManifest", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Message("KeyRecord"), repeated: true, oneof: false },
        Field { number: 5, ty: Type::Message("Revocation"), repeated: true, oneof: false },
    ] },
    Schema { name: "KeyRecord", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Enum(&[1, 2, 3, 4, 5]), repeated: true, oneof: false },
        Field { number: 4, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "Revocation", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("LastGood"), repeated: true, oneof: false },
        Field { number: 3, ty: Type::Enum(&[1, 2, 3]), repeated: false, oneof: false },
    ] },
    Schema { name: "LastGood", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "Successor", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: false, oneof: false },
        Field { number: 6, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 7, ty: Type::Enum(&[1, 2]), repeated: false, oneof: false },
    ] },
    Schema { name: "Invite", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: true, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Message("Envelope"), repeated: false, oneof: false },
        Field { number: 6, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 7, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "Pack", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 6, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "LaneStatement", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 6, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 7, ty: Type::String, repeated: false, oneof: false },
        Field { number: 8, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "LegStatement", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "Recovery", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 6, ty: Type::String, repeated: true, oneof: false },
        Field { number: 7, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 8, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 9, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "SectionDigest", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Message", fields: &[
        Field { number: 1, ty: Type::Message("Header"), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 6, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 7, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 8, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26]), repeated: false, oneof: false },
        Field { number: 9, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 10, ty: Type::String, repeated: false, oneof: false },
        Field { number: 11, ty: Type::String, repeated: false, oneof: false },
        Field { number: 12, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 13, ty: Type::Enum(&[1, 2]), repeated: false, oneof: false },
        Field { number: 14, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 15, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 16, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 17, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 18, ty: Type::Message("SectionDigest"), repeated: true, oneof: false },
        Field { number: 19, ty: Type::Message("Opening"), repeated: false, oneof: true },
        Field { number: 20, ty: Type::Message("Window"), repeated: false, oneof: true },
        Field { number: 21, ty: Type::Message("Clarify"), repeated: false, oneof: true },
        Field { number: 22, ty: Type::Message("Supply"), repeated: false, oneof: true },
        Field { number: 23, ty: Type::Message("Accept"), repeated: false, oneof: true },
        Field { number: 24, ty: Type::Message("Waitlist"), repeated: false, oneof: true },
        Field { number: 25, ty: Type::Message("Decline"), repeated: false, oneof: true },
        Field { number: 26, ty: Type::Message("Release"), repeated: false, oneof: true },
        Field { number: 27, ty: Type::Message("Progress"), repeated: false, oneof: true },
        Field { number: 28, ty: Type::Message("Outcome"), repeated: false, oneof: true },
        Field { number: 29, ty: Type::Message("Complete"), repeated: false, oneof: true },
        Field { number: 30, ty: Type::Message("Correct"), repeated: false, oneof: true },
        Field { number: 31, ty: Type::Message("Redirect"), repeated: false, oneof: true },
        Field { number: 32, ty: Type::Message("Withdraw"), repeated: false, oneof: true },
        Field { number: 33, ty: Type::Message("WithdrawEffect"), repeated: false, oneof: true },
        Field { number: 34, ty: Type::Message("Return"), repeated: false, oneof: true },
        Field { number: 35, ty: Type::Message("Expire"), repeated: false, oneof: true },
        Field { number: 36, ty: Type::Message("Void"), repeated: false, oneof: true },
        Field { number: 37, ty: Type::Message("Remind"), repeated: false, oneof: true },
        Field { number: 38, ty: Type::Message("EraseNotice"), repeated: false, oneof: true },
        Field { number: 39, ty: Type::Message("EraseConfirm"), repeated: false, oneof: true },
        Field { number: 40, ty: Type::Message("ConsentTaken"), repeated: false, oneof: true },
        Field { number: 41, ty: Type::Message("CapacityQuery"), repeated: false, oneof: true },
        Field { number: 42, ty: Type::Message("CapacityAnswer"), repeated: false, oneof: true },
        Field { number: 43, ty: Type::Message("VacancyNotice"), repeated: false, oneof: true },
    ] },
    Schema { name: "Opening", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "Window", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: true, oneof: false },
    ] },
    Schema { name: "Clarify", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("Window"), repeated: false, oneof: false },
    ] },
    Schema { name: "Supply", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Accept", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("Window"), repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Message("Terms"), repeated: false, oneof: false },
    ] },
    Schema { name: "Waitlist", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "Decline", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "Release", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Progress", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2]), repeated: false, oneof: false },
    ] },
    Schema { name: "Outcome", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "Complete", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "Correct", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: true, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Message("Terms"), repeated: false, oneof: false },
    ] },
    Schema { name: "Redirect", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("Window"), repeated: false, oneof: false },
    ] },
    Schema { name: "Withdraw", fields: &[
    ] },
    Schema { name: "WithdrawEffect", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4, 5]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "Return", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
    ] },
    Schema { name: "Expire", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Void", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3]), repeated: false, oneof: false },
    ] },
    Schema { name: "Remind", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7]), repeated: false, oneof: false },
    ] },
    Schema { name: "EraseNotice", fields: &[
        Field { number: 1, ty: Type::U32, repeated: true, oneof: false },
    ] },
    Schema { name: "EraseConfirm", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4, 5]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: true, oneof: false },
    ] },
    Schema { name: "ConsentTaken", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Terms", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: false, oneof: false },
        Field { number: 6, ty: Type::String, repeated: false, oneof: false },
        Field { number: 7, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 8, ty: Type::String, repeated: false, oneof: false },
        Field { number: 9, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 10, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 11, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 12, ty: Type::Message("Deduction"), repeated: true, oneof: false },
        Field { number: 13, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 14, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 15, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 16, ty: Type::U32, repeated: true, oneof: false },
        Field { number: 17, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 18, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 19, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 20, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 21, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 22, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
        Field { number: 23, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
        Field { number: 24, ty: Type::String, repeated: true, oneof: false },
    ] },
    Schema { name: "Deduction", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "CapacityQuery", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "CapacityAnswer", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "VacancyNotice", fields: &[
        Field { number: 1, ty: Type::Message("Terms"), repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "Consent", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 6, ty: Type::U32, repeated: true, oneof: false },
        Field { number: 7, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 8, ty: Type::String, repeated: false, oneof: false },
        Field { number: 9, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 10, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "PersonStatement", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: false, oneof: false },
        Field { number: 6, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 7, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Slip", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Message("SlipLeg"), repeated: true, oneof: false },
    ] },
    Schema { name: "SlipLeg", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "PaperLetter", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 5, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 6, ty: Type::Message("SectionDigest"), repeated: true, oneof: false },
        Field { number: 7, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "Disclosure", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: true },
        Field { number: 4, ty: Type::U64, repeated: false, oneof: true },
        Field { number: 5, ty: Type::Bool, repeated: false, oneof: true },
    ] },
    Schema { name: "Section", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: true, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: true, oneof: false },
    ] },
    Schema { name: "Paper", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("Envelope"), repeated: false, oneof: false },
        Field { number: 3, ty: Type::Message("Envelope"), repeated: false, oneof: false },
        Field { number: 4, ty: Type::Message("Section"), repeated: true, oneof: false },
    ] },
    Schema { name: "Agreement", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Message("Party"), repeated: true, oneof: false },
        Field { number: 5, ty: Type::Message("ServiceRule"), repeated: true, oneof: false },
        Field { number: 6, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 7, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 8, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 9, ty: Type::Bool, repeated: false, oneof: false },
        Field { number: 10, ty: Type::Bool, repeated: false, oneof: false },
        Field { number: 11, ty: Type::String, repeated: false, oneof: false },
        Field { number: 12, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 13, ty: Type::U32, repeated: true, oneof: false },
    ] },
    Schema { name: "Party", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: true, oneof: false },
        Field { number: 6, ty: Type::Message("Office"), repeated: true, oneof: false },
        Field { number: 7, ty: Type::String, repeated: true, oneof: false },
        Field { number: 8, ty: Type::String, repeated: true, oneof: false },
        Field { number: 9, ty: Type::String, repeated: true, oneof: false },
        Field { number: 10, ty: Type::String, repeated: true, oneof: false },
        Field { number: 11, ty: Type::String, repeated: true, oneof: false },
        Field { number: 12, ty: Type::String, repeated: false, oneof: false },
        Field { number: 13, ty: Type::S32, repeated: false, oneof: false },
    ] },
    Schema { name: "Office", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
        Field { number: 5, ty: Type::String, repeated: true, oneof: false },
    ] },
    Schema { name: "ServiceRule", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2]), repeated: true, oneof: false },
        Field { number: 3, ty: Type::String, repeated: true, oneof: false },
        Field { number: 4, ty: Type::Message("OfficeSections"), repeated: true, oneof: false },
        Field { number: 5, ty: Type::Enum(&[1, 2]), repeated: false, oneof: false },
        Field { number: 6, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: true, oneof: false },
        Field { number: 7, ty: Type::Message("ServiceLevel"), repeated: true, oneof: false },
        Field { number: 8, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 9, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "OfficeSections", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: true, oneof: false },
    ] },
    Schema { name: "ServiceLevel", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
    ] },
    Schema { name: "Act", fields: &[
        Field { number: 1, ty: Type::Message("Header"), repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Enum(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: true, oneof: false },
        Field { number: 5, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 6, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 7, ty: Type::Message("Envelope"), repeated: false, oneof: false },
    ] },
    Schema { name: "RiskFlag", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Enum(&[1, 2, 3, 4, 5, 6]), repeated: false, oneof: false },
        Field { number: 3, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
    ] },
    Schema { name: "Letter", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 5, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 6, ty: Type::Message("Envelope"), repeated: false, oneof: false },
        Field { number: 7, ty: Type::Message("Section"), repeated: true, oneof: false },
        Field { number: 8, ty: Type::Message("Envelope"), repeated: true, oneof: false },
        Field { number: 9, ty: Type::Message("ReceiptProof"), repeated: false, oneof: false },
    ] },
    Schema { name: "ItemProof", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: true, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: true, oneof: false },
    ] },
    Schema { name: "ReceiptProof", fields: &[
        Field { number: 1, ty: Type::Message("ItemProof"), repeated: true, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "Noted", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "DeliverFrame", fields: &[
        Field { number: 1, ty: Type::Message("Letter"), repeated: false, oneof: true },
        Field { number: 2, ty: Type::Message("Noted"), repeated: false, oneof: true },
        Field { number: 3, ty: Type::Message("Heads"), repeated: false, oneof: true },
    ] },
    Schema { name: "Defer", fields: &[
        Field { number: 1, ty: Type::Enum(&[1, 2, 3, 4]), repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "Reject", fields: &[
    ] },
    Schema { name: "Answer", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::Message("Defer"), repeated: false, oneof: true },
        Field { number: 5, ty: Type::Message("Reject"), repeated: false, oneof: true },
        Field { number: 6, ty: Type::Message("Letter"), repeated: false, oneof: true },
        Field { number: 7, ty: Type::Message("Noted"), repeated: false, oneof: true },
        Field { number: 8, ty: Type::Message("Heads"), repeated: false, oneof: true },
    ] },
    Schema { name: "Heads", fields: &[
        Field { number: 1, ty: Type::String, repeated: true, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: true, oneof: false },
    ] },
    Schema { name: "FetchRequest", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 4, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "FetchReply", fields: &[
        Field { number: 1, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("Envelope"), repeated: false, oneof: false },
        Field { number: 3, ty: Type::Message("Envelope"), repeated: true, oneof: false },
        Field { number: 4, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Message("ReceiptProof"), repeated: false, oneof: false },
        Field { number: 6, ty: Type::Bytes, repeated: true, oneof: false },
        Field { number: 7, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "CheckpointRequest", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "CheckpointReply", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "ProveRequest", fields: &[
        Field { number: 1, ty: Type::U64, repeated: false, oneof: true },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: true },
    ] },
    Schema { name: "ProveReply", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Bytes, repeated: true, oneof: false },
    ] },
    Schema { name: "TilesRequest", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 3, ty: Type::String, repeated: false, oneof: false },
    ] },
    Schema { name: "TilesReply", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "CosignRequest", fields: &[
        Field { number: 1, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 2, ty: Type::String, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: true, oneof: false },
        Field { number: 4, ty: Type::Message("Heads"), repeated: false, oneof: false },
    ] },
    Schema { name: "CosignReply", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("Heads"), repeated: false, oneof: false },
    ] },
    Schema { name: "LaneRange", fields: &[
        Field { number: 1, ty: Type::U32, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 3, ty: Type::U64, repeated: false, oneof: false },
    ] },
    Schema { name: "StateRequest", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::Message("LaneRange"), repeated: true, oneof: false },
        Field { number: 3, ty: Type::Bytes, repeated: false, oneof: false },
    ] },
    Schema { name: "StateReply", fields: &[
        Field { number: 1, ty: Type::Message("Envelope"), repeated: true, oneof: false },
        Field { number: 2, ty: Type::Bool, repeated: false, oneof: false },
    ] },
    Schema { name: "GreetRequest", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bool, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Message("Envelope"), repeated: false, oneof: false },
        Field { number: 6, ty: Type::String, repeated: false, oneof: false },
        Field { number: 7, ty: Type::Bytes, repeated: true, oneof: false },
        Field { number: 8, ty: Type::Message("SectionsLost"), repeated: true, oneof: false },
    ] },
    Schema { name: "SectionsLost", fields: &[
        Field { number: 1, ty: Type::Bytes, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: true, oneof: false },
    ] },
    Schema { name: "GreetReply", fields: &[
        Field { number: 1, ty: Type::String, repeated: false, oneof: false },
        Field { number: 2, ty: Type::U64, repeated: false, oneof: false },
        Field { number: 3, ty: Type::Bool, repeated: false, oneof: false },
        Field { number: 4, ty: Type::String, repeated: false, oneof: false },
        Field { number: 5, ty: Type::Bytes, repeated: true, oneof: false },
        Field { number: 6, ty: Type::Bool, repeated: false, oneof: false },
    ] },
];
