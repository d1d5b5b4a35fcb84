//! Posts that an employer asks an office to announce. What is announced is the office's own vacancy,
//! with the terms as they were proposed: the office alone tells other cities.

use crate::batch::Batch;
use crate::command::Actor;
use crate::store::{Conn, Row, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::message::check_terms;
use jieli_proto::wire::{self, DecisionCode};
use jieli_proto::words::POSTS_DECLINED;
use prost::Message as _;

/// Proposals of one employer that wait at a time.
const WAITING_MAX: u64 = 100;
const WAITS: u32 = 0;
const ANNOUNCED: u32 = 1;
const DECLINED: u32 = 2;
const LINE: &str = "SELECT terms, posts, valid_until, proposed_ms, answer, code, answered_ms \
                    FROM post_proposal";

impl Batch<'_> {
    /// Takes in what an employer proposes; nothing is announced by it.
    pub(crate) async fn propose_posts(
        &mut self,
        actor: &Actor,
        vacancy: &wire::Vacancy,
    ) -> Outcome<wire::Proposal> {
        let employer = self.employer_of(actor)?;
        let terms = vacancy.terms.clone().unwrap_or_default();
        check_terms(&terms).map_err(|field| wrong(field, "用工条件不完整", "job terms"))?;
        if terms.employer_code != employer {
            let (zh, en) = ("只能是本单位", "only this employer's own posts");
            return Err(wrong("terms.employer_code", zh, en).into());
        }
        if vacancy.posts == 0 {
            return Err(wrong("posts", "至少一个岗位", "at least one post").into());
        }
        if vacancy.valid_until < self.today.number() {
            return Err(wrong("valid_until", "已经过期", "it is over").into());
        }
        self.is_own_reference(&employer, &terms.reference).await?;
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM post_proposal \
                   WHERE employer = $1 AND answer = 0 AND reference <> $2";
        let vals = vec![employer.as_str().into(), terms.reference.as_str().into()];
        if self.conn.one(sql, vals).await?.uint(0)? >= WAITING_MAX {
            return Err(Denied::new(
                "TOO_MANY_WAIT",
                format!("已有 {WAITING_MAX} 份岗位等待答复，请先等窗口答复。"),
                format!("{WAITING_MAX} proposals wait for an answer: wait for the office first."),
            )
            .into());
        }
        let sql = "INSERT INTO post_proposal (employer, reference, office, terms, posts, \
                   valid_until, proposed_ms, answer, code, answered_ms) \
                   VALUES ($1,$2,$3,$4,$5,$6,$7,0,0,0) ON CONFLICT (employer, reference) DO UPDATE \
                   SET office = excluded.office, terms = excluded.terms, posts = excluded.posts, \
                   valid_until = excluded.valid_until, proposed_ms = excluded.proposed_ms, \
                   answer = 0, code = 0, answered_ms = 0";
        let vals = vec![
            employer.as_str().into(),
            terms.reference.as_str().into(),
            actor.office.as_str().into(),
            terms.encode_to_vec().into(),
            vacancy.posts.into(),
            vacancy.valid_until.into(),
            self.now_ms.into(),
        ];
        self.conn.run(sql, vals).await?;
        self.record("posts proposed", format!("{employer} {}", terms.reference).as_bytes());
        Ok(self.proposal(&employer, &terms.reference).await?)
    }

    /// A reference is of one employer: another one's vacancy is not changed by its name.
    async fn is_own_reference(&mut self, employer: &str, reference: &str) -> Outcome<()> {
        let sql = "SELECT terms_digest FROM vacancy WHERE city = $1 AND reference = $2";
        let city = self.directory.city.as_str().to_owned();
        let row = self.conn.maybe(sql, vec![city.into(), reference.into()]).await?;
        let Some(row) = row else { return Ok(()) };
        let digest = row.bytes(0)?;
        let known = self.terms(&digest).await?;
        if known.is_none_or(|known| known.employer_code == employer) {
            return Ok(());
        }
        Err(Denied::new(
            "REFERENCE_TAKEN",
            format!("岗位编号 {reference} 已被占用，请换一个编号。"),
            format!("The reference {reference} is taken: use another."),
        )
        .into())
    }

    /// The proposals of an employer, and its posts with counts.
    pub(crate) async fn posts_of(&mut self, actor: &Actor) -> Outcome<wire::PostList> {
        let employer = self.employer_of(actor)?;
        let sql =
            format!("{LINE} WHERE employer = $1 ORDER BY answer, proposed_ms DESC, reference");
        let rows = self.conn.rows_many(sql, vec![employer.as_str().into()]).await?;
        let proposals = self.lines(&rows)?;
        let sql = "SELECT v.posts, v.valid_until, t.bytes FROM vacancy v \
                   JOIN terms t ON t.digest = v.terms_digest WHERE v.city = $1 \
                   ORDER BY v.reference";
        let city = self.directory.city.as_str().to_owned();
        let mut posts = Vec::new();
        for row in self.conn.rows(sql, vec![city.as_str().into()]).await? {
            let terms = terms_of(&row.bytes(2)?)?;
            if terms.employer_code != employer {
                continue;
            }
            let sql = "SELECT COALESCE(SUM(CASE WHEN started = 0 THEN 1 ELSE 0 END), 0), \
                       COALESCE(SUM(CASE WHEN started > 0 THEN 1 ELSE 0 END), 0) \
                       FROM leg_employer WHERE employer = $1 AND reference = $2";
            let vals = vec![employer.as_str().into(), terms.reference.as_str().into()];
            let counts = self.conn.one(sql, vals).await?;
            posts.push(wire::PostLine {
                expected: counts.int(0)? as u32,
                started: counts.int(1)? as u32,
                vacancy: Some(wire::Vacancy {
                    city: city.clone(),
                    posts: row.int(0)? as u32,
                    valid_until: row.int(1)? as u32,
                    terms: Some(terms),
                }),
            });
        }
        Ok(wire::PostList { proposals, posts })
    }

    /// Announces what was proposed to this office, or declines it with a code.
    pub(crate) async fn answer_proposal(
        &mut self,
        actor: &Actor,
        asked: &wire::AnswerProposalRequest,
    ) -> Outcome<wire::Proposal> {
        let (employer, reference) = (asked.employer.trim(), asked.reference.trim());
        let name = format!("{employer} {reference}");
        let sql = format!("{LINE} WHERE employer = $1 AND reference = $2 AND office = $3");
        let vals = vec![employer.into(), reference.into(), actor.office.as_str().into()];
        let rows = self.conn.rows_many(sql, vals).await?;
        let found = self.lines(&rows)?.pop().filter(|found| found.answered_unix_ms == 0);
        let found = found.ok_or_else(|| Denied::not_found(&name))?;
        let code = asked.declined();
        let answer = if code == DecisionCode::Unspecified {
            self.announce_proposal(actor, found.vacancy.unwrap_or_default()).await?;
            ANNOUNCED
        } else if POSTS_DECLINED.contains(&code) {
            self.arrears_of(employer, code).await?;
            DECLINED
        } else {
            let (zh, en) = ("这个理由不用于岗位", "that reason is not one for posts");
            return Err(wrong("declined", zh, en).into());
        };
        let sql = "UPDATE post_proposal SET answer = $1, code = $2, answered_ms = $3 \
                   WHERE employer = $4 AND reference = $5";
        let vals = vec![
            answer.into(),
            i64::from(code as i32).into(),
            self.now_ms.into(),
            employer.into(),
            reference.into(),
        ];
        self.conn.run(sql, vals).await?;
        self.record("posts answered", format!("{name} {} {}", answer, actor.token).as_bytes());
        Ok(self.proposal(employer, reference).await?)
    }

    async fn announce_proposal(&mut self, actor: &Actor, vacancy: wire::Vacancy) -> Outcome<()> {
        let reference = vacancy.terms.as_ref().map_or("", |terms| &terms.reference);
        let sql = "SELECT 1 FROM vacancy WHERE city = $1 AND reference = $2";
        let city = self.directory.city.as_str().to_owned();
        let known = self.conn.maybe(sql, vec![city.into(), reference.into()]).await?;
        let vacancies = vec![vacancy];
        let change = known.is_some();
        let ask = wire::AddVacanciesRequest { vacancies, announce: true, change };
        self.add_vacancies(actor, ask).await.map(drop)
    }

    async fn proposal(
        &mut self,
        employer: &str,
        reference: &str,
    ) -> Result<wire::Proposal, StoreError> {
        let sql = format!("{LINE} WHERE employer = $1 AND reference = $2");
        let rows = self.conn.rows_many(sql, vec![employer.into(), reference.into()]).await?;
        self.lines(&rows)?.pop().ok_or(StoreError::Corrupt("post_proposal"))
    }

    fn lines(&self, rows: &[Row]) -> Result<Vec<wire::Proposal>, StoreError> {
        let city = self.directory.city.as_str();
        rows.iter().map(|row| line(row, city)).collect()
    }
}

