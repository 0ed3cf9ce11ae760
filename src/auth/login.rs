//! Signing in and out.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::Auth;
use super::audit::Note;
use super::lockout::{MOST_FAILURES, Try};
use super::password::{Floor, Verdict};
use super::session::{self, NewSession};
use super::verify::Credential;
use crate::domain::{Email, Event, Origin, SessionId, Status, User, UserId, Username};
use crate::error::{self, Error, Result};
use crate::store::vault::passwords::Standing;
use crate::store::vault::{passwords, sessions};
use crate::store::{Tx, Vault, users};

/// An attempt to sign in.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// An address or a username, as typed.
    pub login: String,
    pub password: SecretString,
    /// Whether the login outlives the browser.
    pub remember: bool,
    pub origin: Origin,
    /// The cookie's token that came with the attempt: its login ends, and is never taken over.
    pub replacing: Option<SecretString>,
    /// The token of a browser from which somebody has signed in before.
    pub device: Option<SecretString>,
}

/// A login that has just begun.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: User,
    pub access_token: SecretString,
    pub expires_in: Duration,
    /// For the cookie.
    pub session_token: SecretString,
    /// How long the browser keeps the cookie; the server ends an idle login earlier. None: until
    /// the browser is closed.
    pub session_lifetime: Option<Duration>,
    pub refresh_token: SecretString,
    /// Likewise, where the browser has it in a cookie.
    pub refresh_lifetime: Option<Duration>,
    /// By which the browser is known again; None where it is not to be.
    pub device_token: Option<SecretString>,
}

/// How many logins of one user live at once; the oldest make room.
const MOST_SESSIONS: i64 = 50;

impl Auth {
    /// Signs in by password. Whoever does not know it learns nothing, not even by the time it takes.
    pub async fn log_in(&self, attempt: LogIn) -> Result<SignedIn> {
        let known = self.prove(&attempt).await?;
        let session = self.begin(&known, &attempt).await?;
        let note = Note::from(&attempt.origin, Event::LoginSucceeded)
            .shown_to_be(&known.user.id, Some(session.row.id));
        self.note(note).await;
        let tokens = &self.0.tokens;
        Ok(SignedIn {
            access_token: tokens.issue(&known.user, session.row.id, self.now())?,
            expires_in: tokens.lifetime(),
            session_token: session.token,
            session_lifetime: self.0.lifetimes.of_cookie(attempt.remember),
            refresh_token: self.0.refresh_tokens.of(&session.row),
            refresh_lifetime: self.0.lifetimes.of_refresh_cookie(attempt.remember),
            device_token: self.device_of(&known.user, &attempt)?,
            user: known.user,
        })
    }

    /// Ends the login that the credential belongs to, if there is one. A token of ours may be past
    /// its time.
    pub async fn log_out(&self, credential: &Credential<'_>, origin: &Origin) -> Result<()> {
        let Some((session, user)) = self.login_of(credential).await? else {
            return Ok(());
        };
        let mut tx = self.0.vault.write().await?;
        let was_there = sessions::remove(&mut tx, session).await?;
        tx.commit().await?;
        self.0.seen.revoke(&user);
        if !was_there {
            return Ok(());
        }
        let note = Note::from(origin, Event::LoggedOut).shown_to_be(&user, Some(session));
        self.note(note).await;
        Ok(())
    }

    async fn prove(&self, attempt: &LogIn) -> Result<Known> {
        let user = self.named(&attempt.login).await?;
        // A stranger is looked up too, under an id that nobody has.
        let stranger = UserId::new(&self.0.clock);
        let id = user.as_ref().map_or(&stranger, |user| &user.id);
        let lockout = &self.0.lockout;
        let device = attempt.device.as_ref();
        let tried = lockout.try_login(&attempt.login, user.as_ref(), device);
        let tried = tried.await?;
        let stored = self.guessable(id, &tried).await?;
        let floor = self.floor().await?;
        let (password, kept) = (&attempt.password, stored.clone());
        let verdict = self.0.passwords.check(password, kept, floor).await?;

        let (Some(user), Some(hash), Verdict::Right | Verdict::Outdated) = (&user, stored, verdict)
        else {
            let why = match user {
                _ if tried.is_locked => "locked",
                Some(_) => "wrong_password",
                None => "unknown_account",
            };
            self.count_failure(id, &tried).await?;
            self.note_failure(attempt, user.as_ref(), why).await;
            return Err(wrong());
        };
        lockout.passed(&tried).await;
        if user.status == Status::Pending {
            self.note_failure(attempt, Some(user), "email_not_verified")
                .await;
            let message = "The address of this account is not verified yet: ask for a code.";
            return Err(Error::forbidden("email_not_verified", message));
        }
        if !user.status.may_sign_in() {
            self.note_failure(attempt, Some(user), "account_disabled")
                .await;
            let message = "This account has been disabled.";
            return Err(Error::forbidden("account_disabled", message));
        }
        let renewed = match verdict {
            Verdict::Outdated => self.renewed(&attempt.password, &user.id).await,
            _ => None,
        };
        Ok(Known {
            user: user.clone(),
            hash,
            renewed,
        })
    }

