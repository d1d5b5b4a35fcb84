//! The worker's slip, and its code.

use super::TRIES_MAX;
use crate::batch::Batch;
use crate::command::Actor;
use crate::follow::WithdrawnBy;
use crate::legs::{LegFile, Local};
use crate::questions::{Look, Use, View, no_such_number, purpose, received};
use crate::store::legs::CaseRow;
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::{CaseId, LegId};
use jieli_proto::wire;
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;

/// A slip as stored.
#[derive(Clone, Debug)]
pub(crate) struct Slip {
    id: Vec<u8>,
    hmac: Vec<u8>,
    tries: i64,
    /// The office that printed it; empty for the person's own.
    desk: String,
    /// A newer one took its place: it stops, and shows nothing.
    is_replaced: bool,
    /// Number on the page, and leg.
    legs: Vec<(u32, LegId)>,
}

impl Batch<'_> {
    /// A slip printed at a desk, about the legs that this desk sees.
    pub(crate) async fn print_slip(
        &mut self,
        actor: &Actor,
        case_number: &str,
        legs: &[LegId],
    ) -> Outcome<wire::SlipPage> {
        let case = self.case_row(case_number).await?;
        let look = Look {
            case_number: case.number.clone(),
            view: View::Slip,
            purpose: purpose::SLIP.both(),
            legs: legs.to_vec(),
        };
        self.looked(actor, &look).await?;
        let desk = self.name_of_own_office(&actor.office);
        self.issue_slip(&case, legs, &desk).await
    }

    /// The person's own slip, by the code of a notice.
    pub(crate) async fn own_slip(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Outcome<wire::SlipPage> {
        let (case, legs) = self.own_legs(case_number, code).await?;
        self.record("own slip", &case.id.0);
        self.issue_slip(&case, &legs, "").await
    }

    /// What the code of a notice opens to the person: the legs that it asks about, and those of the
    /// case whose person is reached at the same telephone. Nobody else's.
    pub(crate) async fn own_legs(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Outcome<(CaseRow, Vec<LegId>)> {
        let question = self.question_by_code(case_number, code, Use::Answer).await?;
        let case = self.case_row(case_number).await?;
        let asked: BTreeSet<LegId> = question.legs.iter().map(|(_, leg, _)| *leg).collect();
        let mut phones = BTreeSet::new();
        let mut files = Vec::new();
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            let Some(file) = self.take_leg(leg).await? else { continue };
            let phone = self.contact(&file).await?.map(|contact| contact.phone);
            let phone = phone.filter(|phone| !phone.is_empty());
            if asked.contains(&leg) {
                phones.extend(phone.clone());
            }
            files.push((leg, phone));
        }
        let own = files.into_iter().filter(|(leg, phone)| {
            asked.contains(leg) || phone.as_ref().is_some_and(|phone| phones.contains(phone))
        });
        Ok((case, own.map(|(leg, _)| leg).collect()))
    }

    /// What a slip code shows: the stages, as on the page.
    pub(crate) async fn look_by_slip(
        &mut self,
        asked: &wire::SlipUse,
    ) -> Outcome<wire::SlipStatus> {
        let found = self.right_slip(&asked.case_number, &asked.slip_code).await?;
        let Some(slip) = found.filter(|slip| slip.tries < TRIES_MAX && !slip.is_replaced) else {
            self.count_guess(&asked.case_number).await?;
            return Err(wrong_slip_code().into());
        };
        let mut legs = Vec::new();
        for (number, leg) in slip.legs {
            if let Some(file) = self.take_leg(leg).await? {
                legs.push(self.slip_line(number, &file).await?);
            }
        }
        Ok(wire::SlipStatus { legs })
    }

    /// Stops legs by a slip code, in every state and however often it was guessed at (V6).
    pub(crate) async fn stop_by_slip(
        &mut self,
        asked: &wire::SlipUse,
    ) -> Outcome<wire::AnswerReply> {
        match self.right_slip(&asked.case_number, &asked.slip_code).await? {
            Some(slip) => self.stop_legs_of(&slip, &asked.legs).await,
            None => {
                self.count_guess(&asked.case_number).await?;
                Err(wrong_slip_code().into())
            }
        }
    }

    /// Stops the legs of a slip; an empty list stops all of them.
    pub(crate) async fn stop_legs_of(
        &mut self,
        slip: &Slip,
        numbers: &[u32],
    ) -> Outcome<wire::AnswerReply> {
        if !numbers.iter().all(|number| slip.legs.iter().any(|(known, _)| known == number)) {
            return Err(no_such_number().into());
        }
        for (number, leg) in &slip.legs {
            if numbers.is_empty() || numbers.contains(number) {
                self.stop_by_a_slip(slip, *leg).await?;
            }
        }
        Ok(received())
    }

    /// Whoever printed a slip at a desk knows its code: what had gone out is stopped as at that
    /// desk, so that the person is told and may say "not me". What had not gone out stays "asked"
    /// (V23).
    async fn stop_by_a_slip(&mut self, slip: &Slip, leg: LegId) -> Outcome<()> {
        let Some(mut file) = self.take_leg(leg).await? else { return Ok(()) };
        let is_out = matches!(file.local, Local::OnTheRoad | Local::OnPaper);
        if slip.desk.is_empty() || !is_out {
            return self.stop_leg(leg).await;
        }
        let at = format!("{}（凭该处打印的回单 / by a slip printed there）", slip.desk);
        self.withdraw(&mut file, &WithdrawnBy::Desk(at)).await?;
        Ok(())
    }

    /// The slip of a case that a code belongs to. Counts nothing.
    pub(crate) async fn right_slip(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Result<Option<Slip>, StoreError> {
        let code: String =
            code.chars().map(jieli_proto::number::fold_char).filter(char::is_ascii_digit).collect();
        let Some(case) = store::legs::case(self.conn, case_number.trim()).await? else {
            return Ok(None);
        };
        for slip in self.slips_of(case.id).await? {
            let hmac = self.slip_hmac(&slip.id, &code);
            if bool::from(hmac.as_slice().ct_eq(slip.hmac.as_slice())) {
                return Ok(Some(slip));
            }
        }
        Ok(None)
    }

    async fn count_guess(&mut self, case_number: &str) -> Result<(), StoreError> {
        self.conn
            .run(
                "UPDATE slip SET tries = tries + 1 WHERE case_id IN \
                 (SELECT case_id FROM case_file WHERE number = $1)",
                vec![case_number.trim().into()],
            )
            .await?;
        Ok(())
    }

    async fn case_row(&mut self, case_number: &str) -> Outcome<CaseRow> {
        let number = case_number.trim();
        let case = store::legs::case(self.conn, number).await?;
        case.ok_or_else(|| Denied::not_found(number).into())
    }

    /// Signs a slip, gives it a code, and ends looking by earlier slips about no other leg; those
    /// of the person are ended by the person alone. `desk` is who prints it, empty for the person.
    async fn issue_slip(
        &mut self,
        case: &CaseRow,
        legs: &[LegId],
        desk: &str,
    ) -> Outcome<wire::SlipPage> {
        let mut files: Vec<LegFile> = Vec::new();
        for leg in legs {
            files.extend(self.take_leg(*leg).await?);
        }
        if files.is_empty() {
            return Err(Denied::not_found(&case.number).into());
        }
        let sealed = self.seal(&self.slip_of(case, &files)).await?;
        let qr = self.paper_text(sealed, Vec::new())?;
        let mut lines = Vec::new();
        for (at, file) in files.iter().enumerate() {
            lines.push(self.slip_line(at as u32 + 1, file).await?);
        }
        let slip_code = self.keep_slip(case.id, &files, desk).await?;
        let (root_fpr, spoken) = self.root_on_paper();
        Ok(wire::SlipPage {
            qr,
            case_number: case.number.clone(),
            city: self.directory.name.clone(),
            city_id: self.directory.city.as_str().to_owned(),
            root_fpr,
            spoken,
            slip_code,
            issued_unix_ms: self.now_ms,
            issued_on: self.today.number(),
            legs: lines,
        })
    }

    fn slip_of(&self, case: &CaseRow, files: &[LegFile]) -> wire::Slip {
        let legs = files.iter().map(|file| wire::SlipLeg {
            leg_id: file.id.to_vec(),
            service: file.service.into(),
            office: file.their_office.clone(),
            last_env_digest: file
                .entries
                .last()
                .map_or(Vec::new(), |last| last.env_digest.to_vec()),
        });
        wire::Slip {
            case_id: case.id.to_vec(),
            city_id: self.directory.city.as_str().to_owned(),
            case_number: case.number.clone(),
            issued_unix_ms: self.now_ms,
            legs: legs.collect(),
        }
    }

    async fn keep_slip(
        &mut self,
        case: CaseId,
        files: &[LegFile],
        desk: &str,
    ) -> Result<String, StoreError> {
        let now: BTreeSet<LegId> = files.iter().map(|file| file.id).collect();
        for old in self.slips_of(case).await? {
            let may_end = desk.is_empty() || !old.desk.is_empty();
            if may_end && old.legs.iter().all(|(_, leg)| now.contains(leg)) {
                self.conn
                    .run(
                        "UPDATE slip SET replaced_ms = $2 WHERE slip_id = $1 AND replaced_ms = 0",
                        vec![old.id.clone().into(), self.now_ms.into()],
                    )
                    .await?;
            }
        }
        let id: [u8; 16] = self.random();
        let code = self.fresh_code();
        let hmac = self.slip_hmac(&id, &code);
        self.conn
            .run(
                "INSERT INTO slip (slip_id, case_id, code_hmac, tries, issued_ms, desk, \
                 replaced_ms) VALUES ($1,$2,$3,0,$4,$5,0)",
                vec![id.into(), case.to_vec().into(), hmac.into(), self.now_ms.into(), desk.into()],
            )
            .await?;
        for (at, file) in files.iter().enumerate() {
            self.conn
                .run(
                    "INSERT INTO slip_leg (slip_id, number, leg_id) VALUES ($1,$2,$3)",
                    vec![id.into(), (at as u32 + 1).into(), file.id.to_vec().into()],
                )
                .await?;
        }
        Ok(code)
    }

    async fn slips_of(&mut self, case: CaseId) -> Result<Vec<Slip>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT slip_id, code_hmac, tries, desk, replaced_ms FROM slip WHERE case_id = $1 \
                 ORDER BY issued_ms",
                vec![case.to_vec().into()],
            )
            .await?;
        let mut slips = Vec::new();
        for row in rows {
            let id = row.bytes(0)?;
            let (hmac, tries, desk) = (row.bytes(1)?, row.int(2)?, row.text(3)?);
            let is_replaced = row.int(4)? > 0;
            let rows = self
                .conn
                .rows(
                    "SELECT number, leg_id FROM slip_leg WHERE slip_id = $1 ORDER BY number",
                    vec![id.clone().into()],
                )
                .await?;
            let mut legs = Vec::new();
            for row in rows {
                legs.push((row.int(0)? as u32, LegId(row.array(1)?)));
            }
            slips.push(Slip { id, hmac, tries, desk, is_replaced, legs });
        }
        Ok(slips)
    }

    /// Never the form of a question's code, so that neither can stand in for the other.
    fn slip_hmac(&self, id: &[u8], code: &str) -> [u8; 32] {
        self.house.keys.code_hmac(&format!("slip:{}:{code}", hex::encode(id)))
    }
}

/// One answer for unknown case, unknown code, replaced or locked.
fn wrong_slip_code() -> Denied {
    Denied::new(
        "WRONG_CODE",
        "编号或回单码不对，或已换了新回单。换下的回单、五次错误后的回单不能再查看，但仍可停止；可请窗口重新打印回单。",
        "The number or the slip code is wrong, or a newer slip replaced it. Replaced, or after five \
         wrong tries, it no longer looks, but it still stops; any window prints a new slip.",
    )
}
