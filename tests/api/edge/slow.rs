//! Bodies take room while they are held, and there is only so much of it.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::{openai_refusal, refusal};
use crate::support::{PASSWORD, TestApp};

const REGISTER: &str = "/api/v1/auth/register";

#[tokio::test]
async fn where_no_room_for_bodies_is_left_the_next_is_told_to_come_again() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let joining = json!({"email": "eve@example.com", "password": PASSWORD});
    let room = app.app.vitals.body_room.clone();
    let all = room.available_permits();
    let taken = room
        .acquire_many(u32::try_from(all).unwrap())
        .await
        .unwrap();

    let whole = app.anonymous().post(REGISTER, joining.clone()).await;
    let piece = Ok::<_, std::io::Error>(Bytes::from_static(b"{"));
    let pieces = Body::from_stream(stream::iter([piece]));
    let in_pieces = app.anonymous().post_bytes(REGISTER, pieces).await;
    let chat = ada.post("/v1/chat/completions", json!({})).await;
    drop(taken);
    let later = app.anonymous().post(REGISTER, joining).await;

    for reply in [&whole, &in_pieces] {
        refusal(reply, 503, "service_unavailable");
        assert_eq!(reply.header("retry-after"), "1");
    }
    openai_refusal(&chat, 503, "service_unavailable");
    assert_eq!(later.status, 201, "{}", later.text());
}

#[tokio::test]
async fn the_room_of_a_body_is_free_again_whatever_became_of_it() {
    let app = TestApp::with(&[("MAX_BODY_BYTES", "2048")]).await;
    let ada = app.sign_up("ada").await;
    let all = app.app.vitals.body_room.available_permits();
    let asked = json!({"model": "concierge-demo", "messages": [{"role": "user", "content": "x"}]});

    ada.post("/v1/chat/completions", asked).await;
    ada.post_bytes("/v1/chat/completions", "{").await;
    let pieces = (0..30).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 100])));
    let too_large = Body::from_stream(stream::iter(pieces));
    app.anonymous().post_bytes(REGISTER, too_large).await;

    assert_eq!(app.app.vitals.body_room.available_permits(), all);
}
