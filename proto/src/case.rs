//! The case law: which message is legal in a leg, and what the legal ones add up to.
//!
//! A leg has two lanes, one per side. A message is judged only on its *past*: its author's lane
//! before it and the other lane up to what its author had seen. So both cities give one verdict,
//! whenever the message arrives. The state of a leg is a fold of the legal messages, and any order
//! that respects causality folds to the same state; the tests of this crate search for an order
//! that does not.
//!
//! Read in this order:
//! - [`Act`] and [`Kind`]: a message, reduced to what the law looks at.
//! - [`State`]: what the acts so far add up to.
//! - [`Law`]: the one table of who may do what in which stage, and what it leads to. Data, so that
//!   it can be read like the page it comes from, and so that tests can plant faults in it.
//! - [`Leg`]: the two lanes with their verdicts, and the questions a city asks of them.
//!
//! Nothing here knows bytes, keys, clocks or calendars: dates come in as civil [dates](crate::day)
//! in the zone of the calendar pack, working days through [`Calendar`].

mod act;
mod crossing;
mod desk;
mod fold;
mod illegal;
mod judge;
mod leg;
mod stage;
mod state;
mod table;

pub use act::{Act, Digest32, Duty, Kind, Proof, Verb};
pub use crossing::Heard;
pub use desk::{Desk, Owed};
pub use illegal::Illegal;
pub use judge::Calendar;
pub use leg::{Leg, Past, Place, Verdict};
pub use stage::{Stage, Stages};
pub use state::{At, Slot, State};
pub use table::{By, Effect, Guard, Law, Row};

/// One of the two sides of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// 发起方: who sent the OFFER or REQUEST.
    Initiator,
    /// 受理方: its addressee.
    Examiner,
}

impl Side {
    /// Both sides, the initiator first.
    pub const BOTH: [Side; 2] = [Side::Initiator, Side::Examiner];

    /// The side across.
    pub fn other(self) -> Side {
        match self {
            Side::Initiator => Side::Examiner,
            Side::Examiner => Side::Initiator,
        }
    }
}

/// Who started the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// 转出: started by the holder with an OFFER; identity travels later, with RELEASE.
    Push,
    /// 申请转入: started by the provider with a REQUEST; there is no RELEASE.
    Pull,
}

/// What of the agreement and the service changes the law of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules {
    /// Push or pull.
    pub direction: Direction,
    /// A job: ACCEPT names terms, and RELEASE and OUTCOME need them acknowledged.
    pub employment: bool,
}

/// One value per side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Both<T> {
    /// The initiator's.
    pub initiator: T,
    /// The examiner's.
    pub examiner: T,
}

impl<T> Both<T> {
    /// The value of one side.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::Initiator => &self.initiator,
            Side::Examiner => &self.examiner,
        }
    }

    /// The value of one side, to change it.
    pub fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Examiner => &mut self.examiner,
        }
    }
}

impl Both<bool> {
    /// True for one side at least.
    pub fn any(&self) -> bool {
        self.initiator || self.examiner
    }
}
