//! What belongs to a message or leg, between two cities and within one.

use super::{consent_is_over, decode, seal};
use crate::house::House;
use crate::legs::{Entry, LegFile, msg_id};
use crate::store::Conn;
use crate::trouble::Outcome;
use crate::vault;
use crate::writer::Published;
use jieli_proto::bundle::Bundle;
use jieli_proto::case::Side;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::section::SectionKind;
use jieli_proto::wire::{self, Envelope};

/// The consent that a message cites, if it cites one.
pub(super) async fn consent(conn: &mut Conn, bundle: &mut Bundle, digest: &[u8]) -> Outcome<()> {
    let known = |sealed: &Envelope| envelope::env_digest(sealed).0[..] == *digest;
    if digest.is_empty() || bundle.consents.iter().any(known) {
        return Ok(());
    }
    let sql = "SELECT envelope FROM consent WHERE env_digest = $1";
    let row = conn.maybe(sql, vec![digest.into()]).await?.ok_or_else(consent_is_over)?;
    bundle.consents.push(decode(&row.bytes(0)?)?);
    Ok(())
}

/// The sections of a message that are held here still, those that may be read.
pub(super) async fn sections(
    conn: &mut Conn,
    house: &House,
    bundle: &mut Bundle,
    (file, entry): (&LegFile, &Entry),
    reads: &(dyn Fn(&SectionKind) -> bool + Sync),
) -> Outcome<()> {
    let Some(message) = &entry.message else { return Ok(()) };
    let Some(msg) = msg_id(message) else { return Ok(()) };
    for slot in &message.section_digests {
        let Some(kind) = SectionKind::of(slot.section).filter(|kind| reads(kind)) else { continue };
        let found = vault::stored_section(conn, house, file, msg, kind.number).await?;
        bundle.sections.extend(found.map(|section| (entry.env_digest, section)));
    }
    Ok(())
}

/// This city's word on the last message of a side of a leg.
pub(super) async fn statement(
    house: &House,
    published: &Published,
    bundle: &mut Bundle,
    (file, side): (&LegFile, Side),
) -> Outcome<()> {
    let last = file.entries.iter().rfind(|entry| entry.side == side);
    let stated_unix_ms = house.world.clock.now_unix_ms();
    let statement = wire::LegStatement {
        leg_id: file.id.to_vec(),
        side: published.directory.city.as_str().to_owned(),
        last_leg_seq: last.map_or(0, |entry| entry.seq),
        last_env_digest: last.map_or(Digest::ZERO, |entry| entry.env_digest).to_vec(),
        stated_unix_ms,
    };
    bundle.envelopes.push(seal(house, published, stated_unix_ms, &statement).await?);
    Ok(())
}
