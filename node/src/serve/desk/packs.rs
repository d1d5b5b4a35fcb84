//! Packs as operators see them.

use super::{Answer, DeskDoor, odd};
use crate::command::{DeskCommand, Done};
use crate::packs::line;
use crate::serve::access::Caller;
use crate::shelf::Held;
use crate::store::packs;
use crate::trouble::Denied;
use jieli_proto::wire;
use std::sync::Arc;

impl DeskDoor {
    /// All that is held, built in or signed.
    pub(super) fn packs(&self) -> wire::PackList {
        let shelf = self.house.shelf();
        let packs = shelf.held().iter().map(|held| line(held, shelf.held())).collect();
        wire::PackList { packs }
    }

    /// One of them with its content, by name or the beginning of its digest; without a version the
    /// newest, and of two cities' packs of one name our own, then the one built in.
    pub(super) async fn pack(&self, asked: &wire::PackRef) -> Answer<wire::PackView> {
        let shelf = self.house.shelf();
        let name = asked.name.trim();
        let is_digest = name.len() >= 8 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let named = |held: &&Arc<Held>| {
            let title = held.content.title();
            let by_digest = is_digest && held.digest.is_some_and(|d| d.hex().starts_with(name));
            let version = asked.version == 0 || asked.version == title.version;
            version && (title.name == name || by_digest)
        };
        let rank = |held: &Arc<Held>| {
            let own = held.city.as_ref() == Some(&self.house.config.city.id);
            (own, held.city.is_none(), held.content.title().version)
        };
        let found = shelf.held().iter().filter(named).max_by_key(|held| rank(held));
        let found = found
            .ok_or_else(|| Denied::no_such(&format!("数据包 {name}"), &format!("pack {name}")))?;
        let mut conn = self.store.read().await?;
        let envelope = match &found.digest {
            Some(digest) => packs::by_digest(&mut conn, digest).await?,
            None => None,
        };
        let line = Some(line(found, shelf.held()));
        Ok(wire::PackView { line, content: found.content.to_json(), envelope })
    }

    pub(super) async fn pack_imported(
        &self,
        caller: &Caller,
        request: wire::ImportPackRequest,
    ) -> Answer<wire::PackLine> {
        let done = self.perform(caller, DeskCommand::ImportPack(request)).await?;
        let Done::Pack(line) = done else { return Err(odd()) };
        Ok(line)
    }
}
