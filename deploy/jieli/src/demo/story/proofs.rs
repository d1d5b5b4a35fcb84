//! What was never seen, what both hold, and the evidence of it all.

use super::proof::prove;
use super::*;

/// What a city keeps on its disk.
const FILES: [&str; 4] = ["jieli.db", "jieli.db-wal", "node.log", "notices.jsonl"];

impl Story {
    /// Searches a city's files and everything its desks may see; how many bytes were searched.
    pub(super) async fn looked_for(&self, city: &City, secrets: &[String]) -> Result<usize> {
        let mut looked = 0;
        for name in FILES {
            let bytes = std::fs::read(city.dir.join(name)).unwrap_or_default();
            looked += bytes.len();
            if secrets.iter().any(|secret| contains(&bytes, secret.as_bytes())) {
                bail!("{name} of {} holds what was never sent to it", city.plan.id);
            }
        }
        // What is stored is encrypted, so ask the desks too: they may look, and there is nothing.
        for field in self.fields(city).await? {
            looked += field.len();
            if secrets.contains(&field) {
                bail!("a desk of {} sees what was never sent to it", city.plan.id);
            }
        }
        Ok(looked)
    }

    /// The values that the desks of a city may see, office by office.
    async fn fields(&self, city: &City) -> Result<Vec<String>> {
        let mut all = Vec::new();
        let cases = self.cases(city).await?;
        for (token, ..) in city.clerks() {
            for case in cases.iter().filter(|case| case.legs.iter().any(|leg| leg.stage != "DRAFT"))
            {
                // Not every office has a leg in every case.
                let Ok(view) = self.show(city, &case.case_number, token, LOOKING).await else {
                    continue;
                };
                all.extend(view.legs.into_iter().flat_map(|leg| leg.fields).map(|f| f.value));
            }
        }
        Ok(all)
    }

    /// Whether an office sees a name in a case.
    pub(super) async fn sees(
        &self,
        city: &City,
        token: &str,
        case: &str,
        name: &str,
    ) -> Result<bool> {
        let view = self.show(city, case, token, LOOKING).await?;
        Ok(view.legs.iter().flat_map(|leg| &leg.fields).any(|field| field.value == name))
    }

    /// Nobody holds what was not for them: the child, the no, the stopped; and the school.
    pub(super) async fn nothing_leaked(&mut self) -> Result<Value> {
        let memory = self.memory.clone();
        let child = memory.family.as_ref().and_then(Worker::child).context("a child")?;
        let says_no = memory.says_no.context("an earlier step")?.secrets();
        let stopped = memory.dormitory.context("an earlier step")?;
        let mut in_ruian = vec![child.name.clone(), child.number.clone()];
        in_ruian.extend(says_no.clone());
        let mut looked = self.looked_for(self.ruian(), &in_ruian).await?;
        let mut in_chengdu = says_no;
        in_chengdu.extend(stopped.secrets());
        looked += self.looked_for(self.chengdu(), &in_chengdu).await?;
        if self.fields(self.ruian()).await?.contains(&stopped.name()) {
            bail!("Ruian still shows a name that was to be erased");
        }
        let kunming = self.fields(self.kunming()).await?;
        if kunming.iter().any(|value| value == SCHOOL || value == EMPLOYER) {
            bail!("the sending city sees school or employer");
        }
        Ok(json!({ "bytes_searched": looked, "found": 0 }))
    }

    /// Waits until every record of every agreement is the same in both its cities.
    pub(super) async fn same_lanes(&self) -> Result<usize> {
        let mut count = 0;
        self.until("the cities to hold the same", async || {
            let mut theirs = Vec::new();
            for city in [self.ruian(), self.chengdu()] {
                let status = self.status(city).await?;
                if status.letters_waiting > 0 {
                    return Ok(false);
                }
                theirs.extend(lanes(&status));
            }
            theirs.sort();
            let ours = self.status(self.kunming()).await?;
            count = theirs.len();
            Ok(ours.letters_waiting == 0 && lanes(&ours) == theirs)
        })
        .await?;
        Ok(count)
    }

    pub(super) async fn logs_agree(&mut self) -> Result<Value> {
        self.same_lanes().await?;
        let with_chengdu = self.agreement_with_chengdu().await?;
        let mut cities = Vec::new();
        for city in self.cities.all() {
            let status = self.status(city).await?;
            let count = |receipts: bool, own: bool| -> u64 {
                let counted = status.lanes.iter().filter(|lane| {
                    let chengdu = lane.agreement_id == with_chengdu;
                    // Party A is Chengdu in the one, Kunming in the other.
                    let is_a =
                        (city.plan.id == "chengdu.sc") == chengdu && city.plan.id != "ruian.zj";
                    let ours = (lane.lane % 2 == 0) == is_a;
                    lane.lane / 2 == u32::from(receipts) && ours == own
                });
                counted.map(|lane| lane.count).sum()
            };
            let log = status.exchange.clone().unwrap_or_default();
            cities.push(json!({
                "city": city.plan.id, "name": city.plan.name,
                "messages_sent": count(false, true), "messages_received": count(false, false),
                "receipts_sent": count(true, true), "receipts_received": count(true, false),
                "log_size": log.size, "log_root": log.root,
            }));
        }
        let status = self.status(self.kunming()).await?;
        let lanes: Vec<Value> = status
            .lanes
            .iter()
            .map(|lane| {
                json!({ "agreement": lane.agreement_id, "lane": lane.lane, "count": lane.count,
                    "leaves_root": lane.leaves_root })
            })
            .collect();
        Ok(json!({ "cities": cities, "leaves_identical": true, "lanes": lanes }))
    }

    /// The evidence of the family's case, as the reviewer gets it.
    pub async fn bundle(&self) -> Result<(Vec<u8>, [jieli_proto::id::Digest; 2])> {
        let ask = wire::CaseRef {
            case_number: self.family()?.case,
            purpose: "合规抽查".to_owned(),
            sections: false,
        };
        let zip = self.kunming().desk("compliance")?.export_case(ask).await?.into_inner().zip;
        Ok((zip, [self.kunming().public.root_fpr(), self.ruian().public.root_fpr()]))
    }

    pub(super) async fn evidence(&mut self) -> Result<Value> {
        let (zip, roots) = self.bundle().await?;
        let proof = prove(&zip, &roots, false)?;
        let file = self.kunming().dir.join("family.zip");
        std::fs::write(&file, &zip)?;
        if proof.exit != 0 {
            bail!("the bundle verifies with {}: {:?}", proof.exit, proof.places);
        }
        Ok(json!({ "bytes": zip.len(), "exit": proof.exit, "file": file.display().to_string() }))
    }

    pub(super) async fn changed(&mut self) -> Result<Value> {
        let (zip, roots) = self.bundle().await?;
        let proof = prove(&zip, &roots, true)?;
        let (place, zh, en) = proof.places.first().context("nobody noticed the change")?.clone();
        if proof.exit == 0 {
            bail!("a changed bundle verifies");
        }
        Ok(json!({ "changed_byte": proof.changed_at, "exit_flipped": proof.exit,
            "where": place, "what_zh": zh, "what_en": en, "places": proof.places.len() }))
    }
}

/// Why the demo looks.
pub(super) const LOOKING: &str = "演示：核对本机构能看到什么";

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn lanes(status: &wire::StatusReply) -> Vec<(String, u32, u64, String)> {
    let mut lanes: Vec<_> = status
        .lanes
        .iter()
        .map(|l| (l.agreement_id.clone(), l.lane, l.count, l.leaves_root.clone()))
        .collect();
    lanes.sort();
    lanes
}
