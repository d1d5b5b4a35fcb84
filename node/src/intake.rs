//! Intake: drafts from a sheet or a form, vacancies. Nothing of a person leaves the node.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, Local};
use crate::questions::DRAFT_DAYS;
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use crate::vault::{CONTACT, DRAFT, Place};
use jieli_proto::case::{Direction, Leg, Side};
use jieli_proto::id::{AgreementId, CaseId, LegId};
use jieli_proto::number::{AgeBand, CitizenNumber, MobileNumber, PersonName};
use jieli_proto::section::{self, PERSON, Phase};
use jieli_proto::wire::{self, MessageType, Service};
use prost::Message as _;

mod again;
mod rows;
mod vacancies;

use rows::{Known, NewRows};

/// Document kind code of a resident ID card.
const RESIDENT_ID: u32 = 1;
/// Age band code of 18 and over.
const ADULT: u32 = 4;

impl Batch<'_> {
    /// Makes a case with its legs, all drafts, out of every row that can be read.
    pub(crate) async fn import(
        &mut self,
        actor: &Actor,
        drafts: Vec<wire::Draft>,
    ) -> Outcome<wire::ImportReply> {
        let mut checked = Vec::new();
        for mut draft in drafts {
            let worker = self.check_draft(&mut draft);
            checked.push((draft, worker));
        }
        let readable = checked.iter().filter(|(_, worker)| worker.is_ok());
        let readable: Vec<&wire::Draft> = readable.map(|(draft, _)| draft).collect();
        let known = Known::ask(self, &readable).await?;
        let (mut rows, mut new) = (Vec::new(), NewRows::default());
        for (draft, worker) in checked {
            let row = draft.row;
            let imported = match worker {
                Ok(worker) => self.import_one(actor, draft, worker, &known, &mut new).await,
                Err(error) => Err(error),
            };
            match imported {
                Ok(imported) => rows.push(imported),
                Err(crate::trouble::Trouble::Denied(denied)) => rows.push(wire::ImportedRow {
                    row,
                    code: denied.code.to_owned(),
                    say_zh: denied.zh,
                    say_en: denied.en,
                    ..wire::ImportedRow::default()
                }),
                Err(error) => return Err(error),
            }
        }
        new.write(self).await?;
        self.record("import", actor.office.as_bytes());
        Ok(wire::ImportReply { rows })
    }

    /// Checks a row in itself and puts it into its one spelling. Returns the worker.
    fn check_draft(&self, draft: &mut wire::Draft) -> Outcome<wire::DraftPerson> {
        let mut worker = draft
            .worker
            .take()
            .ok_or_else(|| bad("worker", "这一行没有本人", "the row has no worker"))?;
        self.check_person(&mut worker)?;
        if draft.legs.is_empty() {
            return Err(bad("legs", "没有任何事项", "nothing is asked for"));
        }
        for leg in &mut draft.legs {
            let person = leg.person.get_or_insert_with(|| worker.clone());
            self.check_person(person)?;
            leg.relation = if leg.relation == 0 { 1 } else { leg.relation };
            let own_job = leg.service() == Service::Employment;
            if let Some(person) = leg.person.as_mut().filter(|_| leg.relation == 1 && !own_job) {
                // The guardian of somebody of 16 or 17 is told of a job and of nothing else.
                (person.guardian_name, person.guardian_phone) = (String::new(), String::new());
            }
            check_leg(leg)?;
            self.item_can_be_decided(&draft.city, leg.service(), leg.item_code)?;
        }
        Ok(worker)
    }

    async fn import_one(
        &mut self,
        actor: &Actor,
        draft: wire::Draft,
        worker: wire::DraftPerson,
        known: &Known,
        new: &mut NewRows,
    ) -> Outcome<wire::ImportedRow> {
        let named = self.directory.city_named(&draft.city).map(|city| city.as_str().to_owned());
        let city = named.unwrap_or_else(|| draft.city.trim().to_owned());
        if let Some(number) = self.already_here(actor, &draft.legs, known, new).await? {
            self.told_again(actor, &number).await?;
            if self.put_right(actor, &number, &city, &draft.legs, &worker).await? {
                return Ok(wire::ImportedRow {
                    row: draft.row,
                    say_zh: format!("已按本行更正草稿 {number}；尚未询问本人。"),
                    say_en: format!("The draft {number} was corrected; nobody was asked yet."),
                    case_number: number,
                    code: "corrected".to_owned(),
                    legs: draft.legs.len() as u32,
                });
            }
            return Ok(wire::ImportedRow {
                row: draft.row,
                case_number: number.clone(),
                code: "duplicate".to_owned(),
                say_zh: format!("此人已有未结的相同事项，见办件 {number}，没有重复建立。"),
                say_en: format!("The same is already asked for in case {number}; none was added."),
                legs: 0,
            });
        }
        for leg in &draft.legs {
            let Some(person) = &leg.person else { continue };
            let (service, keys) = (leg.service(), &self.house.keys);
            let tag = keys.suppression_tag(service as u32, person.document, &person.number);
            if known.is_suppressed(&tag) {
                self.not_suppressed(service, person).await?;
            }
        }
        let case = CaseId(self.random());
        let number = self.new_draft_case(case, &city, new).await?;
        let legs = draft.legs.len() as u32;
        for (at, leg) in draft.legs.into_iter().enumerate() {
            self.new_draft(actor, case, at as u32 + 1, leg, &worker, new)?;
        }
        Ok(wire::ImportedRow {
            row: draft.row,
            case_number: number,
            code: "draft".to_owned(),
            say_zh: "已建草稿，本人确认前不会发出。".to_owned(),
            say_en: "Draft made; nothing leaves before the person confirms.".to_owned(),
            legs,
        })
    }

    /// The gateway has read the sheet; the node believes nobody.
    pub(crate) fn check_person(&self, person: &mut wire::DraftPerson) -> Outcome<()> {
        let name =
            PersonName::parse(&person.name).map_err(|error| bad("name", error.zh(), error.en()))?;
        person.name = name.as_str().to_owned();
        if !person.phone.is_empty() {
            let phone = MobileNumber::parse(&person.phone)
                .map_err(|error| bad("phone", error.zh(), error.en()))?;
            person.phone = phone.as_str().to_owned();
        }
        self.check_guardian(person)?;
        if person.document == RESIDENT_ID {
            let number = CitizenNumber::parse(&person.number)
                .map_err(|error| bad("number", error.zh(), error.en()))?;
            person.number = number.as_str().to_owned();
            let band = number.age_band(self.today);
            person.age_band = match band {
                Some(AgeBand::Under14) => 1,
                Some(AgeBand::From14To15) => 2,
                Some(AgeBand::From16To17) => 3,
                Some(AgeBand::Adult) => 4,
                None => return Err(bad("number", "出生日期在今天之后", "born after today")),
            };
        }
        if !(1..=5).contains(&person.document) || !(1..=4).contains(&person.age_band) {
            return Err(bad("document", "证件类型或年龄段未填", "document kind or age band"));
        }
        if person.age_band == ADULT {
            // Of nobody is kept what is not needed.
            (person.guardian_name, person.guardian_phone) = (String::new(), String::new());
        }
        Ok(())
    }

    fn check_guardian(&self, person: &mut wire::DraftPerson) -> Outcome<()> {
        if !person.guardian_name.is_empty() {
            let name = PersonName::parse(&person.guardian_name)
                .map_err(|error| bad("guardian_name", error.zh(), error.en()))?;
            person.guardian_name = name.as_str().to_owned();
        }
        if !person.guardian_phone.is_empty() {
            let phone = MobileNumber::parse(&person.guardian_phone)
                .map_err(|error| bad("guardian_phone", error.zh(), error.en()))?;
            person.guardian_phone = phone.as_str().to_owned();
        }
        Ok(())
    }

    /// The same person with the same service in a case that is still open.
    async fn already_here(
        &mut self,
        actor: &Actor,
        legs: &[wire::DraftLeg],
        known: &Known,
        new: &mut NewRows,
    ) -> Result<Option<String>, StoreError> {
        for leg in legs {
            let Some(person) = &leg.person else { continue };
            let tag = self.house.keys.blind_tag(person.document, &person.number);
            if new.tags.contains(&tag) {
                new.write(self).await?;
            } else if !known.has_case(&tag) && !new.written.contains(&tag) {
                continue;
            }
            let rows = self
                .conn
                .rows("SELECT leg_id FROM blind_index WHERE tag = $1", vec![tag.into()])
                .await?;
            for row in rows {
                let Some(file) = self.take_leg(LegId(row.array(0)?)).await? else { continue };
                let open = file.local != Local::Dropped
                    && (file.local != Local::OnTheRoad || !file.law.is_closed());
                // V13: of other offices' cases nothing is told, not even that they exist.
                let own = file.our_office == actor.office && file.our_side == Side::Initiator;
                if !open || !own || leg.service() != file.service {
                    continue;
                }
                // Two items of one service are two requests.
                let before =
                    self.draft(&file).await?.map_or(leg.item_code, |draft| draft.item_code);
                if before == leg.item_code {
                    let case = store::legs::case_by_id(self.conn, file.case).await?;
                    return Ok(case.map(|case| case.number));
                }
            }
        }
        Ok(None)
    }

    fn new_draft(
        &mut self,
        actor: &Actor,
        case: CaseId,
        number: u32,
        leg: wire::DraftLeg,
        worker: &wire::DraftPerson,
        new: &mut NewRows,
    ) -> Outcome<()> {
        let service = leg.service();
        let file = LegFile {
            id: LegId(self.random()),
            case,
            number,
            bond: None,
            service,
            our_side: Side::Initiator,
            local: Local::Draft,
            our_office: actor.office.clone(),
            their_office: String::new(),
            reference: reference(&leg),
            law: Leg::new(LegFile::rules(service)),
            entries: Vec::new(),
            stop_refused: false,
        };
        new.legs.push(store::legs::leg_row(&file));
        for (slot, plain) in [(DRAFT, leg.encode_to_vec()), (CONTACT, worker.encode_to_vec())] {
            let place = Place::of_leg(file.id, slot);
            new.sections.push(self.hidden_anew(&file, &place, &plain)?);
        }
        if let Some(person) = &leg.person {
            let tag = self.house.keys.blind_tag(person.document, &person.number);
            new.tags.insert(tag);
            new.persons.push(vec![tag.into(), file.id.to_vec().into()]);
        }
        new.phones.extend(self.phone_row(file.id, worker));
        // Whether anybody is asked about it or not.
        let when = self.now_ms + DRAFT_DAYS * 86_400_000;
        let timer = self.timer_row(when, TimerKind::EraseDraft, &file.id.0);
        new.timers.push(timer);
        self.put_leg(file);
        Ok(())
    }

    /// The same for a draft that is written later: nobody else takes a number in between.
    async fn new_draft_case(
        &mut self,
        id: CaseId,
        city: &str,
        new: &mut NewRows,
    ) -> Result<String, StoreError> {
        let (year, _, _) = self.today.parts();
        let last = match new.last_case {
            Some(last) => last,
            None => {
                let sql = "SELECT last FROM case_counter WHERE year = $1";
                let row = self.conn.maybe(sql, vec![year.into()]).await?;
                row.map(|row| row.int(0)).transpose()?.unwrap_or(0)
            }
        };
        new.last_case = Some(last + 1);
        let number = case_number(year, last + 1);
        new.cases.push(vec![
            id.to_vec().into(),
            number.as_str().into(),
            city.into(),
            Vec::new().into(),
            self.now_ms.into(),
        ]);
        Ok(number)
    }

    /// A new case with the next number of the year.
    pub(crate) async fn new_case(
        &mut self,
        id: CaseId,
        city: &str,
        agreement: Option<AgreementId>,
    ) -> Result<String, StoreError> {
        let (year, _, _) = self.today.parts();
        let row = self
            .conn
            .one(
                "INSERT INTO case_counter (year, last) VALUES ($1, 1) \
                 ON CONFLICT (year) DO UPDATE SET last = case_counter.last + 1 RETURNING last",
                vec![year.into()],
            )
            .await?;
        let number = case_number(year, row.int(0)?);
        self.conn
            .run(
                "INSERT INTO case_file (case_id, number, city, agreement_id, opened_ms) \
                 VALUES ($1,$2,$3,$4,$5)",
                vec![
                    id.to_vec().into(),
                    number.as_str().into(),
                    city.into(),
                    agreement.map_or(Vec::new(), |id| id.to_vec()).into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        Ok(number)
    }
}

/// `2026-000001`.
fn case_number(year: u32, count: i64) -> String {
    format!("{year}-{count:06}")
}

/// The vacancy a job draft names; empty for all else.
fn reference(leg: &wire::DraftLeg) -> String {
    let text = leg.fields.iter().find_map(|field| match &field.value {
        Some(wire::draft_field::Value::Text(text)) if (field.section, field.field) == (1, 1) => {
            Some(text.clone())
        }
        _ => None,
    });
    text.unwrap_or_default()
}

/// What a draft leg must have before anybody is asked about it.
fn check_leg(leg: &wire::DraftLeg) -> Outcome<()> {
    let person = leg.person.clone().unwrap_or_default();
    // V14: under 16 is never an employment subject.
    if leg.service() == Service::Employment && !crate::acts::may_work(person.age_band) {
        return Err(bad("age", "未满 16 周岁不得推荐就业", "under 16 is never sent to a job"));
    }
    if crate::questions::is_child_alone(leg) {
        return Err(crate::questions::no_guardian_of_child().into());
    }
    if leg.service() == Service::Employment && crate::questions::is_minor(person.age_band) {
        crate::questions::has_guardian(&person)?;
    }
    if (leg.service() == Service::Insurance) != (leg.item_code > 0) {
        return Err(bad("item_code", "社会保险须写明事项代码", "an item code goes with insurance"));
    }
    if leg.fields.iter().any(|field| field.section == u32::from(section::SUPPORT_NEED)) {
        return Err(bad(
            "support_need",
            "学习支持需求须由本人单独同意，不随名单提交",
            "a support need is asked of the person by itself and never comes with a sheet",
        ));
    }
    let opens = match crate::legs::direction(leg.service()) {
        Direction::Push => MessageType::Offer,
        Direction::Pull => MessageType::Request,
    };
    for kind in section::slots(opens, leg.service()) {
        if kind.number == PERSON {
            continue;
        }
        let values = crate::follow::field_values(&leg.fields, kind.number);
        let may_be_empty =
            kind.phase == Phase::B && values.is_empty() && !is_pull_core(kind.number);
        if may_be_empty {
            continue;
        }
        kind.filled_by(&values).map_err(|field| {
            bad(field.name, &format!("请填写“{}”", field.zh), &format!("fill in {}", field.en))
        })?;
    }
    Ok(())
}

/// Phase B sections without which a pull REQUEST makes no sense.
fn is_pull_core(section: u8) -> bool {
    matches!(section, 20 | 21)
}

fn bad(field: &str, zh: &str, en: &str) -> crate::trouble::Trouble {
    Denied::new("BAD_FIELD", format!("{field}：{zh}。"), format!("{field}: {en}.")).into()
}
