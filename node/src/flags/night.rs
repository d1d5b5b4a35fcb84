//! The figures, read at night from what this city holds: messages of both lanes, consents, announced
//! posts, and the phone of whoever confirmed, as long as it is kept.

use super::count::{self, Item, Measured, PERSONS_MIN, Yes};
use crate::directory::{Bond, Directory};
use crate::house::House;
use crate::legs::Standing;
use crate::questions::phone_tag;
use crate::store::{self, Conn, StoreError};
use crate::vault::{self, Place};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, LegId};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Method, ReturnCode, RiskFlagKind, Service};
use prost::Message as _;
use std::collections::BTreeMap;

/// Days looked back upon for what is counted over items.
const ITEM_DAYS: i64 = 92;
/// Envelopes read at once.
const PAGE: u32 = 500;

/// What a message ends, and by which word, of the items of one agreement.
type Items = BTreeMap<[u8; 16], Item>;

/// Counts of all agreements in force, for the month of yesterday.
pub(crate) async fn measure(
    conn: &mut Conn,
    house: &House,
    directory: &Directory,
    today: Day,
) -> Result<Vec<Measured>, StoreError> {
    let month = today.plus(-1).number() / 100;
    let yes = confirmed(conn, house, month).await?;
    let mut found = Vec::new();
    for bond in directory.bonds.values().filter(|bond| bond.version() > 0) {
        let items = items(conn, house, bond, today.plus(-ITEM_DAYS)).await?;
        let posts = posts(conn, &[&directory.city, &bond.peer]).await?;
        let yes = yes.get(&bond.id).map_or(&[][..], Vec::as_slice);
        found.extend(of_agreement(house, bond.id, month, &items, &posts, yes));
    }
    Ok(found)
}

fn of_agreement(
    house: &House,
    agreement: AgreementId,
    month: u32,
    items: &[Item],
    posts: &BTreeMap<String, u64>,
    yes: &[Yes],
) -> Vec<Measured> {
    let one = |kind, counted, out_of, raised| Measured {
        agreement,
        kind,
        month,
        counted,
        out_of,
        raised,
    };
    let (said_no, ended, is_few) = count::few_say_no(items);
    let (beyond, announced) = count::beyond_posts(items, posts);
    let phone = count::one_phone(yes);
    let day_of = |ms: u64| house.calendar().day_of_unix_ms(ms);
    let (minute, of_day) = count::same_minute(yes, &day_of);
    let lost = count::after_leaving(items, month);
    let all = [
        one(RiskFlagKind::FewSayNo, said_no, ended, is_few),
        one(RiskFlagKind::BeyondPosts, beyond, announced, beyond > 0),
        one(RiskFlagKind::OnePhone, phone, 0, phone >= PERSONS_MIN),
        one(RiskFlagKind::SameMinute, minute, of_day, count::in_one_minute(minute, of_day)),
        one(RiskFlagKind::AfterLeaving, lost, 0, lost >= PERSONS_MIN),
    ];
    all.into_iter().filter(|one| one.counted > 0 || one.out_of > 0).collect()
}

/// What became of the items of which a message was logged since that day.
async fn items(
    conn: &mut Conn,
    house: &House,
    bond: &Bond,
    since: Day,
) -> Result<Vec<Item>, StoreError> {
    let since_ms = since.start_unix_ms(house.calendar().zone_offset_min());
    let mut found = Items::new();
    let mut terms: BTreeMap<[u8; 16], Vec<u8>> = BTreeMap::new();
    let mut placed = Vec::new();
    for side in [PartySide::A, PartySide::B] {
        let mut before = i64::MAX;
        loop {
            let rows = conn
                .rows(
                    "SELECT e.lane_seq, e.envelope, e.stored_ms, m.status, m.code FROM envelope e \
                     JOIN message m ON m.agreement_id = e.agreement_id AND m.lane = e.lane \
                     AND m.lane_seq = e.lane_seq WHERE e.agreement_id = $1 AND e.lane = $2 \
                     AND e.lane_seq < $3 ORDER BY e.lane_seq DESC LIMIT $4",
                    vec![
                        bond.id.to_vec().into(),
                        Lane::messages(side).number().into(),
                        before.into(),
                        PAGE.into(),
                    ],
                )
                .await?;
            for row in &rows {
                before = row.int(0)?;
                let counts = Standing::from_numbers(row.int(3)?, row.int(4)?);
                if row.uint(2)? < since_ms || matches!(counts, Standing::Refused(_)) {
                    continue;
                }
                let sealed = wire::Envelope::decode(row.bytes(1)?.as_slice())
                    .map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
                let Ok(message) = envelope::payload::<wire::Message>(&sealed) else { continue };
                let Some(leg) = LegId::from_slice(&message.leg_id) else { continue };
                if let Some(digest) = terms_named(&message) {
                    // Read from the end: the first one met is in force.
                    terms.entry(leg.0).or_insert(digest);
                }
                if is_placement(&message) {
                    placed.push(leg.0);
                }
                note(found.entry(leg.0).or_default(), &message, house);
            }
            let old = rows.last().map(|row| row.uint(2)).transpose()?;
            if rows.len() < PAGE as usize || old.is_some_and(|ms| ms < since_ms) {
                break;
            }
        }
    }
    for leg in placed {
        let employer = match terms.get(&leg) {
            Some(digest) => employer_of(conn, digest).await?,
            None => None,
        };
        if let Some(item) = found.get_mut(&leg) {
            item.placed_at = employer;
        }
    }
    Ok(found.into_values().collect())
}

