//! Grievances (V9): what a worker seals to a body is kept here and never opened. The node checks
//! that the worker is somebody of a case and that the body is not concerned in it, and forgets both:
//! no row, record of the local log or log line says from whom anything is.

use crate::batch::Batch;
use crate::command::Actor;
use crate::config::Config;
use crate::directory::Directory;
use crate::legs::LegFile;
use crate::questions::Use;
use crate::store::{self, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::{CaseId, CityId};
use jieli_proto::kinds::PartySide;
use jieli_proto::sealed::SEALED_BYTES;
use jieli_proto::wire::{self, OfficeKind, SealedStage};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) mod body;
pub(crate) mod call_back;
pub(crate) mod counts;
mod figures;
pub(crate) mod finding;

pub use body::GrievanceCommand;

/// Working days in which a body takes a grievance.
pub const TAKE_DAYS: u32 = 2;
/// Working days in which arrears of wages are answered; a document withheld in [`TAKE_DAYS`].
pub const ARREARS_DAYS: u32 = 5;
/// Days after which a closed record is removed.
pub const CLOSED_DAYS: i64 = 180;

/// Kinds of office that are a body without being named in an agreement.
const BODIES: [OfficeKind; 3] =
    [OfficeKind::LabourInspection, OfficeKind::LegalAid, OfficeKind::TradeUnion];

/// The public key to which workers seal for an office now, if it has placed one.
const KEY: &str = "SELECT public_key FROM grievance_key WHERE office = $1 \
                   ORDER BY placed DESC LIMIT 1";

/// Whether an office has a part in one of these legs: it sends or receives, acts for all offices as
/// the coordination window, or one of the two is subordinate to the other.
fn is_concerned(config: &Config, directory: &Directory, office: &str, files: &[LegFile]) -> bool {
    let answers = |below: &str, above: &str| {
        config.desk.tokens.iter().any(|token| {
            let mut over = token.answers_to.iter();
            token.office.as_str() == below && over.any(|code| code.as_str() == above)
        })
    };
    directory.coordinates(office)
        || files.iter().flat_map(LegFile::offices).any(|party| {
            directory.is_one_office(party, office)
                || answers(office, party)
                || answers(party, office)
        })
}

/// The bodies that the agreements in force name for this city; for another one, where it is given.
fn named(directory: &Directory, peer: Option<&CityId>) -> BTreeMap<String, Option<wire::Office>> {
    let mut found = BTreeMap::new();
    for bond in directory.bonds.values() {
        let side = match (peer, bond.our_side) {
            (None, side) => side,
            (Some(peer), _) if *peer != bond.peer => continue,
            (Some(_), PartySide::A) => PartySide::B,
            (Some(_), PartySide::B) => PartySide::A,
        };
        let Some(agreement) = bond.in_force() else { continue };
        for code in &agreement.party(side).grievance_bodies {
            // Named before it was merged, it is the office that it is now.
            let now = bond.office_at(side, code, (0, bond.version()));
            let office = agreement.office(side, &now).cloned();
            found.insert(now, office);
        }
    }
    found
}

/// Whether an office of this city is a body: by its kind, or because an agreement names it.
fn is_body(directory: &Directory, office: &str) -> bool {
    let by_kind = directory.own_office(office).is_some_and(|own| BODIES.contains(&own.kind()));
    (by_kind || named(directory, None).contains_key(office)) && !directory.coordinates(office)
}

