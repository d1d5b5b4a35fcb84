//! What a desk may read of the person of its own leg.

use super::Answer;
use super::legs::Scene;
use crate::cover::{INSURANCE, LAST_PAID, gap_days};
use crate::follow::filled;
use crate::legs::{Entry, LegFile, msg_id};
use crate::questions::{CORRECTION_ASKED, open_request};
use crate::store::StoreError;
use crate::vault::{self, DRAFT, Place};
use jieli_proto::case::Side;
use jieli_proto::id::Digest;
use jieli_proto::section::{self, Phase, SectionKind, Value};
use jieli_proto::wire;
use jieli_proto::wire::message::Body;
use jieli_proto::words;
use prost::Message as _;
use std::collections::BTreeMap;

/// Values by section and field.
type Values = BTreeMap<(u8, u32), Value>;

impl Scene<'_> {
    /// Everything this office may read in a leg, section by section.
    pub(super) async fn fields(&mut self, file: &LegFile) -> Answer<Vec<wire::FieldView>> {
        let mut values = self.entered(file).await?;
        for entry in &file.entries {
            let place = file.law.place(entry.side, entry.seq);
            if place.is_some_and(|place| place.legal().is_some()) {
                self.disclosed(file, entry, &mut values).await?;
            }
        }
        let gap = self.days_without_cover(file, &values);
        let asked = self.asked(file).await?;
        let known = values.into_iter();
        let known = known.filter_map(|((section, field), value)| view(section, field, &value));
        Ok(known.chain(gap).chain(asked).collect())
    }

    /// Counted from the month that was paid last; it stands in no section.
    fn days_without_cover(&self, file: &LegFile, values: &Values) -> Option<wire::FieldView> {
        let Some(Value::Number(month)) = values.get(&(INSURANCE, LAST_PAID)) else { return None };
        let now_ms = self.house.world.clock.now_unix_ms();
        let days = gap_days(*month as u32, self.house.calendar().day_of_unix_ms(now_ms));
        let shown = days > 0 && !file.law.is_closed() && !file.law.state().fact;
        shown.then(|| wire::FieldView {
            section: u32::from(INSURANCE),
            field: 0,
            name_zh: "断保天数（按最后缴费月）".to_owned(),
            name_en: "days without cover, by the last month paid".to_owned(),
            value: days.to_string(),
        })
    }

    /// What the person asked to have instead.
    async fn asked(&mut self, file: &LegFile) -> Result<Option<wire::FieldView>, StoreError> {
        if file.our_side != Side::Initiator || open_request(self.conn, file).await?.is_none() {
            return Ok(None);
        }
        let place = Place::of_leg(file.id, CORRECTION_ASKED);
        let bytes = vault::reveal(self.conn, self.house, file, &place).await?;
        let Some(bytes) = bytes else { return Ok(None) };
        let asked = wire::DraftField::decode(bytes.as_slice())
            .map_err(|_| StoreError::Corrupt("correction_request"))?;
        let Some(wire::draft_field::Value::Text(text)) = asked.value else { return Ok(None) };
        let shown = view(section::PERSON, asked.field, &Value::Text(text));
        Ok(shown.map(|shown| wire::FieldView {
            name_zh: format!("本人要求更正为：{}", shown.name_zh),
            name_en: format!("the person asks for: {}", shown.name_en),
            ..shown
        }))
    }

    /// What was entered here, for a leg that we started.
    async fn entered(&mut self, file: &LegFile) -> Result<Values, StoreError> {
        let mut values = Values::new();
        let place = Place::of_leg(file.id, DRAFT);
        let bytes = vault::reveal(self.conn, self.house, file, &place).await?;
        let Some(bytes) = bytes else { return Ok(values) };
        let draft =
            wire::DraftLeg::decode(bytes.as_slice()).map_err(|_| StoreError::Corrupt("draft"))?;
        for phase in [Phase::A, Phase::B] {
            for (kind, filled) in filled(&draft, phase) {
                for (field, value) in filled {
                    values.insert((kind.number, field), value);
                }
            }
        }
        Ok(values)
    }

    /// What a message opened. Who sent the person is not told the school or the employer (V20).
    async fn disclosed(
        &mut self,
        file: &LegFile,
        entry: &Entry,
        values: &mut Values,
    ) -> Result<(), StoreError> {
        let Some(message) = &entry.message else { return Ok(()) };
        let Some(msg) = msg_id(message) else { return Ok(()) };
        for slot in &message.section_digests {
            let Some(kind) = SectionKind::of(slot.section) else { continue };
            let Some(digest) = Digest::from_slice(&slot.digest) else { continue };
            if kind.phase == Phase::C && file.is_sender() {
                continue;
            }
            let found =
                vault::stored_section(self.conn, self.house, file, msg, kind.number).await?;
            let Some(stored) = found else { continue };
            let opened = section::open(&msg, &stored, &digest)
                .map_err(|_| StoreError::Corrupt("section_data"))?;
            match &message.body {
                // A correction names its fields; a named one without a value is cleared.
                Some(Body::Correct(body)) if body.section == slot.section => {
                    values.retain(|(section, field), _| {
                        *section != kind.number || !body.fields.contains(field)
                    });
                }
                Some(_) | None => values.retain(|(section, _), _| *section != kind.number),
            }
            for (field, value) in opened {
                values.insert((kind.number, field), value);
            }
        }
        Ok(())
    }
}

fn view(section: u8, field: u32, value: &Value) -> Option<wire::FieldView> {
    let kind = SectionKind::of(u32::from(section))?;
    let named = kind.field(field)?;
    Some(wire::FieldView {
        section: u32::from(section),
        field,
        name_zh: named.zh.to_owned(),
        name_en: named.en.to_owned(),
        value: words::value(section, named, value),
    })
}
