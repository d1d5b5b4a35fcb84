//! Capacity as a desk sees it: a clerk the figures and rules of the own office, the coordination
//! window and the compliance reviewer those of all. No person is in any of it.

use super::{Answer, DeskCommand, DeskDoor, Done, odd};
use crate::capacity::{Legs, figures, heard, line, rules};
use crate::config::DeskRole;
use crate::serve::access::Caller;
use jieli_proto::wire::{self, Service};
use std::collections::BTreeMap;

impl DeskDoor {
    pub(super) async fn capacity_set(
        &self,
        caller: &Caller,
        request: wire::SetCapacityRequest,
    ) -> Answer<wire::CapacityLine> {
        let done = self.perform(caller, DeskCommand::SetCapacity(request)).await?;
        let Done::Capacity(line) = done else { return Err(odd()) };
        Ok(line)
    }

    pub(super) async fn capacity_list(
        &self,
        caller: &Caller,
        asked: &wire::ListCapacityRequest,
    ) -> Answer<wire::CapacityList> {
        let now_ms = self.house.world.clock.now_unix_ms();
        let today = self.house.calendar().day_of_unix_ms(now_ms);
        let mut conn = self.store.read().await?;
        if asked.peers {
            let heard = heard(&mut conn, today).await?;
            return Ok(wire::CapacityList { lines: Vec::new(), heard });
        }
        let rows = conn.rows("SELECT DISTINCT office FROM capacity ORDER BY office", Vec::new());
        let mut offices = Vec::new();
        for row in rows.await? {
            offices.push(row.text(0)?);
        }
        let sees = |office: &String| self.sees_all(caller) || *office == caller.actor.office;
        offices.retain(sees);
        let mut wanted = vec![(String::new(), Service::Employment)];
        for office in offices {
            wanted.push((office.clone(), Service::Schooling));
            wanted.push((office, Service::Housing));
        }
        let city = self.house.config.city.id.as_str();
        let mut lines = Vec::new();
        for (office, service) in wanted {
            let known = figures(&mut conn, city, &office, service).await?;
            for figure in &known {
                let mut legs = Legs {
                    conn: &mut conn,
                    changed: &BTreeMap::new(),
                    over: Vec::new(),
                    shelf: &self.house.shelf(),
                    today,
                };
                let count = legs.count(&known, figure).await?;
                lines.push(line(figure, count, today));
            }
        }
        Ok(wire::CapacityList { lines, heard: Vec::new() })
    }

    pub(super) async fn rule_list(&self, caller: &Caller) -> Answer<wire::RuleList> {
        let mut conn = self.store.read().await?;
        let mut rules = rules(&mut conn).await?;
        rules.retain(|rule| self.sees_all(caller) || rule.office == caller.actor.office);
        Ok(wire::RuleList { rules })
    }

    fn sees_all(&self, caller: &Caller) -> bool {
        match caller.role {
            DeskRole::Compliance | DeskRole::Approver => true,
            DeskRole::Clerk => self.hand.published().directory.coordinates(&caller.actor.office),
            DeskRole::Operator
            | DeskRole::Window
            | DeskRole::Body
            | DeskRole::System
            | DeskRole::Helper
            | DeskRole::Employer
            | DeskRole::Liaison => false,
        }
    }
}
