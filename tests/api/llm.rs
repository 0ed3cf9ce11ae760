//! The client for OpenAI-compatible servers, against an upstream that does what a script says.

use std::time::{Duration, Instant};

use bytes::Bytes;
use concierge::llm::{
    ChatRequest, Endpoint, Failure, Frame, Frames, OpenAi, Provider, Refusal, Reply, Says, Sent,
    Timeouts, Wait,
};
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::BlackHole;
use crate::support::upstream::{Script, Upstream};

const BODY: &str = r#"{"model":"m","messages":[],"x":{"y":1e400,"z":[1.0,18446744073709551616]}}"#;
const REPLY: &str =
    r#"{"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const WORD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn patient() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        first_token: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(5),
    }
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        base_url: url.parse().unwrap(),
        api_key: Some("sk-secret".into()),
        headers: vec![("X-Own".to_owned(), "of-ours".into())],
    }
}

fn client(url: &str) -> OpenAi {
    OpenAi::new(&endpoint(url), patient()).unwrap()
}

fn client_with(url: &str, timeouts: Timeouts) -> OpenAi {
    OpenAi::new(&endpoint(url), timeouts).unwrap()
}

fn request() -> ChatRequest {
    ChatRequest::view(Bytes::from_static(BODY.as_bytes())).unwrap()
}

async fn complete(upstream: &Upstream) -> Result<Reply, Failure> {
    client(&upstream.url())
        .complete(&request(), &Sent::default())
        .await
}

async fn stream(upstream: &Upstream) -> Result<Frames, Failure> {
    stream_with(upstream, patient()).await
}

async fn stream_with(upstream: &Upstream, timeouts: Timeouts) -> Result<Frames, Failure> {
    let client = client_with(&upstream.url(), timeouts);
    let streaming = client.stream(&request(), &Sent::default(), None).await?;
    Ok(streaming.frames)
}

async fn refusal(upstream: &Upstream) -> Box<Refusal> {
    match complete(upstream).await {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("it is not refused: {other:?}"),
    }
}

/// The bytes of all frames, and the failure that ended them, if one did.
async fn drained(mut frames: Frames) -> (Vec<u8>, Option<Failure>) {
    let mut bytes = Vec::new();
    while let Some(frame) = frames.next().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.bytes()),
            Err(failure) => {
                assert!(
                    frames.next().await.is_none(),
                    "there is more after a failure"
                );
                return (bytes, Some(failure));
            }
        }
    }
    (bytes, None)
}

#[tokio::test]
async fn a_request_arrives_byte_for_byte_under_our_own_headers() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY));

    complete(&upstream).await.unwrap();

    let request = upstream.request().await;
    assert_eq!(request.body, BODY.as_bytes());
    let mut lines: Vec<&str> = request.head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "POST /v1/chat/completions HTTP/1.1");
    lines.sort_unstable();
    let host = upstream
        .url()
        .replace("http://", "host: ")
        .replace("/v1", "");
    let agent = concat!("user-agent: concierge/", env!("CARGO_PKG_VERSION"));
    let length = format!("content-length: {}", BODY.len());
    assert_eq!(
        lines,
        [
            "accept: application/json",
            "authorization: Bearer sk-secret",
            &length,
            "content-type: application/json",
            &host,
            agent,
            "x-own: of-ours",
        ]
    );
}

#[tokio::test]
async fn a_plain_answer_comes_back_byte_for_byte_with_the_headers_worth_passing() {
    let upstream = Upstream::start().await;
    upstream.answers(
        Script::json(201, REPLY)
            .header("x-request-id", "req_1")
            .header("x-ratelimit-remaining-tokens", "9")
            .header("openai-processing-ms", "12")
            .header("openai-organization", "ours")
            .header("set-cookie", "a=b"),
    );

    let reply = complete(&upstream).await.unwrap();

    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (201, REPLY.as_bytes())
    );
    let usage = reply.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion), (3, 4));
    assert_eq!(reply.headers["x-upstream-request-id"], "req_1");
    assert_eq!(reply.headers["x-ratelimit-remaining-tokens"], "9");
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers.len(), 4);
}

#[tokio::test]
async fn a_refusal_keeps_its_status_headers_and_body() {
    let upstream = Upstream::start().await;
    let body =
        r#"{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}"#;
    upstream.answers(Script::json(429, body).header("retry-after", "7"));

    let refusal = refusal(&upstream).await;

    assert_eq!(
        (refusal.status.as_u16(), &refusal.body[..]),
        (429, body.as_bytes())
    );
    assert_eq!(refusal.headers["retry-after"], "7");
    let code = refusal.complaint().unwrap().code;
    assert_eq!(code.as_deref(), Some("rate_limit_exceeded"));
}

