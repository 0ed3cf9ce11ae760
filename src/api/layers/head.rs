//! What no request may be, whatever its route.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Version;
use http::header::HOST;

use crate::api::kit::client::Peer;
use crate::error::{Error, Kind, Result};

/// Parameters under which others take credentials. In a URL they would end in logs.
const QUERY_NAMES: [&str; 3] = ["access_token", "api_key", "token"];

/// Refuses what names no host, or carries credentials in its URL.
pub async fn check(request: Request, next: Next) -> Response {
    if let Err(error) = one_host(&request).and_then(|()| no_credentials(request.uri().query())) {
        return error.into_response();
    }
    next.run(request).await
}

/// RFC 9112 §3.2, for what came over a connection.
fn one_host(request: &Request) -> Result<()> {
    let is_bound = request.version() == Version::HTTP_11;
    let is_from_outside = request.extensions().get::<Peer>().is_some();
    if !is_bound || !is_from_outside || request.headers().get_all(HOST).iter().count() == 1 {
        return Ok(());
    }
    Err(invalid_request("The request must have one Host header."))
}

fn no_credentials(query: Option<&str>) -> Result<()> {
    let query = query.unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| QUERY_NAMES.contains(&name.as_ref()));
    if found {
        return Err(invalid_request(
            "Credentials do not belong in a URL; send a header.",
        ));
    }
    Ok(())
}

fn invalid_request(message: &'static str) -> Error {
    Error::new(Kind::Malformed, "invalid_request", message)
}
