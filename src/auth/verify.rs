//! From what a request shows to who is asking.

use std::fmt;
use std::time::Duration;

use super::key::{self, PREFIX};
use super::seen::{Fingerprint, Recognised};
use super::{Auth, random, refused, session};
use crate::domain::{Principal, Ts, User, UserId, Via};
use crate::error::{self, Result};
use crate::store::users;
use crate::store::vault::sessions::{self, Session};

/// What a request shows, and where.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// After `Authorization: Bearer`: an access token, a foreign issuer's token or an API key.
    Bearer(&'a str),
    /// In `X-API-Key` or `api-key`.
    Key(&'a str),
    /// In the session cookie.
    Cookie(&'a str),
}

/// A credential that has the form of one.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Token(&'a str),
    Key(key::Text<'a>),
    Cookie([u8; 32]),
}

/// That a user was here is written down no more often.
const SEEN_EVERY: Duration = Duration::from_mins(5);

impl Auth {
    /// Who is asking. Every credential that opens nothing gets the same answer, but for a token of
    /// ours that is past its time: `token_expired`.
    pub async fn verify(&self, credential: Credential<'_>) -> Result<Principal> {
        let (shown, fingerprint) = read(credential).ok_or_else(refused)?;
        // Boxed, so that who is recognised at once does not carry the room for a look-up.
        let look_up = || Box::pin(self.look_up(shown));
        self.0.seen.recognise(fingerprint, look_up).await
    }

    async fn look_up(&self, shown: Shown<'_>) -> Result<Recognised> {
        match shown {
            Shown::Token(token) if self.is_foreign(token) => self.by_foreign_token(token).await,
            Shown::Token(token) => self.by_token(token).await,
            Shown::Key(text) => self.by_key(text).await,
            Shown::Cookie(hash) => self.by_cookie(&hash).await,
        }
    }

    /// Whether a token is for a foreign issuer to bear out: what names a key of ours is not.
    fn is_foreign(&self, token: &str) -> bool {
        !self.0.issuers.is_empty() && !self.0.tokens.are_named_by(token)
    }

    async fn by_token(&self, token: &str) -> Result<Recognised> {
        let now = self.now();
        let claims = self.0.tokens.read(token, now)?;
        let mut conn = self.0.vault.read().await?;
        let session = sessions::live(&mut conn, claims.sid, now).await?;
        drop(conn);
        let session = session
            .filter(|session| session.user_id == claims.sub)
            .ok_or_else(refused)?;
        let user = self.active(&claims.sub).await?;
        if user.token_version != claims.ver {
            return Err(refused());
        }
        self.note_session(&session, false, &user, now).await;
        Ok(by_session(&session, user, claims.ends_at()))
    }

    async fn by_cookie(&self, hash: &[u8; 32]) -> Result<Recognised> {
        let now = self.now();
        let mut conn = self.0.vault.read().await?;
        let session = sessions::live_by_token(&mut conn, hash, now).await?;
        drop(conn);
        let session = session.ok_or_else(refused)?;
        let until = self.0.lifetimes.end_of(&session);
        if until <= now {
            return Err(refused());
        }
        let user = self.active(&session.user_id).await?;
        if !session.is_of(&user) {
            return Err(refused());
        }
        self.note_session(&session, true, &user, now).await;
        Ok(by_session(&session, user, until))
    }

    async fn by_key(&self, text: key::Text<'_>) -> Result<Recognised> {
        let now = self.now();
        let kept = self.kept_key(text, now).await?;
        let user = self.active(&kept.user_id).await?;
        note(self.note_key(&kept, now).await, &user);
        note(self.note_user(&user, now).await, &user);
        Ok(Recognised {
            until: kept.expires_at,
            principal: Principal {
                user: user.id,
                role: user.role,
                caps: user.caps,
                via: Via::Key {
                    id: kept.id,
                    scopes: kept.scopes.0,
                    models: kept.models.0,
                    expires_at: kept.expires_at,
                    caps: kept.caps,
                },
            },
        })
    }

    /// The user, as long as they may sign in.
    pub(super) async fn active(&self, id: &UserId) -> Result<User> {
        let mut conn = self.0.main.read().await?;
        users::by_id(&mut conn, id)
            .await?
            .filter(|user| user.status.may_sign_in())
            .ok_or_else(refused)
    }

    async fn note_session(&self, session: &Session, is_cookie: bool, user: &User, now: Ts) {
        note(self.slide(session, is_cookie, now).await, user);
        note(self.note_user(user, now).await, user);
    }

    async fn slide(&self, session: &Session, is_cookie: bool, now: Ts) -> Result<()> {
        let Some(expires_at) = self.0.lifetimes.slide(session, is_cookie, now) else {
            return Ok(());
        };
        let mut tx = self.0.vault.write().await?;
        sessions::touch(&mut tx, session.id, now, expires_at).await?;
        tx.commit().await
    }

    pub(super) async fn note_user(&self, user: &User, now: Ts) -> Result<()> {
        let is_recent = |seen| now.since(seen) < SEEN_EVERY;
        if user.last_seen_at.is_some_and(is_recent) {
            return Ok(());
        }
        let mut tx = self.0.main.write().await?;
        users::seen(&mut tx, &user.id, now).await?;
        tx.commit().await
    }
}

fn by_session(session: &Session, user: User, until: Ts) -> Recognised {
    Recognised {
        principal: Principal {
            user: user.id,
            role: user.role,
            caps: user.caps,
            via: Via::Session(session.id),
        },
        until,
    }
}

/// A door does not stay shut because the visitors' book cannot be written.
pub(super) fn note(noted: Result<()>, user: &User) {
    if let Err(error) = noted {
        let cause = error::chain(&error);
        tracing::warn!(user.id = %user.id, error = cause, "The use of a credential was not noted");
    }
}

/// Sorts by form alone: what has none is refused without asking a database.
fn read(credential: Credential<'_>) -> Option<(Shown<'_>, Fingerprint)> {
    match credential {
        Credential::Bearer(text) if text.starts_with(PREFIX) => read(Credential::Key(text)),
        Credential::Bearer(text) if super::token::may_be_one(text) => {
            let fingerprint = Fingerprint::Token(random::fingerprint(text));
            Some((Shown::Token(text), fingerprint))
        }
        Credential::Bearer(_) => None,
        Credential::Key(text) => {
            let text = key::Text::parse(text)?;
            Some((Shown::Key(text), Fingerprint::Key(text.hash())))
        }
        Credential::Cookie(text) => {
            let hash = session::hash_of(text)?;
            Some((Shown::Cookie(hash), Fingerprint::Cookie(hash)))
        }
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer([redacted])",
            Self::Key(_) => "Key([redacted])",
            Self::Cookie(_) => "Cookie([redacted])",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_never_shown() {
        for credential in [
            Credential::Bearer("secret"),
            Credential::Key("secret"),
            Credential::Cookie("secret"),
        ] {
            assert!(!format!("{credential:?}").contains("secret"));
        }
    }

    #[test]
    fn what_has_no_form_is_refused_before_anybody_is_asked() {
        let long = format!("a.b.{}", "x".repeat(8_192));
        for text in [
            "", " ", "x", "sk-cg-", "a.b", "a.b.c.d", "é.é.é", "..", &long,
        ] {
            assert!(read(Credential::Key(text)).is_none(), "{text:.20}");
            assert!(read(Credential::Cookie(text)).is_none(), "{text:.20}");
        }
        for text in ["", " ", "x", "sk-cg-", "a.b", "a.b.c.d", &long] {
            assert!(read(Credential::Bearer(text)).is_none(), "{text:.20}");
        }
    }
}
