//! Codes of six digits by mail: they show that an address is the user's.

use std::time::Duration;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::audit::Note;
use super::recovery::SENDS;
use super::token::expand;
use super::{Auth, random};
use crate::domain::{
    Actor, Channel, Contact, Email, Event, Origin, Purpose, Status, Ts, User, UserId,
};
use crate::error::{Error, Kind, Result};
use crate::outbox::Letter;
use crate::store::vault::codes::{self, Code};
use crate::store::vault::destinations::{self, Allowed, Counted};
use crate::store::vault::resets;
use crate::store::{Tx, Vault, users};

/// A code is good for so long.
pub(super) const LIFETIME: Duration = Duration::from_mins(10);
/// Tries at one code.
const MOST_TRIES: i64 = 5;
/// Tries at all codes of one address or number.
const TRIES: Allowed = Allowed {
    pause: Duration::ZERO,
    in_hour: i64::MAX,
    in_day: 20,
};

/// Knows codes again that it has never kept.
pub(super) struct Codes(hmac::Key);

/// Somebody who is sent a code, or shows one.
#[derive(Clone, Debug)]
pub enum Whom<'a> {
    Caller(&'a Actor),
    /// Somebody who is not signed in, and may have no account.
    Address(&'a Email, &'a Origin),
}

/// Whose codes are meant.
struct Owner {
    id: UserId,
    /// None: nobody's.
    user: Option<User>,
    email: Email,
    origin: Origin,
    is_signed_in: bool,
}

impl Codes {
    pub(super) fn new(secret: &SecretString) -> Result<Self> {
        let secret = secret.expose_secret().as_bytes();
        let key = expand(secret, b"concierge code v1")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())))
    }

    /// What is kept of a code for this one flow.
    pub(super) fn keep(
        &self,
        (user, purpose, destination): (&UserId, Purpose, &str),
        code: &SecretString,
        now: Ts,
    ) -> Result<Code> {
        let mut kept = Code {
            user_id: user.clone(),
            purpose,
            destination: destination.to_owned(),
            salt: random::bytes::<16>()?.to_vec(),
            mac: Vec::new(),
            tries: 0,
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        let text = text(&kept, code.expose_secret());
        kept.mac = hmac::sign(&self.0, &text).as_ref().to_vec();
        Ok(kept)
    }

    fn is_right(&self, kept: &Code, code: &str) -> bool {
        hmac::verify(&self.0, &text(kept, code), &kept.mac).is_ok()
    }
}

/// No two of these have the same bytes: each part but the last says how long it is.
fn text(kept: &Code, code: &str) -> Vec<u8> {
    let purpose = kept.purpose.to_string();
    let parts = [
        purpose.as_bytes(),
        kept.user_id.as_str().as_bytes(),
        kept.destination.as_bytes(),
        &kept.salt,
    ];
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&part.len().to_be_bytes());
        text.extend_from_slice(part);
    }
    text.extend_from_slice(code.as_bytes());
    text
}

impl Auth {
    /// Sends a code to the caller's address, or to one that may have an account: as for
    /// [`Auth::forgot_password`], nobody is told whether it has one.
    pub async fn send_code(&self, whom: Whom<'_>) -> Result<()> {
        self.can_mail()?;
        let owner = self.owner(whom).await?;
        let (code, now) = (random::code()?, self.now());
        let destination = owner.user.as_ref().map_or("", |_| owner.email.as_str());
        let flow = (&owner.id, Purpose::Email, destination);
        let kept = self.0.codes.keep(flow, &code, now)?;
        self.keep_code(&owner.email, &kept).await?;

        let note = match (&owner.user, owner.is_signed_in) {
            (Some(user), true) => {
                Note::from(&owner.origin, Event::CodeSent).shown_to_be(&user.id, None)
            }
            (Some(user), false) => Note::from(&owner.origin, Event::CodeSent).about(&user.id),
            (None, _) => Note::from(&owner.origin, Event::CodeSent),
        };
        let letter = match &owner.user {
            Some(user) => self.code_letter(Some(&user.id), &owner.email, &code),
            None => Self::letter_to_nobody(LIFETIME),
        };
        self.put_with(letter, note.with("purpose", "email")).await
    }

