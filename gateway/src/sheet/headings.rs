//! The columns a sheet may have, and the headings they go by. Data, not code: a heading that an
//! office really uses is added here. A heading that is not here is unknown, and an unknown column
//! refuses the sheet.

use std::fmt;

use jieli_proto::number::fold_char;

/// A column of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// The clerk's own running number: read over.
    Serial,
    /// The worker's name.
    Name,
    /// Kind of the worker's document; blank means a resident identity card.
    DocumentKind,
    /// Number of the worker's document.
    Number,
    /// The worker's mobile number (optional).
    Phone,
    /// The city the worker wants to go to.
    City,
    /// The vacancy reference issued by that city.
    Vacancy,
    /// The occupation.
    Occupation,
    /// Skill level, 0 to 5.
    Skill,
    /// The earliest day of work.
    Start,
    /// Name of a child who comes along.
    ChildName,
    /// Kind of the child's document; blank means a resident identity card.
    ChildDocumentKind,
    /// Number of the child's document.
    ChildNumber,
    /// The school grade asked for.
    Grade,
    /// Medical insurance scheme to be taken over.
    Insurance,
    /// Whether a home is asked for.
    HousingWanted,
    /// Kind of home.
    HousingKind,
    /// Persons who will live in it.
    HouseholdSize,
    /// The worker's age band: needed for documents whose number does not tell it.
    AgeBand,
    /// The child's age band: needed as above.
    ChildAgeBand,
    /// Name of the guardian of a worker of 16 or 17.
    GuardianName,
    /// The guardian's own mobile number.
    GuardianPhone,
    /// The case number of a sheet we handed back: read over.
    CaseNumber,
    /// What came of a row of a sheet we handed back: read over.
    Outcome,
    /// What to do about a row of a sheet we handed back: read over.
    Remedy,
}

/// A column with its headings: the Chinese one of the template, the English one, then synonyms.
/// In the normal form of [`normal`] apart from case.
pub const HEADINGS: &[(Column, &[&str])] = &[
    (Column::Serial, &["序号", "No.", "编号", "行号", "no", "serial number", "serial", "#"]),
    (
        Column::Name,
        &[
            "姓名",
            "Name",
            "务工人员姓名",
            "劳动者姓名",
            "工人姓名",
            "人员姓名",
            "本人姓名",
            "求职者姓名",
            "full name",
            "worker name",
        ],
    ),
    (Column::DocumentKind, &["证件类型", "Document kind", "证件种类", "document type", "id type"]),
    (
        Column::Number,
        &[
            "身份证号",
            "Document number",
            "身份证号码",
            "公民身份号码",
            "居民身份证号码",
            "身份证",
            "证件号",
            "证件号码",
            "本人身份证号",
            "公民身份证号码",
            "身份证件号码",
            "id number",
            "id card number",
            "citizen number",
            "identity number",
        ],
    ),
    (
        Column::Phone,
        &[
            "手机号码",
            "Phone",
            "手机号",
            "手机",
            "联系电话",
            "电话",
            "联系方式",
            "本人手机",
            "联系手机",
            "移动电话",
            "mobile",
            "mobile number",
            "phone number",
        ],
    ),
    (
        Column::City,
        &[
            "意向城市",
            "City",
            "目的城市",
            "目标城市",
            "转入城市",
            "输入地",
            "就业城市",
            "务工城市",
            "意向地",
            "拟去城市",
            "destination",
            "destination city",
        ],
    ),
    (
        Column::Vacancy,
        &[
            "岗位编号",
            "Vacancy",
            "岗位代码",
            "岗位编码",
            "招聘编号",
            "vacancy reference",
            "vacancy number",
            "post number",
        ],
    ),
    (
        Column::Occupation,
        &["意向工种", "Occupation", "工种", "岗位工种", "意向岗位", "岗位名称", "职业", "trade"],
    ),
    (Column::Skill, &["技能等级", "Skill level", "职业技能等级", "技能级别", "skill"]),
    (
        Column::Start,
        &[
            "最早到岗日期",
            "Earliest start",
            "到岗日期",
            "可到岗日期",
            "到岗时间",
            "可上岗日期",
            "预计到岗日期",
            "最早到岗时间",
            "start date",
            "earliest start date",
        ],
    ),
    (
        Column::ChildName,
        &["随行子女姓名", "Child name", "子女姓名", "随迁子女姓名", "孩子姓名", "child's name"],
    ),
    (
        Column::ChildDocumentKind,
        &["子女证件类型", "Child document kind", "子女证件种类", "child document type"],
    ),
    (
        Column::ChildNumber,
        &[
            "子女身份证号",
            "Child document number",
            "子女身份证号码",
            "子女证件号码",
            "子女证件号",
            "随行子女身份证号",
            "随行子女身份证号码",
            "随迁子女身份证号",
            "随迁子女身份证号码",
            "孩子身份证号",
            "child id number",
        ],
    ),
    (
        Column::Grade,
        &[
            "子女申请年级",
            "Grade",
            "申请年级",
            "就读年级",
            "子女年级",
            "随行子女年级",
            "随行子女申请年级",
            "随迁子女年级",
            "school grade",
        ],
    ),
    (
        Column::Insurance,
        &[
            "医保参保类型",
            "Medical insurance",
            "参保类型",
            "医保类型",
            "医疗保险类型",
            "医保险种",
            "insurance scheme",
        ],
    ),
    (
        Column::HousingWanted,
        &["是否需要住房", "Housing wanted", "需要住房", "住房需求", "housing needed"],
    ),
    (Column::HousingKind, &["住房类型", "Housing kind", "申请住房类型", "housing type"]),
    (
        Column::HouseholdSize,
        &[
            "同住人数",
            "Household size",
            "居住人数",
            "共同居住人数",
            "居住人口数",
            "同住人口",
            "people in household",
        ],
    ),
    (Column::AgeBand, &["年龄段", "Age band", "本人年龄段", "所属年龄段", "worker age band"]),
    (Column::ChildAgeBand, &["子女年龄段", "Child age band", "随行子女年龄段", "随迁子女年龄段"]),
    (
        Column::GuardianName,
        &["监护人姓名", "Guardian name", "监护人", "本人监护人姓名", "guardian's name", "guardian"],
    ),
    (
        Column::GuardianPhone,
        &[
            "监护人电话",
            "Guardian phone",
            "监护人手机",
            "监护人手机号",
            "监护人手机号码",
            "监护人联系电话",
            "guardian's phone",
            "guardian mobile",
        ],
    ),
    (Column::CaseNumber, &["办件编号", "Case number"]),
    (Column::Outcome, &["导入结果", "Import result"]),
    (Column::Remedy, &["怎么办", "What to do"]),
];

