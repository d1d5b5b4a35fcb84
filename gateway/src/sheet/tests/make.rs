//! Writes the sheets of fixtures/sheets that are made here: `JIELI_BLESS=1 cargo test -p
//! jieli-gateway ten_sheets` writes them anew.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError,
};

type Result<T> = std::result::Result<T, XlsxError>;

/// Fictional workers: name, number (region 999999 is impossible), phone.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("吕明", "999999197903243717", "19912340001"),
    ("华梅", "999999198011111801", "19912340002"),
    ("朱华海", "999999200612202506", "19912340003"),
    ("欧阳·娜仁", "", "19912340004"),
    ("王𬱖", "", "19912340005"),
    ("Anna Li", "", "19912340006"),
];
const CHILDREN: [(&str, &str); 2] =
    [("吕梅", "999999201702094814"), ("华力", "999999201604246941")];

/// Name and bytes of every sheet made here.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let book = |fill: fn(&mut Worksheet) -> Result<()>| workbook(fill).expect("a workbook");
    vec![
        ("other-headings.xlsx", book(other_headings)),
        ("own-headings.xlsx", book(own_headings)),
        ("merged-cells.xlsx", book(merged_cells)),
        ("two-heading-rows.xlsx", book(two_heading_rows)),
        ("hidden-rows.xlsx", book(hidden_rows)),
        ("formulas.xlsx", book(formulas)),
        ("dates.xlsx", book(dates)),
        ("numbers.xlsx", book(numbers)),
        ("totals.xlsx", book(totals)),
        ("passports.xlsx", book(passports)),
        ("tabs-with-mark.csv", tabs()),
        ("unicode-text.csv", unicode_text()),
    ]
}

fn workbook(fill: fn(&mut Worksheet) -> Result<()>) -> Result<Vec<u8>> {
    let mut book = Workbook::new();
    let day = ExcelDateTime::from_ymd(2026, 11, 21)?;
    book.set_properties(&DocProperties::new().set_author("Jieli").set_creation_datetime(&day));
    fill(book.add_worksheet())?;
    book.save_to_buffer()
}

/// The name, number and phone of a person; those without a number of their own get one.
fn person(which: usize) -> (String, String, String) {
    let (name, number, phone) = PEOPLE[which];
    let number = if number.is_empty() {
        citizen(&format!("9999991985010100{which}"))
    } else {
        number.into()
    };
    (name.to_owned(), number, phone.to_owned())
}

/// With the check digit of GB 11643.
fn citizen(body: &str) -> String {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(b, w)| u32::from(b - b'0') * w).sum();
    let check = ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][(sum % 11) as usize];
    format!("{body}{check}")
}

fn line(sheet: &mut Worksheet, row: u32, cells: &[&str]) -> Result<()> {
    for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        sheet.write_string(row, column as u16, *cell)?;
    }
    Ok(())
}

const PLAIN: [&str; 7] =
    ["姓名", "身份证号", "手机号码", "意向城市", "岗位编号", "意向工种", "最早到岗日期"];

/// A worker with a post, under the headings of PLAIN.
fn post(sheet: &mut Worksheet, row: u32, which: usize, date: &str) -> Result<()> {
    let (name, number, phone) = person(which);
    line(sheet, row, &[&name, &number, &phone, "瑞安", "V-2026-0107", "缝纫工", date])
}

fn other_headings(sheet: &mut Worksheet) -> Result<()> {
    line(sheet, 0, &["二〇二六年下半年劳务协作人员花名册"])?;
    line(sheet, 1, &["填报单位：某某县某某局（盖章）"])?;
    let headings = [
        "序号",
        "人员姓名（必填）",
        "公民身份证号码*",
        "移动电话",
        "就业城市",
        "岗位代码",
        "岗位名称",
        "技能级别",
        "预计到岗日期",
        "随迁子女姓名",
        "随迁子女身份证号",
        "就读年级",
        "医保险种",
        "住房需求",
        "申请住房类型",
        "居住人口数",
    ];
    line(sheet, 2, &headings)?;
    for which in 0..4 {
        let (name, number, phone) = person(which);
        let (child, child_number) = CHILDREN.get(which).copied().unwrap_or_default();
        let grade = if child.is_empty() { "" } else { "三年级" };
        let order = (which + 1).to_string();
        let cells = [
            &order,
            &name,
            &number,
            &phone,
            "瑞安",
            "V-2026-0107",
            "缝纫工",
            "四级",
            "2026-12-09",
            child,
            child_number,
            grade,
            "居民医保",
            "要",
            "公租房",
            "3人",
        ];
        line(sheet, which as u32 + 3, &cells)?;
    }
    Ok(())
}

