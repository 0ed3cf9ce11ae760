//! Accounts as administrators see them.

use super::Auth;
use crate::domain::{Status, User, UserId};
use crate::error::{Error, Result};
use crate::store::users::{self, Sought};

impl Auth {
    pub async fn user(&self, id: &UserId) -> Result<User> {
        let mut conn = self.0.main.read().await?;
        users::by_id(&mut conn, id)
            .await?
            .filter(|user| user.status != Status::Deleted)
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
}
