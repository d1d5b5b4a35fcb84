//! Two approvers: what the holder of one token enters waits here, in this house alone, until the
//! holder of another token, of another post, approves it. The posts that stand in the signed act
//! are those of the two tokens; nobody types them.

use super::{OwnAct, not_live};
use crate::batch::Batch;
use crate::command::Actor;
use crate::config::{DeskRole, DeskToken};
use crate::directory::Bond;
use crate::draft;
use crate::house::House;
use crate::store::{Conn, Row, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::agreement::Agreement;
use jieli_proto::day::Day;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::wire::{self, ActType};
use prost::Message as _;
use std::sync::Arc;

/// Working days until what nobody approved lapses.
const DRAFT_WORKING_DAYS: u32 = 10;

/// An act that one approver has entered.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: [u8; 8],
    pub(crate) agreement: AgreementId,
    pub(crate) act: ActType,
    pub(crate) version: u32,
    /// COUNTERSIGN: the proposal that was read.
    pub(crate) subject: Option<Digest>,
    pub(crate) wind_down_on: u32,
    /// PROPOSE, COUNTER PROPOSE.
    pub(crate) draft: Option<wire::Agreement>,
    pub(crate) peer: CityId,
    pub(crate) token: String,
    pub(crate) post: String,
    pub(crate) lapses_ms: u64,
    pub(crate) done_ms: u64,
}

impl Waiting {
    fn new(bond: &Bond, act: ActType) -> Waiting {
        Waiting {
            id: [0; 8],
            agreement: bond.id,
            act,
            version: bond.version(),
            subject: None,
            wind_down_on: 0,
            draft: None,
            peer: bond.peer.clone(),
            token: String::new(),
            post: String::new(),
            lapses_ms: 0,
            done_ms: 0,
        }
    }

    /// The word for the act on the command line.
    pub(crate) fn word(&self) -> &'static str {
        match self.act {
            ActType::Propose => "propose",
            ActType::CounterPropose => "counter-propose",
            ActType::Countersign => "countersign",
            ActType::Suspend => "suspend",
            ActType::Resume => "resume",
            ActType::Terminate => "terminate",
            ActType::Unspecified
            | ActType::Manifest
            | ActType::Pack
            | ActType::Flag
            | ActType::AnswerFlag => "-",
        }
    }

    /// Whether both would do the same. A new agreement draws its id when it is entered, so that
    /// the id does not tell two of them apart.
    fn is_same(&self, other: &Waiting) -> bool {
        let text = |one: &Waiting| {
            let bare = |draft: &wire::Agreement| {
                let new = draft.version == 1 && one.act == ActType::Propose;
                let id = if new { Vec::new() } else { draft.agreement_id.clone() };
                wire::Agreement { agreement_id: id, ..draft.clone() }
            };
            one.draft.as_ref().map(bare)
        };
        self.act == other.act
            && self.peer == other.peer
            && self.subject == other.subject
            && self.wind_down_on == other.wind_down_on
            && text(self) == text(other)
            && (self.draft.is_some() || self.agreement == other.agreement)
    }
}

