//! Exact money: over replicas, after a kill, and to the micro-dollar after a stop.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};

use crate::support::{
    Client, PATIENCE, Place, Reply, Running, Schema, Signal, Upstream, beside, eventually, question,
};

const PATH: &str = "/api/v1/chat/completions";
/// A token costs a micro-dollar.
const MODELS: &str = "[models.gpt-4o-mini]\ntargets = [\"openai/gpt-4o-mini\"]\n\
                      price = { input = 1, output = 1 }\n";
/// Of a request: 18 for its prompt, and 100 that it may be answered with.
const RESERVED: i64 = 118;
/// What the upstream counts: 5 and 1.
const COST: i64 = 6;
/// What nobody counts is estimated: the prompt, and two tokens for a word of five letters.
const CUT_COST: i64 = 20;

fn body(user: &str, stream: bool) -> Value {
    let mut body = question(stream);
    body["max_tokens"] = 100.into();
    body["user"] = user.into();
    body
}

/// The settings of a server that knows the price of the model.
fn settings<'a>(
    place: &'a Place,
    upstream: &'a Upstream,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    place.write("models.toml", MODELS);
    let mut settings = vec![("CONFIG_FILE", "models.toml"), ("LOG_FORMAT", "json")];
    settings.extend(upstream.settings());
    settings.extend_from_slice(more);
    settings
}

/// The text of a new key with this budget.
async fn key(server: &Running, budget: i64) -> String {
    let token = server.client().sign_up("ada@example.com").await.token();
    let wanted = json!({"name": "k", "budget_microusd": budget, "budget_period": "total"});
    let ada = server.client().bearer(&token);
    let made = ada.post("/api/v1/api-keys", wanted).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["key"].as_str().unwrap().to_owned()
}

/// Whether it was served, or refused for money.
async fn ask(client: &Client) -> bool {
    let reply = client.post(PATH, body("whole", false)).await;
    if reply.status == 200 {
        return true;
    }
    assert_eq!(reply.status, 402, "{reply:?}");
    false
}

/// Asks one after the other, at all of them in turn, until less than a reservation is left. Money
/// that another has leased comes back in a while.
async fn spend_the_rest(
    clients: &[Client],
    budget: i64,
    mut spent: i64,
    patience: Duration,
) -> i64 {
    let mut until = Instant::now() + patience;
    for client in clients.iter().cycle() {
        if budget - spent < RESERVED {
            break;
        }
        if ask(client).await {
            spent += COST;
            until = Instant::now() + PATIENCE;
        } else {
            let left = budget - spent;
            assert!(Instant::now() < until, "refused for good, with {left} left");
            sleep(Duration::from_millis(20)).await;
        }
    }
    for client in clients {
        assert!(!ask(client).await, "{spent} of {budget} are spent");
    }
    spent
}

/// What the ledger adds up to, how many rows it has, and what the budgets say: spent by
/// keys in all, and leased.
type Sums = (i64, i64, i64, i64);

const SUMS: &str = "SELECT
    (SELECT CAST(COALESCE(SUM(cost_microusd), 0) AS BIGINT) FROM ledger),
    (SELECT COUNT(*) FROM ledger),
    (SELECT CAST(COALESCE(SUM(spent_microusd), 0) AS BIGINT) FROM budgets
        WHERE holder LIKE 'key:%' AND period = 'total'),
    (SELECT CAST(COALESCE(SUM(leased_microusd), 0) AS BIGINT) FROM budgets)";

