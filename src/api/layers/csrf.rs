//! Pages of other sites must not act with a visitor's cookie.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, Method};

use super::origin::is_trusted;
use crate::api::kit::caller::KEY_HEADERS;
use crate::error::Error;
use crate::state::App;

/// Refuses what a foreign page sends, whether it carries a cookie or not (a login may not be forced
/// on anybody either). A header with credentials is no browser's doing and passes.
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) || has_credentials(request.headers()) || is_own(&request, &app) {
        return next.run(request).await;
    }
    Error::forbidden(
        "csrf_origin",
        "The request comes from a site that is not allowed here.",
    )
    .into_response()
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

/// What the browser says of where the request comes from; who says nothing is no browser.
fn is_own(request: &Request, app: &App) -> bool {
    let said = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("null"))
    };
    let site = said("sec-fetch-site");
    if site == Some("same-origin") {
        return true;
    }
    if let Some(origin) = said(ORIGIN.as_str()) {
        return is_trusted(origin, &app.config, request);
    }
    matches!(site, None | Some("none"))
}
