//! The acts: raised by the city that counted, answered by the other one's reviewer.

use super::{ANSWER_WORKING_DAYS, Flag, Measured, by_digest};
use crate::audit;
use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::Bond;
use crate::receive::{Halt, Incoming, decode};
use crate::store::StoreError;
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::message::{ActFacts, FlagFacts, ItemVerdict, check_flag, travels};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Act, ActType, RiskFlagAnswer, RiskFlagKind};
use jieli_proto::words;

impl Batch<'_> {
    /// Keeps what was counted, and raises what was reached: once a kind and month.
    pub(crate) async fn keep_flags(&mut self, found: &[Measured]) -> Result<(), StoreError> {
        for one in found {
            self.keep_count(one).await?;
            let Some(bond) = self.bond(&one.agreement).filter(|_| one.raised) else { continue };
            let is_over = bond.terminated().is_some() || bond.in_force().is_none();
            if is_over || !travels(one.kind) || self.is_raised(&bond, one).await? {
                continue;
            }
            self.raise(&bond, one.kind, one.month).await?;
        }
        Ok(())
    }

    async fn keep_count(&mut self, one: &Measured) -> Result<(), StoreError> {
        let sql = "INSERT INTO risk_count (agreement_id, kind, month, counted, out_of) \
                   VALUES ($1,$2,$3,$4,$5) ON CONFLICT (agreement_id, kind, month) DO UPDATE \
                   SET counted = excluded.counted, out_of = excluded.out_of";
        let vals = vec![
            one.agreement.to_vec().into(),
            i64::from(one.kind as i32).into(),
            one.month.into(),
            one.counted.into(),
            one.out_of.into(),
        ];
        self.conn.run(sql, vals).await?;
        Ok(())
    }

    async fn is_raised(&mut self, bond: &Bond, one: &Measured) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM risk_flag WHERE agreement_id = $1 AND side = $2 AND kind = $3 \
                   AND month = $4";
        let vals = vec![
            bond.id.to_vec().into(),
            (bond.our_side as i64).into(),
            i64::from(one.kind as i32).into(),
            one.month.into(),
        ];
        Ok(self.conn.maybe(sql, vals).await?.is_some())
    }

    async fn raise(
        &mut self,
        bond: &Bond,
        kind: RiskFlagKind,
        month: u32,
    ) -> Result<(), StoreError> {
        // The other city owes the answer: its days count.
        let theirs = self.directory.shelf.of_party(bond, bond.our_side.other());
        let calendar = theirs.unwrap_or_else(|| self.house.calendar());
        let answer_by = calendar.add_working_days(self.today, ANSWER_WORKING_DAYS);
        let flag = wire::RiskFlag {
            agreement_id: bond.id.to_vec(),
            kind: kind.into(),
            month,
            answer_by: answer_by.number(),
            answer: RiskFlagAnswer::Unspecified.into(),
        };
        let carried = Some(self.seal_for(&bond.peer, &flag).await?);
        let act = Act { act_type: ActType::Flag.into(), carried, ..Act::default() };
        let digest = self.send_act(bond, act).await?;
        let answer = None;
        let facts = FlagFacts { kind, month, answer_by, answer };
        self.keep_flag(bond, bond.our_side, &facts, &digest, self.now_ms).await?;
        self.record("agreement flagged", &digest.0);
        self.reload().await
    }

    /// Stores a flag of either side, and when it would stop what is new. Raised again, the later one
    /// stands in both cities: an answer to the one before is none to it.
    pub(crate) async fn keep_flag(
        &mut self,
        bond: &Bond,
        side: PartySide,
        facts: &FlagFacts,
        digest: &Digest,
        raised_ms: u64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO risk_flag (agreement_id, side, kind, month, flag_digest, \
                   raised_ms, answer_by, answer, answer_digest, answered_ms, refused) \
                   VALUES ($1,$2,$3,$4,$5,$6,$7,0,$8,0,0) \
                   ON CONFLICT (agreement_id, side, kind, month) DO UPDATE \
                   SET flag_digest = excluded.flag_digest, raised_ms = excluded.raised_ms, \
                   answer_by = excluded.answer_by, answer = 0, \
                   answer_digest = excluded.answer_digest, answered_ms = 0, refused = 0 \
                   WHERE risk_flag.flag_digest <> excluded.flag_digest \
                   AND risk_flag.raised_ms <= excluded.raised_ms";
        let vals = vec![
            bond.id.to_vec().into(),
            (side as i64).into(),
            i64::from(facts.kind as i32).into(),
            facts.month.into(),
            digest.to_vec().into(),
            raised_ms.into(),
            facts.answer_by.number().into(),
            Vec::new().into(),
        ];
        if self.conn.run(sql, vals).await? > 0 {
            let zone = self.house.calendar().zone_offset_min();
            let due_ms = facts.answer_by.plus(1).start_unix_ms(zone);
            self.timer(due_ms, TimerKind::FlagDue, &digest.0).await?;
        }
        Ok(())
    }

    /// A flag that the other city raises.
    pub(crate) async fn receive_flag(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        facts: &ActFacts,
    ) -> Result<(), Halt> {
        bond.in_force().ok_or(Refusal::NoAgreement)?;
        let made_ms = facts.head.created_unix_ms;
        let made_on = self.day_of_sender(bond, made_ms);
        let flag = carried(incoming, facts)?;
        let flag = check_flag(&flag, bond.id, Some(made_on)).map_err(Refusal::from)?;
        let side = bond.our_side.other();
        self.keep_flag(bond, side, &flag, &incoming.digest, made_ms).await?;
        self.alarm("flag-raised", &bond.peer, &detail(flag.kind, flag.month)).await?;
        Ok(())
    }

    /// The other city's answer to a flag of ours.
    pub(crate) async fn receive_flag_answer(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        facts: &ActFacts,
    ) -> Result<(), Halt> {
        let named = facts.subject.ok_or(Refusal::BadBody)?;
        let said = carried(incoming, facts)?;
        let said = check_flag(&said, bond.id, None).map_err(Refusal::from)?;
        let answer = said.answer.ok_or(Refusal::BadBody)?;
        let raised = self.own_flag(bond, &named).await?;
        let raised = raised.map(|flag| (flag.kind(), flag.month, flag.answer_by));
        if raised != Some((said.kind, said.month, said.answer_by.number())) {
            return Err(Refusal::BadBody.into());
        }
        // It crossed a later one about the same: that one waits for an answer of its own.
        let Some(flag) = by_digest(self.conn, &named.0).await? else { return Ok(()) };
        if flag.answered_ms == 0 {
            self.note_answer(&flag.digest, answer, &incoming.digest).await?;
            self.answer_holds(&flag).await?;
        }
        Ok(())
    }

    /// What an own act has raised, whether or not it was raised again since.
    async fn own_flag(
        &mut self,
        bond: &Bond,
        digest: &Digest,
    ) -> Result<Option<wire::RiskFlag>, StoreError> {
        let lane = Lane::acts(bond.our_side);
        let sql = "SELECT lane_seq FROM envelope WHERE env_digest = $1 AND agreement_id = $2 \
                   AND lane = $3";
        let vals = vec![digest.to_vec().into(), bond.id.to_vec().into(), lane.number().into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(None) };
        let stored = self.stored(bond, lane, row.uint(0)?).await?;
        let act = stored.and_then(|sealed| decode::<Act>(&sealed).ok());
        let act = act.filter(|act| act.act_type() == ActType::Flag);
        Ok(act.and_then(|act| decode::<wire::RiskFlag>(act.carried.as_ref()?).ok()))
    }

    /// An own FLAG or answer was refused for its key: what it says is signed anew. A flag is raised
    /// again, with a date that leaves its days; an answer goes if that flag still stands.
    pub(crate) async fn flag_again(&mut self, bond: &Bond, act: &Act) -> Outcome<()> {
        let sealed = act.carried.as_ref().ok_or(StoreError::Corrupt("act.carried"))?;
        let said: wire::RiskFlag = decode(sealed).map_err(|_| StoreError::Corrupt("risk flag"))?;
        if act.act_type() == ActType::Flag {
            return Ok(self.raise(bond, said.kind(), said.month).await?);
        }
        let stands = by_digest(self.conn, &act.subject).await?.ok_or_else(|| {
            Denied::new(
                "RAISED_AGAIN",
                "对方又提出了这项提示：请重新答复。",
                "The other city has raised this flag again: answer the new one.",
            )
        })?;
        self.send_answer(bond, &stands, said.answer()).await?;
        Ok(())
    }

    /// Signs the answer to a flag of the other city.
    async fn send_answer(
        &mut self,
        bond: &Bond,
        flag: &Flag,
        answer: RiskFlagAnswer,
    ) -> Result<Digest, StoreError> {
        let said = wire::RiskFlag {
            agreement_id: bond.id.to_vec(),
            kind: flag.kind.into(),
            month: flag.month,
            answer_by: flag.answer_by.number(),
            answer: answer.into(),
        };
        let carried = Some(self.seal_for(&bond.peer, &said).await?);
        let subject = flag.digest.to_vec();
        let act = Act { act_type: ActType::AnswerFlag.into(), subject, carried, ..Act::default() };
        let digest = self.send_act(bond, act).await?;
        self.note_answer(&flag.digest, answer, &digest).await?;
        // From here on what the other city dates is taken.
        self.reload().await?;
        Ok(digest)
    }

    /// An own answer that a rebuilt log has again; its receipt follows.
    pub(crate) async fn own_answer_back(
        &mut self,
        act: &Act,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let flag = act.carried.as_ref().and_then(|sealed| decode::<wire::RiskFlag>(sealed).ok());
        let flag = flag.ok_or(StoreError::Corrupt("an answer of our own"))?;
        let subject = Digest::from_slice(&act.subject).unwrap_or(Digest::ZERO);
        self.note_answer(&subject, flag.answer(), digest).await
    }

    /// The same of an own flag.
    pub(crate) async fn own_flag_back(
        &mut self,
        bond: &Bond,
        act: &Act,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let made_ms = act.header.as_ref().map_or(0, |header| header.created_unix_ms);
        let made_on = self.house.calendar().day_of_unix_ms(made_ms);
        let flag = act.carried.as_ref().and_then(|sealed| decode::<wire::RiskFlag>(sealed).ok());
        let facts = flag.and_then(|flag| check_flag(&flag, bond.id, Some(made_on)).ok());
        let facts = facts.ok_or(StoreError::Corrupt("a flag of our own"))?;
        self.keep_flag(bond, bond.our_side, &facts, digest, made_ms).await
    }

    /// The reviewer's answer to what the other city raised; it counts once that city holds it.
    pub(crate) async fn answer_flag(
        &mut self,
        actor: &Actor,
        asked: &wire::AnswerFlagRequest,
    ) -> Outcome<wire::FlagLine> {
        let unknown = || {
            let (zh, en) =
                (format!("风险提示 {}", asked.flag_id), format!("flag {}", asked.flag_id));
            Denied::no_such(&zh, &en)
        };
        let digest = hex::decode(asked.flag_id.trim()).map_err(|_| unknown())?;
        let flag = by_digest(self.conn, &digest).await?.ok_or_else(unknown)?;
        let bond = audit::bond(&self.directory, &flag.agreement.hex())?.clone();
        if flag.side == bond.our_side {
            return Err(Denied::new(
                "NOT_YOURS",
                "这项提示由本市提出，应由对方城市的审阅人员答复。",
                "This city raised it: the other city's reviewer answers.",
            )
            .into());
        }
        if asked.answer() == RiskFlagAnswer::Unspecified {
            return Err(Denied::new(
                "BAD_ANSWER",
                "请选择答复代码，--help 列出全部代码。",
                "Name one of the answers; --help lists them.",
            )
            .into());
        }
        if flag.answer == RiskFlagAnswer::Unspecified {
            let answer = self.send_answer(&bond, &flag, asked.answer()).await?;
            let about = [answer.0.as_slice(), actor.token.as_bytes()].concat();
            self.record("flag answered", &about);
        }
        let flag = by_digest(self.conn, &digest).await?.ok_or_else(unknown)?;
        Ok(super::shown::line(&flag, &bond, self.today))
    }

    async fn note_answer(
        &mut self,
        flag: &Digest,
        answer: RiskFlagAnswer,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE risk_flag SET answer = $2, answer_digest = $3 WHERE flag_digest = $1";
        let number = i64::from(answer as i32);
        let vals = vec![flag.to_vec().into(), number.into(), digest.to_vec().into()];
        self.conn.run(sql, vals).await?;
        Ok(())
    }

    /// Both cities hold the answer: what was stopped goes on, by itself.
    async fn answer_holds(&mut self, flag: &Flag) -> Result<(), StoreError> {
        let sql = "UPDATE risk_flag SET answered_ms = $2 WHERE flag_digest = $1";
        self.conn.run(sql, vec![flag.digest.to_vec().into(), self.now_ms.into()]).await?;
        if flag.suspends(self.today) {
            self.record("new items resumed: flag answered", &flag.digest.0);
        }
        self.reload().await
    }

    /// The other city's word about an own FLAG or answer.
    pub(crate) async fn settle_flag(
        &mut self,
        bond: &Bond,
        act: &Act,
        digest: &Digest,
        verdict: &ItemVerdict,
    ) -> Result<(), StoreError> {
        let answers = act.act_type() == ActType::AnswerFlag;
        let named = if answers { act.subject.as_slice() } else { digest.0.as_slice() };
        let Some(flag) = by_digest(self.conn, named).await? else { return Ok(()) };
        match (answers, verdict) {
            (true, ItemVerdict::Stored | ItemVerdict::StoredWithheld) => {
                self.answer_holds(&flag).await
            }
            (false, ItemVerdict::Stored | ItemVerdict::StoredWithheld) => Ok(()),
            (true, ItemVerdict::Refused(code)) => {
                self.note_answer(&flag.digest, RiskFlagAnswer::Unspecified, &Digest::ZERO).await?;
                let detail = format!("{}: answer refused there: {code}", flag.digest.hex());
                self.alarm("flag-refused", &bond.peer, &detail).await
            }
            (false, ItemVerdict::Refused(code)) => {
                let sql = "UPDATE risk_flag SET refused = 1 WHERE flag_digest = $1";
                self.conn.run(sql, vec![flag.digest.to_vec().into()]).await?;
                let detail = format!("{}: refused there: {code}", flag.digest.hex());
                self.alarm("flag-refused", &bond.peer, &detail).await?;
                self.reload().await
            }
        }
    }

    /// Nobody has answered in time: from today on nothing new is sent or taken.
    pub(crate) async fn flag_due(&mut self, subject: &[u8]) -> Outcome<()> {
        let Some(flag) = by_digest(self.conn, subject).await? else { return Ok(()) };
        let Some(bond) = self.bond(&flag.agreement) else { return Ok(()) };
        if flag.suspends(self.today) {
            self.record("new items suspended: flag not answered", &flag.digest.0);
            self.alarm("flag-suspends", &bond.peer, &detail(flag.kind, flag.month)).await?;
        }
        Ok(())
    }

    /// V3: a "no" in the private ballot, counted when the same WITHDRAW goes out as after silence; and
    /// a yes beside it. Of an agreement and month, never of a leg.
    pub(crate) async fn count_ballot(
        &mut self,
        agreement: AgreementId,
        said_no: bool,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO risk_count (agreement_id, kind, month, counted, out_of) \
                   VALUES ($1,$2,$3,$4,1) ON CONFLICT (agreement_id, kind, month) DO UPDATE \
                   SET counted = risk_count.counted + excluded.counted, \
                   out_of = risk_count.out_of + 1";
        let vals = vec![
            agreement.to_vec().into(),
            i64::from(RiskFlagKind::NotByChoice as i32).into(),
            (self.today.number() / 100).into(),
            i64::from(said_no).into(),
        ];
        self.conn.run(sql, vals).await?;
        Ok(())
    }
}

/// The flag inside an act, signed by who sent the act.
fn carried(incoming: &Incoming, facts: &ActFacts) -> Result<wire::RiskFlag, Refusal> {
    let sealed = facts.carried.as_ref().ok_or(Refusal::BadBody)?;
    if !incoming.peer.has_signed(sealed, Kind::Flag) {
        return Err(Refusal::BadBody);
    }
    decode(sealed)
}

fn detail(kind: RiskFlagKind, month: u32) -> String {
    let word = words::flag(kind);
    format!("{month} {} {}", word.zh, word.en)
}
