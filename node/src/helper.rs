//! A helper whom a worker has named for one leg: chosen and dismissed by the worker alone, shown how
//! that leg stands and nothing of any person, and no part of any decision.

use crate::batch::Batch;
use crate::command::Actor;
use crate::config::DeskRole;
use crate::legs::{LegFile, Local};
use crate::questions::purpose::HELPER;
use crate::questions::{Look, Use, View, wrong_code};
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::LegId;
use jieli_proto::wire;

impl Batch<'_> {
    /// Who can be named, and who helps with which legs now.
    pub(crate) async fn show_helpers(
        &mut self,
        asked: &wire::WorkerRequest,
    ) -> Outcome<wire::HelperList> {
        let files = self.legs_by_code(&asked.case_number, &asked.code, Use::Read).await?;
        self.helpers(&files).await
    }

    /// Names a helper for one leg. A slip is printed by a desk, so its code names nobody (V1).
    pub(crate) async fn choose_helper(
        &mut self,
        asked: &wire::ChooseHelperRequest,
    ) -> Outcome<wire::HelperList> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Answer).await?;
        let files = self.legs_by_code(&asked.case_number, &asked.code, Use::Answer).await?;
        let in_message = |file: &&LegFile| question.legs.iter().any(|(_, leg, _)| *leg == file.id);
        let file = files.iter().filter(in_message).find(|file| file.number == asked.leg);
        let file = file.filter(|file| can_be_helped(file)).ok_or_else(|| no_leg(asked.leg))?;
        // V1: by the worker alone, so not by who also has the phone, or had it before.
        self.is_own_phone(file).await?;
        self.pin_is_settled(file.case).await?;
        if question.names_nobody() {
            return Err(wrong_code().into());
        }
        let leg = file.id;
        self.name_helper(leg, asked.helper.trim(), "code").await?;
        self.helpers(&files).await
    }

    /// Names a helper for a leg; `by`: a code, or the token of a window.
    pub(crate) async fn name_helper(&mut self, leg: LegId, name: &str, by: &str) -> Outcome<()> {
        let tokens = &self.house.config.desk.tokens;
        let token = tokens.iter().find(|one| one.role == DeskRole::Helper && one.name() == name);
        let office = token.ok_or_else(|| no_helper(name))?.office.as_str();
        let sql = "INSERT INTO leg_helper (leg_id, office, token, chosen_ms) VALUES ($1,$2,$3,$4) \
                   ON CONFLICT (leg_id) DO UPDATE SET office = excluded.office, \
                   token = excluded.token, chosen_ms = excluded.chosen_ms";
        let vals = vec![leg.to_vec().into(), office.into(), name.into(), self.now_ms.into()];
        self.conn.run(sql, vals).await?;
        self.record("helper chosen", format!("{} {name} {by}", leg.hex()).as_bytes());
        Ok(())
    }

    /// Ends it at once. Like a stop it works with any code that was ever right.
    pub(crate) async fn dismiss_helper(
        &mut self,
        asked: &wire::DismissHelperRequest,
    ) -> Outcome<wire::HelperList> {
        let files = self.legs_by_code(&asked.case_number, &asked.code, Use::Stop).await?;
        if asked.leg != 0 && !files.iter().any(|file| file.number == asked.leg) {
            return Err(no_leg(asked.leg).into());
        }
        for file in &files {
            if asked.leg == 0 || asked.leg == file.number {
                self.forget_helper(file.id, "code").await?;
            }
        }
        self.helpers(&files).await
    }

    pub(crate) async fn forget_helper(&mut self, leg: LegId, by: &str) -> Outcome<()> {
        let sql = "DELETE FROM leg_helper WHERE leg_id = $1";
        if self.conn.run(sql, vec![leg.to_vec().into()]).await? > 0 {
            self.record("helper dismissed", format!("{} {by}", leg.hex()).as_bytes());
        }
        Ok(())
    }

    /// An item that is over has no helper: whom the person chose is not kept beside it.
    pub(crate) async fn help_ends(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if can_be_helped(file) {
            return Ok(());
        }
        let sql = "DELETE FROM leg_helper WHERE leg_id = $1";
        self.conn.run(sql, vec![file.id.to_vec().into()]).await.map(drop)
    }

    pub(crate) async fn helpers(&mut self, files: &[LegFile]) -> Outcome<wire::HelperList> {
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
        for file in files.iter().filter(|file| can_be_helped(file)) {
            let sql = "SELECT office, token FROM leg_helper WHERE leg_id = $1";
            let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
            let Some(row) = row else { continue };
            let (office, token) = (row.text(0)?, row.text(1)?);
            let helps = |one: &&mut wire::HelperLine| one.helper == token && one.office == office;
            if let Some(line) = helpers.iter_mut().find(helps) {
                line.legs.push(file.number);
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

/// A leg that is not over. A refusal is no end (V23): it reads as one who has not answered, and both
/// drop on one day.
pub(crate) fn can_be_helped(file: &LegFile) -> bool {
    !file.law.is_closed() && !file.is_stopped() && file.local != Local::Dropped
}

pub(crate) fn no_leg(number: u32) -> Denied {
    Denied::new(
        "NO_SUCH_NUMBER",
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
