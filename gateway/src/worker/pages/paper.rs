//! What a person takes along: the complete signed copy, the slip, and a statement.

use crate::console::frame::Answer;
use crate::console::posted::Form;
use crate::paper::{self, PageError};
use crate::worker::guest::Guest;
use crate::worker::sessions::Typed;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse};
use jieli_proto::wire;

/// V19: everything, as a file that verifies without an account. The look is written down.
pub(crate) async fn copy(guest: Guest, _: Form) -> Answer {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::OpenRequest { code: code.clone(), case_number: case.clone() };
    let copy = guest.pages.node().copy(asked).await.map_err(guest.sorry())?.into_inner();
    let name: String = copy
        .file_name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c))
        .collect();
    let to_keep = format!("attachment; filename=\"{name}\"");
    let heads = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, to_keep),
    ];
    Ok((heads, copy.zip).into_response())
}

/// The own slip, with a fresh code.
pub(crate) async fn slip(guest: Guest, _: Form) -> Answer {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::OpenRequest { code: code.clone(), case_number: case.clone() };
    let slip = guest.pages.node().slip(asked).await.map_err(guest.sorry())?.into_inner();
    printed(&guest, paper::slip(&slip))
}

/// The statement that was said yes to with this code.
pub(crate) async fn statement(guest: Guest, _: Form) -> Answer {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::OpenRequest { code: code.clone(), case_number: case.clone() };
    let page = guest.pages.node().statement(asked).await.map_err(guest.sorry())?.into_inner();
    printed(&guest, paper::statement(&page))
}

fn printed(guest: &Guest, page: Result<String, PageError>) -> Answer {
    let Ok(html) = page else {
        return Err(guest.denied(StatusCode::INTERNAL_SERVER_ERROR, "error.me_page"));
    };
    let mut response = Html(html).into_response();
    if let Ok(policy) = HeaderValue::from_str(&paper::policy()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}