#[tokio::test]
async fn a_refusal_stands_though_its_body_is_cut() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(503, "half of it").promising(100).cut());

    let refusal = refusal(&upstream).await;

    assert_eq!((refusal.status.as_u16(), refusal.body.len()), (503, 0));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let upstream = Upstream::start().await;
    let elsewhere = Upstream::start().await;
    upstream.answers(Script::json(307, "").header("location", &elsewhere.url()));

    let refusal = refusal(&upstream).await;

    assert_eq!(refusal.status.as_u16(), 307);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut() {
    let upstream = Upstream::start().await;
    for script in [
        Script::json(200, "{\"a\":").promising(100).cut(),
        Script::json(200, "{\"a\":")
            .promising(100)
            .pause(50)
            .reset(),
        Script::stream().send("{}").cut(),
        Script::raw("HTTP/1.1 200 O").cut(),
        Script::raw("").cut(),
        Script::raw("").reset(),
        Script::raw("what is HTTP?\r\n\r\n").cut(),
    ] {
        upstream.answers(script.clone());

        let reply = complete(&upstream).await;

        assert!(
            matches!(reply, Err(Failure::Cut(_))),
            "{script:?}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_object_is_garbled() {
    let upstream = Upstream::start().await;
    for script in [
        Script::until_close(200).send("{\"a\":"),
        Script::json(200, "[]"),
        Script::json(200, "<html>"),
        Script::json(204, ""),
        Script::json(200, b"{\"a\":\"\xff\"}"),
    ] {
        upstream.answers(script.clone());

        let reply = complete(&upstream).await;

        assert!(
            matches!(reply, Err(Failure::Garbled(_))),
            "{script:?}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_beyond_64_mib_is_not_read() {
    let upstream = Upstream::start().await;
    let mut script = Script::until_close(200);
    for _ in 0..65 {
        script = script.send(vec![b' '; 1024 * 1024]);
    }
    upstream.answers(script.hang());

    let reply = complete(&upstream).await;

    assert!(
        matches!(reply, Err(Failure::Garbled("it is too large"))),
        "{reply:?}"
    );
    upstream.closed().await;
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);

    let reply = client(&url).complete(&request(), &Sent::default()).await;

    assert!(matches!(reply, Err(Failure::Unreachable(_))), "{reply:?}");
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_late() {
    let nowhere = BlackHole::open().await;
    let timeouts = Timeouts {
        connect: Duration::from_millis(100),
        ..patient()
    };

    let reply = client_with(&nowhere.url(), timeouts)
        .complete(&request(), &Sent::default())
        .await;

    assert!(
        matches!(reply, Err(Failure::Late(Wait::Connect))),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_plain_answer_that_takes_too_long_is_late_and_let_go() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts {
        first_token: Duration::from_millis(1),
        idle: Duration::from_millis(1),
        total: Duration::from_millis(150),
        ..patient()
    };
    for script in [
        Script::raw("").hang(),
        Script::json(200, "{").promising(9).hang(),
    ] {
        upstream.answers(script);

        let reply = client_with(&upstream.url(), timeouts)
            .complete(&request(), &Sent::default())
            .await;

        assert!(
            matches!(reply, Err(Failure::Late(Wait::Total))),
            "{reply:?}"
        );
    }
    upstream.closed().await;
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_head_closes_the_connection() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::raw("").hang());
    let client = client(&upstream.url());
    let request = request();
    let sent = Sent::default();
    let mut answer = client.stream(&request, &sent, None);
    tokio::select! {
        _ = &mut answer => panic!("nothing was sent"),
        _ = upstream.request() => {}
    }

    let left = Instant::now();
    drop(answer);

    let closed = upstream.closed().await;
    assert!(closed - left < Duration::from_millis(100));
}

#[tokio::test]
async fn a_caller_who_leaves_in_the_middle_closes_the_connection() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::stream().send(WORD).hang());
    let frames = stream(&upstream).await.unwrap();

    let left = Instant::now();
    drop(frames);

    let closed = upstream.closed().await;
    assert!(closed - left < Duration::from_millis(100));
}

#[tokio::test]
async fn a_stream_passes_byte_for_byte_however_it_is_cut_into_packets() {
    let upstream = Upstream::start().await;
    let sent: &[&[u8]] = &[
        b": comment\r\n\r\ndata: {\"z\":1,\"choices\":[{\"delta\":{\"content\":\"\xe2\x82",
        b"\xac\"}}], \"a\" : 1e400}\r\n",
        b"\r\ndata: {\"choices\":[]}\r\rid: 7\nevent: x\ndata: a\ndata: b\n",
        b"\ndata: [DONE]\n\n",
    ];
    let mut script = Script::stream();
    for piece in sent {
        script = script.send(piece).pause(20);
    }
    upstream.answers(script);

    let (bytes, failure) = drained(stream(&upstream).await.unwrap()).await;

    assert_eq!(bytes, sent.concat());
    assert!(failure.is_none(), "{failure:?}");
    let head = upstream.request().await.head;
    assert!(head.contains("accept: text/event-stream\r\n"));
}

#[tokio::test]
async fn a_frame_is_forwarded_before_the_next_one_comes() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::stream().send(ROLE).send(WORD).hang());

    let mut frames = stream(&upstream).await.unwrap();
    let role = frames.next().await.unwrap().unwrap();
    let word = timeout(Duration::from_secs(1), frames.next())
        .await
        .unwrap();

    assert!(!role.is_content());
    assert!(word.unwrap().unwrap().is_content());
}

