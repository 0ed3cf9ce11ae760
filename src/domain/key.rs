//! An API key as its owner sees it: everything but the secret.

use serde::Serialize;
use utoipa::ToSchema;

use super::{FlatCaps, KeyId, Name, Scope, Ts};

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: Name,
    /// How the key begins; enough to tell it from others.
    #[schema(examples("sk-cg-4fT9xQ2a"))]
    pub prefix: String,
    #[schema(examples("x7Qp"))]
    pub last_four: String,
    /// Null: all that its owner may, but for `admin:*`.
    #[schema(required = true)]
    pub scopes: Option<Vec<Scope>>,
    /// The models that it may use. Null: all.
    #[schema(required = true)]
    pub models: Option<Vec<String>>,
    #[serde(flatten)]
    pub caps: FlatCaps,
    pub created_at: Ts,
    pub expires_at: Ts,
    /// To the minute. Null: never used.
    #[schema(required = true)]
    pub last_used_at: Option<Ts>,
}
