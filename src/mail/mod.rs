//! The ways to people: a mail server, or the log of a developer's machine.

mod letter;
mod log;
mod smtp;

use std::fmt;

use async_trait::async_trait;

pub use self::log::Logged;
pub use self::smtp::Smtp;

/// What is said to somebody. It may hold a code or a link, and is told to nobody else.
#[derive(Clone)]
pub struct Message {
    /// Stays the same however often it is tried.
    pub id: String,
    /// An address, or a number.
    pub to: String,
    /// Empty where there is no place for one.
    pub subject: String,
    /// Plain text; lines end in `\n`.
    pub text: String,
    /// Seconds since 1970.
    pub written_at: i64,
}

/// A way to people.
#[async_trait]
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Hands the message over. Whoever takes it may have taken it also where this fails.
    async fn carry(&self, message: &Message) -> Result<(), Setback>;
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// For the log; never what the message says, nor to whom.
    pub cause: String,
    /// Whether it is in vain to try again.
    pub is_final: bool,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