    /// Sends a code to an address that is to become the user's, who shows their password again. The
    /// address stays as it is until the code is shown; one that is another's gets no mail, which nobody
    /// is told.
    pub async fn change_email(
        &self,
        who: &Actor,
        password: &SecretString,
        new: &Email,
    ) -> Result<()> {
        self.can_mail()?;
        let user = self.user(&who.user).await?;
        self.prove_again(&user, who, password).await?;
        if Some(new) == user.email.own.as_ref() {
            let message = "This is the address of the account already.";
            return Err(super::invalid("new_email", "unchanged", message));
        }
        let taken = users::by_email(&mut self.0.main.read().await?, new).await?;
        let (code, now) = (random::code()?, self.now());
        let flow = (&user.id, Purpose::NewEmail, new.as_str());
        let kept = self.0.codes.keep(flow, &code, now)?;
        self.keep_code(new, &kept).await?;
        let letter = match taken {
            None => self.code_letter(Some(&user.id), new, &code),
            Some(_) => Self::letter_to_nobody(LIFETIME),
        };
        let note = Note::by(who, Event::CodeSent).with("purpose", "new_email");
        self.put_with(letter, note).await
    }

    /// What a code is good for, done. The user as they are now, where they are signed in.
    pub async fn confirm_code(&self, whom: Whom<'_>, code: &str) -> Result<Option<User>> {
        let owner = self.owner(whom).await?;
        let right = self.try_code(&owner, code).await?;
        // Nobody's code was sent to nobody.
        let (Some(code), Some(_)) = (right, &owner.user) else {
            let note = Note::from(&owner.origin, Event::CodeRejected);
            self.note(match &owner.user {
                Some(user) => note.about(&user.id),
                None => note,
            })
            .await;
            return Err(invalid_code());
        };
        let user = match code.purpose {
            Purpose::NewEmail => self.move_to(&owner, &code.destination).await?,
            _ => self.verified(&owner, &code.destination).await?,
        };
        self.0.seen.revoke(&user.id);
        Ok(owner.is_signed_in.then_some(user))
    }

    /// The code that is right, which is used up. A try counts against each that is live.
    async fn try_code(&self, owner: &Owner, code: &str) -> Result<Option<Code>> {
        let now = self.now();
        let mut tx = self.0.vault.write().await?;
        let live = codes::try_all(&mut tx, &owner.id, MOST_TRIES, now).await?;
        if live.is_empty() {
            return Err(why_none(&codes::of(&mut tx, &owner.id).await?, now));
        }
        let (mut may_try, mut right) = (false, None);
        for kept in live {
            if self.counts(&mut tx, owner, &kept, now).await? {
                may_try = true;
                if self.0.codes.is_right(&kept, code) {
                    right = Some(kept);
                }
            }
        }
        if let Some(right) = &right {
            codes::remove(&mut tx, &owner.id, right.purpose).await?;
        }
        tx.commit().await?;
        if may_try {
            Ok(right)
        } else {
            Err(too_many_tries())
        }
    }

    /// Whether the address or number may be tried once more today.
    async fn counts(
        &self,
        tx: &mut Tx<Vault>,
        owner: &Owner,
        kept: &Code,
        now: Ts,
    ) -> Result<bool> {
        let destination = match kept.destination.as_str() {
            "" => owner.email.as_str(),
            destination => destination,
        };
        let mac = self.0.strangers.mac(destination);
        destinations::count(tx, (Counted::Try, &mac), TRIES, now).await
    }

    /// Keeps a code that is about to be sent, if one may be.
    async fn keep_code(&self, to: &Email, code: &Code) -> Result<()> {
        let mut tx = self.0.vault.write().await?;
        let mac = self.0.strangers.mac(to.as_str());
        if !destinations::count(&mut tx, (Counted::Code, &mac), SENDS, code.created_at).await? {
            return Err(too_soon());
        }
        codes::remove(&mut tx, &code.user_id, code.purpose).await?;
        codes::set(&mut tx, code).await?;
        tx.commit().await
    }

