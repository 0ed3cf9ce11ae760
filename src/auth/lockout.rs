//! Passwords that are guessed: who has failed too often in a row waits longer and longer. It is counted
//! whether the account exists or not, and nobody is told.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Settings;
use super::device::Devices;
use super::password::busy;
use super::token::expand;
use crate::cache::Locks;
use crate::domain::{Email, Principal, User};
use crate::error::{Error, Result};

/// Failures in a row after which a password opens nothing until it is set anew (NIST SP 800-63B-4
/// §3.2.2).
pub(super) const MOST_FAILURES: i64 = 100;
/// Tries of one name that run at once in this process: those that a lock comes too late for.
const AT_ONCE: usize = 5;
const PATIENCE: Duration = Duration::from_secs(2);
/// Names whose tries are bounded at once.
const MOST: u64 = 100_000;

pub(super) struct Lockout {
    /// None where nobody is locked.
    locks: Option<Locks>,
    gates: Cache<String, Arc<Semaphore>>,
    devices: Devices,
    names: hmac::Key,
}

/// A try at a password, and whether it is in vain.
pub(super) struct Try {
    name: String,
    pub(super) is_locked: bool,
    /// Whether it comes from where the user has signed in before.
    pub(super) is_known: bool,
    _gate: Option<OwnedSemaphorePermit>,
}

impl Lockout {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let gates = Cache::builder()
            .max_capacity(MOST)
            .time_to_idle(Duration::from_mins(1))
            .build();
        let secret = settings.secret_key.expose_secret().as_bytes();
        let names = expand(secret, b"concierge lockout v1")?;
        Ok(Self {
            locks: settings.locks.clone(),
            gates,
            devices: Devices::new(settings)?,
            names: hmac::Key::new(hmac::HMAC_SHA256, names.as_ref()),
        })
    }

    /// A try to sign in by what was typed, which may be the name of nobody.
    pub(super) async fn try_login(
        &self,
        typed: &str,
        user: Option<&User>,
        device: Option<&SecretString>,
    ) -> Result<Try> {
        let device = user
            .zip(device)
            .and_then(|(user, token)| self.devices.known(token, &user.id));
        if let Some(nonce) = device {
            return self.begin(format!("device:{nonce}"), true).await;
        }
        self.begin(account(&self.names, typed, user), false).await
    }

    /// A try of somebody who is signed in: what others guess does not lock them. Who came by a foreign
    /// token has no login here, and counts by their account.
    pub(super) async fn try_again(&self, who: &Principal) -> Result<Try> {
        let name = match who.session() {
            Some(session) => format!("session:{session}"),
            None => format!("foreign:{}", who.user),
        };
        self.begin(name, true).await
    }

    async fn begin(&self, name: String, is_known: bool) -> Result<Try> {
        let Some(locks) = &self.locks else {
            // Where nobody is locked nobody is locked for good either.
            return Ok(Try {
                name,
                is_locked: false,
                is_known: true,
                _gate: None,
            });
        };
        let gate = self
            .gates
            .get_with_by_ref(&name, || Arc::new(Semaphore::new(AT_ONCE)));
        let gate = timeout(PATIENCE, gate.acquire_owned())
            .await
            .map_err(|_| busy())?
            .map_err(Error::internal)?;
        Ok(Try {
            is_locked: !locks.left(&name).await.is_zero(),
            name,
            is_known,
            _gate: Some(gate),
        })
    }

    /// A wrong password. What is locked already is not locked for longer.
    pub(super) async fn failed(&self, attempt: &Try) {
        if let Some(locks) = self.locks.as_ref().filter(|_| !attempt.is_locked) {
            locks.fail(&attempt.name).await;
        }
    }

    pub(super) async fn passed(&self, attempt: &Try) {
        if let Some(locks) = &self.locks {
            locks.clear(&attempt.name).await;
        }
    }

    /// The token by which a browser is known again: the one it has, where that is good.
    pub(super) fn remember(
        &self,
        user: &User,
        shown: Option<&SecretString>,
    ) -> Result<SecretString> {
        match shown.filter(|token| self.devices.known(token, &user.id).is_some()) {
            Some(token) => Ok(token.clone()),
            None => self.devices.remember(&user.id),
        }
    }
}

/// One name for an account however it is called. No address can be read or guessed from it.
fn account(key: &hmac::Key, typed: &str, user: Option<&User>) -> String {
    let text = match user {
        Some(user) => match &user.email.own {
            Some(email) => email.as_str().to_owned(),
            None => user.id.to_string(),
        },
        None => Email::parse(typed).map_or_else(
            || typed.trim().to_lowercase(),
            |email| email.as_str().to_owned(),
        ),
    };
    let mac = hmac::sign(key, text.as_bytes());
    format!("account:{}", URL_SAFE_NO_PAD.encode(mac))
}
