//! Key sets: which keys count, and how often an issuer is asked for them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{join, join_all};
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::{bearer, is_refused, me};
use crate::support::issuer::{Answer, Issuer, SigningKey, published};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn every_algorithm_of_the_list_is_accepted_and_the_user_stays_the_same() {
    let keys = [
        SigningKey::ed25519("ed"),
        SigningKey::p256("p256"),
        SigningKey::rsa("rs", Algorithm::RS256),
        SigningKey::rsa("ps", Algorithm::PS256),
    ];
    let [ed, p256, rs, ps] = &keys;
    let issuer = Issuer::publishing(&[ed, p256, rs, ps]).await;
    let app = issuer.app().await;

    for key in &keys {
        for age in 0..3 {
            let mut claims = issuer.claims("ada");
            claims["exp"] = json!(claims["exp"].as_i64().unwrap() + age);
            assert_eq!(super::id(&app, key, &claims).await, "ada", "{}", key.kid);
        }
    }
    assert_eq!(issuer.asked(), ["GET /api/auth/jwks HTTP/1.1"]);
}

#[tokio::test]
async fn the_key_decides_on_the_algorithm_and_not_the_token() {
    let ed = SigningKey::ed25519("ed");
    let rs = SigningKey::rsa("rs", Algorithm::RS256);
    let issuer = Issuer::publishing(&[&ed, &rs]).await;
    let app = issuer.app().await;
    let claims = issuer.claims("ada");

    for alg in [
        "none", "HS256", "hs256", "ES512", "HS384", "PS256", "RS256", "Ed25519", "",
    ] {
        let token = ed.token_with(&json!({"alg": alg, "kid": "ed"}), &claims);
        is_refused(&app, &token, alg).await;
    }
    let token = rs.token_with(&json!({"alg": "PS256", "kid": "rs"}), &claims);
    is_refused(&app, &token, "PS256 with a key for RS256").await;
    // What everybody knows is no secret.
    for public in ["x", "n"] {
        let key = if public == "x" { &ed } else { &rs };
        let text = key.jwk[public].as_str().unwrap();
        for bytes in [
            URL_SAFE_NO_PAD.decode(text).unwrap(),
            text.as_bytes().to_vec(),
        ] {
            let confused = SigningKey::secret(&bytes);
            let head = json!({"alg": "HS256", "kid": key.kid});
            is_refused(&app, &confused.token_with(&head, &claims), public).await;
        }
    }
}

#[tokio::test]
async fn keys_that_cannot_be_meant_are_left_out() {
    let good = SigningKey::ed25519("good");
    let twice = SigningKey::ed25519("twice");
    let nameless = SigningKey::ed25519("");
    let for_encryption = SigningKey::ed25519("enc");
    let mut enc = for_encryption.jwk.clone();
    enc["use"] = json!("enc");
    let secret = SigningKey::secret(super::SECRET.as_bytes());
    let oct = json!({"kty": "oct", "alg": "HS256", "kid": "oct", "k": URL_SAFE_NO_PAD.encode(super::SECRET)});
    let issuer = Issuer::publishing(&[]).await;
    issuer.answers(published(
        &json!({"keys": [
            {"kty": "XYZ", "kid": "new"}, {"kty": "EC", "crv": "P-521", "kid": "p521"}, 7, oct, enc,
            nameless.jwk, twice.jwk, SigningKey::ed25519("twice").jwk, good.jwk,
        ]})
        .to_string(),
    ));
    let app = issuer.app().await;
    let claims = issuer.claims("ada");

    assert_eq!(me(&app, &good.token(&claims)).await.status, 200);
    is_refused(&app, &twice.token(&claims), "an id that two keys have").await;
    is_refused(
        &app,
        &for_encryption.token(&claims),
        "a key for something else",
    )
    .await;
    is_refused(&app, &nameless.token(&claims), "a key without an id").await;
    is_refused(
        &app,
        &good.token_with(&json!({"alg": "EdDSA"}), &claims),
        "no kid",
    )
    .await;
    let by_oct = secret.token_with(&json!({"alg": "HS256", "kid": "oct"}), &claims);
    is_refused(&app, &by_oct, "a published secret").await;
}

