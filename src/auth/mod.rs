//! Who is asking: accounts, passwords, logins, access tokens and API keys, behind one door.

mod account;
mod audit;
mod caps;
mod device;
mod export;
mod foreign;
mod joining;
mod key;
mod letters;
mod lockout;
mod login;
mod logins;
mod own_password;
mod password;
mod profile;
mod random;
mod recovery;
mod refresh;
mod removal;
mod seen;
mod session;
mod standing;
mod strangers;
mod token;
mod users;
mod verification;
mod verify;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;
use url::Url;

use self::foreign::Issuers;
use self::lockout::Lockout;
use self::password::{Floor, Passwords, Peppers};
use self::refresh::RefreshTokens;
use self::seen::Seen;
use self::session::{Lifetimes, Span};
use self::strangers::Strangers;
use self::token::Tokens;
use self::verification::Codes;
use crate::cache::Locks;
use crate::clock::Clock;
use crate::domain::Ts;
use crate::error::{Error, Field, Location, Result};
use crate::outbox::Outbox;
use crate::store::vault::{codes, destinations, resets, sessions};
use crate::store::{Db, Main, Vault, identities};

pub use self::account::NewAccount;
pub use self::caps::NewCaps;
pub use self::export::Part;
pub use self::foreign::{ForeignAlgorithm, ForeignIssuer, ForeignKeys};
pub use self::key::{KeyChange, NewKey};
pub use self::login::{LogIn, SignedIn};
pub use self::own_password::NewPassword;
pub use self::password::{PASSWORD_MAX_LENGTH, PasswordAlgorithm};
pub use self::profile::NewProfile;
pub use self::refresh::Refreshed;
pub use self::standing::{NewUser, UserChange};
pub use self::token::{PublicKey, TokenAlgorithm, expand};
pub use self::verification::Whom;
pub use self::verify::Credential;

/// Knows every account and every credential. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Auth(Arc<Parts>);

struct Parts {
    main: Db<Main>,
    vault: Db<Vault>,
    clock: Clock,
    registration_enabled: bool,
    passwords: Passwords,
    /// None where all stored hashes are of today's kind.
    floor: OnceCell<Option<Floor>>,
    tokens: Tokens,
    issuers: Issuers,
    refresh_tokens: RefreshTokens,
    lifetimes: Lifetimes,
    lockout: Lockout,
    audit_retention: Duration,
    /// How we call ourselves in mail.
    product: String,
    reset_page: Option<Url>,
    strangers: Strangers,
    codes: Codes,
    verification_required: bool,
    outbox: Outbox,
    seen: Seen,
}

/// For so long who shows a code that is over is told that it is.
const CODES_KEPT: Duration = Duration::from_hours(1);

/// How [`Auth`] behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signs access tokens. At least 32 bytes for [`TokenAlgorithm::Hs256`].
    pub secret_key: SecretString,
    /// What it was before: its tokens are still accepted.
    pub previous_secret_key: Option<SecretString>,
    pub token_algorithm: TokenAlgorithm,
    /// The `iss` of our tokens.
    pub issuer: String,
    /// The `aud` of our tokens.
    pub audience: String,
    /// Others whose tokens are accepted.
    pub issuers: Vec<ForeignIssuer>,
    /// A second to a day.
    pub access_token_ttl: Duration,
    /// Idle time after which a login's cookie ends.
    pub session_ttl: Duration,
    /// Age at which a login's cookie ends.
    pub session_max_ttl: Duration,
    /// Idle time after which a login cannot be refreshed.
    pub refresh_token_ttl: Duration,
    /// Age at which a login cannot be refreshed.
    pub refresh_max_ttl: Duration,
    pub password_algorithm: PasswordAlgorithm,
    /// Mixed into every password that is hashed by argon2id.
    pub password_pepper: Option<SecretString>,
    /// What it was before: passwords are checked by it, and hashed anew.
    pub previous_password_pepper: Option<SecretString>,
    /// In code points.
    pub password_min_length: usize,
    pub registration_enabled: bool,
    /// How long the audit log keeps an event.
    pub audit_retention: Duration,
    /// Who guesses passwords is locked by these; None locks nobody.
    pub locks: Option<Locks>,
    /// Our own name, which makes no password, and stands in mail.
    pub product: String,
    /// Whether an address must be verified before its account can be used.
    pub verification_required: bool,
    /// The page that sets another password; the token follows in the fragment. None: nobody can be
    /// helped.
    pub reset_page: Option<Url>,
}

