//! Budgets: nobody spends more than they may, however much they ask at once.

use std::collections::BTreeSet;
use std::time::Duration;

use concierge::domain::Ts;
use concierge::store;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::budgets::Account;
use crate::support::upstream::Script;
use crate::support::{Actor, Reply, TestApp, Wire};

use super::{
    COST, DONE, PATH, REPLY, ROLE, STOP, Scene, USAGE, WORD, ask, ask_stream, error, stream,
};

/// What a request of [`asked`] is reserved at: 10 · 0.15 + 100 · 0.60, rounded up.
const RESERVED: i64 = 62;
/// It uses all of it.
const FULL: &str = "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":100}}";
/// It uses less: 10 · 0.15 + 20 · 0.60, rounded.
const LESS: &str = "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20}}";
const LESS_COST: i64 = 14;
/// From half past nine to half past midnight.
const TO_TOMORROW: Duration = Duration::from_hours(15);

fn asked() -> Value {
    let mut body = ask();
    body["max_tokens"] = 100.into();
    body
}

fn ask_short_stream() -> Value {
    let mut body = ask_stream();
    body["max_tokens"] = 100.into();
    body
}

async fn post(actor: &Actor<'_>) -> u16 {
    let reply = actor.post(PATH, asked()).await;
    if reply.status != 200 {
        refused(&reply);
    }
    reply.status
}

fn refused(reply: &Reply) {
    assert_eq!(reply.status, 402, "{}", reply.text());
    let error = error(reply);
    assert_eq!(error["type"], "insufficient_quota");
    assert_eq!(error["code"], "insufficient_quota");
}

/// A user, and the path under which an administrator changes what they may use.
async fn user(app: &TestApp) -> (Actor<'_>, String) {
    let ada = app.sign_up("ada").await;
    let me = ada.get("/api/v1/auth/me").await.json();
    let path = format!("/api/v1/users/{}", me["id"].as_str().unwrap());
    (ada, path)
}

fn by_day(microusd: i64) -> Value {
    json!({"budget_microusd": microusd, "budget_period": "day"})
}

/// The days of the only key, and what it has spent on each.
async fn days(app: &TestApp) -> Vec<(String, i64)> {
    app.rests().await;
    let mut accounts = app.accounts().await;
    let is_day = |it: &Account| it.holder.starts_with("key:") && it.period.len() == 10;
    accounts.retain(is_day);
    let day = |it: Account| (it.period, it.spent_microusd);
    accounts.into_iter().map(day).collect()
}

async fn change(who: &Actor<'_>, path: &str, caps: Value) {
    let reply = who.patch(path, caps).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn a_hundred_requests_at_once_spend_no_more_than_the_budget() {
    let scene = Scene::set().await;
    let budget = 10 * RESERVED;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": budget})).await;
    for _ in 0..200 {
        scene.upstream.answers(Script::json(200, LESS));
    }

    let burst = join_all((0..100).map(|_| post(&program))).await;

    let served = burst.iter().filter(|status| **status == 200).count();
    assert!(served >= 10, "{served}");
    let mut spent = LESS_COST * i64::try_from(served).unwrap();
    assert!(spent <= budget);
    // Then one after the other, as long as a reservation fits into what is left.
    while budget - spent >= RESERVED {
        assert_eq!(post(&program).await, 200, "{} are left", budget - spent);
        spent += LESS_COST;
    }
    assert_eq!(post(&program).await, 402);
    let rows = scene
        .app
        .ledger(usize::try_from(spent / LESS_COST).unwrap())
        .await;
    assert_eq!(rows.iter().map(|row| row.cost_microusd).sum::<i64>(), spent);
    assert_eq!(scene.app.spent_by_the_key().await, spent);
    assert_eq!(post(&program).await, 402);
}

#[tokio::test]
async fn what_is_refused_for_money_leaves_no_row_and_asks_no_upstream() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": RESERVED - 1})).await;
    let none = ada.with_key(json!({"budget_microusd": 0})).await;

    for actor in [program, none] {
        refused(&actor.post(PATH, asked()).await);
        let mut streamed = ask_stream();
        streamed["max_tokens"] = 100.into();
        refused(&actor.post(PATH, streamed).await);
    }

    scene.app.has_no_rows().await;
    assert_eq!(scene.upstream.connections(), 0);
}

