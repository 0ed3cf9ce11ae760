//! Whoever taps a stream sees what the caller sees, and how it ended.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use concierge::domain::{Caps, Principal, RequestId, Role, SessionId, UserId, Via};
use concierge::llm::ChatRequest;
use concierge::relay::{Answer, Ask, Relayed, Tap};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::support::upstream::Script;

use super::{DONE, ROLE, STOP, Scene, WORD, ask_stream, last_words, stream};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(String, Option<bool>)>>);

impl Seen {
    fn so_far(&self) -> (String, Option<bool>) {
        self.0.lock().unwrap().clone()
    }
}

impl Tap for Seen {
    fn passed(&mut self, bytes: &Bytes) {
        let mut seen = self.0.lock().unwrap();
        assert!(seen.1.is_none(), "something comes behind the end");
        seen.0.push_str(std::str::from_utf8(bytes).unwrap());
    }

    fn ended(&mut self, is_complete: bool) {
        assert!(self.0.lock().unwrap().1.replace(is_complete).is_none());
    }
}

/// A stream as the relay hands it out, with a tap on it.
async fn tapped(scene: &Scene, script: Script) -> (Box<Relayed>, Seen) {
    scene.upstream.answers(script);
    let ada = scene.app.log_in("ada").await;
    let id = ada.get("/api/v1/auth/me").await.json()["id"].clone();
    let ask = Ask {
        principal: Principal {
            user: UserId::parse(id.as_str().unwrap()).unwrap(),
            role: Role::User,
            caps: Caps::default(),
            via: Via::Session(SessionId::new(&scene.app.clock)),
        },
        request: ChatRequest::view(ask_stream().to_string().into()).unwrap(),
        request_id: RequestId::new(&scene.app.clock),
        idempotency_key: None,
        arrived: Instant::now(),
    };
    let answer = scene.app.app.relay.complete(ask).await;
    let Answer::Stream { mut frames, .. } = answer else {
        panic!("{answer:?}");
    };
    let seen = Seen::default();
    frames.tapped(Box::new(seen.clone()));
    (frames, seen)
}

async fn scene(relay: &str) -> Scene {
    let scene = Scene::with(relay, "").await;
    scene.app.sign_up("ada").await;
    scene
}

async fn text(frames: Box<Relayed>) -> String {
    let pieces: Vec<Bytes> = frames.collect().await;
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn a_whole_stream_is_seen_without_our_comments() {
    let scene = scene("keepalive_interval = \"50ms\"\ncommit_after = \"0s\"").await;
    for frames in [&[ROLE, WORD, STOP, DONE][..], &[ROLE, WORD, STOP]] {
        let script = stream(&frames[..2]).pause(300).send(frames[2..].concat());
        let (relayed, seen) = tapped(&scene, script).await;

        let text = text(relayed).await;

        assert!(text.contains(": keep-alive\n\n"));
        let whole = [ROLE, WORD, STOP, DONE].concat();
        assert_eq!(seen.so_far(), (whole, Some(true)));
    }
}

#[tokio::test]
async fn what_breaks_off_is_not_complete() {
    let scene = scene("commit_after = \"0s\"\nmax_attempts = 1").await;
    for script in [
        stream(&[ROLE, WORD]).cut(),
        stream(&[ROLE]).cut(),
        Script::json(500, "{}"),
    ] {
        let (relayed, seen) = tapped(&scene, script).await;

        let text = text(relayed).await;

        last_words(&text);
        assert_eq!(seen.so_far(), (text, Some(false)));
    }
}

#[tokio::test]
async fn who_leaves_behind_the_end_has_had_it_all() {
    let scene = scene("").await;
    let (mut relayed, seen) = tapped(&scene, stream(&[WORD, STOP, DONE]).hang()).await;

    while seen.so_far().0.len() < [WORD, STOP].concat().len() {
        relayed.next().await.unwrap();
    }
    assert_eq!(seen.so_far().1, None);
    assert_eq!(relayed.next().await.unwrap(), DONE);
    drop(relayed);

    assert_eq!(seen.so_far(), ([WORD, STOP, DONE].concat(), Some(true)));
}

#[tokio::test]
async fn who_leaves_before_the_end_has_not() {
    let scene = scene("").await;
    let (mut relayed, seen) = tapped(&scene, stream(&[WORD]).hang()).await;

    relayed.next().await.unwrap();
    drop(relayed);

    assert_eq!(seen.so_far(), (WORD.to_owned(), Some(false)));
    assert_eq!(scene.app.row().await.status, "cancelled");
}

#[tokio::test]
async fn what_was_kept_is_a_stream_again() {
    let whole = [ROLE, WORD, STOP, DONE].concat();

    let relayed = Relayed::stored(whole.clone().into());

    assert_eq!(text(Box::new(relayed)).await, whole);
}
