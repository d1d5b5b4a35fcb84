//! Open legs whose first handler's token is gone: the operators are told, by office, with the case
//! numbers; the legs stand in the office's queue until somebody takes them over.

use super::handler::{Holder, may_handle};
use crate::batch::Batch;
use crate::config::{Config, DeskRole};
use crate::directory::Directory;
use crate::shelf::Shelf;
use crate::store::legs::load;
use crate::store::{Conn, StoreError};
use jieli_proto::id::LegId;

/// Case numbers named in one alarm; the queue has all of them.
const NAMED: usize = 20;

/// What one token has left behind in one office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Untaken {
    token: String,
    office: String,
    /// Ascending.
    cases: Vec<String>,
    /// Nobody of that office is left to take it over.
    was_last: bool,
}

/// What needs a taker.
pub(crate) async fn untaken(
    conn: &mut Conn,
    config: &Config,
    directory: &Directory,
    shelf: &Shelf,
) -> Result<Vec<Untaken>, StoreError> {
    let sql = "SELECT h.token, CASE WHEN h.desk = 1 THEN l.their_office ELSE l.our_office END, \
               c.number, l.leg_id FROM leg_handler h JOIN leg l ON l.leg_id = h.leg_id \
               JOIN case_file c ON c.case_id = l.case_id JOIN leg_due d ON d.leg_id = l.leg_id \
               WHERE d.sort_on < 99999999 ORDER BY 1, 2, 3";
    let mut found: Vec<Untaken> = Vec::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let (token, office, number) = (row.text(0)?, row.text(1)?, row.text(2)?);
        let office = directory.office_now(&office).to_owned();
        if may_handle(config, directory, &token, &office) {
            continue;
        }
        let leg = LegId(row.array(3)?);
        let Some(file) = load(conn, leg, shelf).await?.map(|file| file.seen_by(&office)) else {
            continue;
        };
        if !Holder::of(conn, &file).await?.needs_taker(config, directory, &file) {
            continue;
        }
        match found.last_mut() {
            Some(last) if last.token == token && last.office == office => {
                last.cases.push(number);
                last.cases.dedup();
            }
            Some(_) | None => {
                let was_last = !config.desk.tokens.iter().any(|one| {
                    one.role == DeskRole::Clerk
                        && directory.office_now(one.office.as_str()) == office
                });
                found.push(Untaken { token, office, cases: vec![number], was_last });
            }
        }
    }
    Ok(found)
}

impl Untaken {
    fn told(&self) -> String {
        let Untaken { token, office, cases, was_last } = self;
        let (count, named) = (cases.len(), cases[..cases.len().min(NAMED)].join(" "));
        let (zh, en) = match was_last {
            true => (
                "该机构已没有其他经办人：请设经办令牌，或由综合窗口接手。",
                "Nobody else of that office has a clerk's token: make one, or the coordination \
                 window takes over.",
            ),
            false => ("请同事接手（take-over）。", "A colleague has to take over."),
        };
        format!(
            "令牌 {token} 已不能办理机构 {office} 的 {count} 件在办事项，待人接手：{named}。{zh} \
             The token {token} can no longer act for the office {office}; {count} open cases need \
             a taker: {named}. {en}"
        )
    }
}

impl Batch<'_> {
    /// Tells the operators what needs a taker.
    pub(crate) async fn tell_untaken(&mut self) -> Result<(), StoreError> {
        let (house, city) = (self.house, self.directory.city.clone());
        let shelf = house.shelf();
        for left in untaken(self.conn, &house.config, &self.directory, &shelf).await? {
            self.alarm("needs-taker", &city, &left.told()).await?;
        }
        Ok(())
    }
}
