//! Outside the agreement: the sender's own node does not send it, and a node that sends it all the
//! same is refused by the receiver.

use jieli_node::command::DeskCommand;
use jieli_node::config::Database;
use jieli_node::receive::Received;
use jieli_proto::agreement::purpose_of;
use jieli_proto::refusal::Refusal;
use jieli_proto::section;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DeferReason, MessageType, OfficeKind, Service};
use jieli_tests::people::{self, FAMILY, FULL_SCHOOL, home};
use jieli_tests::{AGREEMENT_DRAFT, APPROVERS, Forged, Forger, Town, Towns, eventually, office};

/// Why a worker of a case cannot be asked: the code in the only reason told.
async fn not_asked(town: &Town, case: &str) -> String {
    let reply = town.ask(&[case.to_owned()]).await;
    assert_eq!((reply.asked, reply.not_ready, reply.why.len()), (0, 1, 1), "{reply:?}");
    let (_, code) = reply.why[0].rsplit_once('[').unwrap();
    code.trim_end_matches(']').to_owned()
}

async fn act_on(town: &Town, towns: &Towns, act: &str) {
    let request = wire::AgreementActRequest {
        agreement_id: towns.agreement.hex(),
        act: act.to_owned(),
        ..wire::AgreementActRequest::default()
    };
    town.two_approve(DeskCommand::ActOnAgreement(request)).await.unwrap();
}

