//! Statements: one fact out of an office's own books, signed for the person to carry.
//!
//! An office enters the fact; nothing is signed before the person has said yes, and it is handed
//! out with the person's own code alone. No desk can print or read one, and nothing of it travels.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, Local};
use crate::questions::{CODE_HOURS, HOUR_MS, Question, Topic, Use, statement_text};
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome};
use crate::vault::{Place, STATED, STATEMENT};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{Digest, MsgId};
use jieli_proto::paper::{STATEMENT_DAYS, check_fact, stated_by};
use jieli_proto::section::{self, PERSON, SectionKind, Value};
use jieli_proto::wire::{self, Envelope, StatementFact};
use jieli_proto::words;
use prost::Message as _;

/// Fields of the person section that are printed: name, kind of document, number. The rest is
/// nobody's business who reads the fact.
const PRINTED: u32 = 3;

/// Statements about one item that a person is asked about within the days that one counts.
const OFFERS_MAX: i64 = 3;

impl Batch<'_> {
    /// Asks the person whether to have a signed statement of a fact.
    pub(crate) async fn ask_statement(
        &mut self,
        actor: &Actor,
        asked: &wire::StatementRequest,
    ) -> Outcome<wire::LetterReply> {
        // Either desk of a leg within the city: the books of the one that receives are books too.
        let file = self.leg_of(&asked.case_number, asked.leg).await?.seen_by(&actor.office);
        if file.our_office != actor.office {
            return Err(Denied::not_found(&format!("{}/{}", asked.case_number, asked.leg)).into());
        }
        let fact = asked.fact();
        let kind = self.directory.own_office(&actor.office).map(wire::Office::kind);
        if !kind.is_some_and(|kind| stated_by(fact).contains(&kind)) {
            return Err(not_in_its_books(fact).into());
        }
        let since = check_fact(fact, asked.months, asked.since).map_err(bad_fact)?;
        if since.is_some_and(|since| since > self.today) {
            return Err(bad_fact("since").into());
        }
        if file.local != Local::OnTheRoad || file.is_stopped() {
            return Err(not_open().into());
        }
        self.carrier(&file).await?.ok_or_else(nobody_known)?;
        // V1: what stands on it goes to no phone that another household gave too.
        if !self.is_reached(&file).await? {
            return Err(no_own_phone().into());
        }
        self.may_offer(&file).await?;
        let statement: [u8; 16] = self.random();
        let stated = wire::PersonStatement {
            statement_id: statement.to_vec(),
            fact: asked.fact,
            months: asked.months,
            since: asked.since,
            office: actor.office.clone(),
            ..wire::PersonStatement::default()
        };
        let office = self.name_of_own_office(&actor.office);
        // What is stored in the clear, and goes over the phone, names the kind of fact alone.
        let text = statement_text(&office, words::statement_fact(fact), STATEMENT_DAYS);
        let deadline = self.now_ms + CODE_HOURS * HOUR_MS;
        let topic = Topic::Statement;
        let question = self.put_question(topic, &[&file], text, &statement, deadline).await?;
        self.lapse_after_code(&question).await?;
        let place = Place { leg: file.id, slot: STATED, msg: MsgId(statement) };
        self.hide(&file, &place, &stated.encode_to_vec()).await?;
        let about = format!("{} {}", actor.token, file.id.hex());
        self.record("statement offered", about.as_bytes());
        Ok(wire::LetterReply {
            say_zh: "已询问本人。要不要这份证明由本人决定，证明只交给本人。".to_owned(),
            say_en: "The person is asked, decides, and is the only one who gets it.".to_owned(),
        })
    }

    /// The person wants it: it is signed. Nothing leaves.
    pub(crate) async fn sign_statement(
        &mut self,
        question: &Question,
        file: &LegFile,
    ) -> Outcome<()> {
        let corrupt = || StoreError::Corrupt("question.subject");
        let statement = MsgId::from_slice(&question.subject).ok_or_else(corrupt)?;
        let signed = Place { leg: file.id, slot: STATEMENT, msg: statement };
        if self.reveal(file, &signed).await?.is_some() {
            return Ok(());
        }
        let place = Place { leg: file.id, slot: STATED, msg: statement };
        // Erased since it was asked.
        let Some(stated) = self.reveal(file, &place).await? else { return Ok(()) };
        let Some(person) = self.carrier(file).await? else { return Ok(()) };
        let stated = wire::PersonStatement::decode(stated.as_slice())
            .map_err(|_| StoreError::Corrupt("section_data"))?;
        let kind = SectionKind::of(u32::from(PERSON)).ok_or_else(corrupt)?;
        let entropy = &self.house.world.entropy;
        let built = section::build(kind, &person, &mut |buffer| entropy.fill(buffer))
            .map_err(|_| StoreError::Corrupt("person"))?;
        let digest = section::digest_of(&statement, &built);
        let sealed = self
            .seal(&wire::PersonStatement {
                valid_until: self.today.plus(STATEMENT_DAYS).number(),
                section_digest: digest.map_err(|_| StoreError::Corrupt("person"))?.to_vec(),
                ..stated
            })
            .await?;
        self.record("statement signed", &envelope::env_digest(&sealed).0);
        let paper =
            wire::Paper { envelope: Some(sealed), sections: vec![built], ..wire::Paper::default() };
        Ok(self.hide(file, &signed, &paper.encode_to_vec()).await?)
    }

    /// What the person is asked about, as it is to be signed; nothing where it was erased.
    pub(crate) async fn shown_statement(&mut self, question: &Question) -> Outcome<String> {
        let statement = MsgId::from_slice(&question.subject);
        let leg = question.legs.first().map(|(_, leg, _)| *leg);
        let Some((msg, leg)) = statement.zip(leg) else { return Ok(String::new()) };
        let Some(file) = self.take_leg(leg).await? else { return Ok(String::new()) };
        let place = Place { leg, slot: STATED, msg };
        let Some(stated) = self.reveal(&file, &place).await? else { return Ok(String::new()) };
        let stated = wire::PersonStatement::decode(stated.as_slice())
            .map_err(|_| StoreError::Corrupt("section_data"))?;
        let since = Day::from_number(stated.since);
        Ok(words::stated(stated.fact(), stated.months, since).join("。 "))
    }

    /// Its code is over: nobody can fetch it any more, and nobody keeps it, whatever the answer was.
    pub(crate) async fn statement_lapses(&mut self, question: &Question) -> Outcome<()> {
        if question.deadline_ms > self.now_ms {
            return self.lapse_after_code(&question.id).await;
        }
        if let Some(statement) = MsgId::from_slice(&question.subject) {
            self.unhide_message(&statement.0).await?;
        }
        Ok(())
    }

    /// The statement, to who has the code of its question and said yes.
    pub(crate) async fn own_statement(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Outcome<wire::StatementPage> {
        let question = self.question_by_code(case_number, code, Use::Answer).await?;
        let statement = MsgId::from_slice(&question.subject);
        let asked = statement.filter(|_| question.topic == Topic::Statement);
        let yes = question.legs.iter().find(|(_, _, yes)| *yes).map(|(_, leg, _)| *leg);
        let (statement, leg) = asked.zip(yes).ok_or_else(no_statement)?;
        let file = self.take_leg(leg).await?.ok_or_else(no_statement)?;
        let place = Place { leg, slot: STATEMENT, msg: statement };
        let held = self.reveal(&file, &place).await?.ok_or_else(no_statement)?;
        let held = wire::Paper::decode(held.as_slice())
            .map_err(|_| StoreError::Corrupt("section_data"))?;
        let sealed = held.envelope.ok_or(StoreError::Corrupt("section_data"))?;
        self.record("own statement", &envelope::env_digest(&sealed).0);
        self.statement_page(&statement, sealed, held.sections)
    }

    fn statement_page(
        &self,
        statement: &MsgId,
        sealed: Envelope,
        sections: Vec<wire::Section>,
    ) -> Outcome<wire::StatementPage> {
        let corrupt = || StoreError::Corrupt("section_data");
        let signed: wire::PersonStatement = envelope::payload(&sealed).map_err(|_| corrupt())?;
        let digest = Digest::from_slice(&signed.section_digest).ok_or_else(corrupt)?;
        let mut fields = Vec::new();
        for found in &sections {
            let values = section::open(statement, found, &digest).map_err(|_| corrupt())?;
            let kind = SectionKind::of(found.section).ok_or_else(corrupt)?;
            fields.extend(super::fields(kind, &values));
        }
        let ours = self.any_office(&signed.office);
        let (root_fpr, spoken) = self.root_on_paper();
        Ok(wire::StatementPage {
            qr: self.paper_text(sealed, sections)?,
            city: self.directory.name.clone(),
            city_id: self.directory.city.as_str().to_owned(),
            root_fpr,
            spoken,
            office_telephone: ours.as_ref().map_or(String::new(), |o| o.telephone.clone()),
            office: ours.map_or(signed.office.clone(), |office| office.name),
            fact: signed.fact,
            months: signed.months,
            since: signed.since,
            valid_until: signed.valid_until,
            fields,
        })
    }

    /// Who would carry it: name and document as they are known now.
    async fn carrier(&mut self, file: &LegFile) -> Outcome<Option<Vec<(u32, Value)>>> {
        let known = match self.released_person(file).await? {
            Some(person) => Some(person),
            None => self.draft(file).await?.and_then(|draft| draft.person),
        };
        let named = |person: &wire::DraftPerson| {
            !person.name.is_empty() && !person.number.is_empty() && person.document > 0
        };
        let known = known.filter(named);
        let values = known.map(|person| crate::follow::person_values(&person, 0));
        Ok(values.map(|mut values| {
            values.retain(|(field, _)| *field <= PRINTED);
            values
        }))
    }

    /// One question at a time, and few of them: nobody is pressed by asking again. Who said no still
    /// is asked, as far as anybody can see (V23).
    async fn may_offer(&mut self, file: &LegFile) -> Outcome<()> {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT), CAST(COALESCE(MAX(q.deadline_ms), 0) AS BIGINT) \
                   FROM question q JOIN question_leg l ON l.question_id = q.question_id \
                   WHERE l.leg_id = $1 AND q.kind = 'statement' AND q.deadline_ms > $2";
        let since = self.now_ms.saturating_sub(STATEMENT_DAYS as u64 * 24 * HOUR_MS);
        let row = self.conn.one(sql, vec![file.id.to_vec().into(), since.into()]).await?;
        if row.uint(1)? > self.now_ms {
            return Err(asked_already().into());
        }
        if row.int(0)? >= OFFERS_MAX {
            return Err(asked_often().into());
        }
        Ok(())
    }
}

