//! `paper.json`: slips, letters and statements as the text of a QR code, and what must not be believed.

use super::compare_cases;
use crate::fixtures::*;
use crate::world::{City, World, index};
use jieli_proto::id::{Digest, MsgId};
use jieli_proto::kinds::PartySide;
use jieli_proto::paper::{self, Content, PaperError};
use jieli_proto::section::{self, FieldType, Value as Field};
use jieli_proto::wire::{self, Envelope, Role, Service};
use prost::Message as _;
use serde_json::{Value, json};

const LETTER_ID: [u8; 16] = [0x52; 16];

fn slip(city: &City, legs: u8) -> wire::Slip {
    let leg = |at: u8| wire::SlipLeg {
        leg_id: vec![0xe0 + at; 16],
        service: if at == 0 { Service::Employment } else { Service::Schooling }.into(),
        office: if at == 2 { String::new() } else { OFFICE_B[usize::from(at > 0)].to_owned() },
        last_env_digest: if at == 2 { Vec::new() } else { Digest::of(&[&[at]]).to_vec() },
    };
    wire::Slip {
        case_id: CASE.to_vec(),
        city_id: city.id.to_owned(),
        case_number: "2026-000017".to_owned(),
        issued_unix_ms: NINE,
        legs: (0..legs).map(leg).collect(),
    }
}

/// A letter about a school place with every section but the support need.
fn letter(city: &City) -> (wire::PaperLetter, Vec<wire::Section>) {
    let mut draw = 0_u8;
    let mut random = |buffer: &mut [u8]| {
        draw += 1;
        buffer.fill(draw);
    };
    let (mut digests, mut sections) = (Vec::new(), Vec::new());
    for kind in paper::letter_slots(Service::Schooling) {
        let digest = if kind.number == section::SUPPORT_NEED {
            Digest([0x77; 32])
        } else {
            let fields = kind.fields.iter().filter(|field| field.required);
            let values: Vec<(u32, Field)> = fields
                .map(|field| {
                    let value = match field.ty {
                        FieldType::Text => Field::Text(format!("例{}·x", field.number)),
                        FieldType::Number => Field::Number(3),
                        FieldType::Code(top) => Field::Number(top),
                        FieldType::Date => Field::Number(20_261_201),
                        FieldType::Flag => Field::Flag(true),
                    };
                    (field.number, value)
                })
                .collect();
            let built = section::build(kind, &values, &mut random).unwrap();
            let digest = section::digest_of(&MsgId(LETTER_ID), &built).unwrap();
            sections.push(built);
            digest
        };
        let section = u32::from(kind.number);
        digests.push(wire::SectionDigest { section, digest: digest.to_vec() });
    }
    let letter = wire::PaperLetter {
        letter_id: LETTER_ID.to_vec(),
        city_id: city.id.to_owned(),
        to_office: "例示县教育局".to_owned(),
        service: Service::Schooling.into(),
        issued_unix_ms: NINE,
        section_digests: digests,
        consent_digest: Digest::of(&[b"consent"]).to_vec(),
    };
    (letter, sections)
}

/// A statement with name and document of the person.
fn statement() -> (wire::PersonStatement, Vec<wire::Section>) {
    let mut draw = 0x20_u8;
    let mut random = |buffer: &mut [u8]| {
        draw += 1;
        buffer.fill(draw);
    };
    let kind = section::SectionKind::of(u32::from(section::PERSON)).unwrap();
    let values = [
        (1, Field::Text("例·x".to_owned())),
        (2, Field::Number(1)),
        (3, Field::Text("999999199001010010".to_owned())),
    ];
    let built = section::build(kind, &values, &mut random).unwrap();
    let digest = section::digest_of(&MsgId(LETTER_ID), &built).unwrap();
    let signed = wire::PersonStatement {
        statement_id: LETTER_ID.to_vec(),
        fact: wire::StatementFact::InsuredMonths.into(),
        months: 37,
        since: 0,
        office: OFFICE_A[0].to_owned(),
        valid_until: 20_270_219,
        section_digest: digest.to_vec(),
    };
    (signed, vec![built])
}

fn paper_of(city: &City, envelope: Envelope, sections: Vec<wire::Section>) -> wire::Paper {
    wire::Paper {
        root_spki: city.root.public.to_spki().to_vec(),
        manifest: Some(city.manifests[0].clone()),
        envelope: Some(envelope),
        sections,
    }
}

