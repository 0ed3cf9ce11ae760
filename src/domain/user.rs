//! A person with an account.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Caps, Email, Name, Ts, UserId, Username};

/// An account, without its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    /// A second name to sign in by.
    #[schema(required = true)]
    pub username: Option<Username>,
    #[schema(required = true)]
    pub name: Option<Name>,
    pub role: Role,
    pub status: Status,
    pub email_verified: bool,
    pub created_at: Ts,
    pub updated_at: Ts,
    #[schema(required = true)]
    pub last_seen_at: Option<Ts>,
    /// Tokens that carry another number are dead.
    #[serde(skip)]
    pub token_version: i64,
    /// What is not set here is configured for everybody.
    #[serde(skip)]
    #[sqlx(flatten)]
    pub caps: Caps,
}

/// What a user may do beyond their own things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Admin,
}

/// Whether an account may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Active,
    Inactive,
    /// The address is not verified yet, where that is required.
    Pending,
    Deleted,
}

impl Status {
    pub fn may_sign_in(self) -> bool {
        self == Self::Active
    }
}
