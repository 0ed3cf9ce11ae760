//! API keys: who may have one, what it may do, how it is kept.

mod change;
mod text;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::types::Json;

use super::{Auth, caps, invalid, refused};
use crate::auth::audit::Note;
use crate::domain::{
    Actor, ApiKey, Event, FlatCaps, KeyId, Name, Principal, Scope, Scopes, Ts, UserId,
};
use crate::error::{Error, Result};
use crate::store::vault::keys::{self, Kept};

pub use self::change::KeyChange;
pub(super) use self::text::{PREFIX, Text};

/// A key that somebody wants.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: Name,
    /// None: all that the owner may, but for `admin:*`.
    pub scopes: Option<Vec<Scope>>,
    /// The models that it may use. None: all.
    pub models: Option<Vec<String>>,
    pub caps: FlatCaps,
    /// None: in 90 days.
    pub expires_at: Option<Ts>,
}

/// How many keys one user may have, expired ones too.
pub(super) const MOST_KEYS: i64 = 100;
const MOST_MODELS: usize = 100;
const LONGEST_MODEL: usize = 200;
const LIFETIME_DAYS: i64 = 90;
const LONGEST_LIFETIME_DAYS: i64 = 366;
/// That a key was used is written down no more often.
const USED_EVERY: Duration = Duration::from_mins(1);

impl Auth {
    /// A new key and its text, which is shown this once.
    pub async fn create_key(&self, owner: &Actor, new: NewKey) -> Result<(ApiKey, SecretString)> {
        check_scopes(owner, new.scopes.as_deref())?;
        check_models(new.models.as_deref())?;
        let caps = caps::of_new(new.caps)?;
        let now = self.now();
        let expires_at = expiry(new.expires_at, now)?;
        let secret = text::make()?;
        let text = Text::parse(secret.expose_secret())
            .ok_or_else(|| Error::internal("a new key does not have the form of one"))?;
        let kept = Kept {
            id: KeyId::new(&self.0.clock),
            user_id: owner.user.clone(),
            lookup: text.lookup().to_owned(),
            hash: text.hash().to_vec(),
            last_four: text.last_four().to_owned(),
            name: new.name,
            scopes: Json(Scopes::new(new.scopes.map(without_doubles))),
            models: Json(new.models.map(without_doubles)),
            caps,
            created_at: now,
            expires_at,
            last_used_at: None,
        };
        self.keep(&kept).await?;
        let note = Note::by(owner, Event::KeyCreated).with("key_id", kept.id.to_string());
        self.note(note).await;
        Ok((shown(kept), secret))
    }

    /// One page of the owner's keys, newest first, and how many there are. Pages begin at 1.
    pub async fn keys(&self, owner: &UserId, page: u32, size: u32) -> Result<(Vec<ApiKey>, u64)> {
        let offset = i64::from(page.saturating_sub(1)) * i64::from(size);
        let mut conn = self.0.vault.read().await?;
        let total = keys::count(&mut conn, owner).await?;
        let kept = keys::page(&mut conn, owner, size.into(), offset).await?;
        let shown = kept.into_iter().map(shown).collect();
        Ok((shown, u64::try_from(total).unwrap_or_default()))
    }

    /// One of the owner's keys.
    pub async fn key(&self, owner: &UserId, id: KeyId) -> Result<ApiKey> {
        let mut conn = self.0.vault.read().await?;
        let kept = keys::by_id(&mut conn, owner, id).await?;
        kept.map(shown).ok_or_else(|| Error::not_found("key"))
    }

    pub async fn remove_key(&self, owner: &Actor, id: KeyId) -> Result<()> {
        let mut tx = self.0.vault.write().await?;
        let removed = keys::remove(&mut tx, &owner.user, id).await?;
        tx.commit().await?;
        self.0.seen.revoke(&owner.user);
        if !removed {
            return Err(Error::not_found("key"));
        }
        let note = Note::by(owner, Event::KeyDeleted).with("key_id", id.to_string());
        self.note(note).await;
        Ok(())
    }

    /// The key that was kept under this text, unless it is over.
    pub(super) async fn kept_key(&self, text: Text<'_>, now: Ts) -> Result<Kept> {
        let mut conn = self.0.vault.read().await?;
        keys::by_lookup(&mut conn, text.lookup())
            .await?
            .filter(|kept| text.is_kept_as(&kept.hash) && now < kept.expires_at)
            .ok_or_else(refused)
    }

    pub(super) async fn note_key(&self, kept: &Kept, now: Ts) -> Result<()> {
        let is_recent = |used| now.since(used) < USED_EVERY;
        if kept.last_used_at.is_some_and(is_recent) {
            return Ok(());
        }
        let mut tx = self.0.vault.write().await?;
        keys::used(&mut tx, kept.id, now).await?;
        tx.commit().await
    }

    async fn keep(&self, kept: &Kept) -> Result<()> {
        let mut tx = self.0.vault.write().await?;
        if keys::count(&mut tx, &kept.user_id).await? >= MOST_KEYS {
            let message = format!("An account has at most {MOST_KEYS} keys. Delete one first.");
            return Err(Error::conflict("conflict", message));
        }
        keys::add(&mut tx, &kept.user_id, kept).await?;
        tx.commit().await
    }
}

