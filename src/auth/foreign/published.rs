//! A published key set (RFC 7517), and which of its keys can have signed a token for us.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::ForeignAlgorithm;
use crate::auth::token::decode_part;

/// Public keys by their ids.
pub(super) struct Published(HashMap<String, Arc<Key>>);

/// A key and the one algorithm that it is for, whatever a token's header says.
pub(super) struct Key {
    algorithm: ForeignAlgorithm,
    key: DecodingKey,
}

/// A key as it is published. Members of other types make it none.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

const MOST_KEYS: usize = 64;
/// The shortest modulus, in bytes: 2048 bits.
const SHORTEST_MODULUS: usize = 256;

impl Published {
    /// Takes the keys that are for one of `algorithms`, and leaves out the rest: unknown types and
    /// curves, secrets, keys without an id, and those whose id another key of the set has too. None, and
    /// why: it is no key set, or too large a one.
    pub(super) fn read(json: &[u8], algorithms: &[ForeignAlgorithm]) -> Result<Self, &'static str> {
        let set: Set = serde_json::from_slice(json).map_err(|_| "it is no key set")?;
        if set.keys.len() > MOST_KEYS {
            return Err("it has more than 64 keys");
        }
        let mut known = HashSet::new();
        let mut twice = HashSet::new();
        for kid in set.keys.iter().filter_map(|key| key.get("kid")?.as_str()) {
            if !known.insert(kid) {
                twice.insert(kid);
            }
        }
        let usable = set.keys.iter().filter_map(|key| {
            let jwk = Jwk::deserialize(key).ok()?;
            let kid = jwk.kid.as_ref().filter(|kid| !kid.is_empty())?;
            (!twice.contains(kid.as_str())).then_some(())?;
            Some((kid.clone(), Arc::new(jwk.key(algorithms)?)))
        });
        Ok(Self(usable.collect()))
    }

    pub(super) fn key(&self, kid: &str) -> Option<Arc<Key>> {
        self.0.get(kid).cloned()
    }
}

impl Key {
    /// A secret shared with the issuer, its bytes as they are.
    pub(super) fn secret(secret: &[u8]) -> Self {
        Self {
            algorithm: ForeignAlgorithm::Hs256,
            key: DecodingKey::from_secret(secret),
        }
    }

    /// Whether this key has signed the token, by its own algorithm.
    pub(super) fn has_signed(&self, token: &str, alg: &str) -> bool {
        let Some((message, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let by = self.algorithm;
        alg == by.name()
            && crypto::verify(signature, message.as_bytes(), &self.key, by.into()).unwrap_or(false)
    }
}

impl Jwk {
    fn key(&self, algorithms: &[ForeignAlgorithm]) -> Option<Key> {
        let is_for_signatures = self.purpose.as_deref().is_none_or(|it| it == "sig");
        let is_for_us = self
            .key_ops
            .as_ref()
            .is_none_or(|ops| ops.iter().any(|it| it == "verify"));
        let algorithm = self.algorithm(algorithms)?;
        (is_for_signatures && is_for_us && algorithms.contains(&algorithm)).then_some(())?;
        let key = match algorithm {
            ForeignAlgorithm::EdDsa => {
                DecodingKey::from_ed_components(of_length(self.x.as_ref()?, 32)?)
            }
            ForeignAlgorithm::Es256 => DecodingKey::from_ec_components(
                of_length(self.x.as_ref()?, 32)?,
                of_length(self.y.as_ref()?, 32)?,
            ),
            ForeignAlgorithm::Rs256 | ForeignAlgorithm::Ps256 => {
                let modulus = self.n.as_ref()?;
                (decode_part(modulus)?.len() >= SHORTEST_MODULUS).then_some(())?;
                DecodingKey::from_rsa_components(modulus, self.e.as_ref()?)
            }
            ForeignAlgorithm::Hs256 => return None,
        };
        Some(Key {
            algorithm,
            key: key.ok()?,
        })
    }

    /// The algorithm that the key's type allows, and that it names if it names one.
    fn algorithm(&self, wanted: &[ForeignAlgorithm]) -> Option<ForeignAlgorithm> {
        let fitting: &[ForeignAlgorithm] = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => &[ForeignAlgorithm::EdDsa],
            ("EC", Some("P-256")) => &[ForeignAlgorithm::Es256],
            ("RSA", _) => &[ForeignAlgorithm::Rs256, ForeignAlgorithm::Ps256],
            _ => &[],
        };
        let mut fitting = fitting.iter().copied();
        match self.alg.as_deref() {
            // RFC 9864 has a name of its own for what was EdDSA with this curve.
            Some("Ed25519") => fitting.find(|it| *it == ForeignAlgorithm::EdDsa),
            Some(name) => fitting.find(|it| it.name() == name),
            None => fitting.find(|it| wanted.contains(it)),
        }
    }
}

/// The text if it stands for so many bytes.
fn of_length(text: &str, bytes: usize) -> Option<&str> {
    (decode_part(text)?.len() == bytes).then_some(text)
}

impl From<ForeignAlgorithm> for Algorithm {
    fn from(algorithm: ForeignAlgorithm) -> Self {
        match algorithm {
            ForeignAlgorithm::EdDsa => Self::EdDSA,
            ForeignAlgorithm::Es256 => Self::ES256,
            ForeignAlgorithm::Rs256 => Self::RS256,
            ForeignAlgorithm::Ps256 => Self::PS256,
            ForeignAlgorithm::Hs256 => Self::HS256,
        }
    }
}

/// How many there are.
impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Published({} keys)", self.0.len())
    }
}
