//! Everything that Kunming ever sent to Ruian, searched for people who did not agree to it.

use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, MessageType, Service};
use jieli_tests::Towns;
use jieli_tests::people::{self, FAMILY, FULL_SCHOOL, STOPS};

/// Whether a text is in any of the frames.
pub(crate) fn holds(frames: &[Vec<u8>], text: &str) -> bool {
    let needle = text.as_bytes();
    frames.iter().any(|frame| frame.windows(needle.len()).any(|window| window == needle))
}

fn child(row: u32) -> wire::DraftPerson {
    let draft = people::row(row);
    let leg = draft.legs.iter().find(|leg| leg.service() == Service::Schooling);
    leg.and_then(|leg| leg.person.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_declined_the_withdrawn_and_the_unasked_ever_reaches_ruian() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(people::roster().to_vec()).await;
    let case_of = |row: u32| {
        let at = people::roster().iter().position(|draft| draft.row == row).unwrap();
        cases[at].clone()
    };
    let (family, full, stops) = (case_of(FAMILY), case_of(FULL_SCHOOL), case_of(STOPS));
    let mut codes = Vec::new();
    for case in [&family, &full, &stops] {
        codes.push(kunming.ask_yes(case).await);
    }
    towns.next_working_day();
    for service in [Service::Schooling, Service::Housing] {
        let leg = kunming.leg_for(&family, service).await;
        towns.ruian_accepts(leg).await;
        ruian.reaches(leg, Stage::Released).await;
    }
    let declined = kunming.leg_for(&full, Service::Schooling).await;
    towns.ruian_acts(declined, Act::TakeUp(wire::DeskTakeUp {})).await;
    let decline = wire::DeskDecline {
        decision: DecisionCode::Capacity.into(),
        ..wire::DeskDecline::default()
    };
    towns.ruian_acts(declined, Act::Decline(decline)).await;
    let legs = kunming.legs(&stops).await;
    for leg in &legs {
        towns.ruian_acts(leg.id, Act::TakeUp(wire::DeskTakeUp {})).await;
    }
    kunming.withdraw(&codes[2]).await.unwrap();
    for leg in &legs {
        ruian.reaches(leg.id, Stage::Withdrawn).await;
        kunming.holds(leg.id, MessageType::WithdrawEffect).await;
    }
    towns.settled().await;
    search(&towns);
    towns.stop().await;
}

fn search(towns: &Towns) {
    let frames = towns.from_kunming();
    let family = people::row(FAMILY);
    let known: Vec<String> = people::secrets(people::people(&family));
    // The capture is a real one: it holds whom it may hold.
    assert!(holds(&frames, &child(FAMILY).name), "the released child is not in the capture");
    assert!(holds(&frames, &family.worker.clone().unwrap().number), "nor is the worker");
    let mut looked = 0;
    let others = people::roster().iter().filter(|draft| draft.row != FAMILY);
    let mut wanted = people::secrets(others.flat_map(people::people));
    wanted.extend(people::secrets([&child(FULL_SCHOOL)]));
    for secret in &wanted {
        // Two people of the sheet may share a name, or one name may begin like another.
        if known.iter().any(|known| known.contains(secret.as_str())) {
            continue;
        }
        assert!(!holds(&frames, secret), "{secret} reached Ruian");
        looked += 1;
    }
    assert!(looked >= 850 && wanted.len() - looked < 10, "{looked} of {}", wanted.len());
    let must = people::secrets(people::people(&people::row(STOPS)).chain([&child(FULL_SCHOOL)]));
    assert!(must.iter().all(|secret| !known.iter().any(|known| known.contains(secret.as_str()))));
}
