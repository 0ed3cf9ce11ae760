//! Users, for administrators: who they are, what they may do, and what they may use.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::kit::caller::Administrator;
use crate::api::kit::created::Created;
use crate::api::kit::extract::{Json, Path, Query};
use crate::api::kit::page::{Asked, Page, Paged, Paging};
use crate::api::kit::refusals::{
    BadBody, BadParameters, Failures, LastAdmin, Missing, NamesTaken, Unauthenticated, UserConflict,
};
use crate::auth::{self, NewCaps};
use crate::config::SecretString;
use crate::domain::{
    Email, FlatCaps, Name, Patch, Period, Role, Status, User, UserId, Username, not_null,
};
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

/// An account for somebody else. Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@example.com", "password": "correct horse battery",
    "name": "Ada Lovelace", "budget_microusd": 5_000_000, "budget_period": "month"})))]
pub struct UserNew {
    email: Email,
    /// 8 to 256 characters.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: SecretString,
    /// A second name to sign in by.
    username: Option<Username>,
    name: Option<Name>,
    /// `user` unless said.
    role: Option<Role>,
    /// `active` unless said; not `deleted`.
    status: Option<Status>,
    /// What the user may spend in a period over all keys and sessions, in millionths of a dollar.
    #[schema(value_type = Option<u64>, maximum = 1_000_000_000_000_000i64)]
    budget_microusd: Option<i64>,
    /// The period of that budget, a month unless said. Needs a budget beside it.
    budget_period: Option<Period>,
    /// Requests a minute.
    #[schema(value_type = Option<u64>, minimum = 1)]
    rpm: Option<i64>,
    /// Tokens a minute, prompt and answer together.
    #[schema(value_type = Option<u64>, minimum = 1)]
    tpm: Option<i64>,
}

/// What is to change: what is not given stays. A cap that is null falls back to what is configured for
/// everybody; a budget's period, to a month.
/// Unknown fields are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"status": "inactive", "budget_microusd": 5_000_000,
    "budget_period": "month", "rpm": null})))]
pub struct UserPatch {
    /// Another address is not verified.
    #[serde(default, deserialize_with = "not_null")]
    email: Option<Email>,
    /// Ends every login of the user.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 256)]
    password: Option<SecretString>,
    /// A second name to sign in by.
    #[serde(default)]
    #[schema(value_type = Option<Username>)]
    username: Patch<Username>,
    #[serde(default)]
    #[schema(value_type = Option<Name>)]
    name: Patch<Name>,
    /// Another one ends every login of the user.
    #[serde(default, deserialize_with = "not_null")]
    role: Option<Role>,
    /// Likewise; not `deleted`.
    #[serde(default, deserialize_with = "not_null")]
    status: Option<Status>,
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

/// Create a user
///
/// Opens an account for somebody, also where nobody may register. Administrators only.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "users_create", tag = "users",
    request_body = UserNew,
    responses(
        (status = 201, description = "The new user.", body = AdminUser,
            headers(("Location" = String, description = "Where the user is."))),
        Unauthenticated, NamesTaken, BadBody, Failures))]
pub async fn create(
    admin: Administrator,
    app: App,
    Json(new): Json<UserNew>,
) -> Result<Created<AdminUser>> {
    let wanted = auth::NewUser {
        account: auth::NewAccount {
            email: new.email,
            password: new.password,
            username: new.username,
            name: new.name,
        },
        role: new.role.unwrap_or(Role::User),
        status: new.status.unwrap_or(Status::Active),
        caps: FlatCaps {
            budget_microusd: new.budget_microusd,
            budget_period: new.budget_period,
            rpm: new.rpm,
            tpm: new.tpm,
        },
    };
    let user = app.auth.create_user(&admin, wanted).await?;

    let location = format!("/api/v1/users/{}", user.id);
    Ok(Created::at(location, user.into()))
}

/// Change a user
///
/// It counts from the user's next request on, at other replicas within five seconds. Another role,
/// status or password ends every login of the user. The last administrator stays one. Administrators
/// only.
#[utoipa::path(patch, path = "/api/v1/users/{id}", operation_id = "users_update", tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")), request_body = UserPatch,
    responses((status = 200, description = "The user as it is now.", body = AdminUser),
        Unauthenticated, Missing, UserConflict, BadBody, Failures))]
pub async fn change(
    admin: Administrator,
    app: App,
    Path(id): Path<UserId>,
    Json(patch): Json<UserPatch>,
) -> Result<Json<AdminUser>> {
    let change = auth::UserChange {
        email: patch.email,
        password: patch.password,
        username: patch.username,
        name: patch.name,
        role: patch.role,
        status: patch.status,
        caps: NewCaps {
            budget_microusd: patch.budget_microusd,
            budget_period: patch.budget_period,
            rpm: patch.rpm,
            tpm: patch.tpm,
        },
    };
    let user = app.auth.change_user(&admin, &id, change).await?;

    Ok(Json(user.into()))
}

/// Delete a user
///
/// The account, its sessions, its keys and what is kept under its Idempotency-Keys are gone; the ledger
/// keeps what was spent, and not by whom. The last administrator stays. Administrators only.
#[utoipa::path(delete, path = "/api/v1/users/{id}", operation_id = "users_delete", tag = "users",
    params(("id" = UserId, Path, description = "The user's id.")),
    responses((status = 204, description = "The user is gone."), Unauthenticated, Missing,
        LastAdmin, BadParameters, Failures))]
pub async fn delete(admin: Administrator, app: App, Path(id): Path<UserId>) -> Result<StatusCode> {
    app.auth.remove_user(&admin, &id).await?;

    Ok(StatusCode::NO_CONTENT)
}

impl From<User> for AdminUser {
    fn from(user: User) -> Self {
        Self {
            caps: user.caps.into(),
            user,
        }
    }
}
