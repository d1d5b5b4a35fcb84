//! Why a whole sheet is refused. Nothing of a refused sheet is kept.

use super::finding::{Text, text};
use super::headings::Column;

/// A column that may not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedColumn {
    /// The cell of its heading: `F1`.
    pub cell: String,
    /// The heading as the sheet has it (its first 40 characters), or empty.
    pub heading: String,
    /// What the deny list calls it, in Chinese and English; `None` for a merely unknown column.
    pub topic: Option<(&'static str, &'static str)>,
}

/// Why a sheet was refused whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SheetRefusal {
    /// Columns that are forbidden or unknown, every one of them, from left to right (rule V11).
    Columns(Vec<RefusedColumn>),
    /// Neither an .xlsx nor a .csv.
    NotASheet,
    /// An .xls of the old kind, or a sheet locked with a password.
    OldOrLocked,
    /// It begins like a sheet but cannot be read.
    Damaged,
    /// A text file that is neither UTF-8, UTF-16 with a mark nor GB 18030.
    Encoding,
    /// No row of headings was found in the first rows.
    NoHeadings,
    /// Several worksheets have headings.
    SeveralSheets,
    /// Columns without which no row can be read.
    MissingColumns(Vec<Column>),
    /// Two columns mean the same.
    RepeatedColumn {
        /// The cell of the first heading.
        first: String,
        /// The cell of the second heading.
        cell: String,
        /// What both mean.
        column: Column,
    },
    /// Headings, but no rows.
    NoRows,
    /// The file is too large.
    FileTooLarge {
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// The archive holds too many parts.
    TooManyParts {
        /// The limit.
        parts_max: usize,
    },
    /// Parts of the archive lie over each other.
    Overlapping,
    /// The workbook has macros in it.
    Macros,
    /// The XML inside declares entities.
    Entities,
    /// The XML inside is nested too deeply.
    TooDeep,
    /// One text without an end.
    LongText {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// Too many different texts.
    TooManyStrings {
        /// The limit.
        strings_max: usize,
    },
    /// Too many merged cells, or merged cells over each other.
    TooManyMerges {
        /// The limit.
        merges_max: usize,
    },
    /// Reading it took more memory than a sheet may.
    TooMuchMemory,
    /// Reading it took more time than a sheet may.
    TooMuchTime,
    /// The file unpacks to too much.
    InflatesTooFar {
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// Too many rows.
    TooManyRows {
        /// The limit.
        rows_max: usize,
    },
    /// Too many columns.
    TooManyColumns {
        /// The first cell beyond the limit.
        cell: String,
        /// The limit.
        columns_max: usize,
    },
    /// A cell holds too much text.
    CellTooLong {
        /// The cell.
        cell: String,
        /// The limit in characters.
        chars_max: usize,
    },
}

impl SheetRefusal {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            SheetRefusal::Columns(_) => "COLUMNS",
            SheetRefusal::NotASheet => "NOT_A_SHEET",
            SheetRefusal::OldOrLocked => "OLD_OR_LOCKED",
            SheetRefusal::Damaged => "DAMAGED",
            SheetRefusal::Encoding => "ENCODING",
            SheetRefusal::NoHeadings => "NO_HEADINGS",
            SheetRefusal::SeveralSheets => "SEVERAL_SHEETS",
            SheetRefusal::MissingColumns(_) => "MISSING_COLUMNS",
            SheetRefusal::RepeatedColumn { .. } => "REPEATED_COLUMN",
            SheetRefusal::NoRows => "NO_ROWS",
            SheetRefusal::FileTooLarge { .. } => "FILE_TOO_LARGE",
            SheetRefusal::TooManyParts { .. } => "TOO_MANY_PARTS",
            SheetRefusal::Overlapping => "OVERLAPPING",
            SheetRefusal::Macros => "MACROS",
            SheetRefusal::Entities => "ENTITIES",
            SheetRefusal::TooDeep => "TOO_DEEP",
            SheetRefusal::LongText { .. } => "LONG_TEXT",
            SheetRefusal::TooManyStrings { .. } => "TOO_MANY_STRINGS",
            SheetRefusal::TooManyMerges { .. } => "TOO_MANY_MERGES",
            SheetRefusal::TooMuchMemory => "TOO_MUCH_MEMORY",
            SheetRefusal::TooMuchTime => "TOO_MUCH_TIME",
            SheetRefusal::InflatesTooFar { .. } => "INFLATES_TOO_FAR",
            SheetRefusal::TooManyRows { .. } => "TOO_MANY_ROWS",
            SheetRefusal::TooManyColumns { .. } => "TOO_MANY_COLUMNS",
            SheetRefusal::CellTooLong { .. } => "CELL_TOO_LONG",
        }
    }

    /// What is wrong.
    pub fn what(&self) -> Text {
        match self {
            SheetRefusal::Columns(columns) => columns_text(columns),
            SheetRefusal::NotASheet => {
                text("这不是.xlsx或.csv表格", "this is not an .xlsx or .csv sheet")
            }
            SheetRefusal::OldOrLocked => text(
                "这是旧版.xls表格，或表格设有密码",
                "this is a sheet of the old .xls kind, or it is locked with a password",
            ),
            SheetRefusal::Damaged => {
                text("文件损坏，无法读取", "the file is damaged and cannot be read")
            }
            SheetRefusal::Encoding => {
                text("文字编码无法识别", "the encoding of the text is not known")
            }
            SheetRefusal::NoHeadings => {
                text("前20行中没有找到表头", "no headings were found in the first 20 rows")
            }
            SheetRefusal::SeveralSheets => {
                text("文件中有多张登记表", "several worksheets of the file have headings")
            }
            SheetRefusal::MissingColumns(columns) => text(
                format!("缺少必需的列：{}", join(columns, |c| c.zh().to_owned(), "、")),
                format!(
                    "required columns are missing: {}",
                    join(columns, |c| c.en().to_owned(), ", ")
                ),
            ),
            SheetRefusal::RepeatedColumn { first, cell, column } => text(
                format!("{first}和{cell}两列都是“{}”", column.zh()),
                format!("the columns of {first} and {cell} are both \"{}\"", column.en()),
            ),
            SheetRefusal::NoRows => {
                text("表头下面没有内容", "there are no rows below the headings")
            }
            SheetRefusal::FileTooLarge { bytes_max } => text(
                format!("文件超过{}MB", bytes_max >> 20),
                format!("the file is larger than {} MiB", bytes_max >> 20),
            ),
            SheetRefusal::InflatesTooFar { bytes_max } => text(
                format!("文件展开后超过{}MB", bytes_max >> 20),
                format!("the file unpacks to more than {} MiB", bytes_max >> 20),
            ),
            SheetRefusal::TooManyParts { parts_max } => text(
                format!("文件内部的部件超过{parts_max}个"),
                format!("the file is made of more than {parts_max} parts"),
            ),
            SheetRefusal::Overlapping => text(
                "文件内部的部件相互重叠，不是表格软件生成的",
                "parts of the file lie over each other: no spreadsheet program wrote it",
            ),
            SheetRefusal::Macros => {
                text("表格中含有宏程序", "the workbook has macros (programs) in it")
            }
            SheetRefusal::Entities => text(
                "文件内部含有实体声明，不是表格软件生成的",
                "the file declares entities: no spreadsheet program wrote it",
            ),
            SheetRefusal::TooDeep => text(
                "文件内部嵌套过深，不是表格软件生成的",
                "the file is nested too deeply: no spreadsheet program wrote it",
            ),
            SheetRefusal::LongText { bytes_max } => text(
                format!("文件中有一段文字超过{}KB", bytes_max >> 10),
                format!("one text of the file is longer than {} KiB", bytes_max >> 10),
            ),
            SheetRefusal::TooManyStrings { strings_max } => text(
                format!("不同的文字内容超过{strings_max}条"),
                format!("there are more than {strings_max} different texts"),
            ),
            SheetRefusal::TooManyMerges { merges_max } => text(
                format!("合并单元格超过{merges_max}处，或相互重叠"),
                format!("there are more than {merges_max} merged cells, or they overlap"),
            ),
            SheetRefusal::TooMuchMemory => text(
                "读取此文件所需的内存超过一张表格应有的限度",
                "this file needs more memory to be read than a sheet may",
            ),
            SheetRefusal::TooMuchTime => text(
                "读取此文件所需的时间超过一张表格应有的限度",
                "this file needs more time to be read than a sheet may",
            ),
            SheetRefusal::TooManyRows { rows_max } => {
                text(format!("超过{rows_max}行"), format!("there are more than {rows_max} rows"))
            }
            SheetRefusal::TooManyColumns { cell, columns_max } => text(
                format!("超过{columns_max}列（{cell}）"),
                format!("there are more than {columns_max} columns ({cell})"),
            ),
            SheetRefusal::CellTooLong { cell, chars_max } => text(
                format!("单元格{cell}超过{chars_max}个字"),
                format!("the cell {cell} has more than {chars_max} characters"),
            ),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> Text {
        match self {
            SheetRefusal::Columns(_) => text(
                "整张表未导入、未保存任何内容；请删除这些列，或用 --clean 取得已去除这些列的副本，核对后导入",
                "nothing was imported or kept; delete these columns, or take the cleaned copy \
                 (--clean) and import that",
            ),
            SheetRefusal::NotASheet | SheetRefusal::OldOrLocked | SheetRefusal::Damaged => text(
                "请另存为不带密码的.xlsx（或CSV）后重新导入",
                "save it as .xlsx (or CSV) without a password and import it again",
            ),
            SheetRefusal::Encoding => text(
                "请另存为“CSV UTF-8”或.xlsx后重新导入",
                "save it as \"CSV UTF-8\" or .xlsx and import it again",
            ),
            SheetRefusal::NoHeadings
            | SheetRefusal::MissingColumns(_)
            | SheetRefusal::RepeatedColumn { .. } => {
                text("请对照下载的模板核对表头", "compare the headings with the template")
            }
            SheetRefusal::SeveralSheets => {
                text("请每次只导入一张登记表", "import one worksheet at a time")
            }
            SheetRefusal::NoRows => text("请填写后重新导入", "fill it in and import it again"),
            SheetRefusal::Macros => text(
                "请另存为不含宏的.xlsx后重新导入",
                "save it as .xlsx without macros and import it again",
            ),
            SheetRefusal::TooManyParts { .. }
            | SheetRefusal::Overlapping
            | SheetRefusal::Entities
            | SheetRefusal::TooDeep
            | SheetRefusal::LongText { .. }
            | SheetRefusal::TooManyStrings { .. }
            | SheetRefusal::TooManyMerges { .. }
            | SheetRefusal::TooMuchMemory
            | SheetRefusal::TooMuchTime => text(
                "未导入任何内容；请新建表格，只复制需要的行列，另存为.xlsx后重新导入",
                "nothing was imported; copy the rows that are needed into a new sheet, save it as \
                 .xlsx and import that",
            ),
            SheetRefusal::FileTooLarge { .. }
            | SheetRefusal::InflatesTooFar { .. }
            | SheetRefusal::TooManyRows { .. } => {
                text("请分成几个文件导入", "split it into several files")
            }
            SheetRefusal::TooManyColumns { .. } | SheetRefusal::CellTooLong { .. } => {
                text("请删除多余的内容", "delete what does not belong there")
            }
        }
    }
}

impl std::fmt::Display for SheetRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what().en)
    }
}

impl std::error::Error for SheetRefusal {}

fn columns_text(columns: &[RefusedColumn]) -> Text {
    let zh = join(columns, |c| describe(c, "（无表头）", c.topic.map_or("未知列", |t| t.0)), "、");
    let en =
        join(columns, |c| describe(c, "(no heading)", c.topic.map_or("unknown", |t| t.1)), ", ");
    text(
        format!("含有禁止采集或无法识别的列：{zh}"),
        format!("there are forbidden or unknown columns: {en}"),
    )
}

fn describe(column: &RefusedColumn, blank: &str, topic: &str) -> String {
    let heading = if column.heading.is_empty() { blank } else { &column.heading };
    format!("{} {heading} [{topic}]", column.cell)
}

fn join<T>(items: &[T], one: impl Fn(&T) -> String, with: &str) -> String {
    items.iter().map(one).collect::<Vec<_>>().join(with)
}
