//! The list of one's keys, page by page.

use std::time::Duration;

use serde_json::{Value, json};

use super::KEYS;
use crate::support::{Actor, TestApp};

async fn with_keys<'a>(app: &'a TestApp, names: &[&str]) -> Actor<'a> {
    let ada = app.sign_up("ada").await;
    for name in names {
        app.advance(Duration::from_secs(1));
        assert_eq!(ada.post(KEYS, json!({"name": name})).await.status, 201);
    }
    ada
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

// C22, C23: pages with their numbers, newest first.
#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let app = TestApp::start().await;
    let ada = with_keys(&app, &["a", "b", "c", "d", "e"]).await;

    let first = ada.get(&format!("{KEYS}?size=2")).await.json();
    let second = ada.get(&format!("{KEYS}?size=2&page=2")).await.json();
    let third = ada.get(&format!("{KEYS}?size=2&page=3")).await.json();
    let fourth = ada.get(&format!("{KEYS}?size=2&page=4")).await.json();

    assert_eq!(names(&first), ["e", "d"]);
    assert_eq!(names(&second), ["c", "b"]);
    assert_eq!(names(&third), ["a"]);
    assert!(names(&fourth).is_empty());
    for (number, page) in (1..).zip([first, second, third, fourth]) {
        assert_eq!(
            (&page["total"], &page["size"], &page["pages"]),
            (&json!(5), &json!(2), &json!(3))
        );
        assert_eq!(page["page"], number);
    }
}

#[tokio::test]
async fn an_empty_list_has_no_pages() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let reply = ada.get(KEYS).await;

    let empty = json!({"items": [], "total": 0, "page": 1, "size": 20, "pages": 0});
    assert_eq!((reply.status, reply.json()), (200, empty));
    assert_eq!(reply.header("x-total-count"), "0");
}

#[tokio::test]
async fn a_page_names_its_neighbours_and_the_whole_number() {
    let app = TestApp::start().await;
    let ada = with_keys(&app, &["a", "b", "c"]).await;

    let reply = ada.get(&format!("{KEYS}/?size=1&page=2&x=%26")).await;

    assert_eq!(reply.header("x-total-count"), "3");
    let link = |page: u32, relation: &str| {
        format!("<{KEYS}?size=1&x=%26&page={page}>; rel=\"{relation}\"")
    };
    let links = [
        link(1, "first"),
        link(1, "prev"),
        link(3, "next"),
        link(3, "last"),
    ];
    assert_eq!(reply.header("link"), links.join(", "));
    let next = ada.get(&format!("{KEYS}?size=1&x=%26&page=3")).await;
    assert!(
        !next.header("link").contains("next"),
        "{}",
        next.header("link")
    );
}

#[tokio::test]
async fn the_largest_numbers_are_still_pages() {
    let app = TestApp::start().await;
    let ada = with_keys(&app, &["a"]).await;

    let reply = ada.get(&format!("{KEYS}?page=4294967295&size=100")).await;

    assert_eq!(
        (reply.status, reply.json()["total"].clone()),
        (200, json!(1))
    );
}

#[tokio::test]
async fn the_list_never_holds_what_opens_a_door() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;

    let reply = ada.get(KEYS).await;

    let item = &reply.json()["items"][0];
    assert!(item.get("key").is_none() && item.get("hash").is_none());
    let prefix = item["prefix"].as_str().unwrap();
    assert!(key.starts_with(prefix));
    let secret = &key[prefix.len() + 1..key.len() - 4];
    assert!(secret.len() > 30);
    assert!(!reply.text().contains(&secret[..8]));
}
