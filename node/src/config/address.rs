//! Which addresses this city posts to.

use std::net::IpAddr;

/// Why an address cannot stand; `in_the_clear` is said to plain http anywhere but on this machine.
pub(crate) fn url_problem(text: &str, in_the_clear: &'static str) -> Option<&'static str> {
    let whole = "must be a whole address such as https://host.example.cn/v1/notices";
    let Ok(url) = text.parse::<http::Uri>() else { return Some(whole) };
    let (Some(scheme), Some(host)) = (url.scheme_str(), url.host()) else { return Some(whole) };
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Some("must not hold a user or password: the secret signs instead");
    }
    match scheme {
        "https" => None,
        "http" if is_loopback(host) => None,
        "http" => Some(in_the_clear),
        _ => Some(whole),
    }
}

/// Whether a host of an address can only be this machine. A name is not: it may resolve elsewhere.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