#[tokio::test]
async fn a_stream_head_keeps_the_headers_worth_passing() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::stream().header("x-request-id", "req_2").send(DONE));

    let streaming = client(&upstream.url())
        .stream(&request(), &Sent::default(), None)
        .await
        .unwrap();

    assert_eq!(streaming.headers["x-upstream-request-id"], "req_2");
    assert_eq!(streaming.headers["content-type"], "text/event-stream");
}

#[tokio::test]
async fn a_stream_is_refused_like_a_plain_answer() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(400, r#"{"error":{"message":"no"}}"#));

    let refused = stream(&upstream).await.err();

    assert!(matches!(refused, Some(Failure::Refused(refusal)) if refusal.status == 400));
}

#[tokio::test]
async fn a_document_in_the_place_of_a_stream_is_garbled() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY));
    upstream.answers(Script::until_close(200).header("content-type", "text/html; charset=utf-8"));

    for _ in 0..2 {
        let failure = stream(&upstream).await.err();
        assert!(matches!(failure, Some(Failure::Garbled(_))), "{failure:?}");
    }
}

#[tokio::test]
async fn a_stream_that_does_not_name_its_type_is_a_stream() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::until_close(200).send(WORD).send(DONE));

    let (bytes, failure) = drained(stream(&upstream).await.unwrap()).await;

    assert_eq!(bytes, [WORD, DONE].concat().as_bytes());
    assert!(failure.is_none());
}

#[tokio::test]
async fn a_stream_that_ends_before_its_first_frame_is_cut() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::stream());
    upstream.answers(Script::stream().send("data: {").cut());

    for _ in 0..2 {
        let failure = stream(&upstream).await.err();
        assert!(matches!(failure, Some(Failure::Cut(_))), "{failure:?}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_cut_and_half_a_frame_does_not_pass() {
    let upstream = Upstream::start().await;
    let begun = Script::stream().send(WORD).send("data: {\"cho").pause(50);
    for script in [begun.clone().cut(), begun.reset()] {
        upstream.answers(script);

        let (bytes, failure) = drained(stream(&upstream).await.unwrap()).await;

        assert_eq!(bytes, WORD.as_bytes());
        assert!(matches!(failure, Some(Failure::Cut(_))), "{failure:?}");
    }
}

#[tokio::test]
async fn what_stands_after_the_last_blank_line_passes_at_a_clean_end() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::stream().send(WORD).send("data: [DONE]\n"));

    let frames = stream(&upstream).await.unwrap();
    let frames: Vec<Frame> = frames.map(Result::unwrap).collect().await;

    assert!(matches!(frames[1].says(), Says::Done));
    assert!(!frames[1].ends());
}

#[tokio::test]
async fn a_first_token_that_does_not_come_is_late() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts {
        first_token: Duration::from_millis(150),
        ..patient()
    };
    upstream.answers(Script::raw("").hang());
    upstream.answers(Script::stream().hang());
    upstream.answers(Script::stream().send(ROLE).send(": busy\n\n").hang());

    for _ in 0..2 {
        let failure = stream_with(&upstream, timeouts).await.err();
        let is_late = matches!(failure, Some(Failure::Late(Wait::FirstToken)));
        assert!(is_late, "{failure:?}");
    }
    let (bytes, failure) = drained(stream_with(&upstream, timeouts).await.unwrap()).await;

    assert_eq!(bytes, [ROLE, ": busy\n\n"].concat().as_bytes());
    assert!(
        matches!(failure, Some(Failure::Late(Wait::FirstToken))),
        "{failure:?}"
    );
    upstream.closed().await;
}

