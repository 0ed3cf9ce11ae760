//! Joining where an address must be shown to be one's own: nobody learns whether it has an account.

use super::account::{NewAccount, taken};
use super::audit::Note;
use super::password::About;
use super::recovery::SENDS;
use super::verification::LIFETIME;
use super::{Auth, random};
use crate::domain::{Caps, Contact, Email, Event, Origin, Purpose, Role, Status, User, UserId};
use crate::error::Result;
use crate::outbox::Letter;
use crate::store::users::{self, Taken};
use crate::store::vault::destinations::{self, Counted};
use crate::store::vault::{codes, passwords};

impl Auth {
    /// Opens an account for whoever asks. None where the address is to be verified first: it gets mail,
    /// with a code if it is new and with a hint if it is not, and the answer is the same.
    pub async fn join(&self, new: NewAccount, origin: &Origin) -> Result<Option<User>> {
        if !self.0.verification_required {
            return self.register(new, origin).await.map(Some);
        }
        self.may_register()?;
        self.can_mail()?;
        let mut conn = self.0.main.read().await?;
        if let Some(name) = &new.username
            && users::by_username(&mut conn, name).await?.is_some()
        {
            return Err(taken(Taken::Username));
        }
        let known = users::by_email(&mut conn, &new.email).await?;
        drop(conn);
        // Whether it is new or not: hashing is what takes the time.
        let about = About {
            field: "password",
            email: Some(&new.email),
            username: new.username.as_ref(),
            name: new.name.as_ref(),
        };
        let hash = self.0.passwords.set(&new.password, &about).await?;
        let email = new.email.clone();
        match known {
            Some(user) => self.join_again(&user, &email, origin).await?,
            None => self.join_pending(new, &hash, origin).await?,
        }
        Ok(None)
    }

    async fn join_pending(&self, new: NewAccount, hash: &str, origin: &Origin) -> Result<()> {
        let (code, now) = (random::code()?, self.now());
        let address = new.email;
        let user = User {
            id: UserId::new(&self.0.clock),
            email: Contact::own(address.clone()),
            username: new.username,
            name: new.name,
            role: Role::User,
            status: Status::Pending,
            email_verified: false,
            created_at: now,
            updated_at: now,
            last_seen_at: None,
            token_version: 1,
            caps: Caps::default(),
        };
        let flow = (&user.id, Purpose::Email, address.as_str());
        let kept = self.0.codes.keep(flow, &code, now)?;
        let mut tx = self.0.vault.write().await?;
        let mac = self.0.strangers.mac(address.as_str());
        let may_send = destinations::count(&mut tx, (Counted::Code, &mac), SENDS, now).await?;
        passwords::set(&mut tx, &user.id, hash, now).await?;
        if may_send {
            codes::set(&mut tx, &kept).await?;
        }
        tx.commit().await?;

        let letter = if may_send {
            self.code_letter(Some(&user.id), &address, &code)
        } else {
            Self::letter_to_nobody(LIFETIME)
        };
        let added = self.add_pending(&user, &letter, origin);
        match added.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(which)) => {
                self.remove_orphan(&user.id).await?;
                // A twin of this request was quicker, and mail is on its way to the same address.
                match which {
                    Taken::Email => Ok(()),
                    Taken::Username => Err(taken(which)),
                }
            }
            Err(error) => {
                self.remove_orphan(&user.id).await.ok();
                Err(error)
            }
        }
    }

    async fn add_pending(
        &self,
        user: &User,
        letter: &Letter,
        origin: &Origin,
    ) -> Result<Result<(), Taken>> {
        let mut tx = self.0.main.write().await?;
        if let Err(which) = users::add(&mut tx, user).await? {
            return Ok(Err(which));
        }
        self.0.outbox.put(&mut tx, letter).await?;
        let note = Note::from(origin, Event::UserRegistered).about(&user.id);
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        self.0.outbox.wake(letter.channel);
        Ok(Ok(()))
    }

    /// Somebody joins with an address that has an account: its user is told, and nobody else.
    async fn join_again(&self, user: &User, email: &Email, origin: &Origin) -> Result<()> {
        let (code, now) = (random::code()?, self.now());
        // A code that nobody is told, so that trying one is answered as where the address is new.
        let nobody = self.0.strangers.id(email.as_str())?;
        let flow = if user.email_verified || !user.status.may_recover() {
            (&nobody, Purpose::Email, "")
        } else {
            (&user.id, Purpose::Email, email.as_str())
        };
        let kept = self.0.codes.keep(flow, &code, now)?;
        let mut tx = self.0.vault.write().await?;
        let mac = self.0.strangers.mac(email.as_str());
        let may_send = destinations::count(&mut tx, (Counted::Code, &mac), SENDS, now).await?;
        if may_send {
            codes::set(&mut tx, &kept).await?;
        }
        tx.commit().await?;
        let letter: Letter = if may_send && user.status.may_recover() {
            self.known_letter(user)
        } else {
            Self::letter_to_nobody(LIFETIME)
        };
        let note = Note::from(origin, Event::JoinedAgain).about(&user.id);
        self.put_with(letter, note).await
    }
}
