//! Stand-ins: who sees and does another one's work for some days, under the own name. It ends by
//! itself, and it makes no second pair of eyes out of one.

use crate::batch::Batch;
use crate::command::Actor;
use crate::config::{Config, DeskRole, DeskToken};
use crate::legs::LegFile;
use crate::store::{Conn, Row, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::wire;

/// The longest absence that one entry covers, in days; a longer one is entered anew.
const DAYS_MAX: i64 = 92;
/// Days for which an entry is kept after its end.
const KEPT_DAYS: i64 = 92;

/// An entry as stored.
#[derive(Clone, Debug)]
struct StandIn {
    id: [u8; 8],
    office: String,
    absent: String,
    stand_in: String,
    from: Day,
    to: Day,
    ended_ms: u64,
}

impl StandIn {
    fn read(row: &Row) -> Result<StandIn, StoreError> {
        let day = |at: usize| {
            let number = u32::try_from(row.int(at)?).ok().and_then(Day::from_number);
            number.ok_or(StoreError::Corrupt("stand_in"))
        };
        Ok(StandIn {
            id: row.array(0)?,
            office: row.text(1)?,
            absent: row.text(2)?,
            stand_in: row.text(3)?,
            from: day(4)?,
            to: day(5)?,
            ended_ms: row.uint(6)?,
        })
    }

    fn is_on(&self, today: Day) -> bool {
        self.ended_ms == 0 && self.from <= today && today <= self.to
    }
}

async fn all(conn: &mut Conn) -> Result<Vec<StandIn>, StoreError> {
    let sql = "SELECT stand_in_id, office, absent, stand_in, from_on, to_on, ended_ms \
               FROM stand_in ORDER BY from_on, absent, stand_in_id";
    conn.rows(sql, Vec::new()).await?.iter().map(StandIn::read).collect()
}

/// Who stands in for a token today.
pub(crate) async fn stands_in_for(
    conn: &mut Conn,
    absent: &str,
    today: Day,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT stand_in FROM stand_in WHERE absent = $1 AND from_on <= $2 AND to_on >= $2 \
               AND ended_ms = 0";
    let row = conn.maybe(sql, vec![absent.into(), today.number().into()]).await?;
    row.map(|row| row.text(0)).transpose()
}

/// A token, and those it stands in for today.
pub(crate) async fn work_of(
    conn: &mut Conn,
    token: &str,
    today: Day,
) -> Result<Vec<String>, StoreError> {
    let theirs = all(conn).await?.into_iter().filter(|one| one.stand_in == token);
    let now = theirs.filter(|one| one.is_on(today)).map(|one| one.absent);
    Ok([token.to_owned()].into_iter().chain(now).collect())
}

/// Those of an office whose absence has not ended, and who stands in for them.
pub(crate) async fn list(
    conn: &mut Conn,
    office: &str,
    today: Day,
) -> Result<wire::StandInList, StoreError> {
    let own = |one: &StandIn| one.office == office && one.ended_ms == 0 && one.to >= today;
    let stand_ins = all(conn).await?.into_iter().filter(own).map(|one| wire::StandIn {
        id: hex::encode(one.id),
        now: one.is_on(today),
        absent: one.absent,
        stand_in: one.stand_in,
        from: one.from.number(),
        to: one.to.number(),
    });
    Ok(wire::StandInList { stand_ins: stand_ins.collect() })
}

fn token<'a>(config: &'a Config, name: &str) -> Option<&'a DeskToken> {
    config.desk.tokens.iter().find(|one| one.name() == name)
}

fn officer<'a>(config: &'a Config, name: &'a str) -> &'a str {
    token(config, name).map_or(name, DeskToken::officer)
}

