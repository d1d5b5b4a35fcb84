//! One payload of every kind, and a message of every type.

use crate::fixtures::*;
use crate::story::{agreement, consent};
use crate::world::{City, World, index};
use jieli_proto::envelope::env_digest;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::strict::Payload;
use jieli_proto::wire::{self, ActType, Envelope, Role, Service};

/// A sealed payload under a name.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Its message type in the `.proto` files.
    pub(crate) schema: &'static str,
    /// Seed byte of the signing key.
    pub(crate) seed: u8,
    pub(crate) envelope: Envelope,
}

fn sample<M: Payload>(name: &str, city: &City, payload: &M) -> Sample {
    let key = match M::KIND.role() {
        Role::Root => &city.root,
        Role::Log => &city.log,
        Role::Unspecified | Role::Message | Role::Cosigner | Role::Tls => &city.message,
    };
    Sample {
        name: name.to_owned(),
        kind: M::KIND,
        schema: M::NAME,
        seed: key.seed,
        envelope: key.seal(payload),
    }
}

/// All samples, all by city A.
pub(crate) fn all() -> Vec<Sample> {
    let world = World::new();
    let city = &world.cities[index(PartySide::A)];
    let mut samples: Vec<Sample> = TYPES
        .into_iter()
        .map(|(kind, service)| {
            let name = kind.as_str_name().trim_start_matches("MESSAGE_TYPE_").to_lowercase();
            sample(&format!("message {name}"), city, &message(kind, service))
        })
        .collect();
    samples.extend([
        sample("receipt", city, &receipt(city)),
        sample("act propose", city, &propose(&world)),
        sample("act countersign", city, &countersign(&world)),
        sample("act flag", city, &flag_act(&world)),
        sample("act answer_flag", city, &answer_act(&world)),
        sample("agreement", city, &agreement(&world)),
        sample("manifest", city, &first_manifest(city)),
        sample("manifest with a revocation", city, &second_manifest(city)),
        sample("consent", city, &consent([OFFICE_A[1], OFFICE_B[1]])),
    ]);
    samples.extend(statements(city));
    samples.extend(papers(city));
    samples.push(sample("flag", city, &flag(wire::RiskFlagAnswer::Unspecified)));
    samples
}

fn flag(answer: wire::RiskFlagAnswer) -> wire::RiskFlag {
    wire::RiskFlag {
        agreement_id: AGREEMENT.to_vec(),
        kind: wire::RiskFlagKind::SameMinute.into(),
        month: 202_611,
        answer_by: 20_261_214,
        answer: answer.into(),
    }
}

fn flag_act(world: &World) -> wire::Act {
    let city = &world.cities[index(PartySide::A)];
    wire::Act {
        header: Some(header(PartySide::A, Lane::acts(PartySide::A), 2, &[9; 32])),
        act_seen: vec![0; 32],
        act_type: ActType::Flag.into(),
        carried: Some(city.message.seal(&flag(wire::RiskFlagAnswer::Unspecified))),
        ..wire::Act::default()
    }
}

/// City A answers a flag that city B has raised.
fn answer_act(world: &World) -> wire::Act {
    let city = &world.cities[index(PartySide::A)];
    wire::Act {
        header: Some(header(PartySide::A, Lane::acts(PartySide::A), 3, &[9; 32])),
        act_seen: vec![8; 32],
        act_type: ActType::AnswerFlag.into(),
        subject: vec![8; 32],
        carried: Some(city.message.seal(&flag(wire::RiskFlagAnswer::OfficeInstructed))),
        ..wire::Act::default()
    }
}

fn receipt(city: &City) -> wire::Receipt {
    wire::Receipt {
        header: Some(header(PartySide::A, Lane::receipts(PartySide::A), 1, &[0; 32])),
        answers_lane: 1,
        count: 1,
        items_root: Digest::of(&[b"items"]).to_vec(),
        origin: city.origin(),
        received_unix_ms: NINE + 500,
        own_lane_seq: 300,
    }
}

fn posts() -> Vec<String> {
    vec!["分管局长".to_owned(), "科长".to_owned()]
}

fn propose(world: &World) -> wire::Act {
    let city = world.city(PartySide::A);
    wire::Act {
        header: Some(wire::Header {
            agreement_version: 0,
            ..header(PartySide::A, Lane::acts(PartySide::A), 1, &[0; 32])
        }),
        act_seen: vec![0; 32],
        act_type: ActType::Propose.into(),
        approvers: posts(),
        carried: Some(city.message.seal(&agreement(world))),
        ..wire::Act::default()
    }
}

fn countersign(world: &World) -> wire::Act {
    let agreed = world.city(PartySide::B).message.seal(&agreement(world));
    wire::Act {
        header: Some(wire::Header {
            agreement_version: 0,
            ..header(PartySide::A, Lane::acts(PartySide::A), 2, &[0x11; 32])
        }),
        act_seen: vec![0x12; 32],
        act_type: ActType::Countersign.into(),
        approvers: posts(),
        subject: env_digest(&agreed).to_vec(),
        ..wire::Act::default()
    }
}

