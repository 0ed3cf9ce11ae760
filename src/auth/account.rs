//! New accounts, and the first administrator.

use secrecy::SecretString;

use super::Auth;
use super::audit::Note;
use super::password::About;
use crate::domain::{
    Caps, Contact, Email, Event, Name, Origin, Role, Status, User, UserId, Username,
};
use crate::error::{self, Error, Result};
use crate::store::users::{self, Taken};
use crate::store::vault::{codes, keys, passwords, resets, sessions};

/// Who wants an account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub email: Email,
    pub password: SecretString,
    pub username: Option<Username>,
    pub name: Option<Name>,
}

/// What a new account may do, and use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) role: Role,
    pub(super) status: Status,
    pub(super) caps: Caps,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            role: Role::User,
            status: Status::Active,
            caps: Caps::default(),
        }
    }
}

impl Auth {
    /// Opens an account for whoever asks.
    pub async fn register(&self, new: NewAccount, origin: &Origin) -> Result<User> {
        self.may_register()?;
        let note = Note::from(origin, Event::UserRegistered);
        self.open_account(new, Standing::default(), note).await
    }

    pub(super) fn may_register(&self) -> Result<()> {
        if self.0.registration_enabled {
            return Ok(());
        }
        Err(Error::forbidden(
            "registration_disabled",
            "New accounts cannot be registered here.",
        ))
    }

    /// Makes an administrator: of the account with this address, or of a new one. What was issued
    /// to the account before is dead, keys too, also if it was an administrator already: it may not
    /// have been its owner who was there first.
    pub async fn create_admin(&self, email: Email, password: SecretString) -> Result<User> {
        let mut conn = self.0.main.read().await?;
        let found = users::by_email(&mut conn, &email).await?;
        drop(conn);
        let note = Note::from(&Origin::default(), Event::UserPromoted);
        match found {
            // Its removal was interrupted, and its address is free again afterwards.
            Some(user) if user.status == Status::Deleted => self.bury(&user.id).await?,
            Some(user) => return self.promote(&user, &password, note).await,
            None => {}
        }
        let new = NewAccount {
            email,
            password,
            username: None,
            name: None,
        };
        let administrator = Standing {
            role: Role::Admin,
            ..Standing::default()
        };
        self.open_account(new, administrator, note).await
    }

    /// Opens an account, whoever wants it.
    pub(super) async fn open_account(
        &self,
        new: NewAccount,
        standing: Standing,
        note: Note,
    ) -> Result<User> {
        self.check_names(&new).await?;
        let about = About {
            field: "password",
            email: Some(&new.email),
            username: new.username.as_ref(),
            name: new.name.as_ref(),
        };
        let hash = self.0.passwords.set(&new.password, &about).await?;
        let now = self.now();
        let user = User {
            id: UserId::new(&self.0.clock),
            email: Contact::own(new.email),
            username: new.username,
            name: new.name,
            role: standing.role,
            status: standing.status,
            email_verified: false,
            created_at: now,
            updated_at: now,
            last_seen_at: None,
            token_version: 1,
            caps: standing.caps,
        };
        let note = note.about(&user.id);
        self.add(&user, &hash, note).await?;
        Ok(user)
    }

    /// Spares the hashing where it is clear already that a name is taken.
    async fn check_names(&self, new: &NewAccount) -> Result<()> {
        let mut conn = self.0.main.read().await?;
        // The address is looked up last and told first: a twin of this request that wins between
        // the two has both names, and it is the address that both mean.
        let namesake = match &new.username {
            Some(name) => users::by_username(&mut conn, name).await?,
            None => None,
        };
        if users::by_email(&mut conn, &new.email).await?.is_some() {
            return Err(taken(Taken::Email));
        }
        if namesake.is_some() {
            return Err(taken(Taken::Username));
        }
        Ok(())
    }

    /// The vault first: a password without an account is harmless, the reverse is not.
    async fn add(&self, user: &User, hash: &str, note: Note) -> Result<()> {
        let mut tx = self.0.vault.write().await?;
        passwords::set(&mut tx, &user.id, hash, user.created_at).await?;
        tx.commit().await?;

        let added = self.add_row(user, note).await;
        if added.is_err()
            && let Err(error) = self.remove_orphan(&user.id).await
        {
            let cause = error::chain(&error);
            tracing::warn!(user.id = %user.id, error = cause, "An orphaned password stays in the vault");
        }
        added
    }

    async fn add_row(&self, user: &User, note: Note) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        users::add(&mut tx, user).await?.map_err(taken)?;
        self.record(&mut tx, note).await?;
        tx.commit().await
    }

    /// Looks first: a commit that seemed to fail may have been done.
    pub(super) async fn remove_orphan(&self, id: &UserId) -> Result<()> {
        let mut conn = self.0.main.read().await?;
        let found = users::by_id(&mut conn, id).await?;
        drop(conn);
        if found.is_some() {
            return Ok(());
        }
        let mut tx = self.0.vault.write().await?;
        passwords::remove(&mut tx, id).await?;
        tx.commit().await
    }

    async fn promote(&self, user: &User, password: &SecretString, note: Note) -> Result<User> {
        let about = About::of(user, "password");
        let hash = self.0.passwords.set(password, &about).await?;
        let now = self.now();
        let mut tx = self.0.vault.write().await?;
        // The password first: it holds back whoever is signing in by the old one at this moment.
        passwords::set(&mut tx, &user.id, &hash, now).await?;
        sessions::remove_all(&mut tx, &user.id).await?;
        keys::remove_all(&mut tx, &user.id).await?;
        resets::remove(&mut tx, &user.id).await?;
        codes::remove_all(&mut tx, &user.id).await?;
        tx.commit().await?;

        let mut tx = self.0.main.write().await?;
        if !users::promote(&mut tx, &user.id, now).await? {
            return Err(Error::not_found("user"));
        }
        self.record(&mut tx, note.about(&user.id)).await?;
        tx.commit().await?;
        self.0.seen.revoke(&user.id);
        self.user(&user.id).await
    }
}

pub(super) fn taken(which: Taken) -> Error {
    match which {
        Taken::Email => Error::conflict(
            "email_taken",
            "There is an account with this address already.",
        )
        .at("email"),
        Taken::Username => {
            Error::conflict("username_taken", "Another account has this username.").at("username")
        }
    }
}
