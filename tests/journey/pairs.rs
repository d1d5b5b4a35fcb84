//! Every pair of CASEWORK section 6 between two real nodes: both cities speak without having heard
//! the other, one of the two is heard first, and both come to the stage of the table.

use crate::correction::correct;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty, MessageType, ReturnCode, Service, VoidCode};
use jieli_tests::people::{self, home, number};
use jieli_tests::{HOUR_MS, Sms, Town, Towns, eventually};

/// What both cities know before they speak at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Before {
    Offered,
    TakenUp,
    Asked,
    Released,
    Fulfilled,
    /// Accepted over there; the RELEASE that follows by itself is what this side says.
    Accepted,
}

/// What a side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    TakeUp,
    Accept,
    Waitlist,
    Decline,
    Clarify,
    Supply,
    Correct,
    Release,
    Outcome,
    NotRealised,
    Complete,
    Return,
    Withdraw,
    Void,
    Expire(Duty),
}

impl Word {
    fn expires(self) -> bool {
        matches!(self, Word::Expire(_))
    }

    fn kind(self) -> MessageType {
        match self {
            Word::TakeUp => MessageType::TakeUp,
            Word::Accept => MessageType::Accept,
            Word::Waitlist => MessageType::Waitlist,
            Word::Decline => MessageType::Decline,
            Word::Clarify => MessageType::Clarify,
            Word::Supply => MessageType::Supply,
            Word::Correct => MessageType::Correct,
            Word::Release => MessageType::Release,
            Word::Outcome | Word::NotRealised => MessageType::Outcome,
            Word::Complete => MessageType::Complete,
            Word::Return => MessageType::Return,
            Word::Withdraw => MessageType::Withdraw,
            Word::Void => MessageType::Void,
            Word::Expire(_) => MessageType::Expire,
        }
    }
}

/// What both knew, what Kunming (who began) and Ruian say at once, the stage of the table, and
/// whether use is stopped.
type Pair = (Before, Word, Word, Stage, bool);

use Before::{Accepted, Asked, Fulfilled, Offered, Released, TakenUp};
use Duty::{Decide, Outcome as Result_, Supply as Answer};

const PAIRS: &[Pair] = &[
    // Two closing acts, no fact.
    (TakenUp, Word::Withdraw, Word::Decline, Stage::Withdrawn, true),
    (TakenUp, Word::Void, Word::Withdraw, Stage::Withdrawn, true),
    (TakenUp, Word::Withdraw, Word::Withdraw, Stage::Withdrawn, true),
    (TakenUp, Word::Void, Word::Decline, Stage::Voided, false),
    (TakenUp, Word::Expire(Decide), Word::Decline, Stage::Declined, false),
    (TakenUp, Word::Expire(Decide), Word::Withdraw, Stage::Withdrawn, true),
    (Asked, Word::Void, Word::Expire(Answer), Stage::Voided, false),
    (Asked, Word::Withdraw, Word::Expire(Answer), Stage::Withdrawn, true),
    (Released, Word::Return, Word::NotRealised, Stage::NotRealised, false),
    (Released, Word::Return, Word::Return, Stage::Returned, false),
    (Released, Word::Return, Word::Withdraw, Stage::Withdrawn, true),
    (Released, Word::Withdraw, Word::NotRealised, Stage::Withdrawn, true),
    (Released, Word::Expire(Result_), Word::NotRealised, Stage::NotRealised, false),
    (Released, Word::Expire(Result_), Word::Return, Stage::Returned, false),
    // A closing act and an open one.
    (Offered, Word::Void, Word::TakeUp, Stage::Voided, false),
    (TakenUp, Word::Void, Word::Accept, Stage::Voided, false),
    (TakenUp, Word::Void, Word::Clarify, Stage::Voided, false),
    (TakenUp, Word::Withdraw, Word::Accept, Stage::Withdrawn, true),
    (TakenUp, Word::Withdraw, Word::Waitlist, Stage::Withdrawn, true),
    (TakenUp, Word::Expire(Decide), Word::Accept, Stage::Expired, false),
    (Accepted, Word::Release, Word::Decline, Stage::Declined, false),
    (Accepted, Word::Release, Word::Withdraw, Stage::Withdrawn, true),
    // The fact stands.
    (Released, Word::Withdraw, Word::Outcome, Stage::Fulfilled, true),
    (Released, Word::Return, Word::Outcome, Stage::Returned, false),
    (Released, Word::Expire(Result_), Word::Outcome, Stage::Fulfilled, false),
    (Released, Word::Correct, Word::Outcome, Stage::Fulfilled, false),
    (Fulfilled, Word::Complete, Word::Withdraw, Stage::Completed, true),
    (Fulfilled, Word::Complete, Word::Return, Stage::Returned, false),
    // Corrections, answers, questions.
    (TakenUp, Word::Correct, Word::Accept, Stage::TakenUp, false),
    (TakenUp, Word::Correct, Word::Waitlist, Stage::Waitlisted, false),
    (Asked, Word::Supply, Word::Waitlist, Stage::Waitlisted, false),
    (Accepted, Word::Release, Word::Clarify, Stage::Released, false),
];

/// A leg and the codes that its person has.
struct Played {
    pair: Pair,
    case: String,
    leg: LegId,
    sms: Sms,
}