fn own_headings(sheet: &mut Worksheet) -> Result<()> {
    let headings = ["姓名", "身份证号", "手机号码", "就业去向", "岗位编号", "意向工种", "拟上岗日"];
    line(sheet, 0, &headings)?;
    (0..3).try_for_each(|which| post(sheet, which as u32 + 1, which, "2026-12-09"))
}

fn merged_cells(sheet: &mut Worksheet) -> Result<()> {
    sheet.merge_range(0, 0, 0, 6, "外出务工人员登记表", &Format::new())?;
    line(sheet, 1, &PLAIN)?;
    for which in 0..4 {
        let (name, number, phone) = person(which);
        let cells = [&name, &number, &phone, "", "V-2026-0107", "缝纫工", "2026-12-09"];
        line(sheet, which as u32 + 2, &cells)?;
    }
    sheet.merge_range(2, 3, 4, 3, "瑞安", &Format::new())?;
    sheet.write_string(5, 3, "瑞安")?;
    Ok(())
}

fn two_heading_rows(sheet: &mut Worksheet) -> Result<()> {
    let plain = Format::new();
    for (column, heading) in (0..).zip(["姓名", "身份证号", "意向城市"]) {
        sheet.merge_range(0, column, 1, column, heading, &plain)?;
    }
    sheet.merge_range(0, 3, 0, 5, "随行子女", &plain)?;
    sheet.merge_range(0, 6, 0, 7, "住房情况", &plain)?;
    for (column, heading) in (3..).zip(["姓名", "身份证号", "年级", "住房类型", "同住人数"])
    {
        sheet.write_string(1, column, heading)?;
    }
    for (which, (child, child_number)) in CHILDREN.into_iter().enumerate() {
        let (name, number, _) = person(which);
        let cells = [&name, &number, "瑞安", child, child_number, "2", "公租房", "3"];
        line(sheet, which as u32 + 2, &cells)?;
    }
    Ok(())
}

fn hidden_rows(sheet: &mut Worksheet) -> Result<()> {
    line(sheet, 0, &PLAIN)?;
    (0..5).try_for_each(|which| post(sheet, which as u32 + 1, which, "2026-12-09"))?;
    sheet.set_row_hidden(2)?;
    sheet.set_row_hidden(4)?;
    sheet.set_column_hidden(2)?;
    Ok(())
}

fn formulas(sheet: &mut Worksheet) -> Result<()> {
    line(sheet, 0, &PLAIN)?;
    (0..4).try_for_each(|which| post(sheet, which as u32 + 1, which, "2026-12-09"))?;
    // A worked-out result, a date worked out, and two errors.
    sheet.write_formula(1, 3, Formula::new("=\"瑞\"&\"安\"").set_result("瑞安"))?;
    let date = Format::new().set_num_format("yyyy/m/d");
    let tomorrow = Formula::new("=DATE(2026,12,8)+1").set_result("46365");
    sheet.write_formula_with_format(2, 6, tomorrow, &date)?;
    sheet.write_formula(3, 4, Formula::new("=VLOOKUP(A4,X:Y,2,0)").set_result("#N/A"))?;
    sheet.write_formula(4, 1, Formula::new("=#REF!").set_result("#REF!"))?;
    Ok(())
}

