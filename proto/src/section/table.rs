//! The table of sections: number, name, phase, services, fields. Part of the protocol.

use super::Value;
use crate::day::Day;
use crate::wire::Service;

/// When a section may travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// With OFFER: no identity in it.
    A,
    /// With RELEASE, or with a pull REQUEST.
    B,
    /// With OUTCOME.
    C,
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text of 1-200 characters without control characters.
    Text,
    /// A number.
    Number,
    /// A code from 1 to the number given.
    Code(u64),
    /// A civil date as `yyyymmdd`.
    Date,
    /// Yes or no.
    Flag,
}

impl FieldType {
    /// Whether a value fits.
    pub fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (FieldType::Text, Value::Text(text)) => {
                (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control)
            }
            (FieldType::Number, Value::Number(_)) | (FieldType::Flag, Value::Flag(_)) => true,
            (FieldType::Code(top), Value::Number(code)) => (1..=top).contains(code),
            (FieldType::Date, Value::Number(date)) => {
                u32::try_from(*date).ok().and_then(Day::from_number).is_some()
            }
            (
                FieldType::Text
                | FieldType::Number
                | FieldType::Code(_)
                | FieldType::Date
                | FieldType::Flag,
                Value::Text(_) | Value::Number(_) | Value::Flag(_),
            ) => false,
        }
    }
}

/// A field of a section. Its number is its position, from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Position, from 1.
    pub number: u32,
    /// Name in the specification.
    pub name: &'static str,
    /// Name on screen, Chinese.
    pub zh: &'static str,
    /// Name on screen, English.
    pub en: &'static str,
    /// What it takes.
    pub ty: FieldType,
    /// Whether a filled section must have it.
    pub required: bool,
}

/// A section kind.
#[derive(Debug)]
pub struct SectionKind {
    /// The u8 in digests and headers.
    pub number: u8,
    /// Name in the specification.
    pub name: &'static str,
    /// When it may travel.
    pub phase: Phase,
    /// The services it belongs to.
    pub services: &'static [Service],
    /// Its fields by position.
    pub fields: &'static [Field],
}

impl SectionKind {
    /// The kind of a number, or `None`.
    pub fn of(number: u32) -> Option<&'static SectionKind> {
        TABLE.iter().find(|kind| u32::from(kind.number) == number)
    }

    /// The field of a number, or `None`.
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }

    /// Whether it belongs to a service.
    pub fn serves(&self, service: Service) -> bool {
        self.services.contains(&service)
    }

    /// Whether these values fill it: every required field, nothing unknown, all of the right type.
    pub fn filled_by(&self, values: &[(u32, Value)]) -> Result<(), &'static Field> {
        for field in self.fields {
            let found = values.iter().find(|(number, _)| *number == field.number);
            match found {
                None if field.required => return Err(field),
                Some((_, value)) if !field.ty.takes(value) => return Err(field),
                None | Some(_) => {}
            }
        }
        Ok(())
    }
}

/// The section with a child's support need, which is opened under a consent of its own.
pub const SUPPORT_NEED: u8 = 19;

/// The section that names the person.
pub const PERSON: u8 = 16;
/// The full name in the person block.
pub const PERSON_NAME: u32 = 1;
/// The document number in the person block.
pub const PERSON_NUMBER: u32 = 3;
/// The age band in the person block, as an office verified it: 1 under 14, 2 14-15, 3 16-17, 4 from 18.
pub const PERSON_AGE_BAND: u32 = 6;
/// The lowest age band that may have a job (V14).
pub const MAY_WORK: u64 = 3;
/// The phone in the person block.
pub const PERSON_PHONE: u32 = 4;

macro_rules! fields {
    ($($number:literal $name:ident $need:ident $ty:expr, $zh:literal, $en:literal;)*) => {
        &[$(Field {
            number: $number, name: stringify!($name), zh: $zh, en: $en, ty: $ty,
            required: fields!(@ $need),
        }),*]
    };
    (@ must) => { true };
    (@ may) => { false };
}

use FieldType::{Code, Date, Flag, Number, Text};
use Service::{Employment, FundTransfer, Housing, Insurance, SchoolRecord, Schooling};

