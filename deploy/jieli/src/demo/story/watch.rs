//! Moving the clock, and waiting until the cities are there.

use super::*;
use jieli_proto::case::Illegal;
use std::collections::BTreeMap;

impl Story {
    pub(super) fn now(&self) -> u64 {
        FileClock::open(&self.clock).now_unix_ms()
    }

    pub(super) fn move_to(&self, unix_ms: u64) -> Result<()> {
        Ok(FileClock::set(&self.clock, unix_ms)?)
    }

    /// To 09:05 of the next working day.
    pub(super) fn next_working_day(&self) -> Result<()> {
        self.move_to(next_working_day(&self.calendar, self.now()))
    }

    pub(super) async fn until(
        &self,
        what: &str,
        mut holds: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        for turn in 1..=600 {
            if holds().await? {
                return Ok(());
            }
            // A node that was away is tried again after minutes of its own clock: nobody who
            // watches should have to sit through them.
            if turn % 50 == 0 {
                self.move_to(self.now() + 5 * 60_000)?;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("waited too long for {what}")
    }

    pub(super) async fn status(&self, city: &City) -> Result<wire::StatusReply> {
        Ok(city.desk("operator")?.status(wire::StatusRequest {}).await?.into_inner())
    }

    /// How many messages Kunming has sent, under all its agreements. Of two cities the one whose
    /// id sorts first is party A and writes in lanes 0 and 2; Kunming stands between the others.
    pub(super) async fn sent_by_kunming(&self) -> Result<u64> {
        let with_chengdu = self.agreement_with_chengdu().await?;
        let status = self.status(self.kunming()).await?;
        let own = |lane: &&wire::LaneCount| {
            let wanted = u32::from(lane.agreement_id == with_chengdu);
            lane.lane == wanted
        };
        Ok(status.lanes.iter().filter(own).map(|lane| lane.count).sum())
    }

    /// The id of that agreement, empty before there is one.
    pub(super) async fn agreement_with_chengdu(&self) -> Result<String> {
        let desk = self.chengdu().desk("approver")?;
        let list = desk.clone().list_agreements(wire::ListAgreementsRequest {}).await?;
        let first = list.into_inner().agreements.into_iter().next();
        Ok(first.map_or(String::new(), |view| view.agreement_id))
    }

    pub(super) async fn show(
        &self,
        city: &City,
        case: &str,
        token: &str,
        purpose: &str,
    ) -> Result<wire::CaseView> {
        let ask = wire::CaseRef {
            case_number: case.to_owned(),
            purpose: purpose.to_owned(),
            sections: false,
        };
        Ok(city.desk(token)?.show_case(ask).await?.into_inner())
    }

    /// The leg of a service, as the other city numbers it, once it has arrived there.
    pub(super) async fn arrived(
        &self,
        from: &City,
        to: &City,
        case: &str,
        service: Service,
    ) -> Result<(String, u32)> {
        let mut found = None;
        self.until("a leg to arrive", async || {
            let view = self.show(from, case, "window", "").await?;
            let legs = view.line.unwrap_or_default().legs;
            let Some(leg) = legs.iter().find(|leg| leg.service() == service) else {
                return Ok(false);
            };
            for there in self.cases(to).await? {
                if let Some(line) = there.legs.iter().find(|line| line.leg_id == leg.leg_id) {
                    found = Some((there.case_number.clone(), line.number));
                }
            }
            Ok(found.is_some())
        })
        .await?;
        found.context("a leg")
    }

    /// All cases of a city, page by page.
    pub(super) async fn cases(&self, city: &City) -> Result<Vec<wire::CaseLine>> {
        let mut all: BTreeMap<String, wire::CaseLine> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let ask = wire::ListCasesRequest { after, most: 500, ..Default::default() };
            let page = city.desk("window")?.list_cases(ask).await?.into_inner();
            for line in page.cases {
                // A case whose legs are due on several days stands in the queue several times.
                let held = all
                    .entry(line.case_number.clone())
                    .or_insert(wire::CaseLine { legs: Vec::new(), ..line.clone() });
                held.legs.extend(line.legs);
            }
            if page.next.is_empty() {
                return Ok(all.into_values().collect());
            }
            after = page.next;
        }
    }

    pub(super) async fn act(&self, city: &City, case: &str, leg: u32, act: Act) -> Result<()> {
        let ask = wire::ActRequest { case_number: case.to_owned(), leg, act: Some(act) };
        let desk = city.desk("window")?;
        self.until("a notice to go out first", async || {
            match desk.clone().act(ask.clone()).await {
                Ok(_) => Ok(true),
                // A desk is told to wait until the person was told.
                Err(status) if says(&status, "NOTICE_WAITING") => Ok(false),
                // Silence is not proven while something of the other city is on its way.
                Err(status) if status.message().contains(Illegal::HeardSince.zh()) => Ok(false),
                Err(status) => Err(status.into()),
            }
        })
        .await
    }

    pub(super) async fn leg_line(
        &self,
        city: &City,
        case: &str,
        leg: u32,
    ) -> Result<wire::LegLine> {
        let line = self.show(city, case, "window", "").await?.line.context("a case line")?;
        line.legs.into_iter().find(|line| line.number == leg).context("a leg")
    }

    pub(super) async fn one_stage(
        &self,
        city: &City,
        case: &str,
        leg: u32,
        stage: &str,
    ) -> Result<()> {
        let what = format!("{stage} of {case}/{leg} in {}", city.plan.name);
        self.until(&what, async || Ok(self.leg_line(city, case, leg).await?.stage == stage)).await
    }

    /// Waits until so many legs of a case are in a stage.
    pub(super) async fn stage(
        &self,
        city: &City,
        case: &str,
        stage: &str,
        count: usize,
    ) -> Result<()> {
        let what = format!("{count} legs {stage} of {case} in {}", city.plan.name);
        self.until(&what, async || {
            let view = self.show(city, case, "window", "").await?;
            let legs = view.line.map_or(Vec::new(), |line| line.legs);
            Ok(legs.iter().filter(|leg| leg.stage == stage).count() >= count)
        })
        .await
    }

    /// Waits until every own message of a case has its receipt.
    pub(super) async fn receipted(&self, city: &City, case: &str) -> Result<()> {
        self.until("the receipts", async || {
            let view = self.show(city, case, "window", "").await?;
            let mut messages = view.legs.iter().flat_map(|leg| &leg.messages);
            Ok(messages.all(|message| message.status != "provisional"))
        })
        .await
    }
}

/// Whether a denial has this word.
fn says(status: &tonic::Status, word: &str) -> bool {
    let code = status.metadata().get(jieli_node::serve::CODE_KEY);
    code.is_some_and(|code| code.as_bytes() == word.as_bytes())
}

/// 09:05 of the working day after an instant.
pub(crate) fn next_working_day(calendar: &Calendar, now_unix_ms: u64) -> u64 {
    let today = calendar.day_of_unix_ms(now_unix_ms);
    let next = calendar.add_working_days(today, 1);
    next.start_unix_ms(calendar.zone_offset_min()) + 9 * HOUR_MS + 5 * 60_000
}
