//! A second pair of eyes on what leaves the house with persons in it, and on what operators do against
//! the ordinary course: the holder of one token asks, the holder of another one, of another post,
//! approves what was shown to both, and it is done once.
//!
//! The approval names the SHA-256 of what was shown. When it is used, the same words are made anew:
//! where anything has changed since, they have another digest, and nothing is done.

mod overrides;
mod shown;

pub(crate) use overrides::overridden;

use crate::agreements::waiting::own_post;
use crate::batch::Batch;
use crate::command::Actor;
use crate::config::{DeskRole, DeskToken};
use crate::house::House;
use crate::questions::Look;
use crate::store::{Conn, Row, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::Digest;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;

/// Working days after which a request lapses, approved or not.
const WORKING_DAYS: u32 = 3;
/// Evidence with the sections held here.
const EXPORT: &str = "export";

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Evidence with the sections held here.
    Export(Look),
    /// The next own key manifest, signed by the root.
    Keys(Box<Envelope>),
    /// The exchange log is rebuilt from the peers.
    Repair,
    /// It goes on in a new epoch, by the root's statement.
    NewEpoch(Box<Envelope>),
}

impl Wanted {
    fn kind(&self) -> &'static str {
        match self {
            Wanted::Export(_) => EXPORT,
            Wanted::Keys(_) => "keys",
            Wanted::Repair => "repair",
            Wanted::NewEpoch(_) => "new-epoch",
        }
    }

    /// Whose tokens may ask for it.
    fn role(kind: &str) -> DeskRole {
        if kind == EXPORT { DeskRole::Clerk } else { DeskRole::Operator }
    }

    /// Whether it ends a recovery, so that it cannot wait for its end.
    pub(crate) fn is_of_recovery(&self) -> bool {
        matches!(self, Wanted::Repair | Wanted::NewEpoch(_))
    }

    /// Case and purpose of an export; an override has none.
    fn about(&self) -> (&str, &str) {
        match self {
            Wanted::Export(look) => (&look.case_number, &look.purpose),
            Wanted::Keys(_) | Wanted::Repair | Wanted::NewEpoch(_) => ("", ""),
        }
    }

    /// What is kept to do it with: an export is gathered anew.
    fn payload(&self) -> Vec<u8> {
        match self {
            Wanted::Export(_) | Wanted::Repair => Vec::new(),
            Wanted::Keys(sealed) | Wanted::NewEpoch(sealed) => sealed.encode_to_vec(),
        }
    }
}

/// A request as stored.
#[derive(Clone, Debug)]
struct Request {
    id: [u8; 8],
    kind: String,
    subject: String,
    purpose: String,
    shown: String,
    shown_digest: [u8; 32],
    token: String,
    office: String,
    lapses_ms: u64,
    approver_post: String,
    approved_ms: u64,
    payload: Vec<u8>,
}

