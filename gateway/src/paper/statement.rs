//! A statement of one fact, to the person.

use super::{PageError, both, check, date, escape, fields, hotlines, page, paragraph, qr};
use jieli_proto::day::Day;
use jieli_proto::wire::StatementPage;
use jieli_proto::words;

/// Side of the QR code in millimetres.
const QR_MM: u32 = 70;

pub(super) fn html(said: &StatementPage) -> Result<String, PageError> {
    let svg = qr::svg(&said.qr, QR_MM)?;
    let until = date(said.valid_until);
    let [zh, en] = words::stated(said.fact(), said.months, Day::from_number(said.since));
    let mut body = format!(
        "<div class=\"head\"><h1>证明 <small>Statement, carried by the person</small></h1><div>\
         <b>{}</b>（{}）<br>{} {}</div></div>\n",
        escape(&said.city),
        escape(&said.city_id),
        escape(&said.office),
        escape(&said.office_telephone)
    );
    body += &paragraph(
        "应本人要求出具，只交给本人。给谁看、给不给看，由本人决定；任何单位不得以没有本证明为由增加负担。",
        "Made at the person's own request and given to the person alone, who decides who sees it; \
         nobody may be worse off for not showing it.",
    );
    body += &format!("<div class=\"box\"><p><b>{}</b></p>\n{}</div>\n", both(&zh, &en), {
        paragraph(
            &format!("有效至 {until}。一项事实，不是评价，也不是分数。"),
            &format!("Good until {until}. One fact: no judgement and no score."),
        )
    });
    body += &fields(&said.fields);
    body += &format!(
        "<div class=\"two\">{svg}<div>{}{}<h2>求助 <span class=\"en\">Help</span></h2><p>{}</p>\
         </div></div>\n",
        check("statement", &said.city, &said.spoken, &said.root_fpr),
        paragraph(
            "核验会列出签过名的全部内容，请与上文逐项对照；看完不留存复印件和照片。",
            "The check shows every value that was signed: compare each with the above, and keep no \
             copy or photograph.",
        ),
        hotlines::html()
    );
    Ok(page("证明", &body))
}
