//! What the program is told: checked before anything is touched.

use crate::support::{Done, Place};

/// What is wrong in every way at once.
const BROKEN: &[(&str, &str)] = &[
    ("APP_ENV", "production"),
    ("SECRET_KEY", ""),
    ("ALLOWED_ORIGINS", "*"),
    ("API_PORT", "abc"),
];

fn assert_names_every_problem(done: &Done) {
    assert_eq!(done.code, Some(78), "{done:?}");
    for name in ["SECRET_KEY", "ALLOWED_ORIGINS", "API_PORT", "DATABASE_URL"] {
        let told = done.stderr.lines().filter(|line| line.contains(name));
        assert_eq!(told.count(), 1, "{name}: {}", done.stderr);
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let place = Place::new();

    let done = place.run(&["check-config"], BROKEN);

    assert_names_every_problem(&done);
    assert_eq!(done.stdout, "");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn no_verb_works_with_a_configuration_that_cannot_be_used() {
    let place = Place::new();

    for arguments in [
        &[][..],
        &["serve"],
        &["migrate"],
        &["healthcheck"],
        &["create-admin", "--email", "a@b.example", "--password-stdin"],
    ] {
        assert_names_every_problem(&place.run(arguments, BROKEN));
    }
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn production_starts_with_neither_a_made_up_key_nor_a_made_up_database() {
    let place = Place::new();

    let done = place.run(&["serve"], &[("APP_ENV", "production")]);

    assert_eq!(done.code, Some(78), "{done:?}");
    assert!(done.stderr.contains("SECRET_KEY: "), "{done:?}");
    assert!(done.stderr.contains("DATABASE_URL: "), "{done:?}");
    assert_eq!(place.names(), [""; 0]);
}

// What others can guess or look up signs nothing: the program does not even start.
#[test]
fn production_starts_by_no_secret_that_others_may_know() {
    let place = Place::new();

    for (secret, fault) in [
        ("a-short-one-of-31-bytes-0123456", "has 31 bytes"),
        ("changethis-changethis-changethis", "is a placeholder"),
        (
            "your-256-bit-secret-your-256-bit-secret",
            "is a placeholder",
        ),
        (
            "better-auth-secret-12345678901234567890",
            "is a placeholder",
        ),
        ("abababababababababababababababababab", "different bytes"),
    ] {
        let settings = [
            ("APP_ENV", "production"),
            ("DATABASE_URL", "sqlite://things.db"),
            ("SECRET_KEY", secret),
        ];
        let done = place.run(&["serve"], &settings);

        assert_eq!(done.code, Some(78), "{done:?}");
        assert!(done.stderr.contains(fault), "{done:?}");
        assert!(!done.stderr.contains(secret), "{done:?}");
    }
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn a_valid_configuration_is_shown_without_secrets_and_touches_nothing() {
    let place = Place::new();

    let done = place.run(
        &["check-config"],
        &[
            ("SECRET_KEY", "quite-a-long-secret-of-forty-two-letters-x"),
            ("OPENAI_API_KEY", "sk-not-for-your-eyes"),
            // Nobody listens there, and nobody is asked.
            (
                "DATABASE_URL",
                "postgres://ada:swordfish@127.0.0.1:1/things",
            ),
        ],
    );

    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("SECRET_KEY = (hidden)"), "{done:?}");
    assert!(done.stdout.contains("127.0.0.1:1/things"), "{done:?}");
    assert!(done.stdout.contains("API_PORT = 8000"), "{done:?}");
    let said = format!("{}{}", done.stdout, done.stderr);
    for secret in ["quite-a-long", "not-for-your-eyes", "swordfish"] {
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn the_folder_says_less_than_the_environment_and_a_flag_says_most() {
    let place = Place::new();
    place.write(".env", "API_PORT=7001\nAPP_NAME=\"from the folder\"\n");
    let port = |arguments: &[&str], settings: &[(&str, &str)]| {
        let done = place.run(arguments, settings);
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stdout.contains("from the folder"), "{done:?}");
        let mut lines = done.stdout.lines();
        lines
            .find(|line| line.starts_with("API_PORT"))
            .unwrap()
            .to_owned()
    };

    let folder = port(&["check-config"], &[]);
    let environment = port(&["check-config"], &[("API_PORT", "7002")]);
    let flag = port(&["check-config", "--port", "7003"], &[("API_PORT", "7002")]);

    assert!(folder.contains("7001"), "{folder}");
    assert!(environment.contains("7002"), "{environment}");
    assert!(flag.contains("7003"), "{flag}");
}

#[tokio::test]
async fn a_flag_decides_where_the_server_listens() {
    let place = Place::new();
    place.write(".env", "API_PORT=1\nAPI_HOST=192.0.2.1\n");

    let mut server = place.start(&["serve", "--port", "0", "--host", "127.0.0.1"], &[]);
    server.listens().await;

    assert_eq!(server.client().get("/livez").await.status, 200);
}
