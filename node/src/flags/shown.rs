//! What compliance reads of it.

use super::count::{PERSONS_MIN, is_few};
use super::{Flag, all};
use crate::directory::{Bond, Directory};
use crate::store::{Conn, StoreError};
use jieli_proto::day::Day;
use jieli_proto::id::AgreementId;
use jieli_proto::sealed;
use jieli_proto::wire::{self, RiskFlagKind};

/// Flags and counts of one agreement, or of all.
pub(crate) async fn list(
    conn: &mut Conn,
    directory: &Directory,
    today: Day,
    agreement: Option<AgreementId>,
) -> Result<wire::FlagList, StoreError> {
    let flags = lines(conn, directory, today, agreement).await?;
    Ok(wire::FlagList { flags, figures: figures(conn, today, agreement).await? })
}

/// Flags of one agreement, or of all, oldest first.
pub(crate) async fn lines(
    conn: &mut Conn,
    directory: &Directory,
    today: Day,
    agreement: Option<AgreementId>,
) -> Result<Vec<wire::FlagLine>, StoreError> {
    let found = all(conn).await?;
    let asked = found.iter().filter(|flag| agreement.is_none_or(|id| id == flag.agreement));
    let lines = asked.filter_map(|flag| {
        directory.bonds.get(&flag.agreement).map(|bond| line(flag, bond, today))
    });
    Ok(lines.collect())
}

/// One flag.
pub(super) fn line(flag: &Flag, bond: &Bond, today: Day) -> wire::FlagLine {
    wire::FlagLine {
        flag_id: flag.digest.hex(),
        agreement_id: flag.agreement.hex(),
        peer: bond.peer.as_str().to_owned(),
        kind: flag.kind.into(),
        month: flag.month,
        ours: flag.side == bond.our_side,
        raised_unix_ms: flag.raised_ms,
        answer_by: flag.answer_by.number(),
        answer: flag.answer.into(),
        answered_unix_ms: flag.answered_ms,
        suspends: flag.suspends(today),
        refused: flag.refused,
    }
}

/// What this city counted. What persons did is not told where it would single somebody out: under
/// five, and of a ballot only when the month is over, so that no day's difference tells one answer.
async fn figures(
    conn: &mut Conn,
    today: Day,
    agreement: Option<AgreementId>,
) -> Result<Vec<wire::FlagFigure>, StoreError> {
    let sql = "SELECT agreement_id, kind, month, counted, out_of FROM risk_count \
               ORDER BY month, agreement_id, kind";
    let mut found = Vec::new();
    for row in conn.rows(sql, Vec::new()).await? {
        let id = AgreementId(row.array(0)?);
        let kind = RiskFlagKind::try_from(row.int(1)? as i32)
            .map_err(|_| StoreError::Corrupt("risk_count.kind"))?;
        let (month, mut count, mut of) = (row.int(2)? as u32, row.uint(3)?, row.uint(4)?);
        let shown = match kind {
            RiskFlagKind::NotByChoice => {
                let (told, _) = sealed::figure(count as u32, of as u32);
                (count, of) = (u64::from(told), 0);
                told > 0 && month < today.number() / 100
            }
            RiskFlagKind::FewSayNo => count >= PERSONS_MIN || is_few(count, of),
            RiskFlagKind::AfterLeaving | RiskFlagKind::OnePhone | RiskFlagKind::SameMinute => {
                count >= PERSONS_MIN
            }
            // Of posts, not of persons.
            RiskFlagKind::Unspecified | RiskFlagKind::BeyondPosts => true,
        };
        if shown && agreement.is_none_or(|asked| asked == id) {
            found.push(wire::FlagFigure {
                agreement_id: id.hex(),
                kind: kind.into(),
                month,
                count,
                of,
            });
        }
    }
    Ok(found)
}
