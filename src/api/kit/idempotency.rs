//! The header by which a caller says: this once, however often I ask.

use axum::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;
use utoipa::IntoParams;

use crate::domain::IdempotencyKey;
use crate::error::{Error, Kind, Location, Result};

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// The request's `Idempotency-Key`, if it has one.
#[derive(Debug)]
pub struct Once(pub Option<IdempotencyKey>);

/// What the OpenAPI document says of it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct OnceHeader {
    /// Sent again with the same body within 24 hours, the request is not run again: the first answer
    /// comes once more, with `Idempotent-Replayed: true`. While the first still runs, its answer is
    /// waited for. Visible ASCII characters.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    #[expect(dead_code, reason = "it is there to be described")]
    idempotency_key: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Once {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let mut values = parts.headers.get_all(NAME).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        if values.next().is_some() {
            return Err(refused("There is more than one Idempotency-Key."));
        }
        let key = value.to_str().ok().and_then(IdempotencyKey::parse);
        let key = key.ok_or_else(|| {
            refused("An Idempotency-Key must be 1 to 255 visible ASCII characters.")
        })?;
        Ok(Self(Some(key)))
    }
}

fn refused(message: &'static str) -> Error {
    Error::new(Kind::Malformed, "invalid_request", message)
        .at_in(Location::Header, "Idempotency-Key")
}
