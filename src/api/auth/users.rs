//! Users, for administrators: who they are, and what they may use.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::kit::caller::Administrator;
use crate::api::kit::extract::{Json, Path, Query};
use crate::api::kit::page::{Asked, Page, Paged, Paging};
use crate::api::kit::refusals::{BadBody, BadParameters, Failures, Missing, Unauthenticated};
use crate::auth::NewCaps;
use crate::domain::{FlatCaps, Patch, Period, Role, Status, User, UserId};
use crate::error::Result;
use crate::state::App;
use crate::store::users::Sought;

/// An account, and what it may use: null is what is configured for everybody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
    "email": "ada@example.com", "username": "ada", "name": "Ada Lovelace", "role": "user",
    "status": "active", "email_verified": false, "created_at": "2026-11-21T09:30:00.25Z",
    "updated_at": "2026-11-21T09:30:00.25Z", "last_seen_at": null,
    "budget_microusd": 5_000_000, "budget_period": "month", "rpm": null, "tpm": null})))]
pub struct AdminUser {
    #[serde(flatten)]
    user: User,
    #[serde(flatten)]
    caps: FlatCaps,
}

/// Which users are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// What stands somewhere in the address or in the username, in large or small letters.
    search: Option<String>,
    #[param(inline)]
    /// Only users with this role.
    role: Option<Role>,
    #[param(inline)]
    /// Only users with this status.
    status: Option<Status>,
}

/// What is to change: what is not given stays, null falls back to what is configured for everybody;
/// a budget's period, to a month.
/// Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"budget_microusd": 5_000_000, "budget_period": "month", "rpm": null})))]
pub struct UserPatch {
    /// What the user may spend in a period over all keys and sessions, in millionths of a dollar.
    #[serde(default)]
    #[schema(value_type = Option<u64>, maximum = 1_000_000_000_000_000i64)]
    budget_microusd: Patch<i64>,
    /// The period of that budget, a month unless said. Needs a budget beside it, or one that is set.
    #[serde(default)]
    #[schema(value_type = Option<Period>)]
    budget_period: Patch<Period>,
    /// Requests a minute.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    rpm: Patch<i64>,
    /// Tokens a minute, prompt and answer together.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    tpm: Patch<i64>,
}

/// List users
///
/// All accounts, the newest first. Administrators only.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "users_list", tag = "users",
    params(Asked, Wanted),
    responses(
        (status = 200, description = "One page of users.", body = Page<AdminUser>,
            headers(
                ("Link" = String, description = "RFC 8288: first, prev, next, last."),
                ("X-Total-Count" = u64, description = "Users on all pages.")),
            example = json!({"items": [{"id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55",
                "email": "ada@example.com", "username": "ada", "name": "Ada Lovelace",
                "role": "user", "status": "active", "email_verified": false,
                "created_at": "2026-11-21T09:30:00.25Z", "updated_at": "2026-11-21T09:30:00.25Z",
                "last_seen_at": null, "budget_microusd": 5_000_000, "budget_period": "month",
                "rpm": null, "tpm": null}], "total": 1, "page": 1, "size": 20, "pages": 1})),
        Unauthenticated, BadParameters, Failures))]
pub async fn list(
    _admin: Administrator,
    app: App,
    paging: Paging,
    Query(wanted): Query<Wanted>,
) -> Result<Paged<AdminUser>> {
    let sought = Sought {
        text: wanted.search,
        role: wanted.role,
        status: wanted.status,
    };
    let (users, total) = app.auth.users(&sought, paging.page, paging.size).await?;

    Ok(paging.holding(users.into_iter().map(AdminUser::from).collect(), total))
}

/// Get a user
///
/// One account, and what it may use. Administrators only.
#[utoipa::path(get, path = "/api/v1/users/{id}", operation_id = "users_get", tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses((status = 200, description = "The user.", body = AdminUser),
        Unauthenticated, Missing, BadParameters, Failures))]
pub async fn get(
    _admin: Administrator,
    app: App,
    Path(id): Path<UserId>,
) -> Result<Json<AdminUser>> {
    let user = app.auth.user(&id).await?;

    Ok(Json(user.into()))
}

/// Change a user
///
/// Sets what a user may spend, and how fast. It counts from the next request on, at other replicas
/// within five seconds. Administrators only.
#[utoipa::path(patch, path = "/api/v1/users/{id}", operation_id = "users_update", tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")), request_body = UserPatch,
    responses((status = 200, description = "The user as it is now.", body = AdminUser),
        Unauthenticated, Missing, BadBody, Failures))]
pub async fn change(
    _admin: Administrator,
    app: App,
    Path(id): Path<UserId>,
    Json(patch): Json<UserPatch>,
) -> Result<Json<AdminUser>> {
    let caps = NewCaps {
        budget_microusd: patch.budget_microusd,
        budget_period: patch.budget_period,
        rpm: patch.rpm,
        tpm: patch.tpm,
    };
    let user = app.auth.cap_user(&id, caps).await?;

    Ok(Json(user.into()))
}

impl From<User> for AdminUser {
    fn from(user: User) -> Self {
        Self {
            caps: user.caps.into(),
            user,
        }
    }
}
