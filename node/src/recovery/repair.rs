//! `jieli repair`: asks the peers, puts everything in order, and only if that leads to what this
//! city signed lets the writer put it back.

use super::collect::{Missing, Ordered, Said, collect};
use super::replay::answers;
use super::{Answers, Cause, Found, Greeted, Recovering, Resume, greet_all, held_of};
use crate::command::{Command, Done};
use crate::house::House;
use crate::store::Store;
use crate::store::log::Edge;
use crate::trouble::{Denied, Trouble};
use crate::writer::{Failure, Hand, Published};
use jieli_proto::envelope;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::recovery::check_successor;
use jieli_proto::tree::{Frontier, leaf_hash};
use jieli_proto::wire::{self, Envelope, RepairReply, SuccessorReason};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Leaves put back in one transaction.
const AT_ONCE: usize = 128;

/// What a repair came to, as the desk tells it.
pub type Report = RepairReply;

/// What the peers gave, and what it leads to.
struct Look {
    state: Recovering,
    ordered: Ordered,
    answers: Arc<Answers>,
    said: Said,
    silent: Vec<CityId>,
    /// The tree with everything that can be put back.
    reached: Frontier,
    origin: String,
    epoch: u32,
}

/// What a repair would come to; changes nothing. Names what the root would have to sign if the
/// history cannot be rebuilt.
pub async fn plan(hand: &Hand, store: &Store, house: &House) -> Result<Report, Trouble> {
    let Some(look) = look(hand, store, house).await? else { return Ok(nothing_to_do(hand)) };
    let mut report = look.report(false);
    let now_ms = house.world.clock.now_unix_ms();
    let last = hand.published().epochs.0;
    report.successor = Some(wire::Successor {
        city_id: house.config.city.id.as_str().to_owned(),
        old_origin: look.origin.clone(),
        old_size: look.reached.size(),
        old_root: look.reached.root().to_vec(),
        new_origin: house.config.city.id.exchange_origin(last.max(look.epoch + 1)),
        declared_unix_ms: now_ms,
        reason: SuccessorReason::HistoryLost.into(),
    });
    Ok(report)
}

/// Rebuilds the log and takes traffic up again; with the root's statement also where the history
/// cannot be rebuilt whole. What cannot be done changes nothing.
pub async fn repair(
    hand: &Hand,
    store: &Store,
    house: &House,
    successor: Option<Envelope>,
) -> Result<Report, Trouble> {
    let _alone = hand.alone_in_repair().await;
    let Some(look) = look(hand, store, house).await? else { return Ok(nothing_to_do(hand)) };
    look.may_be_believed()?;
    match &successor {
        None if look.ordered.missing.is_some() => return Ok(look.report(false)),
        None => {}
        Some(sealed) => look.fits(sealed, house)?,
    }
    let answers = &look.answers;
    let mut first = true;
    put_back(hand, &look.ordered.leaves, answers, &mut first).await?;
    // Without a file nobody knows an order beyond what peers have seen; in a new epoch none counts.
    if let Some(sealed) = &successor {
        perform(hand, Command::BeginEpoch(Box::new(sealed.clone()))).await?;
    }
    if successor.is_some() || look.state.file.0 == 0 {
        let rest = in_their_order(&look.ordered.rest, answers);
        put_back(hand, &rest, answers, &mut first).await?;
    }
    let how = Resume { sources: look.ordered.sources.clone(), successor };
    let done = perform(hand, Command::Resume(Box::new(how))).await?;
    let mut report = look.report(true);
    let head = hand.published().exchange.clone();
    (report.rebuilt_size, report.rebuilt_root) = (head.size, hex::encode(head.root));
    report.origin = house.config.city.id.exchange_origin(head.id.epoch);
    if let Done::Resumed(resumed) = done {
        if resumed.stops > 0 {
            let stops = resumed.stops;
            report.notes.push(format!(
                "期间收到的 {stops} 项停止请求已最先发出。 {stops} stops taken down meanwhile went \
                 out first."
            ));
        }
        report.notes.extend(resumed.not_sent);
    }
    Ok(report)
}

/// A node that starts behind what it signed tries at once, where that is safe: the high-water file
/// says how far it has to come, or every peer was asked.
pub(crate) async fn at_start(hand: Hand, store: Store, house: House) {
    let Some(state) = hand.published().directory.recovering.clone() else { return };
    let tried = match state.cause {
        Cause::Behind if state.file.0 > 0 => repair(&hand, &store, &house, None).await,
        Cause::NoFile => only_if_all_answer(&hand, &store, &house).await,
        Cause::Behind | Cause::Forked => return,
    };
    match tried {
        Ok(report) => tracing::warn!(done = report.done, what = report.say_en, "recovery"),
        Err(error) => tracing::warn!(%error, "recovery waits for `jieli repair`"),
    }
}

