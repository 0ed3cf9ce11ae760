//! What is told first: the page that asks, who asks, what they may, what they sent, what it is about.

use axum::body::Body;
use http::Method;

use super::matrix::says;
use super::people::{People, Rank, send};
use super::table::{Door, Row, shut};
use crate::edge::{field_at_fault, refusal};
use crate::openapi::operations;
use crate::support::{Actor, Reply, TestApp};

const NOBODYS: &str = "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";
/// Not UTF-8: no path of ours can be read with it.
const UNREADABLE: &str = "%ff";

/// The requests of a row that nobody could answer.
async fn badly_asked(actor: &Actor<'_>, row: &Row, thing: &str) -> Vec<Reply> {
    let path = row.at(thing);
    let query = format!("{path}?page=0&size=many&all=perhaps&group_by=week");
    let xml = actor.clone().header("content-type", "application/xml");
    let method = Method::from_bytes(row.method.as_bytes()).unwrap();
    vec![
        send(actor, row, &path, "{").await,
        send(
            actor,
            row,
            &path,
            r#"{"role": "admin", "rpm": 0, "model": 7}"#,
        )
        .await,
        send(actor, row, &row.at(UNREADABLE), "[]").await,
        send(actor, row, &row.at(NOBODYS), row.body.unwrap_or_default()).await,
        send(actor, row, &query, row.body.unwrap_or_default()).await,
        xml.send(method, &path, Body::from("<x/>")).await,
    ]
}

// 401, then 403, then everything that can be wrong with a request.
#[tokio::test]
async fn who_may_not_is_told_so_whatever_they_send() {
    let app = TestApp::start().await;
    let people = People::gather(&app).await;

    for row in shut().filter(|row| row.door != Door::Refresh) {
        for caller in &people.callers {
            let Some((status, code)) = row.door.refuses(&caller.rank) else {
                continue;
            };
            for reply in badly_asked(&caller.actor, row, people.adas(row)).await {
                assert_eq!(reply.status, status, "{} at {row:?}", caller.name);
                says(row, &reply, status, code);
            }
        }
    }
    people.nothing_has_changed().await;
}

// Then 422, and only then whether it is there.
#[tokio::test]
async fn who_may_is_told_of_the_request_before_what_it_is_about() {
    let app = TestApp::start().await;
    let people = People::gather(&app).await;
    let root = &people.named("root by token").actor;

    for row in shut().filter(|row| row.thing.is_some()) {
        let place = format!("{} {}", row.method, row.path);
        let good = row.body.unwrap_or_default();
        let unreadable = send(root, row, &row.at(UNREADABLE), good).await;
        assert_eq!(unreadable.status, 422, "{place}: {}", unreadable.text());
        let unknown = send(root, row, &row.at(NOBODYS), good).await;
        assert_eq!(unknown.status, 404, "{place}: {}", unknown.text());
        if row.body.is_some() {
            let both = send(root, row, &row.at(NOBODYS), r#"{"rpm": 0}"#).await;
            assert_eq!(field_at_fault(&both).0, "rpm", "{place}");
        }
    }
}

// A page of another site learns nothing, not even whether somebody is signed in.
#[tokio::test]
async fn the_page_that_asks_comes_before_who_asks() {
    let app = TestApp::start().await;
    let people = People::gather(&app).await;
    let mut asked = 0;

    for row in super::table::rows().filter(|row| row.method != "GET") {
        for caller in &people.callers {
            let by_cookie = caller.name.ends_with("by cookie");
            if !by_cookie && !matches!(caller.rank, Rank::Nobody) {
                continue;
            }
            asked += 1;
            let foreign = caller
                .actor
                .clone()
                .header("origin", "https://evil.example");
            let reply = people.ask(&foreign, row, people.adas(row)).await;
            assert_eq!(reply.status, 403, "{} at {row:?}", caller.name);
            says(row, &reply, 403, "csrf_origin");
            assert!(reply.cookies().is_empty(), "{row:?}");
        }
    }
    assert!(asked > 50, "{asked}");
    people.nothing_has_changed().await;
}

// rauthy#1165: a page of nothing.
#[tokio::test]
async fn no_list_can_be_asked_for_in_pages_of_nothing_or_of_everything() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut lists = 0;

    for (path, method, operation) in operations() {
        let parameters = operation["parameters"].as_array();
        let has_pages = parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "size"));
        if !has_pages {
            continue;
        }
        lists += 1;
        assert_eq!(method, "GET");
        for (asked, name) in [
            ("size=0", "size"),
            ("size=-1", "size"),
            ("size=101", "size"),
            ("size=99999999999999999999", "size"),
            ("page=0", "page"),
        ] {
            let reply = root.get(&format!("{path}?{asked}")).await;
            assert_eq!(field_at_fault(&reply).0, name, "{path}?{asked}");
        }
        assert_eq!(root.get(&format!("{path}?size=100")).await.status, 200);
    }
    assert!(lists >= 3, "{lists}");
}

#[tokio::test]
async fn a_refusal_of_the_query_comes_before_any_other() {
    let app = TestApp::start().await;

    for row in shut() {
        let path = format!("{}?access_token=x", row.at(NOBODYS));
        let reply = send(&app.anonymous(), row, &path, row.body.unwrap_or_default()).await;
        assert_eq!(reply.status, 400, "{row:?}");
        if !row.is_openai() {
            refusal(&reply, 400, "invalid_request");
        }
    }
}
