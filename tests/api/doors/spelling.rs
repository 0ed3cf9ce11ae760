//! No other spelling of a path leads round its door.

use super::people::send;
use super::table::{Door, shut};
use crate::edge::refusal;
use crate::support::TestApp;

const NOBODYS: &str = "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";

/// Other spellings of a path: what some proxies and routers take for the same.
fn spellings(path: &str) -> Vec<String> {
    let last = path.rfind('/').unwrap();
    let (front, end) = path.split_at(last + 1);
    let first = end.chars().next().unwrap();
    let encoded = format!("%{:02x}", u32::from(first));
    vec![
        format!("/{path}"),
        format!("{path}/"),
        format!("{path}//"),
        path.replacen("/v1/", "/v1//", 1),
        format!("{front}/{end}"),
        format!("{front}./{end}"),
        format!("{front}x/../{end}"),
        format!("{front}%2e/{end}"),
        format!("{front}{}", end.replacen(first, &encoded, 1)),
        format!("{front}%2f{end}"),
        format!("{path}%00"),
        format!("{path};x=y"),
        format!("{path}%20"),
        format!("{path}."),
        path.to_uppercase(),
    ]
}

// GHSA-x732-6j76-qmhm: a slash too many led past what held for the path.
#[tokio::test]
async fn however_a_path_is_spelt_nobody_gets_in() {
    let app = TestApp::start().await;
    let (mut same, mut nowhere) = (0, 0);

    for row in shut().filter(|row| row.door != Door::Refresh) {
        for path in spellings(&row.at(NOBODYS)) {
            let body = row.body.unwrap_or_default();
            let reply = send(&app.anonymous(), row, &path, body).await;
            match reply.status {
                401 => same += 1,
                // The path stands for nothing, or for something that cannot be asked for so.
                404 | 405 => nowhere += 1,
                status => panic!("{} {path} is {status}: {}", row.method, reply.text()),
            }
        }
    }
    assert!(same > 50 && nowhere > 100, "{same} {nowhere}");
}

// The same: what guards a path must know it by the name that the router goes by.
#[tokio::test]
async fn however_the_login_is_spelt_it_is_not_there_or_it_is_the_same() {
    let app = TestApp::start().await;
    let wrong = r#"{"email": "nobody@example.com", "password": "not the password"}"#;
    let mut same = Vec::new();

    for path in spellings("/api/v1/auth/login") {
        let reply = app.anonymous().post_bytes(&path, wrong).await;
        if reply.status == 404 {
            refusal(&reply, 404, "not_found");
            continue;
        }
        refusal(&reply, 401, "invalid_credentials");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        let foreign = app.anonymous().header("origin", "https://evil.example");
        let forged = foreign.post_bytes(&path, wrong).await;
        refusal(&forged, 403, "csrf_origin");
        same.push(path);
    }
    assert_eq!(
        same,
        [
            "//api/v1/auth/login",
            "/api/v1/auth/login/",
            "/api/v1/auth/login//"
        ]
    );
}
