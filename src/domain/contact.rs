//! Where a user can be written to.

use serde::{Serialize, Serializer};

use super::Email;

/// The addresses of an account. In JSON the one that is shown, or null.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Contact {
    /// Nobody else has it, and one can sign in by it. None for whoever comes by a foreign issuer.
    #[sqlx(rename = "email")]
    pub own: Option<Email>,
    /// What a foreign issuer says of its user. It identifies nobody: others may have the same.
    #[sqlx(rename = "foreign_email")]
    pub foreign: Option<Email>,
}

impl Contact {
    pub fn own(email: Email) -> Self {
        Self {
            own: Some(email),
            foreign: None,
        }
    }

    /// One's own goes before an issuer's.
    pub fn shown(&self) -> Option<&Email> {
        self.own.as_ref().or(self.foreign.as_ref())
    }
}

impl Serialize for Contact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.shown().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_s_own_address_is_shown_before_an_issuers() {
        let (own, foreign) = (Email::parse("a@b.example"), Email::parse("c@d.example"));
        let shown = |own: &Option<Email>, foreign: &Option<Email>| {
            let (own, foreign) = (own.clone(), foreign.clone());
            serde_json::to_value(Contact { own, foreign }).unwrap()
        };

        assert_eq!(shown(&own, &foreign), "a@b.example");
        assert_eq!(shown(&None, &foreign), "c@d.example");
        assert_eq!(shown(&None, &None), serde_json::Value::Null);
    }
}
