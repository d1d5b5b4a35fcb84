//! Items received here and decided there: the catalogue names the kind of office that decides an
//! item, and an agreement opens what is told to that kind of office, or the item cannot be asked for.

use crate::batch::Batch;
use crate::legs::LegFile;
use crate::trouble::{Denied, Outcome};
use jieli_proto::agreement::Agreement;
use jieli_proto::case::Side;
use jieli_proto::kinds::PartySide;
use jieli_proto::pack::Item;
use jieli_proto::wire::Service;
use jieli_proto::words;

impl Batch<'_> {
    /// What the catalogue says of an item; `None` where the leg names none.
    fn item(&self, service: Service, code: u32) -> Outcome<Option<&Item>> {
        if code == 0 {
            return Ok(None);
        }
        let item = self.directory.shelf.items(self.today).and_then(|items| items.get(code));
        let item = item.filter(|item| item.service == service).ok_or_else(|| no_item(code))?;
        Ok(Some(item))
    }

    /// At drafting: whether the other city has an office that decides the item and may read what is
    /// told. Without an agreement nothing is known yet: it is asked again before the person is.
    pub(crate) fn item_can_be_decided(
        &self,
        city: &str,
        service: Service,
        code: u32,
    ) -> Outcome<()> {
        let Some(item) = self.item(service, code)? else { return Ok(()) };
        let directory = &self.directory;
        if directory.city_named(city) == Some(&directory.city) {
            let bond = directory.within_city(Side::Initiator);
            let Some(law) = bond.in_force() else { return Ok(()) };
            return decided_by(law, PartySide::B, (code, item), None, city);
        }
        let peer = directory.peer_named(city);
        let bond = peer.and_then(|peer| directory.bond_with(&peer.city, service));
        let Some(bond) = bond else { return Ok(()) };
        let Some(law) = bond.in_force() else { return Ok(()) };
        decided_by(law, bond.our_side.other(), (code, item), None, city)
    }

    /// The item that a draft names, if it names one.
    pub(super) async fn item_of(&mut self, file: &LegFile) -> Outcome<Option<(u32, Item)>> {
        let code = self.draft(file).await?.map_or(0, |draft| draft.item_code);
        Ok(self.item(file.service, code)?.map(|item| (code, item.clone())))
    }
}

/// Whether an office of a side, or that one, decides an item and may read what is told about it.
pub(super) fn decided_by(
    law: &Agreement,
    side: PartySide,
    (code, item): (u32, &Item),
    only: Option<&str>,
    city: &str,
) -> Outcome<()> {
    let mut offices = law.party(side).offices.iter().filter(|office| {
        office.kind() == item.decides && only.is_none_or(|only| office.credit_code == only)
    });
    let reads = offices.any(|office| law.reads_request(side, &office.credit_code, item.service));
    if reads {
        return Ok(());
    }
    let kind = words::office(item.decides);
    Err(Denied::new(
        "ITEM_NOT_DECIDED_THERE",
        format!(
            "事项 {code}“{}”由{}部门决定，现行规则没有向“{city}”的该类机构开放所需信息，不能办理。\
             请走国家统一渠道，或请双方审批人修订协议（also_decided_by）。",
            item.zh, kind.zh
        ),
        format!(
            "Item {code}, {}, is decided by the {} office, to which nothing of it is opened in \
             “{city}”: use the national channel, or have the approvers amend the agreement \
             (also_decided_by).",
            item.en, kind.en
        ),
    )
    .into())
}

fn no_item(code: u32) -> Denied {
    Denied::new(
        "NO_SUCH_ITEM",
        format!("事项目录中没有这项社会保险事项：{code}。请查 jieli pack show items-cn。"),
        format!("No catalogue in force has {code} for this service: see jieli pack show items-cn."),
    )
}