async fn step(town: &Town, leg: LegId, word: Word) {
    let window = Some(wire::Window { telephone: "0577-12333".to_owned(), ..Default::default() });
    let act = match word {
        Word::TakeUp => Act::TakeUp(wire::DeskTakeUp {}),
        Word::Accept => Act::Accept(wire::DeskAccept::default()),
        Word::Waitlist => Act::Waitlist(wire::DeskWaitlist { until: 20_270_630, band: 1 }),
        Word::Decline => Act::Decline(wire::DeskDecline {
            decision: DecisionCode::Capacity.into(),
            ..Default::default()
        }),
        Word::Clarify => Act::Clarify(wire::DeskClarify { ground: 9, window }),
        Word::Supply => {
            Act::Supply(wire::DeskSupply { fields: vec![number(3, 2, 3)], at_window: false })
        }
        Word::Correct => correct(vec![number(3, 2, 4)]),
        Word::Outcome => Act::Outcome(people::outcome(Service::Housing, "")),
        Word::NotRealised => Act::Outcome(wire::DeskOutcome {
            not_realised: DecisionCode::Capacity.into(),
            ..Default::default()
        }),
        Word::Return => Act::Return(wire::DeskReturn { code: ReturnCode::FamilyLeaves.into() }),
        Word::Withdraw => Act::Withdraw(wire::DeskWithdraw {}),
        Word::Void => Act::Void(wire::DeskVoid { code: VoidCode::SentInError.into() }),
        Word::Expire(duty) => Act::Expire(wire::DeskExpire { duty: duty.into() }),
        // Said by the node: after an ACCEPT, and after the person's yes.
        Word::Release | Word::Complete => return,
    };
    let done = town.act(leg, act).await;
    assert!(done.is_ok(), "{word:?} in {town:?}: {done:?}");
}

/// A leg as both know it before they speak at once.
async fn prepared(towns: &Towns, serial: u32, pair: Pair) -> Played {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(serial)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    if pair.0 > Before::Offered {
        step(ruian, leg, Word::TakeUp).await;
    }
    match pair.0 {
        Asked => step(ruian, leg, Word::Clarify).await,
        Released | Fulfilled => {
            step(ruian, leg, Word::Accept).await;
            ruian.reaches(leg, Stage::Released).await;
        }
        Offered | TakenUp | Accepted => {}
    }
    if pair.0 == Before::Fulfilled {
        step(ruian, leg, Word::Outcome).await;
        kunming.reaches(leg, Stage::Fulfilled).await;
        kunming.sms(&case, "说已办成").await;
    }
    Played { pair, case, leg, sms }
}

/// Past the date of every duty that is to expire, with a receipt of after that date.
async fn overdue(towns: &Towns, all: &[Played]) {
    if !all.iter().any(|one| one.pair.1.expires() || one.pair.2.expires()) {
        return;
    }
    for _ in 0..22 {
        towns.next_working_day();
    }
    for one in all {
        for (town, word) in [(&towns.kunming, one.pair.1), (&towns.ruian, one.pair.2)] {
            if let Word::Expire(duty) = word {
                let remind = Act::Remind(wire::DeskRemind { duty: duty.into() });
                town.act(one.leg, remind).await.unwrap();
            }
        }
    }
    towns.quiet().await;
}

fn cut(town: &Town, is_cut: bool) {
    town.tap.set_cut(is_cut);
}

/// All pairs; Ruian hears Kunming first, or Kunming hears Ruian first.
async fn all_pairs(ruian_hears_first: bool, expiring: bool) {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let of_kind = |pair: &&Pair| (pair.1.expires() || pair.2.expires()) == expiring;
    let mut all = Vec::new();
    for (serial, pair) in (1..).zip(PAIRS.iter().filter(of_kind)) {
        all.push(prepared(&towns, serial, *pair).await);
    }
    towns.quiet().await;
    overdue(&towns, &all).await;
    // Where the RELEASE is what crosses, the ACCEPT is heard and no more.
    cut(kunming, true);
    for one in all.iter().filter(|one| one.pair.0 == Before::Accepted) {
        step(ruian, one.leg, Word::Accept).await;
        eventually("the RELEASE", async || {
            kunming.types(one.leg).await.contains(&MessageType::Release)
        })
        .await;
    }
    cut(ruian, true);
    for one in &all {
        step(ruian, one.leg, one.pair.2).await;
        step(kunming, one.leg, one.pair.1).await;
        if one.pair.1 == Word::Complete {
            let sms = kunming.sms(&one.case, "说已办成").await;
            kunming.answer(&sms, &[1]).await.unwrap();
        }
        assert!(one.sms.text.contains("逐项回答"));
    }
    let order = if ruian_hears_first { [kunming, ruian] } else { [ruian, kunming] };
    for (speaks, hears) in [(order[0], order[1]), (order[1], order[0])] {
        cut(speaks, false);
        towns.clock.move_on(2 * HOUR_MS);
        for one in &all {
            let word = if std::ptr::eq(speaks, kunming) { one.pair.1 } else { one.pair.2 };
            hears.holds(one.leg, word.kind()).await;
        }
    }
    towns.quiet().await;
    for one in &all {
        let (before, ours, theirs, stage, stop) = one.pair;
        let named = format!("{before:?}: {ours:?} x {theirs:?}");
        for town in [kunming, ruian] {
            let state = town.leg(one.leg).await.law.state().clone();
            assert_eq!((state.stage, state.stop.any()), (stage, stop), "{named} in {town:?}");
        }
        let [a, b] = [kunming, ruian].map(|town| town.leg(one.leg));
        assert_eq!(a.await.law.state(), b.await.law.state(), "{named}");
    }
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "nobody misbehaved in {town:?}");
    }
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crosses_ends_as_the_table_says_when_the_examiner_hears_first() {
    all_pairs(true, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crosses_ends_as_the_table_says_when_the_initiator_hears_first() {
    all_pairs(false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_and_crosses_ends_as_the_table_says_when_the_examiner_hears_first() {
    all_pairs(true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_and_crosses_ends_as_the_table_says_when_the_initiator_hears_first() {
    all_pairs(false, true).await;
}
