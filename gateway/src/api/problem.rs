//! What went wrong, as RFC 9457 has it: a stable code, and a sentence in the language asked for.

use crate::console::desks::Said;
use crate::console::words::Lang;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What this process itself refuses. The node's own words pass through as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoToken,
    TooMany,
    WrongHost,
    NoRoute,
    NoMethod,
    BadQuery,
    BadBody,
    BadField,
    TooLarge,
    NotJson,
    KeyMissing,
    KeyOtherBody,
    KeyInUse,
    MatchMissing,
    Stale,
    NoLeg,
    NoSection,
    NotNow,
    TooManyStreams,
    BadEventId,
}

use Problem::{
    BadBody, BadEventId, BadField, BadQuery, KeyInUse, KeyMissing, KeyOtherBody, MatchMissing,
    NoLeg, NoMethod, NoRoute, NoSection, NoToken, NotJson, NotNow, Stale, TooLarge, TooMany,
    TooManyStreams, WrongHost,
};

type Row = (Problem, u16, &'static str, &'static str, &'static str);

/// Status, stable code, Chinese, English.
const TABLE: [Row; 20] = [
    (NoToken, 401, "NO_TOKEN", "需要有效的系统令牌。", "A valid token of a system is needed."),
    (TooMany, 429, "TOO_MANY", "请求过多，请稍后再试。", "Too many requests: wait and try again."),
    (WrongHost, 421, "WRONG_HOST", "主机名不对。", "This is not the host that was asked for."),
    (NoRoute, 404, "NO_ROUTE", "没有这个地址。", "There is no such address."),
    (
        NoMethod,
        405,
        "NO_METHOD",
        "此地址不支持这种方法。",
        "This address does not take that method.",
    ),
    (BadQuery, 400, "BAD_QUERY", "查询参数有误。", "A query parameter cannot be understood."),
    (BadBody, 400, "BAD_BODY", "正文不符合约定的格式。", "The body is not of the documented form."),
    (BadField, 422, "BAD_FIELD", "有的栏目需要更正。", "Some fields have to be put right."),
    (TooLarge, 413, "TOO_LARGE", "正文过大。", "The body is too large."),
    (
        NotJson,
        415,
        "NOT_JSON",
        "正文须为 application/json。",
        "The body has to be application/json.",
    ),
    (
        KeyMissing,
        400,
        "KEY_MISSING",
        "请带上 Idempotency-Key（1 至 100 个可见字符）。",
        "Send an Idempotency-Key of 1 to 100 visible characters.",
    ),
    (
        KeyOtherBody,
        422,
        "KEY_OTHER_BODY",
        "这个 Idempotency-Key 已用于另一个请求。",
        "This Idempotency-Key was used for another request.",
    ),
    (
        KeyInUse,
        409,
        "KEY_IN_USE",
        "同一 Idempotency-Key 的请求正在办理。",
        "A request with this Idempotency-Key is being worked on.",
    ),
    (
        MatchMissing,
        428,
        "MATCH_MISSING",
        "请带上 If-Match：您看到的事项的 ETag。",
        "Send If-Match with the ETag of the leg as you saw it.",
    ),
    (
        Stale,
        412,
        "STALE",
        "事项已有变化，请重新读取后再办理。",
        "The leg has changed: read it again first.",
    ),
    (NoLeg, 404, "NO_LEG", "没有这个事项，或不属于本机构。", "No such leg, or not of this office."),
    (NoSection, 404, "NO_SECTION", "没有这个部分。", "There is no such section."),
    (NotNow, 409, "NOT_NOW", "现在不能办理这一步。", "This step cannot be taken now."),
    (
        TooManyStreams,
        503,
        "TOO_MANY_STREAMS",
        "同时打开的事件流过多。",
        "Too many streams of events are open.",
    ),
    (
        BadEventId,
        400,
        "BAD_EVENT_ID",
        "Last-Event-ID 须为数字。",
        "Last-Event-ID has to be a number.",
    ),
];

impl Problem {
    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&TABLE[0])
    }
}

/// The codes with what they mean, for the page.
pub(super) fn codes() -> impl Iterator<Item = (u16, &'static str, &'static str, &'static str)> {
    TABLE.iter().map(|(_, status, code, zh, en)| (*status, *code, *zh, *en))
}

/// An answer that says what went wrong.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    status: StatusCode,
    code: String,
    detail: String,
    /// Field and what is wrong with it.
    fields: Vec<(String, String)>,
}

impl Wrong {
    pub(super) fn own(problem: Problem, lang: Lang) -> Wrong {
        let (_, status, code, zh, en) = problem.row();
        Wrong {
            status: StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST),
            code: (*code).to_owned(),
            detail: lang.pick(zh, en).to_owned(),
            fields: Vec::new(),
        }
    }

    pub(super) fn fields(lang: Lang, fields: Vec<(String, String)>) -> Wrong {
        Wrong { fields, ..Wrong::own(BadField, lang) }
    }

    /// What the node said.
    pub(super) fn node(lang: Lang) -> impl Fn(tonic::Status) -> Wrong {
        move |status| {
            let said = Said::from(status);
            Wrong {
                status: said.status,
                detail: said.text(lang),
                code: said.code,
                fields: Vec::new(),
            }
        }
    }

    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if !self.fields.is_empty() {
            let all = self.fields.iter();
            let all = all.map(|(name, what)| json!({ "field": name, "detail": what }));
            body["errors"] = all.collect();
        }
        body
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if matches!(self.status.as_u16(), 429 | 503) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What is refused before anybody's language is read is said in Chinese.
pub(super) fn at_the_door(status: StatusCode) -> Response {
    let problem = if status == StatusCode::TOO_MANY_REQUESTS { TooMany } else { WrongHost };
    Wrong::own(problem, Lang::Zh).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_problem_has_one_row_and_one_code() {
        let codes: BTreeSet<_> = TABLE.iter().map(|row| row.2).collect();
        assert_eq!(codes.len(), TABLE.len());
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, at, "{row:?}");
            assert!((400..600).contains(&row.1) && !row.3.is_empty() && !row.4.is_empty());
        }
    }

    #[test]
    fn a_problem_says_its_code_in_both_languages() {
        let body = |lang| Wrong::own(Stale, lang).body();
        assert_eq!(
            (body(Lang::Zh)["code"].clone(), body(Lang::En)["status"].clone()),
            (json!("STALE"), json!(412))
        );
        assert_ne!(body(Lang::Zh)["detail"], body(Lang::En)["detail"]);
    }
}
