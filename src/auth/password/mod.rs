//! Passwords: what may be set, and the few threads that may hash at once.

mod argon;
mod floor;
mod hash;
mod pepper;
mod pool;
mod rules;

pub use self::rules::MAX_LENGTH as PASSWORD_MAX_LENGTH;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use zeroize::Zeroizing;

use self::hash::Way;
use self::pool::Pool;
use self::rules::Rules;
use super::random;
use crate::domain::{Email, Name, User, Username};
use crate::error::Result;

pub(super) use self::floor::Floor;
pub(super) use self::hash::Verdict;
pub(super) use self::pepper::Peppers;
pub(super) use self::pool::busy;

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
    way: Way,
    pool: Pool,
    /// What is checked where there is no hash, so that nobody can tell by the time it takes.
    dummy: OnceCell<String>,
}

/// Where a password stands, and what it must not be.
pub(super) struct About<'a> {
    /// The field that is named where it breaks a rule.
    pub(super) field: &'static str,
    pub(super) email: Option<&'a Email>,
    pub(super) username: Option<&'a Username>,
    pub(super) name: Option<&'a Name>,
}

impl<'a> About<'a> {
    pub(super) fn of(user: &'a User, field: &'static str) -> Self {
        Self {
            field,
            email: user.email.shown(),
            username: user.username.as_ref(),
            name: user.name.as_ref(),
        }
    }
}

impl Passwords {
    pub(super) fn new(
        algorithm: PasswordAlgorithm,
        peppers: Peppers,
        least: usize,
        product: String,
    ) -> Self {
        Self {
            rules: Rules {
                least,
                algorithm,
                product,
            },
            way: Way { algorithm, peppers },
            pool: Pool::new(),
            dummy: OnceCell::new(),
        }
    }

    /// The hash of a password that may be set by this account.
    pub(super) async fn set(&self, password: &SecretString, about: &About<'_>) -> Result<String> {
        let normal = self.rules.accept(password, about)?;
        self.hash(normal).await
    }

    /// Checks a password in the same time whether there is a hash or not; where hashes differ, by
    /// telling what is wrong no earlier than at the floor.
    pub(super) async fn check(
        &self,
        password: &SecretString,
        stored: Option<String>,
        floor: Option<Floor>,
    ) -> Result<Verdict> {
        let (verdict, began) = self.judge(password, stored).await?;
        if verdict == Verdict::Wrong
            && let Some(floor) = floor
        {
            floor.wait(began).await;
        }
        Ok(verdict)
    }

    /// How every hash of today's begins.
    pub(super) fn opening(&self) -> String {
        self.way.opening()
    }

    /// The floor under refusals where there is a hash like `other` beside today's.
    pub(super) async fn floor_above(&self, other: String) -> Result<Floor> {
        let usual = self.timed(None).await?;
        let other = self.timed(Some(other)).await?;
        Ok(Floor::above(usual.max(other)))
    }

    /// How long a check takes on this machine.
    async fn timed(&self, stored: Option<String>) -> Result<Duration> {
        let dummy = self.dummy().await?.to_owned();
        let way = self.way.clone();
        let work = move || {
            let began = Instant::now();
            way.check("a guess", stored.as_deref(), &dummy);
            began.elapsed()
        };
        self.pool.run(work).await
    }

    /// What a password is worth, and when hashing began: to wait for a thread takes everybody alike.
    async fn judge(
        &self,
        password: &SecretString,
        stored: Option<String>,
    ) -> Result<(Verdict, Instant)> {
        // Awaited by everybody, or the first stranger after a start would be told by the delay.
        let dummy = self.dummy().await?.to_owned();
        let Some(normal) = rules::normalised(password) else {
            return Ok((Verdict::Wrong, Instant::now()));
        };
        let way = self.way.clone();
        let work = move || {
            let began = Instant::now();
            let verdict = way.check(&normal, stored.as_deref(), &dummy);
            (verdict, began)
        };
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
        let way = self.way.clone();
        self.pool.run(move || way.make(&normal)).await?
    }
}
