//! After every kind of erasure a stranger can check the evidence as before, and reads what went,
//! when, by whom and why.

use crate::Planted;
use jieli_proto::bundle::pack::{Pack, PackVerdicts, verify as verify_pack};
use jieli_proto::bundle::{Gone, GoneBy, SectionVerdict, Verdicts, verify};
use jieli_proto::id::Digest;
use jieli_proto::section::PERSON;
use jieli_proto::tombstone::Reason;
use jieli_tests::{Town, Towns, unpacked};
use std::collections::BTreeSet;

/// All days of the story.
const PERIOD: (u32, u32) = (20_261_101, 20_271_031);

fn roots(towns: &Towns) -> [Digest; 2] {
    [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()]
}

/// Who is said to have erased the person block of the RELEASE.
fn of_person(verdicts: &Verdicts) -> Vec<Gone> {
    let release = verdicts.records.iter().find(|record| record.what == "RELEASE").unwrap();
    let found = release.sections.iter().find(|(number, _)| *number == PERSON).unwrap();
    let SectionVerdict::Erased(all) = &found.1 else { panic!("{}", verdicts.text()) };
    all.clone()
}

/// Both cities' evidence of every leg.
pub(crate) async fn says_what_went(towns: &Towns, planted: &Planted) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    for (at, (case, leg, _)) in planted.legs.iter().enumerate() {
        let there = ruian.case_of(&ruian.leg(*leg).await).await;
        // Five withdrew, five were erased on request, five because their time was over.
        let whys = match at / 5 {
            0 => [Reason::Withdrawn; 2],
            1 => [Reason::PurposeOver, Reason::OtherCityAsked],
            _ => [Reason::Retention; 2],
        };
        for (town, case, why) in [(kunming, case, whys[0]), (ruian, &there, whys[1])] {
            let verdicts = verify(&town.export(case, true).await, &roots(towns)).unwrap();
            assert_eq!(verdicts.failures, [], "{}", verdicts.text());
            let gone = of_person(&verdicts);
            let is_own = |gone: &&Gone| {
                gone.city == town.id()
                    && matches!(&gone.by, GoneBy::Logged { reason, .. } if *reason == why)
            };
            assert!(gone.iter().any(|gone| is_own(&gone)), "{at} {why:?}: {gone:?}");
            let confirmed = gone.iter().any(|gone| gone.by == GoneBy::Confirmed);
            assert_eq!(confirmed, at / 5 == 1, "{gone:?}");
        }
    }
}

async fn packed(towns: &Towns, town: &Town) -> (Vec<u8>, PackVerdicts) {
    let zip = town.pack(towns.agreement, PERIOD).await.unwrap();
    let mut source = zip.as_slice();
    let opened = Pack::open(&mut source).unwrap().unwrap();
    let found = verify_pack(opened, &roots(towns), None, &mut |_, _| ());
    (zip, found)
}

/// Both cities' packs hold, say how much went, and never held a planted value: those found.
pub(crate) async fn in_packs(towns: &Towns, values: &[String], erased: bool) -> BTreeSet<String> {
    let mut planted = BTreeSet::new();
    for town in [&towns.kunming, &towns.ruian] {
        let (zip, found) = packed(towns, town).await;
        assert_eq!(found.failures, [], "{}", found.text());
        assert_eq!(found.erased > 0, erased, "{}", found.text());
        planted.extend(crate::image::planted_in(&unpacked(&zip), values));
    }
    planted
}

/// The same search finds what a bundle with sections discloses.
pub(crate) async fn in_bundle(town: &Town, case: &str, values: &[String]) -> BTreeSet<String> {
    crate::image::planted_in(&unpacked(&town.export(case, true).await), values)
}
