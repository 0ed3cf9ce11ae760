//! A person with an account.

use derive_more::Display;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Caps, Contact, Email, Name, Ts, UserId, Username};

/// An account, without its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct User {
    pub id: UserId,
    /// Null: there is none, as a foreign issuer has not told it.
    #[sqlx(flatten)]
    #[schema(value_type = Option<Email>, required = true)]
    pub email: Contact,
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
#[derive(
    Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[display("user")]
    User,
    #[display("admin")]
    Admin,
}

/// Whether an account may sign in.
#[derive(
    Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[display("active")]
    Active,
    #[display("inactive")]
    Inactive,
    /// The address is not verified yet, where that is required.
    #[display("pending")]
    Pending,
    #[display("deleted")]
    Deleted,
}

impl Status {
    pub fn may_sign_in(self) -> bool {
        self == Self::Active
    }

    /// Whether a forgotten password may be set anew: where the account is neither shut nor gone.
    pub fn may_recover(self) -> bool {
        matches!(self, Self::Active | Self::Pending)
    }
}