fn not_in_its_books(fact: StatementFact) -> Denied {
    let kinds = stated_by(fact).iter().map(|kind| words::office(*kind));
    let (zh, en): (Vec<_>, Vec<_>) = kinds.map(|word| (word.zh, word.en)).unzip();
    let word = words::statement_fact(fact);
    Denied::new(
        "NOT_IN_ITS_BOOKS",
        format!("{}只能由下列机构证明：{}。", word.zh, zh.join("、")),
        format!("“{}” is stated by an office of this kind alone: {}.", word.en, en.join(", ")),
    )
}

fn bad_fact(field: &'static str) -> Denied {
    Denied::new(
        "BAD_FACT",
        format!("{field} 不对：参保月数写 1 至 720 的月数，其他写不晚于今天的日期。"),
        format!(
            "{field} is wrong: months insured have 1 to 720 months, the others a day that is not \
             after today."
        ),
    )
}

fn not_open() -> Denied {
    Denied::new(
        "NOT_OPEN",
        "尚未发出或已停止的事项，不能询问本人要不要证明。",
        "An item that was not sent, or was stopped: the person is not asked about a statement.",
    )
}

fn nobody_known() -> Denied {
    Denied::new(
        "NOBODY_KNOWN",
        "本机构尚未收到本人身份信息，无法出具证明。",
        "This office has not been told who the person is, so it can state nothing.",
    )
}

