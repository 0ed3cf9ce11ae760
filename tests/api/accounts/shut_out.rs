//! Who is shut out holds nothing that opens a door: here at once, at other replicas within five seconds.

use std::time::Duration;

use axum::body::Body;
use concierge::domain::Email;
use http::Method;
use serde_json::{Value, json};

use super::{LOGIN, ME, ada};
use crate::edge::refusal;
use crate::support::{Actor, PASSWORD, Reply, TestApp};

const REFRESH: &str = "/api/v1/auth/refresh";

/// What ends Ada's logins, by herself or by another.
#[derive(Clone, Copy, Debug)]
enum End {
    Leaves,
    IsRemoved,
    IsDisabled,
    IsPending,
    HasAnotherRole,
    HasAnotherPassword,
    /// On the command line.
    IsMadeAdministrator,
}

impl End {
    const ALL: [Self; 7] = [
        Self::Leaves,
        Self::IsRemoved,
        Self::IsDisabled,
        Self::IsPending,
        Self::HasAnotherRole,
        Self::HasAnotherPassword,
        Self::IsMadeAdministrator,
    ];

    /// A key is no login: it dies with the account, or with what its owner may do at all.
    fn ends_keys(self) -> bool {
        !matches!(self, Self::HasAnotherRole | Self::HasAnotherPassword)
    }

    async fn comes(self, app: &TestApp, root: &Actor<'_>, ada: &Actor<'_>) {
        let me = ada.get(ME).await.json();
        let path = format!("/api/v1/users/{}", me["id"].as_str().unwrap());
        let change = async |patch: Value| root.patch(&path, patch).await.status;
        let status = match self {
            Self::Leaves => leave(ada).await.status,
            Self::IsRemoved => root.delete(&path).await.status,
            Self::IsDisabled => change(json!({"status": "inactive"})).await,
            Self::IsPending => change(json!({"status": "pending"})).await,
            Self::HasAnotherRole => change(json!({"role": "admin"})).await,
            Self::HasAnotherPassword => change(json!({"password": "another plum tree"})).await,
            Self::IsMadeAdministrator => {
                let email = Email::parse("ada@example.com").unwrap();
                let made = app.app.auth.create_admin(email, PASSWORD.into()).await;
                made.map_or(500, |_| 200)
            }
        };
        assert!([200, 204].contains(&status), "{self:?}: {status}");
    }
}

async fn leave(ada: &Actor<'_>) -> Reply {
    let json = ada.clone().header("content-type", "application/json");
    let body = json!({"password": PASSWORD}).to_string();
    json.send(Method::DELETE, ME, Body::from(body)).await
}

/// All that one login and one key can be shown as.
struct Held {
    token: String,
    key: String,
    refresh_token: String,
    /// As the browser sends them: the session's, and the refresh token's.
    cookies: Vec<String>,
}

impl Held {
    async fn of(app: &TestApp) -> Self {
        let login = app.anonymous().post(LOGIN, ada()).await;
        let text = |member: &str| login.json()[member].as_str().unwrap().to_owned();
        let pair = |cookie: &&str| cookie.split(';').next().unwrap().to_owned();
        let token = format!("Bearer {}", text("access_token"));
        let program = app.anonymous().header("authorization", &token);
        Self {
            key: program.key(json!({})).await,
            refresh_token: text("refresh_token"),
            cookies: login.cookies().iter().map(pair).collect(),
            token,
        }
    }

    /// What becomes of a request with the cookie, with the token and with the key.
    async fn shown_at(&self, app: &TestApp) -> [Reply; 3] {
        let anonymous = app.anonymous();
        let browser = anonymous.clone().header("cookie", &self.cookies[0]);
        let program = anonymous.clone().header("authorization", &self.token);
        let key = anonymous.header("x-api-key", &self.key);
        [
            browser.get(ME).await,
            program.get(ME).await,
            key.get(ME).await,
        ]
    }

    async fn refreshed_at(&self, app: &TestApp) -> [Reply; 2] {
        let anonymous = app.anonymous();
        let browser = anonymous.clone().header("cookie", &self.cookies[1]);
        let body = json!({"refresh_token": self.refresh_token});
        [
            anonymous.post(REFRESH, body).await,
            browser.post(REFRESH, json!({})).await,
        ]
    }
}

// GHSA-2vg6-77g8-24mp (Better Auth): sessions that lived on when their user was gone. ASVS 7.4.2.
#[tokio::test]
async fn whatever_shuts_a_user_out_ends_all_that_they_hold() {
    for end in End::ALL {
        let app = TestApp::start().await;
        let elsewhere = app.replica().await;
        let root = app.admin().await;
        let program = app.sign_up("ada").await;
        let held = Held::of(&app).await;
        for replica in [&app, &elsewhere] {
            for reply in held.shown_at(replica).await {
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
        }

        end.comes(&app, &root, &program).await;

        is_out(&held, &app, end).await;
        app.advance(Duration::from_secs(5));
        is_out(&held, &elsewhere, end).await;
    }
}

async fn is_out(held: &Held, app: &TestApp, end: End) {
    let [browser, program, key] = held.shown_at(app).await;
    for reply in [&browser, &program]
        .into_iter()
        .chain(&held.refreshed_at(app).await)
    {
        assert_eq!(reply.status, 401, "{end:?}: {}", reply.text());
        refusal(reply, 401, "invalid_token");
    }
    let wanted = if end.ends_keys() { 401 } else { 200 };
    assert_eq!(key.status, wanted, "{end:?}: {}", key.text());
}
