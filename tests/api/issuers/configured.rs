//! Issuers by their whole settings: `[[issuers]]`.

use std::fs;

use serde_json::{Value, json};

use super::{SECRET, id, is_refused, me};
use crate::support::TestApp;
use crate::support::app::BEGINNING;
use crate::support::issuer::{Issuer, SigningKey};

const NOW: i64 = BEGINNING / 1_000_000;

async fn app(toml: &str) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("issuers.toml");
    fs::write(&file, toml).unwrap();
    TestApp::with(&[("CONFIG_FILE", file.to_str().unwrap())]).await
}

fn claims(iss: &str, subject: &str) -> Value {
    json!({"iss": iss, "sub": subject, "aud": "our-api", "exp": NOW + 900})
}

#[tokio::test]
async fn the_same_subject_of_two_issuers_is_two_users_with_ids_of_ours() {
    let (one_key, other_key) = (SigningKey::p256("k"), SigningKey::ed25519("k"));
    let one = Issuer::publishing(&[&one_key]).await;
    let other = Issuer::publishing(&[&other_key]).await;
    let app = app(&format!(
        "[[issuers]]\niss = \"https://one.example\"\njwks_url = \"{}/keys\"\naudiences = [\"our-api\"]\n\
         [[issuers]]\niss = \"https://two.example\"\njwks_url = \"{}\"\naudiences = [\"our-api\"]\n",
        one.url(),
        other.url()
    ))
    .await;

    let here = id(&app, &one_key, &claims("https://one.example", "ada")).await;
    let there = id(&app, &other_key, &claims("https://two.example", "ada")).await;

    assert!(
        here != there && here != "ada" && there != "ada",
        "{here} {there}"
    );
    assert_eq!(
        here,
        id(&app, &one_key, &claims("https://one.example", "ada")).await
    );
    assert_eq!(one.asked(), ["GET /keys HTTP/1.1"]);
    // Each with its own keys alone.
    let crossed = other_key.token(&claims("https://one.example", "ada"));
    is_refused(&app, &crossed, "another issuer's key").await;
    let unknown = one_key.token(&claims("https://one.example/", "ada"));
    is_refused(&app, &unknown, "almost the same name").await;
    // Nor does an id of ours serve as a subject.
    let by_id = id(&app, &one_key, &claims("https://one.example", &there)).await;
    assert_ne!(by_id, there);
}

#[tokio::test]
async fn an_issuer_signs_by_the_algorithms_of_its_list_alone() {
    let (ed, p256) = (SigningKey::ed25519("ed"), SigningKey::p256("p256"));
    let issuer = Issuer::publishing(&[&ed, &p256]).await;
    let app = app(&format!(
        "[[issuers]]\niss = \"https://one.example\"\njwks_url = \"{}\"\naudiences = [\"our-api\"]\n\
         algorithms = [\"ES256\"]\n",
        issuer.url()
    ))
    .await;

    assert_eq!(
        me(&app, &p256.token(&claims("https://one.example", "ada")))
            .await
            .status,
        200
    );
    is_refused(
        &app,
        &ed.token(&claims("https://one.example", "ada")),
        "EdDSA",
    )
    .await;
}

#[tokio::test]
async fn an_issuer_with_a_secret_has_a_name_and_an_audience() {
    let key = SigningKey::secret(SECRET.as_bytes());
    let app = app(&format!(
        "[[issuers]]\niss = \"partner\"\nhs256_secret = \"{SECRET}\"\naudiences = [\"our-api\"]\n\
         trust_role = true\n"
    ))
    .await;

    let mut admin = claims("partner", "root");
    admin["role"] = json!("admin");
    let reply = super::bearer(&app, &key.token(&admin))
        .get("/api/v1/users")
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut nameless = claims("partner", "root");
    nameless.as_object_mut().unwrap().remove("iss");
    is_refused(&app, &key.token(&nameless), "no iss").await;
    let mut other = claims("partner", "root");
    other["aud"] = json!("their-api");
    is_refused(&app, &key.token(&other), "another audience").await;
}

#[tokio::test]
async fn a_nameless_secret_does_not_speak_for_a_named_issuer() {
    let key = SigningKey::ed25519("k");
    let issuer = Issuer::publishing(&[&key]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("issuers.toml");
    let toml = format!(
        "[[issuers]]\niss = \"https://one.example\"\njwks_url = \"{}\"\naudiences = [\"our-api\"]\n",
        issuer.url()
    );
    fs::write(&file, toml).unwrap();
    let app = TestApp::with(&[
        ("CONFIG_FILE", file.to_str().unwrap()),
        ("BETTER_AUTH_SECRET", SECRET),
    ])
    .await;
    let secret = SigningKey::secret(SECRET.as_bytes());

    is_refused(
        &app,
        &secret.token(&claims("https://one.example", "ada")),
        "HS256",
    )
    .await;
    assert_eq!(
        me(&app, &secret.token(&claims("nobody", "ada")))
            .await
            .status,
        200
    );
    assert_eq!(issuer.hits(), 0);
}
