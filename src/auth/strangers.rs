//! Those who have no account, and are treated as if they had one: whoever asks about an address is not
//! to learn which of the two it is.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::token::expand;
use crate::domain::UserId;
use crate::error::{Error, Result};

/// Names addresses and numbers without telling them.
pub(super) struct Strangers(hmac::Key);

impl Strangers {
    pub(super) fn new(secret: &SecretString) -> Result<Self> {
        let secret = secret.expose_secret().as_bytes();
        let key = expand(secret, b"concierge destination v1")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())))
    }

    /// What an address or a number is counted as, whoever has it.
    pub(super) fn mac(&self, destination: &str) -> Vec<u8> {
        let mac = hmac::sign(&self.0, destination.as_bytes());
        mac.as_ref().to_vec()
    }

    /// An id that nobody has, always the same one for an address.
    pub(super) fn id(&self, destination: &str) -> Result<UserId> {
        let mac = hmac::sign(&self.0, format!("nobody {destination}").as_bytes());
        let id = format!("nobody:{}", URL_SAFE_NO_PAD.encode(mac));
        UserId::parse(&id).ok_or_else(|| Error::internal("no id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_stays_the_same_and_is_told_by_nothing_but_the_key() {
        let strangers = |key: &str| Strangers::new(&key.into()).unwrap();
        let (one, other) = (strangers("one key"), strangers("another key"));

        assert_eq!(
            one.id("a@example.com").unwrap(),
            one.id("a@example.com").unwrap()
        );
        assert_ne!(
            one.id("a@example.com").unwrap(),
            one.id("b@example.com").unwrap()
        );
        assert_ne!(
            one.id("a@example.com").unwrap(),
            other.id("a@example.com").unwrap()
        );
        assert_ne!(one.mac("a@example.com"), other.mac("a@example.com"));
        assert!(
            !one.id("a@example.com")
                .unwrap()
                .as_str()
                .contains("example")
        );
    }
}