/// A prompt of ten tokens costs 1.5 micro-dollars, and a hundred of an answer 60.
#[tokio::test]
async fn a_budget_lets_pass_what_a_request_may_come_to_and_nothing_larger() {
    let short = "[models.short]\ntargets = [\"up/public\"]\nmax_output_tokens = 200
        price = { input = 0.15, output = 0.60 }";
    let scene = Scene::with("", short).await;
    let ada = scene.app.sign_up("ada").await;
    let image = json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}});
    let seen = json!([{"role": "user", "content": [{"type": "text", "text": "hello"}, image]}]);
    for (members, need) in [
        (json!({"max_tokens": 100}), 62),
        (json!({"max_tokens": 100, "n": 3}), 182),
        (json!({"max_tokens": 100, "n": 0}), 62),
        (
            json!({"max_tokens": 100, "max_completion_tokens": 200}),
            122,
        ),
        (
            json!({"max_tokens": 200, "max_completion_tokens": 100}),
            122,
        ),
        (json!({"max_tokens": 0, "max_completion_tokens": 100}), 62),
        (json!({"model": "short"}), 122),
        (json!({"model": "short", "max_tokens": 0}), 122),
        (json!({"model": "short", "max_tokens": 300}), 182),
        (json!({}), 2_460),
        (json!({"max_tokens": 0, "n": 0}), 2_460),
        (json!({"max_tokens": 100, "messages": seen}), 212),
    ] {
        let mut body = ask();
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let tight = ada.with_key(json!({"budget_microusd": need - 1})).await;
        let fits = ada.with_key(json!({"budget_microusd": need})).await;

        let reply = tight.post(PATH, body.clone()).await;
        assert_eq!(reply.status, 402, "{members}: {}", reply.text());
        scene.upstream.answers(Script::json(200, LESS));
        let reply = fits.post(PATH, body).await;
        assert_eq!(reply.status, 200, "{members}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_request_must_fit_the_budget_of_its_key_and_of_its_user() {
    let scene = Scene::set().await;
    let (ada, path) = user(&scene.app).await;
    let root = scene.app.admin().await;
    change(&root, &path, json!({"budget_microusd": 3 * RESERVED})).await;
    let small = ada.with_key(json!({"budget_microusd": 2 * RESERVED})).await;
    let large = ada.with_key(json!({"budget_microusd": 9 * RESERVED})).await;
    for _ in 0..3 {
        scene.upstream.answers(Script::json(200, FULL));
    }

    let mut statuses = Vec::new();
    for actor in [&small, &small, &small, &large, &large, &ada] {
        statuses.push(post(actor).await);
    }

    assert_eq!(statuses, [200, 200, 402, 200, 402, 402]);
    scene.app.ledger(3).await;
    let all = scene.app.accounts_at_rest("", "2026-11").await;
    let spent: Vec<_> = all.iter().map(|account| account.spent_microusd).collect();
    assert_eq!(spent, [RESERVED, 2 * RESERVED, 3 * RESERVED]);
}

#[tokio::test]
async fn days_and_months_begin_anew_and_the_total_never_does() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let mut programs = Vec::new();
    for period in ["day", "month", "total"] {
        let wanted = json!({"budget_microusd": RESERVED, "budget_period": period});
        programs.push(ada.with_key(wanted).await);
    }
    for _ in 0..6 {
        scene.upstream.answers(Script::json(200, FULL));
    }
    let ask_all = async || {
        let mut statuses = Vec::new();
        for program in &programs {
            statuses.push(post(program).await);
        }
        statuses
    };

    assert_eq!(ask_all().await, [200, 200, 200]);
    assert_eq!(ask_all().await, [402, 402, 402]);
    scene.app.advance(Duration::from_hours(24));
    assert_eq!(ask_all().await, [200, 402, 402]);
    assert_eq!(ask_all().await, [402, 402, 402]);
    scene.app.advance(Duration::from_hours(9 * 24));
    assert_eq!(ask_all().await, [200, 200, 402]);

    scene.app.ledger(6).await;
    let mut periods: Vec<_> = scene.app.accounts().await;
    periods.retain(|account| account.holder.starts_with("key:"));
    let periods: BTreeSet<_> = periods.into_iter().map(|it| it.period).collect();
    let periods: Vec<_> = periods.iter().collect();
    assert_eq!(
        periods,
        [
            "2026-11",
            "2026-11-21",
            "2026-11-22",
            "2026-12",
            "2026-12-01",
            "total"
        ]
    );
}

