//! The index of this version, and what a frontend may know.

use serde_json::{Value, json};

use crate::support::TestApp;

// A11, A12: the version's root is there, with a slash and without.
#[tokio::test]
async fn the_index_names_the_doors_of_this_version() {
    let app = TestApp::start().await;

    let reply = app.anonymous().get("/api/v1/").await;

    assert_eq!(reply.status, 200);
    let index = reply.json();
    assert_eq!(index["name"], "concierge");
    assert_eq!(index["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(index["api_version"], "v1");
    for (name, path) in index["links"].as_object().unwrap() {
        let reply = app.anonymous().get(path.as_str().unwrap()).await;
        assert_ne!(reply.status, 404, "{name} leads nowhere");
    }
}

#[tokio::test]
async fn a_frontend_learns_what_it_needs_before_anybody_has_signed_in() {
    let app = TestApp::with(&[
        ("APP_NAME", "Helpdesk"),
        ("REGISTRATION_ENABLED", "false"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("MAX_BODY_BYTES", "2048"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_51H"),
        ("STRIPE_SECRET_KEY", "sk_test_never_shown"),
        ("OPENAI_API_KEY", "sk-never-shown"),
    ])
    .await;

    let reply = app.anonymous().get("/api/v1/config").await;

    let config = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(config["name"], "Helpdesk");
    assert_eq!(config["environment"], "test");
    assert_eq!(
        config["features"],
        json!({"registration": false, "email_verification": false, "docs": true})
    );
    assert_eq!(config["auth_modes"], json!(["password", "api_key"]));
    assert_eq!(config["limits"]["password_min_length"], 12);
    assert_eq!(config["limits"]["password_max_length"], 256);
    assert_eq!(config["limits"]["max_body_bytes"], 2_048);
    assert!(config["limits"]["max_completion_body_bytes"].is_u64());
    assert_eq!(config["stripe_publishable_key"], "pk_test_51H");
    assert!(!reply.text().contains("never"), "{}", reply.text());
}

#[tokio::test]
async fn what_is_not_configured_is_null_and_there() {
    let app = TestApp::start().await;

    let config = app.anonymous().get("/api/v1/config").await.json();

    assert_eq!(config.get("stripe_publishable_key"), Some(&Value::Null));
}

// A26, A28, C15, D05: where it listens and whom it lets in when nothing is said.
#[tokio::test]
async fn without_settings_it_is_reached_where_the_documents_say() {
    let app = TestApp::start().await;
    let config = &app.app.config;

    assert_eq!(config.http.host.to_string(), "0.0.0.0");
    assert_eq!(config.http.port, 8_000);
    assert_eq!(config.cors.origins, ["http://localhost:3000"]);
    assert!(!config.app.debug);
}
