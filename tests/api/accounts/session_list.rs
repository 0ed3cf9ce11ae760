//! The logins that one has, and ending one of them.

use std::time::Duration;

use axum::body::Body;
use concierge::api::kit::client::Peer;
use http::Request;
use serde_json::{Value, json};

use super::{LOGIN, ME, SESSIONS, ada, browser_after};
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, Reply, TestApp};

const NOBODYS: &str = "/api/v1/auth/sessions/0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";

/// The sessions that `actor` sees.
async fn listed(actor: &Actor<'_>) -> Vec<Value> {
    let reply = actor.get(SESSIONS).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["items"].as_array().unwrap().clone()
}

/// Where the session is that `actor` asks with.
async fn own(actor: &Actor<'_>) -> String {
    let sessions = listed(actor).await;
    let mut current = sessions.iter().filter(|session| session["current"] == true);
    let session = current.next().unwrap();
    assert!(current.next().is_none(), "{sessions:?}");
    format!("{SESSIONS}/{}", session["id"].as_str().unwrap())
}

/// One more login of Ada's, a second later: the browser that has its cookie, and a program with its
/// token.
async fn one_more(app: &TestApp) -> (Actor<'_>, Actor<'_>) {
    app.advance(Duration::from_secs(1));
    let reply = app.anonymous().post(LOGIN, ada()).await;
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let program = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));
    (browser_after(app, &reply), program)
}

fn is_gone(reply: &Reply) {
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_user_sees_their_logins_the_newest_first_and_which_of_them_asks() {
    let app = TestApp::start().await;
    let first = app.sign_up("ada").await;
    app.sign_up("eve").await;
    let (browser, program) = one_more(&app).await;

    let reply = first.get(SESSIONS).await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-total-count"), "2");
    let sessions = reply.json()["items"].clone();
    for (place, created_at) in ["2026-11-21T09:30:01Z", "2026-11-21T09:30:00Z"]
        .into_iter()
        .enumerate()
    {
        let mut session = sessions[place].clone();
        let id = session.as_object_mut().unwrap().remove("id").unwrap();
        assert!(concierge::domain::SessionId::parse(id.as_str().unwrap()).is_some());
        assert_eq!(
            session,
            json!({
                "created_at": created_at,
                "last_seen_at": created_at,
                "ip": null,
                "user_agent": null,
                "current": place == 1,
            })
        );
    }
    // A cookie and an access token of one login are one session.
    let newest = sessions[0]["id"].as_str().unwrap();
    assert_eq!(own(&browser).await, format!("{SESSIONS}/{newest}"));
    assert_eq!(own(&program).await, own(&browser).await);
    assert_ne!(own(&first).await, own(&browser).await);
}

#[tokio::test]
async fn a_login_tells_where_it_came_from_and_when_it_was_last_used() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    app.sign_up("ada").await;
    let mut login = Request::post(LOGIN)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("user-agent", "Firefox/145")
        .header("x-forwarded-for", "198.51.100.9, 203.0.113.7")
        .body(Body::from(ada().to_string()))
        .unwrap();
    let proxy = "10.1.2.3:5000".parse().unwrap();
    login.extensions_mut().insert(Peer(proxy));
    let browser = browser_after(&app, &app.send(login).await);
    app.advance(Duration::from_hours(2));

    let sessions = listed(&browser).await;

    let session = sessions.iter().find(|one| one["current"] == true).unwrap();
    assert_eq!(session["ip"], "203.0.113.7");
    assert_eq!(session["user_agent"], "Firefox/145");
    assert_eq!(session["created_at"], "2026-11-21T09:30:00Z");
    assert_eq!(session["last_seen_at"], "2026-11-21T11:30:00Z");
}

#[tokio::test]
async fn logins_come_in_pages() {
    let app = TestApp::start().await;
    let mut programs = vec![app.sign_up("ada").await];
    for _ in 0..2 {
        programs.push(one_more(&app).await.1);
    }
    let all = listed(&programs[0]).await;

    for (page, session) in (1..).zip(&all) {
        let reply = programs[0]
            .get(&format!("{SESSIONS}?size=1&page={page}"))
            .await;
        let wanted = json!({"items": [session], "total": 3, "page": page, "size": 1, "pages": 3});
        assert_eq!(reply.json(), wanted);
        assert!(reply.header("link").contains("rel=\"last\""));
    }
    let beyond = programs[0]
        .get(&format!("{SESSIONS}?page=4294967295&size=100"))
        .await
        .json();
    assert_eq!(
        (&beyond["items"], &beyond["total"]),
        (&json!([]), &json!(3))
    );
    let bad = programs[0].get(&format!("{SESSIONS}?size=0")).await;
    assert_eq!(field_at_fault(&bad).0, "size");
}

