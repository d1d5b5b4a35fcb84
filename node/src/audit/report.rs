//! The figures of one agreement and period.

use super::deadline::of_legs;
use super::{Logged, Period, Walk, Within};
use crate::directory::{Bond, Directory};
use crate::flags;
use crate::grievance::{call_back, counts};
use crate::house::House;
use crate::legs::Standing;
use crate::second;
use crate::store::log::{self, Log};
use crate::store::{self, Conn, StoreError};
use jieli_proto::consent::CONSENT_DAYS;
use jieli_proto::day::Day;
use jieli_proto::id::Digest;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType};
use std::collections::BTreeMap;

const DAY_MS: u64 = 86_400_000;

/// Gathers the figures.
pub(crate) async fn report(
    conn: &mut Conn,
    house: &House,
    directory: &Directory,
    bond: &Bond,
    period: Period,
) -> Result<wire::AuditReport, StoreError> {
    let mut count = Count::default();
    let calendar = house.calendar();
    let mut walk = Walk::new(conn, bond.id, &calendar);
    loop {
        let page = walk.page().await?;
        if page.is_empty() {
            break;
        }
        for one in page.iter().filter(|one| period.holds(one.day)) {
            count.message(one, one.side == bond.our_side);
        }
    }
    let within = period.within(&house.calendar());
    let today = house.calendar().day_of_unix_ms(house.world.clock.now_unix_ms());
    let (deadlines, flows) = of_legs(conn, house, bond, period, today).await?;
    let (flows, paces) = flows.lines();
    Ok(wire::AuditReport {
        agreement_id: bond.id.hex(),
        city: directory.city.as_str().to_owned(),
        peer: bond.peer.as_str().to_owned(),
        from: period.from.number(),
        to: period.to.number(),
        legs: count.legs,
        messages: count.messages.into_values().collect(),
        deadlines,
        consents: Some(consents(conn, &count.opened).await?),
        decisions: count.decisions.into_values().collect(),
        heads: heads(conn, bond).await?,
        alarms: alarms(conn, bond, within).await?,
        misbehaviour: misbehaviour(conn, bond, within).await?,
        cosigned: cosigned(conn, directory, bond).await?,
        made_unix_ms: house.world.clock.now_unix_ms(),
        call_backs: call_back::of_period(conn, directory, today, bond, period).await?,
        grievances: counts::grievances(conn, directory, &house.calendar(), today, period).await?,
        overrides: second::overridden(conn, within).await?,
        flows,
        paces,
        flags: flagged(conn, directory, bond, today, within).await?,
    })
}

/// Raised in the period, or not answered yet.
async fn flagged(
    conn: &mut Conn,
    directory: &Directory,
    bond: &Bond,
    today: Day,
    within: Within,
) -> Result<Vec<wire::FlagLine>, StoreError> {
    let mut found = flags::shown::lines(conn, directory, today, Some(bond.id)).await?;
    found.retain(|flag| {
        let raised = (within.from_ms..within.until_ms).contains(&flag.raised_unix_ms);
        raised || flag.answered_unix_ms == 0 && !flag.refused
    });
    Ok(found)
}

/// A RELEASE or REQUEST: what opens a person to the other city.
struct Opened {
    env_digest: Digest,
    consent: Vec<u8>,
    created_ms: u64,
}

#[derive(Default)]
struct Count {
    legs: u64,
    messages: BTreeMap<(i32, bool), wire::AuditMessages>,
    decisions: BTreeMap<(i32, bool, i32), wire::AuditDecision>,
    opened: Vec<Opened>,
}

