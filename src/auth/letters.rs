//! What is written to users.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Auth;
use super::verification::LIFETIME as CODE;
use crate::domain::{Channel, Email, User, UserId};
use crate::error::{self, Result};
use crate::outbox::Letter;

/// A link to set another password is good for so long.
pub(super) const RESET: Duration = Duration::from_mins(30);
/// News are no news later.
const NEWS: Duration = Duration::from_hours(24);

impl Auth {
    /// The link stands on a line of its own; who has it may set another password.
    pub(super) fn reset_letter(&self, user: &User, page: &Url, token: &SecretString) -> Letter {
        let mut link = page.clone();
        link.set_fragment(Some(&format!("token={}", token.expose_secret())));
        let text = format!(
            "Somebody, probably you, wants to set another password for your account at {product}.\n\
             To do so, open this link within 30 minutes; it works once:\n\n{link}\n\n\
             If it was not you, ignore this message: nothing has changed.\n",
            product = self.0.product,
        );
        self.letter(user, "Set another password", text, RESET)
    }

    pub(super) fn was_reset_letter(&self, user: &User) -> Letter {
        let text = format!(
            "The password of your account at {} has just been set anew by a link that was sent to \
             this address,\nand everybody who was signed in has been signed out.\n\n\
             If it was not you, somebody reads your mail: ask for another link, and see to your \
             mailbox.\n",
            self.0.product
        );
        self.letter(user, "Your password has been changed", text, NEWS)
    }

    pub(super) fn reuse_letter(&self, user: &User) -> Letter {
        let text = format!(
            "Something that keeps you signed in to {} was used a second time. That happens when it is \
             stolen,\nso the login has been ended: sign in again.\n\n\
             If you do not know why it could have happened, change your password and look at your \
             sessions.\n",
            self.0.product
        );
        self.letter(user, "A login of yours has been ended", text, NEWS)
    }

    /// The code stands on a line of its own.
    pub(super) fn code_letter(
        &self,
        user: Option<&UserId>,
        to: &Email,
        code: &SecretString,
    ) -> Letter {
        let text = format!(
            "Your code for {}:\n\n{}\n\n\
             It is good once, for 10 minutes. If you did not ask for it, ignore this message, and \
             tell it\nto nobody.\n",
            self.0.product,
            code.expose_secret()
        );
        Letter {
            channel: Channel::Mail,
            user: user.cloned(),
            to: Some(to.to_string()),
            subject: format!("{}: Your code", self.0.product),
            text: text.into(),
            lifetime: CODE,
        }
    }

    /// To who has an account already, and joins once more.
    pub(super) fn known_letter(&self, user: &User) -> Letter {
        let text = format!(
            "Somebody, probably you, wants to open an account at {} with this address, which has one \
             already.\nSign in with it; if you have forgotten the password, ask for another one, and \
             if the address\nis not verified yet, for a code.\n\n\
             If it was not you, ignore this message: nothing has changed.\n",
            self.0.product
        );
        self.letter(user, "You have an account", text, NEWS)
    }

    /// To the address that was a user's until now.
    pub(super) fn moved_letter(&self, before: &User) -> Letter {
        let text = format!(
            "Your account at {} has another address from now on, and nothing more is sent to this \
             one.\n\nIf it was not you, somebody knows your password: turn to whoever runs the \
             service.\n",
            self.0.product
        );
        self.letter(before, "Your address has been changed", text, NEWS)
    }

    /// What costs as much as a letter, and goes to nobody.
    pub(super) fn letter_to_nobody(lifetime: Duration) -> Letter {
        Letter {
            channel: Channel::Mail,
            user: None,
            to: None,
            subject: String::new(),
            text: SecretString::default(),
            lifetime,
        }
    }

    /// To the user's own address: what a foreign issuer says of one is for show.
    fn letter(&self, user: &User, subject: &str, text: String, lifetime: Duration) -> Letter {
        Letter {
            channel: Channel::Mail,
            user: Some(user.id.clone()),
            to: user.email.own.as_ref().map(ToString::to_string),
            subject: format!("{}: {subject}", self.0.product),
            text: text.into(),
            lifetime,
        }
    }

    /// Sends news of what is done already. It stays done if they cannot be sent.
    pub(super) async fn send(&self, letter: Letter) {
        if !self.0.outbox.can_send(letter.channel) {
            return;
        }
        if let Err(error) = self.post(&letter).await {
            let cause = error::chain(&error);
            tracing::error!(error = cause, "A user is not told what has happened");
        }
    }

    async fn post(&self, letter: &Letter) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        self.0.outbox.put(&mut tx, letter).await?;
        tx.commit().await?;
        self.0.outbox.wake(letter.channel);
        Ok(())
    }
}
