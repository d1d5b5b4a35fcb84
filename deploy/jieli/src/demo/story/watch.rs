//! Moving the clock, and waiting until both cities are there.

use super::*;
use std::collections::BTreeMap;

impl Story {
    pub(super) fn now(&self) -> u64 {
        FileClock::open(&self.clock).now_unix_ms()
    }

    pub(super) fn move_to(&self, unix_ms: u64) -> Result<()> {
        Ok(FileClock::set(&self.clock, unix_ms)?)
    }

    /// To 09:05 of the next working day, and so many hours more.
    pub(super) fn next_working_day(&self, hours: u64) -> Result<()> {
        let today = self.calendar.day_of_unix_ms(self.now());
        let next = self.calendar.add_working_days(today, 1);
        let nine = next.start_unix_ms(self.calendar.zone_offset_min()) + 9 * HOUR_MS;
        self.move_to(nine + 5 * 60_000 + hours * HOUR_MS)
    }

    pub(super) async fn until(
        &self,
        what: &str,
        mut holds: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        for _ in 0..600 {
            if holds().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("waited too long for {what}")
    }

    pub(super) async fn newest(&self, case: &str, word: &str, _older: Sms) -> Result<Sms> {
        self.origin.sms(case, word).await
    }

    pub(super) async fn messages_from(&self, city: &City) -> Result<u64> {
        let status = city.desk("operator")?.status(wire::StatusRequest {}).await?.into_inner();
        // Kunming's id sorts first: it is party A, and its messages go in lane 0.
        let lane = u32::from(city.plan.id > "l");
        Ok(status.lanes.iter().filter(|count| count.lane == lane).map(|count| count.count).sum())
    }

    /// The legs of a case: leg id and number.
    pub(super) async fn legs(&self, city: &City, case: &str) -> Result<Vec<(String, u32)>> {
        let token = if city.plan.id == self.origin.plan.id { "clerk" } else { "window" };
        let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
        let view = city.desk(token)?.show_case(ask).await?.into_inner();
        let line = view.line.context("a case line")?;
        Ok(line.legs.into_iter().map(|leg| (leg.leg_id, leg.number)).collect())
    }

    pub(super) async fn at_destination(
        &self,
        legs: &[(String, u32)],
    ) -> Result<Vec<(String, u32)>> {
        self.elsewhere(&self.destination, legs).await
    }

    /// The same legs as the other city numbers them, once all have arrived.
    pub(super) async fn elsewhere(
        &self,
        city: &City,
        legs: &[(String, u32)],
    ) -> Result<Vec<(String, u32)>> {
        for _ in 0..600 {
            let cases = self.cases(city).await?;
            let found: Vec<(String, u32)> = legs
                .iter()
                .filter_map(|(id, _)| {
                    cases.iter().find_map(|case| {
                        let leg = case.legs.iter().find(|leg| leg.leg_id == *id)?;
                        Some((case.case_number.clone(), leg.number))
                    })
                })
                .collect();
            if found.len() == legs.len() {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{}: {} legs did not all arrive", city.plan.name, legs.len())
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
        city.act(case, leg, act).await
    }

    pub(super) async fn leg_line(
        &self,
        city: &City,
        case: &str,
        leg: u32,
    ) -> Result<wire::LegLine> {
        let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
        let view = city.desk("window")?.show_case(ask).await?.into_inner();
        let line = view.line.context("a case line")?;
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
            let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
            let view = city.desk("window")?.show_case(ask).await?.into_inner();
            let legs = view.line.map_or(Vec::new(), |line| line.legs);
            Ok(legs.iter().filter(|leg| leg.stage == stage).count() >= count)
        })
        .await
    }

    /// Waits until every own message of a case has its receipt.
    pub(super) async fn receipted(&self, case: &str) -> Result<()> {
        self.until("the receipts", async || {
            let ask = wire::CaseRef { case_number: case.to_owned(), ..wire::CaseRef::default() };
            let view = self.origin.desk("window")?.show_case(ask).await?.into_inner();
            let mut messages = view.legs.iter().flat_map(|leg| &leg.messages);
            Ok(messages.all(|message| message.status != "provisional"))
        })
        .await
    }

    pub(super) async fn confirmation(&self, case: &str, seen: &[String]) -> Result<Sms> {
        for _ in 0..400 {
            let found = self.origin.phones().into_iter().find(|sms| {
                sms.case() == case && sms.text.contains("说已办成") && !seen.contains(&sms.code())
            });
            if let Some(sms) = found {
                return Ok(sms);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("a confirmation question about {case} did not come")
    }

    /// The digest of the terms in force, as the OUTCOME names it.
    pub(super) async fn terms_digest(&self, _case: &str) -> Result<String> {
        let vacancies = drafts::vacancies(VACANCIES)?;
        let terms = vacancies
            .into_iter()
            .find_map(|vacancy| vacancy.terms.filter(|terms| terms.reference == FAMILY_VACANCY));
        let terms = terms.context("the family's vacancy")?;
        Ok(jieli_proto::message::terms_digest(&terms).hex())
    }
}
