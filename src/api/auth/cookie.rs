//! The session cookie: set and cleared by one hand, so that what was set can be cleared.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::config::{self, Config};

/// How cookies are made for one client.
#[derive(Debug)]
pub struct Cookies<'a> {
    config: &'a Config,
    is_secure: bool,
    same_site: SameSite,
}

impl<'a> Cookies<'a> {
    /// By what is configured; where that says `auto`, by how the browser reaches us.
    pub fn of(config: &'a Config, is_https: bool) -> Self {
        let is_secure = config.cookie.secure.unwrap_or(is_https);
        let same_site = match config.cookie.same_site {
            Some(config::SameSite::Strict) => SameSite::Strict,
            Some(config::SameSite::None) => SameSite::None,
            None if is_secure && has_foreign_origin(config) => SameSite::None,
            Some(config::SameSite::Lax) | None => SameSite::Lax,
        };
        Self {
            config,
            is_secure,
            same_site,
        }
    }

    /// The cookie that carries a session; without a lifetime it ends with the browser.
    pub fn session(&self, token: String, lifetime: Option<Duration>) -> Cookie<'static> {
        let mut cookie = self.bare(token, self.config.cookie.domain.as_deref());
        let seconds = lifetime.and_then(|span| i64::try_from(span.as_secs()).ok());
        cookie.set_max_age(seconds.map(time::Duration::seconds));
        cookie
    }

    /// What takes the cookie away in every form in which it could have been set.
    pub fn cleared(&self) -> Vec<Cookie<'static>> {
        let domain = self.config.cookie.domain.as_deref();
        let mut forms = vec![None];
        forms.extend(domain.map(Some));
        let cleared = forms.into_iter().map(|domain| {
            let mut cookie = self.bare(String::new(), domain);
            cookie.set_max_age(time::Duration::ZERO);
            cookie.set_expires(time::OffsetDateTime::UNIX_EPOCH);
            cookie
        });
        cleared.collect()
    }

    fn bare(&self, value: String, domain: Option<&str>) -> Cookie<'static> {
        let mut cookie = Cookie::new(self.config.cookie.name.clone(), value);
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_secure(self.is_secure);
        cookie.set_same_site(self.same_site);
        if let Some(domain) = domain {
            cookie.set_domain(domain.to_owned());
        }
        cookie
    }
}

/// An answer that carries cookies.
pub fn with(answer: impl IntoResponse, cookies: Vec<Cookie<'static>>) -> Response {
    let mut response = answer.into_response();
    append(response.headers_mut(), cookies);
    response
}

fn append(headers: &mut HeaderMap, cookies: Vec<Cookie<'static>>) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            headers.append(SET_COOKIE, value);
        }
    }
}

/// Whether a page of another site (by the public suffix list) is to send our cookie.
fn has_foreign_origin(config: &Config) -> bool {
    let Some(own) = config
        .http
        .public_url
        .as_ref()
        .and_then(|url| url.host_str())
    else {
        return !config.cors.origins.is_empty();
    };
    config.cors.origins.iter().any(|origin| {
        let host = url::Url::parse(origin).ok();
        let host = host.as_ref().and_then(|url| url.host_str());
        host.is_none_or(|host| site(host) != site(own))
    })
}

/// `a.b.example.co.uk` belongs to the site `example.co.uk`.
fn site(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}
