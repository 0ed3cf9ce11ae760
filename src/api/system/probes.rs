//! What an orchestrator asks: are you alive, are you ready, have you started?

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::kit::extract::Json;
use crate::domain::Ts;
use crate::health::Answer;
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"status": "alive", "timestamp": "2026-11-21T09:30:00.25Z"})))]
pub struct Alive {
    status: &'static str,
    timestamp: Ts,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"status": "ready", "timestamp": "2026-11-21T09:30:00.25Z", "checks": {
    "database": {"status": "up", "latency_ms": 1},
    "credentials_database": {"status": "up", "latency_ms": 1},
    "redis": {"status": "disabled", "latency_ms": null}}})))]
pub struct Ready {
    /// `ready` or `not_ready`.
    status: &'static str,
    timestamp: Ts,
    /// What was asked. Empty while starting or stopping.
    checks: BTreeMap<&'static str, Answer>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"status": "started", "timestamp": "2026-11-21T09:30:00.25Z"})))]
pub struct Started {
    /// `started` or `starting`.
    status: &'static str,
    timestamp: Ts,
}

/// Liveness
///
/// The process answers. No dependency is asked: a restart would not mend one.
#[utoipa::path(get, path = "/livez", operation_id = "probe_live", tag = "health", security(()),
    responses((status = 200, description = "The process answers.", body = Alive)))]
pub async fn live(app: App) -> Json<Alive> {
    Json(Alive {
        status: "alive",
        timestamp: app.now(),
    })
}

/// Readiness
///
/// Whether requests should be sent here: not while starting, stopping, or without a database.
#[utoipa::path(get, path = "/readyz", operation_id = "probe_ready", tag = "health", security(()),
    responses((status = 200, description = "Send requests here.", body = Ready),
        (status = 503, description = "Send requests elsewhere.", body = Ready)))]
pub async fn ready(app: App) -> Response {
    let mut checks = BTreeMap::new();
    let mut is_ready = has_started(&app) && !app.shutdown.has_begun();
    if is_ready {
        let report = app.health.report().await;
        is_ready = report.is_ready();
        checks.insert("database", report.database);
        checks.insert("credentials_database", report.credentials_database);
        checks.insert("redis", report.redis);
    }
    let body = Ready {
        status: if is_ready { "ready" } else { "not_ready" },
        timestamp: app.now(),
        checks,
    };
    (code(is_ready), Json(body)).into_response()
}

/// Startup
///
/// Whether the migrations are done.
#[utoipa::path(get, path = "/startupz", operation_id = "probe_startup", tag = "health",
    security(()), responses((status = 200, description = "Migrations are done.", body = Started),
        (status = 503, description = "Migrations are running.", body = Started)))]
pub async fn startup(app: App) -> Response {
    let is_started = has_started(&app);
    let body = Started {
        status: if is_started { "started" } else { "starting" },
        timestamp: app.now(),
    };
    (code(is_started), Json(body)).into_response()
}

pub(super) fn has_started(app: &App) -> bool {
    app.vitals.is_started.load(Ordering::Acquire)
}

fn code(is_well: bool) -> StatusCode {
    if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
