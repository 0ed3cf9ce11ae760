//! The end of an account, which leaves nothing of it.

use secrecy::SecretString;

use super::audit::Note;
use super::standing::{another_stays, hold, is_administrator};
use super::{Auth, foreign, invalid};
use crate::domain::{Actor, Event, Holder, Status, User, UserId};
use crate::error::Result;
use crate::store::vault::{codes, keys, passwords, resets, sessions};
use crate::store::{audit, budgets, identities, ledger, messages, users};

/// Accounts that are removed in one sweep.
const AT_ONCE: i64 = 100;

impl Auth {
    /// Removes the account of somebody who knows its password, or has none.
    pub async fn remove_self(&self, who: &Actor, password: Option<&SecretString>) -> Result<()> {
        let id = &who.user;
        let user = self.user(id).await?;
        let mut conn = self.0.vault.read().await?;
        let has_password = passwords::of(&mut conn, id).await?.is_some();
        drop(conn);
        match password {
            Some(password) if has_password => {
                self.prove_again(&user, who, password).await?;
            }
            None if has_password => {
                let message = "'password' must be sent to delete the account.";
                return Err(invalid("password", "missing", message));
            }
            Some(_) | None => {}
        }
        self.remove_user(who, id).await
    }

    /// Removes an account with all its credentials; the ledger keeps what was spent, and not by whom.
    pub async fn remove_user(&self, who: &Actor, id: &UserId) -> Result<()> {
        self.doom(who, id).await?;
        self.0.seen.revoke(id);
        self.bury(id).await
    }

    /// Removes accounts whose removal was interrupted.
    pub async fn bury_doomed(&self) -> Result<()> {
        let mut conn = self.0.main.read().await?;
        let doomed = users::doomed(&mut conn, AT_ONCE).await?;
        drop(conn);
        for id in &doomed {
            self.bury(id).await?;
        }
        Ok(())
    }

    /// From here on nothing opens the account, and its removal goes on after whatever interrupts it.
    async fn doom(&self, who: &Actor, id: &UserId) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        let user = hold(&mut tx, id, true).await?;
        if is_administrator(&user) {
            another_stays(&mut tx).await?;
        }
        let doomed = User {
            status: Status::Deleted,
            token_version: user.token_version + 1,
            updated_at: self.now(),
            ..user
        };
        // Nothing that is unique has changed.
        users::change(&mut tx, &doomed)
            .await?
            .map_err(super::account::taken)?;
        let note = Note::by(who, Event::UserDeleted).about(id);
        self.record(&mut tx, note).await?;
        tx.commit().await
    }

    /// Each step can be done again: what names the next one goes last.
    pub(super) async fn bury(&self, id: &UserId) -> Result<()> {
        let mut conn = self.0.vault.read().await?;
        let keys = keys::ids(&mut conn, id).await?;
        drop(conn);
        let mut holders = vec![Holder::User(id.clone()).to_string()];
        holders.extend(keys.into_iter().map(|key| Holder::Key(key).to_string()));
        // In their order, as everywhere: nobody waits in a circle.
        holders.sort_unstable();

        let mut tx = self.0.main.write().await?;
        for holder in &holders {
            budgets::remove(&mut tx, holder).await?;
        }
        ledger::forget(&mut tx, id).await?;
        audit::forget(&mut tx, id).await?;
        tx.commit().await?;

        let mut tx = self.0.vault.write().await?;
        passwords::remove(&mut tx, id).await?;
        sessions::remove_all(&mut tx, id).await?;
        keys::remove_all(&mut tx, id).await?;
        resets::remove(&mut tx, id).await?;
        codes::remove_all(&mut tx, id).await?;
        tx.commit().await?;

        let mut tx = self.0.main.write().await?;
        for identity in identities::of(&mut tx, id).await? {
            let fingerprint = foreign::fingerprint(&identity.issuer, &identity.subject);
            identities::depart(&mut tx, &fingerprint, self.now()).await?;
        }
        messages::forget(&mut tx, id).await?;
        users::remove(&mut tx, id).await?;
        tx.commit().await
    }
}
