//! The first handler: who took a leg up here answers for it, until a colleague takes it over. There
//! is no way to leave a leg with nobody.

use super::told;
use crate::batch::Batch;
use crate::command::Actor;
use crate::config::DeskRole;
use crate::legs::LegFile;
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::Stage;
use jieli_proto::wire;

/// The first handler of a leg here.
pub(crate) async fn handler(conn: &mut Conn, file: &LegFile) -> Result<Option<String>, StoreError> {
    let sql = "SELECT token FROM leg_handler WHERE leg_id = $1 AND desk = $2";
    conn.maybe(sql, vec![file.id.to_vec().into(), file.desk().into()])
        .await?
        .map(|row| row.text(0))
        .transpose()
}

impl Batch<'_> {
    /// Remembers who has a leg.
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
        Ok(())
    }

    /// Gives a leg to a colleague who may act in it.
    pub(crate) async fn hand_over(
        &mut self,
        actor: &Actor,
        request: &wire::HandOverRequest,
    ) -> Outcome<wire::ActReply> {
        let file = self.leg_of(&request.case_number, request.leg).await?;
        let file = file.seen_by(&actor.office);
        let name = format!("{}/{}", request.case_number, request.leg);
        self.is_theirs(actor, &file, &name)?;
        // After a REDIRECT the row still names who had it at the office before: to be taken up first.
        let taken = file.law.state().stage != Stage::Offered;
        let Some(from) = handler(self.conn, &file).await?.filter(|_| taken) else {
            return Err(Denied::new(
                "NOT_TAKEN_UP",
                format!("{name} 还没有首问经办人：先受理（take-up）。"),
                format!("{name} has no first handler here yet: take it up first."),
            )
            .into());
        };
        let to = request.to_token.trim();
        let tokens = &self.house.config.desk.tokens;
        let able = tokens.iter().any(|token| {
            let office = self.directory.office_now(token.office.as_str());
            token.name() == to
                && token.role == DeskRole::Clerk
                && (office == file.our_office || self.directory.coordinates(office))
        });
        if !able {
            return Err(Denied::new(
                "BAD_OPTION",
                format!("选项 --to：{to} 不是能办理 {name} 的经办令牌；经办人仍是 {from}。"),
                format!("Option --to: {to} is no clerk's token for {name}; {from} keeps it."),
            )
            .into());
        }
        self.first_handler(&file, to).await?;
        self.record("handed-over", format!("{} {name} {from} {to}", actor.token).as_bytes());
        Ok(told(
            format!("{name} 的首问经办人由 {from} 改为 {to}。"),
            format!("The first handler of {name} is {to} now, before it was {from}."),
        ))
    }
}
