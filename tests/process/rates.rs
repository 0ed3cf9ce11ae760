//! Limits that several processes share, and what holds while they cannot.

use futures_util::future::join_all;

use crate::support::{Client, Place, Proxy, eventually};

/// None without a server: what the test would show is not shown.
fn redis() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are told of their servers"
    )]
    std::env::var("TEST_REDIS_URL").ok()
}

async fn ask(client: &Client) -> u16 {
    client.complete(false).await.status().as_u16()
}

#[tokio::test]
async fn replicas_with_one_redis_let_pass_together_what_may() {
    let Some(redis) = redis() else { return };
    let place = Place::new();
    // A place comes back every twelve seconds.
    let settings = [("REDIS_URL", redis.as_str()), ("USER_RPM", "5")];
    let (one, other) = tokio::join!(place.serve(&settings), place.serve(&settings));
    let token = one.client().sign_up("ada@example.com").await.token();
    let clients = [&one, &other].map(|server| server.client().bearer(&token));

    let statuses = join_all((0..20).map(|nth| ask(&clients[nth % 2]))).await;

    let count = |status: u16| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(200), count(429)), (5, 15));
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn while_redis_is_away_a_process_limits_by_itself() {
    let Some(redis) = redis() else { return };
    let mut url = url::Url::parse(&redis).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(6379));
    let mut proxy = Proxy::to(&address);
    let (host, port) = proxy.address().split_once(':').unwrap();
    url.set_host(Some(host)).unwrap();
    url.set_port(Some(port.parse().unwrap())).unwrap();
    proxy.open().await;
    let place = Place::new();
    // A place comes back every twenty seconds.
    let settings = [
        ("REDIS_URL", url.as_str()),
        ("USER_RPM", "3"),
        ("LOG_FORMAT", "json"),
    ];
    let server = place.serve(&settings).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let ada = server.client().bearer(&token);
    assert_eq!(ask(&ada).await, 200);

    proxy.close().await;

    // What was taken there is known here.
    let statuses = [ask(&ada).await, ask(&ada).await, ask(&ada).await];
    assert_eq!(statuses, [200, 200, 429]);
    let gone = "Redis does not answer: each process limits by itself";
    let log = server.log();
    let told = log.iter().filter(|line| line["message"] == gone).count();
    assert_eq!(told, 1, "{log:#?}");

    proxy.open().await;
    eventually("Redis to be asked again", async || {
        let bob = ask(&ada).await;
        assert!(matches!(bob, 200 | 429), "{bob}");
        let back = "Redis answers again: limits are shared";
        server
            .log()
            .iter()
            .any(|line| line["message"] == back)
            .then_some(())
    })
    .await;
    server.stop().await;
}
