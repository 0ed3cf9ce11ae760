//! Another password, for whoever knows the one they have.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::audit::Note;
use super::password::{About, Verdict};
use super::{Auth, random, refused};
use crate::domain::{Actor, Event, SessionId, User};
use crate::error::{Error, Result};
use crate::store::vault::{passwords, resets, sessions};
use crate::store::{Tx, Vault};

/// A password in the place of another.
#[derive(Clone, Debug)]
pub struct NewPassword {
    pub current: SecretString,
    pub new: SecretString,
    /// Whether the login was shown by its cookie, which is another one then.
    pub by_cookie: bool,
}

/// The session cookie in the place of the one before.
#[derive(Clone, Debug)]
pub struct NewCookie {
    pub token: SecretString,
    /// None: until the browser is closed.
    pub lifetime: Option<Duration>,
}

impl Auth {
    /// Sets another password and ends every login but the one that asks, if it is one.
    pub async fn change_password(
        &self,
        who: &Actor,
        wanted: NewPassword,
    ) -> Result<Option<NewCookie>> {
        let owner = &who.user;
        let user = self.user(owner).await?;
        let known = self.prove_again(&user, who, &wanted.current).await?;
        let about = About::of(&user, "new_password");
        let hash = self.0.passwords.set(&wanted.new, &about).await?;
        let mut tx = self.0.vault.write().await?;
        // Of two changes at once, the second does not know the password any more.
        if !passwords::replace(&mut tx, owner, &known, &known).await? {
            return Err(wrong());
        }
        passwords::set(&mut tx, owner, &hash, self.now()).await?;
        resets::remove(&mut tx, owner).await?;
        let session = who.session();
        match session {
            Some(session) => sessions::remove_others(&mut tx, owner, session).await?,
            None => sessions::remove_all(&mut tx, owner).await?,
        }
        let cookie = match session {
            Some(session) if wanted.by_cookie => Some(self.rename(&mut tx, session).await?),
            _ => None,
        };
        tx.commit().await?;
        self.0.seen.revoke(owner);
        self.note(Note::by(who, Event::PasswordChanged)).await;
        Ok(cookie)
    }

    async fn rename(&self, tx: &mut Tx<Vault>, session: SessionId) -> Result<NewCookie> {
        let token = random::token()?;
        let fingerprint = random::fingerprint(token.expose_secret());
        let remember = sessions::rename(tx, session, &fingerprint).await?;
        let remember = remember.ok_or_else(refused)?;
        Ok(NewCookie {
            token,
            lifetime: self.0.lifetimes.of_cookie(remember),
        })
    }

    /// The hash of the password that somebody who is signed in has just shown to know.
    pub(super) async fn prove_again(
        &self,
        user: &User,
        who: &Actor,
        password: &SecretString,
    ) -> Result<String> {
        let tried = self.0.lockout.try_again(who).await?;
        let stored = self.guessable(&user.id, &tried).await?;
        let floor = self.floor().await?;
        let verdict = self.0.passwords.check(password, stored.clone(), floor);
        match (verdict.await?, stored) {
            (Verdict::Wrong, _) | (_, None) => {
                self.count_failure(&user.id, &tried).await?;
                self.note(Note::by(who, Event::PasswordRejected)).await;
                Err(wrong())
            }
            (_, Some(hash)) => {
                self.0.lockout.passed(&tried).await;
                Ok(hash)
            }
        }
    }
}

/// Not 401: who is told so signs in again, and it is not the login that is wrong.
fn wrong() -> Error {
    Error::forbidden(
        "invalid_credentials",
        "This is not the password of the account.",
    )
}
