//! Where an upstream is, and what every request to it carries.

use std::fmt;

use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::head;
use crate::error::{Error, Result};

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("concierge/", env!("CARGO_PKG_VERSION")));

/// Where an upstream is and what it wants to be sent.
#[derive(Clone)]
pub struct Endpoint {
    /// What stands before `/chat/completions` and `/embeddings`; its query, if any, goes along.
    pub base_url: Url,
    pub api_key: Option<SecretString>,
    /// Sent with every request; one named `authorization` stands in the key's place.
    pub headers: Vec<(String, SecretString)>,
}

impl Endpoint {
    /// The URL of what stands beneath the base.
    pub(super) fn url(&self, path: &[&str]) -> Result<Url> {
        let base = &self.base_url;
        let refused = |rule| Error::invalid("base_url_invalid", rule).at("base_url");
        if !matches!(base.scheme(), "http" | "https") {
            return Err(refused("A base URL begins with http:// or https://."));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refused("A base URL holds no user name and no password."));
        }
        let mut url = base.clone();
        url.set_fragment(None);
        url.path_segments_mut()
            .map_err(|()| refused("A base URL names a host."))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    /// The same, as what requests are sent to.
    pub(super) fn uri(&self, path: &[&str]) -> Result<Uri> {
        let url = self.url(path)?;
        url.as_str().parse().map_err(|_| {
            let rule = "A base URL holds nothing that a request cannot be sent to.";
            Error::invalid("base_url_invalid", rule).at("base_url")
        })
    }

    /// What every request carries.
    pub(super) fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let Ok(host) = HeaderValue::from_str(self.base_url.authority()) {
            headers.insert(HOST, host);
        }
        headers.insert(USER_AGENT, AGENT);
        if let Some(key) = &self.api_key {
            let bearer = secret_value(&format!("Bearer {}", key.expose_secret()));
            let rule = "An API key holds visible ASCII characters only.";
            let bearer =
                bearer.ok_or_else(|| Error::invalid("api_key_invalid", rule).at("api_key"))?;
            headers.insert(AUTHORIZATION, bearer);
        }
        for (name, value) in &self.headers {
            let (name, value) = header(name, value).ok_or_else(|| {
                let rule =
                    format!("`{name}` is not a header that can be sent, or its value is not.");
                Error::invalid("header_invalid", rule).at("headers")
            })?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// Without the query, which may hold a key.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.base_url.host_str())
            .field("path", &self.base_url.path())
            .finish_non_exhaustive()
    }
}

fn header(name: &str, value: &SecretString) -> Option<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.parse().ok()?;
    let value = secret_value(value.expose_secret())?;
    (!head::is_framing(&name)).then_some((name, value))
}

fn secret_value(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
