//! The API as a page: Chinese first, English second, no script, nothing from elsewhere.

use super::openapi::WEBHOOK;
use super::problem;
use super::routes::{BASE, Reply, Told, Who, told};
use super::shape::{Schemas, of};
use super::views::ChangeTold;
use crate::html::escape;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = include_str!("../../assets/console.css");

const LEAD: [&str; 5] = [
    "令牌属于一个机构的一个系统，写在 Authorization: Bearer 里；本人在“谁查看过”里看到这个系统的名称。 \
     A token is of one office and one system and goes into Authorization: Bearer; the person reads the \
     system's name in who looked.",
    "一次打开一个事项的一个部分，须说明用途。没有一个地址列出人。 One section of one leg at a time, for a \
     purpose. No address lists persons.",
    "每个 POST 带 Idempotency-Key；办理一步还要 If-Match。 Every POST carries an Idempotency-Key; a step \
     If-Match besides.",
    "翻页时没有变动的事项不会漏掉或重复；变动的从事件流得知。 While pages are turned, what stands still is \
     neither lost nor doubled; what moves is told by the events.",
    "正文至多 64 KB；出错按 RFC 9457，语言随 Accept-Language。 Bodies of at most 64 KB; problems as in RFC \
     9457, in the language of Accept-Language.",
];

pub(super) async fn health() -> &'static str {
    "ok\n"
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

fn rows(out: &mut String, heads: [&str; 2], rows: impl Iterator<Item = (String, String)>) {
    let [one, two] = heads;
    let _ = write!(
        out,
        "<table><thead><tr><th scope=\"col\">{one}</th><th scope=\"col\">{two}</th></tr></thead><tbody>"
    );
    for (name, words) in rows {
        let (name, words) = (escape(&name), escape(&words));
        let _ = write!(out, "<tr><th scope=\"row\"><code>{name}</code></th><td>{words}</td></tr>");
    }
    out.push_str("</tbody></table>\n");
}

fn name_of(schema: &Value) -> &str {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default()
}

fn link(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("<a href=\"#{name}\">{name}</a>") }
}

fn told_route(out: &mut String, told: &Told, schemas: &mut Schemas) {
    let Told { route, zh, en, takes, gives, .. } = told;
    let (method, path) = (route.method, escape(route.path));
    let _ = write!(
        out,
        "<section><h3><code>{method} {path}</code></h3>\n<p>{}</p>\n<p lang=\"en\">{}</p>\n",
        escape(zh),
        escape(en)
    );
    if let Some(takes) = takes {
        let _ = writeln!(out, "<p>正文 Body: {}</p>", link(name_of(&takes(schemas))));
    }
    let back = match gives {
        Reply::Json(schema) => link(name_of(&schema(schemas))),
        Reply::Other(media) => escape(media),
    };
    let open = if route.who == Who::Anyone { "不需要令牌。 No token is needed." } else { "" };
    let _ = writeln!(out, "<p>返回 Answer: {back}. {open}</p></section>");
}

fn made() -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>接口说明 API – 接力 Jieli</title>\n",
    );
    let _ = write!(out, "<link rel=\"stylesheet\" href=\"{BASE}/style.css\">\n</head>\n<body>\n");
    out.push_str("<main id=\"main\" class=\"wide\">\n<h1>接口说明 API</h1>\n");
    for text in LEAD {
        let _ = writeln!(out, "<p>{text}</p>");
    }
    let _ = write!(
        out,
        "<p><a href=\"{BASE}/openapi.json\">openapi.json</a> (OpenAPI 3.1)</p>\n<h2>地址 Addresses</h2>\n"
    );
    let mut schemas = Schemas::new();
    for told in told() {
        told_route(&mut out, &told, &mut schemas);
    }
    let body = link(name_of(&of::<ChangeTold>(&mut schemas)));
    let _ = writeln!(
        out,
        "<h2>推送 Webhooks</h2>\n<p>{}</p>\n<p>正文 Body: {body}</p>",
        escape(WEBHOOK)
    );
    out.push_str("<h2>正文 Bodies</h2>\n");
    for (name, schema) in &schemas {
        let words = escape(schema["description"].as_str().unwrap_or_default());
        let _ =
            write!(out, "<section id=\"{name}\"><h3><code>{name}</code></h3>\n<p>{words}</p>\n");
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(name, field)| {
            (name.clone(), field["description"].as_str().unwrap_or_default().to_owned())
        });
        rows(&mut out, ["栏目 Field", "含义 Meaning"], fields);
        out.push_str("</section>\n");
    }
    out.push_str("<h2>出错代码 Problems</h2>\n");
    let codes = problem::codes();
    let codes =
        codes.map(|(status, code, zh, en)| (format!("{status} {code}"), format!("{zh} {en}")));
    rows(&mut out, ["代码 Code", "含义 Meaning"], codes);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

pub(super) async fn page() -> Html<String> {
    Html(made())
}

#[cfg(test)]
mod tests {
    use super::made;

    #[test]
    fn the_page_names_everything_and_loads_nothing_from_elsewhere() {
        let page = made();
        for word in ["/api/v1/legs", "id=\"LegLine\"", "412 STALE", "Last-Event-ID"] {
            assert!(page.contains(word), "{word}");
        }
        for outside in ["http:", "https:", "<script", "style=\"", "//"] {
            assert!(!page.contains(outside), "{outside}");
        }
        for link in page.split("href=\"#").skip(1) {
            let name = link.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
        }
    }
}
