//! The answer to something new.

use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::extract::Json;

/// 201 with the new thing and where it is.
#[derive(Debug)]
pub struct Created<T> {
    location: String,
    thing: T,
}

impl<T> Created<T> {
    pub fn at(location: impl Into<String>, thing: T) -> Self {
        Self {
            location: location.into(),
            thing,
        }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.thing)).into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}
