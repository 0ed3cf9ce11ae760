//! What administrators make of accounts.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::account::{NewAccount, Standing, taken};
use super::audit::Note;
use super::password::About;
use super::{Auth, NewCaps, caps, invalid};
use crate::domain::{
    Actor, Caps, Contact, Email, Event, FlatCaps, Name, Patch, Role, Status, Ts, User, UserId,
    Username,
};
use crate::error::{Error, Result};
use crate::store::users;
use crate::store::vault::{codes, passwords, resets, sessions};
use crate::store::{Main, Tx};

/// An account that an administrator opens for somebody.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub account: NewAccount,
    pub role: Role,
    pub status: Status,
    pub caps: FlatCaps,
}

/// A change of somebody's account. What is not said stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub email: Option<Email>,
    pub password: Option<SecretString>,
    pub username: Patch<Username>,
    pub name: Patch<Name>,
    pub role: Option<Role>,
    pub status: Option<Status>,
    pub caps: NewCaps,
}

impl Auth {
    /// Opens an account for somebody, whether anybody may register or not.
    pub async fn create_user(&self, admin: &Actor, new: NewUser) -> Result<User> {
        settable(new.status)?;
        let standing = Standing {
            role: new.role,
            status: new.status,
            caps: caps::of_new(new.caps)?,
        };
        let note = Note::by(admin, Event::UserCreated)
            .with("role", new.role.to_string())
            .with("status", new.status.to_string());
        self.open_account(new.account, standing, note).await
    }

    /// Changes an account. It counts from the user's next request on, at other replicas within five
    /// seconds. Who may do something else than before, or has another password, signs in again.
    pub async fn change_user(
        &self,
        admin: &Actor,
        id: &UserId,
        change: UserChange,
    ) -> Result<User> {
        change.caps.check()?;
        change.status.map_or(Ok(()), settable)?;
        let hash = self.hash_for(id, change.password.as_ref()).await?;
        if change.email.is_some() {
            // Before as well: where the vault cannot be reached nothing is changed.
            self.forget_sent(id).await?;
        }
        let mut tx = self.0.main.write().await?;
        let before = hold(&mut tx, id, change.is_of_standing()).await?;
        let after = change.over(&before, self.now())?;
        let note = changes(admin, &before, &after, hash.is_some());
        if is_administrator(&before) && !is_administrator(&after) {
            another_stays(&mut tx).await?;
        }
        users::change(&mut tx, &after).await?.map_err(taken)?;
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        self.0.seen.revoke(id);
        // From here on logins of before open nothing, be their rows there or not.
        if before.token_version != after.token_version {
            self.shut_out(id, hash).await?;
        } else if before.email != after.email {
            self.forget_sent(id).await?;
        }
        Ok(after)
    }

    async fn hash_for(
        &self,
        id: &UserId,
        password: Option<&SecretString>,
    ) -> Result<Option<String>> {
        let Some(password) = password else {
            return Ok(None);
        };
        let user = self.user(id).await?;
        let about = About::of(&user, "password");
        self.0.passwords.set(password, &about).await.map(Some)
    }

    /// What was sent to the address of before opens nothing any more.
    async fn forget_sent(&self, id: &UserId) -> Result<()> {
        let mut tx = self.0.vault.write().await?;
        resets::remove(&mut tx, id).await?;
        codes::remove_all(&mut tx, id).await?;
        tx.commit().await
    }

    /// Ends all logins of a user, who may have another password from now on.
    async fn shut_out(&self, id: &UserId, hash: Option<String>) -> Result<()> {
        let mut tx = self.0.vault.write().await?;
        if let Some(hash) = hash {
            passwords::set(&mut tx, id, &hash, self.now()).await?;
        }
        resets::remove(&mut tx, id).await?;
        sessions::remove_all(&mut tx, id).await?;
        tx.commit().await
    }
}

impl UserChange {
    /// Whether it can take an administrator away.
    fn is_of_standing(&self) -> bool {
        self.role.is_some() || self.status.is_some()
    }

    fn over(self, before: &User, now: Ts) -> Result<User> {
        let caps: Caps = self.caps.over(before.caps)?;
        let email = match self.email {
            Some(own) => Contact {
                own: Some(own),
                ..before.email.clone()
            },
            None => before.email.clone(),
        };
        let (role, status) = (
            self.role.unwrap_or(before.role),
            self.status.unwrap_or(before.status),
        );
        // Logins of before are over, whether the vault has heard of it yet or not.
        let is_another = role != before.role || status != before.status || self.password.is_some();
        Ok(User {
            email_verified: before.email_verified && email == before.email,
            email,
            username: self.username.over(before.username.clone()),
            name: self.name.over(before.name.clone()),
            role,
            status,
            updated_at: now,
            token_version: before.token_version + i64::from(is_another),
            caps,
            ..before.clone()
        })
    }
}

/// What was changed; a role and a status also from what to what.
fn changes(admin: &Actor, before: &User, after: &User, has_other_password: bool) -> Note {
    let fields = [
        ("email", before.email != after.email),
        ("password", has_other_password),
        ("username", before.username != after.username),
        ("name", before.name != after.name),
        ("role", before.role != after.role),
        ("status", before.status != after.status),
        ("caps", before.caps != after.caps),
    ];
    let changed = fields.iter().filter(|(_, is_other)| *is_other);
    let names: Vec<&str> = changed.map(|(name, _)| *name).collect();
    let mut note = Note::by(admin, Event::UserUpdated)
        .about(&after.id)
        .with("changed", names);
    if before.role != after.role {
        note = note.with("role", step(&before.role, &after.role));
    }
    if before.status != after.status {
        note = note.with("status", step(&before.status, &after.status));
    }
    note
}

fn step(from: &impl ToString, to: &impl ToString) -> Value {
    json!({"from": from.to_string(), "to": to.to_string()})
}

/// The user as they stand, until the unit of work ends; and who administers, where that may change.
pub(super) async fn hold(tx: &mut Tx<Main>, id: &UserId, may_demote: bool) -> Result<User> {
    if may_demote {
        users::hold_administration(tx).await?;
    }
    users::hold(tx, id)
        .await?
        .filter(|user| user.status != Status::Deleted)
        .ok_or_else(|| Error::not_found("user"))
}

pub(super) fn is_administrator(user: &User) -> bool {
    user.role == Role::Admin && user.status == Status::Active
}

/// Refuses to take the last administrator away. To be asked before one goes, and under [`hold`].
pub(super) async fn another_stays(tx: &mut Tx<Main>) -> Result<()> {
    if users::administrators(tx).await? > 1 {
        return Ok(());
    }
    let message = "This is the last administrator; make another one first.";
    Err(Error::conflict("last_admin", message))
}

/// An account is deleted by deleting it.
fn settable(status: Status) -> Result<()> {
    if status != Status::Deleted {
        return Ok(());
    }
    let message = "'status' must be active, inactive or pending.";
    Err(invalid("status", "not_allowed", message))
}
