//! Vacancies: own ones with their whole terms, announced, changed and closed; and those that other
//! cities announced.

use super::bad;
use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::Bond;
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome};
use jieli_proto::message::{check_terms, terms_digest};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};
use std::sync::Arc;

impl Batch<'_> {
    /// Adds vacancies: own ones with their terms, or references another city gave us.
    pub(crate) async fn add_vacancies(
        &mut self,
        actor: &Actor,
        request: wire::AddVacanciesRequest,
    ) -> Outcome<wire::AddVacanciesReply> {
        let audience = self.audience(actor);
        let mut reply = wire::AddVacanciesReply::default();
        for vacancy in &request.vacancies {
            let terms = vacancy.terms.clone().unwrap_or_default();
            let named = self.directory.city_named(&vacancy.city).cloned();
            let own = vacancy.city.is_empty() || named.as_ref() == Some(&self.directory.city);
            if own {
                self.may_change(actor, &terms, request.change).await?;
            } else if request.change {
                return Err(unknown(&terms.reference).into());
            }
            let city = if own {
                check_terms(&terms).map_err(|field| bad(field, "用工条件不完整", "job terms"))?;
                self.directory.city.as_str().to_owned()
            } else {
                named.map_or(vacancy.city.clone(), |city| city.as_str().to_owned())
            };
            let office = if own { &actor.office } else { "" };
            self.keep_vacancy(&city, vacancy, &terms, own).await?;
            self.set_office(&city, &terms.reference, office).await?;
            reply.added += 1;
            if own && (request.announce || request.change) {
                reply.announced += self.announce(&audience, vacancy, &terms).await?;
            }
        }
        Ok(reply)
    }

    /// V4: changed terms are a new version with a new digest, which every worker acknowledges anew;
    /// the same version never says two things. Only what is known can be changed.
    async fn may_change(
        &mut self,
        actor: &Actor,
        terms: &wire::Terms,
        change: bool,
    ) -> Outcome<()> {
        let Some((_, before)) = self.own_vacancy(actor, &terms.reference).await? else {
            return if change { Err(unknown(&terms.reference).into()) } else { Ok(()) };
        };
        if before == *terms || terms.version > before.version {
            return Ok(());
        }
        let (reference, version) = (&terms.reference, before.version);
        Err(Denied::new(
            "TERMS_VERSION",
            format!("岗位 {reference} 的用工条件有变，version 须大于 {version}，由本人重新确认。"),
            format!(
                "The terms of {reference} have changed: give them a version above {version}; \
                 every worker acknowledges them anew."
            ),
        )
        .into())
    }

    /// An own vacancy with its terms, for the office that announced it or has taken over from that
    /// one.
    async fn own_vacancy(
        &mut self,
        actor: &Actor,
        reference: &str,
    ) -> Outcome<Option<(wire::Vacancy, wire::Terms)>> {
        let city = self.directory.city.as_str().to_owned();
        let row = self
            .conn
            .maybe(
                "SELECT posts, terms_digest, office FROM vacancy WHERE city = $1 AND reference = $2",
                vec![city.as_str().into(), reference.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let office = row.text(2)?;
        let now = self.directory.office_now(&office);
        if !office.is_empty() && now != actor.office && self.directory.own_office(now).is_some() {
            return Err(of_another(reference, now).into());
        }
        let digest = row.bytes(1)?;
        let posts = row.int(0)? as u32;
        let vacancy = wire::Vacancy { city, posts, ..wire::Vacancy::default() };
        Ok(self.terms(&digest).await?.map(|terms| (vacancy, terms)))
    }

    /// Announces an own vacancy as over: valid until yesterday. What was accepted stays accepted.
    pub(crate) async fn close_vacancy(
        &mut self,
        actor: &Actor,
        reference: &str,
    ) -> Outcome<wire::AddVacanciesReply> {
        let found = self.own_vacancy(actor, reference.trim()).await?;
        let (vacancy, terms) = found.ok_or_else(|| unknown(reference))?;
        let vacancy = wire::Vacancy { valid_until: self.today.plus(-1).number(), ..vacancy };
        self.keep_vacancy(&vacancy.city, &vacancy, &terms, true).await?;
        let audience = self.audience(actor);
        let announced = self.announce(&audience, &vacancy, &terms).await?;
        Ok(wire::AddVacanciesReply { added: 0, announced })
    }

    /// Stores a vacancy of a city.
    pub(crate) async fn keep_vacancy(
        &mut self,
        city: &str,
        vacancy: &wire::Vacancy,
        terms: &wire::Terms,
        complete: bool,
    ) -> Result<(), StoreError> {
        let digest = if complete {
            self.keep_terms(city, terms).await?;
            terms_digest(terms).to_vec()
        } else {
            Vec::new()
        };
        self.conn
            .run(
                "INSERT INTO vacancy (city, reference, terms_digest, posts, valid_until) \
                 VALUES ($1,$2,$3,$4,$5) ON CONFLICT (city, reference) DO UPDATE SET \
                 terms_digest = excluded.terms_digest, posts = excluded.posts, \
                 valid_until = excluded.valid_until",
                vec![
                    city.into(),
                    terms.reference.as_str().into(),
                    digest.into(),
                    vacancy.posts.into(),
                    vacancy.valid_until.into(),
                ],
            )
            .await?;
        Ok(())
    }

    async fn set_office(
        &mut self,
        city: &str,
        reference: &str,
        office: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE vacancy SET office = $1 WHERE city = $2 AND reference = $3";
        let vals = vec![office.into(), city.into(), reference.into()];
        self.conn.run(sql, vals).await.map(drop)
    }

    /// The partners whose agreement covers jobs from there to here, with the offices that write and
    /// read.
    fn audience(&self, actor: &Actor) -> Vec<(Arc<Bond>, (String, String))> {
        let kind = wire::OfficeKind::Labour;
        let bonds = self.directory.bonds.values().filter_map(|bond| {
            let agreement = bond.in_force()?;
            let theirs = bond.our_side.other();
            let covered = agreement.covers(Service::Employment, theirs);
            if !covered || bond.is_closed_to_new(self.today) {
                return None;
            }
            let ours = agreement
                .office(bond.our_side, &actor.office)
                .or_else(|| agreement.office_of_kind(bond.our_side, kind))?;
            let theirs = agreement.office_of_kind(theirs, kind)?;
            Some((Arc::clone(bond), (ours.credit_code.clone(), theirs.credit_code.clone())))
        });
        bonds.collect()
    }

    /// A VACANCY NOTICE to each of them; how many.
    async fn announce(
        &mut self,
        audience: &[(Arc<Bond>, (String, String))],
        vacancy: &wire::Vacancy,
        terms: &wire::Terms,
    ) -> Outcome<u32> {
        for (bond, offices) in audience {
            let notice = wire::VacancyNotice {
                terms: Some(terms.clone()),
                posts: vacancy.posts,
                valid_until: vacancy.valid_until,
            };
            let (body, service) = (Body::VacancyNotice(notice), Service::Employment);
            self.tell(bond, MessageType::VacancyNotice, service, body, offices.clone()).await?;
        }
        Ok(audience.len() as u32)
    }
}

fn of_another(reference: &str, office: &str) -> Denied {
    Denied::new(
        "VACANCY_OF_ANOTHER_OFFICE",
        format!("岗位 {reference} 由机构 {office} 公布，只能由该机构修改或结束。请与其联系。"),
        format!(
            "Vacancy {reference} was announced by office {office}, which alone changes or ends it: \
             ask there."
        ),
    )
}

fn unknown(reference: &str) -> Denied {
    Denied::new(
        "NO_SUCH_VACANCY",
        format!("本城市没有登记岗位 {reference}。请核对编号，或用 jieli vacancy add 登记。"),
        format!("This city has no vacancy {reference}: check it, or add it with `vacancy add`."),
    )
}