    async fn verified(&self, owner: &Owner, address: &str) -> Result<User> {
        let mut tx = self.0.main.write().await?;
        let user = users::hold(&mut tx, &owner.id).await?;
        // An administrator may have set another address since.
        let user = user.filter(|user| {
            user.status.may_recover()
                && user
                    .email
                    .own
                    .as_ref()
                    .is_some_and(|own| own.as_str() == address)
        });
        let mut user = user.ok_or_else(invalid_code)?;
        user.email_verified = true;
        user.updated_at = self.now();
        if user.status == Status::Pending {
            user.status = Status::Active;
        }
        users::change(&mut tx, &user)
            .await?
            .map_err(super::account::taken)?;
        let note = Note::from(&owner.origin, Event::EmailVerified).shown_to_be(&user.id, None);
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// The user's address is another one from now on; what was sent to the one before is void, and it
    /// is told.
    async fn move_to(&self, owner: &Owner, address: &str) -> Result<User> {
        let address = Email::parse(address).ok_or_else(invalid_code)?;
        let mut vault = self.0.vault.write().await?;
        resets::remove(&mut vault, &owner.id).await?;
        codes::remove_all(&mut vault, &owner.id).await?;
        vault.commit().await?;
        let mut tx = self.0.main.write().await?;
        let user = users::hold(&mut tx, &owner.id).await?;
        let before = user
            .filter(|user| user.status.may_recover())
            .ok_or_else(invalid_code)?;
        let after = User {
            email: Contact {
                own: Some(address),
                ..before.email.clone()
            },
            email_verified: true,
            updated_at: self.now(),
            ..before.clone()
        };
        users::change(&mut tx, &after)
            .await?
            .map_err(super::account::taken)?;
        let note = Note::from(&owner.origin, Event::EmailChanged).shown_to_be(&after.id, None);
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        self.send(self.moved_letter(&before)).await;
        Ok(after)
    }

    async fn owner(&self, whom: Whom<'_>) -> Result<Owner> {
        match whom {
            Whom::Caller(actor) => {
                let user = self.user(&actor.user).await?;
                Ok(Owner {
                    id: user.id.clone(),
                    email: user.email.own.clone().ok_or_else(no_address)?,
                    user: Some(user),
                    origin: actor.origin.clone(),
                    is_signed_in: true,
                })
            }
            Whom::Address(email, origin) => {
                let user = users::by_email(&mut self.0.main.read().await?, email).await?;
                // Who has nothing to show is as good as nobody.
                let user = user.filter(|user| user.status.may_recover() && !user.email_verified);
                let nobody = self.0.strangers.id(email.as_str())?;
                Ok(Owner {
                    id: user.as_ref().map_or(nobody, |user| user.id.clone()),
                    email: email.clone(),
                    user,
                    origin: origin.clone(),
                    is_signed_in: false,
                })
            }
        }
    }

    /// Puts a letter in with what is written down of it.
    pub(super) async fn put_with(&self, letter: Letter, note: Note) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        self.0.outbox.put(&mut tx, &letter).await?;
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        self.0.outbox.wake(letter.channel);
        Ok(())
    }

    /// An answer for all, whether they have an account or not.
    pub(super) fn can_mail(&self) -> Result<()> {
        if self.0.outbox.can_send(Channel::Mail) {
            return Ok(());
        }
        let message = "No mail can be sent here; ask whoever runs this service.";
        Err(Error::unavailable("mail_not_configured", message))
    }
}

/// Why there is no code to be tried.
fn why_none(codes: &[Code], now: Ts) -> Error {
    if codes.iter().any(|code| code.expires_at > now) {
        return too_many_tries();
    }
    if codes.is_empty() {
        return invalid_code();
    }
    let message = "The code is too old; ask for another one.";
    Error::new(Kind::Gone, "code_expired", message)
}

fn no_address() -> Error {
    let message = "The account has no address of its own; change it first.";
    Error::conflict("no_email", message)
}

fn invalid_code() -> Error {
    let message = "The code is not the one that was sent.";
    Error::new(Kind::Malformed, "invalid_code", message)
}

fn too_many_tries() -> Error {
    let message = "There were too many tries; ask for another code.";
    too_many(message)
}

fn too_soon() -> Error {
    too_many("A code was sent just now, or too many were sent; wait until you ask for another one.")
}

fn too_many(message: &'static str) -> Error {
    let kind = Kind::TooMany {
        retry_after: SENDS.pause,
        quota: None,
    };
    Error::new(kind, "rate_limited", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_right_in_its_own_flow_alone() {
        let codes = Codes::new(&"a secret of thirty-two characters".into()).unwrap();
        let user = UserId::parse("ada").unwrap();
        let flow = (&user, Purpose::Email, "ada@example.com");
        let kept = codes
            .keep(flow, &"012345".into(), Ts::from_micros(0))
            .unwrap();

        assert!(codes.is_right(&kept, "012345"));
        assert!(!codes.is_right(&kept, "012346"));
        let others = [
            Code {
                purpose: Purpose::NewEmail,
                ..kept.clone()
            },
            Code {
                destination: "eve@example.com".to_owned(),
                ..kept.clone()
            },
            Code {
                user_id: UserId::parse("eve").unwrap(),
                ..kept.clone()
            },
            Code {
                salt: vec![0; 16],
                ..kept.clone()
            },
        ];
        assert!(others.iter().all(|other| !codes.is_right(other, "012345")));
        let other = Codes::new(&"another secret of many characters".into()).unwrap();
        assert!(!other.is_right(&kept, "012345"));
    }
}
