//! Another password, for whoever reads the mail of an account.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::audit::Note;
use super::letters::RESET;
use super::password::About;
use super::{Auth, random, session};
use crate::domain::{Channel, Email, Event, Origin, Ts, User};
use crate::error::{Error, Kind, Result};
use crate::store::users;
use crate::store::vault::destinations::{self, Allowed, Counted};
use crate::store::vault::{passwords, resets, sessions};

/// How often something is sent to one address or number.
pub(super) const SENDS: Allowed = Allowed {
    pause: Duration::from_mins(1),
    in_hour: 5,
    in_day: 10,
};

impl Auth {
    /// Sends a link to whoever has an account with this address. Whether there is one cannot be told by
    /// what this answers, nor by the work that it does.
    pub async fn forgot_password(&self, email: &Email, origin: &Origin) -> Result<()> {
        let page = self.reset_page()?;
        let user = users::by_email(&mut self.0.main.read().await?, email).await?;
        let user = user.filter(|user| user.status.may_recover());
        let nobody = self.0.strangers.id(email.as_str())?;
        let token = random::token()?;
        let (id, now) = (user.as_ref().map_or(&nobody, |user| &user.id), self.now());

        let mut tx = self.0.vault.write().await?;
        let address = self.0.strangers.mac(email.as_str());
        if !destinations::count(&mut tx, (Counted::Reset, &address), SENDS, now).await? {
            return Ok(());
        }
        let hash = random::fingerprint(token.expose_secret());
        resets::set(&mut tx, id, &hash, (now, now.plus(RESET))).await?;
        tx.commit().await?;

        let note = Note::from(origin, Event::ResetRequested);
        let (letter, note) = match &user {
            Some(user) => (self.reset_letter(user, page, &token), note.about(&user.id)),
            None => (Self::letter_to_nobody(RESET), note),
        };
        let mut tx = self.0.main.write().await?;
        self.0.outbox.put(&mut tx, &letter).await?;
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        self.0.outbox.wake(letter.channel);
        Ok(())
    }

    /// Sets another password by the token of such a link, which is used up, and ends every login.
    pub async fn reset_password(
        &self,
        token: &SecretString,
        new: &SecretString,
        origin: &Origin,
    ) -> Result<()> {
        let (token, now) = (session::hash_of(token.expose_secret()), self.now());
        let token = token.ok_or_else(invalid_token)?;
        let user = self.owner_of(&token, now).await?;
        let about = About::of(&user, "new_password");
        let hash = self.0.passwords.set(new, &about).await?;
        let mut tx = self.0.vault.write().await?;
        if !resets::take(&mut tx, &user.id, &token, now).await? {
            return Err(invalid_token());
        }
        passwords::set(&mut tx, &user.id, &hash, now).await?;
        sessions::remove_all(&mut tx, &user.id).await?;
        tx.commit().await?;
        self.0.seen.revoke(&user.id);
        let note = Note::from(origin, Event::PasswordReset).about(&user.id);
        self.note(note).await;
        self.send(self.was_reset_letter(&user)).await;
        Ok(())
    }

    async fn owner_of(&self, token: &[u8], now: Ts) -> Result<User> {
        let mut conn = self.0.vault.read().await?;
        let owner = resets::owner(&mut conn, token, now).await?;
        drop(conn);
        let owner = owner.ok_or_else(invalid_token)?;
        let user = users::by_id(&mut self.0.main.read().await?, &owner).await?;
        user.filter(|user| user.status.may_recover())
            .ok_or_else(invalid_token)
    }

    /// An answer for all, or who is told otherwise has an account.
    fn reset_page(&self) -> Result<&Url> {
        let can_send = self.0.outbox.can_send(Channel::Mail);
        let page = self.0.reset_page.as_ref().filter(|_| can_send);
        page.ok_or_else(|| {
            let message = "No mail can be sent here; ask whoever runs this service.";
            Error::unavailable("mail_not_configured", message)
        })
    }
}

fn invalid_token() -> Error {
    let message = "The link is not valid, was used before, or is too old. Ask for another one.";
    Error::new(Kind::Malformed, "invalid_or_expired_token", message)
}
