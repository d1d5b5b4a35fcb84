//! The copy of a case within one city: what its offices said to each other, signed by the city
//! alone. Complete by two statements about each leg, one for each office's lane.

use super::{Exported, PRODUCT, Part, build_bundle, decode, erased, parts, seal};
use crate::house::House;
use crate::legs::{Entry, LegFile};
use crate::store::{Conn, StoreError};
use crate::trouble::Outcome;
use crate::writer::Published;
use jieli_proto::bundle::Bundle;
use jieli_proto::case::Side;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::section::SectionKind;

/// What is being gathered.
struct Copy<'a> {
    conn: &'a mut Conn,
    house: &'a House,
    bundle: Bundle,
}

/// Builds the copy of these legs.
pub(super) async fn copy(
    conn: &mut Conn,
    house: &House,
    published: &Published,
    files: &[LegFile],
    part: &Part,
) -> Outcome<Exported> {
    let directory = &published.directory;
    let bundle = Bundle {
        product: PRODUCT.to_owned(),
        roots: vec![house.root],
        manifests: directory.own.values().map(|manifest| manifest.envelope.clone()).collect(),
        ..Bundle::default()
    };
    let mut copy = Copy { conn, house, bundle };
    let law = directory.within_city(Side::Initiator).live.into_values().next();
    let law = law.ok_or(StoreError::Corrupt("the city's own offices"))?;
    let law = law.in_zone(house.calendar().zone_offset_min());
    let offices = seal(house, published, house.world.clock.now_unix_ms(), &law.wire).await?;
    copy.bundle.agreements.push(offices);
    for file in files {
        for entry in &file.entries {
            copy.message(file, entry, part).await?;
        }
        for side in Side::BOTH {
            parts::statement(house, published, &mut copy.bundle, (file, side)).await?;
        }
        let erased = erased::tombstones(copy.conn, house, published, file).await?;
        copy.bundle.tombstones.extend(erased);
    }
    build_bundle(&copy.bundle, Vec::new())
}

impl Copy<'_> {
    /// A message with its consent, and with its sections where the copy is the person's own.
    async fn message(&mut self, file: &LegFile, entry: &Entry, part: &Part) -> Outcome<()> {
        let lane = Lane::messages(match entry.side {
            Side::Initiator => PartySide::A,
            Side::Examiner => PartySide::B,
        });
        let sql = "SELECT envelope FROM local_envelope WHERE lane = $1 AND lane_seq = $2";
        let vals = vec![i64::from(lane.number()).into(), entry.lane_seq.into()];
        let row = self.conn.one(sql, vals).await?;
        self.bundle.envelopes.push(decode(&row.bytes(0)?)?);
        let Some(message) = &entry.message else { return Ok(()) };
        let bundle = &mut self.bundle;
        parts::consent(self.conn, bundle, &message.consent_digest).await?;
        // What was entered by either office: the person reads both.
        let file = file.seen_from(entry.side);
        let reads = |_: &SectionKind| matches!(part, Part::Own(_));
        parts::sections(self.conn, self.house, bundle, (&file, entry), &reads).await
    }
}
