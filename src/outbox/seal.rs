//! Messages hold codes and links, so a copy of the database must not tell what they say.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Letter, Sealed};
use crate::error::{Error, Result};

/// Seals with the first of its keys, and opens what any of them has sealed.
pub(super) struct Seals(Vec<RandomizedNonceKey>);

impl Seals {
    pub(super) fn new(keys: &[Zeroizing<[u8; 32]>]) -> Result<Self> {
        let keys = keys.iter().map(|key| {
            RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(Error::internal)
        });
        Ok(Self(keys.collect::<Result<_>>()?))
    }

    /// The nonce, then what is sealed and its tag; good under this id alone.
    pub(super) fn seal(&self, id: &str, letter: &Letter) -> Result<Vec<u8>> {
        let sealed = Sealed {
            to: letter.to.clone(),
            subject: letter.subject.clone(),
            text: letter.text.expose_secret().to_owned(),
        };
        let mut bytes = serde_json::to_vec(&sealed).map_err(Error::internal)?;
        let key = self.0.first().ok_or_else(|| Error::internal("no key"))?;
        let nonce = key
            .seal_in_place_append_tag(Aad::from(id.as_bytes()), &mut bytes)
            .map_err(Error::internal)?;
        let mut whole = nonce.as_ref().to_vec();
        whole.append(&mut bytes);
        Ok(whole)
    }

    /// None for what none of the keys has sealed under this id.
    pub(super) fn open(&self, id: &str, whole: &[u8]) -> Option<Sealed> {
        let (nonce, sealed) = whole.split_at_checked(NONCE_LEN)?;
        self.0.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut bytes = Zeroizing::new(sealed.to_vec());
            let open = key
                .open_in_place(nonce, Aad::from(id.as_bytes()), &mut bytes)
                .ok()?;
            serde_json::from_slice(open).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Channel;

    fn letter() -> Letter {
        Letter {
            channel: Channel::Mail,
            user: None,
            to: Some("ada@example.com".to_owned()),
            subject: "Hello".to_owned(),
            text: "a code: 012345".into(),
            lifetime: Duration::from_mins(10),
        }
    }

    fn seals(keys: &[u8]) -> Seals {
        let keys: Vec<_> = keys
            .iter()
            .map(|byte| Zeroizing::new([*byte; 32]))
            .collect();
        Seals::new(&keys).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_under_its_id_alone() {
        let sealed = seals(&[1]).seal("17", &letter()).unwrap();

        let open = seals(&[2, 1]).open("17", &sealed).unwrap();
        assert_eq!(open.text, "a code: 012345");
        assert_eq!(open.to.as_deref(), Some("ada@example.com"));
        assert!(seals(&[2]).open("17", &sealed).is_none());
        assert!(seals(&[1]).open("18", &sealed).is_none());
        assert!(seals(&[1]).open("17", &sealed[..20]).is_none());
        assert!(seals(&[1]).open("17", &[]).is_none());
        assert!(memchr::memmem::find(&sealed, b"012345").is_none());
        assert!(memchr::memmem::find(&sealed, b"ada").is_none());
    }

    #[test]
    fn no_two_seals_are_alike() {
        let seals = seals(&[1]);

        assert_ne!(
            seals.seal("17", &letter()).unwrap(),
            seals.seal("17", &letter()).unwrap()
        );
    }
}