impl Auth {
    /// Derives the keys; neither database is asked anything.
    pub fn new(
        settings: Settings,
        (main, vault): (Db<Main>, Db<Vault>),
        outbox: Outbox,
        clock: Clock,
    ) -> Result<Self> {
        let ttl = settings.access_token_ttl;
        if ttl < Duration::from_secs(1) || ttl > token::LONGEST_LIFE {
            let message = "ACCESS_TOKEN_TTL must be between a second and a day.";
            return Err(Error::invalid("access_token_ttl", message));
        }
        Ok(Self(Arc::new(Parts {
            main,
            vault,
            tokens: Tokens::new(&settings)?,
            issuers: Issuers::new(&settings.issuers, &clock)?,
            refresh_tokens: RefreshTokens::new(&settings)?,
            lifetimes: settings.lifetimes(),
            lockout: Lockout::new(&settings)?,
            audit_retention: settings.audit_retention,
            strangers: Strangers::new(&settings.secret_key)?,
            codes: Codes::new(&settings.secret_key)?,
            verification_required: settings.verification_required,
            product: settings.product.clone(),
            reset_page: settings.reset_page,
            outbox,
            passwords: Passwords::new(
                settings.password_algorithm,
                Peppers::new(
                    settings.password_pepper.as_ref(),
                    settings.previous_password_pepper.as_ref(),
                )?,
                settings.password_min_length,
                settings.product,
            ),
            floor: OnceCell::new(),
            registration_enabled: settings.registration_enabled,
            seen: Seen::new(clock.clone()),
            clock,
        })))
    }

    /// Makes ahead of time what the first login would have to wait for.
    pub async fn warm_up(&self) -> Result<()> {
        self.0.passwords.dummy().await?;
        self.floor().await.map(drop)
    }

    /// By what others can verify our access tokens, the key that signs first; none where these are
    /// signed with a secret.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.0.tokens.public_keys()
    }

    /// Sweeps out logins that are over, and what was sent to open accounts; how many logins they were.
    /// Likewise identities whose account was deleted so long ago that no token of before is good any
    /// more.
    pub async fn sweep(&self) -> Result<u64> {
        let before = self.now().minus(2 * token::LONGEST_LIFE);
        let mut tx = self.0.main.write().await?;
        identities::sweep(&mut tx, before).await?;
        tx.commit().await?;

        let mut tx = self.0.vault.write().await?;
        let now = self.now();
        let swept = sessions::sweep(&mut tx, now).await?;
        resets::sweep(&mut tx, now).await?;
        codes::sweep(&mut tx, now.minus(CODES_KEPT)).await?;
        destinations::sweep(&mut tx, now).await?;
        tx.commit().await?;
        Ok(swept)
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.0.clock.micros())
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

impl Settings {
    fn lifetimes(&self) -> Lifetimes {
        let cookie = Span {
            idle: self.session_ttl,
            most: self.session_max_ttl,
        };
        let refresh = Span {
            idle: self.refresh_token_ttl,
            most: self.refresh_max_ttl,
        };
        Lifetimes::new(cookie, refresh)
    }
}

/// What tells the service of this key from others, wherever both keep something.
pub fn namespace(secret_key: &SecretString) -> Result<String> {
    let secret = secret_key.expose_secret().as_bytes();
    let name = token::expand(secret, b"concierge namespace v1")?;
    Ok(URL_SAFE_NO_PAD.encode(&name[..6]))
}

/// The one answer to a credential that opens nothing: why is nobody's business.
fn refused() -> Error {
    let message = "The token, key or session is not valid, or has been revoked.";
    Error::unauthenticated("invalid_token", message)
}

/// A body field that breaks a rule.
fn invalid(
    field: &'static str,
    rule: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Error {
    Error::fields(vec![Field {
        name: field.into(),
        location: Location::Body,
        code: rule,
        message: message.into(),
    }])
}

#[cfg(test)]
impl Settings {
    fn for_tests(secret_key: &str) -> Self {
        Self {
            secret_key: secret_key.into(),
            previous_secret_key: None,
            token_algorithm: TokenAlgorithm::EdDsa,
            issuer: "concierge".to_owned(),
            audience: "concierge".to_owned(),
            issuers: Vec::new(),
            access_token_ttl: Duration::from_mins(15),
            session_ttl: Duration::from_hours(7 * 24),
            session_max_ttl: Duration::from_hours(30 * 24),
            refresh_token_ttl: Duration::from_hours(30 * 24),
            refresh_max_ttl: Duration::from_hours(90 * 24),
            password_algorithm: PasswordAlgorithm::Argon2id,
            password_pepper: None,
            previous_password_pepper: None,
            password_min_length: 8,
            registration_enabled: true,
            audit_retention: Duration::from_hours(365 * 24),
            locks: None,
            product: "Concierge".to_owned(),
            verification_required: false,
            reset_page: None,
        }
    }
}
