//! The sample of a period: which items a reviewer looks at, drawn from the log by a seed.

use super::{Period, Walk};
use crate::directory::Bond;
use crate::house::House;
use crate::legs::Standing;
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::{AgreementId, Digest, LegId};
use jieli_proto::sample::{draw, is_seed};
use jieli_proto::tree::Hash;
use jieli_proto::wire::{self, MessageType};

/// Items of one sample.
const SIZE_MAX: u32 = 1000;

/// What is drawn, and from how many.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) population: u64,
    pub(crate) drawn: Vec<Drawn>,
}

/// An item of a sample: the opening message of a leg.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) leg: LegId,
    leaf: Hash,
    env_digest: Digest,
    log_index: u64,
}

/// Draws from all legs whose OFFER or REQUEST was stored and belongs to the period.
pub(crate) async fn sample(
    conn: &mut Conn,
    house: &House,
    bond: &Bond,
    period: Period,
    asked: &wire::SampleRequest,
) -> Result<Sample, StoreError> {
    let mut all = Vec::new();
    let calendar = house.calendar();
    let mut walk = Walk::new(conn, bond.id, &calendar);
    loop {
        let page = walk.page().await?;
        if page.is_empty() {
            break;
        }
        for one in page {
            let Some(message) = one.message.filter(|_| period.holds(one.day)) else { continue };
            let opens = matches!(message.r#type(), MessageType::Offer | MessageType::Request);
            let is_stored = matches!(one.standing, Standing::Stored | Standing::Withheld);
            if let (true, true, Some(leg)) = (opens, is_stored, LegId::from_slice(&message.leg_id))
            {
                let (leaf, env_digest, log_index) = (one.leaf, one.env_digest, one.log_index);
                all.push(Drawn { leg, leaf, env_digest, log_index });
            }
        }
    }
    let leaves: Vec<Hash> = all.iter().map(|one| one.leaf).collect();
    let drawn = draw(&asked.seed, &leaves, asked.size as usize);
    let drawn = drawn.into_iter().map(|at| all[at].clone()).collect();
    Ok(Sample { population: all.len() as u64, drawn })
}

/// Whether seed and size can be drawn with.
pub(crate) fn check(asked: &wire::SampleRequest) -> Result<(), Denied> {
    if !is_seed(&asked.seed) {
        return Err(Denied::new(
            "BAD_SEED",
            "种子为 1 至 64 个可打印的英文字符，例如当众掷出的数字。",
            "A seed is 1 to 64 printable ASCII characters, such as numbers drawn in public.",
        ));
    }
    if asked.size == 0 || asked.size > SIZE_MAX {
        return Err(Denied::new(
            "BAD_SIZE",
            format!("样本为 1 至 {SIZE_MAX} 件。"),
            format!("A sample has 1 to {SIZE_MAX} items."),
        ));
    }
    Ok(())
}

/// The items with their case numbers.
pub(crate) async fn items(
    conn: &mut Conn,
    sample: &Sample,
) -> Result<Vec<wire::SampleItem>, StoreError> {
    let mut found = Vec::new();
    for one in &sample.drawn {
        let sql = "SELECT c.number, l.number, l.service FROM leg l \
                   JOIN case_file c ON c.case_id = l.case_id WHERE l.leg_id = $1";
        let Some(row) = conn.maybe(sql, vec![one.leg.to_vec().into()]).await? else { continue };
        found.push(wire::SampleItem {
            leaf_hash: hex::encode(one.leaf),
            log_index: one.log_index,
            env_digest: one.env_digest.hex(),
            case_number: row.text(0)?,
            leg: row.int(1)? as u32,
            service: row.int(2)? as i32,
        });
    }
    Ok(found)
}

/// Size and population of the sample that was drawn with a seed.
pub(crate) async fn drawn_before(
    conn: &mut Conn,
    agreement: AgreementId,
    period: Period,
    seed: &str,
) -> Outcome<(u64, u64)> {
    let sql = "SELECT size, population FROM audit_sample WHERE agreement_id = $1 \
               AND from_on = $2 AND to_on = $3 AND seed = $4 ORDER BY drawn_ms DESC LIMIT 1";
    let vals = vec![
        agreement.to_vec().into(),
        period.from.number().into(),
        period.to.number().into(),
        seed.into(),
    ];
    let row = conn.maybe(sql, vals).await?.ok_or_else(|| {
        Denied::new(
            "NO_SAMPLE",
            "这个协议、期间和种子没有抽过样本，请先 jieli audit sample。",
            "No sample was drawn for this agreement, period and seed: jieli audit sample first.",
        )
    })?;
    Ok((row.uint(0)?, row.uint(1)?))
}

/// The legs of a sample that was drawn before; an item that came into the period since changes it.
pub(crate) async fn drawn_again(
    conn: &mut Conn,
    house: &House,
    bond: &Bond,
    period: Period,
    seed: &str,
) -> Outcome<Vec<LegId>> {
    let (size, population) = drawn_before(conn, bond.id, period, seed).await?;
    let asked = wire::SampleRequest {
        seed: seed.to_owned(),
        size: u32::try_from(size).unwrap_or(SIZE_MAX),
        ..wire::SampleRequest::default()
    };
    let found = sample(conn, house, bond, period, &asked).await?;
    if found.population == population {
        return Ok(found.drawn.into_iter().map(|one| one.leg).collect());
    }
    Err(Denied::new(
        "SAMPLE_CHANGED",
        "抽样之后这个期间又有新事项，样本变了，请重新抽样再回访。",
        "Items came into this period since the sample was drawn: draw it again first.",
    )
    .into())
}

/// Seeds that were drawn with for this agreement and period, the first one first.
pub(crate) async fn seeds(
    conn: &mut Conn,
    bond: &Bond,
    period: Period,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT seed FROM audit_sample WHERE agreement_id = $1 AND from_on = $2 \
               AND to_on = $3 ORDER BY drawn_ms, sample_id";
    let vals =
        vec![bond.id.to_vec().into(), period.from.number().into(), period.to.number().into()];
    conn.rows(sql, vals).await?.iter().map(|row| row.text(0)).collect()
}
