//! The template as a workbook: headings with lists to choose from, and how to fill it in.

use super::*;
use crate::sheet::values::{
    AGE_BANDS_ZH, DOCUMENT_KINDS_ZH, HOUSING_KINDS_ZH, SCHEMES_ZH, YES_NO_ZH,
};

/// Rows below the headings that offer a list.
const LIST_ROWS: u32 = 10_000;

/// One row of headings in the first worksheet; the second has no headings of a register, so the
/// import leaves it.
pub(super) fn workbook(headings: &[String]) -> Result<Vec<u8>, XlsxError> {
    let plain = Format::new().set_num_format("@");
    let bold = plain.clone().set_bold();
    let mut book = Workbook::new();
    let day = ExcelDateTime::from_ymd(2026, 1, 1)?;
    let properties = DocProperties::new().set_author("Jieli").set_creation_datetime(&day);
    book.set_properties(&properties);
    let sheet = book.add_worksheet().set_name("登记表")?;
    for (position, (heading, column)) in headings.iter().zip(Column::TEMPLATE).enumerate() {
        let position = position as u16;
        // Text, or the program rounds a number of eighteen digits.
        sheet.set_column_format(position, &plain)?;
        sheet.write_string_with_format(0, position, heading, &bold)?;
        let choices: Vec<&str> = choices(column).split('、').filter(|c| !c.is_empty()).collect();
        if !choices.is_empty() {
            let list = DataValidation::new().allow_list_strings(&choices)?;
            sheet.add_data_validation(1, position, LIST_ROWS, position, &list)?;
        }
    }
    finish(sheet, 0, LIST_ROWS, headings.len() as u16)?;
    let notes = book.add_worksheet().set_name("填写说明")?;
    let titles = ["栏目 Column", "怎样填写", "How to fill it in", "可填内容 Accepted values"];
    for (position, title) in titles.iter().enumerate() {
        notes.write_string_with_format(0, position as u16, *title, &bold)?;
        notes.set_column_width(position as u16, [24, 60, 60, 60][position])?;
    }
    for (row, column) in (1..).zip(Column::TEMPLATE) {
        let (zh, en) = how(column);
        let name = format!("{} {}", column.zh(), column.en());
        for (position, text) in [name.as_str(), zh, en, choices(column)].iter().enumerate() {
            notes.write_string_with_format(row, position as u16, *text, &plain)?;
        }
    }
    book.save_to_buffer()
}

fn choices(column: Column) -> &'static str {
    match column {
        Column::DocumentKind | Column::ChildDocumentKind => DOCUMENT_KINDS_ZH,
        Column::Skill => "0、1、2、3、4、5",
        Column::Insurance => SCHEMES_ZH,
        Column::HousingWanted => YES_NO_ZH,
        Column::HousingKind => HOUSING_KINDS_ZH,
        Column::AgeBand | Column::ChildAgeBand => AGE_BANDS_ZH,
        Column::Serial
        | Column::Name
        | Column::Number
        | Column::Phone
        | Column::City
        | Column::Vacancy
        | Column::Occupation
        | Column::Start
        | Column::ChildName
        | Column::ChildNumber
        | Column::Grade
        | Column::HouseholdSize
        | Column::GuardianName
        | Column::GuardianPhone
        | Column::CaseNumber
        | Column::Outcome
        | Column::Remedy => "",
    }
}

fn how(column: Column) -> (&'static str, &'static str) {
    match column {
        Column::Serial => ("自编序号，不读取", "your own numbering; read over"),
        Column::Name => ("必填，与证件一致", "required, as on the document"),
        Column::DocumentKind => ("不填即为居民身份证", "blank means a resident identity card"),
        Column::Number => (
            "必填，本列须为文本格式，否则号码会被取整",
            "required; keep the column as text, or the number is rounded",
        ),
        Column::Phone => {
            ("11位手机号码；没有的请本人到窗口确认", "11 digits; who has none confirms at a window")
        }
        Column::City => ("必填，要去的城市", "required: the city to go to"),
        Column::Vacancy => (
            "转入地公布的岗位编号；申请就业时必填",
            "the reference the receiving city announced; required for a job",
        ),
        Column::Occupation => ("申请就业时必填", "required for a job"),
        Column::Skill => {
            ("0为无等级，5为初级工，1为高级技师", "0 none, 5 the lowest, 1 the highest")
        }
        Column::Start => ("例 2026-12-09", "like 2026-12-09"),
        Column::ChildName => ("有随行子女申请入学时填写", "if a child is to go to school there"),
        Column::ChildDocumentKind => ("不填即为居民身份证", "blank means a resident identity card"),
        Column::ChildNumber => ("子女本人的证件号码", "the number of the child's own document"),
        Column::Grade => ("1至12，或初一、高二等", "1 to 12"),
        Column::Insurance => (
            "仅作告知：医保由转入地窗口申请转入",
            "for information: the receiving city asks for the transfer",
        ),
        Column::HousingWanted => ("不填即以住房类型为准", "blank: asked for if a kind is given"),
        Column::HousingKind => ("需要住房时必填", "required if a home is wanted"),
        Column::HouseholdSize => ("1至20", "1 to 20"),
        Column::AgeBand => (
            "护照、外国人永久居留身份证、其他证件必填",
            "required for passports, foreign residents' cards and other documents",
        ),
        Column::ChildAgeBand => (
            "子女持护照等证件时必填",
            "required where the child has a passport or another such document",
        ),
        Column::GuardianName => (
            "务工人员16至17周岁申请就业时必填；成年人不填",
            "required for a job of a worker of 16 or 17; blank for adults",
        ),
        Column::GuardianPhone => (
            "监护人自己的手机，本人答应之前先告知监护人",
            "the guardian's own phone: the guardian is told before the worker's yes counts",
        ),
        Column::CaseNumber | Column::Outcome | Column::Remedy => {
            ("系统填写，不读取", "written by the system; read over")
        }
    }
}
