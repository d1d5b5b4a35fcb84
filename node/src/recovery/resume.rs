//! The log is whole again, or goes on in a new epoch: the statement is signed, the local log opens
//! its next epoch with it, and what persons had stopped meanwhile goes out first.

use super::{Cause, SizedRoot, nothing};
use crate::batch::Batch;
use crate::follow::WithdrawnBy;
use crate::store::log::{self, Log};
use crate::store::recovery::{self as rows, Statement};
use crate::store::{StoreError, recovery};
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::envelope;
use jieli_proto::id::CityId;
use jieli_proto::recovery::check_successor;
use jieli_proto::tree::empty_root;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;

/// What traffic is taken up again with.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// Who gave order, hashes and envelopes.
    pub sources: Vec<CityId>,
    /// The root's statement, where the log goes on in a new epoch.
    pub successor: Option<Envelope>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// Stops that went out.
    pub stops: u64,
    /// Of persons' stops those that could not be sent, with why.
    pub not_sent: Vec<String>,
}

/// Case numbers go on behind the next multiple: none that was given after the copy was made, and
/// is not known any more, is given to somebody else.
const NUMBERS_LEFT_OUT: i64 = 10_000;

fn not_whole() -> Trouble {
    Denied::new(
        "NOT_REBUILT",
        "日志还没有还原到已签署之处，不能恢复收发。",
        "The log is not back where it was signed: traffic cannot go on.",
    )
    .into()
}

