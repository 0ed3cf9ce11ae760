//! Which source wins, and which names are one.

use std::fs;

use concierge::config::{AppEnv, ExposeSecret, Sources};

use crate::{GOOD_SECRET, config, loaded, problem, problems, variables, with, with_toml};

#[test]
fn an_empty_environment_starts_in_development() {
    let config = config(&[]);

    assert_eq!(config.env, AppEnv::Development);
    assert_eq!(config.http.host.to_string(), "0.0.0.0");
    assert_eq!(config.http.port, 8000);
    assert_eq!(config.cors.origins, ["http://localhost:3000"]);
    assert_eq!(config.http.max_body_bytes, 1 << 20);
    assert_eq!(config.http.max_openai_body_bytes, 32 << 20);
    assert_eq!(config.providers[0].name, "offline");
    assert_eq!(config.relay.idle_timeout.as_secs(), 60);
    assert_eq!(config.auth.access_token_ttl.as_secs(), 900);
    assert!(config.shutdown.drain.is_zero());
    assert_eq!(config.log.filter, "info");
}

#[test]
fn every_source_gives_way_to_the_one_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let named = |place: &str| format!("app_name = \"{place}\"\n");
    let name = |sources: &Sources| loaded(sources).config.app.name;
    let mut sources = Sources {
        folder: folder.path().to_owned(),
        ..Sources::default()
    };
    assert_eq!(name(&sources), "concierge");

    write("default.toml", &named("default"));
    assert_eq!(name(&sources), "default");
    write("development.toml", &named("development"));
    assert_eq!(name(&sources), "development");
    let extra = write("extra.toml", &named("extra"));
    let dotenv = write(".env", &format!("CONFIG_FILE={}\n", extra.display()));
    sources.dotenv = Some(dotenv.clone());
    assert_eq!(name(&sources), "extra");
    fs::write(
        &dotenv,
        format!("CONFIG_FILE={}\nAPP_NAME=dotenv\n", extra.display()),
    )
    .unwrap();
    assert_eq!(name(&sources), "dotenv");
    sources.environment = variables(&[("APP_NAME", "environment")]);
    assert_eq!(name(&sources), "environment");
    sources.flags = variables(&[("APP_NAME", "flag")]);
    assert_eq!(name(&sources), "flag");
}

#[test]
fn the_file_of_another_environment_is_not_read() {
    let (folder, mut sources) = with_toml("");
    fs::write(folder.path().join("staging.toml"), "app_name = \"staging\"").unwrap();

    sources.environment = variables(&[("ENVIRONMENT", "TEST")]);

    let config = loaded(&sources).config;
    assert_eq!(config.env, AppEnv::Test);
    assert_eq!(config.app.name, "concierge");
}

#[test]
fn a_file_can_choose_the_environment_but_not_change_it() {
    let (folder, sources) = with_toml("app_env = \"test\"");
    assert_eq!(loaded(&sources).config.env, AppEnv::Test);

    fs::write(folder.path().join("test.toml"), "app_env = \"development\"").unwrap();

    let problems = problems(&sources);
    assert!(
        problems[0].starts_with("APP_ENV: is changed to development"),
        "{problems:?}"
    );
}

#[test]
fn an_alias_is_as_good_as_the_name() {
    let config = config(&[
        ("PORT", "9000"),
        ("HOST", "127.0.0.1"),
        ("SERVICE_NAME", "desk"),
        ("CORS_ORIGINS", "https://a.example, https://b.example"),
        ("JWT_SECRET_KEY", GOOD_SECRET),
        ("OPENAI_MODEL", "gpt-4o"),
        ("REACT_APP_STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
    ]);

    assert_eq!(config.http.port, 9000);
    assert_eq!(config.http.host.to_string(), "127.0.0.1");
    assert_eq!(config.app.name, "desk");
    assert_eq!(
        config.cors.origins,
        ["https://a.example", "https://b.example"]
    );
    assert!(config.auth.secret_key.is_some());
    assert_eq!(config.agent.model.as_deref(), Some("gpt-4o"));
    assert_eq!(config.stripe.publishable_key.as_deref(), Some("pk_test_1"));
}

#[test]
fn aliases_that_disagree_are_refused_and_those_that_agree_are_not() {
    assert_eq!(
        problem(&[("API_PORT", "1"), ("PORT", "2")]),
        "API_PORT and PORT: disagree; wanted one of them, or the same value"
    );
    assert_eq!(config(&[("API_PORT", "81"), ("PORT", "81 ")]).http.port, 81);
    assert_eq!(
        problem(&[("API_PORT", "1"), ("CONCIERGE__API_PORT", "2")]),
        "API_PORT and CONCIERGE__API_PORT: disagree; wanted one of them, or the same value"
    );
}

#[test]
fn an_alias_above_wins_over_the_name_below() {
    let (_folder, mut sources) = with_toml("api_port = 81");

    sources.environment = variables(&[("PORT", "82")]);

    assert_eq!(loaded(&sources).config.http.port, 82);
}

#[test]
fn a_secret_can_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, format!("{GOOD_SECRET}\r\n")).unwrap();
    let path = path.to_str().unwrap();

    for name in ["SECRET_KEY_FILE", "JWT_SECRET_KEY_FILE"] {
        let key = config(&[(name, path)]).auth.secret_key.unwrap();
        assert_eq!(key.expose_secret(), GOOD_SECRET);
    }

    assert_eq!(
        problem(&[("SECRET_KEY", GOOD_SECRET), ("SECRET_KEY_FILE", path)]),
        "SECRET_KEY and SECRET_KEY_FILE: are both set; wanted one of them"
    );
    let missing = problem(&[("SECRET_KEY_FILE", "/nonexistent/hunter2")]);
    assert!(
        missing.starts_with("SECRET_KEY_FILE: names a file that cannot be read"),
        "{missing}"
    );
    assert!(!missing.contains("hunter2"), "{missing}");
}

