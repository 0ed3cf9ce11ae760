//! An e-mail address as accounts know it.

use derive_more::Display;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address of RFC 5321 without quotes or comments, in ASCII, lower-cased: one account an address.
#[derive(
    Clone, Debug, Display, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[sqlx(transparent)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = Email, max_length = 254, examples("ada@example.com"))]
pub struct Email(String);

impl Email {
    /// Surrounding white space is no part of an address.
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.trim().to_ascii_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        let valid = address.len() <= 254 && is_local_part(local) && is_domain(domain);
        valid.then_some(Self(address))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

fn is_local_part(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
    };
    local.len() <= 64 && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be an e-mail address, such as ada@example.com")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_spelling() {
        let email = Email::parse(" Ada.Lovelace+math@Example.COM ").unwrap();

        assert_eq!(email.as_str(), "ada.lovelace+math@example.com");
        assert_eq!(email.local_part(), "ada.lovelace+math");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "x".repeat(65));
        for text in [
            "",
            "ada",
            "@b.com",
            "a@",
            "a@b",
            "a b@c.com",
            "a@b..com",
            ".a@b.com",
            "a@-b.com",
            "a＠b.com",
            "a@b.com\u{0}",
            "a@b@c.com",
            "ada@exämple.com",
            &long,
        ] {
            assert!(Email::parse(text).is_none(), "{text:?}");
        }
    }
}
