//! Every setting: what it means, what it is by default, and what is wrong with it.
//!
//! [`load`] layers the sources; the result is one [`Config`] that is valid as a whole, or the list
//! of all its [`Problem`]s.

mod check;
mod load;
mod settings;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use load::{Loaded, Problem, Sources, load};
pub use secrecy::{ExposeSecret, SecretString};
pub use settings::{SETTINGS, Setting};
use url::Url;

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub env: AppEnv,
    pub app: App,
    pub http: Http,
    pub cors: Cors,
    pub databases: Databases,
    pub redis: Redis,
    pub auth: Auth,
    pub cookie: Cookie,
    pub issuers: Vec<Issuer>,
    pub mail: Mail,
    pub stripe: Stripe,
    pub features: Features,
    pub limits: UserLimits,
    /// `[providers.NAME]`, in the order in which they were configured; the first is the default.
    pub providers: Vec<Provider>,
    /// `[models."NAME"]` by public name.
    pub models: BTreeMap<String, Model>,
    pub relay: Relay,
    pub agent: Agent,
    pub shutdown: Shutdown,
    pub log: Log,
}

/// Where the process runs: `APP_ENV`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    Development,
    Test,
    Staging,
    Production,
}

impl AppEnv {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// Development and test: what is missing is made up instead of refused.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Development | Self::Test)
    }
}

#[derive(Clone, Debug)]
pub struct App {
    /// `APP_NAME`
    pub name: String,
    /// `DEBUG`
    pub debug: bool,
    /// `DATA_DIR`
    pub data_dir: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Http {
    /// `API_HOST`
    pub host: IpAddr,
    /// `API_PORT`; 0 takes any free port.
    pub port: u16,
    /// `PUBLIC_URL`: scheme and authority under which browsers reach us.
    pub public_url: Option<Url>,
    /// `TRUSTED_PROXIES`: networks whose `X-Forwarded-*` headers count.
    pub trusted_proxies: Vec<Network>,
    /// `MAX_BODY_BYTES`, or 1 MiB.
    pub max_body_bytes: usize,
    /// `MAX_BODY_BYTES` on the OpenAI routes, or 32 MiB.
    pub max_openai_body_bytes: usize,
}

/// An address with a prefix length: `10.0.0.0/8`, `::1/128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

#[derive(Clone, Debug)]
pub struct Cors {
    /// `ALLOWED_ORIGINS`: exact origins, lower-cased, without a trailing slash. May be empty.
    pub origins: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Databases {
    /// `DATABASE_URL`, its scheme normalised to `sqlite://` or `postgres://`.
    pub main: DatabaseUrl,
    /// `CREDS_DATABASE_URL`; with PostgreSQL the main one unless given.
    pub vault: DatabaseUrl,
    /// `DB_POOL_SIZE` + `DB_MAX_OVERFLOW`: the most connections of one pool.
    pub max_connections: u32,
    /// `DB_POOL_SIZE`: how many of them are kept.
    pub pool_size: u32,
    /// `DB_AUTO_MIGRATE`
    pub auto_migrate: bool,
}

/// A database's address. May hold a password, so it is never shown.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// The file's path.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(SecretString),
}

#[derive(Clone, Debug)]
pub struct Redis {
    /// `REDIS_URL`
    pub url: Option<SecretString>,
    /// `REDIS_REQUIRED`
    pub required: bool,
}

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
    /// `PASSWORD_MIN_LENGTH`
    pub password_min_length: usize,
    /// `PASSWORD_RESET_URL`
    pub password_reset_url: Option<Url>,
    /// `REGISTRATION_ENABLED`
    pub registration_enabled: bool,
    /// `REQUIRE_EMAIL_VERIFICATION`
    pub require_email_verification: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519, its key derived from `SECRET_KEY`.
    EdDsa,
    /// HMAC-SHA-256 with `SECRET_KEY`'s bytes.
    Hs256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordHash {
    Argon2id,
    Bcrypt,
}

#[derive(Clone, Debug)]
pub struct Cookie {
    /// `COOKIE_NAME`
    pub name: String,
    /// `COOKIE_DOMAIN`
    pub domain: Option<String>,
    /// `COOKIE_SECURE`; None is `auto`.
    pub secure: Option<bool>,
    /// `COOKIE_SAMESITE`; None is `auto`.
    pub same_site: Option<SameSite>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    Strict,
    Lax,
    None,
}

/// A foreign issuer whose tokens are accepted: `[[issuers]]` or `BETTER_AUTH_*`.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// None only for the Better Auth short form with a secret.
    pub iss: Option<String>,
    pub keys: IssuerKeys,
    pub audiences: Vec<String>,
    /// Of `EdDSA`, `ES256`, `RS256`, `PS256` for a key set; `HS256` for a secret.
    pub algorithms: Vec<String>,
    pub trust_role: bool,
    /// Whether `sub` is the user's id here too (Better Auth short form).
    pub sub_is_user_id: bool,
}

