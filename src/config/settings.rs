//! The manual of flat settings: one row each, in the order in which it is read best.

/// A flat setting: a variable of the environment, a line of `.env`, a flag, or a top-level key of a
/// configuration file under its lower-case name.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The heading that it stands under in `.env.example`.
    pub topic: &'static str,
    pub name: &'static str,
    /// Other names, as good as the first; two that disagree are an error.
    pub aliases: &'static [&'static str],
    /// For people: `8000`, `none`, `5 (0 in development and test)`.
    pub default: &'static str,
    /// One sentence.
    pub meaning: &'static str,
    /// Whether its value is hidden, and `NAME_FILE` may name a file that holds it.
    pub secret: bool,
    /// Whether this version acts on it. If not, it is checked all the same.
    pub in_effect: bool,
}

impl Setting {
    /// The default as one would write it, unless there is none or it depends on something else.
    pub fn default_value(&self) -> Option<&'static str> {
        writable(self.default)
    }

    /// The row of a name or alias, in capitals.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS
            .iter()
            .find(|setting| setting.name == name || setting.aliases.contains(&name))
    }

    const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    const fn later(self) -> Self {
        Self {
            in_effect: false,
            ..self
        }
    }
}

/// A default that is a sentence is not one that can be written down.
pub(super) fn writable(default: &'static str) -> Option<&'static str> {
    (!default.contains([' ', '{']) && default != "none").then_some(default)
}

macro_rules! settings {
    ($($topic:literal { $($name:ident $(or $alias:ident)* = $default:literal $($flag:ident)*: $meaning:literal;)* })*) => {
        &[$($(Setting {
            topic: $topic,
            name: stringify!($name),
            aliases: &[$(stringify!($alias)),*],
            default: $default,
            meaning: $meaning,
            secret: false,
            in_effect: true,
        }$(.$flag())*,)*)*]
    };
}

/// Every flat setting.
pub const SETTINGS: &[Setting] = settings! {
    "The application" {
        APP_ENV or ENVIRONMENT = "development": "Where this runs: development, test, staging or production.";
        APP_NAME or SERVICE_NAME = "concierge": "What the service calls itself.";
        API_VERSION = "v1": "The version of the API; there is only v1.";
        DEBUG = "false": "Lowers the log level to debug; refused in production.";
        DATA_DIR = "data": "Where the SQLite files and a generated secret are kept.";
        CONFIG_FILE = "none": "One more TOML file, read above those in config/.";
    }
    "HTTP" {
        API_HOST or HOST = "0.0.0.0": "The address to listen on.";
        API_PORT or PORT = "8000": "The port to listen on; 0 takes any free one.";
        PUBLIC_URL = "none": "Scheme and host under which browsers reach the service.";
        TRUSTED_PROXIES = "none": "Addresses or networks whose X-Forwarded-* headers count.";
        ALLOWED_ORIGINS or CORS_ORIGINS = "http://localhost:3000 in development and test, none elsewhere": "The exact origins of web pages that may call the API, as a JSON list or separated by commas.";
        MAX_BODY_BYTES = "32 MiB on the OpenAI routes, 1 MiB elsewhere": "The largest request body.";
        SHUTDOWN_DRAIN_SECONDS = "5 (0 in development and test)": "How long to go on serving after the signal to stop.";
        SHUTDOWN_TIMEOUT_SECONDS = "25": "When to be gone, counted from the signal to stop.";
    }
    "Databases" {
        DATABASE_URL = "sqlite://data/concierge.db (required in staging and production)" secret: "The main database: sqlite://relative/path, sqlite:///absolute/path or postgres://user:password@host/name.";
        CREDS_DATABASE_URL = "with PostgreSQL the main database, with SQLite credentials.db beside it" secret: "The database of passwords, keys and sessions.";
        DB_POOL_SIZE = "10": "How many connections a PostgreSQL pool may open.";
        DB_MAX_OVERFLOW = "20": "How many more it may open, on top of DB_POOL_SIZE.";
        DB_AUTO_MIGRATE = "true": "Brings the tables up to date at start.";
        REDIS_URL = "none" secret: "A Redis that all replicas share: limits hold over all of them together.";
        REDIS_REQUIRED = "false": "Whether the service is not ready without Redis.";
    }
    "Accounts and tokens" {
        SECRET_KEY or JWT_SECRET_KEY = "generated in development and test, required elsewhere" secret: "Signs our tokens; at least 32 random bytes.";
        SECRET_KEY_PREVIOUS = "none" secret: "The key before this one, accepted while tokens signed with it live.";
        JWT_ALGORITHM = "EdDSA": "How access tokens are signed: EdDSA, or HS256 with the bytes of SECRET_KEY.";
        ACCESS_TOKEN_TTL = "15m": "How long an access token is valid, at most 24h.";
        REFRESH_TOKEN_TTL = "30d": "How long an unused refresh token is valid.";
        REFRESH_MAX_TTL = "90d": "How long refreshing goes on after a login.";
        SESSION_TTL = "7d": "How long an unused session lasts.";
        SESSION_MAX_TTL = "30d": "How long any session lasts.";
        PASSWORD_HASH = "argon2id": "How new passwords are hashed: argon2id or bcrypt.";
        PASSWORD_PEPPER = "none" secret: "Mixed into every password before argon2id, so that the database alone does not serve to guess them; at least 32 random bytes, and lost with it are all passwords.";
        PASSWORD_PEPPER_PREVIOUS = "none" secret: "The pepper before this one; a password that was set with it is hashed anew when it is used.";
        PASSWORD_MIN_LENGTH = "8": "The fewest characters of a password, 8 to 128.";
        PASSWORD_RESET_URL = "{PUBLIC_URL}/reset-password": "The page that the link in a reset mail opens; the token follows as #token=….";
        REQUIRE_EMAIL_VERIFICATION = "false": "Whether an account works only after its address is confirmed by a code; outside development and test it needs SMTP_URL.";
        REGISTRATION_ENABLED = "true": "Whether anyone may register.";
        AUDIT_RETENTION = "365d": "How long the audit log keeps an event.";
        COOKIE_NAME = "session_token": "The name of the session cookie; may begin with __Host- or __Secure-.";
        COOKIE_DOMAIN = "none": "The domain of the session cookie, for sharing it with subdomains.";
        COOKIE_SECURE = "auto": "Whether the cookie is sent over https alone: auto, true or false.";
        COOKIE_SAMESITE = "auto": "Whether other sites' pages send the cookie: auto, strict, lax or none.";
    }
    "Foreign issuers" {
        BETTER_AUTH_URL = "none": "Accepts tokens of the Better Auth server at this address, https:// or on this machine.";
        BETTER_AUTH_SECRET = "none" secret: "Accepts HS256 tokens signed with the bytes of this secret.";
        BETTER_AUTH_AUDIENCE = "with BETTER_AUTH_URL its origin, with BETTER_AUTH_SECRET any": "The audiences that such tokens must be for.";
        BETTER_AUTH_TRUST_ROLE = "false": "Whether the role claim of such tokens counts here, be it user or admin.";
    }
    "Models" {
        OPENAI_API_KEY = "none" secret: "Makes the provider openai.";
        OPENAI_BASE_URL = "https://api.openai.com/v1": "Any server that speaks the same protocol; without a key for one that asks for none.";
        ANTHROPIC_API_KEY = "none" secret later: "Makes the provider anthropic.";
        ANTHROPIC_BASE_URL = "https://api.anthropic.com" later: "Where the provider anthropic is reached.";
        GEMINI_API_KEY = "none" secret later: "Makes the provider gemini.";
        GEMINI_BASE_URL = "https://generativelanguage.googleapis.com" later: "Where the provider gemini is reached.";
        CHAT_MODEL or OPENAI_MODEL = "none" later: "The model that the assistant uses.";
        AGENT_MAX_STEPS = "8" later: "How often the assistant may ask the model in one turn.";
        CHAT_TITLES = "true" later: "Whether the assistant names conversations.";
    }
    "Limits" {
        USER_BUDGET_MICROUSD = "none": "What each user may spend in a period, in millionths of a dollar.";
        USER_BUDGET_PERIOD = "month": "The period of that budget: day, month or total.";
        USER_RPM = "none": "Requests a minute of each user.";
        USER_TPM = "none": "Tokens a minute of each user, prompt and answer together.";
        RATE_LIMIT_ENABLED = "true": "The limits by address and the lock of accounts.";
    }
    "Mail and messages" {
        SMTP_URL = "none" secret: "The mail server: smtp:// or smtps://, with user and password; in development and test mail is told in the log without one.";
        MAIL_FROM = "none": "The sender of our mail, needed with SMTP_URL.";
        SMS_WEBHOOK_URL = "none" secret later: "Where text messages are posted to.";
    }
    "Stripe" {
        STRIPE_SECRET_KEY = "none" secret later: "The secret key, sk_….";
        STRIPE_PUBLISHABLE_KEY or REACT_APP_STRIPE_PUBLISHABLE_KEY = "none": "The key told to web pages, pk_….";
        STRIPE_WEBHOOK_SECRET = "none" secret later: "Verifies webhooks, whsec_….";
    }
    "Features" {
        DOCS_ENABLED = "auto": "Serves /docs and /openapi.json: true, false, or auto (unless production).";
        STATIC_DIR = "static" later: "The folder served under /static.";
        WS_ALLOW_ANONYMOUS = "auto" later: "Lets sockets in without an account: true, false, or auto (in development and test).";
        WS_BROADCAST = "auto" later: "Passes a socket's text on to all others: true, false, or auto (unless production).";
        WS_ECHO = "false" later: "Serves /ws/echo.";
        METRICS_TOKEN = "none" secret: "The bearer token that /metrics asks for; in staging and production /metrics is there only with this or METRICS_PORT.";
        METRICS_PORT = "none": "A port of its own for /metrics, which is then not served on API_PORT.";
    }
    "Logs and traces" {
        LOG_LEVEL = "info": "off, error, warn, info, debug or trace.";
        RUST_LOG = "none": "A finer filter in the form of the tracing crates, above LOG_LEVEL.";
        LOG_FORMAT = "auto": "pretty, json, or auto (pretty on a terminal).";
        OTEL_SDK_DISABLED = "false": "Switches traces off.";
        OTEL_SERVICE_NAME = "that of APP_NAME": "The service's name in traces.";
        OTEL_RESOURCE_ATTRIBUTES = "none": "More about the service in traces, key=value separated by commas.";
        OTEL_EXPORTER_OTLP_ENDPOINT = "none": "Where traces are sent, without /v1/traces; none are made where it is not set.";
        OTEL_EXPORTER_OTLP_PROTOCOL = "http/protobuf": "How traces are sent; this version speaks no other.";
        OTEL_EXPORTER_OTLP_HEADERS = "none" secret: "Headers sent with traces, key=value separated by commas.";
        OTEL_TRACES_SAMPLER = "parentbased_always_on": "Which traces are kept: always_on, always_off or traceidratio, each also as parentbased_…, which follows the caller.";
        OTEL_TRACES_SAMPLER_ARG = "1.0": "For traceidratio: the share of traces that is kept, 0 to 1.";
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let mut names: Vec<_> = SETTINGS
            .iter()
            .flat_map(|setting| std::iter::once(&setting.name).chain(setting.aliases))
            .collect();
        let all = names.len();

        names.sort_unstable();
        names.dedup();

        assert_eq!(names.len(), all);
    }

    #[test]
    fn every_meaning_is_a_sentence() {
        for setting in SETTINGS {
            assert!(setting.meaning.ends_with('.'), "{}", setting.name);
        }
    }

    #[test]
    fn a_default_in_words_is_not_taken_for_a_value() {
        assert_eq!(
            Setting::named("PORT").unwrap().default_value(),
            Some("8000")
        );
        assert_eq!(Setting::named("PUBLIC_URL").unwrap().default_value(), None);
        assert_eq!(
            Setting::named("MAX_BODY_BYTES").unwrap().default_value(),
            None
        );
    }
}
