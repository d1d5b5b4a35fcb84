//! What a browser sends: forms, cookies, and where they come from.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// A form that came from one of our own pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    /// The ending of a file's name, and its bytes.
    pub(crate) file: Option<(String, Bytes)>,
}

impl Form {
    /// Of names and values that did not come from a page.
    pub(crate) fn of(fields: Vec<(String, String)>) -> Form {
        Form { fields, file: None }
    }

    /// A field, without blanks around it; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// All values of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every field.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Form, StatusCode> {
        parts.extensions.get::<Form>().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Every browser says from which site a form comes.
pub(crate) fn from_here(headers: &HeaderMap, own: &str) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin == own)
}

/// Reads a form of at most so many bytes.
pub(crate) async fn read(request: Request, most: usize) -> Result<Form, ()> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, most).await.map_err(drop)?;
    let request = Request::from_parts(parts, axum::body::Body::from(bytes));
    if !kind.starts_with("multipart/form-data") {
        let fields = axum::extract::RawForm::from_request(request, &()).await.map_err(drop)?;
        let fields = fields.0;
        return Ok(Form { fields: pairs(&fields), file: None });
    }
    let mut form = Form::default();
    let mut parts = Multipart::from_request(request, &()).await.map_err(drop)?;
    while let Some(part) = parts.next_field().await.map_err(drop)? {
        let name = part.name().unwrap_or_default().to_owned();
        match part.file_name().map(str::to_owned) {
            Some(file) => {
                // The name itself may be a person's: its ending is all that is kept.
                let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
                let ending = ending.chars().take(8).collect::<String>().to_lowercase();
                form.file = Some((ending, part.bytes().await.map_err(drop)?));
            }
            None => form.fields.push((name, part.text().await.map_err(drop)?)),
        }
    }
    Ok(form)
}

/// `application/x-www-form-urlencoded`, as browsers write it.
fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (plain(&pair[..at]), plain(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

fn plain(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).and_then(|two| {
            let two = std::str::from_utf8(two).ok()?;
            u8::from_str_radix(two, 16).ok()
        });
        match (bytes[at], escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A cookie of a request.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).filter(|v| v.len() <= 64)
}

/// Sets a cookie.
pub(crate) fn append(response: &mut Response, line: &str) {
    if let Ok(value) = HeaderValue::from_str(line) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{from_here, pairs};
    use axum::http::{HeaderMap, header};

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = pairs("a=%E6%96%BD%C2%B7x+y&b=&c&d=%zz%2&e=%F0%A0%AE%B7".as_bytes());
        let expect = [("a", "施·x y"), ("b", ""), ("c", ""), ("d", "%zz%2"), ("e", "𠮷")];
        assert_eq!(form, expect.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_form_comes_from_here_or_not_at_all() {
        let mut headers = HeaderMap::new();
        assert!(!from_here(&headers, "https://desk.example"));
        for (origin, ours) in [
            ("null", false),
            ("https://desk.example", true),
            ("https://desk.example.evil", false),
            ("http://desk.example", false),
        ] {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            assert_eq!(from_here(&headers, "https://desk.example"), ours, "{origin}");
        }
    }
}
