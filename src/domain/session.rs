//! A login as its user sees it: everything but what opens it.

use serde::Serialize;
use utoipa::ToSchema;

use super::{SessionId, Ts};

/// A login that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct ActiveSession {
    pub id: SessionId,
    pub created_at: Ts,
    /// To the hour.
    pub last_seen_at: Ts,
    /// Where the login came from.
    #[schema(required = true, examples("203.0.113.7"))]
    pub ip: Option<String>,
    /// The program that signed in, as it called itself.
    #[schema(
        required = true,
        examples("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Firefox/145.0")
    )]
    pub user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}