impl Batch<'_> {
    /// Enters a new agreement, or the next version of one.
    pub(crate) async fn enter_proposal(
        &mut self,
        actor: &Actor,
        toml: &str,
    ) -> Outcome<AgreementId> {
        let draft = draft::parse(toml, self, None)?;
        self.enter_text(actor, draft, ActType::Propose).await
    }

    /// Enters an answer to what the other city proposed: another text of the same version.
    pub(crate) async fn enter_counter(
        &mut self,
        actor: &Actor,
        id: AgreementId,
        toml: &str,
    ) -> Outcome<AgreementId> {
        let bond = self.bond(&id).ok_or_else(|| Denied::no_agreement(Some(id)))?;
        let mut draft = draft::parse(toml, self, Some(id))?;
        draft.version = bond.version() + 1;
        self.enter_text(actor, draft, ActType::CounterPropose).await
    }

    async fn enter_text(
        &mut self,
        actor: &Actor,
        draft: wire::Agreement,
        act: ActType,
    ) -> Outcome<AgreementId> {
        if let Some(id) = self.said_already(&draft).await? {
            // Repeating an act is a no-op.
            return Ok(id);
        }
        let found = self.proposable(&draft, act).await?;
        let posts = found.agreement.party(found.us).approver_posts.clone();
        let waiting = Waiting {
            id: [0; 8],
            agreement: found.agreement.id,
            act,
            version: draft.version,
            subject: None,
            wind_down_on: 0,
            peer: found.peer.city.clone(),
            draft: Some(draft),
            token: String::new(),
            post: String::new(),
            lapses_ms: 0,
            done_ms: 0,
        };
        self.enter(actor, waiting, &posts).await
    }

    /// The agreement with the same parties of which this very text is our own proposal that still
    /// stands. A new agreement's id does not count: it is drawn when the text is entered.
    async fn said_already(&mut self, draft: &wire::Agreement) -> Outcome<Option<AgreementId>> {
        let bonds: Vec<Arc<Bond>> = self.directory.bonds.values().cloned().collect();
        let is_known = bonds.iter().any(|bond| bond.id.0[..] == draft.agreement_id);
        for bond in bonds {
            let other = is_known && bond.id.0[..] != draft.agreement_id;
            if other || bond.version() >= draft.version {
                continue;
            }
            let Some(proposal) = self.proposal_standing(&bond, draft.version).await? else {
                continue;
            };
            if proposal.side != bond.our_side || !proposal.is_open_at(self.now_ms) {
                continue;
            }
            let text = self.text_of(&bond, &proposal.digest).await?;
            if text == (wire::Agreement { agreement_id: bond.id.to_vec(), ..draft.clone() }) {
                return Ok(Some(bond.id));
            }
        }
        Ok(None)
    }

    /// Enters the counter-signature of what the other city proposed.
    pub(crate) async fn enter_countersign(
        &mut self,
        actor: &Actor,
        id: AgreementId,
        version: u32,
    ) -> Outcome<AgreementId> {
        let bond = self.bond(&id).ok_or_else(|| Denied::no_agreement(Some(id)))?;
        let Some((proposal, agreement)) = self.signable(&bond, version).await? else {
            return Ok(id);
        };
        let posts = agreement.party(bond.our_side).approver_posts.clone();
        let subject = Some(proposal.digest);
        let waiting = Waiting { version, subject, ..Waiting::new(&bond, ActType::Countersign) };
        self.enter(actor, waiting, &posts).await
    }

    /// Enters a suspension, its end, or a termination.
    pub(crate) async fn enter_act(
        &mut self,
        actor: &Actor,
        id: AgreementId,
        what: &OwnAct,
    ) -> Outcome<AgreementId> {
        let bond = self.bond(&id).ok_or_else(|| Denied::no_agreement(Some(id)))?;
        let agreement = bond.in_force().ok_or_else(|| not_live(&id))?;
        let posts = agreement.party(bond.our_side).approver_posts.clone();
        let Some(act) = self.own_act(&bond, what)? else { return Ok(id) };
        let waiting = Waiting {
            subject: Digest::from_slice(&act.subject),
            wind_down_on: act.wind_down_on,
            ..Waiting::new(&bond, act.act_type())
        };
        self.enter(actor, waiting, &posts).await
    }

    /// What waits for this agreement and act is replaced by something else, and kept where it is
    /// the same. The draft's id is new, so that nobody approves what he has not read.
    async fn enter(
        &mut self,
        actor: &Actor,
        mut new: Waiting,
        posts: &[String],
    ) -> Outcome<AgreementId> {
        let post = own_post(self.house, &actor.token)?;
        if !posts.contains(&post) {
            return Err(other_posts(&actor.token, &post, posts).into());
        }
        let before = all(self.conn).await?;
        let waits = || before.iter().filter(|one| one.lapses_ms > self.now_ms);
        if let Some(same) = waits().find(|one| one.is_same(&new)) {
            return Ok(same.agreement);
        }
        let replaced = before.iter().filter(|w| w.agreement == new.agreement && w.act == new.act);
        for old in replaced {
            let sql = "DELETE FROM agreement_draft WHERE draft_id = $1";
            self.conn.run(sql, vec![old.id.into()]).await?;
        }
        new.id = self.random();
        new.token = actor.token.clone();
        new.post = post;
        let last = self.house.calendar().add_working_days(self.today, DRAFT_WORKING_DAYS);
        new.lapses_ms = last.plus(1).start_unix_ms(self.house.calendar().zone_offset_min());
        self.keep(&new).await?;
        self.timer(new.lapses_ms, TimerKind::DraftLapses, &new.id).await?;
        self.record("agreement act entered", format!("{} {}", new.word(), new.post).as_bytes());
        Ok(new.agreement)
    }

    /// The second approver: signs and sends what waits.
    pub(crate) async fn approve(&mut self, actor: &Actor, draft_id: &str) -> Outcome<AgreementId> {
        let unknown = || {
            Denied::no_such(
                &format!("待批准事项 {draft_id}（可能已逾期或被替换）"),
                &format!("draft {draft_id} (it may have lapsed or been replaced)"),
            )
        };
        let id: [u8; 8] = hex::decode(draft_id.trim())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(unknown)?;
        let found = by_id(self.conn, id).await?.ok_or_else(unknown)?;
        if found.done_ms > 0 {
            // Repeating an act is a no-op.
            return Ok(found.agreement);
        }
        if self.now_ms >= found.lapses_ms {
            return Err(unknown().into());
        }
        let post = own_post(self.house, &actor.token)?;
        second(&found, &actor.token, &post)?;
        let entered = "SELECT made_ms FROM agreement_draft WHERE draft_id = $1";
        let entered_ms = self.conn.one(entered, vec![id.into()]).await?.uint(0)?;
        self.never_stood_in(&found.token, &actor.token, entered_ms).await?;
        let still = own_post(self.house, &found.token);
        if still.ok().as_ref() != Some(&found.post) {
            return Err(Denied::new(
                "FIRST_APPROVER_GONE",
                format!("令牌 {} 已不是岗位“{}”，请重新发起。", found.token, found.post),
                format!(
                    "The token {} no longer stands for the post {}: begin again.",
                    found.token, found.post
                ),
            )
            .into());
        }
        self.do_approved(&found, vec![found.post.clone(), post]).await?;
        let sql = "UPDATE agreement_draft SET done_ms = $2 WHERE draft_id = $1";
        self.conn.run(sql, vec![id.into(), self.now_ms.into()]).await?;
        Ok(found.agreement)
    }

    async fn do_approved(&mut self, found: &Waiting, approvers: Vec<String>) -> Outcome<()> {
        let missing = || StoreError::Corrupt("agreement_draft");
        let id = found.agreement;
        match found.act {
            ActType::Propose | ActType::CounterPropose => {
                let draft = found.draft.as_ref().ok_or_else(missing)?;
                self.send_proposal(draft, found.act, approvers).await
            }
            ActType::Countersign => {
                let read = found.subject.ok_or_else(missing)?;
                self.send_countersign(id, found.version, &read, approvers).await
            }
            ActType::Suspend => self.send_own_act(id, &OwnAct::Suspend, approvers).await,
            ActType::Resume => self.send_own_act(id, &OwnAct::Resume, approvers).await,
            ActType::Terminate => {
                let on = Day::from_number(found.wind_down_on).ok_or_else(missing)?;
                self.send_own_act(id, &OwnAct::Terminate(on), approvers).await
            }
            ActType::Unspecified
            | ActType::Manifest
            | ActType::Pack
            | ActType::Flag
            | ActType::AnswerFlag => Err(missing().into()),
        }
    }

    /// Nobody approved it in time.
    pub(crate) async fn draft_lapses(&mut self, subject: &[u8]) -> Outcome<()> {
        let sql = "DELETE FROM agreement_draft WHERE draft_id = $1 AND done_ms = 0";
        if self.conn.run(sql, vec![subject.into()]).await? > 0 {
            self.record("agreement act lapsed", subject);
        }
        Ok(())
    }

    async fn keep(&mut self, new: &Waiting) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO agreement_draft (draft_id, agreement_id, act, version, subject, \
                 wind_down_on, agreement, peer, token, post, made_ms, lapses_ms, done_ms) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,0)",
                vec![
                    new.id.into(),
                    new.agreement.to_vec().into(),
                    i64::from(new.act as i32).into(),
                    new.version.into(),
                    new.subject.map_or(Vec::new(), |digest| digest.to_vec()).into(),
                    new.wind_down_on.into(),
                    new.draft.as_ref().map_or(Vec::new(), |d| d.encode_to_vec()).into(),
                    new.peer.as_str().into(),
                    new.token.as_str().into(),
                    new.post.as_str().into(),
                    self.now_ms.into(),
                    new.lapses_ms.into(),
                ],
            )
            .await?;
        Ok(())
    }
}

