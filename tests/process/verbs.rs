//! What the program can be told to do besides serving.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Done, PASSWORD, Place, Schema, free_port, program};

const ADMIN: &[&str] = &[
    "create-admin",
    "--email",
    "root@example.com",
    "--password-stdin",
];

#[test]
fn migrating_twice_changes_nothing_the_second_time() {
    let place = Place::new();

    let first = place.run(&["migrate"], &[]);
    let second = place.run(&["migrate"], &[]);

    assert_eq!((first.code, second.code), (Some(0), Some(0)));
    assert!(first.stdout.contains("applied"), "{first:?}");
    assert!(second.stdout.contains("up to date"), "{second:?}");
}

#[tokio::test]
async fn migrating_a_postgres_twice_changes_nothing_the_second_time() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let place = Place::new();
    let settings = [("DATABASE_URL", schema.url())];

    let first = place.run(&["migrate"], &settings);
    let second = place.run(&["migrate"], &settings);

    assert!(first.stdout.contains("applied"), "{first:?}");
    assert!(second.stdout.contains("up to date"), "{second:?}");
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test]
async fn what_was_migrated_by_hand_is_served_without_migrating() {
    let place = Place::new();
    assert_eq!(place.run(&["migrate"], &[]).code, Some(0));

    let server = place.serve(&[("DB_AUTO_MIGRATE", "false")]).await;

    assert_eq!(server.client().get("/readyz").await.status, 200);
}

#[test]
fn the_version_is_one_line() {
    let place = Place::new();

    for arguments in [["version"], ["--version"]] {
        let done = place.run(&arguments, &[]);
        let version = concat!("concierge ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), version));
    }
}

#[test]
fn the_openapi_document_is_the_librarys_and_needs_no_configuration() {
    let place = Place::new();

    let done = place.run(&["openapi"], &[("API_PORT", "abc")]);

    assert_eq!(done.code, Some(0), "{done:?}");
    let printed: Value = serde_json::from_str(&done.stdout).unwrap();
    let document = serde_json::to_value(concierge::api::openapi::document()).unwrap();
    assert_eq!(printed, document);
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test]
async fn a_running_server_is_healthy() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let port = server.address().rsplit(':').next().unwrap();

    let by_settings = place.run(&["healthcheck"], &[("API_PORT", port)]);
    let by_flag = place.run(&["healthcheck", "--port", port], &[]);
    let by_url = place.run(&["healthcheck", &format!("{}/readyz", server.url())], &[]);

    for done in [by_settings, by_flag, by_url] {
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stdout.contains("healthy"), "{done:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_not_healthy() {
    let place = Place::new();
    let server = place.serve(&[]).await;

    let done = place.run(&["healthcheck", &format!("{}/nowhere", server.url())], &[]);

    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.refusal().contains("404"), "{done:?}");
}

#[test]
fn where_nobody_listens_is_not_healthy() {
    let place = Place::new();
    let port = free_port();

    let done = place.run(&["healthcheck"], &[("API_PORT", &port)]);
    let no_url = place.run(&["healthcheck", "neither here nor there"], &[]);

    for done in [done, no_url] {
        assert_eq!(done.code, Some(1), "{done:?}");
        done.refusal();
    }
}

#[tokio::test]
async fn an_administrator_is_made_and_can_sign_in() {
    let place = Place::new();

    let done = place.run_with_input(ADMIN, &[], &format!("{PASSWORD}\n"));

    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stdout, "root@example.com is an administrator.\n");
    assert!(!format!("{done:?}").contains(PASSWORD));
    let server = place.serve(&[]).await;
    let login = server.client().log_in("root@example.com").await;
    assert_eq!(login.json()["user"]["role"], "admin");
}

#[tokio::test]
async fn an_existing_account_becomes_an_administrator_beside_a_running_server() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    server.client().sign_up("root@example.com").await;

    let done = place.run_with_input(ADMIN, &[], "another horse entirely\r\n");

    assert_eq!(done.code, Some(0), "{done:?}");
    let body = json!({"email": "root@example.com", "password": "another horse entirely"});
    let login = server.client().post("/api/v1/auth/login", body).await;
    assert_eq!(login.status, 200, "{login:?}");
    assert_eq!(login.json()["user"]["role"], "admin");
}

#[test]
fn an_administrator_needs_an_address_and_a_password() {
    let place = Place::new();
    let refused = |email: &str, input: &str, reason: &str| {
        let arguments = ["create-admin", "--email", email, "--password-stdin"];
        let done = place.run_with_input(&arguments, &[], input);
        let said = done.refusal();
        assert!(said.to_lowercase().contains(reason), "{reason}: {said}");
    };

    refused("not an address", PASSWORD, "e-mail address");
    refused("root@example.com", "", "password");
    refused("root@example.com", "\n", "password");
    refused("root@example.com", "short\n", "8");
    refused("root@example.com", "password1\n", "password");
    refused("root@example.com", &"x".repeat(1 << 20), "password");
}

#[test]
fn every_verb_explains_itself() {
    let place = Place::new();

    for verb in [
        &[][..],
        &["serve"],
        &["check-config"],
        &["migrate"],
        &["healthcheck"],
        &["openapi"],
        &["create-admin"],
        &["version"],
    ] {
        let arguments = [verb, &["--help"]].concat();
        let done = place.run(&arguments, &[("API_PORT", "abc")]);
        assert_eq!(done.code, Some(0), "{verb:?}");
        assert!(done.stdout.contains("Usage: concierge"), "{verb:?}");
    }
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn what_is_no_verb_and_no_flag_is_a_mistake_of_usage() {
    let place = Place::new();

    for arguments in [
        &["frolic"][..],
        &["--frolic"],
        &["create-admin"],
        &["serve", "now"],
    ] {
        let done = place.run(arguments, &[]);
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.stderr.contains("Usage"), "{done:?}");
    }
}

#[test]
fn who_reads_one_line_of_the_document_and_leaves_does_no_harm() {
    let place = Place::new();
    let mut child = program(&place.path(""), &[])
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let mut first = String::new();
    let mut stdout = BufReader::with_capacity(64, child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);

    assert_eq!(first, "{\n");
    let status = child.wait().unwrap();
    let mut complaints = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaints)
        .unwrap();
    assert_eq!(complaints, "");
    assert!(status.code().is_some(), "{status}");
}

#[test]
fn the_log_of_a_command_does_not_stand_in_its_answer() {
    let place = Place::new();

    let Done { stdout, stderr, .. } =
        place.run_with_input(ADMIN, &[("LOG_LEVEL", "debug")], &format!("{PASSWORD}\n"));

    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(stderr.contains("SECRET_KEY is not set"), "{stderr}");
}
