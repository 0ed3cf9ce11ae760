//! Parameters in the path and in the query.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, path::ErrorKind};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as Refused, MapDeserializer};

use super::fault::{at_fault, nul};
use super::text::Text;
use crate::error::{Error, Location, Result};

/// What the path names; what cannot be read is 422.
#[derive(Debug)]
pub struct Path<T>(pub T);

/// What the query says; an unknown parameter is ignored, a bad one is 422.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Error;

    #[expect(clippy::disallowed_types, reason = "the one place that may")]
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(path_fault)
    }
}

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        if let Some((name, _)) = pairs.iter().find(|(_, value)| value.contains('\0')) {
            return Err(nul(Location::Query, name.to_string()));
        }
        let pairs = pairs.iter().map(|(name, value)| (&**name, Text(value)));
        serde_path_to_error::deserialize(MapDeserializer::new(pairs))
            .map(Self)
            .map_err(|error: serde_path_to_error::Error<Refused>| {
                let path = error.path().to_string();
                at_fault(Location::Query, &path, &error.inner().to_string())
            })
    }
}

fn path_fault(rejection: PathRejection) -> Error {
    let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
        return Error::internal(rejection);
    };
    let (name, said) = match failed.kind() {
        ErrorKind::ParseErrorAtKey { key, .. } => (key.clone(), "is not valid".to_owned()),
        ErrorKind::DeserializeError { key, message, .. } => (key.clone(), message.clone()),
        ErrorKind::InvalidUtf8InPathParam { key } => (key.clone(), "is not UTF-8".to_owned()),
        ErrorKind::ParseError { .. } | ErrorKind::ParseErrorAtIndex { .. } => {
            ("id".to_owned(), "is not valid".to_owned())
        }
        other => ("id".to_owned(), other.to_string()),
    };
    at_fault(Location::Path, &name, &said)
}
