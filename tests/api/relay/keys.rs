//! Several keys at one provider: they take turns, and a bad or busy one is not in the way of the others.

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;
use crate::support::upstream::{Script, Upstream};

use super::{PATH, REPLY, ask, configured, error, provider};

/// `public` and `other` at a provider with so many keys, and `public` at another behind it.
async fn keyed(up: &Upstream, behind: &Upstream, keys: usize) -> TestApp {
    let keys: Vec<_> = (1..=keys).map(|key| format!("key-{key}")).collect();
    configured(&format!(
        "[providers.up]\nkind = \"openai\"\nbase_url = \"{}\"\napi_keys = {keys:?}\n{}
        [models.public]\ntargets = [\"up/a\", \"behind/b\"]\n
        [models.other]\ntargets = [\"up/c\"]\n",
        up.url(),
        provider("behind", &behind.url())
    ))
    .await
}

fn busy(seconds: &str) -> Script {
    Script::json(429, "{\"error\":{\"message\":\"busy\"}}").header("retry-after", seconds)
}

fn good() -> Script {
    Script::json(200, REPLY)
}

#[tokio::test]
async fn keys_take_turns_from_request_to_request() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 3).await;
    let ada = app.sign_up("ada").await;
    for _ in 0..4 {
        up.answers(good());
        assert_eq!(ada.post(PATH, ask()).await.status, 200);
    }

    assert_eq!(up.keys(), ["key-1", "key-2", "key-3", "key-1"]);
}

#[tokio::test]
async fn a_busy_key_is_spared_as_long_as_was_asked_and_the_next_is_the_next_attempt() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 2).await;
    let ada = app.sign_up("ada").await;
    up.answers(busy("7"));
    for _ in 0..5 {
        up.answers(good());
    }

    // The first key is asked and busy, then spared in its turn, then asked again.
    for (seconds, wanted) in [(0, 200), (6, 200), (0, 200), (1, 200), (0, 200)] {
        app.advance(Duration::from_secs(seconds));
        assert_eq!(ada.post(PATH, ask()).await.status, wanted);
    }

    assert_eq!(
        up.keys(),
        ["key-1", "key-2", "key-2", "key-2", "key-2", "key-1"]
    );
    assert_eq!(behind.connections(), 0);
    let attempts: Vec<_> = app.ledger(5).await.iter().map(|row| row.attempts).collect();
    assert_eq!(attempts.iter().sum::<i64>(), 6);
}

#[tokio::test]
async fn another_model_of_the_same_provider_goes_on_with_the_key_that_is_busy_for_one() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 1).await;
    let ada = app.sign_up("ada").await;
    up.answers(busy("7"));
    behind.answers(good());
    assert_eq!(ada.post(PATH, ask()).await.status, 200);

    up.answers(good());
    let mut other = ask();
    other["model"] = json!("other");
    assert_eq!(ada.post(PATH, other).await.status, 200);
    behind.answers(good());
    assert_eq!(ada.post(PATH, ask()).await.status, 200);

    assert_eq!((up.requests().len(), behind.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_key_that_is_bad_or_has_no_money_is_out_for_its_request_and_the_next_one_is_asked() {
    let used_up = "{\"error\":{\"code\":\"insufficient_quota\"}}";
    for bad in [
        Script::json(401, "{}"),
        Script::json(402, "{}"),
        Script::json(429, used_up),
        Script::json(403, "{\"error\":{\"code\":\"invalid_api_key\"}}"),
    ] {
        let (up, behind) = (Upstream::start().await, Upstream::start().await);
        let app = keyed(&up, &behind, 2).await;
        let ada = app.sign_up("ada").await;
        up.answers(bad.clone()).answers(good());
        up.answers(bad.clone()).answers(bad.clone());
        behind.answers(good());

        assert_eq!(ada.post(PATH, ask()).await.status, 200, "{bad:?}");
        assert_eq!(ada.post(PATH, ask()).await.status, 200, "{bad:?}");

        assert_eq!(up.keys(), ["key-1", "key-2", "key-2", "key-1"]);
        assert_eq!(behind.requests().len(), 1);
    }
}

#[tokio::test]
async fn where_all_keys_are_bad_nobody_is_asked_twice() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 2).await;
    let ada = app.sign_up("ada").await;
    for upstream in [&up, &up, &behind] {
        upstream.answers(Script::json(401, "{}"));
    }

    let reply = ada.post(PATH, ask()).await;

    assert_eq!(reply.status, 502);
    assert_eq!(error(&reply)["code"], "upstream_auth");
    assert_eq!(reply.header("x-should-retry"), "false");
    assert_eq!((up.requests().len(), behind.requests().len()), (2, 1));
}

#[tokio::test]
async fn where_all_keys_are_busy_the_caller_is_told_and_then_nobody_is_asked_until_the_soonest() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 2).await;
    let ada = app.sign_up("ada").await;
    up.answers(busy("40")).answers(busy("20"));
    behind.answers(busy("30"));

    let told = ada.post(PATH, ask()).await;
    let spared = ada.post(PATH, ask()).await;

    assert_eq!((told.status, told.header("retry-after")), (429, "30"));
    assert_eq!(told.header("x-should-retry"), "");
    assert_eq!((spared.status, spared.header("retry-after")), (503, "20"));
    assert_eq!(error(&spared)["code"], "service_unavailable");
    app.advance(Duration::from_secs(20));
    up.answers(good());
    assert_eq!(ada.post(PATH, ask()).await.status, 200);
    assert_eq!(up.keys(), ["key-1", "key-2", "key-2"]);
    app.ledger(2).await;
}

#[tokio::test]
async fn a_server_that_asks_for_quiet_is_asked_with_none_of_its_keys() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 2).await;
    let ada = app.sign_up("ada").await;
    up.answers(Script::json(503, "{}").header("retry-after", "60"));
    for _ in 0..3 {
        behind.answers(good());
        assert_eq!(ada.post(PATH, ask()).await.status, 200);
    }

    assert_eq!(up.requests().len(), 1);
}

#[tokio::test]
async fn models_are_listed_with_the_first_key() {
    let (up, behind) = (Upstream::start().await, Upstream::start().await);
    let app = keyed(&up, &behind, 2).await;
    let ada = app.sign_up("ada").await;
    up.answers(Script::json(200, "{\"data\":[{\"id\":\"a\"}]}"));

    let listed = ada.get("/v1/models").await;

    assert!(listed.text().contains("\"up/a\""), "{}", listed.text());
    assert_eq!(up.keys(), ["key-1"]);
}
