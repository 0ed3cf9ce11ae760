//! Names of things. Our own ids are UUIDv7 (RFC 9562): their order is their age.

use std::borrow::Cow;

use derive_more::Display;
use rand::RngExt;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// A user's id: opaque text of 1 to 255 characters; ours are UUIDv7, foreign ones are not.
#[derive(
    Clone, Debug, Display, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[sqlx(transparent)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 255, examples("0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55"))]
pub struct UserId(String);

impl UserId {
    pub fn new(clock: &Clock) -> Self {
        Self(v7(clock).to_string())
    }

    /// An id that was issued before, as a token carries it.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.chars().count()) && !text.contains('\0');
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must have 1 to 255 characters")
    }
}

/// One request, as its caller named it or as we did: up to 128 visible ASCII characters.
#[derive(Clone, Debug, Display, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    pub fn new(clock: &Clock) -> Self {
        Self(v7(clock).to_string())
    }

    /// The caller's own, if it may stand in a header and in a log line.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a caller calls something that is to be done once, however often it is asked for: 1 to 255
/// visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type,
            ToSchema,
        )]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub fn new(clock: &Clock) -> Self {
                Self(v7(clock))
            }

            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(from)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom("must be a UUID"))
            }
        }
    )*};
}

uuid_ids! {
    /// One login: its cookie and its access tokens.
    SessionId
    /// One API key; not the secret.
    KeyId
    /// One row of the ledger.
    RowId
    /// One row of the audit log.
    AuditId
    /// One run of the program: whose leases of budgets.
    ProcessId
    /// One message to somebody.
    MessageId
    /// One process's hold on what is to be done once.
    ClaimId
}

/// A new UUIDv7 whose 12 bits after the milliseconds are their fraction (RFC 9562 §6.2, method 3).
fn v7(clock: &Clock) -> Uuid {
    let micros = u64::try_from(clock.micros()).unwrap_or(0);
    let fraction = (micros % 1_000) * 4_096 / 1_000;
    let mut random: [u8; 10] = rand::rng().random();
    random[0] = u8::try_from(fraction >> 8).unwrap_or(0);
    random[1] = u8::try_from(fraction & 0xff).unwrap_or(0);
    Builder::from_unix_timestamp_millis(micros / 1_000, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_made_later_sort_later_even_within_a_millisecond() {
        let clock = Clock::standing_at(1_700_000_000_000_000);
        let first = KeyId::new(&clock);
        clock.advance(Duration::from_micros(1));
        let second = KeyId::new(&clock);

        assert!(first < second);
        assert_eq!(first.0.get_version_num(), 7);
    }

    #[test]
    fn a_request_id_may_be_the_callers_if_it_is_short_and_visible() {
        assert!(RequestId::parse("req-1").is_some());
        assert!(RequestId::parse(&"x".repeat(128)).is_some());
        for text in ["", "a b", "a\nb", "ä", &"x".repeat(129)] {
            assert!(RequestId::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible_and_not_endless() {
        assert!(IdempotencyKey::parse("order:17/a").is_some());
        assert!(IdempotencyKey::parse(&"x".repeat(255)).is_some());
        for text in ["", "a b", "a\tb", "\u{e4}", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_user_id_is_any_text_of_up_to_255_characters() {
        assert!(UserId::parse("auth0|42").is_some());
        assert!(UserId::parse("").is_none());
        assert!(UserId::parse("a\0b").is_none());
        assert!(UserId::parse(&"x".repeat(256)).is_none());
    }
}
