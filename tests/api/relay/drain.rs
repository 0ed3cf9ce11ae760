//! The end of the process, with work still running.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::support::app::Listening;
use crate::support::upstream::Script;
use crate::support::{Actor, Wire};

use super::{
    DONE, PATH, ROLE, STOP, Scene, WORD, ask, ask_stream, configured_with, last_words, provider,
    stream,
};

async fn asked(listening: &Listening, program: &Actor<'_>, body: serde_json::Value) -> Wire {
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, body.to_string().as_bytes())
        .await;
    caller
}

/// With so many seconds from the signal to the end.
async fn limited_to(seconds: &str) -> Scene {
    let upstream = crate::support::upstream::Upstream::start().await;
    let toml = provider("up", &upstream.url());
    let app = configured_with(&toml, &[("SHUTDOWN_TIMEOUT_SECONDS", seconds)]).await;
    Scene { upstream, app }
}

#[tokio::test]
async fn short_streams_finish_and_long_ones_end_with_an_error_in_time() {
    let scene = limited_to("3").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let mut callers = Vec::new();
    for number in 0..20 {
        let begun = stream(&[WORD]);
        scene.upstream.answers(if number % 2 == 0 {
            begun.pause(800).send([STOP, DONE].concat())
        } else {
            begun.hang()
        });
        let mut caller = asked(&listening, &program, ask_stream()).await;
        caller.head().await;
        assert_eq!(caller.chunk().await.unwrap(), WORD.as_bytes());
        callers.push(caller);
    }

    let signalled = Instant::now();
    let ended = listening.begin_to_stop();
    let rests = join_all(callers.iter_mut().map(Wire::rest)).await;
    ended.await.unwrap().unwrap();

    assert!(
        signalled.elapsed() < Duration::from_secs(3),
        "{:?}",
        signalled.elapsed()
    );
    for (number, rest) in rests.into_iter().enumerate() {
        let rest = String::from_utf8(rest).unwrap();
        if number % 2 == 0 {
            assert_eq!(rest, [STOP, DONE].concat());
        } else {
            assert_eq!(last_words(&rest)["code"], "service_unavailable");
        }
    }
    let rows = scene.app.ledger_now().await;
    let with = |status: &str| rows.iter().filter(|row| row.status == status).count();
    assert_eq!((with("ok"), with("truncated"), rows.len()), (10, 10, 20));
}

#[tokio::test]
async fn who_still_waits_for_an_answer_is_told_and_has_a_row() {
    let scene = limited_to("2").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let mut callers = Vec::new();
    for body in [ask(), ask_stream()] {
        scene.upstream.answers(Script::raw(""));
        callers.push(asked(&listening, &program, body).await);
    }
    while scene.upstream.requests().len() < 2 {
        sleep(Duration::from_millis(10)).await;
    }

    let signalled = Instant::now();
    let ended = listening.begin_to_stop();
    for caller in &mut callers {
        let head = caller.head().await;
        assert_eq!(head.status, 503, "{}", head.text);
    }
    ended.await.unwrap().unwrap();

    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    both_were_told_that_it_stops(&scene).await;
}

#[tokio::test]
async fn a_caller_who_does_not_read_cannot_hold_up_the_end() {
    let scene = limited_to("2").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let frame = WORD.replace("hi", &"x".repeat(60_000));
    let mut script = Script::stream();
    for _ in 0..1_000 {
        script = script.send(&frame);
    }
    scene.upstream.answers(script);
    let mut caller = Wire::connect_narrow(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;
    caller.head().await;
    scene.upstream.written_when_blocked().await;

    let signalled = Instant::now();
    listening.stop().await;

    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    assert_eq!(scene.app.ledger_now().await.len(), 1);
    assert_eq!(scene.app.app.shutdown.running(), 0);
}

#[tokio::test]
async fn a_caller_who_never_finishes_asking_cannot_hold_up_the_end() {
    use tokio::io::AsyncWriteExt;

    let scene = limited_to("2").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let mut idle = tokio::net::TcpStream::connect(listening.address)
        .await
        .unwrap();
    let mut half = tokio::net::TcpStream::connect(listening.address)
        .await
        .unwrap();
    idle.write_all(b"GET / HT").await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{",
        program.authorization()
    );
    half.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;

    let signalled = Instant::now();
    listening.stop().await;

    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    assert_eq!(scene.app.app.shutdown.running(), 0);
}

#[tokio::test]
async fn nothing_new_is_taken_once_the_end_has_begun() {
    let scene = limited_to("3").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    scene
        .upstream
        .answers(stream(&[WORD]).pause(700).send([STOP, DONE].concat()));
    let mut running = asked(&listening, &program, ask_stream()).await;
    running.head().await;
    let address = listening.address;

    let ended = listening.begin_to_stop();
    sleep(Duration::from_millis(200)).await;

    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(scene.app.anonymous().get("/readyz").await.status, 503);
    assert_eq!(
        String::from_utf8(running.rest().await).unwrap(),
        [WORD, STOP, DONE].concat()
    );
    assert!(running.is_closed().await);
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_has_a_head_and_no_answer_yet_is_told_too() {
    let upstream = crate::support::upstream::Upstream::start().await;
    let toml = format!(
        "[relay]\ncommit_after = \"0s\"\n{}",
        provider("up", &upstream.url())
    );
    let app = configured_with(&toml, &[("SHUTDOWN_TIMEOUT_SECONDS", "2")]).await;
    let scene = Scene { upstream, app };
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let mut callers = Vec::new();
    for script in [Script::raw(""), stream(&[ROLE]).hang()] {
        scene.upstream.answers(script);
        let mut caller = asked(&listening, &program, ask_stream()).await;
        assert_eq!(caller.head().await.status, 200);
        callers.push(caller);
    }
    scene.upstream.asked_times(2).await;

    let signalled = Instant::now();
    let ended = listening.begin_to_stop();
    for caller in &mut callers {
        let said = String::from_utf8(caller.rest().await).unwrap();
        assert_eq!(last_words(&said)["code"], "service_unavailable", "{said}");
    }
    ended.await.unwrap().unwrap();

    assert!(
        signalled.elapsed() < Duration::from_secs(2),
        "{:?}",
        signalled.elapsed()
    );
    both_were_told_that_it_stops(&scene).await;
}

/// By what the ledger has of them.
async fn both_were_told_that_it_stops(scene: &Scene) {
    let rows = scene.app.ledger_now().await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.status.as_str(), row.http_status), ("error", Some(503)));
    }
}
