//! Pages of other sites must not act with a visitor's cookie.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::{HeaderMap, Method};

use super::origin::is_trusted;
use crate::api::kit::caller::KEY_HEADERS;
use crate::api::kit::extract::essence;
use crate::error::{Error, Kind};
use crate::state::App;

/// The one door that reads forms.
const LOGIN: &str = "/api/v1/auth/login";
/// What an HTML form can send without a script.
const FORMS: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Where a request comes from, as its browser says.
enum Site {
    Trusted,
    Foreign,
    /// Nothing is said of it: a program, or a browser of old.
    Unsaid,
}

/// Refuses what a foreign page sends, whether it carries a cookie or not (a login may not be forced
/// on anybody either). A header with credentials is no browser's doing and passes.
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) || has_credentials(request.headers()) {
        return next.run(request).await;
    }
    match site(&request, &app) {
        Site::Foreign => foreign().into_response(),
        Site::Unsaid if may_be_forged(&request) => form().into_response(),
        Site::Trusted | Site::Unsaid => next.run(request).await,
    }
}

fn foreign() -> Error {
    Error::forbidden(
        "csrf_origin",
        "The request comes from a site that is not allowed here.",
    )
}

fn form() -> Error {
    Error::new(
        Kind::Unsupported,
        "unsupported_media_type",
        "A form cannot be sent here with a cookie; send JSON.",
    )
}

fn is_safe(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION) || KEY_HEADERS.iter().any(|name| headers.contains_key(name))
}

fn site(request: &Request, app: &App) -> Site {
    let said = |name| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap_or("null"))
    };
    let site = said("sec-fetch-site");
    let origin = said(ORIGIN.as_str());
    let is_trusted = match (site, origin) {
        (Some("same-origin"), _) => true,
        (_, Some(origin)) => is_trusted(origin, &app.config, request),
        (Some(site), None) => site == "none",
        (None, None) => return Site::Unsaid,
    };
    if is_trusted {
        Site::Trusted
    } else {
        Site::Foreign
    }
}

/// Whether it could be a form on a page that a browser of old does not tell of.
fn may_be_forged(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(COOKIE)
        && FORMS.contains(&essence(headers).as_str())
        && request.uri().path() != LOGIN
}