impl Batch<'_> {
    /// Asks for it. The same once more is the same request.
    pub(crate) async fn ask_second(
        &mut self,
        actor: &Actor,
        wanted: &Wanted,
    ) -> Outcome<wire::SecondView> {
        let shown = self.in_words(actor, wanted).await?;
        let digest = Digest::of(&[shown.as_bytes()]);
        let waits = standing(self.conn, self.now_ms).await?;
        let same = |one: &&Request| one.shown_digest == digest.0 && one.token == actor.token;
        if let Some(same) = waits.iter().find(same) {
            return Ok(view(same));
        }
        let last = self.house.calendar().add_working_days(self.today, WORKING_DAYS);
        let lapses_ms = last.plus(1).start_unix_ms(self.house.calendar().zone_offset_min());
        let request = self.new_request(actor, (wanted.kind(), wanted), shown, lapses_ms);
        self.keep_request(&request, 0).await?;
        self.timer(request.lapses_ms, TimerKind::SecondLapses, &request.id).await?;
        let about = format!("{} {} {}", hex::encode(request.id), digest.hex(), actor.token);
        self.record("second eyes asked", about.as_bytes());
        Ok(view(&request))
    }

    fn new_request(
        &self,
        actor: &Actor,
        (kind, wanted): (&str, &Wanted),
        shown: String,
        lapses_ms: u64,
    ) -> Request {
        let (subject, purpose) = wanted.about();
        Request {
            id: self.random(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            purpose: purpose.to_owned(),
            shown_digest: Digest::of(&[shown.as_bytes()]).0,
            shown,
            token: actor.token.clone(),
            office: actor.office.clone(),
            lapses_ms,
            approver_post: String::new(),
            approved_ms: 0,
            payload: wanted.payload(),
        }
    }

    /// The second pair of eyes: approves what was shown, by its digest.
    pub(crate) async fn approve_second(
        &mut self,
        actor: &Actor,
        asked: &wire::ApproveSecondRequest,
    ) -> Outcome<wire::SecondView> {
        let mut found = self.request(&asked.id).await?;
        let post = own_post(self.house, &actor.token)?;
        another_person(self.house, &found, actor, &post)?;
        let asked_ms = "SELECT made_ms FROM seconded WHERE request_id = $1";
        let asked_ms = self.conn.one(asked_ms, vec![found.id.into()]).await?.uint(0)?;
        self.never_stood_in(&found.token, &actor.token, asked_ms).await?;
        if hex::encode(found.shown_digest) != asked.shown_digest.trim().to_lowercase() {
            return Err(Denied::new(
                "NOT_WHAT_WAS_SHOWN",
                "校验值与所列内容不符，请重新查看（jieli second list）后再批准。",
                "That is not the digest of what waits: look again (jieli second list), then \
                 approve.",
            )
            .into());
        }
        if found.approved_ms > 0 {
            // Repeating an act is a no-op.
            return Ok(view(&found));
        }
        (found.approver_post, found.approved_ms) = (post, self.now_ms);
        self.conn
            .run(
                "UPDATE seconded SET approver = $2, approver_post = $3, approved_ms = $4 \
                 WHERE request_id = $1",
                vec![
                    found.id.into(),
                    actor.token.as_str().into(),
                    found.approver_post.as_str().into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        let digest = hex::encode(found.shown_digest);
        let about = format!("{} {digest} {}", hex::encode(found.id), actor.token);
        self.record("second eyes approved", about.as_bytes());
        Ok(view(&found))
    }

    /// Uses up the approval of an export, and writes down the look, in one transaction.
    pub(crate) async fn use_second(&mut self, actor: &Actor, id: &str, look: &Look) -> Outcome<()> {
        let found = self.approved(actor, id, &Wanted::Export(look.clone())).await?;
        self.used(&found).await?;
        Ok(self.looked(actor, look).await?)
    }

    /// What this token asked for and another post approved, if it is the same still.
    async fn approved(&mut self, actor: &Actor, id: &str, wanted: &Wanted) -> Outcome<Request> {
        let found = self.request(id).await?;
        if found.token != actor.token || found.kind != wanted.kind() {
            return Err(unknown(id).into());
        }
        if found.approved_ms == 0 {
            return Err(Denied::new(
                "NOT_APPROVED",
                "另一岗位还没有批准（jieli second list）。",
                "The other post has not approved it yet (jieli second list).",
            )
            .into());
        }
        let now = self.in_words(actor, wanted).await?;
        if Digest::of(&[now.as_bytes()]).0 != found.shown_digest {
            return Err(Denied::new(
                "CHANGED_SINCE",
                "批准之后内容有变化，批准不再适用，请重新申请。",
                "What was approved has changed since: ask anew.",
            )
            .into());
        }
        Ok(found)
    }

    async fn used(&mut self, found: &Request) -> Result<(), StoreError> {
        let sql = "UPDATE seconded SET used_ms = $2 WHERE request_id = $1";
        self.conn.run(sql, vec![found.id.into(), self.now_ms.into()]).await?;
        self.record("second eyes used", &found.id);
        Ok(())
    }

    /// It was not used in time.
    pub(crate) async fn second_lapses(&mut self, subject: &[u8]) -> Outcome<()> {
        let sql = "DELETE FROM seconded WHERE request_id = $1 AND used_ms = 0";
        if self.conn.run(sql, vec![subject.into()]).await? > 0 {
            self.record("second eyes lapsed", subject);
        }
        Ok(())
    }

    async fn request(&mut self, id: &str) -> Outcome<Request> {
        let found = standing(self.conn, self.now_ms).await?;
        let found = found.into_iter().find(|one| hex::encode(one.id) == id.trim());
        found.ok_or_else(|| unknown(id).into())
    }

    /// `used_ms`: 0 for what waits.
    async fn keep_request(&mut self, new: &Request, used_ms: u64) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO seconded (request_id, kind, subject, purpose, shown, shown_digest, \
                 token, office, made_ms, lapses_ms, approver, approver_post, approved_ms, used_ms, \
                 payload) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,'','',0,$11,$12)",
                vec![
                    new.id.into(),
                    new.kind.as_str().into(),
                    new.subject.as_str().into(),
                    new.purpose.as_str().into(),
                    new.shown.as_str().into(),
                    new.shown_digest.into(),
                    new.token.as_str().into(),
                    new.office.as_str().into(),
                    self.now_ms.into(),
                    new.lapses_ms.into(),
                    used_ms.into(),
                    new.payload.clone().into(),
                ],
            )
            .await?;
        Ok(())
    }
}

