//! Refresh tokens: opaque, each good once, and never kept.
//!
//! A token is `v1.SESSION.COUNTER.MAC`. The login's row knows the counter alone, so that the successor
//! of a token can be told again to whoever has lost the answer, and a copy of the database opens
//! nothing (RFC 9700 §4.14.2).

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::audit::Note;
use super::token::expand;
use super::{Auth, Settings, refused};
use crate::domain::{Event, Origin, SessionId, Ts, User};
use crate::error::{Error, Result};
use crate::store::vault::sessions::{self, Session};

/// How long the token before the newest one is still answered: tabs of one browser refresh together.
const GRACE: Duration = Duration::from_secs(10);
/// Of the MAC, in bytes: 128 bits.
const MAC: usize = 16;
/// A token with the longest counter is shorter.
const LONGEST: usize = 128;

/// What a refreshed login gets.
#[derive(Clone, Debug)]
pub struct Refreshed {
    pub access_token: SecretString,
    pub expires_in: Duration,
    pub refresh_token: SecretString,
    /// How long a browser keeps it. None: until it is closed.
    pub refresh_lifetime: Option<Duration>,
}

/// Makes refresh tokens, and knows its own again.
pub(super) struct RefreshTokens {
    /// The one that makes, and the one before it.
    keys: Vec<hmac::Key>,
}

/// What a token of ours stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    session: SessionId,
    counter: i64,
}

/// What is to be done with a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It is the newest: it gives way to its successor.
    Next,
    /// It gave way a moment ago, and its successor is told again.
    Again,
    /// It was used before, by somebody: one of the two is a thief.
    Reused,
}

impl RefreshTokens {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let mut keys = vec![key(&settings.secret_key)?];
        if let Some(previous) = &settings.previous_secret_key {
            keys.push(key(previous)?);
        }
        Ok(Self { keys })
    }

    /// The token of a login as its row stands.
    pub(super) fn of(&self, session: &Session) -> SecretString {
        self.make(session.id, session.refresh_counter)
    }

    fn make(&self, session: SessionId, counter: i64) -> SecretString {
        let text = format!("v1.{session}.{counter}");
        let mac = self
            .keys
            .first()
            .map(|key| hmac::sign(key, text.as_bytes()));
        let mac = mac.as_ref().map_or(&[][..], |mac| &mac.as_ref()[..MAC]);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac)).into()
    }

    fn read(&self, token: &str) -> Option<Place> {
        if token.len() > LONGEST {
            return None;
        }
        let (text, mac) = token.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.keys.iter().find(|key| is_by(key, text, &mac))?;
        let (session, counter) = text.strip_prefix("v1.")?.split_once('.')?;
        Some(Place {
            session: SessionId::parse(session)?,
            counter: counter.parse().ok()?,
        })
    }
}

fn key(secret: &SecretString) -> Result<hmac::Key> {
    let secret = secret.expose_secret().as_bytes();
    let bytes = expand(secret, b"concierge refresh token v1")?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref()))
}

fn is_by(key: &hmac::Key, text: &str, mac: &[u8]) -> bool {
    let whole = hmac::sign(key, text.as_bytes());
    mac.len() == MAC && bool::from(subtle::ConstantTimeEq::ct_eq(&whole.as_ref()[..MAC], mac))
}

impl Auth {
    /// A new access token, and the next refresh token in the place of this one. Whoever shows one that
    /// was used before ends the login, for both who hold it.
    pub async fn refresh(&self, token: &SecretString, origin: &Origin) -> Result<Refreshed> {
        let place = self.0.refresh_tokens.read(token.expose_secret());
        let place = place.ok_or_else(refused)?;
        let now = self.now();
        let mut session = self.refreshable(place, now).await?;
        let user = self.active(&session.user_id).await?;
        if !session.is_of(&user) {
            return Err(refused());
        }
        if turn(place, &session, now) == Some(Turn::Next) {
            session = self.rotate(session, now).await?;
        }
        match turn(place, &session, now) {
            Some(Turn::Again) => self.refreshed(&user, &session, now),
            Some(Turn::Reused) => self.end_reused(&user, &session, origin).await,
            Some(Turn::Next) | None => Err(refused()),
        }
    }

