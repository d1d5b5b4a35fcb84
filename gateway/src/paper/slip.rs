//! The worker's slip.

use super::{PageError, both, check, code, date, escape, hotlines, page, paragraph, qr, service};
use jieli_proto::wire::{SlipLine, SlipPage};

/// Side of the QR code in millimetres.
const QR_MM: u32 = 62;

pub(super) fn html(slip: &SlipPage) -> Result<String, PageError> {
    let svg = qr::svg(&slip.qr, QR_MM)?;
    let number = &slip.case_number;
    let mut body = format!(
        "<div class=\"head\"><h1>办件回单 <small>Case slip</small></h1><div><b>{}</b>（{}）<br>\
         办件号 Case <b>{}</b><br>{}</div></div>\n",
        escape(&slip.city),
        escape(&slip.city_id),
        escape(number),
        date(slip.issued_on)
    );
    body += &paragraph(
        "本回单归您本人，请自己收好。上面不印姓名和证件号码。",
        "This slip is yours: keep it yourself. It shows neither your name nor your document number.",
    );
    body += &table(&slip.legs);
    body += &format!(
        "<div class=\"box\"><p>回单码 <span class=\"en\">slip code</span> {}</p>\n{}{}{}</div>\n",
        code(&slip.slip_code),
        paragraph(
            "只能查看和停止，不能替您同意任何事。手机上收到的确认码不要告诉任何人，包括工作人员。",
            "It looks and stops; it can agree to nothing for you. Tell nobody the codes sent to your \
             phone, not even staff.",
        ),
        paragraph(
            "查看：凭办件号和回单码，到上列本市机构，或用 jieli worker status。",
            "To look: case number and slip code, at an office here as listed, or jieli worker status.",
        ),
        paragraph(
            "停止：随时可以，不问理由，没有任何影响。凭办件号、回单码和序号，到上列本市机构或打它的电话说“停止”，\
             或用 jieli worker withdraw。码输错多少次都不影响停止。",
            "To stop: at any time, no reason asked, without any consequence. Say “stop” with case \
             number, slip code and item number at an office here as listed, or by its telephone, or \
             jieli worker withdraw. Wrong guesses never block stopping.",
        )
    );
    body += &format!(
        "<div class=\"two\">{svg}<div><h2>求助 <span class=\"en\">Help</span></h2><p>{}</p>\n{}{}\
         </div></div>\n",
        hotlines::html(),
        check("slip", &slip.city, &slip.spoken, &slip.root_fpr),
        paragraph(
            "二维码证明：哪座城市何时出具本回单，涉及哪些事项，当时各事项最后一条记录是哪条。上表文字仅供阅读。",
            "The code proves which city made this slip and when, for which items, and the last \
             record of each at that time. The words of the table are for reading.",
        )
    );
    Ok(page(&format!("办件回单 {number}"), &body))
}

fn table(legs: &[SlipLine]) -> String {
    let mut out =
        format!("<table class=\"legs\">\n<colgroup>{}</colgroup>\n<tr>", "<col>".repeat(6));
    for (zh, en) in [
        ("号", "no."),
        ("事项", "item"),
        ("本市机构", "office here"),
        ("对方机构", "office there"),
        ("办到哪一步", "where it stands"),
        ("下一期限", "next date"),
    ] {
        out += &format!("<th>{zh} <span class=\"en\">{en}</span></th>");
    }
    out += "</tr>\n";
    for leg in legs {
        let due = if leg.due_date == 0 {
            "—".to_owned()
        } else {
            format!(
                "{}<br>{} <span class=\"en\">{}</span>",
                date(leg.due_date),
                escape(&leg.due_zh),
                escape(&leg.due_en)
            )
        };
        out += &format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{due}</td></tr>\n",
            leg.number,
            service(leg.service()),
            office(&leg.our_office, &leg.our_telephone),
            office(&there(leg), &leg.their_telephone),
            both(&leg.stage_zh, &leg.stage_en),
        );
    }
    out + "</table>\n"
}

/// The other office, with its city unless its name begins with it.
fn there(leg: &SlipLine) -> String {
    let (city, office) = (leg.their_city.as_str(), leg.their_office.as_str());
    if office.starts_with(city) { office.to_owned() } else { format!("{city} {office}") }
}

fn office(name: &str, telephone: &str) -> String {
    let name = escape(name.trim());
    if telephone.is_empty() { name } else { format!("{name}<br><b>{}</b>", escape(telephone)) }
}
