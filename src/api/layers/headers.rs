//! Headers that keep browsers careful.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName};

use crate::api::kit::client::is_https;
use crate::api::kit::dialect::lies_below;
use crate::state::App;

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const TWO_YEARS: &str = "max-age=63072000; includeSubDomains";

/// Branches whose answers belong to one person.
const PRIVATE: [&str; 11] = [
    "/api/v1/audit",
    "/api/v1/auth",
    "/api/v1/api-keys",
    "/api/v1/users",
    "/api/v1/usage",
    "/api/v1/status/user",
    "/status/user",
    "/api/v1/chat",
    "/api/v1/embeddings",
    "/api/v1/models",
    "/v1",
];

pub async fn harden(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_private = PRIVATE.iter().any(|branch| lies_below(branch, path));
    let is_https = is_https(&app.config, request.extensions(), request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, REFERRER_POLICY, "no-referrer");
    set(headers, X_FRAME_OPTIONS, "DENY");
    set(
        headers,
        PERMISSIONS_POLICY,
        "camera=(), geolocation=(), microphone=()",
    );
    set(
        headers,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    let reach = if app.config.cors.origins.is_empty() {
        "same-site"
    } else {
        "cross-origin"
    };
    set(headers, CORP, reach);
    if is_https {
        set(headers, STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
    if is_private {
        set(headers, CACHE_CONTROL, "no-store");
    }
    response
}

/// What a handler has set itself stays.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}
