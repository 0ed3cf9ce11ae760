//! A request's id, its span, and the one line that tells how it ended.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::{Instrument, Span, error_span, field};

use crate::api::kit::problem::Refusal;
use crate::domain::RequestId;
use crate::error::{Kind, chain};
use crate::state::App;
use crate::telemetry::traces;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The route of what no route takes.
const UNMATCHED: &str = "unmatched";

/// Paths that are asked every few seconds, by machines.
const PROBES: [&str; 9] = [
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/startupz",
    "/api/v1/health",
    "/api/v1/health/live",
    "/api/v1/health/ready",
    "/api/v1/health/startup",
];

/// Names the request: by its caller's own id where that is short and visible, else by ours.
pub async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let own = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let id = own
        .and_then(RequestId::parse)
        .unwrap_or_else(|| RequestId::new(&app.clock));
    let value = HeaderValue::from_str(id.as_str());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    if let Ok(value) = value {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// Counts the request, opens its spans, and says once how it ended.
pub async fn follow(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = tokio::time::Instant::now();
    let requests = &app.vitals.requests;
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let running = requests.begin(request.method(), route);
    let is_probe = is_probe(request.uri().path());
    let traced = if is_probe {
        Span::none()
    } else {
        traces::request(request.method(), route, request.headers())
    };
    let span = traced.in_scope(|| span(&request, route));
    if let Some(id) = traces::id(&traced) {
        span.record("trace_id", id);
    }
    let answered = next.run(request).instrument(span.clone());
    let response = answered.instrument(traced.clone()).await;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tell(&response, duration_ms, is_probe));
    let code = code(&response);
    code.inspect(|code| requests.refused(code));
    traces::answered(&traced, response.status(), code);
    running.end(response.status());
    response
}

/// Whether a path is one of those that tell how we do, and is answered whatever happens.
pub fn is_probe(path: &str) -> bool {
    PROBES.contains(&path.trim_end_matches('/'))
}

/// The route and not the path: the path is the caller's text.
fn span(request: &Request, route: &str) -> Span {
    let id = request.extensions().get::<RequestId>();
    // Of the highest level: a filter that lets a failure through must let its request through.
    error_span!(
        "request",
        request_id = id.map(RequestId::as_str),
        method = request.method().as_str(),
        route,
        user.id = field::Empty,
        trace_id = field::Empty,
    )
}

/// The slug of an error of ours.
fn code(response: &Response) -> Option<&'static str> {
    let refusal = response.extensions().get::<Refusal>();
    refusal.map(|Refusal(error)| error.code)
}

fn tell(response: &Response, duration_ms: u64, is_probe: bool) {
    let status = response.status().as_u16();
    let Some(Refusal(error)) = response.extensions().get::<Refusal>() else {
        if is_probe {
            tracing::debug!(status, duration_ms, "Answered {status}");
        } else {
            tracing::info!(status, duration_ms, "Answered {status}");
        }
        return;
    };
    let code = error.code;
    match error.kind {
        Kind::Internal => {
            tracing::error!(status, duration_ms, code, error = %chain(&**error), "Failed with {code}");
        }
        Kind::Upstream { .. } | Kind::Timeout | Kind::Unavailable => {
            tracing::warn!(status, duration_ms, code, error = %chain(&**error), "Failed with {code}");
        }
        _ => tracing::info!(status, duration_ms, code, "Refused with {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_one_with_slashes_at_its_end_too() {
        for path in [
            "/livez",
            "/readyz/",
            "/startupz//",
            "/health/",
            "/api/v1/health/",
        ] {
            assert!(is_probe(path), "{path}");
        }
        for path in ["/", "", "/readyz/x", "/api/v1/status"] {
            assert!(!is_probe(path), "{path}");
        }
    }
}