/// A key reaches no further than its owner, and makes no other key.
fn check_scopes(owner: &Principal, scopes: Option<&[Scope]>) -> Result<()> {
    if scopes.is_some_and(<[Scope]>::is_empty) {
        let message = "A key needs at least one scope. Leave the list out for all of them.";
        return Err(invalid("scopes", "empty", message));
    }
    let wants_admin = scopes.is_some_and(|scopes| scopes.contains(&Scope::Admin));
    if owner.key().is_some() || (wants_admin && !owner.is_admin()) {
        let message = "You may not give a key these rights.";
        return Err(Error::forbidden("insufficient_permissions", message));
    }
    Ok(())
}

fn check_models(models: Option<&[String]>) -> Result<()> {
    let Some(models) = models else {
        return Ok(());
    };
    if !(1..=MOST_MODELS).contains(&models.len()) {
        let message = format!(
            "A list of models has 1 to {MOST_MODELS} names. Leave the list out for all of them."
        );
        return Err(invalid("models", "wrong_length", message));
    }
    let is_name = |name: &String| {
        !name.trim().is_empty()
            && name.chars().count() <= LONGEST_MODEL
            && !name.chars().any(char::is_control)
    };
    if !models.iter().all(is_name) {
        let message = format!(
            "A model's name has 1 to {LONGEST_MODEL} characters, and no control characters."
        );
        return Err(invalid("models", "invalid_name", message));
    }
    Ok(())
}

fn expiry(wanted: Option<Ts>, now: Ts) -> Result<Ts> {
    let expires_at = wanted.unwrap_or_else(|| now.plus_days(LIFETIME_DAYS));
    if expires_at <= now {
        let message = "A key must expire in the future.";
        return Err(invalid("expires_at", "in_the_past", message));
    }
    if expires_at > now.plus_days(LONGEST_LIFETIME_DAYS) {
        let message = format!("A key must expire within {LONGEST_LIFETIME_DAYS} days.");
        return Err(invalid("expires_at", "too_late", message));
    }
    Ok(expires_at)
}

fn without_doubles<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    list.into_iter().fold(Vec::new(), |mut once, item| {
        if !once.contains(&item) {
            once.push(item);
        }
        once
    })
}

pub(super) fn shown(kept: Kept) -> ApiKey {
    ApiKey {
        id: kept.id,
        name: kept.name,
        prefix: format!("{PREFIX}{}", kept.lookup),
        last_four: kept.last_four,
        scopes: kept.scopes.0.listed().map(<[Scope]>::to_vec),
        models: kept.models.0,
        caps: kept.caps.into(),
        created_at: kept.created_at,
        expires_at: kept.expires_at,
        last_used_at: kept.last_used_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::{Caps, Role, SessionId, Via};
    use crate::error::Kind;

    fn now() -> Ts {
        Ts::from_seconds(1_800_000_000)
    }

    fn principal(role: Role, scopes: Option<Scopes>) -> Principal {
        let clock = Clock::standing_at(0);
        let via = match scopes {
            None => Via::Session(SessionId::new(&clock)),
            Some(scopes) => Via::Key {
                id: KeyId::new(&clock),
                scopes,
                models: None,
                expires_at: now(),
                caps: Caps::default(),
            },
        };
        Principal {
            user: UserId::new(&clock),
            role,
            caps: Caps::default(),
            via,
        }
    }

    #[test]
    fn only_an_administrator_gives_a_key_administration() {
        let (user, admin) = (principal(Role::User, None), principal(Role::Admin, None));
        let wanted = Some([Scope::Models, Scope::Admin]);
        let wanted = wanted.as_ref().map(<[Scope; 2]>::as_slice);

        let refused = check_scopes(&user, wanted).unwrap_err();
        assert_eq!(refused.code, "insufficient_permissions");
        assert!(check_scopes(&admin, wanted).is_ok());
        assert!(check_scopes(&user, Some(&[Scope::Models])).is_ok());
        assert!(check_scopes(&user, None).is_ok());
    }

    #[test]
    fn a_key_makes_no_key() {
        let all = Scopes::new(Some(vec![Scope::Admin]));
        let key = principal(Role::Admin, Some(all));

        for wanted in [None, Some([Scope::Models].as_slice())] {
            assert_eq!(
                check_scopes(&key, wanted).unwrap_err().kind,
                Kind::Forbidden
            );
        }
    }

    #[test]
    fn a_key_expires_within_a_year_and_a_day() {
        let field = |wanted| expiry(Some(wanted), now()).unwrap_err().fields[0].clone();

        assert_eq!(expiry(None, now()).unwrap(), now().plus_days(90));
        assert!(expiry(Some(now().plus_days(366)), now()).is_ok());
        assert_eq!(field(now()).code, "in_the_past");
        assert_eq!(field(now().plus_days(367)).code, "too_late");
        assert_eq!(field(now()).name, "expires_at");
    }

    #[test]
    fn lists_of_models_and_scopes_are_short_and_say_something() {
        let many = vec!["m".to_owned(); 101];
        let session = principal(Role::User, None);

        assert!(check_models(None).is_ok());
        assert!(check_models(Some(&["gpt-4o".to_owned(), "a/b".to_owned()])).is_ok());
        for models in [
            vec![],
            many,
            vec![String::new()],
            vec!["  ".to_owned()],
            vec!["a\u{0}b".to_owned()],
            vec!["x".repeat(201)],
        ] {
            assert_eq!(
                check_models(Some(&models)).unwrap_err().fields[0].name,
                "models"
            );
        }
        assert_eq!(
            check_scopes(&session, Some(&[])).unwrap_err().fields[0].name,
            "scopes"
        );
        assert_eq!(without_doubles(vec![1, 2, 1, 1, 3]), [1, 2, 3]);
    }
}
