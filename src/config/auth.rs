//! Accounts: what signs tokens, how long things last, how passwords are kept.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::AppEnv;
use super::parse::{Parsed, boolean, choice, number, some_time, web_url};
use super::reader::Reader;
use super::secret::Standard;

#[derive(Clone, Debug)]
pub struct Auth {
    /// `SECRET_KEY`: signs our tokens. None: generated into the data directory (local only).
    pub secret_key: Option<SecretString>,
    /// `SECRET_KEY_PREVIOUS`: still accepted.
    pub secret_key_previous: Option<SecretString>,
    /// `JWT_ALGORITHM`
    pub jwt_algorithm: JwtAlgorithm,
    /// `ACCESS_TOKEN_TTL`
    pub access_token_ttl: Duration,
    /// `REFRESH_TOKEN_TTL`
    pub refresh_token_ttl: Duration,
    /// `REFRESH_MAX_TTL`
    pub refresh_max_ttl: Duration,
    /// `SESSION_TTL`: idle time after which a session ends.
    pub session_ttl: Duration,
    /// `SESSION_MAX_TTL`: age at which a session ends.
    pub session_max_ttl: Duration,
    /// `PASSWORD_HASH`
    pub password_hash: PasswordHash,
    /// `PASSWORD_PEPPER`: mixed into passwords that are hashed by argon2id.
    pub password_pepper: Option<SecretString>,
    /// `PASSWORD_PEPPER_PREVIOUS`: passwords are still checked by it.
    pub password_pepper_previous: Option<SecretString>,
    /// `PASSWORD_MIN_LENGTH`
    pub password_min_length: usize,
    /// `PASSWORD_RESET_URL`
    pub password_reset_url: Option<Url>,
    /// `REGISTRATION_ENABLED`
    pub registration_enabled: bool,
    /// `REQUIRE_EMAIL_VERIFICATION`
    pub require_email_verification: bool,
    /// `AUDIT_RETENTION`: age at which an event leaves the audit log.
    pub audit_retention: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519, its key derived from `SECRET_KEY`.
    #[default]
    EdDsa,
    /// HMAC-SHA-256 with `SECRET_KEY`'s bytes.
    Hs256,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordHash {
    #[default]
    Argon2id,
    Bcrypt,
}

const ALGORITHMS: &[(&str, JwtAlgorithm)] = &[
    ("EdDSA", JwtAlgorithm::EdDsa),
    ("HS256", JwtAlgorithm::Hs256),
];

const HASHES: &[(&str, PasswordHash)] = &[
    ("argon2id", PasswordHash::Argon2id),
    ("bcrypt", PasswordHash::Bcrypt),
];

impl Auth {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv) -> Self {
        let jwt_algorithm = reader.value("JWT_ALGORITHM", choice(ALGORITHMS));
        let (secret_key, secret_key_previous) = secrets(reader, env, jwt_algorithm);
        let (refresh_token_ttl, refresh_max_ttl) =
            lifetimes(reader, "REFRESH_TOKEN_TTL", "REFRESH_MAX_TTL");
        let (session_ttl, session_max_ttl) = lifetimes(reader, "SESSION_TTL", "SESSION_MAX_TTL");
        let password_hash = reader.value("PASSWORD_HASH", choice(HASHES));
        let standard = Standard {
            env,
            algorithm: jwt_algorithm,
        };
        Self {
            password_pepper: pepper(reader, standard, password_hash),
            password_pepper_previous: standard.read(reader, "PASSWORD_PEPPER_PREVIOUS"),
            secret_key,
            secret_key_previous,
            jwt_algorithm,
            access_token_ttl: reader.value("ACCESS_TOKEN_TTL", at_most_a_day),
            refresh_token_ttl,
            refresh_max_ttl,
            session_ttl,
            session_max_ttl,
            password_hash,
            password_min_length: reader.value("PASSWORD_MIN_LENGTH", number(8..=128)),
            password_reset_url: reader.option("PASSWORD_RESET_URL", web_url),
            registration_enabled: reader.value("REGISTRATION_ENABLED", boolean),
            require_email_verification: verification(reader, env),
            audit_retention: reader.value("AUDIT_RETENTION", some_time),
        }
    }
}

fn secrets(
    reader: &mut Reader<'_>,
    env: AppEnv,
    algorithm: JwtAlgorithm,
) -> (Option<SecretString>, Option<SecretString>) {
    let standard = Standard { env, algorithm };
    let current = standard.read(reader, "SECRET_KEY");
    if current.is_none() && !env.is_local() {
        reader.problem(
            "SECRET_KEY",
            format!("is not set in {}", env.as_str()),
            "at least 32 bytes, as from `openssl rand -base64 32`",
        );
    }
    let previous = reader
        .is_set("SECRET_KEY_PREVIOUS")
        .then(|| standard.read(reader, "SECRET_KEY_PREVIOUS"))
        .flatten();
    if let (Some(current), Some(previous)) = (&current, &previous)
        && current.expose_secret() == previous.expose_secret()
    {
        reader.warn("SECRET_KEY_PREVIOUS is the same as SECRET_KEY: nothing is rotated.");
    }
    (current, previous)
}

/// Bcrypt hashes have no place for a pepper's name.
fn pepper(reader: &mut Reader<'_>, standard: Standard, hash: PasswordHash) -> Option<SecretString> {
    let pepper = standard.read(reader, "PASSWORD_PEPPER");
    if pepper.is_some() && hash == PasswordHash::Bcrypt {
        reader.problem(
            "PASSWORD_PEPPER",
            "is set while PASSWORD_HASH is bcrypt",
            "argon2id, or no pepper",
        );
    }
    pepper
}

/// A lifetime that use extends, and the one that nothing does.
fn lifetimes(reader: &mut Reader<'_>, idle: &str, most: &str) -> (Duration, Duration) {
    let (idle_ttl, max_ttl) = (reader.value(idle, some_time), reader.value(most, some_time));
    if idle_ttl > max_ttl {
        reader.problem(most, format!("is shorter than {idle}"), "at least as long");
    }
    (idle_ttl, max_ttl)
}

fn at_most_a_day(value: &str) -> Parsed<Duration> {
    some_time(value)
        .ok()
        .filter(|ttl| *ttl >= Duration::from_secs(1) && *ttl <= Duration::from_hours(24))
        .ok_or_else(|| "a duration from 1s to 24h".into())
}

/// Nobody could ever sign in where no code can be sent.
fn verification(reader: &mut Reader<'_>, env: AppEnv) -> bool {
    let required = reader.value("REQUIRE_EMAIL_VERIFICATION", boolean);
    if required && !env.is_local() && !reader.is_set("SMTP_URL") {
        reader.problem(
            "REQUIRE_EMAIL_VERIFICATION",
            "is true while SMTP_URL is not set",
            "false, or a mail server",
        );
    }
    required
}
