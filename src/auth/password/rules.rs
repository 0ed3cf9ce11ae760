//! Which passwords may be set.

use std::collections::HashSet;
use std::sync::LazyLock;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::hash::BCRYPT_LONGEST;
use super::{About, PasswordAlgorithm};
use crate::auth::invalid;
use crate::domain::{Email, Name, Username};
use crate::error::Result;

/// What a new password must keep to.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) least: usize,
    pub(super) algorithm: PasswordAlgorithm,
    /// Our own name, which makes no password.
    pub(super) product: String,
}

/// The longest password, in code points.
pub const MAX_LENGTH: usize = 256;
/// No 256 code points are longer than this in any of their spellings; longer text is not looked at.
const MOST_BYTES: usize = 4_096;

/// Those of eight characters and more among the thirty thousand that public leaks show most often, as
/// zxcvbn ranks them (MIT licence), and some that people think of in front of a form.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("../common_passwords.txt").lines().collect());

impl Rules {
    /// The password as it is hashed, if it may be set by this account.
    pub(super) fn accept(
        &self,
        password: &SecretString,
        about: &About<'_>,
    ) -> Result<Zeroizing<String>> {
        if password.expose_secret().contains('\0') {
            let message = "A password must not contain the character U+0000.";
            return Err(invalid(about.field, "invalid_character", message));
        }
        let Some(normal) = normalised(password) else {
            let message = format!("A password must have at most {MAX_LENGTH} characters.");
            return Err(invalid(about.field, "too_long", message));
        };
        self.check_length(&normal, about.field)?;
        self.check_guessability(&normal, about)?;
        Ok(normal)
    }

    fn check_length(&self, password: &str, field: &'static str) -> Result<()> {
        if password.chars().count() < self.least {
            let message = format!("A password must have at least {} characters.", self.least);
            return Err(invalid(field, "too_short", message));
        }
        if self.algorithm == PasswordAlgorithm::Bcrypt && password.len() > BCRYPT_LONGEST {
            let message = format!("A password must have at most {BCRYPT_LONGEST} bytes in UTF-8.");
            return Err(invalid(field, "too_long", message));
        }
        Ok(())
    }

    fn check_guessability(&self, password: &str, about: &About<'_>) -> Result<()> {
        let folded = Zeroizing::new(password.to_lowercase());
        if COMMON.contains(folded.as_str()) {
            let message = "This password is among the first that anybody tries.";
            return Err(invalid(about.field, "too_common", message));
        }
        let known = [
            about.email.map(Email::as_str),
            about.email.map(Email::local_part),
            about.username.map(Username::as_str),
            about.name.map(Name::as_str),
            Some(self.product.as_str()),
        ];
        if known
            .into_iter()
            .flatten()
            .any(|word| fold(word) == *folded)
        {
            let message = "A password must not be the account's address or name, or ours.";
            return Err(invalid(about.field, "too_guessable", message));
        }
        Ok(())
    }
}

/// The password in Unicode's form C, as it is hashed. None if no password can be this.
pub(super) fn normalised(password: &SecretString) -> Option<Zeroizing<String>> {
    let text = password.expose_secret();
    if text.len() > MOST_BYTES || text.contains('\0') {
        return None;
    }
    // Form C is at most three times as long: a string that never grows leaves no copies behind.
    let mut normal = Zeroizing::new(String::with_capacity(text.len() * 3));
    normal.extend(text.nfc());
    (normal.chars().count() <= MAX_LENGTH).then_some(normal)
}

fn fold(word: &str) -> String {
    word.nfc().collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(password: &str, algorithm: PasswordAlgorithm) -> Option<&'static str> {
        let rules = Rules {
            least: 8,
            algorithm,
            product: "Concierge".to_owned(),
        };
        let email = Email::parse("lovelace@example.com").unwrap();
        let (username, name) = (Username::parse("countess"), Name::parse("Ada Lovelace"));
        let about = About {
            field: "password",
            email: Some(&email),
            username: username.as_ref(),
            name: name.as_ref(),
        };
        let error = rules.accept(&password.into(), &about).err()?;
        assert_eq!(error.fields[0].name, "password");
        assert!(!error.to_string().contains(password) || password.is_empty());
        Some(error.fields[0].code)
    }

    #[test]
    fn eight_to_256_characters_of_any_kind_will_do() {
        for password in [
            "plumtree".to_owned(),
            "pflaümchen  ".to_owned(),
            "梅の木の下で会いましょう".to_owned(),
            "🦀".repeat(256),
            "e\u{301}".repeat(256),
        ] {
            assert_eq!(refusal(&password, PasswordAlgorithm::Argon2id), None);
        }
    }

    #[test]
    fn each_rule_says_which_it_is() {
        for (password, code) in [
            (String::new(), "too_short"),
            ("plumtre".to_owned(), "too_short"),
            // Eight code points as typed, seven as hashed.
            ("plumtre\u{301}".to_owned(), "too_short"),
            ("🦀".repeat(257), "too_long"),
            ("x".repeat(1_000_000), "too_long"),
            ("plum\u{0}tree".to_owned(), "invalid_character"),
            ("Password1".to_owned(), "too_common"),
            ("LOVELACE".to_owned(), "too_guessable"),
            ("Lovelace@Example.com".to_owned(), "too_guessable"),
            ("countess".to_owned(), "too_guessable"),
            ("ada lovelace".to_owned(), "too_guessable"),
            ("concierge".to_owned(), "too_guessable"),
        ] {
            let refused = refusal(&password, PasswordAlgorithm::Argon2id);
            assert_eq!(refused, Some(code), "{password:.40}");
        }
    }

    #[test]
    fn bcrypt_takes_71_bytes_and_says_so() {
        let fits = "é".repeat(35) + "x";

        assert_eq!(refusal(&fits, PasswordAlgorithm::Bcrypt), None);
        assert_eq!(
            refusal(&"é".repeat(36), PasswordAlgorithm::Bcrypt),
            Some("too_long")
        );
    }

    #[test]
    fn one_password_has_one_form() {
        let composed = normalised(&"caf\u{e9} noir".into());
        let decomposed = normalised(&"cafe\u{301} noir".into());

        assert!(composed.is_some());
        assert_eq!(composed, decomposed);
    }

    #[test]
    fn every_common_password_could_be_chosen_if_it_were_not_common() {
        let lines: Vec<&str> = include_str!("../common_passwords.txt").lines().collect();

        assert!(lines.len() >= 10_000, "{}", lines.len());
        assert_eq!(lines.len(), COMMON.len(), "an entry stands there twice");
        for line in lines {
            assert_eq!(line, fold(line), "it is compared with what is folded");
            assert!((8..=MAX_LENGTH).contains(&line.chars().count()), "{line}");
        }
    }
}
