//! What happened to accounts and credentials: who, what, when, from where.

use derive_more::Display;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{AuditId, KeyId, SessionId, Ts, UserId};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Something that happened to an account or to what opens it.
        #[derive(
            Clone, Copy, Debug, Display, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema,
        )]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $text)] #[display($text)] $name,)*
        }

        impl Event {
            /// All of them, in the order of an account's life.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

events! {
    /// Somebody opened an account for themselves.
    UserRegistered = "user.registered";
    /// Somebody wanted to open an account with an address that has one, and was not told.
    JoinedAgain = "user.registered_again";
    /// An administrator opened an account.
    UserCreated = "user.created";
    /// An administrator changed an account; the details name what, and a role or status as it was
    /// and is.
    UserUpdated = "user.updated";
    /// The command line made an account an administrator's.
    UserPromoted = "user.promoted";
    /// A user changed what they are called.
    ProfileUpdated = "profile.updated";
    /// An account was deleted, by its user or by an administrator.
    UserDeleted = "user.deleted";
    LoginSucceeded = "login.succeeded";
    /// The details say why: `unknown_account`, `wrong_password`, `locked`,
    /// `account_disabled` or `email_not_verified`. Nobody but administrators is told the difference.
    LoginFailed = "login.failed";
    LoggedOut = "login.ended";
    /// A user ended one of their logins from another one.
    SessionEnded = "session.ended";
    /// A user ended all of their logins.
    SessionsEnded = "session.all_ended";
    /// A refresh token was used twice, and its login was ended.
    RefreshReused = "refresh.reused";
    PasswordChanged = "password.changed";
    /// Somebody who is signed in did not know the password that was asked for again.
    PasswordRejected = "password.rejected";
    /// Somebody asked for mail to set another password; without a user, of an address without an
    /// account.
    ResetRequested = "password.reset_requested";
    /// A password was set by the token from such mail, and every login ended.
    PasswordReset = "password.reset";
    /// Somebody asked for a code; the details say what it is good for. Without a user: of an address
    /// that has nothing to verify.
    CodeSent = "verification.sent";
    /// A code was not the one that was sent.
    CodeRejected = "verification.rejected";
    EmailVerified = "email.verified";
    /// A user showed the code that was sent to their new address.
    EmailChanged = "email.changed";
    KeyCreated = "api_key.created";
    KeyUpdated = "api_key.updated";
    KeyDeleted = "api_key.deleted";
    /// A user took a copy of all that is kept about them.
    DataExported = "data.exported";
}

/// An event that was written down.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, ToSchema)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Ts,
    /// Newer versions beside this one may write events that it does not know.
    #[schema(value_type = Event)]
    pub event: String,
    /// Who did it. Null: somebody who was not signed in, or the command line.
    #[schema(required = true)]
    pub actor_id: Option<UserId>,
    /// Whose account it was done to. Null: nobody's, such as a login with an unknown address.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// The login that the actor did it in.
    #[schema(required = true)]
    pub session_id: Option<SessionId>,
    /// The API key that the actor did it by.
    #[schema(required = true)]
    pub key_id: Option<KeyId>,
    /// Where it was asked from.
    #[schema(required = true, examples("203.0.113.7"))]
    pub ip: Option<String>,
    /// The program that asked, as it called itself.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// The `X-Request-Id` of the request, which its log lines carry too.
    #[schema(required = true)]
    pub request_id: Option<String>,
    /// More about it, by event. Never a secret, a password or an address.
    #[sqlx(json)]
    #[schema(value_type = Object)]
    pub details: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_as_it_is_read() {
        for event in Event::ALL {
            let written = serde_json::to_value(event).unwrap();

            assert_eq!(written, event.to_string());
            assert_eq!(&serde_json::from_value::<Event>(written).unwrap(), event);
        }
    }
}
