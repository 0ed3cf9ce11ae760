//! How the service does, for people and dashboards.

use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::probes::has_started;
use crate::api::kit::extract::Json;
use crate::domain::Ts;
use crate::health::Answer;
use crate::state::App;

/// The process itself; no dependency is asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health, examples(json!({"status": "healthy",
    "service": "concierge", "version": "0.1.0", "api_version": "v1", "timestamp": "2026-11-21T09:30:00.25Z", "connections": 3,
    "details": {"uptime": "1d 02:03:04", "uptime_seconds": 93_784, "memory_usage": "17.3 MiB",
        "memory_bytes": 18_140_365, "active_connections": 3}})))]
pub struct Shallow {
    status: &'static str,
    service: String,
    version: &'static str,
    api_version: &'static str,
    timestamp: Ts,
    /// Clients that are connected.
    connections: usize,
    details: Process,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthDetails)]
pub struct Process {
    /// Days, then hours, minutes and seconds: `1d 02:03:04`.
    uptime: String,
    uptime_seconds: u64,
    memory_usage: String,
    /// Resident memory; 0 where the system does not tell.
    memory_bytes: u64,
    active_connections: usize,
}

/// The process and what it depends on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeepHealth, examples(json!({"status": "healthy",
    "service": "concierge", "version": "0.1.0", "api_version": "v1", "timestamp": "2026-11-21T09:30:00.25Z", "connections": 3,
    "details": {"uptime": "1d 02:03:04", "uptime_seconds": 93_784, "memory_usage": "17.3 MiB",
        "memory_bytes": 18_140_365, "active_connections": 3},
    "dependencies": {"database": {"status": "up", "latency_ms": 1},
        "credentials_database": {"status": "up", "latency_ms": 1},
        "redis": {"status": "disabled", "latency_ms": null},
        "upstreams": {"status": "up", "latency_ms": 120}}})))]
pub struct Deep {
    #[serde(flatten)]
    process: Shallow,
    dependencies: Dependencies,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Dependencies {
    database: Answer,
    credentials_database: Answer,
    redis: Answer,
    /// The model providers.
    upstreams: Answer,
}

/// Health of the process
///
/// Touches no dependency: for a quick look and for simple health checks.
#[utoipa::path(get, path = "/health", operation_id = "health_shallow", tag = "health",
    security(()), responses((status = 200, description = "The process answers.", body = Shallow)))]
pub async fn shallow(app: App) -> Json<Shallow> {
    Json(Shallow::of(&app, "healthy"))
}

/// Health of the process and its dependencies
///
/// 503 where a required dependency is down, and while starting; without another it is `degraded`.
/// Answers come from a cache: two seconds, thirty for the providers, who are asked for their models
/// and never for money.
#[utoipa::path(get, path = "/api/v1/health", operation_id = "health_deep", tag = "health",
    security(()), responses(
        (status = 200, description = "All that is required answers.", body = Deep),
        (status = 503, description = "A required dependency is down, or migrations are running.", body = Deep),
    ))]
pub async fn deep(app: App) -> Response {
    let report = app.health.report().await;
    let upstreams = app.health.upstreams().await;
    let (status, word) = if !has_started(&app) || !report.is_ready() {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    } else if report.is_whole() && upstreams.is_well() {
        (StatusCode::OK, "healthy")
    } else {
        (StatusCode::OK, "degraded")
    };
    let body = Deep {
        process: Shallow::of(&app, word),
        dependencies: Dependencies {
            database: report.database,
            credentials_database: report.credentials_database,
            redis: report.redis,
            upstreams,
        },
    };
    (status, Json(body)).into_response()
}

impl Shallow {
    fn of(app: &App, status: &'static str) -> Self {
        let connections = app.vitals.connections.load(Ordering::Relaxed);
        let uptime_seconds = app.now().since(app.vitals.started_at).as_secs();
        let memory_bytes = resident_bytes().unwrap_or(0);
        Self {
            status,
            service: app.config.app.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            api_version: "v1",
            timestamp: app.now(),
            connections,
            details: Process {
                uptime: span(uptime_seconds),
                uptime_seconds,
                memory_usage: mebibytes(memory_bytes),
                memory_bytes,
                active_connections: connections,
            },
        }
    }
}

fn span(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        rest / 3_600,
        rest % 3_600 / 60,
        rest % 60
    );
    match days {
        0 => clock,
        days => format!("{days}d {clock}"),
    }
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// `VmRSS` of proc(5), in kibibytes there.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_at_a_glance() {
        assert_eq!(span(59), "00:00:59");
        assert_eq!(span(93_784), "1d 02:03:04");
        assert_eq!(mebibytes(18_140_365), "17.3 MiB");
    }

    #[test]
    fn the_memory_is_the_real_one() {
        assert!(resident_bytes().unwrap() > 1_000_000);
    }
}
