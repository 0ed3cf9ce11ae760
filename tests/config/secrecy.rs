//! Secrets are told to nobody.

use concierge::config::{SETTINGS, load};

use crate::{loaded, variables, with, with_toml};

/// Each holds the word `hunter2`, and passes the rules.
const SECRETS: &[(&str, &str)] = &[
    ("SECRET_KEY", "hunter2-q3J9v0Zt7Lk2WmX8sBcD4fGhR5yN"),
    (
        "SECRET_KEY_PREVIOUS",
        "hunter2-q3J9v0Zt7Lk2WmX8sBcD4fGhR5yM",
    ),
    ("PASSWORD_PEPPER", "hunter2-q3J9v0Zt7Lk2WmX8sBcD4fGhR5yP"),
    (
        "PASSWORD_PEPPER_PREVIOUS",
        "hunter2-q3J9v0Zt7Lk2WmX8sBcD4fGhR5yQ",
    ),
    ("BETTER_AUTH_SECRET", "hunter2-q3J9v0Zt7Lk2WmX8sBcD4fGhR5yO"),
    (
        "DATABASE_URL",
        "postgres://app:hunter2@db.internal:6432/main?sslmode=require",
    ),
    (
        "CREDS_DATABASE_URL",
        "postgresql://app:hunter2@db.internal/vault?password=hunter2",
    ),
    ("REDIS_URL", "redis://:hunter2@cache"),
    ("OPENAI_API_KEY", "sk-hunter2"),
    ("ANTHROPIC_API_KEY", "hunter2"),
    ("GEMINI_API_KEY", "hunter2"),
    ("STRIPE_SECRET_KEY", "sk_hunter2"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_hunter2"),
    ("SMTP_URL", "smtps://app:hunter2@mail"),
    ("SMS_WEBHOOK_URL", "https://sms/hunter2"),
    ("METRICS_TOKEN", "hunter2"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
];

#[test]
fn the_list_above_names_every_secret() {
    let named: Vec<_> = SECRETS.iter().map(|(name, _)| *name).collect();
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        assert!(named.contains(&setting.name), "{}", setting.name);
    }
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let (_folder, mut sources) = with_toml(
        "[providers.local]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
         api_keys = [\"hunter2\"]\nheaders = { x-key = \"hunter2\" }\n\
         [[issuers]]\niss = \"a\"\nhs256_secret = \"hunter2-q3J9v0Zt7Lk2WmX8sBcD4fGhR5yP\"\n\
         audiences = [\"b\"]\n",
    );
    sources.environment = variables(SECRETS);
    let from = variables(&[("MAIL_FROM", "hello@example.com")]);
    sources.environment.extend(from);

    let loaded = loaded(&sources);

    let lines: Vec<_> = loaded.effective.iter().map(ToString::to_string).collect();
    let shown = format!("{loaded:?}\n{sources:?}\n{}", lines.join("\n"));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("SECRET_KEY = (hidden) (environment)"),
        "{shown}"
    );
    assert!(
        shown.contains("DATABASE_URL = postgres://db.internal:6432/main"),
        "{shown}"
    );
    assert!(
        shown.contains("providers.local.api_keys = (hidden)"),
        "{shown}"
    );
}

#[test]
fn no_problem_quotes_a_secret() {
    for (name, _) in SECRETS {
        for value in [
            "hunter2",
            "hunter2 \n",
            "hunter2://hunter2:hunter2@hunter2 hunter2/?hunter2",
        ] {
            let Err(problems) = load(&with(&[("APP_ENV", "production"), (name, value)])) else {
                continue;
            };
            for problem in problems {
                assert!(!problem.to_string().contains("hunter2"), "{problem}");
            }
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_quoted_either() {
    for (name, value) in [
        ("STRIPE_PUBLISHABLE_KEY", "sk_live_hunter2"),
        ("OPENAI_BASE_URL", "ftp://u:hunter2@x"),
        ("PUBLIC_URL", "https://u:hunter2@x"),
        ("API_PORT", "sk-hunter2"),
    ] {
        let problems = load(&with(&[(name, value)])).map(|_| ()).unwrap_err();
        assert!(
            !problems[0].to_string().contains("hunter2"),
            "{}",
            problems[0]
        );
    }
}