impl Count {
    fn message(&mut self, one: &Logged, ours: bool) {
        let ty = one.message.as_ref().map_or(MessageType::Unspecified, |m| m.r#type());
        let key = (i32::from(ty), ours);
        let counts = self.messages.entry(key).or_insert_with(|| wire::AuditMessages {
            r#type: ty.into(),
            ours,
            ..wire::AuditMessages::default()
        });
        counts.count += 1;
        let is_refused = matches!(one.standing, Standing::Refused(_));
        counts.refused += u64::from(is_refused);
        counts.withheld += u64::from(one.standing == Standing::Withheld);
        let Some(message) = one.message.as_ref().filter(|_| !is_refused) else { return };
        self.legs += u64::from(matches!(ty, MessageType::Offer | MessageType::Request));
        if matches!(ty, MessageType::Release | MessageType::Request) {
            self.opened.push(Opened {
                env_digest: one.env_digest,
                consent: message.consent_digest.clone(),
                created_ms: message.header.as_ref().map_or(0, |header| header.created_unix_ms),
            });
        }
        let code = decision(message);
        if code != DecisionCode::Unspecified {
            let key = (i32::from(ty), ours, i32::from(code));
            let line = self.decisions.entry(key).or_insert_with(|| wire::AuditDecision {
                r#type: ty.into(),
                ours,
                code: code.into(),
                count: 0,
            });
            line.count += 1;
        }
    }
}

/// The code with which a service was not given.
fn decision(message: &wire::Message) -> DecisionCode {
    if let Some(Body::Decline(decline)) = &message.body {
        decline.decision()
    } else if let Some(Body::Outcome(outcome)) = &message.body {
        outcome.not_realised()
    } else {
        DecisionCode::Unspecified
    }
}

/// Each of these cites a consent that had been given and had not ended when it was made.
async fn consents(conn: &mut Conn, opened: &[Opened]) -> Result<wire::AuditConsents, StoreError> {
    let mut found = wire::AuditConsents { opened: opened.len() as u64, ..Default::default() };
    for one in opened {
        let sql = "SELECT given_ms, ended_ms FROM consent WHERE env_digest = $1";
        let row = conn.maybe(sql, vec![one.consent.clone().into()]).await?;
        let is_covered = match row {
            None => false,
            Some(row) => {
                let (given_ms, ended_ms) = (row.uint(0)?, row.uint(1)?);
                let is_young = one.created_ms <= given_ms + CONSENT_DAYS as u64 * DAY_MS;
                let is_open = ended_ms == 0 || one.created_ms <= ended_ms;
                given_ms <= one.created_ms && is_young && is_open
            }
        };
        if is_covered {
            found.covered += 1;
        } else {
            found.uncovered.push(one.env_digest.hex());
        }
    }
    Ok(found)
}

async fn heads(conn: &mut Conn, bond: &Bond) -> Result<Vec<wire::AuditHead>, StoreError> {
    let mut found = Vec::new();
    // One seek an epoch, by the key of the table.
    for epoch in 1.. {
        let origin = bond.peer.exchange_origin(epoch);
        let sql = "SELECT size, seen_ms FROM peer_head WHERE origin = $1 \
                   ORDER BY size DESC LIMIT 1";
        let Some(row) = conn.maybe(sql, vec![origin.as_str().into()]).await? else { break };
        let (size, seen_unix_ms) = (row.uint(0)?, row.uint(1)?);
        found.push(wire::AuditHead { origin, size, seen_unix_ms });
    }
    Ok(found)
}

/// By whom the own exchange log was cosigned last, whatever the period.
async fn cosigned(
    conn: &mut Conn,
    directory: &Directory,
    bond: &Bond,
) -> Result<Vec<wire::AuditCosigned>, StoreError> {
    let missing = StoreError::Corrupt("log_head");
    let head = log::head(conn, Log::Exchange).await?.ok_or(missing)?;
    let origin = directory.city.exchange_origin(head.id.epoch);
    let sql = "SELECT city, size, at_ms FROM cosign_last WHERE origin = $1 ORDER BY city";
    let read = |row: &store::Row| {
        let city = row.text(0)?;
        let of_agreement = city == bond.peer.as_str();
        let (size, at_unix_ms) = (row.uint(1)?, row.uint(2)?);
        Ok(wire::AuditCosigned { city, of_agreement, size, at_unix_ms })
    };
    conn.rows(sql, vec![origin.into()]).await?.iter().map(read).collect()
}

/// Alarms tell kind and city alone: their detail may be long, and stands in `jieli status`.
async fn alarms(
    conn: &mut Conn,
    bond: &Bond,
    within: Within,
) -> Result<Vec<wire::AuditEvent>, StoreError> {
    let sql = "SELECT raised_ms, kind, peer FROM alarm \
               WHERE peer = $1 AND raised_ms >= $2 AND raised_ms < $3 \
               ORDER BY raised_ms, alarm_id";
    let vals = vec![bond.peer.as_str().into(), within.from_ms.into(), within.until_ms.into()];
    conn.rows(sql, vals).await?.iter().map(event).collect()
}

/// Evidence kept against the other city: under this agreement, or under none.
async fn misbehaviour(
    conn: &mut Conn,
    bond: &Bond,
    within: Within,
) -> Result<Vec<wire::AuditEvent>, StoreError> {
    let sql = "SELECT found_ms, kind, peer, agreement_id FROM evidence \
               WHERE peer = $1 AND found_ms >= $2 AND found_ms < $3 \
               ORDER BY found_ms, evidence_id";
    let vals = vec![bond.peer.as_str().into(), within.from_ms.into(), within.until_ms.into()];
    let mut found = Vec::new();
    for row in conn.rows(sql, vals).await? {
        let under = row.bytes(3)?;
        if under == bond.id.0 || under.iter().all(|byte| *byte == 0) {
            found.push(event(&row)?);
        }
    }
    Ok(found)
}

fn event(row: &store::Row) -> Result<wire::AuditEvent, StoreError> {
    Ok(wire::AuditEvent { at_unix_ms: row.uint(0)?, kind: row.text(1)?, city: row.text(2)? })
}
