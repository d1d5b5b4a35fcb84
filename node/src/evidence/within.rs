//! The copy of a case within one city: what its offices said to each other, signed by the city
//! alone. Complete by two statements about each leg, one for each office's lane.

use super::{Exported, PRODUCT, Part, build_bundle, decode, seal};
use crate::house::House;
use crate::legs::{Entry, LegFile};
use crate::store::{Conn, StoreError};
use crate::trouble::Outcome;
use crate::vault;
use crate::writer::Published;
use jieli_proto::bundle::Bundle;
use jieli_proto::case::Side;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::section::SectionKind;
use jieli_proto::wire::{self, Envelope};

/// What is being gathered.
struct Copy<'a> {
    conn: &'a mut Conn,
    house: &'a House,
    published: &'a Published,
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
    let mut copy = Copy { conn, house, published, bundle };
    let law = directory.within_city(Side::Initiator).live.into_values().next();
    let law = law.ok_or(StoreError::Corrupt("the city's own offices"))?;
    let law = law.in_zone(house.calendar.zone_offset_min());
    let offices = seal(house, published, house.world.clock.now_unix_ms(), &law.wire).await?;
    copy.bundle.agreements.push(offices);
    for file in files {
        for entry in &file.entries {
            copy.message(file, entry, part).await?;
        }
        for side in Side::BOTH {
            copy.statement(file, side).await?;
        }
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
        self.consent(&message.consent_digest).await?;
        match part {
            Part::Own(_) => self.sections(file, entry, message).await?,
            Part::Bare | Part::Sections => {}
        }
        Ok(())
    }

    async fn consent(&mut self, digest: &[u8]) -> Outcome<()> {
        let known = |sealed: &Envelope| envelope::env_digest(sealed).0[..] == *digest;
        if digest.is_empty() || self.bundle.consents.iter().any(known) {
            return Ok(());
        }
        let sql = "SELECT envelope FROM consent WHERE env_digest = $1";
        let row = self.conn.one(sql, vec![digest.into()]).await?;
        self.bundle.consents.push(decode(&row.bytes(0)?)?);
        Ok(())
    }

    /// What was entered by either office: the person reads both.
    async fn sections(
        &mut self,
        file: &LegFile,
        entry: &Entry,
        message: &wire::Message,
    ) -> Outcome<()> {
        let Some(msg) = crate::legs::msg_id(message) else { return Ok(()) };
        let city = self.published.directory.city.as_str().to_owned();
        let file = file.seen_from(entry.side);
        for slot in &message.section_digests {
            let Some(kind) = SectionKind::of(slot.section) else { continue };
            let keys = &self.house.keys;
            let found =
                vault::stored_section(self.conn, keys, &city, &file, msg, kind.number).await?;
            if let Some(section) = found {
                self.bundle.sections.push((entry.env_digest, section));
            }
        }
        Ok(())
    }

    /// The city's word on the last message of a side of a leg.
    async fn statement(&mut self, file: &LegFile, side: Side) -> Outcome<()> {
        let last = file.entries.iter().rfind(|entry| entry.side == side);
        let statement = wire::LegStatement {
            leg_id: file.id.to_vec(),
            side: self.published.directory.city.as_str().to_owned(),
            last_leg_seq: last.map_or(0, |entry| entry.seq),
            last_env_digest: last.map_or(Digest::ZERO, |entry| entry.env_digest).to_vec(),
            stated_unix_ms: self.house.world.clock.now_unix_ms(),
        };
        let now_ms = statement.stated_unix_ms;
        let sealed = seal(self.house, self.published, now_ms, &statement).await?;
        self.bundle.envelopes.push(sealed);
        Ok(())
    }
}