    /// The hash that a try may be measured by: none where it is in vain, and checked all the same.
    pub(super) async fn guessable(&self, id: &UserId, tried: &Try) -> Result<Option<String>> {
        let mut conn = self.0.vault.read().await?;
        let stored = passwords::standing(&mut conn, id).await?;
        let is_open = |stored: &Standing| {
            !tried.is_locked && (tried.is_known || stored.failures < MOST_FAILURES)
        };
        Ok(stored.filter(is_open).map(|stored| stored.hash))
    }

    /// Also of somebody whom nobody knows, so that it takes as long.
    pub(super) async fn count_failure(&self, id: &UserId, tried: &Try) -> Result<()> {
        self.0.lockout.failed(tried).await;
        let mut tx = self.0.vault.write().await?;
        if !tried.is_locked {
            passwords::failed(&mut tx, id).await?;
        }
        tx.commit().await
    }

    /// A browser that forgets the login is not to be known again either.
    fn device_of(&self, user: &User, attempt: &LogIn) -> Result<Option<SecretString>> {
        let shown = attempt.device.as_ref();
        let remember = || self.0.lockout.remember(user, shown);
        attempt.remember.then(remember).transpose()
    }

    /// What was typed is not written down: it may be a password in the wrong place.
    async fn note_failure(&self, attempt: &LogIn, user: Option<&User>, why: &str) {
        let note = Note::from(&attempt.origin, Event::LoginFailed).with("reason", why);
        self.note(match user {
            Some(user) => note.about(&user.id),
            None => note,
        })
        .await;
    }

    /// The floor under refusals, measured once a process: hashes of another kind are there before a
    /// start, being imported or made under another `PASSWORD_HASH`, and become fewer after it.
    pub(super) async fn floor(&self) -> Result<Option<Floor>> {
        let measure = async || {
            let usual = self.0.passwords.opening();
            let mut conn = self.0.vault.read().await?;
            let other = passwords::unlike(&mut conn, &usual).await?;
            drop(conn);
            match other {
                Some(hash) => self.0.passwords.floor_above(hash).await.map(Some),
                None => Ok(None),
            }
        };
        self.0.floor.get_or_try_init(measure).await.copied()
    }

    async fn named(&self, login: &str) -> Result<Option<User>> {
        let mut conn = self.0.main.read().await?;
        if let Some(email) = Email::parse(login) {
            return users::by_email(&mut conn, &email).await;
        }
        match Username::parse(login.trim()) {
            Some(name) => users::by_username(&mut conn, &name).await,
            None => Ok(None),
        }
    }

    /// A hash in today's way. A password that is right opens the door also if this fails.
    async fn renewed(&self, password: &SecretString, user: &UserId) -> Option<String> {
        let renewed = self.0.passwords.renew(password).await;
        renewed.unwrap_or_else(|error| {
            let cause = error::chain(&error);
            tracing::warn!(user.id = %user, error = cause, "A password keeps its outdated hash");
            None
        })
    }

    async fn begin(&self, known: &Known, attempt: &LogIn) -> Result<NewSession> {
        let id = &known.user.id;
        let session = self.0.lifetimes.open(&known.user, attempt, &self.0.clock)?;
        let mut tx = self.0.vault.write().await?;
        // Whoever changes the password ends all logins; this one must not slip in behind.
        let hash = known.renewed.as_ref().unwrap_or(&known.hash);
        if !passwords::replace(&mut tx, id, &known.hash, hash).await? {
            return Err(wrong());
        }
        let replaced = self.replace(&mut tx, attempt.replacing.as_ref()).await?;
        sessions::add(&mut tx, &session.row).await?;
        let evicted = sessions::evict(&mut tx, id, MOST_SESSIONS).await?;
        tx.commit().await?;

        if let Some(owner) = replaced {
            self.0.seen.revoke(&owner);
        }
        if !evicted.is_empty() {
            self.0.seen.revoke(id);
        }
        Ok(session)
    }

    /// Ends the login that the attempt came with; whose it was.
    async fn replace(
        &self,
        tx: &mut Tx<Vault>,
        presented: Option<&SecretString>,
    ) -> Result<Option<UserId>> {
        let Some(hash) = presented.and_then(|token| session::hash_of(token.expose_secret())) else {
            return Ok(None);
        };
        let Some(old) = sessions::live_by_token(tx, &hash, self.now()).await? else {
            return Ok(None);
        };
        sessions::remove(tx, old.id).await?;
        Ok(Some(old.user_id))
    }

    async fn login_of(&self, credential: &Credential<'_>) -> Result<Option<(SessionId, UserId)>> {
        match credential {
            Credential::Bearer(token) => {
                let claims = self.0.tokens.open(token);
                Ok(claims.map(|claims| (claims.sid, claims.sub)))
            }
            Credential::Cookie(token) => {
                let Some(hash) = session::hash_of(token) else {
                    return Ok(None);
                };
                let mut conn = self.0.vault.read().await?;
                let live = sessions::live_by_token(&mut conn, &hash, self.now()).await?;
                Ok(live.map(|session| (session.id, session.user_id)))
            }
            Credential::Key(_) => Ok(None),
        }
    }
}

/// A user whose password was right.
struct Known {
    user: User,
    hash: String,
    renewed: Option<String>,
}

/// The one answer to whoever does not know the password.
fn wrong() -> Error {
    Error::unauthenticated(
        "invalid_credentials",
        "The address or username and the password do not belong together.",
    )
}
