//! Partners and agreements, and the two sheets.

use super::*;
use jieli_gateway::drafts;
use jieli_gateway::sheet::{self, Form, Options, SheetRefusal};

/// 300 fictional workers.
const SHEET: &[u8] = include_bytes!("../../../../../gateway/fixtures/sheets/roster-300.xlsx");
/// A sheet that asks what may not be asked.
const FORBIDDEN: &[u8] =
    include_bytes!("../../../../../gateway/fixtures/sheets/forbidden-columns.xlsx");
const WITH_RUIAN: &str = include_str!("../../../../sample/agreement.toml");
const WITH_CHENGDU: &str = include_str!("../../../../sample/agreement-chengdu.toml");
const VACANCIES: &str = include_str!("../../../../sample/vacancies.toml");

impl Story {
    pub(super) async fn agreements(&mut self) -> Result<Value> {
        let ruian = self.agree(self.ruian(), WITH_RUIAN).await?;
        let chengdu = self.agree(self.chengdu(), WITH_CHENGDU).await?;
        Ok(json!({ "agreement_id": ruian, "chengdu_agreement_id": chengdu, "state": "ACTIVE" }))
    }

    /// Peers, proposal, counter-signature, each by two approvers; what is there already stays.
    async fn agree(&self, with: &City, draft: &str) -> Result<String> {
        let id = with.plan.id;
        for (a, b) in [(self.kunming(), with), (with, self.kunming())] {
            let peer = &b.public;
            a.desk("operator")?
                .add_peer(wire::AddPeerRequest {
                    manifest: Some(peer.manifest.envelope.clone()),
                    root_fpr: peer.root_fpr().hex(),
                    name: peer.name.clone(),
                    end_points: peer.end_points.clone(),
                    root_spki: peer.manifest.root.to_spki().to_vec(),
                    accepted_city: String::new(),
                })
                .await?;
        }
        let mut ours = self.kunming().desk("approver")?;
        let known = ours.list_agreements(wire::ListAgreementsRequest {}).await?.into_inner();
        let known = known.agreements.into_iter().find(|view| view.peer == id);
        let agreement_id = match known {
            Some(view) if view.waiting.is_empty() => view.agreement_id,
            Some(entered) => self.kunming().approve(&entered).await?.agreement_id,
            None => self.kunming().propose(draft).await?,
        };
        let theirs = with.desk("approver")?;
        let named = wire::AgreementRef { agreement_id: agreement_id.clone() };
        self.until("the proposal to arrive", async || {
            let there = theirs.clone().show_agreement(named.clone()).await;
            let done = there.is_ok_and(|view| view.into_inner().state == "ACTIVE");
            Ok(done || with.countersign(&agreement_id, 1).await.is_ok())
        })
        .await?;
        self.until("the counter-signature to arrive", async || {
            let view = ours.clone().show_agreement(named.clone()).await?.into_inner();
            Ok(view.state == "ACTIVE")
        })
        .await?;
        Ok(agreement_id)
    }

    /// The sheet that is refused whole, and its cleaned copy.
    pub(super) fn forbidden(&mut self) -> Result<Value> {
        let name = "forbidden-columns.xlsx";
        let options = Options::new(self.calendar.day_of_unix_ms(self.now()));
        let columns = match sheet::read(FORBIDDEN, name, &options) {
            Err(SheetRefusal::Columns(columns)) => columns,
            other => bail!("a sheet with forbidden columns: {other:?}"),
        };
        let columns: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.cell, column.heading)).collect();
        let copy = sheet::cleaned_copy(FORBIDDEN, name, &options, Form::Xlsx)
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let clean = sheet::read(&copy, "cleaned.xlsx", &options)
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        self.memory.cleaned = Some(copy.into());
        Ok(json!({ "refused_columns": columns.join("；"), "rows_stored": 0, "sent": 0,
            "rows_in_cleaned_copy": clean.rows.len() }))
    }

    pub(super) async fn import(&mut self) -> Result<Value> {
        let mut announced = 0;
        for city in [self.ruian(), self.chengdu()] {
            announced += self.announce(city).await?;
        }
        let today = self.calendar.day_of_unix_ms(self.now());
        let sheet = sheet::read(SHEET, "roster-300.xlsx", &Options::new(today))
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let drafts: Vec<wire::Draft> = sheet.rows.iter().map(drafts::draft).collect();
        let ask =
            wire::ImportRequest { file_name: "roster-300.xlsx".to_owned(), drafts: drafts.clone() };
        let before = self.sent_by_kunming().await?;
        let rows = self.kunming().desk("clerk")?.import(ask).await?.into_inner().rows;
        // A second try finds the drafts of the first.
        let made = rows.iter().filter(|row| !row.case_number.is_empty()).count();
        let sent = self.sent_by_kunming().await? - before;
        if made != 300 || sent != 0 {
            bail!("{made} drafts of 300, {sent} messages");
        }
        let worker = |(row, draft): (&wire::ImportedRow, wire::Draft)| Worker {
            row: row.row,
            case: row.case_number.clone(),
            draft,
        };
        self.memory.workers = rows.iter().zip(drafts).map(worker).collect();
        Ok(json!({ "rows": 300, "drafts": made, "sent": sent, "vacancies_announced": announced }))
    }

    /// A receiving city announces its posts, and Kunming hears of them.
    async fn announce(&self, city: &City) -> Result<u32> {
        let mut vacancies = drafts::vacancies(VACANCIES)?;
        for vacancy in &mut vacancies {
            vacancy.city = city.plan.id.to_owned();
            let terms = vacancy.terms.get_or_insert_default();
            let name = city.plan.name.trim_end_matches('市');
            terms.employer_name = terms.employer_name.replace("瑞安", name);
            terms.agency_name = terms.agency_name.replace("瑞安", name);
            if city.plan.id == self.chengdu().plan.id {
                terms.workplace_division = "510100".to_owned();
            }
        }
        let ask = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
        let announced = city.desk("clerk")?.add_vacancies(ask).await?.into_inner().announced;
        let asks = self.kunming().desk("clerk")?;
        self.until("the vacancies to arrive", async || {
            let known = asks.clone().list_vacancies(wire::ListVacanciesRequest {}).await?;
            let known = known.into_inner().vacancies;
            Ok(known.iter().filter(|v| v.city == city.plan.id).count() >= announced as usize)
        })
        .await?;
        Ok(announced)
    }

    /// The digest of the terms in force of a vacancy in Ruian, as an OUTCOME names it.
    pub(super) fn terms_digest(&self, reference: &str) -> Result<String> {
        let vacancies = drafts::vacancies(VACANCIES)?;
        let terms = vacancies
            .into_iter()
            .find_map(|vacancy| vacancy.terms.filter(|t| t.reference == reference));
        Ok(jieli_proto::message::terms_digest(&terms.context("a vacancy")?).hex())
    }
}
