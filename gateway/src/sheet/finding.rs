//! What is wrong in a cell, and what the clerk does about it. No finding repeats what the cell
//! says: the clerk has the sheet, and a log does not need a person's number.

use jieli_proto::number::NumberError;
use serde::{Deserialize, Serialize};

use super::table::cell_name;

/// One sentence in both languages of the front desk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

pub(super) fn text(zh: impl Into<String>, en: impl Into<String>) -> Text {
    Text { zh: zh.into(), en: en.into() }
}

/// Whether the row still becomes a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The row gives no draft until it is put right.
    Error,
    /// To be looked at; the row gives its draft (except a repeated worker, whose first row does).
    Warning,
}

/// One thing found in one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// The row as the spreadsheet counts it, from 1.
    pub row: u32,
    /// The cell as the spreadsheet names it: `D7`.
    pub cell: String,
    /// The heading of its column, as the sheet has it.
    pub heading: String,
    /// What was found.
    pub fault: Fault,
}

impl Finding {
    pub(super) fn new(fault: Fault, row: u32, column: u32, heading: &str) -> Finding {
        let heading = heading.to_owned();
        Finding { severity: fault.severity(), row, cell: cell_name(row, column), heading, fault }
    }

    /// What is wrong.
    pub fn what(&self) -> Text {
        self.fault.what()
    }

    /// What to do about it.
    pub fn remedy(&self) -> Text {
        self.fault.remedy()
    }
}

/// Everything that can be found in a cell. Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A required cell is blank.
    Missing,
    /// The cell shows a formula error (#N/A, #REF!).
    Broken,
    /// The cell has a formula that no program has worked out.
    Bare,
    /// The row is hidden or filtered out: nobody imports what nobody sees.
    HiddenRow,
    /// The cell is part of merged cells; what it should say stands in another.
    MergedCell,
    /// A name, number or phone was not understood.
    Number(NumberError),
    /// Not one of the accepted values; here they are, in Chinese.
    UnknownChoice(&'static str),
    /// Not a grade.
    UnknownGrade,
    /// Not a skill level of 0 to 5.
    UnknownSkill,
    /// Not a date in a known spelling.
    NotADate,
    /// Not a number of persons between 1 and 20.
    HouseholdSize,
    /// Not a city, occupation or vacancy reference: too long, or with control characters or the
    /// number of a person or a phone in it.
    BadText,
    /// The receiving city has not announced this vacancy.
    UnknownVacancy,
    /// Nothing is asked for in this row.
    NothingAsked,
    /// The date of birth lies ahead.
    NotBorn,
    /// The worker is under 16.
    UnderAge,
    /// The child has the worker's own number.
    ChildIsWorker,
    /// The number of the document does not tell the age, and the age band is blank.
    AgeMissing,
    /// The column is hidden.
    HiddenColumn,
    /// No list of vacancies was at hand: the column was not checked.
    VacanciesUnchecked,
    /// The worker is 16 or 17: the guardian is told.
    GuardianNotice,
    /// The worker is 16 or 17, and nobody can be told: NO_GUARDIAN.
    NoGuardian,
    /// The worker is under 14: the guardian makes the application. NO_GUARDIAN.
    ChildAlone,
    /// A guardian of somebody who needs none: left out.
    GuardianNotNeeded,
    /// The skill level is blank and was read as 0.
    SkillBlank,
    /// There is no column for the skill level; told once.
    SkillAbsent,
    /// A home is described but not asked for; no housing leg is made.
    HousingNotAsked,
    /// The worker is already in an earlier row; this row gives no second draft.
    RepeatedWorker {
        /// The row that counts.
        first_row: u32,
    },
    /// As above, but under another name: one of the two rows is wrong.
    RepeatedNumber {
        /// The earlier row.
        first_row: u32,
    },
    /// The worker is already in an earlier row; the child of this row was added to it.
    ChildAdded {
        /// The row whose draft has the child now.
        first_row: u32,
    },
    /// The child is already in an earlier row; no second schooling leg is made.
    RepeatedChild {
        /// The earlier row.
        first_row: u32,
    },
    /// The phone is already in an earlier row, for another worker.
    SharedPhone {
        /// The earlier row.
        first_row: u32,
    },
}

