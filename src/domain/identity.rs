//! Who a user is to somebody else.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Ts, UserId};

/// A user of a foreign issuer. The two together name one, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    /// The `sub` of the issuer's tokens: of the form of a user's id.
    pub subject: UserId,
}

/// An identity as its user takes it along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct KnownIdentity {
    /// The issuer's name, or `better-auth`.
    pub issuer: String,
    /// The user's id there.
    #[schema(value_type = String)]
    pub subject: UserId,
    /// When the user was first seen here.
    pub created_at: Ts,
}
