//! The keys by which others can verify our access tokens.

use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::ME;
use crate::support::{Actor, TestApp};

const JWKS: &str = "/.well-known/jwks.json";
const OLD: &str = "an-older-secret-of-more-than-32-characters";
const NEW: &str = "a-newer-secret-of-more-than-32-characters";

async fn published(app: &TestApp) -> Value {
    let reply = app.anonymous().get(JWKS).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn kids(app: &TestApp) -> Vec<String> {
    let keys = published(app).await["keys"].clone();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.as_array().unwrap().iter().map(kid).collect()
}

fn token<'a>(actor: &'a Actor<'_>) -> &'a str {
    actor.authorization().strip_prefix("Bearer ").unwrap()
}

/// What a service reads that has nothing of ours but the published keys.
fn verified(keys: &Value, token: &str) -> Option<Value> {
    let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let head = decode_header(token).unwrap();
    assert_eq!(head.typ.as_deref(), Some("at+jwt"));
    let key = keys.find(&head.kid.unwrap())?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["https://api.example.com"]);
    validation.set_audience(&["concierge"]);
    // The test's clock stands still; the library has its own.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    let read = decode::<Value>(token, &key, &validation);
    read.ok().map(|token| token.claims)
}

#[tokio::test]
async fn others_can_verify_an_access_token_by_the_published_key() {
    let app = TestApp::with(&[("PUBLIC_URL", "https://api.example.com")]).await;
    let ada = app.sign_up("ada").await;
    let me = ada.get(ME).await.json();

    let keys = published(&app).await;

    let claims = verified(&keys, token(&ada)).unwrap();
    assert_eq!((&claims["sub"], &claims["role"]), (&me["id"], &me["role"]));
    let eve = app.sign_up("eve").await;
    let (of_eve, _) = token(&eve).rsplit_once('.').unwrap();
    let (_, signature) = token(&ada).rsplit_once('.').unwrap();
    assert!(verified(&keys, &format!("{of_eve}.{signature}")).is_none());
}

#[tokio::test]
async fn a_published_key_is_public_and_says_what_it_is_for() {
    let app = TestApp::start().await;

    let keys = published(&app).await;

    let set: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let thumbprint = set.keys[0].thumbprint(ThumbprintHash::SHA256).unwrap();
    let x = keys["keys"][0]["x"].clone();
    assert_eq!(x.as_str().unwrap().len(), 43);
    assert_eq!(
        keys,
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": thumbprint, "use": "sig",
            "alg": "EdDSA"}]})
    );
}

#[tokio::test]
async fn whoever_asks_gets_it_and_may_keep_it_for_five_minutes() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let bad = app.anonymous().header("authorization", "Bearer nonsense");
    let keys = published(&app).await;

    for actor in [app.anonymous(), ada, bad] {
        for path in [JWKS, "/.well-known/jwks.json/"] {
            let reply = actor.get(path).await;

            assert_eq!((reply.status, reply.json()), (200, keys.clone()));
            assert_eq!(reply.header("cache-control"), "public, max-age=300");
            assert_eq!(reply.header("content-type"), "application/json");
            assert!(reply.cookies().is_empty());
        }
    }
}

#[tokio::test]
async fn the_previous_key_stays_published_behind_the_current_one() {
    let url = ("PUBLIC_URL", "https://api.example.com");
    let before = TestApp::with(&[url, ("SECRET_KEY", OLD)]).await;
    let rotated = [url, ("SECRET_KEY", NEW), ("SECRET_KEY_PREVIOUS", OLD)];
    let between = TestApp::with(&rotated).await;
    let after = TestApp::with(&[url, ("SECRET_KEY", NEW)]).await;
    let (old, new) = (before.sign_up("ada").await, between.sign_up("ada").await);

    let keys = published(&between).await;

    assert_eq!(
        kids(&between).await,
        [kids(&after).await, kids(&before).await].concat()
    );
    assert!(verified(&keys, token(&old)).is_some());
    assert!(verified(&keys, token(&new)).is_some());
    assert!(verified(&published(&after).await, token(&old)).is_none());
    assert!(!keys.to_string().contains(OLD) && !keys.to_string().contains(NEW));
}

// Whoever finds one id twice is right to believe neither.
#[tokio::test]
async fn a_secret_that_is_its_own_predecessor_is_published_once() {
    let app = TestApp::with(&[("SECRET_KEY", NEW), ("SECRET_KEY_PREVIOUS", NEW)]).await;

    assert_eq!(kids(&app).await.len(), 1);
    let ada = app.sign_up("ada").await;
    assert_eq!(ada.get(ME).await.status, 200);
}

#[tokio::test]
async fn where_tokens_are_signed_with_the_secret_itself_there_is_nothing_to_publish() {
    let app = TestApp::with(&[
        ("JWT_ALGORITHM", "HS256"),
        ("SECRET_KEY", NEW),
        ("SECRET_KEY_PREVIOUS", OLD),
    ])
    .await;

    assert_eq!(published(&app).await, json!({"keys": []}));
}
