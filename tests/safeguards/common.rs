//! What several of them need.

use jieli_node::writer::Failure;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::section::{self, PERSON, Value};
use jieli_proto::strict;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Method};
use jieli_tests::{Forged, Forger, Town};
use prost::Message as _;

/// The word of a denial.
pub(crate) fn denied<T: std::fmt::Debug>(done: Result<T, Failure>) -> &'static str {
    match done {
        Err(Failure::Denied(denied)) => denied.code,
        Err(Failure::Busy(why)) => panic!("busy: {why}"),
        Ok(done) => panic!("{done:?}"),
    }
}

/// How the consents to a leg were given, oldest first.
pub(crate) async fn methods(town: &Town, leg: LegId) -> Vec<Method> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT envelope FROM consent WHERE leg_id = $1 ORDER BY given_ms";
    let rows = conn.rows(sql, vec![leg.to_vec().into()]).await.unwrap();
    let read = |bytes: Vec<u8>| {
        let sealed = wire::Envelope::decode(bytes.as_slice()).unwrap();
        envelope::payload::<wire::Consent>(&sealed).unwrap().method()
    };
    rows.iter().map(|row| read(row.bytes(0).unwrap())).collect()
}

/// Lets what is due be done; nothing may have come of it.
pub(crate) async fn a_while() {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}

/// A RELEASE of Kunming that hands over whoever it likes, with a consent nobody gave.
pub(crate) async fn released_as(
    forger: &Forger,
    leg: LegId,
    person: &wire::DraftPerson,
    age_band: u64,
) -> Forged {
    let file = forger.towns.ruian.leg(leg).await;
    let terms_digest = file.law.state().terms.map(|terms| terms.to_vec()).unwrap_or_default();
    let body = Body::Release(wire::Release { terms_digest });
    let mut forged = forger.next_in(leg, MessageType::Release, body).await;
    forged.message.due_date = 20_261_222;
    let consent = forger.consent(leg, &file.our_office, file.service).await;
    let sealed = forger.seal(&consent).await;
    forged.message.consent_digest = envelope::env_digest(&sealed).to_vec();
    forged.consents = vec![sealed];
    let msg = forged.msg();
    let slots = section::slots(MessageType::Release, file.service);
    let kind = slots.into_iter().find(|kind| kind.number == PERSON).unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    let mut values =
        vec![(1, text(&person.name)), (2, Value::Number(1)), (3, text(&person.number))];
    values.extend([(4, text(&person.phone)), (5, Value::Number(1)), (6, Value::Number(age_band))]);
    let mut fill =
        |buffer: &mut [u8]| buffer.copy_from_slice(&forger.random::<32>()[..buffer.len()]);
    let built = section::build(kind, &values, &mut fill).unwrap();
    let digest = section::digest_of(&msg, &built).unwrap();
    for slot in &mut forged.message.section_digests {
        if slot.section == u32::from(PERSON) {
            slot.digest = digest.to_vec();
        }
    }
    forged.sections = vec![built];
    forged
}

/// Every name of a field, message, call or number of the wire and of the desks.
pub(crate) fn names_of_the_wire() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let files = std::fs::read_dir(root.join("jieli/v1")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 20);
    let set = protox::compile(files, [root]).unwrap();
    let mut names = Vec::new();
    for file in &set.file {
        for message in &file.message_type {
            names.push(message.name().to_owned());
            names.extend(message.field.iter().map(|field| field.name().to_owned()));
        }
        for closed in &file.enum_type {
            names.extend(closed.value.iter().map(|value| value.name().to_lowercase()));
        }
    }
    assert!(names.len() > 1000);
    names
}

/// A line more in the terms of a job is refused by its name, in the file of a clerk and in the bytes
/// of another city.
pub(crate) fn no_such_term(line: &str) {
    const VACANCIES: &str = include_str!("../../deploy/sample/vacancies.toml");
    let key = line.split(' ').next().unwrap();
    let file = VACANCIES.replacen("payday = 15\n", &format!("payday = 15\n{line}\n"), 1);
    assert_ne!(file, VACANCIES);
    let refused = jieli_gateway::drafts::vacancies(&file).unwrap_err().to_string();
    assert!(refused.contains("unknown field") && refused.contains(key), "{refused}");
    let notice = wire::VacancyNotice {
        terms: Some(jieli_tests::terms()),
        posts: 1,
        valid_until: 20_261_231,
    };
    let message =
        wire::Message { body: Some(Body::VacancyNotice(notice)), ..wire::Message::default() };
    let terms = jieli_tests::terms().encode_to_vec();
    let bytes = message.encode_to_vec();
    let at = bytes.windows(terms.len()).position(|part| part == terms).unwrap();
    assert!(strict::check("Message", &bytes).is_ok());
    assert!(strict::check("Terms", &terms).is_ok());
    // Field 25 with a varint: the first that no term has.
    let more = [&bytes[at..at + terms.len()], &[0xc8, 0x01, 0x64]].concat();
    let unknown = strict::check("Terms", &more).unwrap_err();
    assert_eq!((unknown.message, unknown.field), ("Terms", 25));
}