/// The sample agreement without homes.
fn without_homes() -> String {
    let (before, homes) = AGREEMENT_DRAFT.split_once("[[service]]\nkind = \"housing\"").unwrap();
    assert!(!homes.contains("[[service]]"));
    before.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_senders_own_node_sends_nothing_outside_the_agreement() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    // The other direction: nobody is sent from Ruian to Kunming.
    let mut back = people::row(FULL_SCHOOL);
    back.legs.retain(|leg| leg.service() == Service::Schooling);
    back.city = "kunming.yn".to_owned();
    let case = ruian.import(vec![back]).await.remove(0);
    assert_eq!(not_asked(ruian, &case).await, "DirectionNotCovered");
    // An office that is in no agreement.
    let case = kunming.import_as(office::NOBODY, vec![home(2)]).await.remove(0);
    assert_eq!(not_asked(kunming, &case).await, "OfficeNotCovered");
    // While it is suspended.
    let case = kunming.import(vec![home(3)]).await.remove(0);
    act_on(kunming, &towns, "suspend").await;
    assert_eq!(not_asked(kunming, &case).await, "Suspended");
    act_on(kunming, &towns, "resume").await;
    // After its last day.
    towns.clock.move_on(3 * 366 * 24 * jieli_tests::HOUR_MS);
    assert_eq!(not_asked(kunming, &case).await, "OutsideDates");
    assert_eq!(towns.sent().await, 0);
    assert!(kunming.phones.all().is_empty() && ruian.phones.all().is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_outside_the_agreement_holds_up_no_other_leg() {
    let draft = without_homes();
    let towns = Towns::with(Database::Sqlite, Database::Sqlite, &draft).await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![people::row(FAMILY)]).await.remove(0);
    let alone = kunming.import(vec![home(1)]).await.remove(0);
    assert_eq!(not_asked(kunming, &alone).await, "NO_AGREEMENT");
    let both = kunming.ask(std::slice::from_ref(&case)).await;
    assert_eq!((both.asked, both.not_ready), (1, 1), "{both:?}");
    let sms = kunming.sms(&case, "逐项回答").await;
    assert_eq!(kunming.open(&sms).await.unwrap().legs.len(), 2);
    // Asking again finds every draft as it was.
    let again = kunming.ask(std::slice::from_ref(&case)).await;
    assert_eq!((again.asked, again.not_ready), (1, 1), "{again:?}");
    kunming.answer(&sms, &[1, 2]).await.unwrap();
    let school = kunming.leg_for(&case, Service::Schooling).await;
    eventually("the school place", async || towns.ruian.find(school).await.is_some()).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_under_an_agreement_that_was_suspended_meanwhile_sends_nothing() {
    let towns = Towns::new().await;
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    act_on(&towns.ruian, &towns, "suspend").await;
    eventually("the suspension", async || {
        let published = towns.kunming.node().hand().published();
        !published.directory.bonds[&towns.agreement].suspenders().is_empty()
    })
    .await;
    towns.next_working_day();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}

/// A REQUEST of a service that no agreement has.
async fn fund_transfer(forger: &Forger) -> Forged {
    let mut forged = forger.offer().await;
    let message = &mut forged.message;
    message.r#type = MessageType::Request.into();
    message.service = Service::FundTransfer.into();
    message.purpose = purpose_of(Service::FundTransfer).into();
    message.section_digests = section::slots(MessageType::Request, Service::FundTransfer)
        .iter()
        .map(|kind| wire::SectionDigest {
            section: u32::from(kind.number),
            digest: forger.nothing().to_vec(),
        })
        .collect();
    forged.sections.clear();
    forged
}

/// A vacancy that Kunming announces, though Ruian sends nobody there.
async fn vacancy(forger: &Forger) -> Forged {
    let mut forged = forger.offer().await;
    let message = &mut forged.message;
    message.r#type = MessageType::VacancyNotice.into();
    message.service = Service::Employment.into();
    message.purpose = purpose_of(Service::Employment).into();
    for absent in [
        &mut message.case_id,
        &mut message.leg_id,
        &mut message.leg_prev,
        &mut message.leg_seen,
        &mut message.consent_digest,
    ] {
        absent.clear();
    }
    (message.leg_seq, message.due_date) = (0, 0);
    message.section_digests.clear();
    message.to_office = office::LABOUR.to_owned();
    let terms = people::vacancies().remove(0).terms;
    let notice = wire::VacancyNotice { terms, posts: 1, valid_until: 20_270_101 };
    message.body = Some(Body::VacancyNotice(notice));
    (forged.sections, forged.consents) = (Vec::new(), Vec::new());
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_refuses_what_the_agreement_does_not_allow() {
    let forger = Forger::new().await;
    // Before its first day; Ruian's lane is still empty, so no time goes back.
    let mut early = forger.offer().await;
    early.header().created_unix_ms -= 30 * 24 * jieli_tests::HOUR_MS;
    assert_eq!(forger.say(&early).await, Err(Refusal::OutsideDates));
    let mut late = forger.offer().await;
    late.header().created_unix_ms += 3 * 366 * 24 * jieli_tests::HOUR_MS;
    assert_eq!(forger.say(&late).await, Err(Refusal::OutsideDates));
    forger.good().await;
    let forged = fund_transfer(&forger).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::ServiceNotCovered));
    let forged = vacancy(&forger).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::DirectionNotCovered));
    type Change = fn(&mut wire::Message);
    let offices: [(Change, Refusal); 4] = [
        (|m| m.to_office = office::NOBODY.to_owned(), Refusal::OfficeNotCovered),
        (|m| m.from_office = office::NOBODY.to_owned(), Refusal::OfficeNotCovered),
        // In the agreement, but of a kind that a child's school wishes are not opened to.
        (|m| m.to_office = office::LABOUR.to_owned(), Refusal::SectionNotCovered),
        (|m| m.to_office = office::MEDICAL.to_owned(), Refusal::SectionNotCovered),
    ];
    for (change, refusal) in offices {
        let mut forged = forger.offer().await;
        change(&mut forged.message);
        assert_eq!(forger.say(&forged).await, Err(refusal), "{refusal}");
        assert!(forger.towns.ruian.find(forged.leg()).await.is_none());
    }
    forger.good().await;
    // None of these is a lie, so none raises an alarm.
    assert_eq!(forger.towns.ruian.alarms().await, Vec::<String>::new());
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_refuses_new_legs_while_the_agreement_is_suspended() {
    let forger = Forger::new().await;
    let leg = forger.good().await.leg();
    act_on(&forger.towns.ruian, &forger.towns, "suspend").await;
    let forged = forger.offer().await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::Suspended));
    // What is on the road goes on.
    let body = Body::Void(wire::Void { code: wire::VoidCode::SentInError.into() });
    let forged = forger.next_in(leg, MessageType::Void, body).await;
    assert_eq!(forger.say(&forged).await, Ok(wire::ItemStatus::Stored));
    act_on(&forger.towns.ruian, &forger.towns, "resume").await;
    forger.good().await;
    forger.towns.stop().await;
}

