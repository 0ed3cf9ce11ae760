//! Origins that are ours or let in.

use axum::extract::Request;
use http::header::HOST;
use url::Url;

use crate::config::Config;

/// Whether a page of `origin` may act for the person who looks at it.
pub fn is_trusted(origin: &str, config: &Config, request: &Request) -> bool {
    let origin = origin.to_ascii_lowercase();
    if config.cors.origins.contains(&origin) {
        return true;
    }
    match &config.http.public_url {
        Some(url) => origin == ascii_origin(url),
        None => config.env.is_local() && is_own_host(&origin, request),
    }
}

fn ascii_origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Where no public URL is set, a developer's own machine goes by whatever name it was asked under.
fn is_own_host(origin: &str, request: &Request) -> bool {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|value| value.to_str().ok());
    host.is_some_and(|host| origin == format!("http://{}", host.to_ascii_lowercase()))
}