async fn sums(place: &Place) -> Sums {
    let file = format!("sqlite://{}", place.path("data/concierge.db").display());
    let mut conn = SqliteConnection::connect(&file).await.unwrap();
    let sums = sqlx::query_as(SUMS).fetch_one(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    sums
}

#[tokio::test]
async fn two_replicas_spend_a_budget_to_its_end_and_no_further() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let upstream = Upstream::whole().await;
    let places = [Place::new(), Place::new()];
    let more = [
        ("DATABASE_URL", schema.url()),
        ("SECRET_KEY", "one-key-for-both-of-these-replicas-here"),
    ];
    let (first, second) = (
        settings(&places[0], &upstream, &more),
        settings(&places[1], &upstream, &more),
    );
    let (one, other) = tokio::join!(places[0].serve(&first), places[1].serve(&second));
    let budget = 10 * RESERVED;
    let key = key(&one, budget).await;
    let clients = [one.client().bearer(&key), other.client().bearer(&key)];

    let burst: Vec<_> = (0..100)
        .map(|number: usize| {
            let client = clients[number % 2].clone();
            beside(async move { ask(&client).await })
        })
        .collect();
    let mut served = 0;
    for asked in burst {
        served += i64::from(asked.await.unwrap());
    }

    assert!(served >= 5 && served * COST <= budget, "{served}");
    let spent = spend_the_rest(&clients, budget, served * COST, PATIENCE).await;
    one.stop().await;
    other.stop().await;
    let mut conn = PgConnection::connect(schema.url()).await.unwrap();
    let found: Sums = sqlx::query_as(SUMS).fetch_one(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert_eq!(found, (spent, spent / COST, spent, 0));
    assert_eq!(i64::try_from(upstream.asked()).unwrap(), spent / COST);
}

#[tokio::test]
async fn after_a_kill_the_budget_is_spent_to_its_end_and_no_further() {
    let place = Place::new();
    let upstream = Upstream::whole().await;
    let settings = settings(&place, &upstream, &[]);
    let mut server = place.serve(&settings).await;
    let budget = 15 * RESERVED;
    let key = key(&server, budget).await;
    for _ in 0..20 {
        let client = server.client().bearer(&key);
        beside(async move {
            let asking = || client.send(http::Method::POST, PATH, Some(body("whole", false)));
            while asking().await.is_ok() {}
        });
    }
    eventually("some requests", async || {
        (upstream.asked() >= 60).then_some(())
    })
    .await;

    server.send(Signal::Kill);

    server.ended().await;
    let (in_ledger, _, spent, leased) = sums(&place).await;
    assert_eq!(in_ledger, spent);
    assert!(spent > 0 && spent + leased <= budget, "{spent} {leased}");
    let second = place.serve(&settings).await;
    let client = second.client().bearer(&key);
    // What was leased comes back when the lease is over, twenty seconds after it was taken.
    let patience = Duration::from_secs(25) + PATIENCE;
    let spent = spend_the_rest(&[client], budget, spent, patience).await;
    second.stop().await;
    let (in_ledger, _, in_budget, leased) = sums(&place).await;
    assert_eq!((in_ledger, in_budget, leased), (spent, spent, 0));
    assert!(spent <= budget);
}

/// A quarter each is answered whole, streamed, cut off by the caller, refused by the upstream. Ten times
/// as many are proved by `tests/load/run ledger`.
#[tokio::test]
async fn a_thousand_requests_of_all_kinds_are_all_in_the_books_after_a_stop() {
    const CALLERS: i64 = 25;
    const REQUESTS: i64 = 1_000;

    let place = Place::new();
    let upstream = Upstream::told().await;
    let server = place.serve(&settings(&place, &upstream, &[])).await;
    let key = key(&server, 1_000_000_000).await;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let client = server.client().bearer(&key);
            beside(async move {
                for number in 0..REQUESTS / CALLERS {
                    one_of_all_kinds(&client, number % 4).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }

    server.send(Signal::Terminate);

    let log = server.ends_well(Duration::from_secs(10)).await;
    assert!(crate::support::says(&log, "Stopped"));
    let cost = REQUESTS / 4 * (2 * COST + CUT_COST);
    assert_eq!(sums(&place).await, (cost, REQUESTS, cost, 0));
}

async fn one_of_all_kinds(client: &Client, kind: i64) {
    match kind {
        0 => {
            let reply = client.post(PATH, body("whole", false)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        1 => {
            let reply = client.post(PATH, body("whole", true)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(reply.body.ends_with("data: [DONE]\n\n"), "{reply:?}");
        }
        2 => {
            let mut cut = client.open(PATH, body("hangs", true)).await;
            assert!(cut.chunk().await.unwrap().is_some());
        }
        _ => {
            let reply = Reply::read(client.open(PATH, body("refused", false)).await).await;
            assert_eq!(reply.status, 400, "{reply:?}");
        }
    }
}
