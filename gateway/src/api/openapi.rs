//! The OpenAPI document, from the routes and the shapes of their bodies.

use super::legs::LIMIT_MAX;
use super::once::json;
use super::problem;
use super::routes::{Reply, Told, Who, told};
use super::shape::{Schemas, of};
use super::views::ChangeTold;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

/// How webhooks are sent.
pub(super) const WEBHOOK: &str = "本机构的一个事项有变化时，按 Standard Webhooks 签名推送：办件编号、序号、当时的进度，没有别的。同一地址一次一条，\
     按变化的先后；没有以 2xx 接收的，以同一 webhook-id 重送，间隔从 5 秒到 4 小时，3 天（可配置）后放弃并报警。不跟随\
     重定向，只读答复的前 16 KB。地址由节点的运维人员用 jieli webhook add 登记，密钥只显示一次。 When a leg of this \
     office changes: case, leg and its stage at that time, and nothing else, signed by the Standard \
     Webhooks scheme. To one address one at a time, in the order of the changes; what is not taken \
     with a 2xx is sent again under the same webhook-id, after 5 seconds to 4 hours, and given up \
     after 3 days (a setting) with an alarm; what was given up and is sent again by hand comes with \
     its old stage. No redirect is followed, and 16 KB of an answer are read. An operator of the node \
     enters the address (jieli webhook add); the secret is shown once.";

/// What a GET of a system can be refused with.
const READ: [u16; 8] = [400, 401, 403, 404, 409, 422, 429, 502];
/// And a POST.
const WRITE: [u16; 4] = [412, 413, 415, 428];

fn variable(name: &str) -> Value {
    let schema = match name {
        "leg" => json!({ "type": "integer", "minimum": 1 }),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn query(name: &str, words: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "required": false, "description": words, "schema": schema })
}

fn header(name: &str, words: &str, is_needed: bool) -> Value {
    let schema = match is_needed {
        true => json!({ "type": "string", "minLength": 1, "maxLength": 100 }),
        false => json!({ "type": "string" }),
    };
    json!({
        "name": name, "in": "header", "required": is_needed, "description": words, "schema": schema
    })
}

fn filters() -> Vec<Value> {
    let text = json!({ "type": "string" });
    vec![
        query("stage", "进度，如 OFFERED。 Stage, such as OFFERED.", &text),
        query("service", "事项种类，如 SCHOOLING。 Service, such as SCHOOLING.", &text),
        query(
            "due",
            "overdue、today 或 week。 overdue, today or week.",
            &json!({ "type": "string", "enum": ["overdue", "today", "week"] }),
        ),
        query(
            "due_before",
            "期限早于这一天。 Due before this day.",
            &json!({ "type": "string", "format": "date" }),
        ),
        query(
            "sort",
            "due 从早到晚（默认），-due 从晚到早。 due: earliest first (default); -due: latest first.",
            &json!({ "type": "string", "enum": ["due", "-due"] }),
        ),
        query("after", "上一页的 next。 `next` of the page before.", &text),
        query(
            "limit",
            "一页多少项。 Legs on a page.",
            &json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 50 }),
        ),
    ]
}

fn parameters(told: &Told) -> Vec<Value> {
    let inside = told.route.path.split(['{', '}']).skip(1).step_by(2);
    let mut all: Vec<Value> = inside.map(variable).collect();
    match told.id {
        "legs" => all.extend(filters()),
        "leg" => all.push(header("If-None-Match", "已有的 ETag。 The ETag that is known.", false)),
        "events" => {
            let words = "最后收到的事件号。 Number of the last event received.";
            all.push(header("Last-Event-ID", words, false));
        }
        _ => {}
    }
    if told.takes.is_some() {
        let words =
            "同一请求重发时不变，一天内有效。 The same when a request is sent again; for a day.";
        all.push(header("Idempotency-Key", words, true));
    }
    if told.matched {
        let words = "所见事项的 ETag。 The ETag of the leg as it was seen.";
        all.push(header("If-Match", words, true));
    }
    all
}

fn answer(words: &str, media: &str, schema: &Value) -> Value {
    json!({ "description": words, "content": { media: { "schema": schema } } })
}

