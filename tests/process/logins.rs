//! Many who sign in at once, and logins that end elsewhere.

use futures_util::future::{join, join_all};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Place, Reply, Schema, eventually};

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
    let server = place.serve(&[]).await;
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

/// A way in which a login, or what was issued in it, comes to its end.
struct End {
    what: &'static str,
    method: Method,
    path: String,
    body: Value,
}

impl End {
    fn of(what: &'static str, method: Method, path: impl Into<String>, body: Value) -> Self {
        Self {
            what,
            method,
            path: path.into(),
            body,
        }
    }

    async fn ask(&self, of: &Client) {
        let body = Some(self.body.clone());
        let reply = of.send(self.method.clone(), &self.path, body).await;
        let status = reply.unwrap().status().as_u16();
        assert!([200, 204].contains(&status), "{}: {status}", self.what);
    }
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
    let root = places[0].run_with_input(
        &[
            "create-admin",
            "--email",
            "root@example.com",
            "--password-stdin",
        ],
        &settings,
        PASSWORD,
    );
    assert_eq!(root.code, Some(0), "{root:?}");
    let (one, other) = tokio::join!(places[0].serve(&settings), places[1].serve(&settings));
    let root = one.client().log_in("root@example.com").await.token();
    let root = one.client().bearer(&root);

    for way in 0..7 {
        let email = format!("user{way}@example.com");
        let login = one.client().sign_up(&email).await;
        let (ada, there) = (
            one.client().bearer(&login.token()),
            other.client().bearer(&login.token()),
        );
        let key = ada.key().await;
        let by_key = other.client().bearer(&key);
        let id = login.json()["user"]["id"].as_str().unwrap().to_owned();
        let user = format!("/api/v1/users/{id}");
        for client in [&there, &by_key] {
            assert_eq!(client.get("/api/v1/auth/me").await.status, 200);
        }
        let (by, end) = match way {
            0 => (
                &ada,
                End::of(
                    "logout-all",
                    Method::POST,
                    "/api/v1/auth/logout-all",
                    json!({}),
                ),
            ),
            1 => {
                let sessions = ada.get("/api/v1/auth/sessions").await.json();
                let id = sessions["items"][0]["id"].as_str().unwrap().to_owned();
                let path = format!("/api/v1/auth/sessions/{id}");
                (&ada, End::of("session", Method::DELETE, path, json!({})))
            }
            2 => (
                &root,
                End::of(
                    "disabled",
                    Method::PATCH,
                    user,
                    json!({"status": "inactive"}),
                ),
            ),
            3 => (
                &root,
                End::of("role", Method::PATCH, user, json!({"role": "admin"})),
            ),
            4 => {
                let password = json!({"password": "a staple that nobody guesses"});
                (&root, End::of("password", Method::PATCH, user, password))
            }
            5 => (&root, End::of("removed", Method::DELETE, user, json!({}))),
            _ => {
                let farewell = json!({"password": PASSWORD});
                (
                    &ada,
                    End::of("left", Method::DELETE, "/api/v1/auth/me", farewell),
                )
            }
        };
        end.ask(by).await;

        eventually(end.what, async || {
            (there.get("/api/v1/auth/me").await.status == 401).then_some(())
        })
        .await;
        let shown = json!({"refresh_token": login.refresh_token()});
        let refreshed = other.client().post("/api/v1/auth/refresh", shown).await;
        assert_eq!(refreshed.status, 401, "{}: {refreshed:?}", end.what);
        let is_keyless = ["disabled", "removed", "left"].contains(&end.what);
        if is_keyless {
            eventually(end.what, async || {
                (by_key.get("/api/v1/auth/me").await.status == 401).then_some(())
            })
            .await;
        } else {
            assert_eq!(
                by_key.get("/api/v1/auth/me").await.status,
                200,
                "{}",
                end.what
            );
        }
    }
    one.stop().await;
    other.stop().await;
}
