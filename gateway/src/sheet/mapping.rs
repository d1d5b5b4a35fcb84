//! What an office calls its columns: headings of its own for columns we know. Headings only, never
//! a cell. No mapping makes a forbidden heading an accepted one.

use std::collections::BTreeMap;

use jieli_proto::deny;
use serde::{Deserialize, Serialize};

use super::finding::{Text, text};
use super::headings::{Column, normal};

/// Headings of an office by their normal form, each with the standard heading it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Mapping(BTreeMap<String, Column>);

/// Why a heading cannot stand for a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not `heading=column`.
    #[error("write it as heading=column")]
    Form,
    /// The heading is on the deny list; here is the topic, in Chinese and English.
    #[error("no column may be about {1}")]
    Forbidden(&'static str, &'static str),
    /// The heading means something else already.
    #[error("this heading means \"{}\" already", .0.en())]
    Known(Column),
    /// There is no such column.
    #[error("there is no such column")]
    NoSuchColumn,
    /// The column is read over, so nothing would become of what stands there.
    #[error("this column is read over: nothing can be mapped to it")]
    ReadOver,
    /// More headings than a sheet has columns.
    #[error("too many headings")]
    TooMany,
}

impl MappingError {
    /// What is wrong and what to do.
    pub fn say(&self) -> Text {
        match self {
            MappingError::Form => text(
                "请写成“表头=栏目”，例如 就业去向=意向城市",
                "write it as HEADING=COLUMN, for example 就业去向=意向城市",
            ),
            MappingError::Forbidden(zh, en) => text(
                format!("该表头涉及禁止采集的内容（{zh}），不能对应到任何栏目；请从表中删除这一列"),
                format!("this heading is about {en}, which no column may hold: delete the column"),
            ),
            MappingError::Known(column) => text(
                format!("该表头已固定表示“{}”，无需对应", column.zh()),
                format!("this heading means \"{}\" already and cannot be mapped", column.en()),
            ),
            MappingError::NoSuchColumn => text(
                "没有这个栏目，请用模板中的表头作为栏目名",
                "there is no such column: name it as the template does",
            ),
            MappingError::ReadOver => text(
                "该栏目不读取内容，不能把别的列对应到它；不需要的列请从表中删除",
                "this column is read over, so nothing can be mapped to it; delete a column that is \
                 not needed",
            ),
            MappingError::TooMany => text("对应关系过多", "there are too many mapped headings"),
        }
    }
}

/// More headings than this has no office.
const HEADINGS_MAX: usize = 200;
/// Longest heading that can be mapped, in characters.
const HEADING_CHARS_MAX: usize = 40;

impl Mapping {
    /// Adds `heading=column`, the column by one of the headings we know.
    pub fn add_written(&mut self, written: &str) -> Result<(), MappingError> {
        let (heading, column) = written.split_once('=').ok_or(MappingError::Form)?;
        self.add(heading, column)
    }

    /// Lets a heading stand for a column.
    pub fn add(&mut self, heading: &str, column: &str) -> Result<(), MappingError> {
        let wanted = normal(heading);
        if wanted.is_empty() || wanted.chars().count() > HEADING_CHARS_MAX {
            return Err(MappingError::Form);
        }
        for spelling in [heading, &wanted] {
            if let Some(denied) = deny::find(spelling) {
                return Err(MappingError::Forbidden(denied.topic_zh, denied.topic));
            }
        }
        let column = Column::of_heading(column).ok_or(MappingError::NoSuchColumn)?;
        if column.is_read_over() {
            return Err(MappingError::ReadOver);
        }
        match Column::of_heading(heading) {
            Some(known) if known == column => return Ok(()),
            Some(known) => return Err(MappingError::Known(known)),
            None => {}
        }
        if self.0.len() >= HEADINGS_MAX {
            return Err(MappingError::TooMany);
        }
        self.0.insert(wanted, column);
        Ok(())
    }

    /// The column a heading names: ours first, then what the office said; never a forbidden one.
    pub fn column(&self, heading: &str) -> Option<Column> {
        let wanted = normal(heading);
        if deny::is_forbidden(heading).is_some() || deny::is_forbidden(&wanted).is_some() {
            return None;
        }
        Column::of_heading(heading).or_else(|| self.0.get(&wanted).copied())
    }

    /// The headings with the columns they stand for, by heading.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Column)> {
        self.0.iter().map(|(heading, column)| (heading.as_str(), *column))
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<BTreeMap<String, String>> for Mapping {
    type Error = MappingError;

    /// What was written down is judged again: a file can be edited.
    fn try_from(written: BTreeMap<String, String>) -> Result<Mapping, MappingError> {
        let mut mapping = Mapping::default();
        for (heading, column) in &written {
            mapping.add(heading, column)?;
        }
        Ok(mapping)
    }
}

impl From<Mapping> for BTreeMap<String, String> {
    fn from(mapping: Mapping) -> BTreeMap<String, String> {
        mapping.0.into_iter().map(|(heading, column)| (heading, column.zh().to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_has_words_of_its_own() {
        let mut mapping = Mapping::default();
        mapping.add_written("拟前往 地=意向城市").unwrap();
        assert_eq!(mapping.column("拟前往地*"), Some(Column::City));
        assert_eq!(mapping.column("姓名"), Some(Column::Name));
        let text = toml::to_string(&mapping).unwrap();
        assert_eq!(toml::from_str::<Mapping>(&text).unwrap(), mapping);
    }

    #[test]
    fn v10_no_mapping_makes_a_forbidden_heading_an_accepted_one() {
        for heading in [
            "民族",
            "民　族",
            "民\u{200B}族",
            "民\u{AD}族",
            "政治面貌（必填）",
            "minzu",
            "ＭＩＮＺＵ",
            "min\u{200B}zu",
            "m\u{2060}inzu",
            "m i n z u",
            "Ethnic Group",
            "e t h n i c",
            "religion",
            "备注",
            "QQ",
            "出生日期",
        ] {
            let refused = Mapping::default().add(heading, "意向城市").unwrap_err();
            assert!(matches!(refused, MappingError::Forbidden(..)), "{heading}: {refused:?}");
            let by_hand = format!("\"{heading}\" = \"姓名\"");
            assert!(toml::from_str::<Mapping>(&by_hand).is_err(), "{heading}");
            assert_eq!(Mapping::default().column(heading), None, "{heading}");
        }
    }

    #[test]
    fn nothing_is_hidden_behind_a_mapping() {
        let refused = |written: &str| Mapping::default().add_written(written).unwrap_err();
        assert_eq!(refused("学历=序号"), MappingError::ReadOver);
        assert_eq!(refused("学历=怎么办"), MappingError::ReadOver);
        assert_eq!(refused("姓名=意向城市"), MappingError::Known(Column::Name));
        assert_eq!(refused("学历=文化程度"), MappingError::NoSuchColumn);
        assert_eq!(refused("学历"), MappingError::Form);
    }
}
