//! Tokens of foreign issuers: who is meant to have signed, whether they did, and whom they mean.

mod claims;
mod head;
mod issuer;
mod key_set;
mod members;
mod published;
#[cfg(test)]
mod tests;
mod users;

use std::time::Duration;

use http::Uri;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

pub(super) use issuer::{Issuers, Vouched};

use crate::domain::UserId;
use crate::error::Error;

/// Somebody else whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct ForeignIssuer {
    /// The `iss` of its tokens. None: whatever no other issuer has, for an issuer with a secret.
    pub iss: Option<String>,
    pub keys: ForeignKeys,
    /// The `aud` of its tokens is one of these. None: whatever it is.
    pub audiences: Vec<String>,
    pub algorithms: Vec<ForeignAlgorithm>,
    /// Whether its `role` counts here, be it `user` or `admin`.
    pub trust_role: bool,
    /// What its users are kept under: the same name, the same users.
    pub name: String,
    /// Whether `sub` is the user's id here too.
    pub sub_is_user_id: bool,
}

/// What an issuer's tokens are verified with: never both.
#[derive(Clone, Debug)]
pub enum ForeignKeys {
    /// Where it publishes its public keys.
    Published(Uri),
    /// A secret shared with it, its bytes as they are.
    Secret(SecretString),
}

/// What a foreign token is signed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignAlgorithm {
    EdDsa,
    Es256,
    Rs256,
    Ps256,
    Hs256,
}

/// How long a key set may take.
const FETCH: Duration = Duration::from_secs(5);
const LARGEST_SET: usize = 256 << 10;

impl ForeignAlgorithm {
    pub const ALL: [Self; 5] = [
        Self::EdDsa,
        Self::Es256,
        Self::Rs256,
        Self::Ps256,
        Self::Hs256,
    ];

    /// As a token's header has it (RFC 7518 §3.1, RFC 8037 §3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Hs256 => "HS256",
        }
    }
}

/// Why a foreign token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// For the log: the caller is not told.
    Because(&'static str),
    /// It may be good, but there is nothing to verify it with.
    NoKeys,
}

impl From<&'static str> for Refused {
    fn from(why: &'static str) -> Self {
        Self::Because(why)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Because(_) => super::refused(),
            Refused::NoKeys => Self::unavailable(
                "service_unavailable",
                "The keys of the token's issuer cannot be fetched. Try again.",
            ),
        }
    }
}

/// What a departed identity is kept as.
pub(super) fn fingerprint(issuer: &str, subject: &UserId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(issuer);
    hash.update([0]);
    hash.update(subject.as_str());
    hash.finalize().into()
}