#[tokio::test]
async fn what_is_over_is_not_listed_and_cannot_be_ended() {
    let app = TestApp::start().await;
    let old = own(&app.sign_up("ada").await).await;
    // Its cookie is over by then; its refresh token is not.
    app.advance(Duration::from_hours(30 * 24 - 1));
    let (browser, _) = one_more(&app).await;
    let (signed_out, _) = one_more(&app).await;
    signed_out.post("/api/v1/auth/logout", json!({})).await;
    assert_eq!(listed(&browser).await.len(), 2);

    app.advance(Duration::from_hours(1));

    assert_eq!(listed(&browser).await.len(), 1);
    refusal(&browser.delete(&old).await, 404, "not_found");
}

#[tokio::test]
async fn an_ended_login_opens_nothing_at_once_here_and_within_five_seconds_elsewhere() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;
    let (browser, program) = one_more(&app).await;
    let elsewhere = app.replica().await;
    let there = elsewhere
        .anonymous()
        .header("authorization", program.authorization());
    for actor in [&browser, &program, &there] {
        assert_eq!(actor.get(ME).await.status, 200);
    }

    let lost = own(&browser).await;
    let reply = ada.delete(&lost).await;

    is_gone(&reply);
    assert!(reply.cookies().is_empty(), "its own cookie is good");
    refusal(&browser.get(ME).await, 401, "invalid_token");
    refusal(&program.get(ME).await, 401, "invalid_token");
    app.advance(Duration::from_secs(5));
    refusal(&there.get(ME).await, 401, "invalid_token");
    assert_eq!(ada.get(ME).await.status, 200);
    assert_eq!(key.get(ME).await.status, 200);
    assert_eq!(listed(&ada).await.len(), 1);
    refusal(&ada.delete(&lost).await, 404, "not_found");
}

#[tokio::test]
async fn who_ends_their_own_login_by_cookie_loses_the_cookie() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let (browser, _) = one_more(&app).await;
    let other = own(&ada).await;

    assert!(browser.delete(&other).await.cookies().is_empty());
    let reply = browser.delete(&own(&browser).await).await;

    is_gone(&reply);
    let cleared = reply.cookies();
    assert_eq!(cleared.len(), 2);
    assert!(cleared[0].starts_with("session_token=; "), "{cleared:?}");
    assert!(cleared[1].starts_with("refresh_token=; "), "{cleared:?}");
    for cookie in cleared {
        assert!(cookie.contains("Max-Age=0"), "{cookie}");
    }
    refusal(&browser.get(ME).await, 401, "invalid_token");
}

#[tokio::test]
async fn who_ends_their_own_login_by_token_is_out_too() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let reply = ada.delete(&own(&ada).await).await;

    is_gone(&reply);
    assert!(reply.cookies().is_empty(), "there was none");
    refusal(&ada.get(ME).await, 401, "invalid_token");
}

#[tokio::test]
async fn the_login_of_somebody_else_is_not_there() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let eve = app.sign_up("eve").await;
    let root = app.admin().await;
    let path = own(&ada).await;

    for other in [&eve, &root] {
        let reply = other.delete(&path).await;
        refusal(&reply, 404, "not_found");
        let unknown = other.delete(NOBODYS).await;
        assert_eq!(unknown.json()["error"], reply.json()["error"]);
        assert_eq!(listed(other).await.len(), 1);
    }
    assert_eq!(ada.get(ME).await.status, 200);
}

#[tokio::test]
async fn who_asks_comes_before_what_is_asked_and_that_before_whether_it_is_there() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let bad = format!("{SESSIONS}/7");

    refusal(&app.anonymous().delete(&bad).await, 401, "unauthorized");
    refusal(&app.anonymous().get(SESSIONS).await, 401, "unauthorized");
    for wanted in [json!({}), json!({"scopes": ["admin:*"]})] {
        let key = root.with_key(wanted).await;
        for reply in [
            key.get(SESSIONS).await,
            key.get(&format!("{SESSIONS}?page=0")).await,
            key.delete(&bad).await,
            key.delete(&own(&root).await).await,
        ] {
            refusal(&reply, 403, "insufficient_permissions");
        }
    }
    let (name, location, _) = field_at_fault(&root.delete(&bad).await);
    assert_eq!((name.as_str(), location.as_str()), ("id", "path"));
    refusal(&root.delete(NOBODYS).await, 404, "not_found");
}
