//! Who looked at personal data, told without any of it.

use super::Within;
use crate::directory::Directory;
use crate::questions::purpose::Purpose;
use crate::store::{Conn, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::AgreementId;
use jieli_proto::wire;

/// Looks of one page, where nothing else is asked for, and at most.
const PAGE: u32 = 200;
const PAGE_MAX: u32 = 1000;

/// One page of the access log, oldest first.
pub(crate) async fn access_log(
    conn: &mut Conn,
    directory: &Directory,
    agreement: Option<AgreementId>,
    within: Within,
    asked: &wire::AccessLogRequest,
) -> Outcome<wire::AccessLogReply> {
    let most = if asked.most == 0 { PAGE } else { asked.most.min(PAGE_MAX) };
    let (after_ms, after_id) = after(&asked.after)?;
    let mut vals: Vec<Val> = vec![
        within.from_ms.into(),
        within.until_ms.into(),
        after_ms.into(),
        after_id.into(),
        most.into(),
    ];
    let mut sql = "SELECT DISTINCT k.looked_id, k.at_ms, k.office, k.system, k.what, k.purpose, \
                   c.number FROM looked k JOIN leg l ON l.leg_id = k.leg_id \
                   JOIN case_file c ON c.case_id = l.case_id \
                   WHERE k.at_ms >= $1 AND k.at_ms < $2 \
                   AND (k.at_ms > $3 OR (k.at_ms = $3 AND k.looked_id > $4))"
        .to_owned();
    if let Some(id) = agreement {
        sql.push_str(" AND l.agreement_id = $6");
        vals.push(id.to_vec().into());
    }
    sql.push_str(" ORDER BY k.at_ms, k.looked_id LIMIT $5");
    let rows = conn.rows_many(sql, vals).await?;
    let mut reply = wire::AccessLogReply::default();
    for row in &rows {
        let id: [u8; 16] = row.array(0)?;
        let (at_unix_ms, office, purpose) = (row.uint(1)?, row.text(2)?, row.text(5)?);
        let listed = Purpose::of(&purpose);
        reply.looks.push(wire::AccessLine {
            at_unix_ms,
            office_name: directory.own_office_name(&office),
            office,
            system: row.text(3)?,
            view: row.text(4)?,
            case_number: row.text(6)?,
            legs: legs(conn, &id).await?,
            purpose_zh: listed.map_or(String::new(), |word| word.zh.to_owned()),
            purpose_en: listed.map_or(String::new(), |word| word.en.to_owned()),
            own_words: listed.is_none(),
        });
        reply.next = format!("{at_unix_ms}-{}", hex::encode(id));
    }
    if rows.len() < most as usize {
        reply.next.clear();
    }
    Ok(reply)
}

/// The legs that were looked at, with the sections opened.
async fn legs(conn: &mut Conn, look: &[u8; 16]) -> Result<Vec<wire::AccessLeg>, StoreError> {
    let sql = "SELECT l.number, l.leg_id FROM looked k JOIN leg l ON l.leg_id = k.leg_id \
               WHERE k.looked_id = $1 ORDER BY l.number";
    let mut found = Vec::new();
    for row in conn.rows(sql, vec![look.into()]).await? {
        let sql = "SELECT section FROM looked_section WHERE looked_id = $1 AND leg_id = $2 \
                   ORDER BY section";
        let sections = conn.rows(sql, vec![look.into(), row.bytes(1)?.into()]).await?;
        let sections = sections.iter().map(|row| Ok(row.int(0)? as u32));
        found.push(wire::AccessLeg {
            number: row.int(0)? as u32,
            sections: sections.collect::<Result<_, StoreError>>()?,
        });
    }
    Ok(found)
}

/// The place after which a page begins.
fn after(text: &str) -> Result<(u64, Vec<u8>), Denied> {
    if text.is_empty() {
        return Ok((0, Vec::new()));
    }
    let parsed = text
        .split_once('-')
        .and_then(|(at, id)| Some((at.parse::<u64>().ok()?, hex::decode(id).ok()?)));
    parsed.ok_or_else(|| {
        Denied::new(
            "BAD_PAGE",
            "“下一页”的值不对，请照上一页打印的填写。",
            "That is no page: give the value that the page before printed.",
        )
    })
}
