//! Passwords: what may be set, and the few threads that may hash at once.

mod hash;
mod pool;
mod rules;

pub use self::rules::MAX_LENGTH as PASSWORD_MAX_LENGTH;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use self::pool::Pool;
use self::rules::Rules;
use super::random;
use crate::domain::{Email, Name, Username};
use crate::error::Result;

pub(super) use self::hash::Verdict;

/// How new passwords are hashed. Hashes of either kind are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAlgorithm {
    /// RFC 9106 with 19 MiB, two passes, one lane.
    Argon2id,
    /// Cost 12; passwords of at most 71 bytes.
    Bcrypt,
}

/// Sets and checks passwords.
pub(super) struct Passwords {
    rules: Rules,
    pool: Pool,
    /// What is checked where there is no hash, so that nobody can tell by the time it takes.
    dummy: OnceCell<String>,
}

/// What a password must not be.
pub(super) struct About<'a> {
    pub(super) email: &'a Email,
    pub(super) username: Option<&'a Username>,
    pub(super) name: Option<&'a Name>,
}

impl Passwords {
    pub(super) fn new(algorithm: PasswordAlgorithm, least: usize, product: String) -> Self {
        Self {
            rules: Rules {
                least,
                algorithm,
                product,
            },
            pool: Pool::new(),
            dummy: OnceCell::new(),
        }
    }

    /// The hash of a password that may be set by this account.
    pub(super) async fn set(&self, password: &SecretString, about: &About<'_>) -> Result<String> {
        let normal = self.rules.accept(password, about)?;
        self.hash(normal).await
    }

    /// Checks a password in the same time whether there is a hash or not.
    pub(super) async fn check(
        &self,
        password: &SecretString,
        stored: Option<String>,
    ) -> Result<Verdict> {
        // Awaited by everybody, or the first stranger after a start would be told by the delay.
        let dummy = self.dummy().await?.to_owned();
        let Some(normal) = rules::normalised(password) else {
            return Ok(Verdict::Wrong);
        };
        let algorithm = self.rules.algorithm;
        let work = move || hash::check(&normal, stored.as_deref(), &dummy, algorithm);
        self.pool.run(work).await
    }

    /// The hash of a password that has just been right, made in today's way. None if that way
    /// cannot take it.
    pub(super) async fn renew(&self, password: &SecretString) -> Result<Option<String>> {
        let is_bcrypt = self.rules.algorithm == PasswordAlgorithm::Bcrypt;
        match rules::normalised(password) {
            Some(normal) if is_bcrypt && normal.len() > hash::BCRYPT_LONGEST => Ok(None),
            Some(normal) => self.hash(normal).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn dummy(&self) -> Result<&str> {
        let make = async || {
            let secret = random::token()?;
            self.hash(Zeroizing::new(secret.expose_secret().to_owned()))
                .await
        };
        self.dummy.get_or_try_init(make).await.map(String::as_str)
    }

    async fn hash(&self, normal: Zeroizing<String>) -> Result<String> {
        let algorithm = self.rules.algorithm;
        self.pool
            .run(move || hash::make(&normal, algorithm))
            .await?
    }
}
