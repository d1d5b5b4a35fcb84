//! A second pair of eyes on what leaves the house with persons in it: the holder of one token asks,
//! the holder of another one, of another post, approves what was shown to both, and it is done once.
//!
//! The approval names the SHA-256 of what was shown. When it is used, the same words are made anew:
//! where anything has changed since, they have another digest, and nothing is done.

use crate::agreements::waiting::own_post;
use crate::batch::Batch;
use crate::command::Actor;
use crate::config::{DeskRole, DeskToken};
use crate::house::House;
use crate::questions::purpose::Purpose;
use crate::questions::{Look, View};
use crate::store::{Conn, Row, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::Digest;
use jieli_proto::section::SectionKind;
use jieli_proto::wire;
use jieli_proto::words;

/// Working days after which a request lapses, approved or not.
const WORKING_DAYS: u32 = 3;
/// Evidence with the sections held here.
const EXPORT: &str = "export";

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
}

impl Batch<'_> {
    /// Asks for an export with sections. The same one again is the same request.
    pub(crate) async fn ask_second(
        &mut self,
        actor: &Actor,
        look: &Look,
    ) -> Outcome<wire::SecondView> {
        let shown = self.export_in_words(actor, look).await?;
        let digest = Digest::of(&[shown.as_bytes()]);
        let waits = standing(self.conn, self.now_ms).await?;
        let same = |one: &&Request| one.shown_digest == digest.0 && one.token == actor.token;
        if let Some(same) = waits.iter().find(same) {
            return Ok(view(same));
        }
        let last = self.house.calendar.add_working_days(self.today, WORKING_DAYS);
        let request = Request {
            id: self.random(),
            kind: EXPORT.to_owned(),
            subject: look.case_number.clone(),
            purpose: look.purpose.clone(),
            shown,
            shown_digest: digest.0,
            token: actor.token.clone(),
            office: actor.office.clone(),
            lapses_ms: last.plus(1).start_unix_ms(self.house.calendar.zone_offset_min()),
            approver_post: String::new(),
            approved_ms: 0,
        };
        self.keep_request(&request).await?;
        self.timer(request.lapses_ms, TimerKind::SecondLapses, &request.id).await?;
        let about = format!("{} {} {}", hex::encode(request.id), digest.hex(), actor.token);
        self.record("second eyes asked", about.as_bytes());
        Ok(view(&request))
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

    /// Uses up an approval, and writes down the look, in one transaction.
    pub(crate) async fn use_second(&mut self, actor: &Actor, id: &str, look: &Look) -> Outcome<()> {
        let found = self.request(id).await?;
        if found.token != actor.token {
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
        let now = self.export_in_words(actor, look).await?;
        if Digest::of(&[now.as_bytes()]).0 != found.shown_digest {
            return Err(Denied::new(
                "CHANGED_SINCE",
                "批准之后内容有变化，批准不再适用，请重新申请。",
                "What would leave has changed since it was approved: ask anew.",
            )
            .into());
        }
        let sql = "UPDATE seconded SET used_ms = $2 WHERE request_id = $1";
        self.conn.run(sql, vec![found.id.into(), self.now_ms.into()]).await?;
        self.record("second eyes used", &found.id);
        Ok(self.looked(actor, look).await?)
    }

    /// It was not used in time.
    pub(crate) async fn second_lapses(&mut self, subject: &[u8]) -> Outcome<()> {
        let sql = "DELETE FROM seconded WHERE request_id = $1 AND used_ms = 0";
        if self.conn.run(sql, vec![subject.into()]).await? > 0 {
            self.record("second eyes lapsed", subject);
        }
        Ok(())
    }

    /// What both are shown: whose request, which case, which sections of which items, for what.
    async fn export_in_words(&mut self, actor: &Actor, look: &Look) -> Outcome<String> {
        // Own words could hold a name, which the second pair of eyes is not to read.
        let purpose = Purpose::of(&look.purpose).ok_or_else(listed_only)?;
        let mut text = format!(
            "导出带个人信息的证据包 Evidence with personal data\n\
             城市 City: {}\n机构 Office: {}\n令牌 Token: {}\n办件 Case: {}\n\
             用途 Purpose: {} {}\n",
            self.directory.city,
            actor.office,
            actor.token,
            look.case_number,
            purpose.zh,
            purpose.en
        );
        for leg in &look.legs {
            let Some(file) = self.take_leg(*leg).await? else { continue };
            let service = words::service(file.service);
            let sections = self.sections_of(View::Export, *leg).await?;
            let names = sections.iter().filter_map(|number| SectionKind::of(u32::from(*number)));
            let names: Vec<&str> = names.map(|kind| kind.name).collect();
            text.push_str(&format!(
                "事项 Item {}: {} {}: {}\n",
                file.number,
                service.zh,
                service.en,
                names.join(" ")
            ));
        }
        Ok(text)
    }

    async fn request(&mut self, id: &str) -> Outcome<Request> {
        let found = standing(self.conn, self.now_ms).await?;
        let found = found.into_iter().find(|one| hex::encode(one.id) == id.trim());
        found.ok_or_else(|| unknown(id).into())
    }

    async fn keep_request(&mut self, new: &Request) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO seconded (request_id, kind, subject, purpose, shown, shown_digest, \
                 token, office, made_ms, lapses_ms, approver, approver_post, approved_ms, used_ms) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,'','',0,0)",
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
                ],
            )
            .await?;
        Ok(())
    }
}

/// Requests that were neither used nor have lapsed, oldest first.
async fn standing(conn: &mut Conn, now_ms: u64) -> Result<Vec<Request>, StoreError> {
    let sql = "SELECT request_id, kind, subject, purpose, shown, shown_digest, token, office, \
               lapses_ms, approver_post, approved_ms FROM seconded \
               WHERE used_ms = 0 AND lapses_ms > $1 ORDER BY made_ms, request_id";
    conn.rows(sql, vec![now_ms.into()]).await?.iter().map(read).collect()
}

/// What waits, as it is shown: all of it to an approver, the own to a clerk.
pub(crate) async fn list(
    conn: &mut Conn,
    now_ms: u64,
    own: Option<&str>,
) -> Result<Vec<wire::SecondView>, StoreError> {
    let all = standing(conn, now_ms).await?;
    let seen = all.iter().filter(|one| own.is_none_or(|token| one.token == token));
    Ok(seen.map(view).collect())
}

/// Case and purpose of a request, for who asked; what it opens is gathered anew.
pub(crate) async fn asked(
    conn: &mut Conn,
    now_ms: u64,
    id: &str,
    token: &str,
) -> Outcome<(String, String)> {
    let all = standing(conn, now_ms).await?;
    let mine = |one: &&Request| hex::encode(one.id) == id.trim() && one.token == token;
    let found = all.iter().find(mine).ok_or_else(|| unknown(id))?;
    Ok((found.subject.clone(), found.purpose.clone()))
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
    let first = entry(&found.token).filter(|one| one.role == DeskRole::Clerk);
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

fn listed_only() -> Denied {
    Denied::new(
        "LISTED_PURPOSE",
        "带个人信息的导出，用途须是：办理业务、核对信息、更正信息、联系本人、导出证据、答复投诉、审计。",
        "An export with personal data states one of these purposes: to handle the case, to check \
         the data, to correct the data, to contact the person, to export evidence, to answer a \
         complaint, audit.",
    )
}
