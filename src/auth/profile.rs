//! What users say of themselves.

use super::Auth;
use super::account::taken;
use super::audit::Note;
use crate::domain::{Actor, Event, Name, Patch, User, Username};
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
    pub async fn change_profile(&self, who: &Actor, new: NewProfile) -> Result<User> {
        let names = new.said();
        let mut tx = self.0.main.write().await?;
        let renamed =
            users::rename(&mut tx, &who.user, (new.name, new.username), self.now()).await?;
        let user = renamed
            .map_err(taken)?
            .ok_or_else(|| Error::not_found("user"))?;
        let note = Note::by(who, Event::ProfileUpdated).with("changed", names);
        self.record(&mut tx, note).await?;
        tx.commit().await?;
        Ok(user)
    }
}

impl NewProfile {
    fn said(&self) -> Vec<&'static str> {
        let name = self.name.is_said().then_some("name");
        let username = self.username.is_said().then_some("username");
        name.into_iter().chain(username).collect()
    }
}
