//! Who is asked first.

use std::time::Duration;

use crate::support::TestApp;
use crate::support::upstream::{Script, Upstream};

use super::{DONE, PATH, REPLY, WORD, ask, ask_stream, configured, provider, stream};

async fn three(upstreams: &[Upstream; 3], how: &str) -> TestApp {
    let [one, other, third] = upstreams;
    configured(&format!(
        "{}{}{}[models.public]\ntargets = [\"one/m\", \"other/m\", \"third/m\"]\n{how}\n",
        provider("one", &one.url()),
        provider("other", &other.url()),
        provider("third", &third.url()),
    ))
    .await
}

async fn upstreams() -> [Upstream; 3] {
    [
        Upstream::start().await,
        Upstream::start().await,
        Upstream::start().await,
    ]
}

fn asked(upstreams: &[Upstream; 3]) -> [usize; 3] {
    [0, 1, 2].map(|place| upstreams[place].requests().len())
}

#[tokio::test]
async fn weighted_targets_are_drawn_by_lot_and_one_without_weight_is_a_last_resort() {
    let upstreams = upstreams().await;
    let how = "strategy = \"weighted\"\nweights = [1, 0, 1]";
    let app = three(&upstreams, how).await;
    let ada = app.sign_up("ada").await;
    for upstream in &upstreams {
        for _ in 0..40 {
            upstream.answers(Script::json(200, REPLY));
        }
    }
    for _ in 0..40 {
        assert_eq!(ada.post(PATH, ask()).await.status, 200);
    }

    let [one, other, third] = asked(&upstreams);
    assert!(one > 0 && third > 0, "{one} {third}");
    assert_eq!((other, one + third), (0, 40));
}

#[tokio::test]
async fn one_without_weight_is_asked_when_all_others_have_failed() {
    let upstreams = upstreams().await;
    let how = "strategy = \"weighted\"\nweights = [1, 0, 1]";
    let app = three(&upstreams, how).await;
    let ada = app.sign_up("ada").await;
    upstreams[0].answers(Script::json(500, "{}"));
    upstreams[1].answers(Script::json(200, REPLY));
    upstreams[2].answers(Script::json(500, "{}"));

    assert_eq!(ada.post(PATH, ask()).await.status, 200);

    assert_eq!(asked(&upstreams), [1, 1, 1]);
}

#[tokio::test]
async fn the_quickest_is_asked_first_once_all_are_measured() {
    let upstreams = upstreams().await;
    let app = three(&upstreams, "strategy = \"least_latency\"").await;
    let ada = app.sign_up("ada").await;
    let slow = |millis| Script::stream().pause(millis).send([WORD, DONE].concat());
    upstreams[0].answers(slow(1_500));
    upstreams[1].answers(slow(700));
    for _ in 0..4 {
        upstreams[2].answers(stream(&[WORD, DONE]));
    }
    for _ in 0..6 {
        assert_eq!(ada.post(PATH, ask_stream()).await.status, 200);
    }
    assert_eq!(asked(&upstreams), [1, 1, 4]);

    // Where it fails, the next quickest is the next.
    upstreams[2].answers(Script::json(500, "{}"));
    upstreams[1].answers(stream(&[WORD, DONE]));
    assert_eq!(ada.post(PATH, ask_stream()).await.status, 200);
    assert_eq!(asked(&upstreams), [1, 2, 5]);
}

#[tokio::test]
async fn who_was_slow_is_looked_at_again_and_may_be_the_quickest_by_then() {
    let upstreams = upstreams().await;
    let app = three(&upstreams, "strategy = \"least_latency\"").await;
    let ada = app.sign_up("ada").await;
    let slow = |millis| Script::stream().pause(millis).send([WORD, DONE].concat());
    upstreams[0].answers(slow(400));
    upstreams[1].answers(slow(800));
    for _ in 0..47 {
        upstreams[2].answers(slow(40));
    }
    for _ in 0..49 {
        assert_eq!(ada.post(PATH, ask_stream()).await.status, 200);
    }
    assert_eq!(asked(&upstreams), [1, 1, 47]);
    app.advance(Duration::from_mins(1));

    for _ in 0..5 {
        upstreams[0].answers(stream(&[WORD, DONE]));
        assert_eq!(ada.post(PATH, ask_stream()).await.status, 200);
    }

    assert_eq!(asked(&upstreams), [6, 1, 47]);
}

#[tokio::test]
async fn who_fails_is_not_taken_for_quick() {
    let upstreams = upstreams().await;
    let app = three(&upstreams, "strategy = \"least_latency\"").await;
    let ada = app.sign_up("ada").await;
    for _ in 0..4 {
        upstreams[0].answers(Script::json(500, "{}"));
        upstreams[1].answers(Script::json(500, "{}"));
        upstreams[2].answers(Script::json(200, REPLY));
        assert_eq!(ada.post(PATH, ask()).await.status, 200);
    }

    assert_eq!(asked(&upstreams), [1, 1, 4]);
}
