//! Which pages of other origins may read our answers.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::config::Cors;

/// Named one by one: no wildcard counts together with credentials.
const EXPOSED: [&str; 17] = [
    "x-request-id",
    "etag",
    "link",
    "x-total-count",
    "location",
    "retry-after",
    "idempotent-replayed",
    "x-vercel-ai-ui-message-stream",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
];

/// Exact origins, with credentials; methods and headers as the browser asks for them.
pub fn layer(cors: &Cors) -> CorsLayer {
    let origins = cors
        .origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(Duration::from_mins(10))
}
