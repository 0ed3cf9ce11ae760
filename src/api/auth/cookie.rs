//! The cookies of a login: set and cleared by one hand, so that what was set can be cleared.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::config::{self, Config};

/// The cookie of a login's refresh token, which goes where it is used and nowhere else.
pub const REFRESH: &str = "refresh_token";
const REFRESH_PATH: &str = "/api/v1/auth/refresh";

/// The cookie by which a browser is known at the next login. It opens nothing, and stays.
pub const DEVICE: &str = "known_device";
const DEVICE_PATH: &str = "/api/v1/auth/login";
const DEVICE_LIFETIME: Duration = Duration::from_hours(365 * 24);

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
        let name = self.config.cookie.name.clone();
        lasting(self.bare((name, token, "/"), self.domain()), lifetime)
    }

    /// The cookie that carries a refresh token; likewise.
    pub fn refresh(&self, token: String, lifetime: Option<Duration>) -> Cookie<'static> {
        let cookie = (REFRESH.to_owned(), token, REFRESH_PATH);
        lasting(self.bare(cookie, self.domain()), lifetime)
    }

    /// The cookie that a browser is known by.
    pub fn device(&self, token: String) -> Cookie<'static> {
        let cookie = (DEVICE.to_owned(), token, DEVICE_PATH);
        lasting(self.bare(cookie, self.domain()), Some(DEVICE_LIFETIME))
    }

    /// What takes the cookies of a login away in every form in which they could have been set.
    pub fn cleared(&self) -> Vec<Cookie<'static>> {
        let mut domains = vec![None];
        domains.extend(self.domain().map(Some));
        let name = self.config.cookie.name.as_str();
        let cookies = [(name, "/"), (REFRESH, REFRESH_PATH)];
        let cleared = cookies.iter().flat_map(|(name, path)| {
            domains.iter().map(|domain| {
                let mut cookie = self.bare(((*name).to_owned(), String::new(), path), *domain);
                cookie.set_max_age(time::Duration::ZERO);
                cookie.set_expires(time::OffsetDateTime::UNIX_EPOCH);
                cookie
            })
        });
        cleared.collect()
    }

    fn bare(
        &self,
        (name, value, path): (String, String, &'static str),
        domain: Option<&str>,
    ) -> Cookie<'static> {
        let mut cookie = Cookie::new(name, value);
        cookie.set_path(path);
        cookie.set_http_only(true);
        cookie.set_secure(self.is_secure);
        cookie.set_same_site(self.same_site);
        if let Some(domain) = domain {
            cookie.set_domain(domain.to_owned());
        }
        cookie
    }

    fn domain(&self) -> Option<&'a str> {
        self.config.cookie.domain.as_deref()
    }
}

fn lasting(mut cookie: Cookie<'static>, lifetime: Option<Duration>) -> Cookie<'static> {
    let seconds = lifetime.and_then(|span| i64::try_from(span.as_secs()).ok());
    cookie.set_max_age(seconds.map(time::Duration::seconds));
    cookie
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

/// Whether a page of another site is to send our cookie.
fn has_foreign_origin(config: &Config) -> bool {
    let Some(own) = &config.http.public_url else {
        return !config.cors.origins.is_empty();
    };
    config.cors.origins.iter().any(|origin| {
        let page = Url::parse(origin).ok();
        page.is_none_or(|page| site(&page) != site(own))
    })
}

/// The scheme, and the registrable domain by the public suffix list: `https://a.b.example.co.uk` is
/// of the site `https` `example.co.uk`. An address is a site of its own (HTML Standard, "site").
fn site(url: &Url) -> (&str, Option<&str>) {
    let host = match url.domain() {
        Some(name) => Some(psl::domain_str(name).unwrap_or(name)),
        None => url.host_str(),
    };
    (url.scheme(), host)
}