#[tokio::test]
async fn what_ends_after_midnight_is_spent_on_the_day_on_which_it_began() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(by_day(RESERVED)).await;
    scene.upstream.answers(
        stream(&[WORD])
            .pause(300)
            .send([USAGE, STOP, DONE].concat()),
    );
    scene.upstream.answers(Script::json(200, FULL));
    let running = program.open(PATH, ask_short_stream()).await;
    assert_eq!(post(&program).await, 402);

    scene.app.advance(TO_TOMORROW);
    let reply = Reply::read(running).await;

    assert!(reply.text().ends_with(DONE), "{}", reply.text());
    scene.app.row().await;
    let days = days(&scene.app).await;
    assert_eq!(days, [("2026-11-21".to_owned(), COST)]);
    // All of today's is left.
    assert_eq!(post(&program).await, 200);
}

#[tokio::test]
async fn who_waits_for_money_past_midnight_spends_it_where_it_was_reserved() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(by_day(10_000)).await;
    scene.upstream.answers(Script::json(200, FULL));
    scene.upstream.answers(Script::json(200, FULL));
    assert_eq!(post(&program).await, 200);
    scene.app.ledger(1).await;
    let accounts = scene.app.accounts_at_rest("key:", "2026-11-21").await;
    let account = store::budgets::Account {
        holder: accounts[0].holder.clone(),
        period: accounts[0].period.clone(),
    };

    // Nobody else can lease anything of it.
    let mut tx = scene.app.databases.main.write().await.unwrap();
    store::budgets::hold(&mut tx, &account).await.unwrap();
    let mut waiting = Box::pin(post(&program));
    let waited = timeout(Duration::from_millis(1_500), &mut waiting).await;
    assert!(waited.is_err(), "{waited:?}");
    scene.app.advance(TO_TOMORROW);
    drop(tx);

    assert_eq!(waiting.await, 200);
    scene.app.ledger(2).await;
    let days = days(&scene.app).await;
    assert_eq!(days, [("2026-11-21".to_owned(), 2 * RESERVED)]);
}

#[tokio::test]
async fn usage_above_the_estimate_is_charged_in_full_and_nothing_after_it() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 100})).await;
    scene.upstream.answers(Script::json(200, REPLY));

    assert_eq!(post(&program).await, 200);
    assert_eq!(post(&program).await, 402);

    assert_eq!(scene.app.row().await.cost_microusd, COST);
    assert_eq!(scene.app.spent_by_the_key().await, COST);
    assert_eq!(post(&program).await, 402);
}

#[tokio::test]
async fn a_model_without_a_price_is_not_for_those_who_have_a_budget() {
    let scene = Scene::with("", "[models.unpriced]\ntargets = [\"up/unpriced\"]").await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 1_000_000})).await;

    for name in ["unpriced", "up/public"] {
        let mut body = asked();
        body["model"] = name.into();
        let reply = program.post(PATH, body).await;

        assert_eq!(reply.status, 403, "{}", reply.text());
        let error = error(&reply);
        assert_eq!(error["code"], "model_not_priced");
        assert_eq!(error["param"], "model");
    }
    scene.app.has_no_rows().await;
    assert_eq!(scene.upstream.connections(), 0);
    assert_eq!(scene.app.accounts().await, []);
    scene.upstream.answers(Script::json(200, FULL));
    let mut body = asked();
    body["model"] = "unpriced".into();
    assert_eq!(ada.post(PATH, body).await.status, 200);
}

#[tokio::test]
async fn what_costs_nothing_passes_whatever_is_left() {
    let free = "[models.free]\ntargets = [\"up/free\"]\nprice = { input = 0, output = 0 }";
    let scene = Scene::with("", free).await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 0})).await;
    scene.upstream.answers(Script::json(200, FULL));
    let mut body = asked();
    body["model"] = "free".into();

    let reply = program.post(PATH, body).await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(scene.app.row().await.cost_microusd, 0);
}

