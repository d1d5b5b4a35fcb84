//! What both people are shown, in words: made anew whenever it counts.

use super::{Wanted, Wanted::*};
use crate::batch::Batch;
use crate::command::Actor;
use crate::questions::purpose::Purpose;
use crate::questions::{Look, View};
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome};
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::manifest::Manifest;
use jieli_proto::section::SectionKind;
use jieli_proto::wire::{self, Envelope};
use jieli_proto::words;

impl Batch<'_> {
    pub(super) async fn in_words(&mut self, actor: &Actor, wanted: &Wanted) -> Outcome<String> {
        let head = |what: &str| {
            format!(
                "{what}\n城市 City: {}\n机构 Office: {}\n令牌 Token: {}\n",
                self.directory.city, actor.office, actor.token
            )
        };
        Ok(match wanted {
            Export(look) => {
                let head = head("导出带个人信息的证据包 Evidence with personal data");
                format!("{head}{}", self.export_in_words(look).await?)
            }
            Keys(sealed) => {
                let head = head("采用本市新的密钥清单 The next key manifest of this city");
                let next = self.next_manifest(sealed)?.ok_or_else(in_force)?;
                format!("{head}{}", self.keys_in_words(&next)?)
            }
            Repair => {
                let head = head("从伙伴城市还原存证日志 Rebuild the log from the partner cities");
                format!("{head}{}", self.log_in_words()?)
            }
            NewEpoch(sealed) => {
                let head = head("开始新的日志期 Begin a new epoch of the log");
                format!("{head}{}{}", self.log_in_words()?, self.epoch_in_words(sealed)?)
            }
        })
    }

    /// Which case, which sections of which items, for what.
    async fn export_in_words(&mut self, look: &Look) -> Outcome<String> {
        // Own words could hold a name, which the second pair of eyes is not to read.
        let purpose = Purpose::of(&look.purpose).ok_or_else(listed_only)?;
        let mut text = format!(
            "办件 Case: {}\n用途 Purpose: {} {}\n",
            look.case_number, purpose.zh, purpose.en
        );
        for leg in &look.legs {
            let Some(file) = self.take_leg(*leg).await? else { continue };
            let service = words::service(file.service);
            let sections = self.sections_of(View::Export, *leg).await?;
            let names = sections.iter().filter_map(|number| SectionKind::of(u32::from(*number)));
            let names: Vec<&str> = names.map(|kind| kind.name).collect();
            text.push_str(&format!(
                "事项 Item {}: {} {}: {}\n",
                file.number,
                service.zh,
                service.en,
                names.join(" ")
            ));
        }
        Ok(text)
    }

    /// What a manifest changes against the one in force, and its digest.
    fn keys_in_words(&self, next: &Manifest) -> Outcome<String> {
        let newest = self.directory.manifest().ok_or(StoreError::Corrupt("manifest"))?;
        let mut text = format!("清单 Manifest: 第 {} 版 {}\n", next.version, next.env_digest.hex());
        for key in next.keys.iter().filter(|key| newest.keys.iter().all(|k| k.fpr != key.fpr)) {
            let roles: Vec<&str> = key.roles.iter().map(|role| role.as_str_name()).collect();
            text.push_str(&format!("新增 Adds: {} {}\n", roles.join(" "), key.fpr.hex()));
        }
        for gone in next.revocations.iter().filter(|gone| !newest.revocations.contains(gone)) {
            let places: Vec<String> =
                gone.last_good.iter().map(|g| format!(" {}={}", g.origin, g.index)).collect();
            text.push_str(&format!(
                "停用 Revokes: {} {}{}\n",
                gone.reason().as_str_name(),
                hex::encode(&gone.fingerprint),
                places.concat()
            ));
        }
        Ok(text)
    }

    /// How the log was found, and what is known to have been signed.
    fn log_in_words(&self) -> Outcome<String> {
        let state = self.directory.recovering.as_ref().ok_or_else(whole)?;
        let (found, (known, root)) = (state.found_size, state.known);
        Ok(format!(
            "日志 Log: {}\n原因 Cause: {}\n数据库 Database: {found}\n已签署 Signed: {known} {}\n",
            self.directory.city.exchange_origin(self.head.id.epoch),
            state.cause.word(),
            Digest(root).hex()
        ))
    }

    fn epoch_in_words(&self, sealed: &Envelope) -> Outcome<String> {
        let opened = envelope::open::<wire::Successor>(sealed, &self.house.root);
        let said = opened.map_err(|_| {
            Denied::new(
                "BAD_SUCCESSOR",
                "这份声明不是本市根密钥签署的。",
                "The statement is not signed by this city's root.",
            )
        })?;
        Ok(format!(
            "旧日志期止于 The old epoch ends: {} {} {}\n新日志期 The new one: {}\n声明 Statement: {}\n",
            said.old_origin,
            said.old_size,
            hex::encode(&said.old_root),
            said.new_origin,
            envelope::env_digest(sealed).hex()
        ))
    }
}

fn whole() -> Denied {
    Denied::new(
        "NOT_NEEDED",
        "日志完整，无需还原。",
        "The log is whole: there is nothing to repair.",
    )
}

fn in_force() -> Denied {
    Denied::new("NOT_NEEDED", "这份清单已在采用。", "This manifest is in force already.")
}

fn listed_only() -> Denied {
    Denied::new(
        "LISTED_PURPOSE",
        "带个人信息的导出，用途须是：办理业务、核对信息、更正信息、联系本人、导出证据、答复投诉、审计。",
        "An export with personal data states one of these purposes: to handle the case, to check \
         the data, to correct the data, to contact the person, to export evidence, to answer a \
         complaint, audit.",
    )
}