async fn only_if_all_answer(hand: &Hand, store: &Store, house: &House) -> Result<Report, Trouble> {
    let looked = look(hand, store, house).await?;
    match looked {
        Some(look) if look.silent.is_empty() => repair(hand, store, house, None).await,
        Some(look) => Ok(look.report(false)),
        None => Ok(nothing_to_do(hand)),
    }
}

async fn perform(hand: &Hand, command: Command) -> Result<Done, Trouble> {
    hand.perform(command).await.map_err(|failure| match failure {
        Failure::Denied(denied) => Trouble::Denied(denied),
        Failure::Busy(what) => Denied::new(
            "BUSY",
            format!("节点忙（{what}），请再运行一次 jieli repair。"),
            format!("The node is busy ({what}): run `jieli repair` again."),
        )
        .into(),
    })
}

async fn put_back(
    hand: &Hand,
    leaves: &[Found],
    answers: &Arc<Answers>,
    first: &mut bool,
) -> Result<(), Trouble> {
    for chunk in leaves.chunks(AT_ONCE) {
        let skip = std::mem::take(first);
        perform(hand, Command::Rebuild(chunk.to_vec(), Arc::clone(answers), skip)).await?;
    }
    Ok(())
}

/// Greets everybody and collects; `None` where nothing is to be repaired.
async fn look(hand: &Hand, store: &Store, house: &House) -> Result<Option<Look>, Trouble> {
    let published = hand.published();
    if published.directory.recovering.is_none() {
        return Ok(None);
    }
    let mut conn = store.read().await?;
    let directory = &published.directory;
    let mut held = BTreeMap::new();
    for (city, peer) in &directory.peers {
        held.insert(city.clone(), held_of(&mut conn, peer).await?);
    }
    let said = greet_all(house, &mut conn, directory, &published.exchange).await?;
    drop(conn);
    for (city, reply) in &said {
        let held = held.get(city).copied().unwrap_or(0);
        let heard = Box::new(Greeted::answered(reply, held));
        perform(hand, Command::Greeted(city.clone(), heard)).await?;
    }
    let published: Arc<Published> = hand.published();
    let directory = &published.directory;
    let Some(state) = directory.recovering.clone() else { return Ok(None) };
    let reached = |city: &CityId| said.iter().any(|(other, _)| other == city);
    let silent = directory.peers.keys().filter(|city| !reached(city)).cloned().collect();
    let mut conn = store.read().await?;
    let edge = Edge::load(&mut conn, &published.exchange).await?;
    let post = &house.world.post;
    let mut ordered = collect(&mut conn, post, directory, &state, &edge, &said).await?;
    let all: Vec<Found> = ordered.leaves.iter().chain(&ordered.rest).cloned().collect();
    let answers = Arc::new(answers(&all));
    ordered.end_before_unanswered(&answers, edge.frontier().size());
    let mut frontier = edge.frontier().clone();
    for found in &ordered.leaves {
        frontier.append(leaf_hash(&found.leaf)).map_err(crate::store::StoreError::from)?;
    }
    let epoch = published.exchange.id.epoch;
    let origin = directory.city.exchange_origin(epoch);
    Ok(Some(Look { state, ordered, answers, said, silent, reached: frontier, origin, epoch }))
}

fn nothing_to_do(hand: &Hand) -> Report {
    let head = hand.published().exchange.clone();
    Report {
        done: true,
        say_zh: "无需还原：日志完整，收发正常。".to_owned(),
        say_en: "Nothing to repair: the log is whole and traffic goes on.".to_owned(),
        found_size: head.size,
        known_size: head.size,
        rebuilt_size: head.size,
        rebuilt_root: hex::encode(head.root),
        ..Report::default()
    }
}