/// The first word of an error, as another implementation may name it.
fn word(error: &PaperError) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn case(name: &str, text: &str, roots: &[Digest], newer: Option<&Envelope>) -> Value {
    let outcome = paper::open(text, roots, newer);
    let says = outcome.as_ref().ok().map(|checked| match &checked.content {
        Content::Slip(slip) => json!({
            "slip": slip.case_number, "legs": slip.legs.len(),
            "without_office": slip.legs.iter().filter(|leg| leg.office.is_none()).count(),
        }),
        Content::Statement(statement) => json!({
            "statement": statement.statement.hex(), "months": statement.months,
            "since": statement.since.map(|day| day.number()),
            "valid_until": statement.valid_until.number(),
            "fields": statement.person.iter().map(|v| v.0).collect::<Vec<_>>(),
        }),
        Content::Letter(letter) => json!({
            "letter": letter.letter.hex(), "to_office": letter.to_office,
            "sections": letter.sections.iter().map(|(number, values)| json!({
                "section": number, "fields": values.iter().map(|v| v.0).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        }),
    });
    json!({
        "name": name,
        "error": outcome.as_ref().err().map(word),
        "roots": roots.iter().map(Digest::hex).collect::<Vec<_>>(),
        "newer_manifest": newer.map(|newer| hex::encode(newer.encode_to_vec())),
        "city": outcome.as_ref().ok().map(|checked| checked.city.as_str()),
        "env_digest": outcome.as_ref().ok().map(|checked| checked.env_digest.hex()),
        "key_retired_since": outcome.as_ref().ok().map(|checked| checked.is_retired),
        "says": says,
        "text": text,
    })
}

fn revoking(city: &City, reason: wire::RevocationReason) -> Envelope {
    let revocation = wire::Revocation {
        fingerprint: city.message.fpr().to_vec(),
        reason: reason.into(),
        last_good: Vec::new(),
    };
    city.root.seal(&wire::KeyManifest {
        city_id: city.id.to_owned(),
        version: 2,
        prev_digest: jieli_proto::envelope::env_digest(&city.manifests[0]).to_vec(),
        keys: city.keys(&[&city.message_next]),
        revocations: vec![revocation],
    })
}

type Change = fn(&mut wire::Slip);
type Restated = fn(&mut wire::PersonStatement);

#[test]
fn papers() {
    let world = World::new();
    let (city, other) = (world.city(PartySide::A), world.city(PartySide::B));
    assert_eq!(index(PartySide::A), 0);
    let root = Digest(city.root.public.fingerprint());
    let elsewhere = Digest(other.root.public.fingerprint());
    let good = paper_of(city, city.message.seal(&slip(city, 3)), Vec::new());
    let text = paper::write(&good).unwrap();
    let (letter, sections) = letter(city);
    let letter_paper = paper_of(city, city.message.seal(&letter), sections);
    let letter_text = paper::write(&letter_paper).unwrap();
    let newer = |reason| revoking(city, reason);
    let lost = newer(wire::RevocationReason::Lost);
    let stolen = newer(wire::RevocationReason::Compromised);
    let retired = newer(wire::RevocationReason::Retired);
    let open = |newer| paper::open(&text, &[root], newer).map(|checked| checked.is_retired);
    assert_eq!((open(None), open(Some(&retired))), (Ok(false), Ok(true)));
    assert_eq!(open(Some(&lost)), Err(PaperError::Revoked));
    let mut cases = vec![
        case("slip", &text, &[elsewhere, root], None),
        case("letter", &letter_text, &[root], None),
        case("letter, nothing disclosed", &bare(&letter_paper), &[root], None),
        case("slip, another root", &text, &[elsewhere], None),
        case("slip, no root", &text, &[], None),
        case("slip, key lost later", &text, &[root], Some(&lost)),
        case("slip, key stolen later", &text, &[root], Some(&stolen)),
        case("slip, key replaced later", &text, &[root], Some(&retired)),
        case("letter, key replaced later", &letter_text, &[root], Some(&retired)),
        case("letter, key stolen later", &letter_text, &[root], Some(&stolen)),
        case("slip, manifest of another city", &text, &[root], Some(&other.manifests[0])),
        case("slip, lower case", &text.to_lowercase(), &[root], None),
        case("slip, one character more", &format!("{text}A"), &[root], None),
        case("slip, one character less", &text[..text.len() - 1], &[root], None),
    ];
    let (stated, person) = statement();
    let since = wire::StatementFact::EnrolledSince.into();
    let enrolled =
        wire::PersonStatement { fact: since, months: 0, since: 20_260_901, ..stated.clone() };
    let carried = paper_of(city, city.message.seal(&stated), person.clone());
    let text = paper::write(&carried).unwrap();
    let since =
        paper::write(&paper_of(city, city.message.seal(&enrolled), person.clone())).unwrap();
    cases.extend([
        case("statement", &text, &[root], None),
        case("statement, of a day", &since, &[root], None),
        case("statement, nobody disclosed", &bare(&carried), &[root], None),
        case("statement, key stolen later", &text, &[root], Some(&stolen)),
        case("statement, another root", &text, &[elsewhere], None),
    ]);
    let mut wrong = |name: &str, paper: wire::Paper| {
        cases.push(case(name, &paper::write(&paper).unwrap(), &[root], None));
    };
    wrong("signed by the log key", paper_of(city, city.log.seal(&slip(city, 3)), Vec::new()));
    wrong("signed by another city", paper_of(city, other.message.seal(&slip(city, 3)), Vec::new()));
    wrong("a consent is no paper", paper_of(city, city.message.seal(&consent()), Vec::new()));
    let mut foreign = good.clone();
    foreign.manifest = Some(other.manifests[0].clone());
    wrong("manifest of another root", foreign);
    wrong("no manifest", wire::Paper { manifest: None, ..good.clone() });
    wrong("slip with a section", {
        wire::Paper { sections: letter_paper.sections.clone(), ..good.clone() }
    });
    let changes: [(&str, Change); 7] = [
        ("no leg", |slip| slip.legs.clear()),
        ("case number with a space", |slip| slip.case_number = "2026 17".to_owned()),
        ("case_id of 15 bytes", |slip| slip.case_id.truncate(15)),
        ("another city", |slip| slip.city_id = CITY_B.to_owned()),
        ("leg without service", |slip| slip.legs[0].service = 0),
        ("office in lower case", |slip| slip.legs[0].office = OFFICE_B[0].to_lowercase()),
        ("older than its key", |slip| slip.issued_unix_ms = NINE - 2 * 86_400_000),
    ];
    for (name, change) in changes {
        let mut changed = slip(city, 3);
        change(&mut changed);
        wrong(name, paper_of(city, city.message.seal(&changed), Vec::new()));
    }
    let restated: [(&str, Restated); 9] = [
        ("statement of nothing", |it| it.fact = 0),
        ("statement of no months", |it| it.months = 0),
        ("statement of more than a working life", |it| it.months = 721),
        ("statement with months and a day", |it| it.since = 20_260_901),
        ("statement of a day that is none", |it| {
            (it.fact, it.months, it.since) = (4, 0, 20_260_931);
        }),
        ("statement of a day behind its last", |it| {
            (it.fact, it.months, it.since) = (4, 0, 20_270_220);
        }),
        ("statement by an office in lower case", |it| it.office = it.office.to_lowercase()),
        ("statement that ended before its key", |it| it.valid_until = 20_200_101),
        ("statement_id of 15 bytes", |it| it.statement_id.truncate(15)),
    ];
    for (name, change) in restated {
        let mut changed = stated.clone();
        change(&mut changed);
        wrong(name, paper_of(city, city.message.seal(&changed), Vec::new()));
    }
    let mut renamed = carried.clone();
    let last = renamed.sections[0].disclosures[0].len() - 1;
    renamed.sections[0].disclosures[0][last] ^= 1;
    wrong("statement with another name", renamed);
    let mut half = carried.clone();
    half.sections[0].disclosures.truncate(1);
    wrong("statement with a name alone", half);
    let mut more = carried.clone();
    more.sections = letter_paper.sections[..1].to_vec();
    wrong("statement with another section", more);
    let mut value = letter_paper.clone();
    let last = value.sections[1].disclosures[0].len() - 1;
    value.sections[1].disclosures[0][last] ^= 1;
    wrong("letter with a changed value", value);
    let mut twice = letter_paper.clone();
    twice.sections.push(twice.sections[0].clone());
    wrong("letter with a section twice", twice);
    let accepted = cases.iter().filter(|case| case["error"].is_null()).count();
    assert_eq!(accepted, 8, "{cases:#?}");
    let about = "Papers: the text of the QR code of a slip, letter or statement. `error` is null where it \
                 holds under `roots` and `newer_manifest`, else names the step that fails.";
    compare_cases("paper.json", about, &cases);
}

fn consent() -> wire::Consent {
    crate::story::consent([OFFICE_A[1], OFFICE_B[1]])
}

fn bare(paper: &wire::Paper) -> String {
    paper::write(&wire::Paper { sections: Vec::new(), ..paper.clone() }).unwrap()
}

#[test]
fn any_flipped_character_is_found() {
    let world = World::new();
    let city = world.city(PartySide::A);
    let root = Digest(city.root.public.fingerprint());
    let (letter, sections) = letter(city);
    let (stated, person) = statement();
    for paper in [
        paper_of(city, city.message.seal(&slip(city, 1)), Vec::new()),
        paper_of(city, city.message.seal(&letter), sections),
        paper_of(city, city.message.seal(&stated), person),
    ] {
        let text = paper::write(&paper).unwrap();
        assert!(paper::open(&text, &[root], None).is_ok());
        let mut kept = 0;
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // Unsigned is only what hides a value: a field digest of a section not checked. There
            // is none, so nothing may pass.
            kept += usize::from(paper::open(&changed, &[root], None).is_ok());
        }
        assert_eq!(kept, 0);
    }
}

#[test]
fn eight_legs_fit_one_code() {
    let world = World::new();
    let city = world.city(PartySide::A);
    assert!(city.keys(&[&city.message]).iter().any(|key| key.roles().any(|r| r == Role::Message)));
    let mut legs = slip(city, 2);
    while legs.legs.len() < 8 {
        legs.legs.push(legs.legs[0].clone());
    }
    let text = paper::write(&paper_of(city, city.message.seal(&legs), Vec::new())).unwrap();
    // Version 32 at level M holds 2,840 alphanumeric characters at level L, 2,238 at M.
    assert!(text.len() < 2_500, "{}", text.len());
}
