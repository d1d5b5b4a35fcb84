//! What a batch comes to when all its commands are done.

use crate::batch::Batch;
use crate::directory::Directory;
use crate::keyring::Work;
use crate::store::log::{self, Claim, Edge, Head, Log, LogId};
use crate::store::{StoreError, Tx};
use crate::witness::{Finding, Seen};
use jieli_proto::id::CityId;
use jieli_proto::tree::Hash;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a batch leaves to be written with the heads.
pub(super) struct End {
    pub(super) directory: Arc<Directory>,
    pub(super) edges: (Edge, Edge),
    pub(super) old_local: Head,
    pub(super) directory_changed: bool,
    pub(super) exchange_epoch: Option<u32>,
    pub(super) local_epoch: Option<u32>,
    pub(super) resumed: bool,
    /// The head at which this batch closed an epoch.
    pub(super) closed: Option<Head>,
    pub(super) wake: BTreeSet<CityId>,
    pub(super) ring: Work,
    pub(super) heads: BTreeMap<String, Vec<Seen>>,
    pub(super) mirrored: BTreeMap<String, u64>,
    pub(super) cosigned: Vec<(String, u64, Hash)>,
    pub(super) own_cosigned: Option<Option<Seen>>,
    pub(super) findings: Vec<Finding>,
}

pub(super) async fn finish(
    mut batch: Batch<'_>,
    directory: Arc<Directory>,
    mut edges: (Edge, Edge),
    old_local: Head,
) -> Result<End, StoreError> {
    batch.flush().await?;
    let (exchange_epoch, local_epoch) = (batch.exchange_epoch, batch.local_epoch);
    if let Some(epoch) = exchange_epoch {
        edges.0 = Edge::new(LogId { log: Log::Exchange, epoch });
    }
    if let Some(epoch) = local_epoch {
        edges.1 = Edge::new(LogId { log: Log::Local, epoch });
    }
    for leaf in std::mem::take(&mut batch.leaves) {
        edges.0.push(leaf)?;
    }
    for record in std::mem::take(&mut batch.records) {
        edges.1.push(record)?;
    }
    let directory_changed = batch.directory_changed;
    let directory = if directory_changed {
        let mut changed = batch.directory;
        changed.generation += 1;
        Arc::new(changed)
    } else {
        directory
    };
    let (resumed, wake, heads) = (batch.resumed, batch.wake, batch.heads);
    let (ring, mirrored, findings) = (batch.ring, batch.mirrored, batch.findings);
    let (cosigned, own_cosigned) = (batch.cosigned, batch.own_cosigned);
    Ok(End {
        directory,
        edges,
        old_local,
        directory_changed,
        exchange_epoch,
        local_epoch,
        resumed,
        closed: None,
        wake,
        ring,
        heads,
        mirrored,
        cosigned,
        own_cosigned,
        findings,
    })
}

impl End {
    pub(super) async fn write(
        &mut self,
        tx: &mut Tx<'_>,
        claim: &Claim,
    ) -> Result<(Head, Head), StoreError> {
        // What is written here must not be written again by the next batch.
        self.edges.0.write(tx).await?;
        self.edges.1.write(tx).await?;
        let generation = claim.head.generation + u64::from(self.directory_changed);
        let mut before = claim.head.clone();
        if let Some(epoch) = self.exchange_epoch {
            // It counts the generation on by one, as the changed directory does.
            self.closed = Some(before.clone());
            before = log::open_epoch(tx, &before, epoch).await?;
        }
        let exchange = self.edges.0.head(generation);
        if exchange != before {
            log::store_head(tx, &before, &exchange).await?;
        }
        let mut before = self.old_local.clone();
        if let Some(epoch) = self.local_epoch {
            before = log::open_epoch(tx, &before, epoch).await?;
        }
        let local = self.edges.1.head(before.generation);
        if local != before {
            log::store_head(tx, &before, &local).await?;
        }
        Ok((exchange, local))
    }
}