#[tokio::test]
async fn silence_between_frames_is_late_and_lets_the_connection_go() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts {
        idle: Duration::from_millis(400),
        ..patient()
    };
    upstream.answers(
        Script::stream()
            .send(ROLE)
            .pause(60)
            .send(WORD)
            .pause(60)
            .send(WORD)
            .pause(60)
            .send(WORD)
            .send("data: {")
            .hang(),
    );
    let mut frames = stream_with(&upstream, timeouts).await.unwrap();
    for _ in 0..4 {
        frames.next().await.unwrap().unwrap();
    }

    let failure = timeout(Duration::from_secs(3), frames.next()).await;
    let failure = failure.unwrap().unwrap().err();

    assert!(
        matches!(failure, Some(Failure::Late(Wait::Idle))),
        "{failure:?}"
    );
    upstream.closed().await;
}

#[tokio::test]
async fn a_slow_reader_is_not_the_upstreams_fault() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts {
        idle: Duration::from_millis(100),
        ..patient()
    };
    upstream.answers(Script::stream().send(WORD).pause(240).send(WORD).send(DONE));
    let mut frames = stream_with(&upstream, timeouts).await.unwrap();
    frames.next().await.unwrap().unwrap();

    tokio::time::sleep(Duration::from_millis(200)).await;
    let (bytes, failure) = drained(frames).await;

    assert_eq!(bytes, [WORD, DONE].concat().as_bytes());
    assert!(failure.is_none(), "{failure:?}");
}

#[tokio::test]
async fn a_stream_that_does_not_end_in_time_is_late() {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts {
        total: Duration::from_millis(150),
        ..patient()
    };
    let mut script = Script::stream();
    for _ in 0..30 {
        script = script.send(WORD).pause(20);
    }
    upstream.answers(script.hang());

    let (bytes, failure) = drained(stream_with(&upstream, timeouts).await.unwrap()).await;

    assert!(bytes.len() > WORD.len());
    assert!(
        matches!(failure, Some(Failure::Late(Wait::Total))),
        "{failure:?}"
    );
}

