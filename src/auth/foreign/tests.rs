//! What the JWT library leaves open, closed: signatures are good here, and the rest is not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::published::Published;
use super::*;
use crate::clock::Clock;
use crate::domain::Ts;

const SECRET: &str = "a secret of more than thirty-two characters";
const NOW: i64 = 1_800_000_000;

fn issuers(audiences: &[&str]) -> Issuers {
    let issuer = ForeignIssuer {
        iss: Some("good".to_owned()),
        keys: ForeignKeys::Secret(SECRET.into()),
        audiences: audiences.iter().map(|&name| name.to_owned()).collect(),
        algorithms: vec![ForeignAlgorithm::Hs256],
        trust_role: false,
        name: "good".to_owned(),
        sub_is_user_id: false,
    };
    Issuers::new(&[issuer], &Clock::standing_at(NOW * 1_000_000)).unwrap()
}

fn claims() -> Value {
    json!({"iss": "good", "aud": "me", "sub": "ada", "exp": NOW + 60, "iat": NOW})
}

fn signed(head: &str, claims: &str) -> String {
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", encode(head), encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

async fn is_good(head: &Value, claims: &Value) -> bool {
    let token = signed(&head.to_string(), &claims.to_string());
    let now = Ts::from_seconds(NOW);
    issuers(&["me"]).verify(&token, now).await.is_ok()
}

/// Whether a token is good that claims this besides.
async fn claiming(name: &str, value: Value) -> bool {
    let mut claims = claims();
    claims[name] = value;
    is_good(&json!({"alg": "HS256"}), &claims).await
}

async fn saying(name: &str, value: Value) -> bool {
    let mut head = json!({"alg": "HS256"});
    head[name] = value;
    is_good(&head, &claims()).await
}

#[tokio::test]
async fn what_the_library_lets_through_is_refused_here() {
    for (name, value) in [
        ("iss", json!(7)),
        ("iss", json!(["evil", "good"])),
        ("aud", json!(7)),
        ("aud", json!({})),
        ("exp", json!((NOW + 60).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!(NOW - 45)),
        ("nbf", json!(NOW + 3_600)),
        ("iat", json!(NOW + 11 * 24 * 3_600)),
        ("sub", json!(7)),
        ("sub", json!("")),
    ] {
        assert!(!claiming(name, value.clone()).await, "{name} {value}");
    }
    for (name, value) in [
        ("typ", json!("refresh+jwt")),
        ("crit", json!(["foo"])),
        ("b64", json!(false)),
        ("alg", json!("none")),
        ("alg", json!("hs256")),
        ("alg", json!("HS384")),
    ] {
        assert!(!saying(name, value.clone()).await, "{name} {value}");
    }
    for name in ["iss", "aud", "sub", "exp"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(!is_good(&json!({"alg": "HS256"}), &claims).await, "{name}");
    }
}

#[tokio::test]
async fn what_is_meant_is_let_through() {
    assert!(claiming("aud", json!(["other", "me"])).await);
    assert!(claiming("exp", json!(NOW - 29)).await);
    assert!(claiming("nbf", json!(NOW + 30)).await);
    assert!(saying("typ", json!("at+jwt")).await);
    assert!(saying("jku", json!("https://evil.example/keys")).await);
}

#[tokio::test]
async fn a_signature_has_one_spelling() {
    let issuers = issuers(&["me"]);
    let good = signed(r#"{"alg":"HS256"}"#, &claims().to_string());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let twice = claims().to_string().replacen('{', r#"{"sub":"eve","#, 1);
    for bad in [
        format!("{good}="),
        format!(" {good}"),
        format!("{message}."),
        format!("{message}.{}", signature.to_lowercase()),
        signed(r#"{"alg":"HS256"}"#, &twice),
        signed(r#"{"alg":"none","alg":"HS256"}"#, &claims().to_string()),
    ] {
        let verified = issuers.verify(&bad, Ts::from_seconds(NOW)).await;
        assert!(verified.is_err(), "{bad}");
    }
    assert!(issuers.verify(&good, Ts::from_seconds(NOW)).await.is_ok());
}

#[test]
fn a_short_secret_is_refused_at_start() {
    let issuer = ForeignIssuer {
        iss: None,
        keys: ForeignKeys::Secret(String::new().into()),
        audiences: Vec::new(),
        algorithms: vec![ForeignAlgorithm::Hs256],
        trust_role: false,
        name: "short".to_owned(),
        sub_is_user_id: true,
    };

    let error = Issuers::new(&[issuer], &Clock::standing_at(0))
        .err()
        .unwrap();

    assert_eq!(error.code, "secret_too_short");
}

#[test]
fn keys_of_the_wrong_size_or_kind_are_left_out() {
    let text = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![7; bytes]);
    let all = ForeignAlgorithm::ALL;
    for key in [
        json!({"kty": "OKP", "crv": "Ed25519", "x": text(31)}),
        json!({"kty": "OKP", "crv": "X25519", "x": text(32)}),
        json!({"kty": "OKP", "crv": "Ed448", "x": text(57)}),
        json!({"kty": "EC", "crv": "P-256", "x": text(32), "y": text(31)}),
        json!({"kty": "EC", "crv": "secp256k1", "x": text(32), "y": text(32)}),
        json!({"kty": "RSA", "n": text(128), "e": "AQAB"}),
        json!({"kty": "RSA", "n": text(256), "e": "AQAB", "alg": "RS512"}),
        json!({"kty": "RSA", "n": text(256), "e": "AQAB", "key_ops": ["encrypt"]}),
        json!({"kty": "oct", "k": text(32), "alg": "HS256"}),
        json!({"kty": 7}),
    ] {
        let mut key = key;
        key["kid"] = json!("k");
        let set = json!({"keys": [key]}).to_string();
        let read = Published::read(set.as_bytes(), &all).unwrap();
        assert!(read.key("k").is_none(), "{set}");
    }
    let good = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": text(32), "kid": "k"}]});
    let read = |wanted| Published::read(good.to_string().as_bytes(), wanted).unwrap();
    assert!(read(&all).key("k").is_some());
    assert!(read(&[ForeignAlgorithm::Es256]).key("k").is_none());
}
