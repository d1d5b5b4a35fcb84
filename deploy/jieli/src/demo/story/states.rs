//! A case in every state: what a desk brings about, and what only time does.

use super::answers::outcome;
use super::*;
use jieli_proto::wire::{ReturnCode, VoidCode};

/// A leg as its two cities number it.
struct Pair {
    ours: String,
    leg: u32,
    theirs: (String, u32),
}

impl Story {
    /// Twelve workers on the way to Chengdu; twelve working days go by.
    pub(super) async fn states(&mut self) -> Result<Value> {
        let mut homes = Vec::new();
        for _ in 0..11 {
            homes.push(self.pick("worker", |worker| {
                worker.draft.city == "成都" && worker.leg(Service::Housing).is_some()
            })?);
        }
        let job = self.pick_with("worker", "成都", &[Service::Employment], false)?;
        let mut all: Vec<&Worker> = homes.iter().collect();
        all.push(&job);
        self.ask(&all).await?;
        for worker in &homes {
            self.say_yes(worker, &[Service::Housing]).await?;
        }
        self.say_yes(&job, &[Service::Employment]).await?;
        self.next_working_day()?;
        let mut legs = Vec::new();
        for worker in &homes {
            legs.push(self.pair(worker, Service::Housing).await?);
        }
        let job = self.pair(&job, Service::Employment).await?;
        // legs[0] stays OFFERED, and nobody has looked at it in all that time.
        for pair in legs[1..7].iter().chain(&legs[9..]) {
            self.examines(pair, Act::TakeUp(wire::DeskTakeUp {})).await?;
        }
        self.examines(&job, Act::TakeUp(wire::DeskTakeUp {})).await?;
        // legs[1] stays TAKEN_UP.
        let decision = DecisionCode::Capacity.into();
        let decline = wire::DeskDecline { decision, ..Default::default() };
        self.examines(&legs[2], Act::Decline(decline)).await?;
        for pair in &legs[3..7] {
            self.examines(pair, Act::Accept(wire::DeskAccept::default())).await?;
            self.one_stage(self.chengdu(), &pair.theirs.0, pair.theirs.1, "RELEASED").await?;
        }
        // legs[3] stays RELEASED.
        let not_realised = wire::DeskOutcome {
            not_realised: DecisionCode::OutOfWindow.into(),
            ..Default::default()
        };
        self.examines(&legs[4], Act::Outcome(not_realised)).await?;
        self.examines(&legs[5], outcome(Service::Housing, "")).await?;
        self.one_stage(self.kunming(), &legs[5].ours, legs[5].leg, "FULFILLED").await?;
        let void = Act::Void(wire::DeskVoid { code: VoidCode::SentInError.into() });
        self.act(self.kunming(), &legs[7].ours, legs[7].leg, void).await?;
        let early = Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() });
        if self.act(self.kunming(), &legs[8].ours, legs[8].leg, early).await.is_ok() {
            bail!("an office was expired before its due date");
        }
        self.waits(&legs[9]).await?;
        self.comes_back(&legs[10]).await?;
        for _ in 0..12 {
            self.next_working_day()?;
        }
        self.time_is_over(&legs[5], &legs[8]).await?;
        self.examines(&legs[6], outcome(Service::Housing, "")).await?;
        self.one_stage(self.kunming(), &legs[6].ours, legs[6].leg, "FULFILLED").await?;
        self.examines(&job, Act::Accept(wire::DeskAccept::default())).await?;
        self.one_stage(self.kunming(), &job.ours, job.leg, "ACCEPTED").await?;
        self.seen().await
    }

    /// A signed receipt to a reminder proves the silence; only then a duty can expire.
    async fn time_is_over(&self, unconfirmed: &Pair, untouched: &Pair) -> Result<()> {
        let (duty, complete) = (Duty::TakeUp.into(), Duty::Complete.into());
        let (kunming, chengdu) = (self.kunming(), self.chengdu());
        let (case, leg) = (&untouched.ours, untouched.leg);
        self.act(kunming, case, leg, Act::Remind(wire::DeskRemind { duty })).await?;
        self.receipted(kunming, case).await?;
        self.act(kunming, case, leg, Act::Expire(wire::DeskExpire { duty })).await?;
        self.one_stage(kunming, case, leg, "EXPIRED").await?;
        let (case, leg) = (&unconfirmed.theirs.0, unconfirmed.theirs.1);
        self.act(chengdu, case, leg, Act::Remind(wire::DeskRemind { duty: complete })).await?;
        self.receipted(chengdu, case).await?;
        self.act(chengdu, case, leg, Act::Expire(wire::DeskExpire { duty: complete })).await?;
        self.one_stage(kunming, &unconfirmed.ours, unconfirmed.leg, "UNCONFIRMED").await
    }

    /// No place today, and the worker stays in line.
    async fn waits(&self, pair: &Pair) -> Result<()> {
        let until = self.calendar.day_of_unix_ms(self.now()).plus(WAIT_DAYS).number();
        self.examines(pair, Act::Waitlist(wire::DeskWaitlist { until, band: 1 })).await?;
        self.one_stage(self.kunming(), &pair.ours, pair.leg, "WAITLISTED").await
    }

    /// A home that was given, and lost again.
    async fn comes_back(&self, pair: &Pair) -> Result<()> {
        self.examines(pair, Act::Accept(wire::DeskAccept::default())).await?;
        self.one_stage(self.chengdu(), &pair.theirs.0, pair.theirs.1, "RELEASED").await?;
        self.examines(pair, outcome(Service::Housing, "")).await?;
        self.one_stage(self.kunming(), &pair.ours, pair.leg, "FULFILLED").await?;
        let code = ReturnCode::SlotLost.into();
        self.examines(pair, Act::Return(wire::DeskReturn { code })).await?;
        self.one_stage(self.kunming(), &pair.ours, pair.leg, "RETURNED").await
    }

    async fn pair(&self, worker: &Worker, service: Service) -> Result<Pair> {
        let theirs = self.arrived(self.kunming(), self.chengdu(), &worker.case, service).await?;
        let line = self.show(self.kunming(), &worker.case, "window", "").await?.line;
        let legs = line.unwrap_or_default().legs;
        let leg = legs.iter().find(|leg| leg.service() == service).context("a leg")?.number;
        Ok(Pair { ours: worker.case.clone(), leg, theirs })
    }

    async fn examines(&self, pair: &Pair, act: Act) -> Result<()> {
        self.act(self.chengdu(), &pair.theirs.0, pair.theirs.1, act).await
    }

    /// Counts of legs by stage, as Kunming's window lists them.
    async fn seen(&self) -> Result<Value> {
        let mut stages: Vec<String> = Vec::new();
        for case in self.cases(self.kunming()).await? {
            stages.extend(case.legs.into_iter().map(|leg| leg.stage));
        }
        stages.sort();
        stages.dedup();
        let here = |stage: &str| stages.iter().any(|seen| seen == stage);
        let missing: Vec<&str> = STATES.iter().copied().filter(|stage| !here(stage)).collect();
        if !missing.is_empty() {
            bail!("no case is {}", missing.join(", "));
        }
        Ok(json!({ "expired": 1, "voided": 1, "unconfirmed": 1, "states": STATES.len() }))
    }
}

/// How long a place in line lasts.
const WAIT_DAYS: i64 = 60;

/// What the seeds show: every state there is.
const STATES: [&str; 14] = [
    "OFFERED",
    "TAKEN_UP",
    "WAITLISTED",
    "ACCEPTED",
    "RELEASED",
    "FULFILLED",
    "COMPLETED",
    "UNCONFIRMED",
    "DECLINED",
    "NOT_REALISED",
    "WITHDRAWN",
    "RETURNED",
    "EXPIRED",
    "VOIDED",
];