/// The proposals to an office, those that wait first.
pub(crate) async fn proposals_to(
    conn: &mut Conn,
    office: &str,
    city: &str,
) -> Result<wire::PostList, StoreError> {
    let sql = format!("{LINE} WHERE office = $1 ORDER BY answer, proposed_ms, reference");
    let rows = conn.rows_many(sql, vec![office.into()]).await?;
    let proposals = rows.iter().map(|row| line(row, city)).collect::<Result<_, StoreError>>()?;
    Ok(wire::PostList { proposals, posts: Vec::new() })
}

fn line(row: &Row, city: &str) -> Result<wire::Proposal, StoreError> {
    let state = match row.int(4)? as u32 {
        WAITS => "waiting",
        ANNOUNCED => "announced",
        _ => "declined",
    };
    Ok(wire::Proposal {
        vacancy: Some(wire::Vacancy {
            city: city.to_owned(),
            terms: Some(terms_of(&row.bytes(0)?)?),
            posts: row.int(1)? as u32,
            valid_until: row.int(2)? as u32,
        }),
        proposed_unix_ms: row.uint(3)?,
        state: state.to_owned(),
        declined: row.int(5)? as i32,
        answered_unix_ms: row.uint(6)?,
    })
}

fn terms_of(bytes: &[u8]) -> Result<wire::Terms, StoreError> {
    wire::Terms::decode(bytes).map_err(|_| StoreError::Corrupt("terms"))
}

fn wrong(field: &str, zh: &str, en: &str) -> Denied {
    Denied::new("BAD_FIELD", format!("{field}：{zh}。"), format!("{field}: {en}."))
}
