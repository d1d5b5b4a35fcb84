//! Whether a window may take a person's word: another office, of another kind, not subordinate,
//! with an officer who had no role at the sending office in the last 90 days.

use super::OFFICER_DAYS;
use crate::batch::Batch;
use crate::command::Actor;
use crate::config::{DeskRole, DeskToken};
use crate::legs::LegFile;
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::{Direction, Side};
use jieli_proto::number::CreditCode;
use jieli_proto::wire::{self, Method, OfficeKind, Service};
use jieli_proto::words;

const DAY_MS: u64 = 86_400_000;
/// How exact `desk_presence` is: not every call is a write.
const PRESENCE_MS: u64 = 3_600_000;

/// What a window may do for a leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// How a yes given here is recorded.
    pub(super) method: Method,
    /// Whether the person may waive the day for job terms here.
    pub(super) may_waive: bool,
}

impl Batch<'_> {
    /// Only a token of the role, whatever door it came through.
    pub(crate) fn is_window(&self, actor: &Actor) -> Outcome<()> {
        let found = self.token_of(actor);
        if found.is_some_and(|token| token.role == DeskRole::Window) {
            return Ok(());
        }
        Err(Denied::new(
            "NOT_A_WINDOW",
            "只有 window 角色的令牌可以接待本人确认。",
            "Only a token of the role window takes a person's own word.",
        )
        .into())
    }

    /// Whether this window may take a person's word about a leg, and as what.
    pub(super) async fn standing(
        &mut self,
        actor: &Actor,
        witness: Option<&Actor>,
        file: &LegFile,
    ) -> Outcome<Standing> {
        let kind = self.kind_of_own_office(&actor.office)?;
        let may_waive = matches!(kind, OfficeKind::LegalAid | OfficeKind::TradeUnion);
        if file.our_side == Side::Examiner {
            return Ok(Standing { method: Method::ReceivingWindow, may_waive: true });
        }
        let own = match self.is_other(actor, kind, file).await {
            // Both offices in one city: the receiving one too has to be another, of another kind and
            // not subordinate, before it takes the person's word.
            Ok(()) if file.is_local() && actor.office == file.their_office => {
                return Ok(Standing { method: Method::ReceivingWindow, may_waive: true });
            }
            Ok(()) => return Ok(Standing { method: Method::OtherOffice, may_waive }),
            Err(Trouble::Denied(denied)) => denied,
            Err(error) => return Err(error),
        };
        // A pull without a phone: the own keypad, before officers of two kinds.
        let pull = file.law.rules().direction == Direction::Pull;
        let no_phone = self.contact(file).await?.is_some_and(|contact| contact.phone.is_empty());
        let Some(second) = witness.filter(|_| pull && no_phone) else { return Err(own.into()) };
        let second_kind = self.kind_of_own_office(&second.office)?;
        if second_kind == kind || self.officer(second) == self.officer(actor) {
            return Err(own.into());
        }
        self.is_other(second, second_kind, file).await?;
        Ok(Standing { method: Method::OwnKeypad, may_waive: false })
    }

    /// V1: credit code, kind, subordination and officer are others than the sender's.
    async fn is_other(&mut self, actor: &Actor, kind: OfficeKind, file: &LegFile) -> Outcome<()> {
        let sender = file.our_office.as_str();
        if self.directory.is_one_office(&actor.office, sender) {
            return Err(not_here("SENDING_OFFICE", "就是提出申请的机构", "is the one that sends"));
        }
        if self.kind_of_own_office(sender)? == kind {
            return Err(not_here(
                "SAME_KIND",
                "与提出申请的机构同类",
                "is of the same kind as the one that sends",
            ));
        }
        let token = self.token_of(actor).cloned();
        let is =
            |code: &CreditCode, office: &str| self.directory.is_one_office(code.as_str(), office);
        let below = token.is_some_and(|t| t.answers_to.iter().any(|code| is(code, sender)));
        let mut tokens = self.house.config.desk.tokens.iter();
        let above = tokens.any(|token| {
            let answers = token.answers_to.iter().any(|code| is(code, &actor.office));
            is(&token.office, sender) && answers
        });
        if below || above {
            return Err(not_here(
                "SUBORDINATE",
                "与提出申请的机构有隶属关系",
                "and the one that sends are subordinate, one to the other",
            ));
        }
        if self.had_a_role(actor, sender).await? {
            return Err(Denied::new(
                "OFFICER_OF_SENDER",
                "该工作人员 90 天内曾在提出申请的机构任职，请换一位工作人员。",
                "This officer had a role at the office that sends in the last 90 days: another \
                 officer has to do it.",
            )
            .into());
        }
        Ok(())
    }

    async fn had_a_role(&mut self, actor: &Actor, sender: &str) -> Result<bool, StoreError> {
        let officer = self.officer(actor);
        let mut tokens = self.house.config.desk.tokens.iter();
        let is_sender = |office: &str| self.directory.is_one_office(office, sender);
        if tokens.any(|token| token.officer() == officer && is_sender(token.office.as_str())) {
            return Ok(true);
        }
        let since = self.now_ms.saturating_sub(OFFICER_DAYS * DAY_MS);
        let sql = "SELECT office FROM desk_presence WHERE officer = $1 AND last_ms > $2";
        for row in self.conn.rows(sql, vec![officer.into(), since.into()]).await? {
            if is_sender(&row.text(0)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Remembers for which office an officer acted, and when last.
    pub(crate) async fn present(&mut self, actor: &Actor, office: &str) -> Result<(), StoreError> {
        let officer = self.officer(actor);
        let fresh = self.now_ms.saturating_sub(PRESENCE_MS);
        let known = self
            .conn
            .maybe(
                "SELECT 1 FROM desk_presence WHERE officer = $1 AND office = $2 AND last_ms > $3",
                vec![officer.as_str().into(), office.into(), fresh.into()],
            )
            .await?;
        if known.is_some() {
            return Ok(());
        }
        self.conn
            .run(
                "INSERT INTO desk_presence (officer, office, last_ms) VALUES ($1,$2,$3) \
                 ON CONFLICT (officer, office) DO UPDATE SET last_ms = excluded.last_ms",
                vec![officer.into(), office.into(), self.now_ms.into()],
            )
            .await?;
        Ok(())
    }

    /// The name of an office of this city.
    pub(crate) fn name_of_own_office(&self, office: &str) -> String {
        let found = self.directory.own_office(office);
        found.map_or(self.directory.name.clone(), |office| office.name.clone())
    }

    /// The kind of an office of this city: it stands in the agreements or in the configuration.
    pub(super) fn kind_of_own_office(&self, office: &str) -> Outcome<OfficeKind> {
        let kind = self.directory.own_office(office).map(wire::Office::kind);
        kind.filter(|kind| *kind != OfficeKind::Unspecified).ok_or_else(|| {
            Denied::new(
                "KIND_UNKNOWN",
                format!(
                    "机构 {office} 不在任何生效协议中，也没有登记在 jieli.toml 的 [[office]] 里，不知道它的\
                     类别，不能接待本人确认。"
                ),
                format!(
                    "Office {office} stands in no agreement in force and under no [[office]] of \
                     jieli.toml: its kind is not known, so it cannot take a person's word."
                ),
            )
            .into()
        })
    }

    fn token_of(&self, actor: &Actor) -> Option<&DeskToken> {
        let mut tokens = self.house.config.desk.tokens.iter();
        tokens.find(|token| {
            let office = token.office.as_str();
            // A clerk of an office that was taken over acts for who took over.
            let same = office == actor.office || self.directory.office_now(office) == actor.office;
            token.name() == actor.token && same
        })
    }

    pub(super) fn officer(&self, actor: &Actor) -> String {
        self.token_of(actor).map_or(actor.token.clone(), |token| token.officer().to_owned())
    }
}

/// Whether an office of this kind could be the one that offers or asks for a service.
pub(super) fn kind_of_service_sender(service: Service, kind: OfficeKind) -> bool {
    kind == OfficeKind::Labour
        || kind == OfficeKind::Coordination
        || kind == words::kind_of_service(service)
}

fn not_here(code: &'static str, zh: &str, en: &str) -> Trouble {
    Denied::new(
        code,
        format!("本窗口所属机构{zh}，不能在这里确认，请本人到另一类机构的窗口。"),
        format!("The office of this window {en}: the person confirms at another kind of office."),
    )
    .into()
}