#[tokio::test]
async fn who_hangs_up_pays_for_what_was_used_and_gets_the_rest_back() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada
        .with_key(json!({"budget_microusd": RESERVED + 20}))
        .await;
    let listening = scene.app.listen().await;
    scene.upstream.answers(stream(&[ROLE, WORD]).hang());
    scene.upstream.answers(Script::json(200, LESS));
    let mut body = ask_stream();
    body["max_tokens"] = 100.into();
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, body.to_string().as_bytes())
        .await;
    caller.head().await;
    caller.chunk().await.unwrap();
    // One reservation is out, and no other fits beside it.
    assert_eq!(post(&program).await, 402);

    drop(caller);

    let row = scene.app.row().await;
    assert_eq!((row.status.as_str(), row.estimated), ("cancelled", 1));
    assert!((1..=20).contains(&row.cost_microusd), "{row:?}");
    assert_eq!(post(&program).await, 200);
    scene.app.ledger(2).await;
    assert_eq!(
        scene.app.spent_by_the_key().await,
        row.cost_microusd + LESS_COST
    );
}

#[tokio::test]
async fn streams_are_charged_what_they_use() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 10_000})).await;
    scene.upstream.answers(stream(&[WORD, STOP, USAGE, DONE]));
    scene.upstream.answers(stream(&[WORD]));

    for _ in 0..2 {
        let mut body = ask_stream();
        body["max_tokens"] = 100.into();
        assert_eq!(program.post(PATH, body).await.status, 200);
    }

    let rows = scene.app.ledger(2).await;
    let ended = |status: &str| rows.iter().find(|row| row.status == status).unwrap();
    assert_eq!(ended("ok").cost_microusd, COST);
    assert!(ended("truncated").cost_microusd > 0);
    let sum: i64 = rows.iter().map(|row| row.cost_microusd).sum();
    assert_eq!(scene.app.spent_by_the_key().await, sum);
}

#[tokio::test]
async fn an_upstream_that_fails_costs_nothing() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": RESERVED})).await;
    // What the caller's request itself is at fault for is asked once.
    let refusal = "{\"error\":{\"message\":\"no\"}}";
    for _ in 0..3 {
        scene.upstream.answers(Script::json(400, refusal));
        assert_eq!(program.post(PATH, asked()).await.status, 400);
    }
    scene.upstream.answers(Script::json(200, FULL));

    assert_eq!(post(&program).await, 200);
    assert_eq!(post(&program).await, 402);

    let rows = scene.app.ledger(4).await;
    assert_eq!(
        rows.iter().map(|row| row.cost_microusd).sum::<i64>(),
        RESERVED
    );
}

#[tokio::test]
async fn without_a_budget_nothing_is_leased_and_all_is_counted() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"rpm": 100_000})).await;
    scene.upstream.answers(Script::json(200, FULL));

    assert_eq!(post(&program).await, 200);

    scene.app.row().await;
    assert_eq!(scene.app.leases().await, 0);
    let accounts = scene.app.accounts().await;
    assert_eq!(
        accounts.len(),
        6,
        "a day, a month and all, of the key and of the user"
    );
    assert!(
        accounts.iter().all(|it| it.spent_microusd == RESERVED),
        "{accounts:?}"
    );
}

#[tokio::test]
async fn what_an_administrator_changes_counts_at_once() {
    let scene = Scene::set().await;
    let (ada, path) = user(&scene.app).await;
    let program = ada.with_key(json!({})).await;
    let root = scene.app.admin().await;
    for _ in 0..20 {
        scene.upstream.answers(Script::json(200, FULL));
    }
    assert_eq!(post(&program).await, 200);
    scene.app.row().await;

    // What was spent in this month before counts as well.
    change(&root, &path, json!({"budget_microusd": 2 * RESERVED - 1})).await;
    assert_eq!(post(&program).await, 402);
    change(&root, &path, json!({"budget_microusd": 2 * RESERVED})).await;
    assert_eq!(post(&program).await, 200);
    assert_eq!(post(&program).await, 402);
    assert_eq!(post(&ada).await, 402);
    change(&root, &path, json!({"budget_microusd": 9 * RESERVED})).await;
    assert_eq!(post(&ada).await, 200);
    change(&root, &path, json!({"budget_microusd": 0})).await;
    assert_eq!(post(&program).await, 402);
    change(&root, &path, json!({"budget_microusd": null})).await;
    assert_eq!(post(&program).await, 200);
}