/// All sections, ascending by number: phase A from 1, phase B from 16, phase C from 32.
pub const TABLE: &[SectionKind] = &[
    SectionKind {
        number: 1,
        name: "job_offer",
        phase: Phase::A,
        services: &[Employment],
        fields: fields! {
            1 vacancy_reference must Text, "岗位编号", "vacancy reference";
            2 occupation must Text, "工种", "occupation";
            3 earliest_start must Date, "最早到岗日期", "earliest start";
            4 skill_level must Number, "技能等级", "skill level 0-5";
        },
    },
    SectionKind {
        number: 2,
        name: "school_offer",
        phase: Phase::A,
        services: &[Schooling],
        fields: fields! {
            1 stage must Code(5), "学段", "stage";
            2 grade must Number, "年级", "grade";
            3 entry must Code(2), "入学方式", "entry: new or transfer";
            4 wanted_from may Date, "希望入学日期", "wanted from";
            5 district may Text, "片区", "district";
            6 siblings_together may Flag, "兄弟姐妹同校", "siblings together";
        },
    },
    SectionKind {
        number: 3,
        name: "home_offer",
        phase: Phase::A,
        services: &[Housing],
        fields: fields! {
            1 home_kind must Code(4), "住房类型", "kind of home";
            2 household_size must Number, "同住人数", "household size";
            3 wanted_from may Date, "希望入住日期", "wanted from";
            4 district may Text, "片区", "district";
            5 rent_fen_month_max may Number, "最高月租（分）", "highest rent, fen a month";
            6 step_free may Flag, "需无障碍", "step-free";
        },
    },
    SectionKind {
        number: PERSON,
        name: "person",
        phase: Phase::B,
        services: &[Employment, Schooling, SchoolRecord, Insurance, Housing, FundTransfer],
        fields: fields! {
            1 full_name must Text, "姓名", "full name";
            2 document_kind must Code(5), "证件类型", "document kind";
            3 document_number must Text, "证件号码", "document number";
            4 phone may Text, "手机号码", "phone";
            5 relation must Code(5), "与务工人员关系", "relation to the worker";
            6 age_band must Code(4), "年龄段", "age band";
            7 guardian_name may Text, "监护人姓名", "guardian's name";
            8 guardian_phone may Text, "监护人电话", "guardian's phone";
            9 contact_language may Text, "联系语言", "contact language";
        },
    },
    SectionKind {
        number: 17,
        name: "certificate",
        phase: Phase::B,
        services: &[Employment],
        fields: fields! { 1 certificate_number must Text, "证书编号", "certificate number"; },
    },
    SectionKind {
        number: 18,
        name: "present_school",
        phase: Phase::B,
        services: &[Schooling, SchoolRecord],
        fields: fields! { 1 school_code must Text, "现就读学校代码", "present school code"; },
    },
    SectionKind {
        number: SUPPORT_NEED,
        name: "support_need",
        phase: Phase::B,
        services: &[Schooling],
        fields: fields! { 1 support_need must Flag, "需要学习支持", "support need"; },
    },
    SectionKind {
        number: 20,
        name: "insurance_request",
        phase: Phase::B,
        services: &[Insurance],
        fields: fields! {
            1 action must Code(3), "办理事项", "transfer, remote-care filing or new cover";
            2 from_division must Text, "转出地区划", "from division";
            3 to_division must Text, "转入地区划", "to division";
            4 scheme must Number, "险种", "scheme";
            5 wanted_from must Date, "希望生效日期", "wanted from";
            6 last_paid_month may Number, "最后缴费月", "last paid month yyyymm";
        },
    },
    SectionKind {
        number: 21,
        name: "fund_request",
        phase: Phase::B,
        services: &[FundTransfer],
        fields: fields! {
            1 from_division must Text, "转出地区划", "from division";
            2 to_division must Text, "转入地区划", "to division";
        },
    },
    SectionKind {
        number: 32,
        name: "job_outcome",
        phase: Phase::C,
        services: &[Employment],
        fields: fields! {
            1 employer_code must Text, "用人单位信用代码", "employer credit code";
            2 contract_kind must Code(2), "合同类型", "contract: direct or agency";
            3 signed_on must Date, "签订日期", "signed on";
            4 starts_on must Date, "开始日期", "start";
            5 ends_on may Date, "结束日期", "end";
            6 terms_digest must Text, "用工条件摘要", "terms digest";
        },
    },
    SectionKind {
        number: 33,
        name: "school_outcome",
        phase: Phase::C,
        services: &[Schooling],
        fields: fields! {
            1 school_code must Text, "学校代码", "school code";
            2 enrolled_on must Date, "入学日期", "enrolment date";
        },
    },
    SectionKind {
        number: 34,
        name: "record_outcome",
        phase: Phase::C,
        services: &[SchoolRecord],
        fields: fields! { 1 record_transfer must Code(3), "学籍转接", "record transfer state"; },
    },
    SectionKind {
        number: 35,
        name: "insurance_outcome",
        phase: Phase::C,
        services: &[Insurance],
        fields: fields! {
            1 division must Text, "经办区划", "division";
            2 scheme must Number, "险种", "scheme";
            3 sheet_pointer must Text, "转移单编号", "pointer to the transfer sheet";
        },
    },
    SectionKind {
        number: 36,
        name: "home_outcome",
        phase: Phase::C,
        services: &[Housing],
        fields: fields! {
            1 home_kind must Code(4), "住房类型", "kind of home";
            2 starts_on must Date, "开始日期", "start";
            3 months must Number, "月数", "months";
            4 queue_band may Number, "轮候段", "queue band";
        },
    },
    SectionKind {
        number: 37,
        name: "fund_outcome",
        phase: Phase::C,
        services: &[FundTransfer],
        fields: fields! { 1 sheet_pointer must Text, "转移单编号", "pointer to the transfer sheet"; },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_numbers_and_numbers_ascend() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].number < pair[1].number);
        }
        for kind in TABLE {
            for (i, field) in kind.fields.iter().enumerate() {
                assert_eq!(field.number as usize, i + 1, "{}", kind.name);
            }
        }
    }
}
