//! Pulled cover, silence, what was never seen, and the evidence of it all.

use super::*;

impl Story {
    /// Pulled: the receiving city asks for the record.
    pub(super) async fn medical(&mut self) -> Result<()> {
        let draft = drafts::case(MEDICAL)?;
        let ask = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
        let reply = self.destination.desk("medical")?.import(ask).await?.into_inner();
        let case = reply.rows[0].case_number.clone();
        if case.is_empty() {
            bail!("{}", reply.rows[0].say_en);
        }
        let ask = wire::AskRequest { case_numbers: vec![case.clone()] };
        let asked = self.destination.desk("medical")?.ask(ask).await?.into_inner();
        if asked.asked != 1 {
            bail!("{:?}", asked.why);
        }
        let sms = self.destination.sms(&case, "逐项回答").await?;
        self.destination.answer(&sms, &[1]).await?;
        let legs = self.legs(&self.destination, &case).await?;
        let theirs = self.elsewhere(&self.origin, &legs).await?;
        let (origin_case, leg) = theirs.first().context("the request did not arrive")?.clone();
        self.act(&self.origin, &origin_case, leg, Act::TakeUp(wire::DeskTakeUp {})).await?;
        let fields = outcome_fields(wire::Service::Insurance, "");
        let outcome = wire::DeskOutcome { fields, ..wire::DeskOutcome::default() };
        self.act(&self.origin, &origin_case, leg, Act::Outcome(outcome)).await?;
        let sms = self.destination.sms(&case, "说已办成").await?;
        self.destination.answer(&sms, &[1]).await?;
        self.stage(&self.destination, &case, "COMPLETED", 1).await?;
        self.narrator.tell(Step {
            key: "medical",
            zh: "在瑞安窗口申请医保转入：本人确认后向昆明申请，昆明办结，本人确认。",
            en: "Medical cover is pulled at Ruian's window: after the worker's yes it is asked of \
                 Kunming, done there, and confirmed.",
            facts: serde_json::json!({ "case": case }),
        });
        Ok(())
    }

