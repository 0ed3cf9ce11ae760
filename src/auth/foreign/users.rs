//! From what an issuer says to a user of ours.

use super::{Vouched, fingerprint};
use crate::auth::account::Standing;
use crate::auth::audit::Note;
use crate::auth::seen::Recognised;
use crate::auth::verify::note;
use crate::auth::{Auth, refused};
use crate::domain::{Contact, Event, Origin, Principal, Status, Ts, User, UserId, Via};
use crate::error::{Error, Result};
use crate::store::{identities, users};

impl Auth {
    /// Who shows a foreign token: a user who has been here before, or a new one.
    pub(in crate::auth) async fn by_foreign_token(&self, token: &str) -> Result<Recognised> {
        let now = self.now();
        let vouched = self.0.issuers.verify(token, now).await?;
        if vouched.claims.is_banned {
            return Err(disabled());
        }
        let user = match self.met(&vouched).await? {
            Some(user) => user,
            None => self.meet(&vouched, now).await?,
        };
        match user.status {
            Status::Active => {}
            Status::Deleted => return Err(refused()),
            Status::Inactive | Status::Pending => return Err(disabled()),
        }
        self.note_visit(&vouched, &user, now).await;
        Ok(Recognised {
            until: vouched.claims.ends_at,
            principal: Principal {
                user: user.id,
                role: vouched.role.unwrap_or(user.role),
                caps: user.caps,
                via: Via::Foreign,
            },
        })
    }

    async fn met(&self, vouched: &Vouched) -> Result<Option<User>> {
        let mut conn = self.0.main.read().await?;
        identities::user(&mut conn, &vouched.identity).await
    }

    /// Makes an account at first sight. Of many who are seen first together one makes it.
    async fn meet(&self, vouched: &Vouched, now: Ts) -> Result<User> {
        let identity = &vouched.identity;
        let user = vouched.new_user(UserId::new(&self.0.clock), now);
        let mut tx = self.0.main.write().await?;
        if let Some(met) = identities::user(&mut tx, identity).await? {
            return Ok(met);
        }
        let fingerprint = fingerprint(&identity.issuer, &identity.subject);
        let departed = identities::departed_at(&mut tx, &fingerprint).await?;
        if departed.is_some_and(|at| vouched.claims.issued_at.is_none_or(|issued| issued <= at)) {
            return Err(refused());
        }
        let is_new = users::add(&mut tx, &user).await?.is_ok()
            && identities::add(&mut tx, identity, &user.id, now).await?;
        if is_new {
            let note = Note::from(&Origin::default(), Event::UserRegistered)
                .shown_to_be(&user.id, None)
                .with("issuer", identity.issuer.clone());
            self.record(&mut tx, note).await?;
            tx.commit().await?;
            return Ok(user);
        }
        drop(tx);
        // Somebody was quicker; or the id is that of somebody else, who is not to be met this way.
        self.met(vouched).await?.ok_or_else(refused)
    }

    async fn note_visit(&self, vouched: &Vouched, user: &User, now: Ts) {
        note(self.retell(vouched, user, now).await, user);
        note(self.note_user(user, now).await, user);
    }

    /// What is shown of a user follows their issuer, unless they have an address here.
    async fn retell(&self, vouched: &Vouched, user: &User, now: Ts) -> Result<()> {
        let Some(is_verified) = vouched.claims.email_verified else {
            return Ok(());
        };
        let email = &vouched.claims.email;
        let is_told = (email, is_verified) == (&user.email.foreign, user.email_verified);
        if user.email.own.is_some() || is_told {
            return Ok(());
        }
        let mut tx = self.0.main.write().await?;
        users::retell(&mut tx, &user.id, (email.as_ref(), is_verified), now).await?;
        tx.commit().await
    }
}

impl Vouched {
    fn new_user(&self, id: UserId, now: Ts) -> User {
        let standing = Standing::default();
        User {
            id: if self.sub_is_user_id {
                self.identity.subject.clone()
            } else {
                id
            },
            email: Contact {
                own: None,
                foreign: self.claims.email.clone(),
            },
            username: None,
            name: self.claims.name.clone(),
            role: standing.role,
            status: standing.status,
            email_verified: self.claims.email_verified.unwrap_or(false),
            created_at: now,
            updated_at: now,
            last_seen_at: None,
            token_version: 1,
            caps: standing.caps,
        }
    }
}

/// Told to whoever has shown who they are.
fn disabled() -> Error {
    Error::forbidden("account_disabled", "This account has been disabled.")
}
