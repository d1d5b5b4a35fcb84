//! Nothing about a person is taken in without that person's live consent, and no step that the
//! case law does not allow.

use jieli_node::receive::Received;
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DeferReason, ItemStatus, MessageType, Service};
use jieli_tests::people::home;
use jieli_tests::{Forged, Forger, HOUR_MS, Towns, office};

/// A home that Ruian has accepted; Kunming's own RELEASE does not get through.
async fn accepted() -> (Forger, LegId) {
    let towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.kunming.receipted(leg).await;
    towns.kunming.tap.set_cut(true);
    towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default())).await;
    towns.ruian.receipted(leg).await;
    (Forger::beside(towns), leg)
}

async fn release(forger: &Forger, leg: LegId) -> Forged {
    let body = Body::Release(wire::Release::default());
    let mut forged = forger.next_in(leg, MessageType::Release, body).await;
    forged.message.due_date = 20_261_222;
    forged
}

async fn cite(forger: &Forger, forged: &mut Forged, consent: &wire::Consent) {
    let sealed = forger.seal(consent).await;
    forged.message.consent_digest = envelope::env_digest(&sealed).to_vec();
    forged.consents = vec![sealed];
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_without_the_persons_live_consent_is_refused() {
    let (forger, leg) = accepted().await;
    let ruian = &forger.towns.ruian;
    let forged = release(&forger, leg).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid), "none");
    let to = ruian.leg(leg).await.our_office.clone();
    let good = forger.consent(leg, &to, Service::Housing).await;
    type Spoil = fn(&mut wire::Consent);
    let ways: [(&str, Spoil); 7] = [
        ("another leg", |c| c.leg_id = vec![4; 16]),
        ("another office", |c| c.to_office = office::SCHOOLS.to_owned()),
        ("another holder", |c| c.from_office = office::LABOUR.to_owned()),
        ("another purpose", |c| c.purpose = wire::Purpose::SchoolPlace.into()),
        ("fewer sections", |c| c.section_numbers = vec![3]),
        ("181 days old", |c| c.given_unix_ms -= 181 * 24 * HOUR_MS),
        ("of tomorrow", |c| c.given_unix_ms += 24 * HOUR_MS),
    ];
    for (what, spoil) in ways {
        let mut consent = good.clone();
        spoil(&mut consent);
        let mut forged = release(&forger, leg).await;
        cite(&forger, &mut forged, &consent).await;
        assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid), "{what}");
        assert_eq!(ruian.stage(leg).await, Some(Stage::Accepted), "{what}");
    }
    let mut forged = release(&forger, leg).await;
    cite(&forger, &mut forged, &good).await;
    forged.consents[0].sig[0] ^= 1;
    assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid), "a forged one");
    // One that is not here yet is waited for, without a trace.
    let before = forger.trace().await;
    let mut forged = release(&forger, leg).await;
    forged.message.consent_digest = forger.nothing().to_vec();
    let put_off = forger.post(forger.letter(&forged).await).await;
    assert_eq!(put_off, Received::Defer(DeferReason::CitedNotHeld, 0));
    assert_eq!(forger.trace().await, before);
    // The person was never told of any of these.
    assert!(ruian.phones.all().is_empty());
    let mut forged = release(&forger, leg).await;
    cite(&forger, &mut forged, &good).await;
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::StoredWithheld));
    assert_eq!(ruian.stage(leg).await, Some(Stage::Released));
    let mut again = release(&forger, leg).await;
    cite(&forger, &mut again, &good).await;
    assert_eq!(forger.say(&again).await, Err(Refusal::IllegalStep), "never twice");
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_about_a_person_who_was_not_asked_is_refused() {
    let forger = Forger::new().await;
    let mut forged = forger.offer().await;
    forged.message.consent_digest = Vec::new();
    forged.consents.clear();
    assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid));
    assert!(forger.towns.ruian.find(forged.leg()).await.is_none());
    // Somebody else's consent does not help.
    let other = forger.good().await;
    let mut forged = forger.offer().await;
    forged.message.consent_digest = other.message.consent_digest.clone();
    forged.consents = other.consents.clone();
    assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid));
    forger.good().await;
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_case_law_does_not_allow_is_refused_and_takes_its_place_in_the_leg() {
    let forger = Forger::new().await;
    let leg = forger.good().await.leg();
    let steps = [
        (MessageType::Complete, Body::Complete(wire::Complete::default()), 0),
        (
            MessageType::Return,
            Body::Return(wire::Return { code: wire::ReturnCode::JobEnded.into() }),
            0,
        ),
        (MessageType::Remind, Body::Remind(wire::Remind { duty: wire::Duty::TakeUp.into() }), 0),
    ];
    for (ty, body, due) in steps {
        let mut forged = forger.next_in(leg, ty, body).await;
        forged.message.due_date = due;
        assert_eq!(forger.say(&forged).await, Err(Refusal::IllegalStep), "{ty:?}");
        assert_eq!(forger.towns.ruian.stage(leg).await, Some(Stage::Offered));
    }
    // The examiner's part cannot be said by the initiator either.
    let decline = wire::Decline {
        decision: wire::DecisionCode::Capacity.into(),
        appeal_office: office::LABOUR.to_owned(),
    };
    let forged = forger.next_in(leg, MessageType::Decline, Body::Decline(decline)).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::IllegalStep));
    // And after all these the right step is taken in the next place of the leg.
    let void = Body::Void(wire::Void { code: wire::VoidCode::SentInError.into() });
    let forged = forger.next_in(leg, MessageType::Void, void).await;
    assert_eq!(forged.message.leg_seq, 6);
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::Stored));
    assert_eq!(forger.towns.ruian.stage(leg).await, Some(Stage::Voided));
    // One alarm a day for one kind of fault: a peer cannot flood the operators.
    assert_eq!(forger.towns.ruian.alarms().await, ["misbehaviour"]);
    forger.towns.stop().await;
}
