//! Origins that are ours or let in.

use axum::extract::Request;
use http::header::HOST;
use http::uri::Authority;
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
    let named = request.headers().get(HOST);
    let host = match named {
        Some(value) => value.to_str().ok(),
        // HTTP/2 has the authority in its place (RFC 9113 §8.3.1).
        None => request.uri().authority().map(Authority::as_str),
    };
    host.is_some_and(|host| origin == format!("http://{}", host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Version;

    use super::*;

    #[test]
    fn over_http_2_the_authority_is_the_host() {
        let asked = Request::get("http://Localhost:8000/health")
            .version(Version::HTTP_2)
            .body(Body::empty())
            .unwrap();

        assert!(is_own_host("http://localhost:8000", &asked));
        assert!(!is_own_host("http://evil.example", &asked));
    }

    #[test]
    fn a_host_header_goes_before_the_authority() {
        let asked = Request::get("http://evil.example/health")
            .header(HOST, "localhost:8000")
            .body(Body::empty())
            .unwrap();

        assert!(is_own_host("http://localhost:8000", &asked));
        assert!(!is_own_host("http://evil.example", &asked));
    }
}
