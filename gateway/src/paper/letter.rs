//! The letter to a city without a node.

use super::{
    PageError, both, check, code, date, escape, fields, hotlines, page, paragraph, qr, service,
};
use jieli_proto::wire::{LetterPage, Service};

/// Side of the QR code in millimetres: it holds the values too.
const QR_MM: u32 = 78;

pub(super) fn html(letter: &LetterPage) -> Result<String, PageError> {
    let svg = qr::svg(&letter.qr, QR_MM)?;
    let mut body = format!(
        "<div class=\"head\"><h1>协办函 <small>Letter carried by the person</small></h1><div>\
         <b>{}</b>（{}）<br>办件号 Case <b>{}</b> / {}<br>{}</div></div>\n",
        escape(&letter.city),
        escape(&letter.city_id),
        escape(&letter.case_number),
        letter.leg,
        date(letter.issued_on)
    );
    body += &format!(
        "<p>致 <span class=\"en\">To</span>：<b>{} {}</b>　　事项 <span class=\"en\">about</span>：<b>{}</b></p>\n",
        // Its name often begins with its city.
        if letter.to_office.starts_with(&letter.to_city) {
            String::new()
        } else {
            escape(&letter.to_city)
        },
        escape(&letter.to_office),
        service(letter.service())
    );
    let until = date(letter.good_until);
    body += &paragraph(
        &format!(
            "本人同意后，由本人自带此信。{} 前有效；本人随时可以停止，不问理由。请只用于办理上述事项，\
             办完不留存复印件和照片。",
            until
        ),
        &format!(
            "Carried by the person after the person's own yes. Good until {until}; the person may \
             stop it at any time without a reason. Use it for this item only; keep no copy or \
             photograph afterwards."
        ),
    );
    body += &fields(&letter.fields);
    if letter.service() == Service::Employment {
        body += &paragraph(
            "本信不含用工条件。签任何东西之前，请先要到书面的工资、工时、住宿等条件。您不需要支付任何介绍费。",
            "This letter names no job terms. Ask for pay, hours and lodging in writing before you \
             sign anything. There is no fee for you to pay.",
        );
    }
    body += &format!(
        "<div class=\"two\">{svg}<div>{}{}<p>{}</p>\n<h2>求助 <span class=\"en\">Help</span></h2>\
         <p>{}</p></div></div>\n",
        check("letter", &letter.city, &letter.spoken, &letter.root_fpr),
        paragraph(
            "核验会列出签过名的全部内容，请与上表逐项对照。",
            "The check shows every value that was signed: compare each with the table above.",
        ),
        sender(letter),
        hotlines::html()
    );
    body += &tear_off(letter);
    Ok(page(&format!("协办函 {} / {}", letter.case_number, letter.leg), &body))
}

fn sender(letter: &LetterPage) -> String {
    let telephone = if letter.our_telephone.is_empty() {
        String::new()
    } else {
        format!(" <b>{}</b>", escape(&letter.our_telephone))
    };
    let from = "发函机构 <span class=\"en\">sending office</span>";
    format!("{from}：{}{telephone}", escape(&letter.our_office))
}

fn tear_off(letter: &LetterPage) -> String {
    format!(
        "<div class=\"cut\"><h2>✂ 回执：请接收机构填写或电话告知 <span class=\"en\">Tear-off slip for \
         the receiving office</span></h2>\n{}<table><tr><td>☐ {}<br>{}</td><td>☐ {}<br>{}</td>\
         <td>{}<br><br></td></tr></table><p>办件号 Case <b>{}</b> / {} · {}</p></div>\n",
        paragraph(
            "二选一：把所选答复的码电话告知发函机构（每个码只用一次），或盖章后交还。",
            "Choose one: tell the sending office the code of your answer by telephone (each is good \
             once), or stamp this slip and send it back.",
        ),
        both("同意接收", "accepted"),
        code(&letter.accept_code),
        both("不予接收", "declined"),
        code(&letter.decline_code),
        both("盖章、日期", "stamp, date"),
        escape(&letter.case_number),
        letter.leg,
        sender(letter)
    )
}