#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// Where the issuer publishes its public keys (a JWKS).
    Jwks(Url),
    /// A secret shared with the issuer.
    Hs256(SecretString),
}

#[derive(Clone, Debug)]
pub struct Mail {
    /// `SMTP_URL`
    pub smtp_url: Option<SecretString>,
    /// `MAIL_FROM`
    pub from: Option<String>,
    /// `SMS_WEBHOOK_URL`
    pub sms_webhook_url: Option<SecretString>,
}

#[derive(Clone, Debug)]
pub struct Stripe {
    /// `STRIPE_SECRET_KEY`
    pub secret_key: Option<SecretString>,
    /// `STRIPE_PUBLISHABLE_KEY`
    pub publishable_key: Option<String>,
    /// `STRIPE_WEBHOOK_SECRET`
    pub webhook_secret: Option<SecretString>,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Features {
    /// `DOCS_ENABLED`; auto is on unless production.
    pub docs: bool,
    /// `STATIC_DIR`
    pub static_dir: PathBuf,
    /// `WS_ALLOW_ANONYMOUS`; auto is on in development and test.
    pub ws_allow_anonymous: bool,
    /// `WS_BROADCAST`; auto is on unless production.
    pub ws_broadcast: bool,
    /// `WS_ECHO`
    pub ws_echo: bool,
    /// `METRICS_TOKEN`
    pub metrics_token: Option<SecretString>,
    /// `METRICS_PORT`
    pub metrics_port: Option<u16>,
    /// `RATE_LIMIT_ENABLED`
    pub rate_limit: bool,
}

/// Caps of each user over all keys, tokens and the agent: `[limits.user]` or `USER_*`.
#[derive(Clone, Debug, Default)]
pub struct UserLimits {
    pub budget_microusd: Option<u64>,
    pub budget_period: BudgetPeriod,
    pub rpm: Option<u64>,
    pub tpm: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetPeriod {
    Day,
    #[default]
    Month,
    Total,
}

/// One upstream: `[providers.NAME]`, or made from `OPENAI_API_KEY` and its like.
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    pub kind: ProviderKind,
    /// What stands before `/chat/completions`. Unused by `offline`.
    pub base_url: Option<Url>,
    /// May be empty: local servers ask for none.
    pub api_keys: Vec<SecretString>,
    /// Sent with every request.
    pub headers: Vec<(String, SecretString)>,
    /// False for a server that cannot do `stream_options`.
    pub stream_usage: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    OpenAi,
    Anthropic,
    Gemini,
    Offline,
}

/// A public model name: `[models."NAME"]`.
#[derive(Clone, Debug)]
pub struct Model {
    /// Tried in this order.
    pub targets: Vec<Target>,
    pub strategy: Strategy,
    /// For `weighted`, one a target.
    pub weights: Vec<u32>,
    pub price: Option<Price>,
    pub max_output_tokens: Option<u64>,
    pub first_token_timeout: Option<Duration>,
}

/// `PROVIDER/UPSTREAM-MODEL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub provider: String,
    pub model: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Ordered,
    Weighted,
    LeastLatency,
}

/// Nano-dollars a token (the file says USD per million tokens: 0.15 there is 150 here).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    pub output: u64,
}

/// `[relay]`
#[derive(Clone, Debug)]
pub struct Relay {
    pub connect_timeout: Duration,
    /// Streams: until the first content frame.
    pub first_token_timeout: Duration,
    /// Between frames.
    pub idle_timeout: Duration,
    pub total_timeout: Duration,
    pub keepalive_interval: Duration,
    pub commit_after: Duration,
    pub max_attempts: u32,
    pub max_retry_after_wait: Duration,
    pub breaker_failures: u32,
    pub breaker_cooldown: Duration,
    /// 0 is unbounded.
    pub max_concurrent_upstream: usize,
    /// Whether `provider/model` names are served.
    pub direct_models: bool,
}

#[derive(Clone, Debug)]
pub struct Agent {
    /// `CHAT_MODEL`
    pub model: Option<String>,
    /// `AGENT_MAX_STEPS`
    pub max_steps: u32,
    /// `CHAT_TITLES`
    pub titles: bool,
}

#[derive(Clone, Debug)]
pub struct Shutdown {
    /// `SHUTDOWN_DRAIN_SECONDS`: how long to keep serving after the signal.
    pub drain: Duration,
    /// `SHUTDOWN_TIMEOUT_SECONDS`: when to be gone, counted from the signal.
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct Log {
    /// `RUST_LOG`, else `LOG_LEVEL`: a tracing filter.
    pub filter: String,
    /// `LOG_FORMAT`; None is `auto`: pretty on a terminal, else JSON.
    pub format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}
