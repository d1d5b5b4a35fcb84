//! A helper whom a worker has named for one leg: chosen and dismissed by the worker alone, shown how
//! that leg stands and nothing of any person, and no part of any decision.

use crate::batch::Batch;
use crate::command::Actor;
use crate::config::DeskRole;
use crate::legs::LegFile;
use crate::questions::purpose::HELPER;
use crate::questions::{Look, Use, View};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::LegId;
use jieli_proto::wire;

impl Batch<'_> {
    /// Who can be named, and who helps with which legs now.
    pub(crate) async fn show_helpers(
        &mut self,
        asked: &wire::WorkerRequest,
    ) -> Outcome<wire::HelperList> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Read).await?;
        self.helpers(&question.legs).await
    }

    /// Names a helper for one leg. A slip is printed by a desk, so its code names nobody (V1).
    pub(crate) async fn choose_helper(
        &mut self,
        asked: &wire::ChooseHelperRequest,
    ) -> Outcome<wire::HelperList> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Answer).await?;
        let named = question.legs.iter().find(|(number, _, _)| *number == asked.leg);
        let leg = named.map(|(_, leg, _)| *leg);
        let leg = leg.ok_or_else(|| no_leg(asked.leg))?;
        let open = self.take_leg(leg).await?.is_some_and(|file| can_be_helped(&file));
        if !open {
            return Err(no_leg(asked.leg).into());
        }
        let name = asked.helper.trim();
        let tokens = &self.house.config.desk.tokens;
        let token = tokens.iter().find(|one| one.role == DeskRole::Helper && one.name() == name);
        let office = token.ok_or_else(|| no_helper(name))?.office.as_str();
        let sql = "INSERT INTO leg_helper (leg_id, office, token, chosen_ms) VALUES ($1,$2,$3,$4) \
                   ON CONFLICT (leg_id) DO UPDATE SET office = excluded.office, \
                   token = excluded.token, chosen_ms = excluded.chosen_ms";
        let vals = vec![leg.to_vec().into(), office.into(), name.into(), self.now_ms.into()];
        self.conn.run(sql, vals).await?;
        self.record("helper chosen", format!("{} {name}", leg.hex()).as_bytes());
        self.helpers(&question.legs).await
    }

    /// Ends it at once. Like a stop it works with any code that was ever right.
    pub(crate) async fn dismiss_helper(
        &mut self,
        asked: &wire::DismissHelperRequest,
    ) -> Outcome<wire::HelperList> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Stop).await?;
        for (number, leg, _) in &question.legs {
            if asked.leg == 0 || asked.leg == *number {
                self.forget_helper(*leg).await?;
            }
        }
        self.helpers(&question.legs).await
    }

    async fn forget_helper(&mut self, leg: LegId) -> Outcome<()> {
        let sql = "DELETE FROM leg_helper WHERE leg_id = $1";
        if self.conn.run(sql, vec![leg.to_vec().into()]).await? > 0 {
            self.record("helper dismissed", leg.hex().as_bytes());
        }
        Ok(())
    }

    async fn helpers(&mut self, legs: &[(u32, LegId, bool)]) -> Outcome<wire::HelperList> {
        let tokens = &self.house.config.desk.tokens;
        let helpers = tokens.iter().filter(|one| one.role == DeskRole::Helper);
        let mut helpers: Vec<wire::HelperLine> = helpers
            .map(|one| wire::HelperLine {
                helper: one.name().to_owned(),
                office: one.office.as_str().to_owned(),
                office_name: self.directory.own_office_name(one.office.as_str()),
                legs: Vec::new(),
            })
            .collect();
        for (number, leg, _) in legs {
            let open = self.take_leg(*leg).await?.is_some_and(|file| can_be_helped(&file));
            let sql = "SELECT office, token FROM leg_helper WHERE leg_id = $1";
            let row = self.conn.maybe(sql, vec![leg.to_vec().into()]).await?;
            let Some(row) = row.filter(|_| open) else { continue };
            let (office, token) = (row.text(0)?, row.text(1)?);
            let helps = |one: &&mut wire::HelperLine| one.helper == token && one.office == office;
            if let Some(line) = helpers.iter_mut().find(helps) {
                line.legs.push(*number);
            }
        }
        Ok(wire::HelperList { helpers })
    }

    /// The legs given to a token that are not over, and what each is; nothing of a person.
    async fn given(&mut self, actor: &Actor) -> Outcome<Vec<(wire::GivenLine, LegFile)>> {
        // The office as well: a name that another office uses later was not chosen.
        let sql = "SELECT h.leg_id, h.chosen_ms, c.number FROM leg_helper h \
                   JOIN leg l ON l.leg_id = h.leg_id JOIN case_file c ON c.case_id = l.case_id \
                   WHERE h.token = $1 AND h.office = $2 ORDER BY h.chosen_ms, h.leg_id";
        let vals = vec![actor.token.as_str().into(), actor.office.as_str().into()];
        let mut given = Vec::new();
        for row in self.conn.rows(sql, vals).await? {
            let file = self.take_leg(LegId(row.array(0)?)).await?;
            let Some(file) = file.filter(can_be_helped) else { continue };
            let line = wire::GivenLine {
                case_number: row.text(2)?,
                leg: file.number,
                service: file.service.into(),
                chosen_unix_ms: row.uint(1)?,
            };
            given.push((line, file));
        }
        Ok(given)
    }

    /// The list of a helper.
    pub(crate) async fn given_to(&mut self, actor: &Actor) -> Outcome<wire::GivenList> {
        let given = self.given(actor).await?;
        Ok(wire::GivenList { legs: given.into_iter().map(|(line, _)| line).collect() })
    }

    /// How one leg stands; that the helper looked is written down with it.
    pub(crate) async fn show_given(
        &mut self,
        actor: &Actor,
        asked: &wire::GivenRef,
    ) -> Outcome<(LegId, wire::GivenView)> {
        let case_number = asked.case_number.trim();
        let is_it =
            |line: &wire::GivenLine| line.case_number == case_number && line.leg == asked.leg;
        let found = self.given(actor).await?.into_iter().find(|(line, _)| is_it(line));
        let unknown = || Denied::not_found(&format!("{case_number}/{}", asked.leg));
        let (line, file) = found.ok_or_else(unknown)?;
        let look = Look {
            case_number: line.case_number.clone(),
            view: View::Helper,
            purpose: HELPER.both(),
            legs: vec![file.id],
        };
        self.looked(actor, &look).await?;
        let leg = Some(self.worker_leg(&file).await?);
        Ok((file.id, wire::GivenView { case_number: line.case_number, leg, window: None }))
    }
}

/// A leg that is not over. A refusal is no end (V23): it reads as one who has not answered.
fn can_be_helped(file: &LegFile) -> bool {
    !file.law.is_closed() && !file.is_stopped()
}

fn no_leg(number: u32) -> Denied {
    Denied::new(
        "NO_SUCH_ITEM",
        format!("短信里没有第 {number} 项，或者它已经结束。请核对序号。"),
        format!("The message has no item {number}, or it is over. Check the number."),
    )
}

fn no_helper(name: &str) -> Denied {
    Denied::new(
        "NO_SUCH_HELPER",
        format!("没有名为“{name}”的协助人，请从名单中选择。"),
        format!("No helper is named “{name}”: choose one of the list."),
    )
}
