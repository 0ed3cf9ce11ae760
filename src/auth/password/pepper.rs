//! A secret that is mixed into passwords and does not stand beside their hashes.

use argon2::KeyId;
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::auth::token::expand;
use crate::error::{Error, Result};

/// The pepper of new hashes, and the one before it.
#[derive(Clone, Debug, Default)]
pub(in crate::auth) struct Peppers {
    current: Option<Pepper>,
    previous: Option<Pepper>,
}

/// By what a password is mixed, and the name by which a hash remembers it.
#[derive(Clone, Debug)]
pub(super) struct Pepper {
    id: KeyId,
    key: hmac::Key,
}

/// Bytes of a name: eight characters in a hash.
const NAME: usize = 6;

impl Peppers {
    pub(in crate::auth) fn new(
        current: Option<&SecretString>,
        previous: Option<&SecretString>,
    ) -> Result<Self> {
        Ok(Self {
            current: current.map(Pepper::of).transpose()?,
            previous: previous.map(Pepper::of).transpose()?,
        })
    }

    pub(super) fn current(&self) -> Option<&Pepper> {
        self.current.as_ref()
    }

    /// The pepper that a hash names. None: it is none of ours.
    pub(super) fn named(&self, name: &[u8]) -> Option<&Pepper> {
        let known = self.current.iter().chain(&self.previous);
        known.into_iter().find(|pepper| pepper.name() == name)
    }
}

impl Pepper {
    fn of(secret: &SecretString) -> Result<Self> {
        let secret = secret.expose_secret().as_bytes();
        let key = expand(secret, b"concierge password pepper v1")?;
        // A name tells nothing of the key: it is expanded for another purpose.
        let name = expand(secret, b"concierge password pepper name v1")?;
        Ok(Self {
            id: KeyId::new(&name[..NAME]).map_err(Error::internal)?,
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        })
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn name(&self) -> &[u8] {
        self.id.as_bytes()
    }

    /// What is hashed in the password's stead.
    pub(super) fn mix(&self, password: &str) -> hmac::Tag {
        hmac::sign(&self.key, password.as_bytes())
    }
}
