//! Accounts as administrators see and change them.

use super::{Auth, NewCaps};
use crate::domain::{User, UserId};
use crate::error::{Error, Result};
use crate::store::users::{self, Sought};

impl Auth {
    pub async fn user(&self, id: &UserId) -> Result<User> {
        let mut conn = self.0.main.read().await?;
        users::by_id(&mut conn, id)
            .await?
            .ok_or_else(|| Error::not_found("user"))
    }

    /// One page of all users, the newest first, and how many there are. Pages begin at 1.
    pub async fn users(&self, sought: &Sought, page: u32, size: u32) -> Result<(Vec<User>, u64)> {
        let offset = i64::from(page.saturating_sub(1)) * i64::from(size);
        let mut conn = self.0.main.read().await?;
        let total = users::count(&mut conn, sought).await?;
        let found = users::page(&mut conn, sought, size.into(), offset).await?;
        Ok((found, u64::try_from(total).unwrap_or_default()))
    }

    /// Changes what a user may use. It counts from the user's next request on, at other replicas
    /// within five seconds.
    pub async fn cap_user(&self, id: &UserId, new: NewCaps) -> Result<User> {
        new.check()?;
        let mut tx = self.0.main.write().await?;
        let user = users::hold(&mut tx, id)
            .await?
            .ok_or_else(|| Error::not_found("user"))?;
        let caps = new.over(user.caps)?;
        users::cap(&mut tx, id, caps, self.now()).await?;
        tx.commit().await?;
        self.0.seen.revoke(id);
        self.user(id).await
    }
}
