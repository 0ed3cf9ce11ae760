//! What may become of a key that is there.

use sqlx::types::Json;

use super::{check_models, check_scopes, expiry, shown, without_doubles};
use crate::auth::audit::Note;
use crate::auth::{Auth, NewCaps};
use crate::domain::{Actor, ApiKey, Event, KeyId, Name, Patch, Principal, Scope, Scopes, Ts};
use crate::error::{Error, Result};
use crate::store::vault::keys::{self, Kept};

/// A change of a key, by the rules that it was made by.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    pub name: Option<Name>,
    /// Cleared: all that the owner may, but for `admin:*`.
    pub scopes: Patch<Vec<Scope>>,
    /// Cleared: all.
    pub models: Patch<Vec<String>>,
    pub caps: NewCaps,
    /// Cleared: in 90 days.
    pub expires_at: Patch<Ts>,
}

impl Auth {
    /// Changes one of the owner's keys. It counts from the key's next request on, at other replicas
    /// within five seconds.
    pub async fn change_key(&self, owner: &Actor, id: KeyId, change: KeyChange) -> Result<ApiKey> {
        let now = self.now();
        change.check(owner, now)?;
        let names = change.said();
        let mut tx = self.0.vault.write().await?;
        let kept = keys::hold(&mut tx, &owner.user, id)
            .await?
            .ok_or_else(|| Error::not_found("key"))?;
        let changed = change.over(kept, now)?;
        keys::change(&mut tx, &owner.user, &changed).await?;
        tx.commit().await?;
        self.0.seen.revoke(&owner.user);
        let note = Note::by(owner, Event::KeyUpdated)
            .with("key_id", id.to_string())
            .with("changed", names);
        self.note(note).await;
        Ok(shown(changed))
    }
}

impl KeyChange {
    /// Refuses what breaks a rule, whichever key is meant.
    fn check(&self, owner: &Principal, now: Ts) -> Result<()> {
        check_scopes(owner, self.scopes.as_ref().value().map(Vec::as_slice))?;
        check_models(self.models.as_ref().value().map(Vec::as_slice))?;
        self.caps.check()?;
        expiry(self.expires_at.value(), now).map(drop)
    }

    fn said(&self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name.is_some()),
            ("scopes", self.scopes.is_said()),
            ("models", self.models.is_said()),
            ("caps", self.caps.is_said()),
            ("expires_at", self.expires_at.is_said()),
        ];
        let said = fields.into_iter().filter(|(_, is_said)| *is_said);
        said.map(|(name, _)| name).collect()
    }

    /// What comes out of a key as it was.
    fn over(self, kept: Kept, now: Ts) -> Result<Kept> {
        let caps = self.caps.over(kept.caps)?;
        let scopes = kept.scopes.0.listed().map(<[Scope]>::to_vec);
        let scopes = self.scopes.over(scopes).map(without_doubles);
        let models = self.models.over(kept.models.0).map(without_doubles);
        let expires_at = match self.expires_at {
            Patch::Keep => kept.expires_at,
            said => expiry(said.value(), now)?,
        };
        Ok(Kept {
            name: self.name.unwrap_or(kept.name),
            scopes: Json(Scopes::new(scopes)),
            models: Json(models),
            caps,
            expires_at,
            ..kept
        })
    }
}