#[tokio::test]
async fn what_is_spent_while_there_is_no_budget_counts_when_there_is_one_again() {
    let scene = Scene::set().await;
    let (ada, path) = user(&scene.app).await;
    let root = scene.app.admin().await;
    for _ in 0..4 {
        scene.upstream.answers(Script::json(200, FULL));
    }
    change(&root, &path, json!({"budget_microusd": 9 * RESERVED})).await;
    assert_eq!(post(&ada).await, 200);
    change(&root, &path, json!({"budget_microusd": null})).await;
    assert_eq!(post(&ada).await, 200);
    scene.app.ledger(2).await;
    let by_day = json!({"budget_microusd": 9 * RESERVED, "budget_period": "day"});
    change(&root, &path, by_day).await;
    assert_eq!(post(&ada).await, 200);
    scene.app.ledger(3).await;

    let by_month = json!({"budget_microusd": 4 * RESERVED, "budget_period": "month"});
    change(&root, &path, by_month).await;

    assert_eq!(post(&ada).await, 200);
    scene.app.ledger(4).await;
    assert_eq!(post(&ada).await, 402);
    for period in ["2026-11-21", "2026-11", "total"] {
        let accounts = scene.app.accounts_at_rest("user:", period).await;
        let spent: Vec<_> = accounts.iter().map(|it| it.spent_microusd).collect();
        assert_eq!(spent, [4 * RESERVED], "{accounts:?}");
    }
}

#[tokio::test]
async fn money_that_was_leased_under_a_higher_cap_is_not_spent_under_a_lower_one() {
    let scene = Scene::set().await;
    let (ada, path) = user(&scene.app).await;
    let root = scene.app.admin().await;
    change(&root, &path, json!({"budget_microusd": 100 * RESERVED})).await;
    for _ in 0..21 {
        scene.upstream.answers(Script::json(200, LESS));
    }
    let burst = join_all((0..20).map(|_| post(&ada))).await;
    assert!(burst.iter().all(|status| *status == 200));

    let lower = 20 * LESS_COST + RESERVED;
    change(&root, &path, json!({"budget_microusd": lower - 1})).await;
    assert_eq!(post(&ada).await, 402);
    change(&root, &path, json!({"budget_microusd": lower})).await;
    assert_eq!(post(&ada).await, 200);
    assert_eq!(post(&ada).await, 402);
}

#[tokio::test]
async fn what_an_owner_changes_of_a_key_counts_at_once() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let wanted = json!({"budget_microusd": 100 * RESERVED, "budget_period": "total"});
    let program = ada.with_key(wanted).await;
    let keys = ada.get("/api/v1/api-keys").await.json();
    let path = format!(
        "/api/v1/api-keys/{}",
        keys["items"][0]["id"].as_str().unwrap()
    );
    for _ in 0..30 {
        scene.upstream.answers(Script::json(200, LESS));
    }
    let burst = join_all((0..20).map(|_| post(&program))).await;
    assert!(burst.iter().all(|status| *status == 200));

    let lower = 20 * LESS_COST + RESERVED;
    change(&ada, &path, json!({"budget_microusd": lower - 1})).await;
    assert_eq!(post(&program).await, 402);
    change(&ada, &path, json!({"budget_microusd": lower})).await;
    assert_eq!(post(&program).await, 200);
    assert_eq!(post(&program).await, 402);
    // What was spent counts in every period once it is written, and without a budget there is none.
    scene.app.ledger(21).await;
    change(&ada, &path, json!({"budget_period": "day"})).await;
    assert_eq!(post(&program).await, 402);
    change(&ada, &path, json!({"budget_microusd": null})).await;
    assert_eq!(post(&program).await, 200);
}

