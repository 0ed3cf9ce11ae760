//! Every rule, with the sentence that it is told in.

use concierge::config::{
    AppEnv, BudgetPeriod, DatabaseUrl, ExposeSecret, JwtAlgorithm, LogFormat, PasswordHash,
    SameSite,
};
use proptest::prelude::*;

use crate::{GOOD_SECRET, config, in_production, loaded, problem, problems, with};

#[test]
fn all_problems_are_told_at_once() {
    let problems = problems(&with(&[
        ("APP_ENV", "production"),
        ("API_VERSION", "v2"),
        ("DEBUG", "true"),
        ("API_PORT", "70000"),
        ("ALLOWED_ORIGINS", "*"),
        ("SECRET_KEY", ""),
        ("JWT_ALGORITHM", "none"),
        ("SESSION_TTL", "soon"),
        ("STRIPE_SECRET_KEY", "pk_oops"),
    ]));

    assert_eq!(
        problems,
        [
            "API_VERSION: is \"v2\"; wanted one of v1",
            "DEBUG: is true in production; wanted false",
            "API_PORT: is \"70000\"; wanted a whole number from 0 to 65535",
            "ALLOWED_ORIGINS: holds \"*\"; wanted each origin by its name: the API takes cookies, \
             and a wildcard would hand them to any page",
            "DATABASE_URL: is not set in production; wanted sqlite:// and a path, or \
             postgres://user:password@host/name",
            "JWT_ALGORITHM: is \"none\"; wanted one of EdDSA, HS256",
            "SECRET_KEY: is empty; wanted at least 32 bytes",
            "SESSION_TTL: is \"soon\"; wanted a duration such as 250ms, 30s, 15m, 12h or 7d",
            "STRIPE_SECRET_KEY: is something not valid; wanted a key that begins with sk_",
        ]
    );
}

#[test]
fn what_is_not_one_of_a_few_words_is_refused() {
    for (name, value, wanted) in [
        (
            "APP_ENV",
            "prod",
            "one of development, test, staging, production",
        ),
        ("API_VERSION", "2", "one of v1"),
        ("PASSWORD_HASH", "md5", "one of argon2id, bcrypt"),
        (
            "COOKIE_SAMESITE",
            "maybe",
            "auto, or one of strict, lax, none",
        ),
        ("COOKIE_SECURE", "maybe", "auto, or true or false"),
        ("DOCS_ENABLED", "maybe", "auto, or true or false"),
        ("LOG_FORMAT", "xml", "auto, or one of pretty, json"),
        ("USER_BUDGET_PERIOD", "year", "one of day, month, total"),
        ("REGISTRATION_ENABLED", "2", "true or false"),
        ("PASSWORD_MIN_LENGTH", "7", "a whole number from 8 to 128"),
        ("DB_POOL_SIZE", "0", "a whole number from 1 to 1000"),
        ("AGENT_MAX_STEPS", "0", "a whole number from 1 to 100"),
        ("ACCESS_TOKEN_TTL", "25h", "a duration from 1s to 24h"),
        ("SESSION_TTL", "0", "a duration above zero"),
        (
            "MAX_BODY_BYTES",
            "12",
            "a size from 1KiB to 1GiB, such as 1048576 or 32MiB",
        ),
        (
            "API_HOST",
            "here",
            "an IP address such as 0.0.0.0, 127.0.0.1 or ::",
        ),
        (
            "TRUSTED_PROXIES",
            "proxy",
            "addresses or networks such as 10.0.0.0/8 or ::1",
        ),
        (
            "PUBLIC_URL",
            "https://a/b",
            "http:// or https:// and a host, without path and query",
        ),
        (
            "RUST_LOG",
            "a=loud",
            "a filter such as info,concierge=debug",
        ),
        (
            "COOKIE_NAME",
            "a b",
            "at most 64 letters, digits, dashes and underscores",
        ),
        (
            "MAIL_FROM",
            "nobody",
            "an address such as Concierge <hello@example.com>",
        ),
        (
            "STRIPE_PUBLISHABLE_KEY",
            "pub",
            "a key that begins with pk_",
        ),
    ] {
        let line = problem(&[(name, value)]);

        assert!(line.starts_with(name), "{line}");
        assert!(
            line.contains(&format!("\"{value}\"; wanted {wanted}")),
            "{line}"
        );
    }
}

