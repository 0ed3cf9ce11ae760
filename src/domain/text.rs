//! What people call themselves and their things.

use derive_more::Display;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sign-in name: 3 to 32 of `a-z 0-9 _ . -`; capitals are folded.
#[derive(
    Clone, Debug, Display, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[sqlx(transparent)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 3, max_length = 32, pattern = "^[a-z0-9_.-]{3,32}$", examples("ada"))]
pub struct Username(String);

impl Username {
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase();
        let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        let valid = (3..=32).contains(&name.len()) && name.bytes().all(is_letter);
        valid.then_some(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Username {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be 3 to 32 characters of a-z, 0-9, '_', '.' and '-'")
    }
}

/// A name for people: 1 to 100 characters, trimmed, without control characters.
#[derive(Clone, Debug, Display, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(transparent)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 100, examples("Ada Lovelace"))]
pub struct Name(String);

impl Name {
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.trim();
        let valid =
            (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        valid.then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be 1 to 100 characters without control characters")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_folded_and_can_never_be_an_address() {
        assert_eq!(Username::parse("Ada_L").unwrap().as_str(), "ada_l");
        for text in ["ab", "a@b.com", "ada lovelace", "", &"x".repeat(33), "ädä"] {
            assert!(Username::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_trimmed_and_never_blank() {
        assert_eq!(Name::parse("  Ada  ").unwrap().as_str(), "Ada");
        for text in ["", "   ", "a\u{0}b", "a\nb", &"x".repeat(101)] {
            assert!(Name::parse(text).is_none(), "{text:?}");
        }
    }
}
