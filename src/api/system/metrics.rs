//! Numbers for Prometheus.

use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::health::resident_bytes;
use crate::api::kit::refusals::Unlisted;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::relay::BreakerState;
use crate::state::App;
use crate::telemetry::names;

/// The text form of Prometheus.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Metrics
///
/// Numbers for Prometheus, in its text form. In staging and production only where `METRICS_TOKEN` is
/// set, which is then sent as a bearer token; nowhere here where `METRICS_PORT` gives them a port of
/// their own.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics_get", tag = "health", security(()),
    responses(
        (status = 200, description = "All numbers.", body = String, content_type = "text/plain",
            example = "# TYPE concierge_connections_open gauge\nconcierge_connections_open 3\n"),
        Unlisted))]
pub async fn get(app: App, headers: HeaderMap) -> Result<Response> {
    if !is_public(&app.config) {
        return Err(Error::not_found("path"));
    }
    told(&app, &headers)
}

/// The same on a port of its own.
pub async fn get_inside(app: App, headers: HeaderMap) -> Result<Response> {
    told(&app, &headers)
}

fn told(app: &App, headers: &HeaderMap) -> Result<Response> {
    if !may_read(&app.config, headers) {
        return Err(Error::unauthenticated(
            "unauthorized",
            "The metrics are for who has their token.",
        ));
    }
    look(app);
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
    Ok((headers, app.metrics.render()).into_response())
}

fn is_public(config: &Config) -> bool {
    let features = &config.features;
    features.metrics_port.is_none() && (config.env.is_local() || features.metrics_token.is_some())
}

fn may_read(config: &Config, headers: &HeaderMap) -> bool {
    let Some(token) = &config.features.metrics_token else {
        return true;
    };
    let sent = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let Some((scheme, sent)) = sent.and_then(|sent| sent.split_at_checked("bearer ".len())) else {
        return false;
    };
    let is_same = sent.ct_eq(token.expose_secret().as_bytes());
    scheme.eq_ignore_ascii_case(b"bearer ") && is_same.into()
}

/// Reads what stands somewhere anyway.
#[expect(clippy::cast_precision_loss, reason = "nobody counts so far")]
fn look(app: &App) {
    let set = |metric, values: &[&str], value: f64| app.metrics.gauge(metric, values).set(value);
    let vitals = &app.vitals;
    set(&names::LEDGER_UNWRITTEN, &[], app.relay.unwritten() as f64);
    for (provider, model, state) in app.relay.breakers() {
        let value = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        set(&names::RELAY_BREAKER, &[&provider, &model], value);
    }
    let leased = app.relay.leased();
    set(&names::LEASES, &[], leased.leases as f64);
    set(&names::LEASED, &["free"], leased.free as f64);
    set(&names::LEASED, &["reserved"], leased.reserved as f64);
    set(&names::LEASED, &["spent"], leased.spent as f64);
    let connections = vitals.connections.load(Ordering::Relaxed);
    set(&names::CONNECTIONS, &[], connections as f64);
    let room = vitals.body_room.available_permits();
    set(&names::BODY_ROOM, &[], room as f64);
    for (database, pool) in app.health.pools() {
        set(
            &names::DATABASE_CONNECTIONS,
            &[database, "used"],
            pool.used.into(),
        );
        set(
            &names::DATABASE_CONNECTIONS,
            &[database, "idle"],
            pool.idle.into(),
        );
    }
    set(&names::MEMORY, &[], resident_bytes().unwrap_or(0) as f64);
    let uptime = app.now().since(vitals.started_at);
    set(&names::UPTIME, &[], uptime.as_secs_f64());
    let build = [env!("CARGO_PKG_VERSION"), app.config.env.as_str()];
    set(&names::BUILD, &build, 1.0);
}