#[tokio::test]
async fn nothing_that_a_token_names_is_fetched() {
    let ours = SigningKey::ed25519("ours");
    let theirs = SigningKey::ed25519("theirs");
    let issuer = Issuer::publishing(&[&ours]).await;
    let attacker = Issuer::publishing(&[&theirs]).await;
    let app = issuer.app().await;
    let jku = format!("{}/api/auth/jwks", attacker.url());
    let head = json!({"alg": "EdDSA", "kid": "theirs", "jku": jku, "x5u": jku, "jwk": theirs.jwk});

    let own_name = theirs.token_with(&head, &attacker.claims("victim"));
    is_refused(&app, &own_name, "an issuer that is not configured").await;
    let our_name = theirs.token_with(&head, &issuer.claims("victim"));
    is_refused(&app, &our_name, "a key of its own").await;
    let mut same_kid = head.clone();
    same_kid["kid"] = json!("ours");
    let token = theirs.token_with(&same_kid, &issuer.claims("victim"));
    is_refused(&app, &token, "another key under the same id").await;

    assert_eq!(attacker.hits(), 0);
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_the_old_one_stays_good() {
    let (old, new) = (SigningKey::ed25519("old"), SigningKey::ed25519("new"));
    let issuer = Issuer::publishing(&[&old]).await;
    let app = issuer.app().await;
    let claims = issuer.claims("ada");
    assert_eq!(me(&app, &old.token(&claims)).await.status, 200);

    issuer.publishes(&[&old, &new]);

    assert_eq!(me(&app, &new.token(&claims)).await.status, 200);
    assert_eq!(me(&app, &old.token(&claims)).await.status, 200);
    assert_eq!(issuer.hits(), 2);
}

#[tokio::test]
async fn tokens_that_come_together_are_served_by_one_fetch() {
    let keys: Vec<_> = (0..4)
        .map(|n| SigningKey::ed25519(&format!("key-{n}")))
        .collect();
    let issuer = Issuer::publishing(&keys.iter().collect::<Vec<_>>()).await;
    let app = issuer.app().await;
    let claims = issuer.claims("ada");

    let tokens: Vec<_> = keys.iter().map(|key| key.token(&claims)).collect();
    let replies = join_all(tokens.iter().map(|token| me(&app, token))).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(issuer.hits(), 1);
    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn a_storm_of_forged_tokens_does_not_reach_the_issuer() {
    let key = SigningKey::ed25519("good");
    let issuer = Issuer::publishing(&[&key]).await;
    let app = issuer.app().await;
    let claims = issuer.claims("ada");
    let forged: Vec<_> = (0..200)
        .map(|n| SigningKey::ed25519(&format!("forged-{n}")).token(&claims))
        .collect();

    for _ in 0..5 {
        let replies = join_all(forged.iter().map(|token| me(&app, token))).await;
        assert!(replies.iter().all(|reply| reply.status == 401));
    }

    assert_eq!(issuer.hits(), 5);
    assert_eq!(me(&app, &key.token(&claims)).await.status, 200);
    app.advance(Duration::from_secs(10));
    for _ in 0..2 {
        join_all(forged.iter().map(|token| me(&app, token))).await;
    }
    assert_eq!(issuer.hits(), 6);
}

#[tokio::test]
async fn a_key_that_was_not_there_is_not_looked_for_again_for_half_a_minute() {
    let (known, late) = (SigningKey::ed25519("known"), SigningKey::ed25519("late"));
    let issuer = Issuer::publishing(&[&known]).await;
    let app = issuer.app().await;
    let token = late.token(&issuer.claims("ada"));
    for _ in 0..3 {
        is_refused(&app, &token, "not published yet").await;
    }
    assert_eq!(issuer.hits(), 1);

    issuer.publishes(&[&known, &late]);
    app.advance(Duration::from_secs(29));
    is_refused(&app, &token, "asked for a moment ago").await;
    app.advance(Duration::from_secs(1));

    assert_eq!(me(&app, &token).await.status, 200);
    assert_eq!(issuer.hits(), 2);
}

#[tokio::test]
async fn a_set_is_asked_for_every_ten_minutes_and_a_key_that_is_gone_is_gone() {
    let (one, other) = (SigningKey::ed25519("one"), SigningKey::ed25519("other"));
    let issuer = Issuer::publishing(&[&one, &other]).await;
    let app = issuer.app().await;
    let token = one.token(&issuer.claims("ada"));
    assert_eq!(me(&app, &token).await.status, 200);

    issuer.publishes(&[&other]);
    app.advance(9 * MINUTE + Duration::from_secs(59));
    assert_eq!(me(&app, &token).await.status, 200);
    assert_eq!(issuer.hits(), 1);
    app.advance(Duration::from_secs(6));

    is_refused(&app, &token, "its key was taken back").await;
    assert_eq!(issuer.hits(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_believed_for_a_day() {
    let key = SigningKey::ed25519("the-key");
    let stranger = SigningKey::ed25519("stranger");
    let issuer = Issuer::publishing(&[&key]).await;
    let app = issuer.app().await;
    let good = |hours: i64| {
        let mut claims = issuer.claims("ada");
        for name in ["iat", "exp"] {
            claims[name] = json!(claims[name].as_i64().unwrap() + hours * 3_600);
        }
        key.token(&claims)
    };
    assert_eq!(me(&app, &good(0)).await.status, 200);

    issuer.answers(Answer::Close);
    app.advance(23 * 60 * MINUTE);
    assert_eq!(me(&app, &good(23)).await.status, 200);
    let hits = issuer.hits();
    app.advance(Duration::from_secs(6));
    assert_eq!(me(&app, &good(23)).await.status, 200);
    assert_eq!(issuer.hits(), hits, "it was asked a moment ago");
    let mut claims = issuer.claims("ada");
    claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 23 * 3_600);
    is_refused(&app, &stranger.token(&claims), "a key that nobody has").await;

    app.advance(60 * MINUTE);
    let reply = me(&app, &good(24)).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (503, "service_unavailable")
    );
    issuer.publishes(&[&key]);
    app.advance(MINUTE);
    assert_eq!(me(&app, &good(24)).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_not_taken_for_a_bad_token() {
    let key = SigningKey::ed25519("the-key");
    let issuer = Issuer::publishing(&[&key]).await;
    issuer.answers(Answer::Close);
    let app = issuer.app().await;

    let reply = me(&app, &key.token(&issuer.claims("ada"))).await;

    assert_eq!(
        (reply.status, reply.code().as_str()),
        (503, "service_unavailable")
    );
    assert!(!reply.text().contains("127.0.0.1"), "{}", reply.text());
}

#[tokio::test]
async fn a_set_comes_whole_from_where_it_was_asked_for() {
    let key = SigningKey::ed25519("the-key");
    let elsewhere = Issuer::publishing(&[&key]).await;
    let set = json!({"keys": [key.jwk]});
    let says = |status: u16, head: String, body: String| Answer::Says { status, head, body };
    let location = format!("location: {}/api/auth/jwks\r\n", elsewhere.url());
    let padded = json!({"keys": [key.jwk], "more": "x".repeat(256 * 1024)}).to_string();
    let mut many = vec![key.jwk.clone()];
    many.extend((1..65).map(|n| json!({"kty": "XYZ", "kid": n.to_string()})));
    let answers = [
        says(302, location.clone(), set.to_string()),
        says(307, location, String::new()),
        says(404, String::new(), set.to_string()),
        published(&padded),
        published(&json!({"keys": many}).to_string()),
        published("{\"keys\": 7}"),
        published("<html>"),
        published(&set.to_string()[1..]),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let issuer = Issuer::publishing(&[]).await;
        issuer.answers(answer);
        let app = issuer.app().await;
        let token = key.token(&issuer.claims("ada"));

        assert_eq!(me(&app, &token).await.status, 503, "answer {at}");
        assert_eq!(issuer.hits(), 1);
        issuer.publishes(&[&key]);
        assert_eq!(me(&app, &token).await.status, 200, "answer {at}");
    }
    assert_eq!(elsewhere.hits(), 0);
}

#[tokio::test]
async fn whoever_waits_for_a_silent_issuer_waits_once() {
    let key = SigningKey::ed25519("the-key");
    let issuer = Issuer::publishing(&[&key]).await;
    issuer.answers(Answer::Silence);
    let app = issuer.app().await;
    let token = key.token(&issuer.claims("ada"));
    let others: Vec<_> = (0..3)
        .map(|n| SigningKey::ed25519(&format!("o{n}")))
        .collect();
    let mut tokens: Vec<_> = others
        .iter()
        .map(|it| it.token(&issuer.claims("eve")))
        .collect();
    tokens.push(token);

    let replies = join_all(tokens.iter().map(|token| me(&app, token))).await;

    assert!(replies.iter().all(|reply| reply.status == 503));
    assert_eq!(issuer.hits(), 1);
}

#[tokio::test]
async fn while_a_set_is_asked_for_again_the_old_one_serves() {
    let key = SigningKey::ed25519("the-key");
    let issuer = Issuer::publishing(&[&key]).await;
    let app = issuer.app().await;
    let token = |n: usize| {
        let mut claims = issuer.claims("ada");
        claims["n"] = json!(n);
        key.token(&claims)
    };
    assert_eq!(me(&app, &token(0)).await.status, 200);
    issuer.answers(Answer::Silence);
    app.advance(10 * MINUTE);

    let one_who_asks = token(1);
    let waits = me(&app, &one_who_asks);
    let others = async {
        issuer.is_asked(2).await;
        for n in 2..5 {
            assert_eq!(me(&app, &token(n)).await.status, 200);
        }
        // Nobody waited: the first one still does, and gets an answer now.
        issuer.hangs_up();
    };
    let (reply, ()) = join(waits, others).await;

    assert_eq!(reply.status, 200);
    assert_eq!(issuer.hits(), 2);
}

#[tokio::test]
async fn a_known_token_asks_nobody_again() {
    let key = SigningKey::ed25519("the-key");
    let issuer = Issuer::publishing(&[&key]).await;
    let app = issuer.app().await;
    let token = key.token(&issuer.claims("ada"));
    let ada = bearer(&app, &token);
    assert_eq!(ada.get("/api/v1/models").await.status, 200);

    app.databases.main.close().await;
    issuer.answers(Answer::Close);
    app.advance(Duration::from_millis(4_999));

    assert_eq!(ada.get("/api/v1/models").await.status, 200);
    app.advance(Duration::from_millis(1));
    assert_eq!(ada.get("/api/v1/models").await.status, 503);
}
