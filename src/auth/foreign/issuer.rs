//! The issuers that are configured, and the way from a token to what one of them says.

use secrecy::ExposeSecret;

use super::claims::Claims;
use super::head::Head;
use super::key_set::KeySet;
use super::members::Members;
use super::published::Key;
use super::{FETCH, ForeignIssuer, ForeignKeys, LARGEST_SET, Refused};
use crate::auth::token::install_provider;
use crate::clock::Clock;
use crate::domain::{Identity, Role, Ts};
use crate::error::{Error, Result};
use crate::llm::Fetcher;

/// All of them.
pub(in crate::auth) struct Issuers(Vec<Issuer>);

struct Issuer {
    settings: ForeignIssuer,
    keys: Keys,
}

enum Keys {
    Published(Box<KeySet>),
    Secret(Key),
}

/// What an issuer says of one of its users.
#[derive(Debug)]
pub(in crate::auth) struct Vouched {
    pub(super) identity: Identity,
    pub(super) sub_is_user_id: bool,
    pub(super) claims: Claims,
    /// The role that counts here, if the issuer has a say in it.
    pub(in crate::auth) role: Option<Role>,
}

impl Issuers {
    /// Fetches nothing yet.
    pub(in crate::auth) fn new(issuers: &[ForeignIssuer], clock: &Clock) -> Result<Self> {
        install_provider();
        let issuers = issuers.iter().map(|settings| Issuer::new(settings, clock));
        issuers.collect::<Result<_>>().map(Self)
    }

    pub(in crate::auth) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What an issuer says in a token of three parts.
    pub(in crate::auth) async fn verify(&self, token: &str, now: Ts) -> Result<Vouched> {
        self.read(token, now).await.map_err(|refused| {
            tracing::debug!(?refused, "A foreign token was refused");
            refused.into()
        })
    }

    async fn read(&self, token: &str, now: Ts) -> Result<Vouched, Refused> {
        let mut parts = token.split('.');
        let (head, claims) = (parts.next(), parts.next());
        let head = Head::read(head.unwrap_or_default())?;
        let claims =
            Members::read(claims.unwrap_or_default()).ok_or("its claims are unreadable")?;
        let iss = claims.text("iss").map_err(|_| "its iss is no text")?;
        let issuer = self.pick(iss, &head).ok_or("its issuer is unknown")?;
        if !issuer.has_signed(token, &head).await? {
            return Err("its signature is wrong".into());
        }
        let settings = &issuer.settings;
        let claims = Claims::read(&claims, &settings.audiences, now)?;
        Ok(Vouched {
            identity: Identity {
                issuer: settings.name.clone(),
                subject: claims.subject.clone(),
            },
            sub_is_user_id: settings.sub_is_user_id,
            role: claims.role.filter(|_| settings.trust_role),
            claims,
        })
    }

    /// By what the token says of itself: the signature has to bear it out. An issuer that may have any
    /// name has none that another one has.
    fn pick(&self, iss: Option<&str>, head: &Head) -> Option<&Issuer> {
        let named = |issuer: &&Issuer| iss.is_some() && issuer.settings.iss.as_deref() == iss;
        let fits = |issuer: &&Issuer| issuer.accepts(&head.alg);
        let namesake = self.0.iter().find(|issuer| named(issuer));
        let is_nameless = |issuer: &&Issuer| {
            let same_users = |other: &Issuer| other.settings.name == issuer.settings.name;
            issuer.settings.iss.is_none() && namesake.is_none_or(same_users)
        };
        let exact = self.0.iter().filter(named).find(fits);
        exact.or_else(|| self.0.iter().filter(is_nameless).find(fits))
    }
}

impl Issuer {
    fn new(settings: &ForeignIssuer, clock: &Clock) -> Result<Self> {
        let keys = match &settings.keys {
            ForeignKeys::Published(address) => Keys::Published(Box::new(KeySet::new(
                address.clone(),
                settings.algorithms.clone(),
                Fetcher::new(FETCH, LARGEST_SET)?,
                clock.clone(),
            ))),
            ForeignKeys::Secret(secret) if secret.expose_secret().len() < 32 => {
                let message = "The secret of a foreign issuer needs at least 32 bytes.";
                return Err(Error::invalid("secret_too_short", message));
            }
            ForeignKeys::Secret(secret) => {
                Keys::Secret(Key::secret(secret.expose_secret().as_bytes()))
            }
        };
        Ok(Self {
            settings: settings.clone(),
            keys,
        })
    }

    fn accepts(&self, alg: &str) -> bool {
        self.settings.algorithms.iter().any(|it| it.name() == alg)
    }

    async fn has_signed(&self, token: &str, head: &Head) -> Result<bool, Refused> {
        match &self.keys {
            Keys::Secret(key) => Ok(key.has_signed(token, &head.alg)),
            Keys::Published(set) => {
                let kid = head.kid.as_deref().ok_or("it names no key")?;
                Ok(set.key(kid).await?.has_signed(token, &head.alg))
            }
        }
    }
}