/// Version 2 of the agreement, without school places, proposed by Kunming and counter-signed.
async fn amend(forger: &Forger) {
    let towns = &forger.towns;
    let published = towns.ruian.node().hand().published();
    let bond = &published.directory.bonds[&towns.agreement];
    let mut next = bond.in_force().unwrap().wire.clone();
    next.version = 2;
    next.prev_digest = bond.digests[&1].to_vec();
    next.services.retain(|rule| rule.service() != Service::Schooling);
    assert!(next.parties[1].offices.iter().any(|o| o.kind() == OfficeKind::Housing));
    let mut approvers = APPROVERS[0].map(str::to_owned).to_vec();
    approvers.sort();
    let act_type = wire::ActType::Propose.into();
    let carried = Some(forger.seal(&next).await);
    let act = wire::Act { act_type, approvers, carried, ..wire::Act::default() };
    let letter = forger.act(act).await;
    assert_eq!(forger.say_letter(letter).await, Ok(wire::ItemStatus::Stored));
    let agreement_id = towns.agreement.hex();
    let sign = wire::CountersignRequest { agreement_id, version: 2 };
    towns.ruian.two_approve(DeskCommand::Countersign(sign)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_judged_under_the_version_it_cites_and_versions_never_go_back() {
    let forger = Forger::new().await;
    let with = async |version: u32| {
        let mut forged = forger.offer().await;
        forged.header().agreement_version = version;
        forged
    };
    let forged = with(0).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::BadHeader));
    // Its counter-signature may be on the way.
    let forged = with(2).await;
    let before = forger.trace().await;
    let put_off = forger.post(forger.letter(&forged).await).await;
    assert_eq!(put_off, Received::Defer(DeferReason::CitedNotHeld, 0));
    assert_eq!(forger.trace().await, before);
    amend(&forger).await;
    // The lane has not cited the new one yet, so what was under way is judged under the old one.
    forger.good().await;
    let forged = with(2).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::ServiceNotCovered));
    // A refused message moves nothing: the old version still holds, until a right one cites the new.
    forger.good().await;
    let mut forged = with(2).await;
    let message = &mut forged.message;
    message.service = Service::Housing.into();
    message.purpose = purpose_of(Service::Housing).into();
    let housing = forger.towns.ruian.node().hand().published();
    let housing = housing.directory.bonds[&forger.towns.agreement].in_force().unwrap().clone();
    let side = jieli_proto::kinds::PartySide::B;
    let to = housing.office_of_kind(side, OfficeKind::Housing).unwrap().credit_code.clone();
    message.section_digests[0].section = 3;
    message.to_office = to.clone();
    forged.sections.clear();
    let consent = forger.consent(forged.leg(), &to, Service::Housing).await;
    let sealed = forger.seal(&consent).await;
    forged.message.consent_digest = jieli_proto::envelope::env_digest(&sealed).to_vec();
    forged.consents = vec![sealed];
    assert_eq!(forger.say(&forged).await, Ok(wire::ItemStatus::StoredWithheld));
    let forged = with(1).await;
    assert_eq!(forger.say(&forged).await, Err(Refusal::VersionWentBack));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_countersigned_cites_the_version_before_no_longer_than_that_day() {
    let forger = Forger::new().await;
    let ruian = &forger.towns.ruian;
    let begun = forger.good().await.leg();
    let id = forger.towns.agreement.hex();
    let text = AGREEMENT_DRAFT.replace("2029-10-31", "2028-10-31");
    let draft_toml = format!("agreement_id = \"{id}\"\nversion = 2\n{text}");
    ruian.two_approve(DeskCommand::Propose(wire::ProposeRequest { draft_toml })).await.unwrap();
    let mut conn = ruian.node().store().read().await.unwrap();
    let sql = "SELECT env_digest FROM agreement_version WHERE version = 2";
    let subject = conn.one(sql, Vec::new()).await.unwrap().bytes(0).unwrap();
    drop(conn);
    let mut approvers = APPROVERS[0].map(str::to_owned).to_vec();
    approvers.sort();
    let act_type = wire::ActType::Countersign.into();
    let letter =
        forger.act(wire::Act { act_type, approvers, subject, ..wire::Act::default() }).await;
    assert_eq!(forger.say_letter(letter).await, Ok(wire::ItemStatus::Stored));
    // It may have been written before.
    forger.good().await;
    forger.towns.clock.move_on(86_400_000);
    let late = forger.offer().await;
    assert_eq!(forger.say(&late).await, Err(Refusal::NoAgreement));
    // A stop counts under every version.
    let body = Body::Withdraw(wire::Withdraw {});
    let mut stop = forger.next_in(begun, MessageType::Withdraw, body).await;
    let message = &mut stop.message;
    message.purpose = wire::Purpose::Unspecified.into();
    message.legal_basis = wire::LegalBasis::Unspecified.into();
    (message.calendar_version, message.codelist_version) = (0, 0);
    assert_eq!(forger.say(&stop).await, Ok(wire::ItemStatus::Stored));
    let mut newer = forger.offer().await;
    newer.header().agreement_version = 2;
    assert_eq!(forger.say(&newer).await, Ok(wire::ItemStatus::Stored));
    forger.towns.stop().await;
}
