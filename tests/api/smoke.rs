//! The main job, once through: join, sign in, make a key, ask a model, see what it has cost.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_newcomer_joins_makes_a_key_and_gets_an_answer() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let program = ada.with_key(json!({"name": "script"})).await;

    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]});
    let reply = program.post("/api/v1/chat/completions", body).await;

    assert_eq!(reply.status, 200);
    let answer = &reply.json()["choices"][0]["message"];
    assert_eq!(answer["role"], "assistant");
    assert!(answer["content"].as_str().unwrap().contains("demo"));
    let usage = app.usage(&program, 1).await;
    assert_eq!(usage["items"][0]["model"], "gpt-4o-mini");
}
