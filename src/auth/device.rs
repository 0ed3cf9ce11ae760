//! Browsers from which somebody has signed in before: what others guess elsewhere does not lock these.
//!
//! The token in the browser is `v1.NONCE.MAC`, bound to the user whom it was given to. It opens nothing.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::token::expand;
use super::{Settings, random};
use crate::domain::UserId;
use crate::error::Result;

/// Of the nonce and of the MAC, in bytes.
const NONCE: usize = 16;
const MAC: usize = 16;

/// Makes the tokens, and knows its own again.
pub(super) struct Devices {
    /// The one that makes, and the one before it.
    keys: Vec<hmac::Key>,
}

impl Devices {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let secrets = std::iter::once(&settings.secret_key).chain(&settings.previous_secret_key);
        let keys = secrets.map(key).collect::<Result<_>>()?;
        Ok(Self { keys })
    }

    /// A token for a browser that this user has just signed in from.
    pub(super) fn remember(&self, user: &UserId) -> Result<SecretString> {
        let nonce = URL_SAFE_NO_PAD.encode(random::bytes::<NONCE>()?);
        let mac = self.keys.first().map(|key| mac(key, user, &nonce));
        let mac = URL_SAFE_NO_PAD.encode(mac.unwrap_or_default());
        Ok(format!("v1.{nonce}.{mac}").into())
    }

    /// The nonce of a token that was given to this user.
    pub(super) fn known(&self, token: &SecretString, user: &UserId) -> Option<String> {
        let (nonce, shown) = token.expose_secret().strip_prefix("v1.")?.split_once('.')?;
        let shown = URL_SAFE_NO_PAD.decode(shown).ok()?;
        let is_by = |key: &hmac::Key| {
            let whole = mac(key, user, nonce);
            bool::from(subtle::ConstantTimeEq::ct_eq(&whole[..], &shown[..]))
        };
        let is_ours = nonce.len() <= 2 * NONCE && self.keys.iter().any(is_by);
        is_ours.then(|| nonce.to_owned())
    }
}

fn key(secret: &SecretString) -> Result<hmac::Key> {
    let bytes = expand(
        secret.expose_secret().as_bytes(),
        b"concierge known device v1",
    )?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref()))
}

fn mac(key: &hmac::Key, user: &UserId, nonce: &str) -> [u8; MAC] {
    let whole = hmac::sign(key, format!("v1.{nonce}.{user}").as_bytes());
    let mut mac = [0; MAC];
    mac.copy_from_slice(&whole.as_ref()[..MAC]);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn devices(secret: &str, previous: Option<&str>) -> Devices {
        let mut settings = Settings::for_tests(secret);
        settings.previous_secret_key = previous.map(SecretString::from);
        Devices::new(&settings).unwrap()
    }

    #[test]
    fn a_device_is_known_for_its_own_user_alone() {
        let clock = Clock::standing_at(0);
        let (ada, eve) = (UserId::new(&clock), UserId::new(&clock));
        let ours = devices("a secret of thirty-two characters", None);
        let token = ours.remember(&ada).unwrap();

        assert!(ours.known(&token, &ada).is_some());
        assert!(ours.known(&token, &eve).is_none());
        let rotated = devices("another", Some("a secret of thirty-two characters"));
        assert_eq!(rotated.known(&token, &ada), ours.known(&token, &ada));
        assert!(devices("another", None).known(&token, &ada).is_none());
        let text = token.expose_secret();
        for forged in ["", "v1", "v1.", "v1..", "v1.a.b", &text[..text.len() - 1]] {
            assert!(ours.known(&forged.into(), &ada).is_none(), "{forged}");
        }
    }
}
