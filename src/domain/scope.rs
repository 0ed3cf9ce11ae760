//! What an API key may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One right of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    #[serde(rename = "todos:read")]
    TodosRead,
    #[serde(rename = "todos:write")]
    TodosWrite,
    #[serde(rename = "chat:read")]
    ChatRead,
    #[serde(rename = "chat:write")]
    ChatWrite,
    #[serde(rename = "completions")]
    Completions,
    #[serde(rename = "models")]
    Models,
    #[serde(rename = "usage:read")]
    UsageRead,
    #[serde(rename = "profile:read")]
    ProfileRead,
    /// Everything that an administrator may; only an administrator's key can have it.
    #[serde(rename = "admin:*")]
    Admin,
}

/// What a key may do; None stands for all that its owner may, but for `admin:*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Option<Vec<Scope>>);

impl Scopes {
    pub fn new(scopes: Option<Vec<Scope>>) -> Self {
        Self(scopes)
    }

    pub fn allow(&self, scope: Scope) -> bool {
        match &self.0 {
            Some(listed) => listed.contains(&scope) || listed.contains(&Scope::Admin),
            None => scope != Scope::Admin,
        }
    }

    pub fn listed(&self) -> Option<&[Scope]> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_is_everything_but_administration() {
        let all = Scopes::default();

        assert!(all.allow(Scope::Completions));
        assert!(!all.allow(Scope::Admin));
    }

    #[test]
    fn a_list_is_all_there_is() {
        let some = Scopes::new(Some(vec![Scope::Models]));

        assert!(some.allow(Scope::Models));
        assert!(!some.allow(Scope::Completions));
        assert!(!Scopes::new(Some(Vec::new())).allow(Scope::Models));
    }
}
