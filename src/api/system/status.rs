//! Whether it works, in one word; and for whom.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::kit::extract::Json;
use crate::api::kit::refusals::{Failures, Unauthenticated};
use crate::api::kit::scoped::{ProfileRead, Scoped};
use crate::domain::{Status, Ts, Username};
use crate::error::Result;
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"status": "operational", "timestamp": "2026-11-21T09:30:00.25Z",
    "version": "0.1.0", "environment": "development"})))]
pub struct ServiceStatus {
    /// `operational` or `degraded`.
    status: &'static str,
    timestamp: Ts,
    version: &'static str,
    environment: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"user_id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55", "username": "ada",
    "status": "active", "last_seen": "2026-11-21T09:30:00.25Z"})))]
pub struct UserStatus {
    user_id: String,
    #[schema(required = true)]
    username: Option<Username>,
    status: Status,
    #[schema(required = true)]
    last_seen: Option<Ts>,
}

/// Status of the service
///
/// `degraded` where a dependency is down.
#[utoipa::path(get, path = "/api/v1/status", operation_id = "status_service", tag = "status",
    security(()), responses(
        (status = 200, description = "How the service does, in one word.", body = ServiceStatus)))]
pub async fn service(app: App) -> Json<ServiceStatus> {
    let is_well = app.health.report().await.is_whole();
    Json(ServiceStatus {
        status: if is_well { "operational" } else { "degraded" },
        timestamp: app.now(),
        version: env!("CARGO_PKG_VERSION"),
        environment: app.config.env.as_str(),
    })
}

/// Status of the caller
///
/// Who the caller is, and when they were last seen.
#[utoipa::path(get, path = "/api/v1/status/user", operation_id = "status_user", tag = "status",
    responses((status = 200, description = "Who the caller is.", body = UserStatus),
        Unauthenticated, Failures))]
pub async fn user(caller: Scoped<ProfileRead>, app: App) -> Result<Json<UserStatus>> {
    let user = app.auth.user(&caller.user).await?;

    Ok(Json(UserStatus {
        user_id: user.id.to_string(),
        username: user.username,
        status: user.status,
        last_seen: user.last_seen_at,
    }))
}
