//! The door of a liaison post: under the agreements that name it, how many legs are open and late,
//! and which are late, by number. Nothing of a person, and nothing can be done here.

use super::legs::Scene;
use super::{Answer, DeskDoor, Reply};
use crate::command::Actor;
use crate::config::DeskRole;
use crate::directory::Bond;
use crate::house::House;
use crate::serve::access;
use crate::store::legs::{case_by_id, load};
use crate::store::{Conn, Store, StoreError, Val};
use crate::tokens::Tokens;
use crate::trouble::Denied;
use crate::writer::Hand;
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, liaise_server};
use std::fmt;
use std::sync::Arc;
use tonic::Request;

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;
const LINES: u32 = 50;
const LINES_MAX: u32 = 200;
const NEEDS_PERSON: &str = "needs-person";

/// The Liaise service, over the desk's own door.
pub struct LiaiseDoor(DeskDoor);

impl fmt::Debug for LiaiseDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiaiseDoor")
    }
}

/// The Liaise service, for the desk listener.
pub fn liaise(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> liaise_server::LiaiseServer<LiaiseDoor> {
    liaise_server::LiaiseServer::new(LiaiseDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

impl LiaiseDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> LiaiseDoor {
        LiaiseDoor(DeskDoor::new(hand, store, house, tokens))
    }

    /// The post that a token is held at.
    fn post_of(&self, actor: &Actor) -> String {
        let tokens = &self.0.house.config.desk.tokens;
        let is_it = |one: &&crate::config::DeskToken| {
            one.role == DeskRole::Liaison && one.name() == actor.token
        };
        tokens.iter().find(is_it).and_then(|one| one.post.clone()).unwrap_or_default()
    }

    async fn delays(
        &self,
        actor: Actor,
        asked: wire::ListDelaysRequest,
    ) -> Answer<wire::DelayList> {
        let post = self.post_of(&actor);
        let published = self.0.hand.published();
        let named = |bond: &&Arc<Bond>| {
            let agreement = bond.in_force();
            agreement.is_some_and(|law| law.party(bond.our_side).liaison_posts.contains(&post))
        };
        let bonds: Vec<&Arc<Bond>> = published.directory.bonds.values().filter(named).collect();
        let now_ms = self.0.house.world.clock.now_unix_ms();
        let today = self.0.house.calendar().day_of_unix_ms(now_ms);
        let after = match asked.after.is_empty() {
            true => None,
            false => Some(after(&asked.after).ok_or_else(|| bad_place(&asked.after))?),
        };
        let most = if asked.most == 0 { LINES } else { asked.most.min(LINES_MAX) };
        let mut conn = self.0.store.read().await?;
        let mut list = wire::DelayList { today: today.number(), ..wire::DelayList::default() };
        for bond in &bonds {
            list.partners.push(counts(&mut conn, bond, today).await?);
        }
        let mut places = Vec::new();
        for bond in &bonds {
            places.extend(late(&mut conn, bond, today, after.as_ref(), most).await?);
        }
        places.sort();
        places.truncate(most as usize);
        if places.len() == most as usize {
            list.next =
                places.last().map_or(String::new(), |(due, leg)| format!("{due}/{}", leg.hex()));
        }
        for (_, leg) in places {
            let Some(file) = load(&mut conn, leg, &self.0.house.shelf()).await? else { continue };
            let Some(case) = case_by_id(&mut conn, file.case).await? else { continue };
            let mut scene = Scene::new(&mut conn, &self.0.house, &published);
            let line = scene.leg_line(&file).await?;
            let desk = line.desk.unwrap_or_default();
            list.lines.push(wire::DelayLine {
                case_number: case.number,
                leg: file.number,
                city: case.city,
                service: line.service,
                stage: line.stage,
                duty: line.duty,
                due_date: line.due_date,
                turn: desk.turn,
                needs_person: desk.urgency == NEEDS_PERSON,
                window: scene.window(&file),
            });
        }
        Ok(list)
    }
}

/// How many legs of an agreement are open, late, and due this week.
async fn counts(
    conn: &mut Conn,
    bond: &Bond,
    today: Day,
) -> Result<wire::PartnerCount, StoreError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT), \
               COALESCE(SUM(CASE WHEN d.sort_on < $2 THEN 1 ELSE 0 END), 0), \
               COALESCE(SUM(CASE WHEN d.sort_on >= $2 AND d.sort_on <= $3 THEN 1 ELSE 0 END), 0) \
               FROM leg_open o JOIN leg_due d ON d.leg_id = o.leg_id WHERE o.agreement_id = $1";
    let vals: Vec<Val> =
        vec![bond.id.to_vec().into(), today.number().into(), today.plus(6).number().into()];
    let row = conn.one(sql, vals).await?;
    Ok(wire::PartnerCount {
        agreement_id: bond.id.hex(),
        city: bond.peer.as_str().to_owned(),
        open: row.uint(0)?,
        late: row.uint(1)?,
        due_this_week: row.uint(2)?,
    })
}

/// Legs of an agreement that are past their date, the longest first.
async fn late(
    conn: &mut Conn,
    bond: &Bond,
    today: Day,
    after: Option<&(u32, LegId)>,
    most: u32,
) -> Result<Vec<(u32, LegId)>, StoreError> {
    let sql = "SELECT d.sort_on, d.leg_id FROM leg_open o JOIN leg_due d ON d.leg_id = o.leg_id \
               WHERE o.agreement_id = $1 AND d.sort_on < $2 \
               AND (d.sort_on > $3 OR (d.sort_on = $3 AND d.leg_id > $4)) \
               ORDER BY d.sort_on, d.leg_id LIMIT $5";
    let (due, leg) = after.map_or((0, Vec::new()), |(due, leg)| (*due, leg.to_vec()));
    let vals: Vec<Val> =
        vec![bond.id.to_vec().into(), today.number().into(), due.into(), leg.into(), most.into()];
    let rows = conn.rows(sql, vals).await?;
    rows.iter().map(|row| Ok((row.int(0)? as u32, LegId(row.array(1)?)))).collect()
}

fn after(text: &str) -> Option<(u32, LegId)> {
    let (due, leg) = text.split_once('/')?;
    Some((due.parse().ok()?, LegId::from_hex(leg)?))
}

fn bad_place(text: &str) -> Denied {
    Denied::new(
        "BAD_PLACE",
        format!("“{text}”不是上一页给出的位置，请从第一页看起。"),
        format!("“{text}” is no place that a page gave: start from the first page."),
    )
}

#[tonic::async_trait]
impl liaise_server::Liaise for LiaiseDoor {
    async fn list_delays(
        &self,
        request: Request<wire::ListDelaysRequest>,
    ) -> Reply<wire::DelayList> {
        let entered = access::enter_liaison(&self.0.tokens, request.metadata());
        let actor = entered.map_err(|status| *status)?;
        self.0.reply(self.delays(actor, request.into_inner()).await)
    }
}