/// Requests that were neither used nor have lapsed, oldest first.
async fn standing(conn: &mut Conn, now_ms: u64) -> Result<Vec<Request>, StoreError> {
    let sql = "SELECT request_id, kind, subject, purpose, shown, shown_digest, token, office, \
               lapses_ms, approver_post, approved_ms, payload FROM seconded \
               WHERE used_ms = 0 AND lapses_ms > $1 ORDER BY made_ms, request_id";
    conn.rows(sql, vec![now_ms.into()]).await?.iter().map(read).collect()
}

/// What waits, as it is shown: all of it to an approver, the own to who asks.
pub(crate) async fn list(
    conn: &mut Conn,
    now_ms: u64,
    own: Option<&str>,
) -> Result<Vec<wire::SecondView>, StoreError> {
    let all = standing(conn, now_ms).await?;
    let seen = all.iter().filter(|one| own.is_none_or(|token| one.token == token));
    Ok(seen.map(view).collect())
}

/// A request of this token: its kind, and case and purpose of an export, which is gathered anew.
pub(crate) async fn asked(
    conn: &mut Conn,
    now_ms: u64,
    id: &str,
    token: &str,
) -> Outcome<(String, String, String)> {
    let all = standing(conn, now_ms).await?;
    let mine = |one: &&Request| hex::encode(one.id) == id.trim() && one.token == token;
    let found = all.iter().find(mine).ok_or_else(|| unknown(id))?;
    Ok((found.kind.clone(), found.subject.clone(), found.purpose.clone()))
}

fn read(row: &Row) -> Result<Request, StoreError> {
    Ok(Request {
        id: row.array(0)?,
        kind: row.text(1)?,
        subject: row.text(2)?,
        purpose: row.text(3)?,
        shown: row.text(4)?,
        shown_digest: row.array(5)?,
        token: row.text(6)?,
        office: row.text(7)?,
        lapses_ms: row.uint(8)?,
        approver_post: row.text(9)?,
        approved_ms: row.uint(10)?,
        payload: row.maybe_bytes(11)?.unwrap_or_default(),
    })
}

fn view(one: &Request) -> wire::SecondView {
    wire::SecondView {
        id: hex::encode(one.id),
        kind: one.kind.clone(),
        shown: one.shown.clone(),
        shown_digest: hex::encode(one.shown_digest),
        token: one.token.clone(),
        office: one.office.clone(),
        lapses_unix_ms: one.lapses_ms,
        approver_post: one.approver_post.clone(),
    }
}

/// One person with two tokens is one pair of eyes, and so is one post.
fn another_person(house: &House, found: &Request, actor: &Actor, post: &str) -> Result<(), Denied> {
    let entry = |name: &str| house.config.desk.tokens.iter().find(|one| one.name() == name);
    let officer = |name: &str| entry(name).map_or(name, DeskToken::officer).to_owned();
    let first = entry(&found.token).filter(|one| one.role == Wanted::role(&found.kind));
    let first = first.ok_or_else(|| unknown(&hex::encode(found.id)))?;
    let same_post = first.post.as_deref() == Some(post);
    if officer(&found.token) == officer(&actor.token) || same_post {
        return Err(Denied::new(
            "SAME_PERSON",
            "申请人自己不能批准，须由另一人、另一岗位批准。",
            "Who asked cannot approve: another person of another post has to.",
        ));
    }
    Ok(())
}

fn unknown(id: &str) -> Denied {
    Denied::no_such(
        &format!("申请 {id}（可能已使用或已逾期）"),
        &format!("request {id} (it may have been used or have lapsed)"),
    )
}
