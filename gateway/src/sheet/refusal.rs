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
                "整张表未导入、未保存任何内容；请删除这些列，或使用已去除这些列的副本重新导入",
                "nothing was imported or kept; delete these columns, or import the cleaned copy",
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
