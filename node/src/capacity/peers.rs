//! Asking another city whether it has places, and answering. No person is in either: they are
//! asked first, so that nobody's data travels to a full school.

use super::{CUT, Cut, figure_for};
use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::Bond;
use crate::legs::LegFile;
use crate::store::{StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::section;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, CapacityState, MessageType, OfficeKind, Service};
use jieli_proto::words;
use prost::Message as _;

/// Working days an answer holds that was counted, or that says to assess first.
const ANSWER_DAYS: u32 = 5;

impl Batch<'_> {
    /// Sends a CAPACITY QUERY and remembers it. Returns its env_digest.
    pub(crate) async fn ask_capacity(
        &mut self,
        actor: &Actor,
        asked: &wire::AskCapacityRequest,
    ) -> Outcome<Digest> {
        let cut = Cut::read(asked.cut.as_ref())?;
        if cut.service == Service::Employment {
            return Err(Denied::new(
                "BY_VACANCY",
                "就业岗位由对方城市公布，见 jieli vacancy list，无需询问。",
                "Posts are announced by the other city: see `jieli vacancy list`.",
            )
            .into());
        }
        let partner = self.directory.peer_named(&asked.city).and_then(|peer| {
            let bond = self.directory.bond_with(&peer.city, cut.service)?;
            Some(bond.clone())
        });
        let Some(bond) = partner else { return Err(no_partner(&asked.city)) };
        self.query(actor, &bond, &cut).await
    }

    async fn query(&mut self, actor: &Actor, bond: &Bond, cut: &Cut) -> Outcome<Digest> {
        let Some(agreement) = bond.in_force() else { return Err(no_partner(bond.peer.as_str())) };
        let ours = agreement
            .office(bond.our_side, &actor.office)
            .or_else(|| agreement.office_of_kind(bond.our_side, OfficeKind::Labour));
        let kind = words::kind_of_service(cut.service);
        let theirs = agreement.office_of_kind(bond.our_side.other(), kind);
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return Err(no_partner(bond.peer.as_str()));
        };
        let offices = (ours.credit_code.clone(), theirs.credit_code.clone());
        let body = Body::CapacityQuery(wire::CapacityQuery {
            asks: cut.service.into(),
            stage: cut.stage,
            kind: cut.home_kind,
            district: cut.district.clone(),
        });
        let ty = MessageType::CapacityQuery;
        let query = self.tell(bond, ty, cut.service, body, offices).await?;
        self.note_query(bond, cut, &query).await?;
        Ok(query)
    }

    /// Asks a city about the places a draft is for, when its worker is about to be asked: once a
    /// day for a cut, and not while a valid answer is known. Nobody waits for it; by the time the
    /// worker says yes, it is known whether there is a place.
    pub(crate) async fn ask_first(
        &mut self,
        actor: &Actor,
        file: &LegFile,
    ) -> Result<(), StoreError> {
        let Some(bond) = self.bond_of(file).filter(|_| !file.is_local()) else { return Ok(()) };
        let cut = self.draft_cut(file).await?;
        let Some(cut) = cut.filter(|cut| cut.service != Service::Employment) else {
            return Ok(());
        };
        let known = self.valid_answer(&bond, &cut).await?.is_some();
        let whole = Cut { district: String::new(), ..cut.clone() };
        if known || self.valid_answer(&bond, &whole).await?.is_some() {
            return Ok(());
        }
        let row = self
            .conn
            .maybe(
                "SELECT asked_ms FROM capacity_asked WHERE service = $1 AND stage = $2 \
                 AND home_kind = $3 AND district = $4 AND city = $5",
                asked_of(&bond, &cut),
            )
            .await?;
        let asked_ms = row.map_or(Ok(0), |row| row.uint(0))?;
        if self.house.calendar().day_of_unix_ms(asked_ms) == self.today {
            return Ok(());
        }
        match self.query(actor, &bond, &cut).await {
            // What cannot be asked is in nobody's way.
            Ok(_) | Err(Trouble::Denied(_)) => Ok(()),
            Err(Trouble::Store(error)) => Err(error),
        }
    }

    /// The cut that a draft falls into.
    async fn draft_cut(&mut self, file: &LegFile) -> Result<Option<Cut>, StoreError> {
        let slots = section::slots(MessageType::Offer, file.service);
        let (Some(draft), Some(kind)) = (self.draft(file).await?, slots.first()) else {
            return Ok(None);
        };
        let fields = crate::follow::field_values(&draft.fields, kind.number);
        Ok(Cut::of_offer(file.service, &fields))
    }

    /// An own query that both cities have logged.
    pub(crate) async fn query_back(
        &mut self,
        bond: &Bond,
        service: Service,
        asked: &wire::CapacityQuery,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let cut = Cut {
            stage: asked.stage,
            home_kind: asked.kind,
            district: asked.district.clone(),
            ..Cut::whole(service)
        };
        self.note_query(bond, &cut, digest).await
    }

    /// A query that was answered: nothing is to be done about it any more.
    pub(crate) async fn unset_answer(&mut self, query: &[u8]) -> Result<(), StoreError> {
        let sql = "DELETE FROM timer WHERE kind = $1 AND subject = $2";
        let kind = TimerKind::AnswerCapacity.word();
        self.conn.run(sql, vec![kind.into(), query.into()]).await?;
        Ok(())
    }

    async fn note_query(
        &mut self,
        bond: &Bond,
        cut: &Cut,
        query: &Digest,
    ) -> Result<(), StoreError> {
        // What was answered before stays until the new answer is here.
        self.conn
            .run(
                "INSERT INTO capacity_asked (city, service, stage, home_kind, district, \
                 query_digest, asked_ms, answered, state, wait_days, as_of, valid_until) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7,0,0,0,0,0) \
                 ON CONFLICT (city, service, stage, home_kind, district) DO UPDATE SET \
                 query_digest = excluded.query_digest, asked_ms = excluded.asked_ms, \
                 answered = 0",
                vec![
                    bond.peer.as_str().into(),
                    i64::from(cut.service as i32).into(),
                    cut.stage.into(),
                    cut.home_kind.into(),
                    cut.district.as_str().into(),
                    query.to_vec().into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// The timer behind a query of a peer, by its env_digest: the node answers from its own table.
    pub(crate) async fn answer_capacity(&mut self, query: &[u8]) -> Outcome<()> {
        let row = self
            .conn
            .maybe(
                "SELECT agreement_id, envelope FROM envelope WHERE env_digest = $1 LIMIT 1",
                vec![query.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        let corrupt = || StoreError::Corrupt("envelope.envelope");
        let sealed = wire::Envelope::decode(row.bytes(1)?.as_slice()).map_err(|_| corrupt())?;
        let message: wire::Message = envelope::payload(&sealed).map_err(|_| corrupt())?;
        let bond = AgreementId::from_slice(&row.bytes(0)?).and_then(|id| self.bond(&id));
        let (Some(bond), Some(Body::CapacityQuery(asked))) = (bond, &message.body) else {
            return Ok(());
        };
        let cut = Cut {
            stage: asked.stage,
            home_kind: asked.kind,
            district: asked.district.clone(),
            ..Cut::whole(message.service())
        };
        let body = Body::CapacityAnswer(self.answer_for(&message.to_office, &cut, query).await?);
        let offices = (message.to_office.clone(), message.from_office.clone());
        self.tell(&bond, MessageType::CapacityAnswer, cut.service, body, offices).await?;
        Ok(())
    }

    /// What is answered for a cut. What nobody announced is to be assessed first.
    async fn answer_for(
        &mut self,
        office: &str,
        cut: &Cut,
        query: &[u8],
    ) -> Result<wire::CapacityAnswer, StoreError> {
        let soon = self.house.calendar().add_working_days(self.today, ANSWER_DAYS).number();
        let mut answer = wire::CapacityAnswer {
            answers: query.to_vec(),
            state: CapacityState::AssessFirst.into(),
            wait_days: 0,
            as_of: self.today.number(),
            valid_until: soon,
        };
        let (known, count) = self.counted(office, cut, None).await?;
        if let Some(figure) = figure_for(&known, cut).filter(|figure| figure.is_live(self.today)) {
            let (state, wait_days) = figure.answer(count, self.today);
            answer.state = state.into();
            answer.wait_days = wait_days;
            answer.valid_until = if figure.is_counted(self.today) {
                figure.valid_until.min(soon)
            } else {
                answer.as_of = figure.as_of;
                figure.valid_until
            };
        }
        Ok(answer)
    }

    /// Keeps an answer to a query of ours; one to anything else is stored and says nothing.
    pub(crate) async fn hear_capacity(
        &mut self,
        bond: &Bond,
        answer: &wire::CapacityAnswer,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "UPDATE capacity_asked SET answered = 1, state = $3, wait_days = $4, \
                 as_of = $5, valid_until = $6 WHERE query_digest = $1 AND city = $2",
                vec![
                    answer.answers.clone().into(),
                    bond.peer.as_str().into(),
                    i64::from(answer.state).into(),
                    answer.wait_days.into(),
                    answer.as_of.into(),
                    answer.valid_until.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// The same of another office of this city: its own figure is at hand.
    async fn is_there_a_place(&mut self, office: &str, cut: &Cut) -> Outcome<()> {
        let found = self.answer_for(office, cut, &[]).await?;
        if found.state() == CapacityState::None {
            let name = self.directory.own_office_name(office);
            return Err(no_places_here(name, found.as_of, found.valid_until));
        }
        Ok(())
    }

    /// Whether a draft may go to a city: not while that city's own answer, still valid, says that
    /// there is no place. The answer for the district counts before the one for the whole city; a
    /// city that was never asked, or has not answered, is in nobody's way.
    pub(crate) async fn may_have_a_place(&mut self, file: &LegFile, bond: &Bond) -> Outcome<()> {
        let Some(cut) = self.draft_cut(file).await? else { return Ok(()) };
        if cut.service == Service::Employment {
            return self.is_announced(bond, &cut).await;
        }
        if bond.id.is_local() {
            return self.is_there_a_place(&file.their_office, &cut).await;
        }
        let whole = Cut { district: String::new(), ..cut.clone() };
        let answer = match self.valid_answer(bond, &cut).await? {
            Some(answer) => Some(answer),
            None => self.valid_answer(bond, &whole).await?,
        };
        match answer {
            Some((CapacityState::None, as_of, until)) => Err(no_places(bond, as_of, until)),
            Some(_) | None => Ok(()),
        }
    }

    /// A vacancy that its city has announced as over is not offered for.
    async fn is_announced(&mut self, bond: &Bond, cut: &Cut) -> Outcome<()> {
        let row = self
            .conn
            .maybe(
                "SELECT valid_until, terms_digest FROM vacancy WHERE city = $1 AND reference = $2",
                vec![bond.peer.as_str().into(), cut.reference.as_str().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        let (until, announced) = (row.int(0)? as u32, !row.bytes(1)?.is_empty());
        if !announced || until >= self.today.number() {
            return Ok(());
        }
        let reference = &cut.reference;
        Err(Denied::new(
            "VACANCY_OVER",
            format!("岗位 {reference} 已截止或已关闭，办件保留为草稿。请改填其他岗位。"),
            format!("Vacancy {reference} is over: the case stays a draft. Name another vacancy."),
        )
        .into())
    }

    /// The latest answer for a cut, if there is one and it has not expired: its state, and its
    /// dates.
    async fn valid_answer(
        &mut self,
        bond: &Bond,
        cut: &Cut,
    ) -> Result<Option<(CapacityState, u32, u32)>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT state, as_of, valid_until FROM capacity_asked WHERE service = $1 \
                 AND stage = $2 AND home_kind = $3 AND district = $4 AND city = $5",
                asked_of(bond, cut),
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state = CapacityState::try_from(row.int(0)? as i32);
        let state = state.map_err(|_| StoreError::Corrupt("capacity_asked.state"))?;
        let (as_of, until) = (row.int(1)? as u32, row.int(2)? as u32);
        let valid = state != CapacityState::Unspecified && until >= self.today.number();
        Ok(valid.then_some((state, as_of, until)))
    }
}

/// What other cities answered, by city and cut.
pub async fn heard(
    conn: &mut crate::store::Conn,
    today: Day,
) -> Result<Vec<wire::CapacityHeard>, StoreError> {
    let cut = CUT.replace("reference", "''");
    let sql = format!(
        "SELECT city, {cut}, state, wait_days, as_of, valid_until, asked_ms, \
         query_digest, answered FROM capacity_asked \
         ORDER BY city, service, stage, home_kind, district"
    );
    let rows = conn.rows(sqlx::AssertSqlSafe(sql), Vec::new()).await?;
    let mut all = Vec::new();
    for row in rows {
        let valid_until = row.int(9)? as u32;
        all.push(wire::CapacityHeard {
            city: row.text(0)?,
            cut: Some(Cut::of_row(&row, 1)?.wire()),
            state: row.int(6)? as i32,
            wait_days: row.int(7)? as u32,
            as_of: row.int(8)? as u32,
            valid_until,
            expired: valid_until > 0 && valid_until < today.number(),
            asked_unix_ms: row.uint(10)?,
            query: hex::encode(row.bytes(11)?),
            pending: !row.flag(12)?,
        });
    }
    Ok(all)
}

/// The key of `capacity_asked`, the city last.
fn asked_of(bond: &Bond, cut: &Cut) -> Vec<Val> {
    let mut vals = cut.vals();
    vals.truncate(4);
    vals.push(bond.peer.as_str().into());
    vals
}

fn no_partner(city: &str) -> Trouble {
    Trouble::Denied(Denied::new(
        "NO_AGREEMENT",
        format!("与“{city}”没有包含该服务的生效协议，不能询问名额。请先签订协议。"),
        format!("There is no live agreement with “{city}” for this service: conclude one first."),
    ))
}

fn day_text(number: u32) -> String {
    Day::from_number(number).map_or(String::new(), |day| day.to_string())
}

/// Within one city nobody is asked: the other office announces anew.
fn no_places_here(office: String, as_of: u32, until: u32) -> Trouble {
    let (as_of, until) = (day_text(as_of), day_text(until));
    Trouble::Denied(Denied::new(
        "NO_PLACES",
        format!(
            "{office} 公布的名额已满（{as_of} 的情况，{until} 前有效），没有发出任何内容，办件保留为草稿。\
             该机构用 jieli capacity set 重新公布名额后再办。"
        ),
        format!(
            "{office} has no place left of those it announced (as of {as_of}, valid until {until}): \
             nothing was sent and the case stays a draft. Go on when that office has announced \
             places again with `jieli capacity set`."
        ),
    ))
}

fn no_places(bond: &Bond, as_of: u32, until: u32) -> Trouble {
    let (city, as_of, until) = (bond.peer.as_str(), day_text(as_of), day_text(until));
    Trouble::Denied(Denied::new(
        "NO_PLACES",
        format!(
            "{city} 答复没有名额（{as_of} 的情况，{until} 前有效），没有发出任何内容，办件保留为草稿。\
             可用 jieli capacity ask 再次询问名额。"
        ),
        format!(
            "{city} answered that there is no place (as of {as_of}, valid until {until}): nothing \
             was sent and the case stays a draft. Ask again with `jieli capacity ask`."
        ),
    ))
}