fn operation(told: &Told, schemas: &mut Schemas) -> Value {
    let mut answers = Map::new();
    let (media, schema) = match told.gives {
        Reply::Json(schema) => ("application/json", schema(schemas)),
        Reply::Other("application/json") => ("application/json", json!({ "type": "object" })),
        Reply::Other(media) => (media, json!({ "type": "string" })),
    };
    answers.insert("200".to_owned(), answer("好。 Well.", media, &schema));
    if told.id == "leg" {
        answers.insert("304".to_owned(), json!({ "description": "没有变化。 Unchanged." }));
        answers["200"]["headers"] = json!({
            "ETag": { "description": "事项的标签。 Tag of the leg.", "schema": { "type": "string" } }
        });
    }
    let is_open = told.route.who == Who::Anyone;
    let mut wrong: Vec<u16> = if is_open { vec![429] } else { READ.to_vec() };
    if told.takes.is_some() {
        wrong.extend(WRITE);
    }
    if told.id == "events" {
        wrong.push(503);
    }
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    for status in wrong {
        let said = answer("出错。 A problem.", "application/problem+json", &problem);
        answers.insert(status.to_string(), said);
    }
    let mut all = json!({
        "operationId": told.id,
        "summary": format!("{} {}", told.zh, told.en),
        "parameters": parameters(told),
        "responses": answers,
    });
    if is_open {
        all["security"] = json!([]);
    }
    if let Some(takes) = told.takes {
        let schema = takes(schemas);
        all["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    all
}

fn problem_schema() -> Value {
    let codes: Vec<&str> = problem::codes().map(|(_, code, _, _)| code).collect();
    let text = json!({ "type": "string" });
    let words = format!(
        "稳定的代码；除节点自己的以外有：{0}。 Stable code; besides the node's own: {0}.",
        codes.join(" ")
    );
    json!({
        "type": "object",
        "description": "RFC 9457。 RFC 9457.",
        "properties": {
            "type": text, "title": text, "status": { "type": "integer" },
            "code": { "type": "string", "description": words },
            "detail": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "field": text, "detail": text },
                    "required": ["field", "detail"],
                },
            },
        },
        "required": ["type", "title", "status", "code", "detail"],
    })
}

/// What is sent to a system, where an operator of the node has entered its address.
fn webhooks(schemas: &mut Schemas) -> Value {
    let headers = [
        (
            "webhook-id",
            "同一条推送重送时不变：已处理过的不再处理。 The same when a delivery is repeated: what was \
             dealt with under it needs nothing more.",
        ),
        ("webhook-timestamp", "发送时刻，Unix 秒。 When it was sent, Unix seconds."),
        (
            "webhook-signature",
            "v1,base64(HMAC-SHA256(密钥, id.timestamp.正文))，更换密钥的一天内有两个，以空格分开。 \
             v1,base64(HMAC-SHA256(secret, id.timestamp.body)); two, apart by a blank, for a day \
             after the secret was changed.",
        ),
    ];
    let headers = headers.map(|(name, words)| header(name, words, true));
    let body = of::<ChangeTold>(schemas);
    json!({
        "leg": { "post": {
            "operationId": "legChanged",
            "summary": WEBHOOK,
            "parameters": headers,
            "requestBody": {
                "required": true, "content": { "application/json": { "schema": body } }
            },
            "responses": {
                "2XX": { "description": "已接收。 Taken." },
                "default": { "description": "稍后以同一 webhook-id 重送。 Sent again later under the \
                    same webhook-id." },
            },
            "security": [],
        } }
    })
}

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    schemas.insert("Problem".to_owned(), problem_schema());
    let mut paths: Map<String, Value> = Map::new();
    for told in told() {
        let operation = operation(&told, &mut schemas);
        let at = paths.entry(told.route.path).or_insert_with(|| json!({}));
        at[told.route.method.to_ascii_lowercase()] = operation;
    }
    let webhooks = webhooks(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "接力 Jieli",
            "version": "1",
            "description": "机构的其他系统所用的接口。令牌属于一个机构的一个系统；一次只打开一个事项的一个部分，\
                须说明用途，本人看得到；不列出任何人，也不能确认、放行或停止。 For other systems of an office. A \
                token is of one office and one system, which opens one section of one leg at a time for a \
                purpose that the person can read; it lists nobody, and confirms, releases and stops nothing.",
        },
        "security": [{ "token": [] }],
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
        "paths": paths,
        "webhooks": webhooks,
    })
}

pub(super) async fn shown() -> Response {
    json(StatusCode::OK, document().to_string())
}

#[cfg(test)]
mod tests {
    use super::document;
    use std::path::Path;

    #[test]
    fn the_document_that_is_checked_in_is_the_one_that_is_served() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
        if std::env::var_os("JIELI_BLESS").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == made, "gateway/openapi.json: JIELI_BLESS=1 writes it anew");
    }
}
