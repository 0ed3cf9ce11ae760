//! The keys of our tokens, derived so that one secret never serves two purposes.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{TYPE, TokenAlgorithm};
use crate::auth::random;
use crate::error::{Error, Result};

/// What new tokens are signed with.
pub(super) struct Signing {
    pub(super) header: Header,
    pub(super) key: EncodingKey,
}

/// A key whose tokens are accepted, by that one algorithm.
pub(super) struct Accepted {
    pub(super) kid: String,
    /// None for a secret.
    pub(super) public: Option<PublicKey>,
    /// The algorithm as a header names it.
    pub(super) name: &'static str,
    pub(super) key: DecodingKey,
    pub(super) validation: Validation,
}

/// An Ed25519 key for whoever verifies our tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its thumbprint, by which tokens name it.
    pub kid: String,
    /// Its bytes in base64url.
    pub x: String,
}

/// The shortest secret for HMAC-SHA-256, in bytes (RFC 7518 §3.2).
const SHORTEST_HMAC_SECRET: usize = 32;
/// What stands before the 32 bytes of an Ed25519 seed in PKCS#8 (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Names the library's one cryptography, so that it never has to guess.
pub(in crate::auth) fn install_provider() {
    // An error means that it was named before, by this same function.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// The pair of keys that a secret stands for.
pub(super) fn derive(
    secret: &SecretString,
    algorithm: TokenAlgorithm,
) -> Result<(Signing, Accepted)> {
    let secret = secret.expose_secret().as_bytes();
    match algorithm {
        TokenAlgorithm::EdDsa if secret.is_empty() => Err(too_short(1)),
        TokenAlgorithm::EdDsa => ed25519(secret),
        TokenAlgorithm::Hs256 if secret.len() < SHORTEST_HMAC_SECRET => {
            Err(too_short(SHORTEST_HMAC_SECRET))
        }
        TokenAlgorithm::Hs256 => hmac(secret),
    }
}

fn ed25519(secret: &[u8]) -> Result<(Signing, Accepted)> {
    let seed = expand(secret, b"concierge access token ed25519 v1")?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(Error::internal)?;
    let public = pair.public_key().as_ref();
    let mut der = Zeroizing::new([0; 48]);
    der[..16].copy_from_slice(&PKCS8_PREFIX);
    der[16..].copy_from_slice(seed.as_ref());

    let (signing, mut accepted) = keys_of(
        thumbprint(public),
        Algorithm::EdDSA,
        EncodingKey::from_ed_der(der.as_ref()),
        DecodingKey::from_ed_der(public),
    );
    accepted.public = Some(PublicKey {
        kid: accepted.kid.clone(),
        x: URL_SAFE_NO_PAD.encode(public),
    });
    Ok((signing, accepted))
}

fn hmac(secret: &[u8]) -> Result<(Signing, Accepted)> {
    // Derived, not hashed: an id that everybody sees must not help to guess a secret.
    let id = expand(secret, b"concierge access token hs256 kid v1")?;

    Ok(keys_of(
        URL_SAFE_NO_PAD.encode(&id[..16]),
        Algorithm::HS256,
        EncodingKey::from_secret(secret),
        DecodingKey::from_secret(secret),
    ))
}

fn keys_of(
    kid: String,
    algorithm: Algorithm,
    signing: EncodingKey,
    verifying: DecodingKey,
) -> (Signing, Accepted) {
    let mut header = Header::new(algorithm);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(kid.clone());
    let name = if algorithm == Algorithm::EdDSA {
        "EdDSA"
    } else {
        "HS256"
    };
    let accepted = Accepted {
        kid,
        public: None,
        name,
        key: verifying,
        validation: signature_only(algorithm),
    };
    let signing = Signing {
        header,
        key: signing,
    };
    (signing, accepted)
}

/// The library checks the signature; the claims are checked against our own clock.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// 32 bytes for one purpose (RFC 5869).
pub fn expand(secret: &[u8], purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"concierge")
        .extract(secret)
        .expand(&[purpose], HKDF_SHA256)
        .and_then(|material| material.fill(key.as_mut()))
        .map_err(Error::internal)?;
    Ok(key)
}

/// The id of a public Ed25519 key (RFC 7638, RFC 8037 §2).
fn thumbprint(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(random::fingerprint(&members))
}

/// One part of a token, strictly: no padding, no spare bits.
pub(in crate::auth) fn decode_part(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn too_short(least: usize) -> Error {
    let message = format!("SECRET_KEY needs at least {least} bytes.");
    Error::invalid("secret_too_short", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let public = decode_part("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();

        assert_eq!(
            thumbprint(&public),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn one_secret_makes_one_key_and_another_secret_another() {
        let secret = SecretString::from("a secret of thirty-two characters");
        let other = SecretString::from("a secret of thirty-two characterz");

        for algorithm in [TokenAlgorithm::EdDsa, TokenAlgorithm::Hs256] {
            let kid = |secret| derive(secret, algorithm).unwrap().1.kid;
            assert_eq!(kid(&secret), kid(&secret));
            assert_ne!(kid(&secret), kid(&other));
        }
    }

    #[test]
    fn a_secret_that_is_too_short_is_refused_by_name() {
        let short = SecretString::from("x".repeat(31));
        let error = derive(&short, TokenAlgorithm::Hs256).err().unwrap();
        assert!(error.to_string().contains("SECRET_KEY"));

        assert!(derive(&short, TokenAlgorithm::EdDsa).is_ok());
        assert!(derive(&String::new().into(), TokenAlgorithm::EdDsa).is_err());
    }
}