    /// EXPIRE with proof of silence, and VOID.
    pub(super) async fn silence_and_void(&mut self, workers: &[Worker]) -> Result<()> {
        let mut single = workers.iter().skip(40).filter(|w| w.secrets.len() == 3);
        let mut cases = Vec::new();
        while cases.len() < 2 {
            let worker = single.next().context("two single workers for Ruian")?;
            let ask = wire::AskRequest { case_numbers: vec![worker.case.clone()] };
            if self.origin.desk("clerk")?.ask(ask).await?.into_inner().asked == 1 {
                let sms = self.origin.sms(&worker.case, "逐项回答").await?;
                self.origin.answer(&sms, &[1]).await?;
                cases.push(worker.case.clone());
            }
        }
        self.next_working_day(0)?;
        for case in &cases {
            self.one_stage(&self.origin, case, 1, "OFFERED").await?;
            self.receipted(case).await?;
        }
        let void = Act::Void(wire::DeskVoid { code: wire::VoidCode::SentInError.into() });
        self.act(&self.origin, &cases[1], 1, void).await?;
        let early = Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() });
        if self.act(&self.origin, &cases[0], 1, early).await.is_ok() {
            bail!("an office was expired before its due date");
        }
        for _ in 0..4 {
            self.next_working_day(0)?;
        }
        let remind = Act::Remind(wire::DeskRemind { duty: Duty::TakeUp.into() });
        self.act(&self.origin, &cases[0], 1, remind).await?;
        self.receipted(&cases[0]).await?;
        let expire = Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() });
        self.act(&self.origin, &cases[0], 1, expire).await?;
        self.one_stage(&self.origin, &cases[0], 1, "EXPIRED").await?;
        self.one_stage(&self.origin, &cases[1], 1, "VOIDED").await?;
        self.narrator.tell(Step {
            key: "expired",
            zh: "瑞安一个窗口逾期未受理：催办的签名回执证明了沉默，事项逾期关闭；另一件误发，作废。",
            en: "One desk in Ruian missed its date: the signed receipt of a reminder proves the \
                 silence, and the leg expires; another was sent in error and is voided.",
            facts: serde_json::json!({ "expired": cases[0], "voided": cases[1] }),
        });
        Ok(())
    }

    /// Whether Ruian's files hold anything of those who did not say yes to it.
    pub(super) async fn nothing_leaked(&mut self, workers: &[&Worker]) -> Result<()> {
        let mut looked = 0;
        for name in ["jieli.db", "jieli.db-wal", "node.log", "notices.jsonl"] {
            let bytes = std::fs::read(self.destination.dir.join(name)).unwrap_or_default();
            looked += bytes.len();
            for secret in workers.iter().flat_map(|worker| &worker.secrets) {
                if contains(&bytes, secret.as_bytes()) {
                    bail!("{name} at the destination holds a person who did not agree");
                }
            }
        }
        // What is stored is encrypted, so ask the desk too: it may look, and there is nothing.
        let desk = self.destination.desk("window")?;
        for case in self.cases(&self.destination).await? {
            let ask = wire::CaseRef {
                case_number: case.case_number,
                purpose: "演示：查看本窗口能看到什么".to_owned(),
                sections: false,
            };
            let view = desk.clone().show_case(ask).await?.into_inner();
            for field in view.legs.iter().flat_map(|leg| &leg.fields) {
                let secret = workers.iter().flat_map(|w| &w.secrets).any(|s| *s == field.value);
                if secret {
                    bail!("the destination's desk sees a person who did not agree");
                }
            }
        }
        self.narrator.tell(Step {
            key: "nothing-leaked",
            zh: "在瑞安的数据库、日志和通知中查找被拒孩子、撤回者和不同意者的姓名、号码、电话：0 处。",
            en: "Names, numbers and phones of the declined child, the withdrawn and the unwilling \
                 worker in Ruian's database, logs and notices: 0.",
            facts: serde_json::json!({ "bytes_searched": looked, "found": 0 }),
        });
        Ok(())
    }

    pub(super) async fn logs_agree(&mut self) -> Result<()> {
        self.until("both cities to hold everything", async || {
            let (a, b) = self.statuses().await?;
            Ok(a.letters_waiting == 0 && b.letters_waiting == 0 && lanes(&a) == lanes(&b))
        })
        .await?;
        let (origin, destination) = self.statuses().await?;
        let same = lanes(&origin) == lanes(&destination);
        let city = |city: &City, status: &wire::StatusReply, ours: u32| {
            let count = |lane: u32| {
                status.lanes.iter().filter(|l| l.lane == lane).map(|l| l.count).sum::<u64>()
            };
            let log = status.exchange.clone().unwrap_or_default();
            serde_json::json!({
                "city": city.plan.id, "name": city.plan.name,
                "messages_sent": count(ours), "messages_received": count(1 - ours),
                "receipts_sent": count(2 + ours), "receipts_received": count(3 - ours),
                "log_size": log.size, "log_root": log.root,
            })
        };
        let facts = serde_json::json!({
            "cities": [city(&self.origin, &origin, 0), city(&self.destination, &destination, 1)],
            "leaves_identical": same,
            "lanes": lanes(&origin).into_iter().map(|(lane, count, root)| {
                serde_json::json!({ "lane": lane, "count": count, "leaves_root": root })
            }).collect::<Vec<_>>(),
        });
        self.narrator.tell(Step {
            key: "logs",
            zh: "两座城市的存证日志中，这份协议的每一条记录逐字节相同。",
            en: "Every record of this agreement is byte for byte the same in both cities' logs.",
            facts,
        });
        Ok(())
    }

    pub(super) async fn statuses(&self) -> Result<(wire::StatusReply, wire::StatusReply)> {
        let a = self.origin.desk("operator")?.status(wire::StatusRequest {}).await?;
        let b = self.destination.desk("operator")?.status(wire::StatusRequest {}).await?;
        Ok((a.into_inner(), b.into_inner()))
    }

    pub(super) async fn evidence(&mut self, family: &Worker) -> Result<()> {
        let ask = wire::CaseRef {
            case_number: family.case.clone(),
            purpose: "合规抽查".to_owned(),
            sections: false,
        };
        let zip = self.origin.desk("compliance")?.export_case(ask).await?.into_inner().zip;
        let roots = [self.origin.public.root_fpr(), self.destination.public.root_fpr()];
        let good = jieli_proto::bundle::verify(&zip, &roots);
        let exit = jieli_proto::bundle::exit_code(&good);
        let file = self.origin.dir.join("family.zip");
        std::fs::write(&file, &zip)?;
        let mut flipped = zip.clone();
        let at = flipped.len() / 2;
        flipped[at] ^= 1;
        let bad = jieli_proto::bundle::exit_code(&jieli_proto::bundle::verify(&flipped, &roots));
        if exit != 0 || bad == 0 {
            let text = good.map(|verdicts| verdicts.text()).unwrap_or_default();
            bail!("the bundle verifies with {exit}, changed with {bad}\n{text}");
        }
        self.narrator.tell(Step {
            key: "evidence",
            zh: "导出这一家的存证包，只凭两个城市的根指纹离线核验：成立；改动一个字节：不成立。",
            en: "The family's evidence is exported and verified offline with nothing but the two \
                 root fingerprints: it holds; with one byte changed it does not.",
            facts: serde_json::json!({ "bytes": zip.len(), "exit": exit, "exit_flipped": bad,
                "file": file.display().to_string() }),
        });
        Ok(())
    }
}
