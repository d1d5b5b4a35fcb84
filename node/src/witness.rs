//! Watches peers' logs: which heads they signed, whether these are one history, and their hashes,
//! kept for the day on which a peer has lost its own.

mod ages;
mod ask;
mod cosign;
mod findings;
mod gossip;
mod heads;
mod mirror;
mod quoted;

pub(crate) use ages::{Ages, cosigner_city, policy, warning};
pub use cosign::CosignWord;
pub(crate) use cosign::{
    cosigned_sizes, cosigner_keys, last_cosigned, manifests_of, own_cosigned, remember_cosigned,
    with_cosignatures,
};
pub use findings::Finding;
pub(crate) use findings::{ended, newest_findings};
pub(crate) use gossip::{Told, fits, news};
pub use heads::{Heads, LogHeads, Seen};
pub(crate) use heads::{newest, newest_of, open_head, open_signed};
pub use mirror::Stretch;

use crate::command::Command;
use crate::courier::TICK;
use crate::house::House;
use crate::store::Store;
use crate::writer::{Failure, Hand, Submitted};
use ask::Ask;
use jieli_proto::id::CityId;
use jieli_proto::wire;
use mirror::Mirror;
use std::collections::BTreeSet;
use std::fmt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the tasks of the witness share. Cheap to clone.
#[derive(Clone)]
pub struct Witness {
    /// To the writer.
    pub hand: Hand,
    /// The database.
    pub store: Store,
    /// Clock, post, settings.
    pub house: House,
    /// Where its tasks belong.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
}

impl Witness {
    /// Runs a task for every peer there is or will be, until it is stopped.
    pub async fn run(self) {
        let mut published = self.hand.watch();
        let mut known: BTreeSet<CityId> = BTreeSet::new();
        loop {
            let directory = published.borrow_and_update().directory.clone();
            for city in directory.peers.keys() {
                if known.insert(city.clone()) {
                    self.tasks.spawn(Mirror::new(self.clone(), city.clone()).run());
                    self.tasks.spawn(Ask::new(self.clone(), city.clone()).run());
                }
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                changed = published.changed() => if changed.is_err() { return },
                () = self.house.world.sleep.sleep(TICK) => {}
            }
        }
    }
}

/// Takes in what a peer has told of signed heads and findings, as far as it is new. Who answers it
/// waits for what is returned: what these heads prove is told in the same exchange.
pub(crate) fn hear(
    hand: &Hand,
    from: &CityId,
    heads: &wire::Heads,
) -> Result<Vec<Submitted>, Failure> {
    let news = news(&hand.published(), &heads.notes);
    let heard = (!news.is_empty()).then_some(Command::HeadsHeard(news));
    let told = heads.findings.iter().map(|file| Command::FindingHeard(from.clone(), file.clone()));
    heard.into_iter().chain(told).map(|command| hand.submit(command)).collect()
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}
