//! What is sent to people, and by what way.

use derive_more::Display;
use serde::Serialize;
use utoipa::ToSchema;

use super::Ts;

/// By what way a message goes.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    #[display("mail")]
    Mail,
    #[display("sms")]
    Sms,
}

/// A message that waits to be sent, without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct WaitingMessage {
    pub channel: Channel,
    pub created_at: Ts,
    /// It is not sent later than this.
    pub expires_at: Ts,
}

/// What a code or a link that was sent is good for.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To set another password.
    #[display("password")]
    Password,
    /// To show that the account's address is the user's.
    #[display("email")]
    Email,
    /// To have another address.
    #[display("new_email")]
    NewEmail,
    /// To show that a number is the user's.
    #[display("phone")]
    Phone,
}

/// A code or a link that was sent and can still be used, without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct LiveCode {
    pub purpose: Purpose,
    /// The address or the number that it was sent to.
    pub destination: String,
    pub created_at: Ts,
    pub expires_at: Ts,
}
