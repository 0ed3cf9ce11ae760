//! Access tokens: JWTs (RFC 9068) that we sign and that nobody else can make.

mod keys;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jsonwebtoken::{decode, encode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use self::keys::{PublicKey, expand};
pub(super) use self::keys::{decode_part, install_provider};

use self::keys::{Accepted, Signing};
use super::{Settings, random};
use crate::domain::{Role, SessionId, Ts, User, UserId};
use crate::error::{Error, Result};

/// What signs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// Ed25519, its key derived from the secret.
    EdDsa,
    /// HMAC-SHA-256 with the secret's bytes as they are.
    Hs256,
}

/// Issues tokens and reads them back.
pub(super) struct Tokens {
    issuer: String,
    audience: String,
    lifetime: Duration,
    signing: Signing,
    accepted: Vec<Accepted>,
}

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    pub(super) sub: UserId,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: String,
    pub(super) sid: SessionId,
    role: Role,
    /// The user's `token_version` at the time.
    pub(super) ver: i64,
}

/// One name or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What stands in a header of ours, and nothing besides: no `crit`, no `b64`, no key to fetch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    typ: String,
    alg: String,
    kid: String,
}

const TYPE: &str = "at+jwt";
const LONGEST: usize = 8 * 1_024;
/// How far clocks may be apart, in seconds.
pub(super) const LEEWAY: i64 = 30;
/// No token lives longer than a day, whatever it says.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(24);

impl Tokens {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        keys::install_provider();
        let (signing, newest) = keys::derive(&settings.secret_key, settings.token_algorithm)?;
        let mut accepted = vec![newest];
        if let Some(previous) = &settings.previous_secret_key {
            let (_, previous) = keys::derive(previous, settings.token_algorithm)?;
            // Whoever finds one id twice among published keys may believe neither.
            if accepted.iter().all(|key| key.kid != previous.kid) {
                accepted.push(previous);
            }
        }
        Ok(Self {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            lifetime: settings.access_token_ttl,
            signing,
            accepted,
        })
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// What may be published, the key that signs first.
    pub(super) fn public_keys(&self) -> Vec<PublicKey> {
        let public = self.accepted.iter().filter_map(|key| key.public.clone());
        public.collect()
    }

    pub(super) fn issue(&self, user: &User, session: SessionId, now: Ts) -> Result<SecretString> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: Audience::One(self.audience.clone()),
            sub: user.id.clone(),
            exp: now.plus(self.lifetime).seconds(),
            iat: now.seconds(),
            nbf: now.seconds(),
            jti: random::base62(22)?.to_string(),
            sid: session,
            role: user.role,
            ver: user.token_version,
        };
        let token = encode(&self.signing.header, &claims, &self.signing.key);
        token.map(SecretString::from).map_err(Error::internal)
    }

    /// Whether a token names a key of ours, so that nobody else can have signed it.
    pub(super) fn are_named_by(&self, token: &str) -> bool {
        head(token).is_some_and(|head| self.accepted.iter().any(|key| key.kid == head.kid))
    }

    /// What a token of ours says while it is good.
    pub(super) fn read(&self, token: &str, now: Ts) -> Result<Claims> {
        let claims = self.open(token).ok_or_else(super::refused)?;
        let now = now.seconds();
        if claims.iat > now + LEEWAY || claims.nbf > now + LEEWAY {
            return Err(super::refused());
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            let message = "The access token has expired. Sign in again.";
            return Err(Error::unauthenticated("token_expired", message));
        }
        Ok(claims)
    }

    /// What a token of ours says, be it past its time.
    pub(super) fn open(&self, token: &str) -> Option<Claims> {
        if !may_be_one(token) {
            return None;
        }
        let head = head(token)?;
        let key = self.accepted.iter().find(|key| key.kid == head.kid)?;
        if head.typ != TYPE || head.alg != key.name {
            return None;
        }
        let read = decode::<Claims>(token, &key.key, &key.validation).ok()?;
        self.are_ours(&read.claims).then_some(read.claims)
    }

    /// What the JWT library leaves open, or judges by the system's clock.
    fn are_ours(&self, claims: &Claims) -> bool {
        let addressed = match &claims.aud {
            Audience::One(name) => *name == self.audience,
            Audience::Several(names) => names.contains(&self.audience),
        };
        let life = claims.exp.checked_sub(claims.iat).unwrap_or_default();
        claims.iss == self.issuer
            && addressed
            && UserId::parse(claims.sub.as_str()).is_some()
            && claims.iat >= 0
            && claims.nbf >= 0
            && (1..=LONGEST_LIFE.as_secs()).contains(&u64::try_from(life).unwrap_or_default())
    }
}

impl Claims {
    /// From when on the token is good no more.
    pub(super) fn ends_at(&self) -> Ts {
        Ts::from_seconds(self.exp.saturating_add(LEEWAY))
    }
}

/// Whether a text is of the length of a token and has three parts.
pub(super) fn may_be_one(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

fn head(token: &str) -> Option<Head> {
    let (head, _) = token.split_once('.')?;
    serde_json::from_slice(&keys::decode_part(head)?).ok()
}
