//! The session cookie, and the combinations that browsers would throw away.

use super::parse::{Parsed, auto, boolean, choice};
use super::reader::Reader;
use super::{AppEnv, Cors, Http};

#[derive(Clone, Debug)]
pub struct Cookie {
    /// `COOKIE_NAME`
    pub name: String,
    /// `COOKIE_DOMAIN`
    pub domain: Option<String>,
    /// `COOKIE_SECURE`; None is `auto`.
    pub secure: Option<bool>,
    /// `COOKIE_SAMESITE`; None is `auto`.
    pub same_site: Option<SameSite>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

const SAME_SITE: &[(&str, SameSite)] = &[
    ("strict", SameSite::Strict),
    ("lax", SameSite::Lax),
    ("none", SameSite::None),
];

impl Cookie {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv, http: &Http, cors: &Cors) -> Self {
        let cookie = Self {
            name: reader.value("COOKIE_NAME", token),
            domain: reader.option("COOKIE_DOMAIN", domain),
            secure: reader.value("COOKIE_SECURE", auto(boolean)),
            same_site: reader.value("COOKIE_SAMESITE", auto(choice(SAME_SITE))),
        };
        let secure = cookie.secure.unwrap_or_else(|| http.may_be_https());
        cookie.hold_prefix(reader, secure);
        cookie.hold_same_site(reader, secure, cors);
        cookie.hold_domain(reader, http);
        if !secure && !env.is_local() {
            reader.warn(
                "The session cookie is sent over plain http: set PUBLIC_URL to the https address.",
            );
        }
        cookie
    }

    fn hold_prefix(&self, reader: &mut Reader<'_>, secure: bool) {
        let host = self.name.starts_with("__Host-");
        if (host || self.name.starts_with("__Secure-")) && !secure {
            reader.problem(
                "COOKIE_NAME",
                "begins with a prefix that browsers take over https alone",
                "an https PUBLIC_URL or COOKIE_SECURE=true",
            );
        }
        if host && self.domain.is_some() {
            reader.problem(
                "COOKIE_NAME",
                "begins with __Host- while COOKIE_DOMAIN is set",
                "one without the other",
            );
        }
    }

    fn hold_same_site(&self, reader: &mut Reader<'_>, secure: bool, cors: &Cors) {
        if self.same_site != Some(SameSite::None) {
            return;
        }
        if !secure {
            reader.problem(
                "COOKIE_SAMESITE",
                "is none without https",
                "an https PUBLIC_URL or COOKIE_SECURE=true",
            );
        }
        if cors.origins.is_empty() {
            reader.problem(
                "COOKIE_SAMESITE",
                "is none while ALLOWED_ORIGINS is empty",
                "the origins of the pages that need it",
            );
        }
    }

    fn hold_domain(&self, reader: &mut Reader<'_>, http: &Http) {
        let host = http.public_url.as_ref().and_then(|url| url.host_str());
        if let (Some(host), Some(domain)) = (host, &self.domain) {
            let covers = host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            if !covers {
                reader.problem(
                    "COOKIE_DOMAIN",
                    format!("is {domain:?}, which the host of PUBLIC_URL is not part of"),
                    "that host or a domain above it",
                );
            }
        }
    }
}

/// A token of RFC 6265: no spaces, separators or control characters.
fn token(value: &str) -> Parsed<String> {
    let fits = |c: char| c.is_ascii_graphic() && !r#"()<>@,;:\"/[]?={}"#.contains(c);
    if value.len() <= 64 && value.chars().all(fits) {
        Ok(value.to_owned())
    } else {
        Err("at most 64 letters, digits, dashes and underscores".into())
    }
}

fn domain(value: &str) -> Parsed<String> {
    let domain = value.trim_start_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if domain.len() <= 253 && domain.split('.').all(label) {
        Ok(domain)
    } else {
        Err("a domain such as example.com, without scheme and port".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_token() {
        assert!(token("__Host-session_token").is_ok());
        for bad in ["a b", "a=b", "a;b", "ä", "a\nb"] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_domain_loses_its_leading_dot() {
        assert_eq!(domain(".Example.com").as_deref(), Ok("example.com"));
        for bad in ["https://example.com", "example.com:80", "a..b", ".", "a b"] {
            assert!(domain(bad).is_err(), "{bad}");
        }
    }
}
