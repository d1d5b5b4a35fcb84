//! What to bring to the window, to be taken home: no person is on it.

use super::{both, escape, hotlines, page, paragraph, service};
use jieli_proto::wire::{Service, WindowView};

pub(super) fn html(case: &str, leg: u32, of: Service, window: &WindowView) -> String {
    let mut body = format!(
        "<div class=\"head\"><h1>请带这些来 <small>What to bring</small></h1><div>{}<br>{} / {leg}\
         </div></div>\n",
        service(of),
        escape(case)
    );
    body += "<ol>\n";
    for (zh, en) in window.bring_zh.iter().zip(&window.bring_en) {
        body += &format!("<li>{}</li>\n", both(zh, en));
    }
    body += "</ol>\n";
    body += &format!(
        "<div class=\"box\"><p><b>{}</b> {}</p>\n",
        escape(&window.office),
        escape(&window.telephone)
    );
    if !window.opens.is_empty() {
        body += &paragraph(
            &format!("办理时间 {} 至 {}", window.opens, window.closes),
            &format!("Open from {} to {}", window.opens, window.closes),
        );
    }
    body += "</div>\n";
    body += &paragraph(
        "少带一样也可以先来：窗口会告诉您还缺什么。不收费用，不扣证件原件。",
        "Come even if something is missing: the window will tell what else is needed. Nothing is \
         charged, and no original document is kept.",
    );
    body += &format!("<h2>求助 <span class=\"en\">Help</span></h2><p>{}</p>\n", hotlines::html());
    page("请带这些来", &body)
}