#[test]
fn any_key_can_come_from_the_environment() {
    let (_folder, mut sources) = with_toml(
        "[providers.My-Backup]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n",
    );
    sources.environment = variables(&[
        ("CONCIERGE__RELAY__IDLE_TIMEOUT", "31s"),
        ("CONCIERGE__RELAY__DIRECT_MODELS", "off"),
        (
            "CONCIERGE__PROVIDERS__OPENAI__BASE_URL",
            "http://127.0.0.1:2/v1",
        ),
        ("CONCIERGE__PROVIDERS__MY_BACKUP__API_KEY", "key"),
        ("CONCIERGE__PROVIDERS__MY_BACKUP__HEADERS__X_TEAM", "red"),
        ("CONCIERGE__APP_NAME", "desk"),
    ]);

    let config = loaded(&sources).config;

    assert_eq!(config.relay.idle_timeout.as_secs(), 31);
    assert!(!config.relay.direct_models);
    assert_eq!(config.app.name, "desk");
    let [backup, openai] = &config.providers[..] else {
        panic!("{:?}", config.providers);
    };
    assert_eq!(backup.name, "My-Backup");
    assert_eq!(backup.api_keys[0].expose_secret(), "key");
    assert_eq!(backup.headers[0].0, "x-team");
    assert_eq!(
        openai.base_url.as_ref().unwrap().as_str(),
        "http://127.0.0.1:2/v1"
    );
}

#[test]
fn an_unknown_variable_of_ours_is_warned_of_and_others_are_let_be() {
    let loaded = loaded(&with(&[
        ("CONCIERGE__RELAY__IDLE_TIMEOT", "31s"),
        ("CONCIERGE_PORT", "tcp://10.0.0.1:8000"),
        ("PATH", "/bin"),
    ]));

    assert_eq!(
        loaded.warnings,
        ["CONCIERGE__RELAY__IDLE_TIMEOT is set (environment), and is no setting."]
    );
}

#[test]
fn an_unknown_key_of_a_file_is_refused_with_the_known_ones() {
    let problems =
        crate::problems_of_toml("api_prot = 1\nSECRET_KEY = \"x\"\n[relay]\nidle = \"1s\"\n");

    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("api_prot: is no setting; wanted the name of a setting"));
    assert!(
        problems[1]
            .starts_with("SECRET_KEY: is no setting; wanted the name of a setting in lower case")
    );
    assert!(problems[2].starts_with("relay.idle: is no setting; wanted one of connect_timeout, "));
}

#[test]
fn what_cannot_be_read_is_named() {
    let (_folder, mut sources) = with_toml("api_port = \n");
    sources.environment = variables(&[("CONFIG_FILE", "/nonexistent/x.toml")]);
    sources.unreadable = vec!["API_HOST".into()];

    let problems = problems(&sources);

    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert_eq!(problems[0], "API_HOST: is not UTF-8; wanted text");
    assert!(problems[1].starts_with("/nonexistent/x.toml: cannot be read"));
    assert!(problems[2].contains("default.toml: cannot be read from line 1"));
}

#[test]
fn a_blank_value_is_the_default_and_a_blank_list_is_empty() {
    let config = config(&[
        ("API_PORT", ""),
        ("OPENAI_API_KEY", " "),
        ("SMTP_URL", ""),
        ("SECRET_KEY_FILE", ""),
        ("ALLOWED_ORIGINS", ""),
    ]);

    assert_eq!(config.http.port, 8000);
    assert_eq!(config.providers[0].name, "offline");
    assert!(config.cors.origins.is_empty());
}

#[test]
fn a_name_twice_in_the_env_file_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, "PORT=1\nPORT=2\n").unwrap();

    let loaded = loaded(&Sources {
        dotenv: Some(path),
        ..with(&[])
    });

    assert_eq!(loaded.config.http.port, 2);
    assert_eq!(
        loaded.warnings,
        ["PORT stands twice in .env; the last one counts."]
    );
}

#[test]
fn the_effective_value_tells_where_it_came_from() {
    let (folder, mut sources) = with_toml("[relay]\nidle_timeout = \"9s\"\n");
    sources.environment = variables(&[("PORT", "81")]);

    let loaded = loaded(&sources);

    let lines: Vec<_> = loaded.effective.iter().map(ToString::to_string).collect();
    let idle = format!(
        "relay.idle_timeout = \"9s\" ({}/default.toml)",
        folder.path().display()
    );
    for line in [
        "API_PORT = \"81\" (environment, as PORT)",
        "API_HOST = 0.0.0.0 (default)",
        "relay.total_timeout = \"15m\" (built in)",
        &idle,
    ] {
        assert!(
            lines.iter().any(|found| found == line),
            "{line}\n{lines:#?}"
        );
    }
}