impl Batch<'_> {
    /// Leaves a gap in the case numbers.
    pub(crate) async fn skip_numbers(&mut self) -> Result<(), StoreError> {
        let (year, _, _) = self.today.parts();
        let sql =
            "INSERT INTO case_counter (year, last) VALUES ($1, 0) ON CONFLICT (year) DO NOTHING";
        self.conn.run(sql, vec![year.into()]).await?;
        let sql = "UPDATE case_counter SET last = (last / $1 + 1) * $1";
        self.conn.run(sql, vec![NUMBERS_LEFT_OUT.into()]).await?;
        Ok(())
    }

    /// The exchange log goes on in the epoch that the root's statement names.
    pub(crate) async fn begin_epoch(&mut self, sealed: &Envelope) -> Outcome<()> {
        let state = self.directory.recovering.clone().ok_or_else(not_whole)?;
        let found = envelope::open::<wire::Successor>(sealed, &self.house.root);
        let succeeded = found.ok().and_then(|found| check_successor(&found).ok());
        let (head, city) = (self.head.clone(), self.directory.city.clone());
        let fits = succeeded.filter(|succeeded| {
            let old = (succeeded.old.size, succeeded.old.root.0);
            succeeded.city == city
                && succeeded.old_epoch == head.id.epoch
                && old == (head.size, head.root)
                && succeeded.new_epoch >= self.epochs.0
        });
        let Some(succeeded) = fits else {
            return Err(Denied::new(
                "BAD_SUCCESSOR",
                "这份声明不是本市根密钥为当前日志签署的，请重新运行 jieli repair --new-epoch。",
                "The statement is not one of this city's root about this very head: run `jieli \
                 repair --new-epoch` again.",
            )
            .into());
        };
        let statement = Statement {
            city,
            epoch: succeeded.old_epoch,
            head: (succeeded.old.size, succeeded.old.root.0),
            next_epoch: succeeded.new_epoch,
            sealed: sealed.clone(),
            digest: envelope::env_digest(sealed),
        };
        self.state_to_all(&statement).await?;
        self.record("new epoch", &sealed.encode_to_vec());
        self.exchange_epoch = Some(succeeded.new_epoch);
        let now = super::Recovering { cause: Cause::Behind, known: nothing(), ..state };
        rows::enter(self.conn, &now).await?;
        Ok(self.reload().await?)
    }

    async fn state_to_all(&mut self, statement: &Statement) -> Result<(), StoreError> {
        rows::keep_statement(self.conn, statement, self.now_ms).await?;
        let peers: Vec<CityId> = self.directory.peers.keys().cloned().collect();
        for city in peers {
            rows::owe(self.conn, &city, &statement.digest).await?;
            self.wake.insert(city);
        }
        Ok(())
    }

    /// Traffic goes on.
    pub(crate) async fn resume(&mut self, how: &Resume) -> Outcome<Resumed> {
        let state = self.directory.recovering.clone().ok_or_else(not_whole)?;
        let head = self.head.clone();
        let (size, root) = state.known;
        let forked = state.cause == Cause::Forked && how.successor.is_none();
        if forked || head.size < size {
            return Err(not_whole());
        }
        if size > 0 && log::root_at(self.conn, head.id, size).await? != root {
            return Err(not_whole());
        }
        if how.successor.is_none() {
            let statement =
                self.recovered(how, state.found_size, (head.size, head.root), state.known);
            let statement = statement.await?;
            self.state_to_all(&statement).await?;
            self.record("recovery", &statement.sealed.encode_to_vec());
        }
        self.next_local(state.found_local).await?;
        rows::leave(self.conn).await?;
        self.resumed = true;
        self.reload().await?;
        self.send_stops().await
    }

    /// The signed statement about the exchange log.
    async fn recovered(
        &mut self,
        how: &Resume,
        found_size: u64,
        rebuilt: SizedRoot,
        known: SizedRoot,
    ) -> Result<Statement, StoreError> {
        let (city, epoch) = (self.directory.city.clone(), self.head.id.epoch);
        let origin = city.exchange_origin(epoch);
        let sources = how.sources.iter().map(|city| city.as_str().to_owned()).collect();
        let sealed = self.sign_recovery(origin, found_size, rebuilt, known, sources).await?;
        let digest = envelope::env_digest(&sealed);
        Ok(Statement { city, epoch, head: rebuilt, next_epoch: 0, sealed, digest })
    }

    async fn sign_recovery(
        &mut self,
        origin: String,
        found_size: u64,
        rebuilt: SizedRoot,
        known: SizedRoot,
        sources: Vec<String>,
    ) -> Result<Envelope, StoreError> {
        let statement = wire::Recovery {
            city_id: self.directory.city.as_str().to_owned(),
            origin,
            found_size,
            rebuilt_size: rebuilt.0,
            rebuilt_root: rebuilt.1.to_vec(),
            sources,
            recovered_unix_ms: self.now_ms,
            known_size: known.0,
            known_root: known.1.to_vec(),
        };
        let keys = self.directory.log_keys();
        let sealed = self.house.keys.seal(&keys, &statement).await;
        sealed.map_err(|_| StoreError::Corrupt("log key"))
    }

    /// The local log opens its next epoch; its first record names where the last one ended, and
    /// where it had been signed to. What was kept meanwhile follows, in its order.
    async fn next_local(&mut self, found: u64) -> Result<(), StoreError> {
        let local = log::head(self.conn, Log::Local).await?;
        let local = local.ok_or(StoreError::Corrupt("log_head"))?;
        let root = match found.min(local.size) {
            0 => empty_root(),
            size => log::root_at(self.conn, local.id, size).await?,
        };
        let origin = self.directory.city.local_origin(local.id.epoch);
        let last = (found.min(local.size), root);
        let file = self.local_mark.unwrap_or(last);
        let sealed = self.sign_recovery(origin, last.0, last, file, Vec::new()).await?;
        let epoch = self.epochs.1.max(local.id.epoch + 1);
        self.local_epoch = Some(epoch);
        let last = std::mem::take(&mut self.records);
        self.record("local log goes on", &sealed.encode_to_vec());
        self.records.extend(recovery::take_records(self.conn).await?);
        self.records.extend(last);
        recovery::place_erasures(self.conn, epoch).await?;
        Ok(())
    }

    /// What persons stopped while nothing could be sent goes out before all else.
    async fn send_stops(&mut self) -> Outcome<Resumed> {
        let mut done = Resumed { stops: 0, not_sent: Vec::new() };
        for (leg, desk) in rows::take_stops(self.conn).await? {
            let Some(mut file) = self.take_leg(leg).await? else { continue };
            let by = match desk.is_empty() {
                true => WithdrawnBy::Person,
                false => WithdrawnBy::Desk(desk),
            };
            match self.withdraw(&mut file, &by).await {
                Ok(_) => done.stops += 1,
                Err(Trouble::Store(error)) => return Err(error.into()),
                Err(Trouble::Denied(denied)) => {
                    let case = crate::store::legs::case_by_id(self.conn, file.case).await?;
                    let case = case.map_or(String::new(), |case| case.number);
                    done.not_sent.push(format!("{case}/{}: {denied}", file.number));
                }
            }
        }
        Ok(done)
    }
}