fn asked_already() -> Denied {
    Denied::new(
        "ASKED_ALREADY",
        "已就一份证明询问本人，72 小时后才能再问。",
        "The person is being asked about a statement; ask again after 72 hours.",
    )
}

fn asked_often() -> Denied {
    Denied::new(
        "ASKED_OFTEN",
        format!("同一事项 {STATEMENT_DAYS} 天内最多就证明询问本人 {OFFERS_MAX} 次。"),
        format!(
            "A person is asked about statements on one item {OFFERS_MAX} times in \
             {STATEMENT_DAYS} days at most."
        ),
    )
}

fn no_own_phone() -> Denied {
    Denied::new(
        "NO_OWN_PHONE",
        "本人没有只属于自己的手机号，证明不能发到别人也登记的手机。请先由本人在窗口更正手机号。",
        "The person has no phone that is nobody else's, and a statement goes to no other. The person \
         has the number corrected at a window first.",
    )
}

fn no_statement() -> Denied {
    Denied::new(
        "NO_STATEMENT",
        "这个码没有可领取的证明：请先打开短信中的问题并回答“1”；过期或已删除的，请机构重新询问。",
        "No statement is waiting behind this code: open its question and answer “1” first. Where it \
         ran out or was erased, let the office ask again.",
    )
}