#[tokio::test]
async fn everybody_has_the_budget_that_is_configured_unless_given_another() {
    let upstream = crate::support::upstream::Upstream::start().await;
    let toml = format!(
        "{}[models.public]\ntargets = [\"up/public\"]
        price = {{ input = 0.15, output = 0.60 }}
        [limits.user]\nbudget_microusd = {RESERVED}\nbudget_period = \"day\"",
        super::provider("up", &upstream.url())
    );
    let app = super::configured(&toml).await;
    let (ada, path) = user(&app).await;
    let eve = app.sign_up("eve").await;
    let root = app.admin().await;
    for _ in 0..9 {
        upstream.answers(Script::json(200, FULL));
    }

    // Over all keys and sessions.
    let program = ada.with_key(json!({})).await;
    assert_eq!((post(&ada).await, post(&program).await), (200, 402));
    assert_eq!((post(&eve).await, post(&eve).await), (200, 402));

    let more = json!({"budget_microusd": 2 * RESERVED, "budget_period": "day"});
    change(&root, &path, more).await;
    assert_eq!((post(&ada).await, post(&program).await), (200, 402));
    assert_eq!(post(&eve).await, 402);
    change(&root, &path, json!({"budget_microusd": null})).await;
    assert_eq!(post(&ada).await, 402);
}

#[tokio::test]
async fn nothing_stays_leased_after_a_stop() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 1_000_000})).await;
    for _ in 0..20 {
        scene.upstream.answers(Script::json(200, LESS));
    }
    let listening = scene.app.listen().await;
    join_all((0..20).map(|_| post(&program))).await;

    listening.stop().await;

    assert_eq!(scene.app.ledger_now().await.len(), 20);
    assert_eq!(scene.app.leases().await, 0);
    assert_eq!(scene.app.spent_by_the_key().await, 20 * LESS_COST);
}

#[tokio::test]
async fn a_lease_that_others_have_taken_away_is_neither_used_nor_given_back_again() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 10_000})).await;
    let listening = scene.app.listen().await;
    scene.upstream.answers(stream(&[ROLE, WORD]).hang());
    scene.upstream.answers(Script::json(200, FULL));
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;
    caller.head().await;
    caller.chunk().await.unwrap();

    scene.app.execute("DELETE FROM leases").await;
    scene
        .app
        .execute("UPDATE budgets SET leased_microusd = 0")
        .await;
    drop(caller);

    let cost = scene.app.row().await.cost_microusd;
    assert!(cost > 0);
    assert_eq!(post(&program).await, 200);
    scene.app.ledger(2).await;
    assert_eq!(scene.app.spent_by_the_key().await, cost + RESERVED);
}

#[tokio::test]
async fn a_lease_in_use_keeps_its_money_for_longer_than_twenty_seconds() {
    let scene = Scene::set().await;
    let other = scene.app.replica().await;
    let ada = scene.app.sign_up("ada").await;
    let wanted = json!({"budget_microusd": RESERVED + 20});
    let here = ada.with_key(wanted).await;
    let there = other
        .anonymous()
        .header("authorization", here.authorization());
    scene.upstream.answers(stream(&[WORD]).hang());
    scene.upstream.answers(Script::json(200, LESS));
    let running = here.open(PATH, ask_short_stream()).await;
    assert_eq!(post(&there).await, 402);

    for _ in 0..2 {
        let before = lease_ends(&scene.app).await;
        scene.app.advance(Duration::from_secs(15));
        is_renewed(&scene.app, before).await;
        // A refusal stands for a tenth of a second; then the replica looks.
        sleep(Duration::from_millis(200)).await;
        assert_eq!(post(&there).await, 402);
    }

    drop(running);
    let cost = scene.app.row().await.cost_microusd;
    assert!((1..=20).contains(&cost), "{cost}");
    scene.app.rests().await;
    assert_eq!(post(&there).await, 200);
    scene.app.ledger(2).await;
    assert_eq!(scene.app.spent_by_the_key().await, cost + LESS_COST);
}

async fn is_renewed(app: &TestApp, before: Ts) {
    for _ in 0..600 {
        if lease_ends(app).await > before {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the lease is not renewed");
}

/// When the only lease runs out, if nobody renews it.
async fn lease_ends(app: &TestApp) -> Ts {
    let leases: Vec<(Ts,)> = app.rows("SELECT expires_at FROM leases").await;
    let [(ends,)] = leases[..] else {
        panic!("not one lease: {leases:?}");
    };
    ends
}