/// What waits, oldest first.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Waiting>, StoreError> {
    let sql = "SELECT draft_id, agreement_id, act, version, subject, wind_down_on, agreement, \
               peer, token, post, lapses_ms, done_ms FROM agreement_draft WHERE done_ms = 0 \
               ORDER BY made_ms, draft_id";
    conn.rows(sql, Vec::new()).await?.iter().map(read).collect()
}

async fn by_id(conn: &mut Conn, id: [u8; 8]) -> Result<Option<Waiting>, StoreError> {
    let sql = "SELECT draft_id, agreement_id, act, version, subject, wind_down_on, agreement, \
               peer, token, post, lapses_ms, done_ms FROM agreement_draft WHERE draft_id = $1";
    conn.maybe(sql, vec![id.into()]).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Waiting, StoreError> {
    let corrupt = || StoreError::Corrupt("agreement_draft");
    let text: Vec<u8> = row.bytes(6)?;
    let draft = if text.is_empty() {
        None
    } else {
        let draft = wire::Agreement::decode(text.as_slice()).map_err(|_| corrupt())?;
        Agreement::check(&draft).map_err(|_| corrupt())?;
        Some(draft)
    };
    Ok(Waiting {
        id: row.array(0)?,
        agreement: AgreementId(row.array(1)?),
        act: i32::try_from(row.int(2)?)
            .ok()
            .and_then(|act| ActType::try_from(act).ok())
            .ok_or_else(corrupt)?,
        version: row.int(3)? as u32,
        subject: Digest::from_slice(&row.bytes(4)?),
        wind_down_on: row.int(5)? as u32,
        draft,
        peer: CityId::parse(&row.text(7)?).ok_or_else(corrupt)?,
        token: row.text(8)?,
        post: row.text(9)?,
        lapses_ms: row.uint(10)?,
        done_ms: row.uint(11)?,
    })
}

/// The post of an approver's token, as the configuration of this start says.
pub(crate) fn own_post(house: &House, token: &str) -> Result<String, Denied> {
    let of = |entry: &&DeskToken| entry.name() == token && entry.role == DeskRole::Approver;
    let entry = house.config.desk.tokens.iter().find(of);
    entry.and_then(|entry| entry.post.clone()).ok_or_else(|| {
        Denied::new(
            "NO_POST",
            format!("令牌 {token} 没有批准岗位，请在 jieli.toml 的 desk.tokens 中写明。"),
            format!(
                "The token {token} has no approver post: name it in desk.tokens of jieli.toml."
            ),
        )
    })
}

/// Whether this token may be the second pair of eyes.
fn second(first: &Waiting, token: &str, post: &str) -> Result<(), Denied> {
    if first.token == token {
        return Err(Denied::new(
            "SAME_TOKEN",
            format!("这件事由令牌 {token} 发起，须由另一岗位的令牌批准（用 --as 指明）。"),
            format!(
                "The token {token} entered this: the token of another post has to approve it \
                 (name it with --as)."
            ),
        ));
    }
    if first.post == post {
        return Err(Denied::new(
            "SAME_POST",
            format!("两个令牌同属岗位“{post}”，须由另一岗位批准。"),
            format!("Both tokens are of the post {post}: another post has to approve it."),
        ));
    }
    Ok(())
}

fn other_posts(token: &str, post: &str, posts: &[String]) -> Denied {
    Denied::new(
        "TWO_APPROVERS",
        format!(
            "令牌 {token} 的岗位“{post}”不在协议写明的本方批准岗位之列：{}。",
            posts.join("、")
        ),
        format!(
            "The post {post} of the token {token} is none of this side's approver posts in the \
             agreement: {}.",
            posts.join(", ")
        ),
    )
}