impl Batch<'_> {
    /// To whom the person of a code can turn.
    pub(crate) async fn bodies_by_code(
        &mut self,
        case: &str,
        code: &str,
    ) -> Outcome<wire::BodyList> {
        let files = self.files_of_code(case, code).await?;
        self.bodies_of(&files).await
    }

    /// Takes in what the person of a code sealed.
    pub(crate) async fn file_by_code(
        &mut self,
        asked: &wire::FileGrievanceRequest,
    ) -> Outcome<wire::FiledReply> {
        let files = self.files_of_code(&asked.case_number, &asked.code).await?;
        self.file_sealed(&files, asked.filed.as_ref()).await
    }

    /// To whom the person at this window can turn.
    pub(crate) async fn bodies_at_window(
        &mut self,
        actor: &Actor,
        in_hand: &wire::InHand,
    ) -> Outcome<wire::BodyList> {
        let files = self.files_in_hand(actor, in_hand).await?;
        self.bodies_of(&files).await
    }

    /// Takes in what the person at this window sealed on the keypad.
    pub(crate) async fn file_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::FileAtWindowRequest,
    ) -> Outcome<wire::FiledReply> {
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let files = self.files_in_hand(actor, &in_hand).await?;
        self.file_sealed(&files, asked.filed.as_ref()).await
    }

    /// All legs of the case that a code belongs to. As for stopping, neither age nor somebody's
    /// guesses lock it, and a right code leaves no trace.
    async fn files_of_code(&mut self, case: &str, code: &str) -> Outcome<Vec<LegFile>> {
        let question = self.question_by_code(case, code, Use::Stop).await?;
        for (_, leg, _) in &question.legs {
            if let Some(file) = self.take_leg(*leg).await? {
                return Ok(self.files_of_case(file.case).await?);
            }
        }
        Err(StoreError::Corrupt("question_leg.leg_id").into())
    }

    async fn files_in_hand(
        &mut self,
        actor: &Actor,
        in_hand: &wire::InHand,
    ) -> Outcome<Vec<LegFile>> {
        self.is_window(actor)?;
        let (case, _) = self.legs_in_hand(actor, in_hand).await?;
        let files = self.files_of_case(case.id).await?;
        if is_concerned(&self.house.config, &self.directory, &actor.office, &files) {
            return Err(Denied::new(
                "CONCERNED_OFFICE",
                "本窗口所属机构与这个办件有关，不能在这里投诉，请本人到工会、法律援助等其他机构的窗口，或用自己的\
                 手机。",
                "This office is concerned in the case: the person complains at another kind of \
                 office, such as the union or legal aid, or on the own phone.",
            )
            .into());
        }
        Ok(files)
    }

    async fn files_of_case(&mut self, case: CaseId) -> Result<Vec<LegFile>, StoreError> {
        let mut files = Vec::new();
        for leg in store::legs::legs_of(self.conn, case).await? {
            files.extend(self.take_leg(leg).await?);
        }
        Ok(files)
    }

    /// The bodies of this city that have a key, and those of the other cities of these legs: these
    /// are reached by telephone or at their own city's window, for a grievance never travels.
    async fn bodies_of(&mut self, files: &[LegFile]) -> Outcome<wire::BodyList> {
        let directory = &self.directory;
        let codes = self
            .conn
            .rows("SELECT DISTINCT office FROM grievance_key ORDER BY office", Vec::new())
            .await?;
        let codes: Vec<String> =
            codes.iter().map(|row| row.text(0)).collect::<Result<_, StoreError>>()?;
        let mut bodies = Vec::new();
        for office in codes {
            let concerned = is_concerned(&self.house.config, directory, &office, files);
            if concerned || !is_body(directory, &office) {
                continue;
            }
            let Some(row) = self.conn.maybe(KEY, vec![office.as_str().into()]).await? else {
                continue;
            };
            let own = directory.own_office(&office).cloned().unwrap_or_default();
            let public_key = row.bytes(0)?;
            bodies.push(line(&office, own, directory.name.clone(), public_key));
        }
        let peers: BTreeSet<_> = files
            .iter()
            .filter_map(|file| directory.bonds.get(&file.bond?).map(|bond| &bond.peer))
            .collect();
        for peer in peers {
            for (office, known) in named(directory, Some(peer)) {
                if !is_concerned(&self.house.config, directory, &office, files) {
                    let city = directory.city_name(peer);
                    bodies.push(line(&office, known.unwrap_or_default(), city, Vec::new()));
                }
            }
        }
        Ok(wire::BodyList { bodies })
    }

    /// Keeps it, and nothing of the legs by which the person was known.
    async fn file_sealed(
        &mut self,
        files: &[LegFile],
        filed: Option<&wire::SealedBox>,
    ) -> Outcome<wire::FiledReply> {
        let filed = filed.cloned().unwrap_or_default();
        if is_concerned(&self.house.config, &self.directory, &filed.office, files) {
            return Err(Denied::new(
                "CONCERNED_OFFICE",
                "这个机构与您的办件有关，不能受理对它自己的投诉，请从列出的机构中选择。",
                "This office is concerned in your case and cannot take it: choose one of those \
                 listed.",
            )
            .into());
        }
        self.keep_sealed(&filed, &[]).await
    }

    /// A sealed text for a body of this city; of a call-back, where one is named. The same one again
    /// is the same record.
    async fn keep_sealed(
        &mut self,
        filed: &wire::SealedBox,
        call_back: &[u8],
    ) -> Outcome<wire::FiledReply> {
        let key = self.conn.maybe(KEY, vec![filed.office.as_str().into()]).await?;
        let key = key.filter(|_| is_body(&self.directory, &filed.office));
        let key = key.ok_or_else(|| {
            Denied::new(
                "NO_SUCH_BODY",
                "这个机构不能通过本系统收件，请打电话，或到它自己的窗口。",
                "This body is not reached here: telephone it, or go to its own window.",
            )
        })?;
        let fits = filed.record_id.len() == 32 && filed.sealed.len() == SEALED_BYTES;
        if !fits || key.bytes(0)? != filed.public_key {
            return Err(Denied::new(
                "BAD_SEAL",
                "内容没有用该机构现用的公钥封好，什么也没有收下，请重新打开再试。",
                "It is not sealed to the key that this body uses now: nothing was taken. Open it \
                 again and try once more.",
            )
            .into());
        }
        let known = "SELECT sealed FROM sealed_record WHERE record_id = $1";
        if let Some(row) = self.conn.maybe(known, vec![filed.record_id.clone().into()]).await? {
            if row.bytes(0)? == filed.sealed {
                return Ok(self.filed());
            }
            return Err(no_such_record().into());
        }
        let row: Vec<Val> = vec![
            filed.record_id.clone().into(),
            filed.office.as_str().into(),
            call_back.into(),
            filed.public_key.clone().into(),
            self.today.number().into(),
            stage_number(SealedStage::Waiting).into(),
            filed.sealed.clone().into(),
        ];
        self.conn
            .run(
                "INSERT INTO sealed_record (record_id, office, call_back, public_key, received_on, \
                 stage, closed_on, sealed) VALUES ($1,$2,$3,$4,$5,$6,0,$7)",
                row,
            )
            .await?;
        Ok(self.filed())
    }

    fn filed(&self) -> wire::FiledReply {
        let take_by = self.house.calendar().add_working_days(self.today, TAKE_DAYS);
        wire::FiledReply { received_on: self.today.number(), take_by: take_by.number() }
    }
}

fn line(
    code: &str,
    office: wire::Office,
    city: String,
    public_key: Vec<u8>,
) -> wire::GrievanceBody {
    wire::GrievanceBody {
        office: code.to_owned(),
        kind: office.kind,
        name: office.name,
        city,
        telephone: office.telephone,
        public_key,
    }
}

fn stage_number(stage: SealedStage) -> i64 {
    i64::from(i32::from(stage))
}

/// Unknown and not yours are one answer.
pub(crate) fn no_such_record() -> Denied {
    Denied::new(
        "WRONG_CODE",
        "没有找到，请核对投诉查询码。",
        "Not found: check the code that was shown.",
    )
}