impl Look {
    /// Whether what is known of the signed log is enough to go by.
    fn may_be_believed(&self) -> Result<(), Trouble> {
        if self.state.cause == Cause::Forked || self.ordered.missing == Some(Missing::NotABeginning)
        {
            return Err(Denied::new(
                "FORKED",
                "数据库的内容不是已签署日志的开头：请先停止节点，放回分叉之前的备份（高水位文件保留不动），再运行 jieli repair。",
                "The database is not the beginning of the log that was signed: stop the node, put \
                 back a backup from before the two parted (leave the high-water file as it is), \
                 and run `jieli repair` again.",
            )
            .into());
        }
        if self.state.file.0 == 0 && self.state.cause == Cause::NoFile && self.said.is_empty() {
            return Err(Denied::new(
                "NO_PEER",
                "没有高水位文件，也没有联系上任何伙伴城市：请放回文件，或等伙伴城市可以联系时再试。",
                "There is no high-water file and no peer was reached: put the file back, or try \
                 again when a peer can be reached.",
            )
            .into());
        }
        Ok(())
    }

    /// Whether the root's statement is about the very head that can be reached.
    fn fits(&self, sealed: &Envelope, house: &House) -> Result<(), Trouble> {
        let found = envelope::open::<wire::Successor>(sealed, &house.root);
        let named = found.ok().and_then(|found| check_successor(&found).ok()).map(|one| one.old);
        let reached = (self.reached.size(), Digest(self.reached.root()));
        if named.is_some_and(|named| (named.size, named.root) == reached) {
            return Ok(());
        }
        Err(Denied::new(
            "BAD_SUCCESSOR",
            "声明所述的日志头与现在能还原到的不同，或不是本市根密钥签署：请重新运行。",
            "The statement names another head than can be reached now, or is not signed by this \
             city's root: run it again.",
        )
        .into())
    }

    fn report(&self, done: bool) -> Report {
        let sources = &self.ordered.sources;
        let mut notes = Vec::new();
        for city in &self.silent {
            notes.push(format!("没有联系上 {city}。 {city} was not reached."));
        }
        if let Some(missing) = &self.ordered.missing {
            notes.push(format!("{} {missing}.", missing_zh(missing)));
        }
        if done {
            notes.push(
                "备份之后只存在于本节点的内容无法找回：草稿、未发出的询问与通知、窗口登记、本市发出信件的\
                 个人信息分项；请重新导入名单、重新询问。个人信息分项由对方在同意仍有效时重发。 What was \
                 only in this node since the copy was made does not come back: drafts, questions and \
                 notices not sent, sittings, the sections of own letters. Import and ask again. The \
                 sections of the peers' letters come again under a live consent."
                    .to_owned(),
            );
        }
        let (zh, en) = match (done, &self.ordered.missing) {
            (true, _) => ("日志已还原，恢复收发。", "The log is whole again; traffic goes on."),
            (false, None) => (
                "可以还原，现在什么也没有改动。",
                "The log can be rebuilt; nothing was changed now.",
            ),
            (false, Some(_)) => (
                "现在无法完整还原，什么也没有改动。",
                "The log cannot be rebuilt whole now; nothing was changed.",
            ),
        };
        Report {
            done,
            say_zh: zh.to_owned(),
            say_en: en.to_owned(),
            origin: self.origin.clone(),
            found_size: self.state.found_size,
            known_size: self.state.known.0,
            rebuilt_size: self.reached.size(),
            rebuilt_root: hex::encode(self.reached.root()),
            sources: sources.iter().map(|city| city.as_str().to_owned()).collect(),
            notes,
            successor: None,
            waits: None,
        }
    }
}

fn missing_zh(missing: &Missing) -> String {
    match missing {
        Missing::Mirror(size) => format!("没有一份镜像能推出已签署的 {size} 条的日志头。"),
        Missing::NotABeginning => "数据库不是伙伴城市所存日志的开头。".to_owned(),
        Missing::Leaf(index) => format!("联系上的伙伴城市都没有第 {index} 条存证。"),
        Missing::Answer(index) => {
            format!("联系上的伙伴城市都没有本市对第 {index} 条存证的答复。")
        }
        Missing::Tail(from) => format!("第 {from} 条以后的顺序推不出已签署的日志头。"),
    }
}

/// What is left, in the order in which each peer logged it: that is an order of causality. Letters
/// of peers that we never answered are left to the post, with all behind them in their lane.
fn in_their_order(rest: &[Found], answers: &Answers) -> Vec<Found> {
    let mut sorted: Vec<&Found> = rest.iter().collect();
    sorted.sort_by(|a, b| (&a.peer, a.their_index).cmp(&(&b.peer, b.their_index)));
    let mut ended = BTreeMap::new();
    let mut all = Vec::new();
    for one in sorted {
        let lane = (one.agreement, one.lane);
        if !one.is_answered(answers) {
            ended.insert(lane, ());
        }
        if !ended.contains_key(&lane) {
            all.push(one.clone());
        }
    }
    all
}
