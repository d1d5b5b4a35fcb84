//! The first handler: who took a leg up here answers for it, until a colleague takes it over. There
//! is no way to leave a leg with nobody: handing over is an offer, and who made it keeps the leg
//! until it is taken.

use super::told;
use crate::batch::Batch;
use crate::command::Actor;
use crate::config::{Config, DeskRole};
use crate::directory::Directory;
use crate::legs::{LegFile, Local};
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::Stage;
use jieli_proto::wire;

/// Who has a leg here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The first handler's token; empty where nobody has taken it up.
    pub(crate) token: String,
    /// To whom it is handed over; empty where it is not.
    pub(crate) handed_to: String,
}

impl Holder {
    /// Who has a leg here.
    pub(crate) async fn of(conn: &mut Conn, file: &LegFile) -> Result<Holder, StoreError> {
        let sql = "SELECT h.token, COALESCE(o.token, '') FROM leg_handler h \
                   LEFT JOIN leg_hand_over o ON o.leg_id = h.leg_id AND o.desk = h.desk \
                   WHERE h.leg_id = $1 AND h.desk = $2";
        let row = conn.maybe(sql, key(file)).await?;
        row.map_or(Ok(Holder::default()), |row| {
            let waits = is_taken_up(file) && !file.law.is_closed();
            let handed_to = if waits { row.text(1)? } else { String::new() };
            Ok(Holder { token: row.text(0)?, handed_to })
        })
    }

    /// Whether the leg is open and its first handler's token cannot act in it any more: it waits in
    /// the office's queue for somebody to take it.
    pub(crate) fn needs_taker(
        &self,
        config: &Config,
        directory: &Directory,
        file: &LegFile,
    ) -> bool {
        is_taken_up(file)
            && !file.law.is_closed()
            && !self.token.is_empty()
            && !may_handle(config, directory, &self.token, &file.our_office)
    }
}

fn key(file: &LegFile) -> Vec<crate::store::Val> {
    vec![file.id.to_vec().into(), file.desk().into()]
}

/// After a REDIRECT the row still names who had it at the office before: to be taken up first.
fn is_taken_up(file: &LegFile) -> bool {
    file.local == Local::OnTheRoad && file.law.state().stage != Stage::Offered
}

/// Whether a token is a clerk's of this office, or of the coordination window.
pub(crate) fn may_handle(config: &Config, directory: &Directory, name: &str, at: &str) -> bool {
    config.desk.tokens.iter().any(|token| {
        let office = directory.office_now(token.office.as_str());
        token.name() == name
            && token.role == DeskRole::Clerk
            && (office == at || directory.coordinates(office))
    })
}

