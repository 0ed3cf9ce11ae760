//! Many who sign in at once, and logins that end elsewhere.

use futures_util::future::{join, join_all};
use http::Method;
use serde_json::json;

use crate::support::{Client, PASSWORD, Place, Reply, Running, Schema, eventually};

#[cfg(target_os = "linux")]
const AT_ONCE: usize = 200;
/// KiB of one hash, and of what a connection and its request may hold beside it.
#[cfg(target_os = "linux")]
const HASH: usize = 19 << 10;
#[cfg(target_os = "linux")]
const CONNECTION: usize = 256;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_hundred_who_sign_in_at_once_are_let_in_or_asked_to_come_again() {
    let place = Place::new();
    let server = place.serve(&[("RATE_LIMIT_ENABLED", "false")]).await;
    let client = server.client();
    client.sign_up("ada@example.com").await;
    let before = server.resident();

    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let logins = join_all((0..AT_ONCE).map(|_| client.post("/api/v1/auth/login", body.clone())));
    let probes = async {
        for _ in 0..20 {
            assert_eq!(client.get("/health").await.status, 200);
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    };
    let (replies, ()) = join(logins, probes).await;

    let (welcome, others): (Vec<&Reply>, Vec<&Reply>) =
        replies.iter().partition(|reply| reply.status == 200);
    assert!(!welcome.is_empty());
    for reply in others {
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(reply.json()["code"], "service_unavailable");
        let seconds: u64 = reply.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    let threads = std::thread::available_parallelism().unwrap().get();
    let room = (threads + 1) * HASH + AT_ONCE * CONNECTION;
    let grown = server.peak().saturating_sub(before);
    assert!(grown < room, "{grown} KiB more, of {room}");
    // And the next one finds the door open.
    client.log_in("ada@example.com").await;
    server.stop().await;
}

/// A way in which a login comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    LogoutAll,
    Session,
    Left,
    Disabled,
    AnotherRole,
    AnotherPassword,
    Removed,
}

impl End {
    const ALL: [Self; 7] = [
        Self::LogoutAll,
        Self::Session,
        Self::Left,
        Self::Disabled,
        Self::AnotherRole,
        Self::AnotherPassword,
        Self::Removed,
    ];

    /// Whether the keys of the account end as well.
    fn ends_keys(self) -> bool {
        matches!(self, Self::Left | Self::Disabled | Self::Removed)
    }

    /// Asks for it: the user or an administrator.
    async fn come(self, user: &Client, root: &Client, id: &str) {
        let me = format!("/api/v1/users/{id}");
        let path = |path: &str| path.to_owned();
        let (by, method, path, body) = match self {
            Self::LogoutAll => {
                let path = path("/api/v1/auth/logout-all");
                (user, Method::POST, path, json!({}))
            }
            Self::Session => {
                let sessions = user.get("/api/v1/auth/sessions").await.json();
                let session = sessions["items"][0]["id"].as_str().unwrap();
                let path = format!("/api/v1/auth/sessions/{session}");
                (user, Method::DELETE, path, json!({}))
            }
            Self::Left => {
                let farewell = json!({"password": PASSWORD});
                (user, Method::DELETE, path("/api/v1/auth/me"), farewell)
            }
            Self::Disabled => (root, Method::PATCH, me, json!({"status": "inactive"})),
            Self::AnotherRole => (root, Method::PATCH, me, json!({"role": "admin"})),
            Self::AnotherPassword => {
                let body = json!({"password": "a staple that nobody guesses"});
                (root, Method::PATCH, me, body)
            }
            Self::Removed => (root, Method::DELETE, me, json!({})),
        };
        let status = by.send(method, &path, Some(body)).await.unwrap().status();
        assert!(status.is_success(), "{self:?}: {status}");
    }
}

const ME: &str = "/api/v1/auth/me";

async fn is_shut_out(client: &Client) -> Option<()> {
    (client.get(ME).await.status == 401).then_some(())
}

#[tokio::test]
async fn what_ends_at_one_replica_ends_at_the_other() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let places = [Place::new(), Place::new()];
    let settings = [
        ("DATABASE_URL", schema.url()),
        ("SECRET_KEY", "one-key-for-both-of-these-replicas-here"),
    ];
    let administrator = [
        "create-admin",
        "--email",
        "root@example.com",
        "--password-stdin",
    ];
    let made = places[0].run_with_input(&administrator, &settings, PASSWORD);
    assert_eq!(made.code, Some(0), "{made:?}");
    let (one, other) = tokio::join!(places[0].serve(&settings), places[1].serve(&settings));
    let root = one.client().log_in("root@example.com").await.token();
    let root = one.client().bearer(&root);

    let ends = End::ALL.map(|end| ends_at_the_other(end, &root, (&one, &other)));
    join_all(ends).await;

    one.stop().await;
    other.stop().await;
}

async fn ends_at_the_other(end: End, root: &Client, (one, other): (&Running, &Running)) {
    let login = one.client().sign_up(&format!("{end:?}@example.com")).await;
    let ada = one.client().bearer(&login.token());
    let key = ada.key().await;
    let [by_token, by_cookie, by_key] = [
        other.client().bearer(&login.token()),
        other.client().header("cookie", &login.cookie()),
        other.client().bearer(&key),
    ];
    for client in [&by_token, &by_cookie, &by_key] {
        assert_eq!(client.get(ME).await.status, 200);
    }

    let id = login.json()["user"]["id"].as_str().unwrap().to_owned();
    end.come(&ada, root, &id).await;

    for client in [&by_token, &by_cookie] {
        eventually("the end of the login", async || is_shut_out(client).await).await;
    }
    let shown = json!({"refresh_token": login.refresh_token()});
    let refreshed = other.client().post("/api/v1/auth/refresh", shown).await;
    assert_eq!(refreshed.status, 401, "{end:?}: {refreshed:?}");
    if end.ends_keys() {
        eventually("the end of the key", async || is_shut_out(&by_key).await).await;
    } else {
        assert_eq!(by_key.get(ME).await.status, 200, "{end:?}");
    }
}
