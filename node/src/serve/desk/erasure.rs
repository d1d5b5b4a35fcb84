//! Erasure, holds and the key ring, for a desk.

use super::{Answer, DeskCommand, DeskDoor, Done};
use crate::holds;
use crate::serve::access::Caller;
use crate::serve::answer::odd;
use crate::trouble::Denied;
use jieli_proto::wire;

impl DeskDoor {
    pub(super) async fn erased(
        &self,
        caller: &Caller,
        request: wire::EraseRequest,
    ) -> Answer<wire::EraseReply> {
        let done = self.perform(caller, DeskCommand::Erase(request)).await?;
        let Done::Erased(reply) = done else { return Err(odd()) };
        Ok(reply)
    }

    pub(super) async fn held(
        &self,
        caller: &Caller,
        command: DeskCommand,
    ) -> Answer<wire::HoldList> {
        let Done::Holds(list) = self.perform(caller, command).await? else { return Err(odd()) };
        Ok(list)
    }

    pub(super) async fn holds(&self, request: wire::HoldsRequest) -> Answer<wire::HoldList> {
        let mut conn = self.store.read().await?;
        Ok(holds::list(&mut conn, request.case_number.trim()).await?)
    }

    pub(super) async fn ring_backup(&self) -> Answer<wire::KeyringBackup> {
        let world = &self.house.world;
        let (entropy, now_ms) = (world.entropy.as_ref(), world.clock.now_unix_ms());
        let kept = self.house.ring.back_up(&self.house.keys, entropy, now_ms).await;
        let kept = kept.map_err(|error| {
            tracing::error!(%error, "the key ring was not backed up");
            Denied::new(
                "NOT_BACKED_UP",
                "密钥环备份没有写成，请看节点日志。",
                "The key ring was not backed up: see the node's log.",
            )
        })?;
        let file = kept.file.display().to_string();
        Ok(wire::KeyringBackup { file, keys: kept.keys, epoch: kept.epoch })
    }
}
