//! The same person, sent by two offices: both stay until the person says otherwise, and neither office
//! learns of the other.

use crate::agreements::denied;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, MessageType};
use jieli_tests::people::home;
use jieli_tests::{HOMES_HERE, Towns, eventually, office};

const ASKED: &str = "两家机构分别送来";

/// One home of one person, asked for by two offices of Kunming: cases there, legs, cases in Ruian.
async fn sent_twice(towns: &Towns, serial: u32) -> [(String, LegId, String); 2] {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut all = Vec::new();
    for sender in [office::KUNMING, HOMES_HERE] {
        let case = kunming.import_as(sender, vec![home(serial)]).await.remove(0);
        kunming.ask_yes(&case).await;
        let leg = kunming.legs(&case).await[0].id;
        ruian.reaches(leg, Stage::Offered).await;
        all.push((case, leg, ruian.case_of(&ruian.leg(leg).await).await));
    }
    for (_, leg, _) in &all {
        towns.ruian_accepts(*leg).await;
        ruian.reaches(*leg, Stage::Released).await;
        towns.quiet().await;
    }
    all.try_into().unwrap()
}

/// What Ruian's clerk is shown of a leg: stage, what is asked, and every word that could tell.
async fn shown(towns: &Towns, leg: LegId) -> (String, bool) {
    let view = towns.ruian.view(leg).await;
    let asked = view.line.as_ref().unwrap().desk.as_ref().unwrap().duplicate_asked;
    (format!("{view:?}"), asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sent_by_two_offices_is_asked_and_neither_office_learns_of_the_other() {
    let towns = Towns::with_two_senders().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let ends = sent_twice(&towns, 1).await;
    let keeps = sent_twice(&towns, 2).await;
    let silent = sent_twice(&towns, 3).await;
    for [first, second] in [&ends, &keeps, &silent] {
        ruian.sms(&second.2, ASKED).await;
        assert!(ruian.phones.about(&first.2, ASKED).is_empty(), "the later one is asked about");
        assert!(!shown(&towns, first.1).await.1);
        let (text, asked) = shown(&towns, second.1).await;
        assert!(asked && !text.contains(office::KUNMING) && !text.contains(&first.2), "{text}");
    }
    // No desk says it for the person.
    let duplicate = wire::DeskOutcome {
        not_realised: DecisionCode::Duplicate.into(),
        ..wire::DeskOutcome::default()
    };
    assert_eq!(denied(ruian.act(ends[1].1, Act::Outcome(duplicate)).await), "ASK_PERSON");
    let letters = "SELECT COUNT(*) FROM envelope";
    let before = kunming.count(letters).await;
    ruian.answer(&ruian.sms(&keeps[1].2, ASKED).await, &[]).await.unwrap();
    towns.quiet().await;
    // No and silence look alike, here and there.
    for [_, second] in [&keeps, &silent] {
        assert!(shown(&towns, second.1).await.1);
        assert_eq!(ruian.stage(second.1).await, Some(Stage::Released));
        assert!(!kunming.types(second.1).await.contains(&MessageType::Outcome));
    }
    let after = kunming.count(letters).await;
    assert_eq!(after, before, "nobody in Kunming was asked or told anything");
    // A yes ends the later one, and says to its office that it was a duplicate, not of what.
    ruian.answer(&ruian.sms(&ends[1].2, ASKED).await, &[1]).await.unwrap();
    for town in [kunming, ruian] {
        town.reaches(ends[1].1, Stage::NotRealised).await;
    }
    towns.quiet().await;
    let file = kunming.leg(ends[1].1).await;
    let said = file.latest(MessageType::Outcome).unwrap().message.clone().unwrap();
    assert_eq!(said.to_office, HOMES_HERE);
    assert!(!format!("{said:?}").contains(office::KUNMING));
    for (_, leg, _) in [&ends[0], &keeps[0], &keeps[1], &silent[0], &silent[1]] {
        for town in [kunming, ruian] {
            assert_eq!(town.stage(*leg).await, Some(Stage::Released), "both live");
        }
    }
    // The first office's leg is as long as that of a person whom nobody else sent.
    let types = async |leg: LegId| (kunming.types(leg).await, ruian.types(leg).await);
    assert_eq!(types(ends[0].1).await, types(keeps[0].1).await);
    // After its hours the question is over and both go on.
    towns.clock.move_on(4 * 24 * jieli_tests::HOUR_MS);
    eventually("no question", async || !shown(&towns, silent[1].1).await.1).await;
    towns.ruian_reports(silent[1].1).await;
    kunming.reaches(silent[1].1, Stage::Fulfilled).await;
    towns.stop().await;
}