impl Fault {
    /// Whether the row still becomes a draft.
    pub fn severity(self) -> Severity {
        match self {
            Fault::Missing
            | Fault::Broken
            | Fault::Bare
            | Fault::HiddenRow
            | Fault::MergedCell
            | Fault::Number(_)
            | Fault::UnknownChoice(_)
            | Fault::UnknownGrade
            | Fault::UnknownSkill
            | Fault::NotADate
            | Fault::HouseholdSize
            | Fault::BadText
            | Fault::UnknownVacancy
            | Fault::NothingAsked
            | Fault::NotBorn
            | Fault::UnderAge
            | Fault::ChildIsWorker
            | Fault::NoGuardian
            | Fault::ChildAlone
            | Fault::AgeMissing => Severity::Error,
            Fault::VacanciesUnchecked
            | Fault::HiddenColumn
            | Fault::GuardianNotice
            | Fault::GuardianNotNeeded
            | Fault::SkillBlank
            | Fault::SkillAbsent
            | Fault::HousingNotAsked
            | Fault::RepeatedWorker { .. }
            | Fault::RepeatedNumber { .. }
            | Fault::ChildAdded { .. }
            | Fault::RepeatedChild { .. }
            | Fault::SharedPhone { .. } => Severity::Warning,
        }
    }

