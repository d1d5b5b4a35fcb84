//! What is gone: by the other city's ERASE CONFIRM, and by the tombstones of the own local log, each
//! with its proof at the earliest cosigned head that covers it.

use super::proofs::{cosigned, first_cosigned};
use crate::house::House;
use crate::legs::{Entry, LegFile, Standing};
use crate::store::log::{self, Head, Log, LogId};
use crate::store::{Conn, StoreError};
use crate::writer::{Published, sign};
use jieli_proto::bundle::{Bundle, Erasure};
use jieli_proto::id::LegId;
use jieli_proto::note::Note;
use jieli_proto::proof::Proof;
use jieli_proto::section::SectionKind;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{EffectScope, Message};

/// Sections of a message whose contents an ERASE CONFIRM of the leg says are gone.
pub(super) fn confirmed(bundle: &mut Bundle, file: &LegFile, entry: &Entry, message: &Message) {
    for confirm in &file.entries {
        let refused = matches!(confirm.standing, Standing::Refused(_));
        let body = confirm.message.as_ref().and_then(|message| message.body.as_ref());
        let Some(Body::EraseConfirm(body)) = body.filter(|_| !refused) else { continue };
        if body.scope() != EffectScope::Erased {
            continue;
        }
        for slot in &message.section_digests {
            let Some(kind) = SectionKind::of(slot.section) else { continue };
            let known = bundle.erasures.iter().any(|erasure| {
                erasure.message == entry.env_digest && erasure.section == kind.number
            });
            if body.digests.contains(&slot.digest) && !known {
                bundle.erasures.push(Erasure {
                    message: entry.env_digest,
                    section: kind.number,
                    confirm: confirm.env_digest,
                });
            }
        }
    }
}

/// The tombstones of a leg that name sections of its messages, as far as a signed head covers them.
pub(super) async fn tombstones(
    conn: &mut Conn,
    house: &House,
    published: &Published,
    file: &LegFile,
) -> Result<Vec<Proof>, StoreError> {
    let mut found = Vec::new();
    for (id, index) in places(conn, file.id, file).await? {
        let Some((size, note)) = head(conn, house, published, id, index).await? else { continue };
        let row = log::leaf(conn, id, index).await?;
        let row = row.ok_or(StoreError::Corrupt("tombstone.log_idx"))?;
        let hashes = log::inclusion(conn, id, index, size).await?;
        found.push(Proof { extra: row.data, index, hashes, note });
    }
    Ok(found)
}

async fn places(
    conn: &mut Conn,
    leg: LegId,
    file: &LegFile,
) -> Result<Vec<(LogId, u64)>, StoreError> {
    let messages = || file.entries.iter().filter_map(|entry| entry.message.as_ref());
    let sql = "SELECT log_epoch, log_idx, section_digests FROM tombstone WHERE leg_id = $1 \
               AND log_epoch > 0 ORDER BY log_epoch, log_idx";
    let mut found = Vec::new();
    for row in conn.rows(sql, vec![leg.to_vec().into()]).await? {
        let digests = row.bytes(2)?;
        let names = |message: &Message| {
            let mut slots = message.section_digests.iter();
            slots.any(|slot| digests.chunks(32).any(|digest| digest == slot.digest))
        };
        if messages().any(names) {
            let epoch = u32::try_from(row.int(0)?).map_err(|_| StoreError::Corrupt("tombstone"))?;
            found.push((LogId { log: Log::Local, epoch }, row.uint(1)?));
        }
    }
    Ok(found)
}

/// The head that proves a record of the local log: the earliest that another city has cosigned,
/// else the last of its epoch.
async fn head(
    conn: &mut Conn,
    house: &House,
    published: &Published,
    id: LogId,
    index: u64,
) -> Result<Option<(u64, Note)>, StoreError> {
    let directory = &published.directory;
    let origin = directory.city.local_origin(id.epoch);
    let (last, checkpoint): (Head, String) = if published.local.id == id {
        (published.local.clone(), published.local_checkpoint.clone())
    } else {
        let closed = log::closed(conn, Log::Local).await?;
        let closed = closed.into_iter().find(|head| head.id == id);
        let closed = closed.ok_or(StoreError::Corrupt("tombstone.log_epoch"))?;
        let note = sign(house, directory, &closed).await?;
        (closed, note)
    };
    let found = first_cosigned(conn, &origin, index, last.size).await?;
    let (size, note) = found.unwrap_or((last.size, checkpoint));
    if index >= size {
        return Ok(None);
    }
    Ok(Some((size, cosigned(conn, &origin, size, &note).await?)))
}