impl Batch<'_> {
    /// Names a stand-in: a clerk or approver for itself, an approver for anybody of the office.
    pub(crate) async fn name_stand_in(
        &mut self,
        actor: &Actor,
        asked: &wire::StandInRequest,
    ) -> Outcome<wire::StandInList> {
        let absent = match asked.absent.trim() {
            "" => actor.token.clone(),
            name => name.to_owned(),
        };
        let stand_in = asked.stand_in.trim();
        self.may_settle(actor, &absent)?;
        let (from, to) = self.period(asked)?;
        let config = &self.house.config;
        let fits =
            token(config, &absent).zip(token(config, stand_in)).is_some_and(|(one, other)| {
                one.office == other.office
                    && one.role == other.role
                    && one.officer() != other.officer()
            });
        if !fits {
            return Err(Denied::new(
                "BAD_STAND_IN",
                format!(
                    "{stand_in} 不能代 {absent} 办理：须是同一机构、同一角色、另一个人的令牌。"
                ),
                format!(
                    "{stand_in} cannot stand in for {absent}: it has to be the token of another \
                     person, of the same office and role."
                ),
            )
            .into());
        }
        let overlaps = |one: &StandIn| {
            one.absent == absent && one.ended_ms == 0 && one.from <= to && from <= one.to
        };
        if let Some(other) = all(self.conn).await?.iter().find(|one| overlaps(one)) {
            return Err(Denied::new(
                "STOOD_IN_FOR",
                format!(
                    "{} 至 {} 已由 {} 代 {absent} 办理；请先结束（stand-in end）。",
                    other.from, other.to, other.stand_in
                ),
                format!(
                    "From {} to {} {} stands in for {absent}: end that first (stand-in end).",
                    other.from, other.to, other.stand_in
                ),
            )
            .into());
        }
        let kept_from = self.today.plus(-KEPT_DAYS).number();
        let sql = "DELETE FROM stand_in WHERE to_on < $1";
        self.conn.run(sql, vec![kept_from.into()]).await?;
        let id: [u8; 8] = self.random();
        let sql = "INSERT INTO stand_in (stand_in_id, office, absent, stand_in, from_on, to_on, \
                   named_by, ended_ms) VALUES ($1,$2,$3,$4,$5,$6,$7,0)";
        let vals = vec![
            id.into(),
            actor.office.as_str().into(),
            absent.as_str().into(),
            stand_in.into(),
            from.number().into(),
            to.number().into(),
            actor.token.as_str().into(),
        ];
        self.conn.run(sql, vals).await?;
        let about = format!("{} {absent} {stand_in} {from} {to}", actor.token);
        self.record("stand-in named", about.as_bytes());
        Ok(list(self.conn, &actor.office, self.today).await?)
    }

    /// Ends it before its day.
    pub(crate) async fn end_stand_in(
        &mut self,
        actor: &Actor,
        asked: &wire::StandInRef,
    ) -> Outcome<wire::StandInList> {
        let found = all(self.conn).await?.into_iter().find(|one| {
            hex::encode(one.id) == asked.id.trim()
                && one.office == actor.office
                && one.ended_ms == 0
                && one.to >= self.today
        });
        let found = found.ok_or_else(|| {
            let id = &asked.id;
            Denied::no_such(&format!("代班 {id}"), &format!("stand-in {id}"))
        })?;
        if found.stand_in != actor.token {
            self.may_settle(actor, &found.absent)?;
        }
        let sql = "UPDATE stand_in SET ended_ms = $2 WHERE stand_in_id = $1";
        self.conn.run(sql, vec![found.id.into(), self.now_ms.into()]).await?;
        let about = format!("{} {} {}", actor.token, found.absent, found.stand_in);
        self.record("stand-in ended", about.as_bytes());
        Ok(list(self.conn, &actor.office, self.today).await?)
    }

    /// One's own absence, or that of somebody of the office whose approver one is.
    fn may_settle(&self, actor: &Actor, absent: &str) -> Result<(), Denied> {
        let config = &self.house.config;
        let approves = token(config, &actor.token).is_some_and(|t| t.role == DeskRole::Approver);
        let is_own = token(config, absent).is_some_and(|t| t.office.as_str() == actor.office);
        if absent == actor.token || (approves && is_own) {
            return Ok(());
        }
        Err(Denied::new(
            "NOT_YOURS_TO_NAME",
            format!("只有 {absent} 本人或本机构的批准岗位可以指定或结束代班。"),
            format!("{absent} itself, or an approver of its office, names and ends its stand-in."),
        ))
    }

    fn period(&self, asked: &wire::StandInRequest) -> Result<(Day, Day), Denied> {
        let today = self.today;
        let from = if asked.from == 0 { Some(today) } else { Day::from_number(asked.from) };
        let fits = |from: &Day, to: &Day| {
            *from >= today && from <= to && to.since_epoch() - from.since_epoch() < DAYS_MAX
        };
        from.zip(Day::from_number(asked.to)).filter(|(from, to)| fits(from, to)).ok_or_else(|| {
            Denied::new(
                "BAD_PERIOD",
                format!("代班从今天（{today}）或以后开始，最多 {DAYS_MAX} 天；请更正起止日期。"),
                format!(
                    "A stand-in begins today ({today}) or later and lasts {DAYS_MAX} days at most: \
                     correct the dates."
                ),
            )
        })
    }

    /// Whether a token, or somebody it stands in for today, is this one.
    pub(crate) async fn is_or_stands_in_for(
        &mut self,
        actor: &Actor,
        token: &str,
    ) -> Result<bool, StoreError> {
        if token == actor.token {
            return Ok(true);
        }
        let stand_in = stands_in_for(self.conn, token, self.today).await?;
        Ok(stand_in.as_deref() == Some(actor.token.as_str()))
    }

    /// Writes down, under the own name, that somebody acts for who is absent.
    pub(crate) async fn note_for_whom(
        &mut self,
        actor: &Actor,
        handler: &str,
        what: &str,
    ) -> Result<(), StoreError> {
        if handler != actor.token && self.is_or_stands_in_for(actor, handler).await? {
            self.record("acted for", format!("{} for {handler}: {what}", actor.token).as_bytes());
        }
        Ok(())
    }

    /// The entry by which one of two officers has stood in for the other since an instant.
    async fn stood_in(
        &mut self,
        eyes: [&str; 2],
        since_ms: u64,
    ) -> Result<Option<StandIn>, StoreError> {
        let since = self.house.calendar().day_of_unix_ms(since_ms);
        let config = &self.house.config;
        Ok(all(self.conn).await?.into_iter().find(|one| {
            let pair = [officer(config, &one.absent), officer(config, &one.stand_in)];
            let lasted = one.from <= self.today
                && one.to >= since
                && (one.ended_ms == 0 || one.ended_ms >= since_ms);
            lasted && (pair == eyes || pair == [eyes[1], eyes[0]])
        }))
    }

    /// Whether two officers are one pair of eyes: one person, or one has stood in for the other.
    pub(crate) async fn is_one_pair(
        &mut self,
        one: &str,
        other: &str,
        since_ms: u64,
    ) -> Result<bool, StoreError> {
        Ok(one == other || self.stood_in([one, other], since_ms).await?.is_some())
    }

    /// Four eyes: of the holders of two tokens, neither has stood in for the other since the first
    /// one began.
    pub(crate) async fn never_stood_in(
        &mut self,
        first: &str,
        second: &str,
        since_ms: u64,
    ) -> Outcome<()> {
        let config = &self.house.config;
        let eyes = [officer(config, first), officer(config, second)];
        let stood = self.stood_in(eyes, since_ms).await?;
        let Some(stood) = stood else { return Ok(()) };
        Err(Denied::new(
            "STANDS_IN",
            format!(
                "{} 在代 {} 办理，两人算一双眼睛：须由另一人批准。",
                stood.stand_in, stood.absent
            ),
            format!(
                "{} stands in for {}: the two are one pair of eyes, and another person has to \
                 approve.",
                stood.stand_in, stood.absent
            ),
        )
        .into())
    }
}

/// What is told of a leg whose first handler is absent: who stands in.
pub(crate) async fn shown(
    conn: &mut Conn,
    file: &LegFile,
    handler: &str,
    today: Day,
) -> Result<String, StoreError> {
    if handler.is_empty() || file.law.is_closed() {
        return Ok(String::new());
    }
    Ok(stands_in_for(conn, handler, today).await?.unwrap_or_default())
}