/// What may stand in brackets behind a heading without changing its meaning.
const HINTS: &[&str] = &[
    "必填",
    "选填",
    "可选",
    "可不填",
    "如有",
    "11位",
    "18位",
    "是/否",
    "0-5",
    "1-9",
    "1-12",
    "人",
    "required",
    "optional",
    "yes/no",
    "if any",
];

impl Column {
    /// The columns without which a sheet is not understood.
    pub const REQUIRED: [Column; 3] = [Column::Name, Column::Number, Column::City];

    /// The columns of the template, in order.
    pub const TEMPLATE: [Column; 21] = [
        Column::Serial,
        Column::Name,
        Column::DocumentKind,
        Column::Number,
        Column::Phone,
        Column::City,
        Column::Vacancy,
        Column::Occupation,
        Column::Skill,
        Column::Start,
        Column::ChildName,
        Column::ChildNumber,
        Column::Grade,
        Column::Insurance,
        Column::HousingWanted,
        Column::HousingKind,
        Column::HouseholdSize,
        Column::AgeBand,
        Column::ChildAgeBand,
        Column::GuardianName,
        Column::GuardianPhone,
    ];

    /// Whether the column is read over: a running number, or what we wrote ourselves.
    pub fn is_read_over(self) -> bool {
        matches!(self, Column::Serial | Column::CaseNumber | Column::Outcome | Column::Remedy)
    }

    /// The column a heading names, in any of its spellings.
    pub fn of_heading(heading: &str) -> Option<Column> {
        let wanted = normal(heading);
        let fits = |name: &str| normal(name) == wanted;
        HEADINGS.iter().find(|(_, names)| names.iter().any(|n| fits(n))).map(|(column, _)| *column)
    }

    /// The standard heading in Chinese.
    pub fn zh(self) -> &'static str {
        self.name(0)
    }

    /// The standard heading in English.
    pub fn en(self) -> &'static str {
        self.name(1)
    }

    fn name(self, which: usize) -> &'static str {
        let entry = HEADINGS.iter().find(|(column, _)| *column == self);
        entry.and_then(|(_, names)| names.get(which)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.zh(), self.en())
    }
}

/// A heading without what offices add to it: white space, stars of required columns, a colon, and
/// a bracketed hint of the known list. Full-width characters are folded, letters lower case, and
/// characters that nobody sees are taken out.
pub fn normal(heading: &str) -> String {
    let unseen = |c: &char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(*c, '*' | '_' | '\u{FEFF}' | '\u{00AD}' | '\u{200B}'..='\u{200F}')
            || matches!(*c, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}')
    };
    let mut text: String = heading
        .chars()
        .map(fold_char)
        .filter(|c| !unseen(c))
        .flat_map(char::to_lowercase)
        .collect();
    text.truncate(text.trim_end_matches(':').len());
    if let Some(open) = text.find('(')
        && let Some(hint) = text[open + 1..].strip_suffix(')')
        && HINTS.iter().any(|known| known.replace(' ', "") == hint)
    {
        text.truncate(open);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jieli_proto::deny::is_forbidden;

    #[test]
    fn headings_are_known_in_many_spellings() {
        for (heading, column) in [
            ("身份证号", Column::Number),
            (" 身份证\n号码 * ", Column::Number),
            ("手机号码（11位）", Column::Phone),
            ("ID Number (required)", Column::Number),
            ("ｎａｍｅ", Column::Name),
            ("姓　名：", Column::Name),
            ("document_number", Column::Number),
        ] {
            assert_eq!(Column::of_heading(heading), Some(column), "{heading}");
        }
        for heading in ["民族", "姓名（曾用名）", "", "姓名2", "学历"] {
            assert_eq!(Column::of_heading(heading), None, "{heading}");
        }
    }

    #[test]
    fn no_heading_is_ambiguous_or_forbidden() {
        let mut seen = std::collections::BTreeSet::new();
        for (column, names) in HEADINGS {
            assert!(names.len() >= 2 && names[0] == column.zh());
            for name in *names {
                assert!(seen.insert(normal(name)), "{name} twice");
                assert_eq!(is_forbidden(name), None, "{name}");
            }
        }
    }
}