fn dates(sheet: &mut Worksheet) -> Result<()> {
    line(sheet, 0, &PLAIN)?;
    let texts =
        ["2026-12-01", "2026/12/1", "2026年12月1日", "20261201", "２０２６年１２月１日", ""];
    for (which, text) in texts.iter().enumerate() {
        post(sheet, which as u32 + 1, which, text)?;
    }
    let day = ExcelDateTime::from_ymd(2026, 12, 1)?;
    sheet.write_datetime_with_format(
        6,
        6,
        &day,
        &Format::new().set_num_format("m\"月\"d\"日\""),
    )?;
    // The serial number itself, and one nobody can tell.
    let (name, number) = ("冯春", citizen("99999919860202001"));
    line(sheet, 7, &[name, &number, "", "瑞安", "V-2026-0107", "缝纫工"])?;
    sheet.write_number(7, 6, 46_357)?;
    let (name, number) = ("陈秋", citizen("99999919860303001"));
    line(sheet, 8, &[name, &number, "", "瑞安", "V-2026-0107", "缝纫工", "1/12/2026"])
}

fn numbers(sheet: &mut Worksheet) -> Result<()> {
    let headings = [&PLAIN[..], &["技能等级"]].concat();
    line(sheet, 0, &headings)?;
    (0..3).try_for_each(|which| post(sheet, which as u32 + 1, which, "2026-12-09"))?;
    // Typed as a number the program has rounded it.
    sheet.write_number(1, 1, 999_999_197_903_243_717_f64)?;
    sheet.write_number(2, 2, 19_912_340_002_f64)?;
    sheet.write_string(2, 7, "３")?;
    sheet.write_string(3, 1, "1.1010519E+17")?;
    sheet.write_number(3, 7, 3)?;
    post(sheet, 4, 3, "2026-12-09")?;
    sheet.write_number(4, 7, 2.5)?;
    post(sheet, 5, 4, "2026-12-09")?;
    sheet.write_string(5, 1, format!("'{}", person(4).1))?;
    sheet.write_string(5, 7, "5级")?;
    Ok(())
}

fn totals(sheet: &mut Worksheet) -> Result<()> {
    line(sheet, 0, &["住房需求汇总表"])?;
    line(
        sheet,
        2,
        &["序 号", "姓\n名*", "身份证\n号码*", "意向城市：", "住房\n类型", "同住人数（人）"],
    )?;
    for which in 0..3 {
        let (name, number, _) = person(which);
        let cells = [&(which + 1).to_string(), &name, &number, "瑞安", "公租房", "2"];
        line(sheet, which as u32 + 3, &cells)?;
    }
    line(sheet, 6, &["合　计", "3人"])?;
    sheet.write_formula(6, 5, Formula::new("=SUM(F4:F6)").set_result("6"))?;
    line(sheet, 8, &["", "填表人：某某", "", "审核：某某"])
}

fn passports(sheet: &mut Worksheet) -> Result<()> {
    let headings = ["姓名", "证件类型", "证件号码", "年龄段", "意向城市", "住房类型", "同住人数"];
    line(sheet, 0, &headings)?;
    line(sheet, 1, &["Anna Li", "护照", "E12345678", "成年", "瑞安", "公租房", "2"])?;
    line(sheet, 2, &["Ben Wu", "护照", "E87654321", "", "瑞安", "公租房", "2"])?;
    line(sheet, 3, &["吕明", "居民身份证", PEOPLE[0].1, "", "瑞安", "公租房", "2"])
}

fn tabs() -> Vec<u8> {
    let mut text = "\u{FEFF}姓名\t身份证号\t意向城市\t住房类型\t同住人数\r\n".to_owned();
    for which in 0..3 {
        let (name, number, _) = person(which);
        text += &format!("{name}\t'{number}\t瑞安\t\"公租房\"\t2\r\n");
    }
    text.into_bytes()
}

fn unicode_text() -> Vec<u8> {
    let mut text = "\u{FEFF}姓名\t身份证号\t意向城市\t医保类型\r\n".to_owned();
    for which in 0..5 {
        let (name, number, _) = person(which);
        text += &format!("{name}\t{number}\t瑞安\t居民医保\r\n");
    }
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