    /// What is wrong.
    pub fn what(self) -> Text {
        match self {
            Fault::Missing => text("必填项未填写", "a required cell is blank"),
            Fault::Broken => text("单元格是公式错误", "the cell is a formula error"),
            Fault::Bare => {
                text("单元格的公式没有计算结果", "the formula in this cell has no result")
            }
            Fault::HiddenRow => text(
                "本行在表格中被隐藏或被筛选掉，未导入",
                "this row is hidden or filtered out in the sheet; it was not imported",
            ),
            Fault::MergedCell => text(
                "此格是合并单元格的一部分，看不出是否与首格相同",
                "this cell is part of merged cells; whether it says the same nobody can tell",
            ),
            Fault::HiddenColumn => text("本列在表格中被隐藏", "this column is hidden in the sheet"),
            Fault::AgeMissing => text(
                "该证件号码不含年龄信息，且未填写年龄段",
                "the number of this document does not tell the age, and there is no age band",
            ),
            Fault::Number(error) => text(error.zh(), error.en()),
            Fault::UnknownChoice(_) => {
                text("不是可选的内容", "this is not one of the accepted values")
            }
            Fault::UnknownGrade => text("没有这个年级", "there is no such grade"),
            Fault::UnknownSkill => {
                text("技能等级不是0至5", "the skill level is not between 0 and 5")
            }
            Fault::NotADate => text("看不出是哪一天", "this is not a date we can read"),
            Fault::HouseholdSize => {
                text("同住人数不是1至20的整数", "the household is not a whole number from 1 to 20")
            }
            Fault::BadText => text(
                "内容过长，或含有个人号码、控制字符",
                "too long, or with a personal number or control characters in it",
            ),
            Fault::UnknownVacancy => text(
                "转入地没有公布这个岗位编号",
                "the receiving city has not announced this vacancy",
            ),
            Fault::NothingAsked => text("本行没有申请任何事项", "this row asks for no service"),
            Fault::NotBorn => text("出生日期晚于今天", "the date of birth is after today"),
            Fault::UnderAge => text("未满16周岁，不得作为务工人员", "under 16: cannot be a worker"),
            Fault::ChildIsWorker => {
                text("子女与本人证件号码相同", "the child has the worker's own number")
            }
            Fault::VacanciesUnchecked => text(
                "没有可比对的岗位清单，本列未核对",
                "there is no list of vacancies to check against; this column was not checked",
            ),
            Fault::GuardianNotice => {
                text("年满16周岁未满18周岁", "the worker is 16 or 17 years old")
            }
            Fault::NoGuardian => text(
                "年满16周岁未满18周岁，没有可以告知的监护人（NO_GUARDIAN）",
                "the worker is 16 or 17 and there is no guardian to be told (NO_GUARDIAN)",
            ),
            Fault::ChildAlone => text(
                "未满14周岁，须由监护人申请并同意（NO_GUARDIAN）",
                "under 14: the guardian applies and is asked (NO_GUARDIAN)",
            ),
            Fault::GuardianNotNeeded => text(
                "此人申请的事项不需要监护人，监护人信息没有导入",
                "nothing asked for here needs a guardian; the guardian was left out",
            ),
            Fault::SkillBlank => {
                text("技能等级未填，按0（无等级）读取", "blank: read as level 0 (none)")
            }
            Fault::SkillAbsent => text(
                "表中没有“技能等级”列，全部按0（无等级）读取",
                "there is no column for the skill level: all are read as level 0 (none)",
            ),
            Fault::HousingNotAsked => text(
                "填写了住房信息但注明不需要住房，未生成住房事项",
                "housing is described but not asked for; no housing leg was made",
            ),
            Fault::RepeatedWorker { first_row } => text(
                format!("与第{first_row}行是同一人，本行不再生成办件"),
                format!("the same person as in row {first_row}; this row gives no second case"),
            ),
            Fault::RepeatedNumber { first_row } => text(
                format!("证件号码与第{first_row}行相同但姓名不同，本行未生成办件"),
                format!(
                    "the same number as in row {first_row} under another name; no case was made"
                ),
            ),
            Fault::ChildAdded { first_row } => text(
                format!("与第{first_row}行是同一人，本行子女的入学事项已并入该行"),
                format!("the same person as in row {first_row}; the child was added to that row"),
            ),
            Fault::RepeatedChild { first_row } => text(
                format!("该子女已在第{first_row}行登记，不再生成入学事项"),
                format!(
                    "the child is already in row {first_row}; no second schooling leg was made"
                ),
            ),
            Fault::SharedPhone { first_row } => text(
                format!("手机号码与第{first_row}行的另一人相同"),
                format!("the same phone as another worker's in row {first_row}"),
            ),
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> Text {
        match self {
            Fault::Missing => text("请补填此格", "fill in this cell"),
            Fault::Broken => text("请改为填写实际内容", "type the value itself"),
            Fault::Bare => text(
                "请在表格软件中打开并保存一次，或直接填写内容",
                "open and save the sheet in a spreadsheet program, or type the value itself",
            ),
            Fault::HiddenRow => text(
                "请取消隐藏或筛选，核对后重新导入；不需要的请删除本行",
                "unhide it or clear the filter, check it and import again; delete it if not needed",
            ),
            Fault::MergedCell => text(
                "请取消合并，在每一行填写内容",
                "unmerge the cells and fill in each row by itself",
            ),
            Fault::HiddenColumn => {
                text("请取消隐藏并核对本列内容", "unhide it and check what stands in it")
            }
            Fault::AgeMissing => text(
                "请对照证件填写“年龄段”：成年、16至17岁、14至15岁、未满14岁",
                "fill in the age band from the document: adult, 16-17, 14-15 or under 14",
            ),
            Fault::Number(error) => number_remedy(error),
            Fault::UnknownChoice(accepted) => {
                text(format!("请填写：{accepted}"), format!("use one of: {accepted}"))
            }
            Fault::UnknownGrade => text(
                "请填写1至12（1至9为小学、初中，10至12为高中），并填写子女姓名和证件号码；没有随行子女请清空",
                "use 1 to 12 (1-9 primary and junior, 10-12 senior) with the child's name and number, \
                 or clear the cell if no child comes along",
            ),
            Fault::UnknownSkill => {
                text("请填写0至5，没有等级填0", "use a number from 0 to 5; 0 if there is none")
            }
            Fault::NotADate => text("请按2026-12-09的格式填写", "write it like 2026-12-09"),
            Fault::HouseholdSize => {
                text("请填写同住的人数", "write how many persons will live there")
            }
            Fault::BadText => {
                text("请核对，只填写本列的内容", "write only what belongs in this column")
            }
            Fault::UnknownVacancy => text(
                "请核对岗位编号，或向转入地询问岗位是否仍有效",
                "check the reference, or ask the receiving city whether the post is still open",
            ),
            Fault::NothingAsked => text(
                "请至少填写岗位、入学、医保、住房中的一项，或删除本行",
                "fill in a post, a school grade, an insurance scheme or a home, or delete the row",
            ),
            Fault::NotBorn => text("请对照证件核对号码", "check the number against the document"),
            Fault::UnderAge => text(
                "请对照证件核对号码；确未满16周岁的，请删除本行",
                "check the number against the document; if it is right, delete the row",
            ),
            Fault::ChildIsWorker => {
                text("请填写子女本人的证件号码", "fill in the number of the child's own document")
            }
            Fault::VacanciesUnchecked => text(
                "提交后由转入地核对，也可先更新岗位清单再导入",
                "the receiving city will check it; or update the vacancies and import again",
            ),
            Fault::GuardianNotice => text(
                "系统会先以短信告知监护人；不得安排危险岗位",
                "the guardian gets a notice first; hazardous posts are not allowed",
            ),
            Fault::NoGuardian => text(
                "请在“监护人姓名”“监护人电话”两列填写监护人和监护人自己的手机号码（不能与本人的相同）",
                "fill in the columns Guardian name and Guardian phone: the guardian's own number, not \
                 the worker's",
            ),
            Fault::ChildAlone => text(
                "请对照证件核对号码；无误的，请以监护人登记为本人，以此人登记为子女",
                "check the number against the document; if it is right, enter the guardian as the \
                 worker and this person as the child",
            ),
            Fault::GuardianNotNeeded => {
                text("请清空监护人两列", "clear the two cells of the guardian")
            }
            Fault::SkillBlank => text("如有等级请补填", "fill it in if there is one"),
            Fault::SkillAbsent => {
                text("如有等级请加上这一列", "add the column if there are levels")
            }
            Fault::HousingNotAsked => text(
                "如需要住房请改为“是”，否则请清空住房各列",
                "write yes if a home is wanted, or clear the housing cells",
            ),
            Fault::RepeatedWorker { .. } => {
                text("请核对后删除多余的一行", "check, and delete the row that is too many")
            }
            Fault::RepeatedNumber { .. } => text(
                "两行中必有一行有误，请对照证件核对姓名和号码",
                "one of the two rows is wrong: check both against the documents",
            ),
            Fault::ChildAdded { .. } => {
                text("请核对该办件中的子女", "check the children of that case")
            }
            Fault::RepeatedChild { .. } => {
                text("请核对由哪一位家长申请", "check which parent makes the application")
            }
            Fault::SharedPhone { .. } => text(
                "号码有误请更正；确为共用的，双方须到窗口确认",
                "correct it if wrong; if it is shared, both must confirm at a window",
            ),
        }
    }
}

fn number_remedy(error: NumberError) -> Text {
    match error {
        NumberError::Empty => text("请补填此格", "fill in this cell"),
        NumberError::Rounded => text(
            "请先把此列设为文本格式，再按证件重新录入完整号码",
            "set the column to text first, then type the full number again from the document",
        ),
        NumberError::Length
        | NumberError::FifteenDigits
        | NumberError::Character
        | NumberError::NoSuchDate
        | NumberError::CheckDigit => {
            text("请对照证件原件核对并更正", "check it against the document and correct it")
        }
        NumberError::NotMobile => text(
            "请填写11位手机号码，没有请清空",
            "write an 11-digit mobile number, or clear the cell if there is none",
        ),
        NumberError::Invisible => text("请清空此格后重新录入", "clear the cell and type it again"),
        NumberError::NoLetter => text("请填写证件上的姓名", "write the name as on the document"),
        NumberError::LostCharacter => text(
            "请按证件重新录入，并以UTF-8或.xlsx保存",
            "type it again from the document, and save as UTF-8 or .xlsx",
        ),
    }
}
