//! Who is asking: a bearer token or an API key in a header, else the session cookie.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_extra::extract::CookieJar;
use derive_more::Deref;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::client::Client;
use super::scoped::insufficient;
use crate::auth::Credential;
use crate::domain::{Actor, Principal, Role, SessionId};
use crate::error::{Error, Kind, Result};
use crate::state::App;

/// The two names under which API keys come; a bearer token may be one too.
pub const KEY_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
];

/// Somebody who has shown who they are.
#[derive(Clone, Debug, Deref)]
pub struct Caller(pub Principal);

/// A caller who has signed in, here or at a foreign issuer: what an API key must never reach.
#[derive(Clone, Debug, Deref)]
pub struct WithSession {
    #[deref]
    pub actor: Actor,
    /// None for a foreign token, which belongs to no login here.
    pub session: Option<SessionId>,
    /// Whether it was shown as a cookie.
    pub by_cookie: bool,
}

/// A caller who administers this service.
#[derive(Clone, Debug, Deref)]
pub struct Administrator(pub Actor);

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller =
            <Self as OptionalFromRequestParts<App>>::from_request_parts(parts, app).await?;
        caller.ok_or_else(|| Error::unauthenticated("unauthorized", "Sign in, or send an API key."))
    }
}

/// None where nothing was shown; what was shown and is not good is refused all the same.
impl OptionalFromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        let jar = CookieJar::from_headers(&parts.headers);
        let Some(shown) = shown(&parts.headers, &jar, &app.config.cookie.name)? else {
            return Ok(None);
        };
        let principal = Box::pin(app.auth.verify(shown)).await?;
        tracing::Span::current().record("user.id", tracing::field::display(&principal.user));
        Ok(Some(Self(principal)))
    }
}

impl FromRequestParts<App> for WithSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Caller(principal) =
            <Caller as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if principal.key().is_some() {
            return Err(Error::forbidden(
                "insufficient_permissions",
                "An API key cannot do this; sign in.",
            ));
        }
        Ok(Self {
            session: principal.session(),
            actor: actor(principal, parts, app).await,
            by_cookie: in_header(&parts.headers)?.is_none(),
        })
    }
}

/// None where nothing was shown; an API key is refused all the same.
impl OptionalFromRequestParts<App> for WithSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>> {
        let jar = CookieJar::from_headers(&parts.headers);
        if shown(&parts.headers, &jar, &app.config.cookie.name)?.is_none() {
            return Ok(None);
        }
        <Self as FromRequestParts<App>>::from_request_parts(parts, app)
            .await
            .map(Some)
    }
}

impl FromRequestParts<App> for Administrator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Caller(principal) =
            <Caller as FromRequestParts<App>>::from_request_parts(parts, app).await?;
        if principal.role != Role::Admin {
            return Err(Error::forbidden(
                "insufficient_permissions",
                "Only administrators may do this.",
            ));
        }
        if !principal.is_admin() {
            return Err(insufficient());
        }
        Ok(Self(actor(principal, parts, app).await))
    }
}

async fn actor(principal: Principal, parts: &mut Parts, app: &App) -> Actor {
    let Ok(client) = Client::from_request_parts(parts, app).await;
    Actor {
        principal,
        origin: client.origin,
    }
}

/// The one credential that counts. A header never falls back to the cookie.
fn shown<'a>(
    headers: &'a HeaderMap,
    jar: &'a CookieJar,
    cookie: &str,
) -> Result<Option<Credential<'a>>> {
    let in_header = in_header(headers)?;
    Ok(in_header.or_else(|| in_cookie(jar, cookie)))
}

pub fn in_cookie<'a>(jar: &'a CookieJar, name: &str) -> Option<Credential<'a>> {
    let cookie = jar.get(name)?;
    Some(Credential::Cookie(cookie.value()))
}

pub fn in_header(headers: &HeaderMap) -> Result<Option<Credential<'_>>> {
    let bearers = headers.get_all(AUTHORIZATION).iter();
    let keys = KEY_HEADERS
        .into_iter()
        .flat_map(|name| headers.get_all(name));
    let mut in_headers = bearers
        .map(|value| (true, value))
        .chain(keys.map(|value| (false, value)));
    let Some((is_bearer, value)) = in_headers.next() else {
        return Ok(None);
    };
    if in_headers.next().is_some() {
        return Err(invalid_request("Credentials stand in more than one place."));
    }
    let text = value.to_str().map_err(|_| unreadable())?;
    if is_bearer {
        bearer(text).map(Some)
    } else {
        Ok(Some(Credential::Key(text)))
    }
}

/// RFC 9110 §11.1: the scheme is case-insensitive, one token follows.
fn bearer(text: &str) -> Result<Credential<'_>> {
    let (scheme, token) = text.split_once(' ').ok_or_else(unreadable)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(' ') {
        return Err(unreadable());
    }
    Ok(Credential::Bearer(token))
}

fn unreadable() -> Error {
    Error::unauthenticated("invalid_token", "The credentials cannot be read.")
}

fn invalid_request(message: &'static str) -> Error {
    Error::new(Kind::Malformed, "invalid_request", message)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn look(pairs: &[(&'static str, &'static str)]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let jar = CookieJar::from_headers(&headers);
        let found = shown(&headers, &jar, "session_token")?;
        Ok(found.map(|credential| match credential {
            Credential::Bearer(text) => format!("bearer {text}"),
            Credential::Key(text) => format!("key {text}"),
            Credential::Cookie(text) => format!("cookie {text}"),
        }))
    }

    #[test]
    fn a_header_goes_before_the_cookie() {
        let cookie = ("cookie", "session_token=c");

        assert_eq!(look(&[cookie]).unwrap().unwrap(), "cookie c");
        assert_eq!(
            look(&[cookie, ("authorization", "bearer t")])
                .unwrap()
                .unwrap(),
            "bearer t"
        );
        assert_eq!(
            look(&[cookie, ("x-api-key", "k")]).unwrap().unwrap(),
            "key k"
        );
        assert!(look(&[]).unwrap().is_none());
    }

    #[test]
    fn a_bad_header_is_refused_whatever_the_cookie_says() {
        let cookie = ("cookie", "session_token=c");
        for value in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "token"] {
            let error = look(&[cookie, ("authorization", value)]).unwrap_err();
            assert_eq!(error.code, "invalid_token", "{value:?}");
        }
    }

    #[test]
    fn two_places_are_one_too_many() {
        let twice = look(&[("authorization", "Bearer a"), ("x-api-key", "b")]).unwrap_err();
        let thrice = look(&[("api-key", "a"), ("api-key", "b")]).unwrap_err();

        assert_eq!(
            (twice.kind, twice.code),
            (Kind::Malformed, "invalid_request")
        );
        assert_eq!(thrice.code, "invalid_request");
    }
}
