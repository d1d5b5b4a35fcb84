//! Overrides of operators: changes of keys, a repair, a new epoch. Done once another post has
//! approved them; what cannot wait for anybody is written down as done by one person.

use super::{Wanted, unknown};
use crate::audit::Within;
use crate::batch::Batch;
use crate::command::Actor;
use crate::recovery;
use crate::rotation::is_emergency;
use crate::store::{Conn, Row, StoreError};
use crate::trouble::Outcome;
use jieli_proto::id::Digest;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;

/// A revocation of what is lost or stolen: the holder of the root key and the operator are two
/// people already, and a thief signs on while a third one is looked for.
const EMERGENCY: &str = "keys-emergency";
/// A manifest that lay in the directory when the node started.
const AT_START: &str = "keys-at-start";

impl Batch<'_> {
    /// The next own manifest from a desk: taken in where it cannot wait, else asked for. What waits.
    pub(crate) async fn change_keys(
        &mut self,
        actor: &Actor,
        sealed: &Envelope,
    ) -> Outcome<Option<wire::SecondView>> {
        let Some(next) = self.next_manifest(sealed)? else { return Ok(None) };
        let newest = self.directory.manifest().cloned();
        if newest.is_some_and(|newest| is_emergency(&newest, &next)) {
            self.by_one(actor, EMERGENCY, sealed).await?;
            return Ok(None);
        }
        self.may_install(&next).await?;
        Ok(Some(self.ask_second(actor, &Wanted::Keys(Box::new(sealed.clone()))).await?))
    }

    /// The manifest that the directory held at a start: nobody could be asked.
    pub(crate) async fn keys_at_start(&mut self, sealed: &Envelope) -> Outcome<()> {
        let Some(next) = self.next_manifest(sealed)? else { return Ok(()) };
        let newest = self.directory.manifest().cloned();
        let is_urgent = newest.is_some_and(|newest| is_emergency(&newest, &next));
        let kind = if is_urgent { EMERGENCY } else { AT_START };
        let nobody = Actor { office: String::new(), token: String::new() };
        self.by_one(&nobody, kind, sealed).await
    }

    async fn by_one(&mut self, actor: &Actor, kind: &str, sealed: &Envelope) -> Outcome<()> {
        let wanted = Wanted::Keys(Box::new(sealed.clone()));
        let shown = self.in_words(actor, &wanted).await?;
        self.install_manifest(sealed).await?;
        let done = self.new_request(actor, (kind, &wanted), shown, self.now_ms);
        self.keep_request(&done, self.now_ms).await?;
        let digest = Digest(done.shown_digest).hex();
        let about = format!("{} {digest} {kind} {}", hex::encode(done.id), actor.token);
        self.record("done without second eyes", about.as_bytes());
        Ok(())
    }

    /// What another post approved: a change of keys is done in this transaction. A repair takes
    /// many; it is begun here, and the approval is used up by [`Batch::end_override`].
    pub(crate) async fn begin_override(&mut self, actor: &Actor, id: &str) -> Outcome<Wanted> {
        let asked = self.request(id).await?;
        let sealed = || {
            let sealed = Envelope::decode(asked.payload.as_slice());
            sealed.map(Box::new).map_err(|_| StoreError::Corrupt("seconded.payload"))
        };
        let wanted = match asked.kind.as_str() {
            "keys" => Wanted::Keys(sealed()?),
            "repair" => Wanted::Repair,
            "new-epoch" => Wanted::NewEpoch(sealed()?),
            _ => return Err(unknown(id).into()),
        };
        if self.directory.recovering.is_some() && !wanted.is_of_recovery() {
            return Err(recovery::denied().into());
        }
        let found = self.approved(actor, id, &wanted).await?;
        if let Wanted::Keys(sealed) = &wanted {
            self.install_manifest(sealed).await?;
            self.used(&found).await?;
        } else {
            self.record("second eyes acted on", &found.id);
        }
        Ok(wanted)
    }

    /// The repair came to its end: the approval is used up.
    pub(crate) async fn end_override(&mut self, actor: &Actor, id: &str) -> Outcome<()> {
        let found = self.request(id).await?;
        if found.token != actor.token || found.approved_ms == 0 {
            return Err(unknown(id).into());
        }
        Ok(self.used(&found).await?)
    }
}

/// Overrides that were asked for in a period, the oldest first.
pub(crate) async fn overridden(
    conn: &mut Conn,
    within: Within,
) -> Result<Vec<wire::AuditOverride>, StoreError> {
    let sql = "SELECT request_id, kind, made_ms, token, approver_post, approved_ms, used_ms, \
               shown_digest FROM seconded WHERE kind <> 'export' AND made_ms >= $1 \
               AND made_ms < $2 ORDER BY made_ms, request_id";
    let read = |row: &Row| {
        Ok(wire::AuditOverride {
            id: hex::encode(row.bytes(0)?),
            kind: row.text(1)?,
            asked_unix_ms: row.uint(2)?,
            token: row.text(3)?,
            approver_post: row.text(4)?,
            approved_unix_ms: row.uint(5)?,
            done_unix_ms: row.uint(6)?,
            shown_digest: hex::encode(row.bytes(7)?),
        })
    };
    conn.rows(sql, vec![within.from_ms.into(), within.until_ms.into()])
        .await?
        .iter()
        .map(read)
        .collect()
}
