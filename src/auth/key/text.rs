//! What an API key looks like: `sk-cg-`, 8 characters that find it, 43 that are secret, 6 that tell
//! a typing error; all in base 62.

use secrecy::SecretString;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::random;
use crate::error::Result;

/// How every key begins, for people and for scanners that look for leaked ones.
pub(in crate::auth) const PREFIX: &str = "sk-cg-";

const LOOKUP: usize = 8;
const SECRET: usize = 43;
const CHECK: usize = 6;
const LENGTH: usize = PREFIX.len() + LOOKUP + SECRET + CHECK;

/// A text whose checksum is that of a key.
#[derive(Clone, Copy)]
pub(in crate::auth) struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    pub(in crate::auth) fn parse(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let has_form = text.len() == LENGTH && digits.bytes().all(|b| b.is_ascii_alphanumeric());
        if !has_form {
            return None;
        }
        let (body, check) = text.split_at(LENGTH - CHECK);
        (checksum(body) == check).then_some(Self(text))
    }

    /// The part that it is found by.
    pub(super) fn lookup(self) -> &'a str {
        &self.0[PREFIX.len()..PREFIX.len() + LOOKUP]
    }

    pub(super) fn last_four(self) -> &'a str {
        &self.0[LENGTH - 4..]
    }

    /// What the whole key is kept as.
    pub(in crate::auth) fn hash(self) -> [u8; 32] {
        random::fingerprint(self.0)
    }

    /// Whether this is the key that was kept, in a time that does not tell how nearly.
    pub(super) fn is_kept_as(self, hash: &[u8]) -> bool {
        self.hash().as_slice().ct_eq(hash).into()
    }
}

/// A new key.
pub(super) fn make() -> Result<SecretString> {
    let mut text = Zeroizing::new(String::with_capacity(LENGTH));
    text.push_str(PREFIX);
    text.push_str(&random::base62(LOOKUP + SECRET)?);
    let check = checksum(&text);
    text.push_str(&check);
    Ok(SecretString::from(text.as_str()))
}

/// CRC-32 in base 62, six digits.
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = ['0'; CHECK];
    for place in digits.iter_mut().rev() {
        *place = random::digit(rest);
        rest /= 62;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_new_key_has_the_form_and_keeps_its_parts() {
        let key = make().unwrap();
        let text = Text::parse(key.expose_secret()).unwrap();

        assert_eq!(key.expose_secret().len(), 63);
        assert!(key.expose_secret()[6..].starts_with(text.lookup()));
        assert!(key.expose_secret().ends_with(text.last_four()));
        assert!(text.is_kept_as(&random::fingerprint(key.expose_secret())));
        assert!(!text.is_kept_as(&[0; 32]));
        assert!(!text.is_kept_as(&[]));
    }

    #[test]
    fn any_one_character_typed_wrong_is_noticed() {
        let key = make().unwrap();
        let key = key.expose_secret();

        for place in 0..key.len() {
            let other = if &key[place..=place] == "x" { "y" } else { "x" };
            let mut wrong = key.to_owned();
            wrong.replace_range(place..=place, other);
            assert!(Text::parse(&wrong).is_none(), "{place}");
        }
    }

    #[test]
    fn what_is_too_short_too_long_or_of_other_letters_is_no_key() {
        let key = make().unwrap();
        let key = key.expose_secret();
        let wide = format!("{}{}", &key[..61], "é");

        for text in [
            "",
            "sk-",
            PREFIX,
            &key[..62],
            &format!("{key}0"),
            &wide,
            &format!(" {key}"),
        ] {
            assert!(Text::parse(text).is_none(), "{text}");
        }
    }
}
