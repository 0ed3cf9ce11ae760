//! The next target, until the first content has come and never after.

use std::time::Duration;

use tokio::net::TcpListener;

use crate::support::upstream::{Script, Upstream};

use super::{
    DONE, PATH, REPLY, ROLE, WORD, ask, ask_stream, configured, error, last_words, provider,
    stream, two,
};

async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

#[tokio::test]
async fn whatever_is_the_firsts_fault_the_second_is_asked() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(
        &first,
        &second,
        "first_token_timeout = \"300ms\"\nbreaker_failures = 100",
    )
    .await;
    let ada = app.sign_up("ada").await;
    let failures = [
        Script::json(500, "{}"),
        Script::json(529, "{}"),
        Script::json(429, "{}").header("retry-after", "7"),
        Script::json(401, "{}"),
        Script::json(402, "{}"),
        Script::json(302, "{}"),
        Script::raw("").cut(),
        Script::raw("").reset(),
    ];
    let only_streamed = [Script::raw(""), Script::stream().hang(), Script::stream()];
    let mut requests = 0;
    for (script, streamed) in failures
        .iter()
        .flat_map(|script| [(script, false), (script, true)])
        .chain(only_streamed.iter().map(|script| (script, true)))
    {
        requests += 1;
        first.answers(script.clone());
        if streamed {
            second.answers(stream(&[WORD, DONE]));
        } else {
            second.answers(Script::json(200, REPLY));
        }

        let reply = ada
            .post(PATH, if streamed { ask_stream() } else { ask() })
            .await;

        assert_eq!(reply.status, 200, "{script:?}: {}", reply.text());
        let wanted = if streamed {
            [WORD, DONE].concat()
        } else {
            REPLY.to_owned()
        };
        assert_eq!(reply.text(), wanted);
        assert_eq!(reply.header("retry-after"), "");
        assert_eq!(reply.header("x-should-retry"), "");
        app.advance(Duration::from_secs(7));
    }
    let sent = second.requests().pop().unwrap();
    assert!(sent.head.contains("Bearer sk-of-second"), "{}", sent.head);
    assert!(sent.body.starts_with(b"{") && sent.body.windows(3).any(|at| at == b"\"b\""));
    for row in app.ledger(requests).await {
        assert_eq!((row.status.as_str(), row.attempts), ("ok", 2));
        assert_eq!(
            (row.provider.as_str(), row.upstream_model.as_str()),
            ("second", "b")
        );
        assert_eq!(row.model, "public");
    }
}

#[tokio::test]
async fn a_closed_port_is_passed_over() {
    let second = Upstream::start().await;
    let app = configured(&format!(
        "{}{}[models.public]\ntargets = [\"first/a\", \"second/b\"]\n",
        provider("first", &closed_port().await),
        provider("second", &second.url())
    ))
    .await;
    let ada = app.sign_up("ada").await;
    second.answers(stream(&[WORD, DONE]));

    let reply = ada.post(PATH, ask_stream()).await;

    assert_eq!(reply.text(), [WORD, DONE].concat());
}

#[tokio::test]
async fn a_mistake_of_the_callers_is_not_taken_to_the_second() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "").await;
    let ada = app.sign_up("ada").await;
    for status in [400, 404, 413, 422] {
        first.answers(Script::json(status, "{\"error\":{}}"));

        assert_eq!(ada.post(PATH, ask()).await.status, status);
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn once_a_word_has_come_there_is_no_second_attempt() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "").await;
    let ada = app.sign_up("ada").await;
    first.answers(stream(&[ROLE, WORD]).cut());

    let reply = ada.post(PATH, ask_stream()).await;

    assert_eq!(reply.status, 200);
    assert_eq!(last_words(reply.text())["code"], "upstream_error");
    assert_eq!(second.connections(), 0);
    let row = app.row().await;
    assert_eq!((row.status.as_str(), row.attempts), ("truncated", 1));
}

#[tokio::test]
async fn the_last_verdict_wins() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "max_attempts = 2").await;
    let ada = app.sign_up("ada").await;
    first.answers(Script::json(500, "{}"));
    second.answers(
        Script::json(429, "{\"error\":{\"message\":\"busy\"}}").header("retry-after", "2"),
    );
    first.answers(Script::json(429, "{}").header("retry-after", "2"));
    second.answers(Script::json(503, "{}"));

    let busy = ada.post(PATH, ask()).await;
    app.advance(Duration::from_secs(2));
    let down = ada.post(PATH, ask()).await;

    assert_eq!((busy.status, busy.header("retry-after")), (429, "2"));
    assert_eq!(down.status, 503);
    assert_eq!(error(&down)["code"], "upstream_error");
    for row in app.ledger(2).await {
        assert_eq!(
            (row.status.as_str(), row.attempts, row.provider.as_str()),
            ("error", 2, "second")
        );
        assert_eq!((row.prompt_tokens, row.estimated), (0, 0));
    }
}

#[tokio::test]
async fn no_more_targets_are_asked_than_attempts_are_allowed() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "max_attempts = 1").await;
    let ada = app.sign_up("ada").await;
    first.answers(Script::json(500, "{}"));

    let reply = ada.post(PATH, ask()).await;

    assert_eq!(reply.status, 500);
    assert_eq!(second.connections(), 0);
}