impl Batch<'_> {
    /// Remembers who has a leg; it waits for nobody else any more.
    pub(super) async fn first_handler(
        &mut self,
        file: &LegFile,
        token: &str,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO leg_handler (leg_id, token, since_ms, desk) VALUES ($1,$2,$3,$4) \
                 ON CONFLICT (leg_id, desk) DO UPDATE SET token = excluded.token, \
                 since_ms = excluded.since_ms",
                vec![file.id.to_vec().into(), token.into(), self.now_ms.into(), file.desk().into()],
            )
            .await?;
        self.not_handed_over(file).await
    }

    async fn not_handed_over(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let sql = "DELETE FROM leg_hand_over WHERE leg_id = $1 AND desk = $2";
        self.conn.run(sql, key(file)).await.map(|_| ())
    }

    /// The legs that are meant: the one named, or all of the case that this office has taken up.
    async fn held(
        &mut self,
        actor: &Actor,
        case_number: &str,
        leg: u32,
    ) -> Outcome<Vec<(String, LegFile, Holder)>> {
        let files = match leg {
            0 => self.legs_of_case(case_number).await?,
            number => vec![self.leg_of(case_number, number).await?],
        };
        let mut found = Vec::new();
        for file in files {
            let file = file.seen_by(&actor.office);
            let name = format!("{}/{}", case_number.trim(), file.number);
            match self.is_theirs(actor, &file, &name) {
                Ok(()) => {}
                Err(_) if leg == 0 => continue,
                Err(denied) => return Err(denied),
            }
            let holder = Holder::of(self.conn, &file).await?;
            if is_taken_up(&file) && !holder.token.is_empty() {
                found.push((name, file, holder));
            } else if leg > 0 {
                return Err(not_taken_up(&name).into());
            }
        }
        if leg == 0 {
            found.retain(|(_, file, _)| !file.law.is_closed());
        }
        Ok(found)
    }

    /// Hands a leg, or all of a case, over to a colleague who may act in it and has to take it over.
    pub(crate) async fn hand_over(
        &mut self,
        actor: &Actor,
        request: &wire::HandOverRequest,
    ) -> Outcome<wire::ActReply> {
        let held = self.held(actor, &request.case_number, request.leg).await?;
        if held.is_empty() {
            return Err(not_taken_up(request.case_number.trim()).into());
        }
        let to = request.to_token.trim();
        for (name, file, Holder { token: from, .. }) in &held {
            if !may_handle(&self.house.config, &self.directory, to, &file.our_office) {
                return Err(Denied::new(
                    "BAD_OPTION",
                    format!("选项 --to：{to} 不是能办理 {name} 的经办令牌；经办人仍是 {from}。"),
                    format!("Option --to: {to} is no clerk's token for {name}; {from} keeps it."),
                )
                .into());
            }
        }
        let mut said = Said::default();
        for (name, file, Holder { token: from, .. }) in &held {
            if from == to {
                self.not_handed_over(file).await?;
                said.add(
                    format!("{name} 仍由 {from} 办理，不再等人接手。"),
                    format!("{name} stays with {from}: nobody is to take it over any more."),
                );
            } else {
                let sql = "INSERT INTO leg_hand_over (leg_id, desk, token, since_ms) \
                           VALUES ($1,$2,$3,$4) ON CONFLICT (leg_id, desk) DO UPDATE SET \
                           token = excluded.token, since_ms = excluded.since_ms";
                let mut vals = key(file);
                vals.extend([to.into(), self.now_ms.into()]);
                self.conn.run(sql, vals).await?;
                said.add(
                    format!("{name} 已交给 {to}；{to} 接手（take-over）之前，仍由 {from} 负责。"),
                    format!(
                        "{name} is handed over to {to}; until {to} takes it over, {from} answers \
                         for it."
                    ),
                );
            }
            self.record("handed-over", format!("{} {name} {from} {to}", actor.token).as_bytes());
        }
        Ok(said.reply())
    }

    /// Takes over what was handed over to this token, or what has lost its first handler.
    pub(crate) async fn take_over(
        &mut self,
        actor: &Actor,
        request: &wire::TakeOverRequest,
    ) -> Outcome<wire::ActReply> {
        let held = self.held(actor, &request.case_number, request.leg).await?;
        let mut said = Said::default();
        for (name, file, holder) in &held {
            let from = &holder.token;
            let free = holder.needs_taker(&self.house.config, &self.directory, file);
            if holder.handed_to != actor.token && !free {
                if request.leg == 0 {
                    continue;
                }
                return Err(not_yours_to_take(name, holder).into());
            }
            self.first_handler(file, &actor.token).await?;
            self.record("taken-over", format!("{} {name} {from}", actor.token).as_bytes());
            said.add(
                format!("{name} 的首问经办人由 {from} 改为 {}。", actor.token),
                format!(
                    "The first handler of {name} is {} now, before it was {from}.",
                    actor.token
                ),
            );
        }
        if said.is_empty() {
            let nobody = Holder::default();
            return Err(not_yours_to_take(request.case_number.trim(), &nobody).into());
        }
        Ok(said.reply())
    }
}

/// One sentence a leg.
#[derive(Default)]
struct Said(Vec<String>, Vec<String>);

impl Said {
    fn add(&mut self, zh: String, en: String) {
        self.0.push(zh);
        self.1.push(en);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn reply(self) -> wire::ActReply {
        told(self.0.concat(), self.1.join(" "))
    }
}

fn not_taken_up(name: &str) -> Denied {
    Denied::new(
        "NOT_TAKEN_UP",
        format!("{name} 还没有首问经办人：先受理（take-up）。"),
        format!("{name} has no first handler here yet: take it up first."),
    )
}

fn not_yours_to_take(name: &str, holder: &Holder) -> Denied {
    let (zh, en) = match (holder.token.as_str(), holder.handed_to.as_str()) {
        ("", _) => ("没有等本令牌接手的事项".to_owned(), "nothing waits for this token".to_owned()),
        (from, "") => (format!("由 {from} 办理"), format!("{from} has it")),
        (_, to) => (format!("已交给 {to}"), format!("it is handed over to {to}")),
    };
    Denied::new(
        "NOT_HANDED_OVER",
        format!("{name} 没有交给本令牌：{zh}。请先由经办人移交（hand-over）。"),
        format!("{name} is not handed over to this token: {en}. It has to be handed over first."),
    )
}
