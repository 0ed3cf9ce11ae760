//! An accident in a handler costs one answer.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use concierge::api;
use http::Request;
use tower::ServiceExt;

use super::{openai_refusal, refusal};
use crate::support::{Reply, TestApp};

async fn boom() -> &'static str {
    let secret = std::env::args().next().map(|_| "hunter2").unwrap();
    panic!("the password was {secret}");
}

async fn ask(app: &TestApp, path: &str) -> Reply {
    let routes = Router::new()
        .route("/boom", get(boom))
        .route("/v1/boom", get(boom));
    let request = Request::get(path)
        .header("origin", "http://localhost:3000")
        .header("x-request-id", "mine")
        .body(Body::empty())
        .unwrap();
    let response = api::layered(routes, app.app.clone()).oneshot(request).await;
    Reply::read(response.unwrap()).await
}

// PocketBase #7762: a handler that panicked took the process with it.
#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing_of_it() {
    let app = TestApp::start().await;

    let house = ask(&app, "/boom/").await;
    let openai = ask(&app, "/v1/boom").await;

    refusal(&house, 500, "internal_error");
    openai_refusal(&openai, 500, "internal_error");
    for reply in [house, openai] {
        assert!(!reply.text().contains("hunter2") && !reply.text().contains("password"));
        assert_eq!(reply.header("x-request-id"), "mine");
        assert_eq!(
            reply.header("access-control-allow-origin"),
            "http://localhost:3000"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
}
