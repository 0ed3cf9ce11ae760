//! Who is asking.

use super::{Caps, KeyId, Role, Scope, Scopes, SessionId, Ts, UserId};

/// A user who has shown who they are, and by what.
#[derive(Clone, Debug)]
pub struct Principal {
    pub user: UserId,
    pub role: Role,
    /// The user's own, over all that they use; what is not set here is configured for everybody.
    pub caps: Caps,
    pub via: Via,
}

/// What a principal has shown.
#[derive(Clone, Debug)]
pub enum Via {
    /// A cookie or an access token.
    Session(SessionId),
    /// A foreign issuer's token, which belongs to no login here.
    Foreign,
    Key {
        id: KeyId,
        scopes: Scopes,
        /// The public model names that the key may use; None is all.
        models: Option<Vec<String>>,
        expires_at: Ts,
        caps: Caps,
    },
}

impl Principal {
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin && self.may(Scope::Admin)
    }

    /// Whether what was shown reaches this far. A session reaches as far as its user, and so does a
    /// foreign token.
    pub fn may(&self, scope: Scope) -> bool {
        match &self.via {
            Via::Session(_) | Via::Foreign => true,
            Via::Key { scopes, .. } => scopes.allow(scope),
        }
    }

    pub fn may_use_model(&self, name: &str) -> bool {
        match &self.via {
            Via::Key {
                models: Some(models),
                ..
            } => models.iter().any(|model| model == name),
            _ => true,
        }
    }

    pub fn session(&self) -> Option<SessionId> {
        match self.via {
            Via::Session(id) => Some(id),
            Via::Key { .. } | Via::Foreign => None,
        }
    }

    pub fn key(&self) -> Option<KeyId> {
        match self.via {
            Via::Key { id, .. } => Some(id),
            Via::Session(_) | Via::Foreign => None,
        }
    }
}