    async fn refreshable(&self, place: Place, now: Ts) -> Result<Session> {
        let mut conn = self.0.vault.read().await?;
        let session = sessions::live(&mut conn, place.session, now).await?;
        session
            .filter(|session| self.0.lifetimes.end_of_refresh(session) > now)
            .ok_or_else(refused)
    }

    /// The login after its token was used: by this request, or by another one at the same moment.
    async fn rotate(&self, session: Session, now: Ts) -> Result<Session> {
        let until = self.0.lifetimes.refreshed(&session, now);
        let mut tx = self.0.vault.write().await?;
        sessions::rotate(&mut tx, session.id, session.refresh_counter, (now, until)).await?;
        let rotated = sessions::live(&mut tx, session.id, now).await?;
        tx.commit().await?;
        rotated.ok_or_else(refused)
    }

    fn refreshed(&self, user: &User, session: &Session, now: Ts) -> Result<Refreshed> {
        let tokens = &self.0.tokens;
        Ok(Refreshed {
            access_token: tokens.issue(user, session.id, now)?,
            expires_in: tokens.lifetime(),
            refresh_token: self.0.refresh_tokens.of(session),
            refresh_lifetime: self.0.lifetimes.of_refresh_cookie(session.remember),
        })
    }

    async fn end_reused(
        &self,
        user: &User,
        session: &Session,
        origin: &Origin,
    ) -> Result<Refreshed> {
        let mut tx = self.0.vault.write().await?;
        sessions::remove(&mut tx, session.id).await?;
        tx.commit().await?;
        self.0.seen.revoke(&user.id);
        let note = Note::from(origin, Event::RefreshReused)
            .about(&user.id)
            .with("session_id", session.id.to_string());
        self.note(note).await;
        self.send(self.reuse_letter(user)).await;
        let message =
            "This refresh token was used before. The login has been ended; sign in again.";
        Err(Error::unauthenticated("refresh_reused", message))
    }
}

/// None where there cannot have been such a token yet.
fn turn(place: Place, session: &Session, now: Ts) -> Option<Turn> {
    match session.refresh_counter.checked_sub(place.counter)? {
        0 => Some(Turn::Next),
        1 if now.since(session.refreshed_at) <= GRACE => Some(Turn::Again),
        age if age > 0 => Some(Turn::Reused),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn tokens(secret: &str, previous: Option<&str>) -> RefreshTokens {
        let mut settings = Settings::for_tests(secret);
        settings.previous_secret_key = previous.map(SecretString::from);
        RefreshTokens::new(&settings).unwrap()
    }

    const SECRET: &str = "a secret of thirty-two characters";
    const OTHER: &str = "another secret of many characters";

    #[test]
    fn a_token_is_known_again_and_any_other_is_not() {
        let session = SessionId::new(&Clock::standing_at(0));
        let ours = tokens(SECRET, None);
        let token = ours.make(session, 7);
        let text = token.expose_secret();

        let place = ours.read(text).unwrap();
        assert_eq!(
            place,
            Place {
                session,
                counter: 7
            }
        );
        assert!(tokens(OTHER, Some(SECRET)).read(text).is_some());
        assert!(tokens(OTHER, None).read(text).is_none());
        let counted_up = text.replace(".7.", ".8.");
        let shortened = &text[..text.len() - 1];
        let padded = format!("{text}=");
        let long = format!("v1.{session}.7.{}", "x".repeat(200));
        for forged in ["", "v1", "v1...", &counted_up, shortened, &padded, &long] {
            assert!(ours.read(forged).is_none(), "{forged}");
        }
    }
}