#[tokio::test]
async fn after_done_a_connection_that_stays_open_or_breaks_is_the_end() {
    let upstream = Upstream::start().await;
    for script in [Script::stream().hang(), Script::stream().cut()] {
        upstream.answers(script.send(WORD).send(DONE));

        let (bytes, failure) = drained(stream(&upstream).await.unwrap()).await;

        assert_eq!(bytes, [WORD, DONE].concat().as_bytes());
        assert!(failure.is_none(), "{failure:?}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_plain_answer_and_after_a_stream() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY));
    upstream.answers(Script::stream().send(WORD).send(DONE));
    upstream.answers(Script::json(200, REPLY));
    let client = client(&upstream.url());

    client.complete(&request(), &Sent::default()).await.unwrap();
    let streaming = client
        .stream(&request(), &Sent::default(), None)
        .await
        .unwrap();
    drained(streaming.frames).await;
    client.complete(&request(), &Sent::default()).await.unwrap();

    assert_eq!((upstream.requests().len(), upstream.connections()), (3, 1));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_nobodys_failure() {
    let upstream = Upstream::start().await;
    let client = client(&upstream.url());
    for connection in 1..=5 {
        upstream.answers(Script::json(200, REPLY).cut());

        let reply = client.complete(&request(), &Sent::default()).await;

        assert!(reply.is_ok(), "{connection}: {reply:?}");
        assert_eq!(upstream.connections(), connection);
        // Until the close has come.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_read_is_not_sent_again() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY));
    upstream.answers(Script::raw("").cut());
    let client = client(&upstream.url());
    client.complete(&request(), &Sent::default()).await.unwrap();

    let reply = client.complete(&request(), &Sent::default()).await;

    assert!(matches!(reply, Err(Failure::Cut(_))), "{reply:?}");
    assert_eq!((upstream.requests().len(), upstream.connections()), (2, 1));
}

#[tokio::test]
async fn a_long_head_is_read() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY).header("x-policy", &"x".repeat(12_000)));

    let reply = complete(&upstream).await;

    assert!(reply.is_ok(), "{reply:?}");
}

#[tokio::test]
async fn the_models_keep_what_their_upstream_says_of_them() {
    let upstream = Upstream::start().await;
    let entry = r#"{"id":"a/b","context_length":1e3,"pricing":{"x":"0.1"}}"#;
    upstream.answers(Script::json(
        200,
        format!(r#"{{"data":[{entry},{{"no":"id"}}]}}"#),
    ));
    upstream.answers(Script::json(200, format!("[{entry}]")));

    for _ in 0..2 {
        let models = client(&upstream.url()).models().await.unwrap();

        assert_eq!(models.len(), 1);
        assert_eq!(
            (models[0].id.as_str(), models[0].json.get()),
            ("a/b", entry)
        );
    }
    let head = upstream.request().await.head;
    assert!(head.starts_with("GET /v1/models HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_list_of_models_that_cannot_be_read_is_a_failure() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, r#"{"data":{}}"#));
    upstream.answers(Script::json(404, ""));

    let garbled = client(&upstream.url()).models().await.unwrap_err();
    let refused = client(&upstream.url()).models().await.unwrap_err();

    assert!(matches!(garbled, Failure::Garbled(_)));
    assert!(matches!(refused, Failure::Refused(_)));
}

#[tokio::test]
async fn a_query_in_the_base_url_goes_along() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY));

    let client = client(&format!("{}/?api-version=1", upstream.url()));
    client.complete(&request(), &Sent::default()).await.unwrap();

    let head = upstream.request().await.head;
    assert!(head.starts_with("POST /v1/chat/completions?api-version=1 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_server_without_a_key_is_sent_none() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(200, REPLY));
    let endpoint = Endpoint {
        api_key: None,
        ..endpoint(&upstream.url())
    };

    let client = OpenAi::new(&endpoint, patient()).unwrap();
    client.complete(&request(), &Sent::default()).await.unwrap();

    assert!(!upstream.request().await.head.contains("authorization"));
}

#[tokio::test]
async fn another_key_goes_over_the_same_connection() {
    let upstream = Upstream::start().await;
    for _ in 0..3 {
        upstream.answers(Script::json(200, REPLY));
    }
    let first = client(&upstream.url());
    let second = first.with_key(Some(&"sk-other".into())).unwrap();
    let without = second.with_key(None).unwrap();

    for client in [first, second, without] {
        client.complete(&request(), &Sent::default()).await.unwrap();
    }

    let requests = upstream.requests();
    assert!(
        requests[0]
            .head
            .contains("authorization: Bearer sk-secret\r\n")
    );
    assert!(
        requests[1]
            .head
            .contains("authorization: Bearer sk-other\r\n")
    );
    assert!(!requests[2].head.contains("authorization"));
    assert!(
        requests
            .iter()
            .all(|request| request.head.contains("x-own: of-ours\r\n"))
    );
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn another_key_keeps_the_rules_of_the_first() {
    let client = client("http://127.0.0.1:1/v1");

    let error = client.with_key(Some(&"sk-\n".into())).unwrap_err();

    assert_eq!(error.fields[0].name, "api_key");
}

#[test]
fn an_endpoint_that_cannot_be_used_is_refused_with_the_setting_at_fault() {
    let good = endpoint("http://127.0.0.1:1/v1");
    let at = |base_url: &str| Endpoint {
        base_url: base_url.parse().unwrap(),
        ..good.clone()
    };
    let with = |name: &str, value: &str| Endpoint {
        headers: vec![(name.to_owned(), value.into())],
        ..good.clone()
    };
    let with_key = |key: &str| Endpoint {
        api_key: Some(key.into()),
        ..good.clone()
    };

    for (endpoint, field) in [
        (at("ftp://example.com/v1"), "base_url"),
        (at("mailto:a@example.com"), "base_url"),
        (at("http://user:pass@example.com/v1"), "base_url"),
        (with("a b", "c"), "headers"),
        (with("a", "b\nc"), "headers"),
        (with("Content-Length", "1"), "headers"),
        (with_key("sk-\n"), "api_key"),
    ] {
        let error = OpenAi::new(&endpoint, patient()).unwrap_err();

        assert_eq!(error.fields[0].name, field, "{endpoint:?}");
    }
}

#[test]
fn no_secret_is_in_the_debug_output() {
    let endpoint = endpoint("http://127.0.0.1:1/v1?key=in-the-query");

    let client = OpenAi::new(&endpoint, patient()).unwrap();

    let debug = format!("{endpoint:?} {client:?}");
    for secret in ["sk-secret", "of-ours", "in-the-query"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}