#[test]
fn every_value_reaches_its_field() {
    let config = config(&[
        ("LOG_FORMAT", "JSON"),
        ("PASSWORD_HASH", "bcrypt"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("JWT_ALGORITHM", "hs256"),
        ("SECRET_KEY", GOOD_SECRET),
        (
            "SECRET_KEY_PREVIOUS",
            "another-one-that-is-long-enough-to-be-good",
        ),
        ("MAX_BODY_BYTES", "2MiB"),
        ("SESSION_TTL", "90"),
        ("DB_POOL_SIZE", "3"),
        ("DB_MAX_OVERFLOW", "4"),
        ("USER_BUDGET_MICROUSD", "5000000"),
        ("USER_BUDGET_PERIOD", "day"),
        ("SHUTDOWN_DRAIN_SECONDS", "2"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("COOKIE_DOMAIN", ".example.com"),
    ]);

    assert_eq!(config.log.format, Some(LogFormat::Json));
    assert_eq!(config.auth.password_hash, PasswordHash::Bcrypt);
    assert_eq!(config.auth.password_min_length, 12);
    assert_eq!(config.auth.jwt_algorithm, JwtAlgorithm::Hs256);
    assert!(config.auth.secret_key_previous.is_some());
    assert_eq!(config.http.max_body_bytes, 2 << 20);
    assert_eq!(config.http.max_openai_body_bytes, 2 << 20);
    assert_eq!(config.auth.session_ttl.as_secs(), 90);
    assert_eq!(config.databases.max_connections, 7);
    assert_eq!(config.limits.budget_microusd, Some(5_000_000));
    assert_eq!(config.limits.budget_period, BudgetPeriod::Day);
    assert_eq!(config.shutdown.drain.as_secs(), 2);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.cookie.domain.as_deref(), Some("example.com"));
}

#[test]
fn the_limits_of_users_are_a_table_too() {
    let config = crate::config_of_toml("[limits.user]\nrpm = 5\nbudget_period = \"total\"\n");
    assert_eq!(config.limits.rpm, Some(5));
    assert_eq!(config.limits.budget_period, BudgetPeriod::Total);

    let problems = crate::problems_of_toml("user_rpm = 4\n[limits.user]\nrpm = 5\n");
    assert_eq!(
        problems,
        ["user_rpm and limits.user.rpm: disagree; wanted one of them, or the same value"]
    );
}

#[test]
fn a_secret_is_required_and_judged_outside_development() {
    for env in ["staging", "production"] {
        let judged = |secret: &[(&str, &str)]| {
            let base = [("APP_ENV", env), ("DATABASE_URL", "sqlite://a.db")];
            problem(&[&base[..], secret].concat())
        };
        assert_eq!(
            judged(&[]),
            format!(
                "SECRET_KEY: is not set in {env}; wanted at least 32 bytes, as from `openssl rand -base64 32`"
            )
        );
        assert_eq!(
            judged(&[("SECRET_KEY", "")]),
            "SECRET_KEY: is empty; wanted at least 32 bytes"
        );
        assert_eq!(
            judged(&[("SECRET_KEY", "abc")]),
            "SECRET_KEY: has 3 bytes; wanted at least 32 bytes"
        );
        assert!(judged(&[("SECRET_KEY", "changethis")]).contains("is a placeholder"));
    }
    assert!(loaded(&in_production(&[])).config.auth.secret_key.is_some());
}

#[test]
fn an_empty_secret_is_refused_in_development_too() {
    for env in ["development", "test"] {
        assert_eq!(
            problem(&[("APP_ENV", env), ("SECRET_KEY", " ")]),
            "SECRET_KEY: is empty; wanted at least 32 bytes"
        );
    }
}

#[test]
fn a_short_secret_in_development_is_a_warning_unless_it_signs_by_itself() {
    let loaded = loaded(&with(&[("SECRET_KEY", "short")]));
    assert_eq!(
        loaded.warnings,
        ["SECRET_KEY has fewer than 32 bytes: staging and production refuse it."]
    );
    assert_eq!(
        problem(&[("SECRET_KEY", "short"), ("JWT_ALGORITHM", "HS256")]),
        "SECRET_KEY: has 5 bytes; wanted at least 32 bytes"
    );
}

#[test]
fn production_needs_a_database_url() {
    for env in ["staging", "production"] {
        let line = problem(&[("APP_ENV", env), ("SECRET_KEY", GOOD_SECRET)]);
        assert!(
            line.starts_with(&format!("DATABASE_URL: is not set in {env}")),
            "{line}"
        );
    }
}

#[test]
fn credentials_are_kept_beside_the_main_database() {
    let paths = |pairs: &[(&str, &str)]| {
        let databases = config(pairs).databases;
        (address(databases.main), address(databases.vault))
    };

    assert_eq!(
        paths(&[]),
        ("data/concierge.db".into(), "data/credentials.db".into())
    );
    assert_eq!(
        paths(&[("DATA_DIR", "/srv")]),
        ("/srv/concierge.db".into(), "/srv/credentials.db".into())
    );
    assert_eq!(
        paths(&[("DATABASE_URL", "sqlite:///srv/app.db")]),
        ("/srv/app.db".into(), "/srv/credentials.db".into())
    );
    assert_eq!(
        paths(&[("DATABASE_URL", "postgresql+asyncpg://u:p@h/n?ssl=require")]),
        (
            "postgres://u:p@h/n?sslmode=require".into(),
            "postgres://u:p@h/n?sslmode=require".into()
        )
    );
    assert_eq!(
        problem(&[("CREDS_DATABASE_URL", "sqlite://data/concierge.db")]),
        "CREDS_DATABASE_URL: is the file of DATABASE_URL; wanted a file of its own"
    );
}

fn address(database: DatabaseUrl) -> String {
    match database {
        DatabaseUrl::Sqlite(path) => path.display().to_string(),
        DatabaseUrl::Postgres(url) => url.expose_secret().to_owned(),
    }
}

#[test]
fn origins_are_exact_and_come_in_any_kind_of_list() {
    let origins = |value| config(&[("ALLOWED_ORIGINS", value)]).cors.origins;
    let both = ["https://a.example", "http://localhost:5173"];
    assert_eq!(
        origins(r#"["https://a.example","http://localhost:5173"]"#),
        both
    );
    assert_eq!(origins("[https://a.example, http://localhost:5173]"), both);
    assert_eq!(origins("https://A.example/ , http://localhost:5173,"), both);

    assert!(
        problem(&[("ALLOWED_ORIGINS", "https://*.example.com")])
            .contains("each origin by its name")
    );
    assert!(problem(&[("ALLOWED_ORIGINS", "https://a.example/app")]).contains("without path"));
    assert!(loaded(&in_production(&[])).config.cors.origins.is_empty());
}

#[test]
fn a_list_in_json_keeps_its_quotes_in_an_env_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    std::fs::write(
        &path,
        "ALLOWED_ORIGINS=[\"http://a.example\",\"http://b.example\"]\n",
    )
    .unwrap();
    let mut sources = with(&[]);
    sources.dotenv = Some(path);

    let origins = loaded(&sources).config.cors.origins;

    assert_eq!(origins, ["http://a.example", "http://b.example"]);
}

#[test]
fn a_cookie_that_browsers_would_drop_is_refused() {
    let https = ("PUBLIC_URL", "https://api.example.com");
    for (pairs, said) in [
        (
            &[("COOKIE_SAMESITE", "none")][..],
            "COOKIE_SAMESITE: is none without https",
        ),
        (
            &[("COOKIE_SAMESITE", "none"), ("ALLOWED_ORIGINS", ""), https],
            "COOKIE_SAMESITE: is none while ALLOWED_ORIGINS is empty",
        ),
        (
            &[("COOKIE_NAME", "__Host-s")],
            "COOKIE_NAME: begins with a prefix",
        ),
        (
            &[
                ("COOKIE_NAME", "__Secure-s"),
                ("COOKIE_SECURE", "false"),
                https,
            ],
            "COOKIE_NAME: begins with a prefix",
        ),
        (
            &[
                ("COOKIE_NAME", "__Host-s"),
                ("COOKIE_DOMAIN", "example.com"),
                https,
            ],
            "COOKIE_NAME: begins with __Host- while COOKIE_DOMAIN is set",
        ),
        (
            &[("COOKIE_DOMAIN", "ample.com"), https],
            "COOKIE_DOMAIN: is \"ample.com\", which the host of PUBLIC_URL is not part of",
        ),
    ] {
        let line = problem(pairs);
        assert!(line.starts_with(said), "{line}");
    }
    let cookie = config(&[
        ("COOKIE_NAME", "__Host-s"),
        ("COOKIE_SAMESITE", "none"),
        https,
    ])
    .cookie;
    assert_eq!(cookie.same_site, Some(SameSite::None));
}

#[test]
fn a_pepper_is_as_good_as_a_secret_and_goes_into_argon2id_alone() {
    let bcrypt = [
        ("PASSWORD_PEPPER", "q8Zt1bX7nLw2RkYp5VdHc9FmJ3sG6uAe"),
        ("PASSWORD_HASH", "bcrypt"),
    ];

    assert!(problem(&bcrypt).starts_with("PASSWORD_PEPPER: is set while PASSWORD_HASH is bcrypt"));
    assert!(problem(&[("PASSWORD_PEPPER", "")]).starts_with("PASSWORD_PEPPER: is empty"));
    let previous = problem(&[("PASSWORD_PEPPER_PREVIOUS", " ")]);
    assert!(
        previous.starts_with("PASSWORD_PEPPER_PREVIOUS: is empty"),
        "{previous}"
    );
    let good = config(&bcrypt[..1]);
    assert!(good.auth.password_pepper.is_some());
}

#[test]
fn times_that_contradict_each_other_are_refused() {
    for (pairs, said) in [
        (
            [("SESSION_TTL", "31d"), ("SESSION_MAX_TTL", "30d")],
            "SESSION_MAX_TTL: is shorter than SESSION_TTL",
        ),
        (
            [("REFRESH_TOKEN_TTL", "2d"), ("REFRESH_MAX_TTL", "1d")],
            "REFRESH_MAX_TTL: is shorter than REFRESH_TOKEN_TTL",
        ),
        (
            [
                ("SHUTDOWN_DRAIN_SECONDS", "25"),
                ("SHUTDOWN_TIMEOUT_SECONDS", "25"),
            ],
            "SHUTDOWN_TIMEOUT_SECONDS: is not longer than SHUTDOWN_DRAIN_SECONDS",
        ),
        (
            [("METRICS_PORT", "8000"), ("API_PORT", "8000")],
            "METRICS_PORT: is API_PORT",
        ),
        (
            [("REDIS_REQUIRED", "true"), ("REDIS_URL", "")],
            "REDIS_REQUIRED: is true while REDIS_URL is not set",
        ),
        (
            [("SMTP_URL", "smtp://mail"), ("MAIL_FROM", "")],
            "MAIL_FROM: is not set while SMTP_URL is",
        ),
    ] {
        let line = problem(&pairs);
        assert!(line.starts_with(said), "{line}");
    }
}

#[test]
fn what_this_version_cannot_promise_is_refused() {
    let mut pairs = crate::PRODUCTION.to_vec();
    pairs.push(("REQUIRE_EMAIL_VERIFICATION", "true"));
    assert_eq!(
        problem(&pairs),
        "REQUIRE_EMAIL_VERIFICATION: is true while SMTP_URL is not set; wanted false, or a mail server"
    );
}

#[test]
fn what_this_version_does_not_read_is_warned_of() {
    let loaded = loaded(&with(&[
        ("SMS_WEBHOOK_URL", "https://sms.example.com"),
        ("ANTHROPIC_API_KEY", "key"),
        ("CHAT_MODEL", "x"),
    ]));

    assert_eq!(
        loaded.warnings,
        [
            "ANTHROPIC_API_KEY is set, but nothing in this version reads it.",
            "CHAT_MODEL is set, but nothing in this version reads it.",
            "SMS_WEBHOOK_URL is set, but nothing in this version reads it.",
        ]
    );
    assert_eq!(loaded.config.providers[0].name, "offline");
}

#[test]
fn production_warns_of_an_open_purse_and_of_cookies_in_clear() {
    let warned = |pairs: &[(&str, &str)]| loaded(&in_production(pairs)).warnings;
    let key = ("OPENAI_API_KEY", "sk-key");

    assert!(warned(&[key])[0].starts_with("Anyone may register and use the providers"));
    assert!(warned(&[key, ("REGISTRATION_ENABLED", "no")]).is_empty());
    for cap in ["USER_BUDGET_MICROUSD", "USER_RPM", "USER_TPM"] {
        assert!(warned(&[key, (cap, "1000")]).is_empty(), "{cap}");
    }
    assert!(warned(&[("PUBLIC_URL", "http://api.example.com")])[0].contains("over plain http"));
    assert!(warned(&[("TRUSTED_PROXIES", "0.0.0.0/0")])[0].contains("trusts every address"));
}

#[test]
fn what_is_automatic_follows_the_environment() {
    let local = config(&[("APP_ENV", "test")]);
    let production = loaded(&in_production(&[])).config;

    assert!(
        local.features.docs && local.features.ws_broadcast && local.features.ws_allow_anonymous
    );
    assert!(!production.features.docs && !production.features.ws_broadcast);
    assert!(!production.features.ws_allow_anonymous);
    assert_eq!(production.shutdown.drain.as_secs(), 5);
    assert!(production.providers.is_empty());
    assert_eq!(production.env, AppEnv::Production);
}

#[test]
fn the_log_filter_is_the_finest_that_is_given() {
    let filter = |pairs: &[(&str, &str)]| config(pairs).log.filter;

    assert_eq!(filter(&[("DEBUG", "1")]), "debug");
    assert_eq!(filter(&[("DEBUG", "1"), ("LOG_LEVEL", "WARNING")]), "warn");
    assert_eq!(
        filter(&[("LOG_LEVEL", "warn"), ("RUST_LOG", "info,sqlx=off")]),
        "info,sqlx=off"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_value_makes_it_panic(
        setting in 0..concierge::config::SETTINGS.len(),
        value in "(?s)[^\0]{0,40}|[a-z]{1,8}://.{0,20}|[0-9]{1,30}[a-zA-Z]{0,3}",
    ) {
        let name = concierge::config::SETTINGS[setting].name;
        let _ = concierge::config::load(&with(&[(name, &value)]));
    }

    #[test]
    fn no_file_makes_it_panic(text in "(?s).{0,100}|(\\[?\\[?[a-z.\"]{1,20}\\]?\\]? ?=? ?[\\[{\"0-9a-z]{0,9}\n){0,6}") {
        let (_folder, sources) = crate::with_toml(&text);
        let _ = concierge::config::load(&sources);
    }
}