fn first_manifest(city: &City) -> wire::KeyManifest {
    jieli_proto::envelope::payload(&city.manifests[0]).unwrap()
}

fn second_manifest(city: &City) -> wire::KeyManifest {
    wire::KeyManifest {
        version: 2,
        prev_digest: env_digest(&city.manifests[0]).to_vec(),
        keys: city.keys(&[&city.message, &city.message_next]),
        revocations: vec![wire::Revocation {
            fingerprint: city.message.fpr().to_vec(),
            last_good: vec![wire::LastGood { origin: "jieli.city-b/log/1".to_owned(), index: 9 }],
            reason: wire::RevocationReason::Compromised.into(),
        }],
        ..first_manifest(city)
    }
}

fn statements(city: &City) -> [Sample; 5] {
    [
        sample(
            "lane-statement",
            city,
            &wire::LaneStatement {
                agreement_id: AGREEMENT.to_vec(),
                lane: 1,
                from: 1,
                to: 300,
                count: 300,
                root: Digest::of(&[b"lane"]).to_vec(),
                city_id: city.id.to_owned(),
                stated_unix_ms: NINE,
            },
        ),
        sample(
            "leg-statement",
            city,
            &wire::LegStatement {
                leg_id: LEG.to_vec(),
                side: city.id.to_owned(),
                last_leg_seq: 4,
                last_env_digest: Digest::of(&[b"last"]).to_vec(),
                stated_unix_ms: NINE,
            },
        ),
        sample(
            "recovery",
            city,
            &wire::Recovery {
                city_id: city.id.to_owned(),
                origin: city.origin(),
                found_size: 1_000,
                rebuilt_size: 1_024,
                rebuilt_root: Digest::of(&[b"rebuilt"]).to_vec(),
                sources: vec!["city-b".to_owned(), "city-c".to_owned()],
                recovered_unix_ms: NINE,
                known_size: 1_020,
                known_root: Digest::of(&[b"known"]).to_vec(),
            },
        ),
        sample(
            "person-statement",
            city,
            &wire::PersonStatement {
                statement_id: vec![0x51; 16],
                fact: wire::StatementFact::InsuredMonths.into(),
                months: 37,
                since: 0,
                office: OFFICE_A[0].to_owned(),
                valid_until: 20_270_219,
                section_digest: Digest::of(&[b"person"]).to_vec(),
            },
        ),
        sample(
            "successor",
            city,
            &wire::Successor {
                city_id: city.id.to_owned(),
                old_origin: city.origin(),
                old_size: 1_024,
                old_root: Digest::of(&[b"old"]).to_vec(),
                new_origin: "jieli.city-a/log/2".to_owned(),
                declared_unix_ms: NINE,
                reason: wire::SuccessorReason::HistoryLost.into(),
            },
        ),
    ]
}

fn papers(city: &City) -> [Sample; 4] {
    [
        sample(
            "slip",
            city,
            &wire::Slip {
                case_id: CASE.to_vec(),
                city_id: city.id.to_owned(),
                case_number: "A-2026-000017".to_owned(),
                issued_unix_ms: NINE,
                legs: vec![wire::SlipLeg {
                    leg_id: LEG.to_vec(),
                    service: Service::Schooling.into(),
                    office: OFFICE_B[1].to_owned(),
                    last_env_digest: Digest::of(&[b"last"]).to_vec(),
                }],
            },
        ),
        sample(
            "letter",
            city,
            &wire::PaperLetter {
                letter_id: vec![0x52; 16],
                city_id: city.id.to_owned(),
                to_office: OFFICE_B[1].to_owned(),
                service: Service::Schooling.into(),
                issued_unix_ms: NINE,
                section_digests: vec![wire::SectionDigest { section: 16, digest: vec![0x60; 32] }],
                consent_digest: Digest::of(&[b"consent"]).to_vec(),
            },
        ),
        sample(
            "invite",
            city,
            &wire::Invite {
                city_id: city.id.to_owned(),
                name: "例示城市甲".to_owned(),
                end_points: vec!["city-a.example:8443".to_owned()],
                root_spki: city.root.public.to_spki().to_vec(),
                manifest: Some(city.manifests[0].clone()),
                nonce: vec![0x53; 16],
                not_after: NINE + 14 * 86_400_000,
            },
        ),
        sample(
            "pack",
            city,
            &wire::Pack {
                pack_kind: wire::PackKind::Calendar.into(),
                name: "cn".to_owned(),
                version: 1,
                valid_from: 20_260_101,
                valid_to: 20_261_231,
                content: br#"{"off":[20261001],"on":[20261010],"zone_offset_min":480}"#.to_vec(),
            },
        ),
    ]
}
