//! What users say of themselves.

use super::Auth;
use super::account::taken;
use crate::domain::{Name, Patch, User, UserId, Username};
use crate::error::{Error, Result};
use crate::store::users;

/// A change of what a user is called.
#[derive(Clone, Debug, Default)]
pub struct NewProfile {
    pub name: Patch<Name>,
    pub username: Patch<Username>,
}

impl Auth {
    /// Changes what a user is called, all of it or nothing.
    pub async fn change_profile(&self, id: &UserId, new: NewProfile) -> Result<User> {
        let mut tx = self.0.main.write().await?;
        let renamed = users::rename(&mut tx, id, (new.name, new.username), self.now()).await?;
        let user = renamed
            .map_err(taken)?
            .ok_or_else(|| Error::not_found("user"))?;
        tx.commit().await?;
        Ok(user)
    }
}