/// What one message says about its item.
fn note(item: &mut Item, message: &wire::Message, house: &House) {
    let made_ms = message.header.as_ref().map_or(0, |header| header.created_unix_ms);
    let on = house.calendar().day_of_unix_ms(made_ms);
    item.case = message.case_id.as_slice().try_into().unwrap_or_default();
    item.job = message.service() == Service::Employment;
    let ty = message.r#type();
    item.ended |= matches!(
        ty,
        MessageType::Withdraw
            | MessageType::Decline
            | MessageType::Outcome
            | MessageType::Void
            | MessageType::Expire
            | MessageType::Return
    );
    item.said_no |= matches!(ty, MessageType::Withdraw | MessageType::Decline);
    let code = match &message.body {
        Some(Body::Return(body)) => body.code(),
        Some(_) | None => ReturnCode::Unspecified,
    };
    if item.job && code == ReturnCode::JobEnded {
        item.left_on = Some(on);
    }
    let own_wish = matches!(code, ReturnCode::HomeAgain | ReturnCode::FamilyLeaves);
    if ty == MessageType::Decline || ty == MessageType::Return && !own_wish {
        item.lost_on = Some(on);
    }
}

fn is_placement(message: &wire::Message) -> bool {
    let fulfilled = match &message.body {
        Some(Body::Outcome(outcome)) => outcome.not_realised == 0,
        Some(_) | None => false,
    };
    fulfilled && message.service() == Service::Employment
}

fn terms_named(message: &wire::Message) -> Option<Vec<u8>> {
    let digest = match &message.body {
        Some(Body::Accept(accept)) => &accept.terms_digest,
        Some(Body::Correct(correct)) => &correct.terms_digest,
        Some(_) | None => return None,
    };
    (!digest.is_empty()).then(|| digest.clone())
}

async fn employer_of(conn: &mut Conn, digest: &[u8]) -> Result<Option<String>, StoreError> {
    let sql = "SELECT bytes FROM terms WHERE digest = $1";
    let Some(row) = conn.maybe(sql, vec![digest.into()]).await? else { return Ok(None) };
    let terms = wire::Terms::decode(row.bytes(0)?.as_slice());
    Ok(Some(terms.map_err(|_| StoreError::Corrupt("terms.bytes"))?.employer_code))
}

/// The posts that each employer announced through these cities.
async fn posts(conn: &mut Conn, cities: &[&CityId]) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut found = BTreeMap::new();
    for city in cities {
        let sql = "SELECT v.posts, t.bytes FROM vacancy v JOIN terms t \
                   ON t.digest = v.terms_digest WHERE v.city = $1";
        for row in conn.rows(sql, vec![city.as_str().into()]).await? {
            let terms = wire::Terms::decode(row.bytes(1)?.as_slice())
                .map_err(|_| StoreError::Corrupt("terms.bytes"))?;
            *found.entry(terms.employer_code).or_default() += row.uint(0)?;
        }
    }
    Ok(found)
}

/// Every yes of a month that was given with the code on a phone, by agreement. A person's second yes
/// to the same item counts once.
async fn confirmed(
    conn: &mut Conn,
    house: &House,
    month: u32,
) -> Result<BTreeMap<AgreementId, Vec<Yes>>, StoreError> {
    let missing = StoreError::Corrupt("a month");
    let first = Day::from_number(month * 100 + 1).ok_or(missing)?;
    let since_ms = first.start_unix_ms(house.calendar().zone_offset_min());
    let sql = "SELECT c.env_digest, c.leg_id, c.given_ms, c.envelope FROM consent c \
               WHERE c.given_ms >= $1 AND (c.given_ms > $2 \
               OR (c.given_ms = $2 AND c.env_digest > $3)) \
               ORDER BY c.given_ms, c.env_digest LIMIT $4";
    let mut after = (0, Vec::new());
    let mut found: BTreeMap<AgreementId, BTreeMap<[u8; 16], Yes>> = BTreeMap::new();
    loop {
        let vals = vec![since_ms.into(), after.0.into(), after.1.clone().into(), PAGE.into()];
        let rows = conn.rows(sql, vals).await?;
        for row in &rows {
            after = (row.uint(2)?, row.bytes(0)?);
            let sealed = wire::Envelope::decode(row.bytes(3)?.as_slice())
                .map_err(|_| StoreError::Corrupt("consent.envelope"))?;
            let consent = envelope::payload::<wire::Consent>(&sealed);
            let Ok(consent) = consent else { continue };
            let at_ms = consent.given_unix_ms;
            if consent.method() != Method::PhoneCode
                || house.calendar().day_of_unix_ms(at_ms).number() / 100 != month
            {
                continue;
            }
            let leg = LegId(row.array(1)?);
            let Some(file) = store::legs::bare(conn, leg).await? else { continue };
            let Some(agreement) = file.bond.filter(|id| !id.is_local()) else { continue };
            let phone = phone_of(conn, house, &file).await?;
            let job = file.service == Service::Employment;
            let yes = Yes { at_ms, case: file.case.0, leg: leg.0, job, phone };
            found.entry(agreement).or_default().entry(leg.0).or_insert(yes);
        }
        if rows.len() < PAGE as usize {
            break;
        }
    }
    let flat = |(id, legs): (_, BTreeMap<_, _>)| (id, legs.into_values().collect());
    Ok(found.into_iter().map(flat).collect())
}

async fn phone_of(
    conn: &mut Conn,
    house: &House,
    file: &crate::legs::LegFile,
) -> Result<Option<[u8; 32]>, StoreError> {
    let Some(bytes) = vault::reveal(conn, house, file, &Place::of_contact(file)).await? else {
        return Ok(None);
    };
    let contact = wire::DraftPerson::decode(bytes.as_slice());
    let contact = contact.map_err(|_| StoreError::Corrupt("contact"))?;
    Ok((!contact.phone.is_empty()).then(|| phone_tag(house, &contact.phone)))
}
