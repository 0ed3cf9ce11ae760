//! What no upstream was sent costs nothing, whatever ends the wait for a connection.

use std::pin::pin;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::support::upstream::{Script, Upstream};
use crate::support::{BlackHole, Row, TestApp, Wire};

use super::{PATH, PROMPT, REPLY, ask, ask_stream, configured_with, error, provider};

/// With the model `public` at `url`, and priced.
async fn at(url: &str, relay: &str) -> TestApp {
    let toml = format!(
        "[relay]\n{relay}\n{}[models.public]\ntargets = [\"up/public\"]
        price = {{ input = 1000, output = 1000 }}",
        provider("up", url)
    );
    configured_with(&toml, &[("SHUTDOWN_TIMEOUT_SECONDS", "2")]).await
}

/// Waits until the metrics count one.
async fn counts(app: &TestApp, series: &str) {
    for _ in 0..1_000 {
        if app.numbers().await.of(series) > 0 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{series} is never counted");
}

async fn is_running(app: &TestApp) {
    counts(app, "relay_requests_in_flight").await;
}

fn costs_nothing(row: &Row) {
    let tokens = (row.prompt_tokens, row.completion_tokens);
    assert_eq!((tokens, row.cost_microusd), ((0, 0), 0), "{row:?}");
    assert_eq!((row.attempts, row.estimated), (1, 0), "{row:?}");
}

#[tokio::test]
async fn a_caller_who_leaves_while_there_is_no_connection_pays_nothing() {
    let nowhere = BlackHole::open().await;
    let app = at(&nowhere.url(), "").await;
    let ada = app.sign_up("ada").await;
    for body in [ask(), ask_stream()] {
        let mut asking = Box::pin(ada.post(PATH, body));
        tokio::select! {
            reply = &mut asking => panic!("{reply:?}"),
            () = is_running(&app) => {}
        }
        drop(asking);
    }

    for row in app.ledger(2).await {
        assert_eq!((row.status.as_str(), row.http_status), ("cancelled", None));
        costs_nothing(&row);
    }
}

#[tokio::test]
async fn a_caller_who_leaves_when_all_is_sent_pays_the_prompt() {
    let upstream = Upstream::start().await;
    let app = at(&upstream.url(), "").await;
    let ada = app.sign_up("ada").await;
    // Over a new connection, and over one that was used before.
    for (first, body) in [(1, ask()), (3, ask_stream())] {
        upstream.answers(Script::raw(""));
        {
            let mut asking = pin!(ada.post(PATH, body));
            tokio::select! {
                reply = &mut asking => panic!("{reply:?}"),
                () = upstream.has_seen(first) => {}
            }
        }
        upstream.answers(Script::json(200, REPLY));
        assert_eq!(ada.post(PATH, ask()).await.status, 200);
    }

    let mut rows = app.ledger(4).await;
    rows.retain(|row| row.status == "cancelled");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.prompt_tokens, row.estimated), (PROMPT, 1));
        assert_eq!(row.cost_microusd, PROMPT * 1_000);
    }
}

#[tokio::test]
async fn an_end_of_patience_before_there_is_a_connection_costs_nothing() {
    let nowhere = BlackHole::open().await;
    for (relay, body) in [
        ("first_token_timeout = \"300ms\"", ask_stream()),
        ("total_timeout = \"300ms\"", ask()),
        ("total_timeout = \"300ms\"", ask_stream()),
        ("connect_timeout = \"300ms\"", ask()),
    ] {
        let app = at(&nowhere.url(), relay).await;
        let ada = app.sign_up("ada").await;

        let reply = ada.post(PATH, body).await;

        assert_eq!(reply.status, 504, "{relay}");
        assert_eq!(error(&reply)["code"], "upstream_timeout");
        let row = app.row().await;
        assert_eq!((row.status.as_str(), row.http_status), ("error", Some(504)));
        costs_nothing(&row);
    }
}

#[tokio::test]
async fn a_stop_before_there_is_a_connection_costs_nothing() {
    let nowhere = BlackHole::open().await;
    let app = at(&nowhere.url(), "").await;
    let program = app.sign_up("ada").await.with_key(json!({})).await;
    let listening = app.listen().await;
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    let body = ask_stream().to_string();
    caller.post(PATH, &credentials, body.as_bytes()).await;
    is_running(&app).await;

    let ended = listening.begin_to_stop();

    assert_eq!(caller.head().await.status, 503);
    ended.await.unwrap().unwrap();
    let rows = app.ledger_now().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&*rows[0].status, rows[0].http_status),
        ("error", Some(503))
    );
    costs_nothing(&rows[0]);
}

#[tokio::test]
async fn an_attempt_that_was_sent_is_forgotten_when_another_target_is_tried() {
    let (upstream, nowhere) = (Upstream::start().await, BlackHole::open().await);
    upstream.answers(Script::raw("").cut());
    let toml = format!(
        "{}{}[models.public]\ntargets = [\"first/a\", \"second/b\"]",
        provider("first", &upstream.url()),
        provider("second", &nowhere.url())
    );
    let app = super::configured(&toml).await;
    let ada = app.sign_up("ada").await;

    {
        let mut asking = pin!(ada.post(PATH, ask()));
        let tried = "relay_attempts_total{provider=\"first\",model=\"public\",result=\"cut\"}";
        tokio::select! {
            reply = &mut asking => panic!("{reply:?}"),
            () = counts(&app, tried) => {}
        }
    }

    let row = app.row().await;
    assert_eq!((row.provider.as_str(), row.attempts), ("second", 2));
    assert_eq!((row.prompt_tokens, row.estimated), (0, 0));
}
