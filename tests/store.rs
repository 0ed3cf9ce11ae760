//! The joints that the storage rests on, on SQLite always and on PostgreSQL where
//! `TEST_DATABASE_URL` names one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use concierge::clock::Clock;
use concierge::domain::{
    Budget, Caps, Charge, Contact, Email, KeyId, Name, Outcome, Period, ProcessId, RequestId, Role,
    RowId, Scope, Scopes, Status, Ts, User, UserId, Username,
};
use concierge::store::budgets::{self, Account, Change, Lease, Standing};
use concierge::store::ledger::{self, Span};
use concierge::store::vault::{keys, passwords, sessions};
use concierge::store::{Address, Db, Limits, Main, Vault, users};
use sqlx::types::Json;

const NOON: i64 = 1_763_726_400_000_000; // 2025-11-21T12:00:00Z

struct Databases {
    main: Db<Main>,
    vault: Db<Vault>,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Databases {
    /// Both databases, migrated: two SQLite files, or one fresh PostgreSQL schema behind both.
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (main, vault) = match postgres_schema().await {
            Some(url) => (
                Db::open(Address::Postgres(&url), LIMITS).await.unwrap(),
                Db::open(Address::Postgres(&url), LIMITS).await.unwrap(),
            ),
            None => (
                Db::open(Address::Sqlite(&folder.path().join("main.db")), LIMITS)
                    .await
                    .unwrap(),
                Db::open(Address::Sqlite(&folder.path().join("vault.db")), LIMITS)
                    .await
                    .unwrap(),
            ),
        };
        main.migrate().await.unwrap();
        vault.migrate().await.unwrap();
        Self {
            main,
            vault,
            clock: Clock::standing_at(NOON),
            _folder: folder,
        }
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.clock.micros())
    }

    fn user(&self, name: &str) -> User {
        User {
            id: UserId::new(&self.clock),
            email: Contact::own(Email::parse(&format!("{name}@example.com")).unwrap()),
            username: Username::parse(name),
            name: Name::parse("Ada"),
            role: Role::User,
            status: Status::Active,
            email_verified: false,
            created_at: self.now(),
            updated_at: self.now(),
            last_seen_at: None,
            token_version: 1,
            caps: Caps::default(),
        }
    }

    fn charge(&self, user: &UserId, model: &str, at: Ts) -> Charge {
        Charge {
            id: RowId::new(&self.clock),
            at,
            user_id: user.clone(),
            key_id: None,
            provider: "openai".to_owned(),
            model: model.to_owned(),
            upstream_model: model.to_owned(),
            status: Outcome::Ok,
            http_status: Some(200),
            prompt_tokens: 10,
            cached_tokens: 4,
            completion_tokens: 5,
            reasoning_tokens: 2,
            cost_microusd: 7,
            ttft_ms: None,
            duration_ms: 12,
            attempts: 1,
            request_id: RequestId::parse("req-1").unwrap(),
            estimated: false,
        }
    }
}

const LIMITS: Limits = Limits { most: 8 };

fn caps() -> Caps {
    Caps {
        budget: Some(Budget {
            microusd: 7,
            period: Period::Day,
        }),
        rpm: None,
        tpm: Some(9),
    }
}

async fn postgres_schema() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are told of their servers"
    )]
    let url = std::env::var("TEST_DATABASE_URL").ok()?;
    let schema = format!(
        "store_{}",
        RowId::new(&Clock::system()).to_string().replace('-', "")
    );
    let pool = sqlx::PgPool::connect(&url)
        .await
        .expect("TEST_DATABASE_URL must answer");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(&pool)
        .await
        .unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{mark}options=-csearch_path%3D{schema}"))
}

#[tokio::test]
async fn a_row_comes_back_as_it_was_written() {
    let db = Databases::open().await;
    let ada = db.user("ada");

    let mut tx = db.main.write().await.unwrap();
    assert_eq!(users::add(&mut tx, &ada).await.unwrap(), Ok(()));
    tx.commit().await.unwrap();

    let mut conn = db.main.read().await.unwrap();
    assert_eq!(
        users::by_id(&mut conn, &ada.id).await.unwrap(),
        Some(ada.clone())
    );
    assert_eq!(
        users::by_email(&mut conn, ada.email.own.as_ref().unwrap())
            .await
            .unwrap(),
        Some(ada.clone())
    );
    let name = Username::parse("ada").unwrap();
    assert_eq!(
        users::by_username(&mut conn, &name).await.unwrap(),
        Some(ada)
    );
}

#[tokio::test]
async fn what_is_not_committed_never_was() {
    let db = Databases::open().await;
    let ada = db.user("ada");

    let mut tx = db.main.write().await.unwrap();
    users::add(&mut tx, &ada).await.unwrap().unwrap();
    drop(tx);

    let mut conn = db.main.read().await.unwrap();
    assert_eq!(users::by_id(&mut conn, &ada.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_taken_name_is_told_apart_from_a_taken_address() {
    let db = Databases::open().await;
    let mut tx = db.main.write().await.unwrap();
    users::add(&mut tx, &db.user("ada")).await.unwrap().unwrap();

    let mut same_name = db.user("ada");
    same_name.email = Contact::own(Email::parse("other@example.com").unwrap());
    let by_name = users::add(&mut tx, &same_name).await.unwrap();
    let by_email = users::add(&mut tx, &db.user("ada")).await.unwrap();

    assert_eq!(by_name, Err(users::Taken::Username));
    assert_eq!(by_email, Err(users::Taken::Email));
}

#[tokio::test]
async fn writers_queue_instead_of_failing() {
    let db = Databases::open().await;
    let ada = db.user("ada");
    let mut tx = db.main.write().await.unwrap();
    users::add(&mut tx, &ada).await.unwrap().unwrap();
    tx.commit().await.unwrap();

    // Each reads before it writes: in a deferred transaction SQLite would refuse all but one.
    let writers = (0..20).map(|_| async {
        let mut tx = db.main.write().await?;
        users::by_id(&mut tx, &ada.id).await?;
        users::seen(&mut tx, &ada.id, db.now()).await?;
        tx.commit().await
    });
    let ended = futures_util::future::join_all(writers).await;

    assert!(ended.into_iter().all(|one| one.is_ok()));
}

#[tokio::test]
async fn usage_adds_up_by_day_model_and_key_for_one_user_or_all() {
    let db = Databases::open().await;
    let (ada, eve) = (db.user("ada"), db.user("eve"));
    let mut tx = db.main.write().await.unwrap();
    for user in [&ada, &eve] {
        users::add(&mut tx, user).await.unwrap().unwrap();
    }
    tx.commit().await.unwrap();
    let (ada, eve) = (ada.id, eve.id);
    let today = db.now();
    let mut keyed = db.charge(&ada, "large", today);
    keyed.key_id = Some(KeyId::new(&db.clock));
    let charges = [
        db.charge(&ada, "small", today.plus_days(-1)),
        db.charge(&ada, "small", today),
        keyed.clone(),
        db.charge(&eve, "small", today),
    ];
    let mut tx = db.main.write().await.unwrap();
    assert_eq!(ledger::add(&mut tx, &charges).await.unwrap().len(), 4);
    // A batch that is tried twice adds nothing, and says so.
    assert_eq!(ledger::add(&mut tx, &charges).await.unwrap(), []);
    tx.commit().await.unwrap();

    let mut conn = db.main.read().await.unwrap();
    let hers = Span {
        user: Some(ada),
        from: today.plus_days(-30),
        until: today.plus_days(1),
    };
    let all = Span {
        user: None,
        ..hers.clone()
    };
    let days = ledger::by_day(&mut conn, &hers).await.unwrap();
    let models = ledger::by_model(&mut conn, &hers).await.unwrap();
    let by_key = ledger::by_key(&mut conn, &hers).await.unwrap();

    let labels = |rows: &[concierge::domain::UsageRow]| {
        rows.iter()
            .map(|row| (row.label.clone(), row.sums.requests))
            .collect::<Vec<_>>()
    };
    let named = |label: &str, requests| (Some(label.to_owned()), requests);
    assert_eq!(
        labels(&days),
        [named("2025-11-20", 1), named("2025-11-21", 2)]
    );
    assert_eq!(labels(&models), [named("large", 1), named("small", 2)]);
    assert_eq!(
        labels(&by_key),
        [(None, 2), named(&keyed.key_id.unwrap().to_string(), 1)]
    );
    assert_eq!(models[1].sums.cost_microusd, 14);
    assert_eq!(
        ledger::by_model(&mut conn, &all).await.unwrap()[1]
            .sums
            .requests,
        3
    );
    let everybodys = ledger::by_key(&mut conn, &all).await.unwrap();
    let rows: i64 = everybodys.iter().map(|row| row.sums.requests).sum();
    assert_eq!(rows, 4);
}

#[tokio::test]
async fn a_request_that_outlives_its_account_is_written_under_nobodys_name() {
    let db = Databases::open().await;
    let doomed = User {
        status: Status::Deleted,
        ..db.user("ada")
    };
    let mut tx = db.main.write().await.unwrap();
    users::add(&mut tx, &doomed).await.unwrap().unwrap();
    let gone = UserId::new(&db.clock);
    let charges = [&doomed.id, &gone].map(|user| Charge {
        key_id: Some(KeyId::new(&db.clock)),
        ..db.charge(user, "small", db.now())
    });
    assert_eq!(ledger::add(&mut tx, &charges).await.unwrap().len(), 2);
    tx.commit().await.unwrap();

    let mut conn = db.main.read().await.unwrap();
    let of = |user| Span {
        user,
        from: db.now().day(),
        until: db.now().plus_days(1),
    };
    let hers = ledger::by_key(&mut conn, &of(Some(doomed.id)))
        .await
        .unwrap();
    let all = ledger::by_key(&mut conn, &of(None)).await.unwrap();

    assert_eq!(hers, []);
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].label, all[0].sums.requests), (&None, 2));
}

fn account(holder: &str) -> Account {
    Account {
        holder: holder.to_owned(),
        period: "2025-11".to_owned(),
    }
}

fn lease_of(process: ProcessId, holder: &str) -> Lease {
    Lease {
        process,
        account: account(holder),
    }
}

async fn standing(db: &Databases, holder: &str) -> (i64, i64) {
    let mut tx = db.main.write().await.unwrap();
    let held = budgets::hold(&mut tx, &account(holder)).await;
    let Standing { spent, leased } = held.unwrap();
    (spent, leased)
}

#[tokio::test]
async fn what_is_drawn_on_a_lease_is_spent_and_the_rest_goes_back() {
    let db = Databases::open().await;
    let (mine, others) = (ProcessId::new(&db.clock), ProcessId::new(&db.clock));
    let until = db.now().plus_days(1);
    let (a, b) = (lease_of(mine, "user:a"), lease_of(mine, "user:b"));
    let mut tx = db.main.write().await.unwrap();
    for (lease, amount) in [(&a, 60), (&a, 40), (&b, 10)] {
        budgets::hold(&mut tx, &lease.account).await.unwrap();
        budgets::lease(&mut tx, lease, amount, until).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(standing(&db, "user:a").await, (0, 100));

    let mut tx = db.main.write().await.unwrap();
    let moved = |spent, leased| Change { spent, leased };
    let changes = [
        (b.account.clone(), moved(11, -11)),
        (a.account.clone(), moved(35, -30)),
        (account("user:new"), moved(1, 0)),
    ];
    budgets::change(&mut tx, &changes.into()).await.unwrap();
    let drawn = [
        (a.clone(), 30),
        (b.clone(), 11),
        (lease_of(others, "user:a"), 1),
    ];
    let found = budgets::draw(&mut tx, &drawn.into()).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&a));
    assert!(budgets::is_there(&mut tx, &b).await.unwrap());
    assert!(budgets::give_back(&mut tx, &a, 20).await.unwrap());
    assert!(!budgets::give_back(&mut tx, &a, 51).await.unwrap());
    let mut renewed = budgets::renew(&mut tx, mine, until).await.unwrap();
    renewed.sort();
    assert_eq!(renewed, [a.account.clone(), b.account.clone()]);
    budgets::end(&mut tx, &a).await.unwrap();
    budgets::end(&mut tx, &a).await.unwrap();
    assert!(!budgets::is_there(&mut tx, &a).await.unwrap());
    tx.commit().await.unwrap();

    assert_eq!(standing(&db, "user:a").await, (35, 0));
    assert_eq!(standing(&db, "user:b").await, (11, -1));
    assert_eq!(standing(&db, "user:new").await, (1, 0));
}

#[tokio::test]
async fn leases_that_others_have_not_renewed_end() {
    let db = Databases::open().await;
    let processes = [(); 3].map(|()| ProcessId::new(&db.clock));
    let [own, dead, living] = processes;
    let mut tx = db.main.write().await.unwrap();
    for (process, amount, ends_in) in [(own, 1, 0), (dead, 20, 0), (living, 300, 1)] {
        let lease = lease_of(process, "user:a");
        let until = db.now().plus_days(ends_in);
        budgets::hold(&mut tx, &lease.account).await.unwrap();
        budgets::lease(&mut tx, &lease, amount, until)
            .await
            .unwrap();
    }
    let expired = budgets::expired(&mut tx, own, db.now(), 10).await.unwrap();
    assert_eq!(expired, [account("user:a")]);

    let freed = budgets::end_expired(&mut tx, &expired[0], own, db.now()).await;
    tx.commit().await.unwrap();

    assert_eq!(freed.unwrap(), 20);
    assert_eq!(standing(&db, "user:a").await, (0, 301));
    let mut conn = db.main.read().await.unwrap();
    let expired = budgets::expired(&mut conn, own, db.now(), 10).await;
    assert_eq!(expired.unwrap(), []);
}

#[tokio::test]
async fn the_vault_keeps_passwords_logins_and_keys() {
    let db = Databases::open().await;
    let user = UserId::new(&db.clock);
    let session = sessions::Session {
        id: concierge::domain::SessionId::new(&db.clock),
        user_id: user.clone(),
        token_hash: vec![7; 32],
        remember: true,
        created_at: db.now(),
        last_seen_at: db.now(),
        expires_at: db.now().plus_days(7),
        ip: Some("127.0.0.1".to_owned()),
        user_agent: None,
        refresh_counter: 0,
        refreshed_at: db.now(),
        refresh_until: db.now(),
        token_version: None,
    };
    let key = keys::Kept {
        id: KeyId::new(&db.clock),
        user_id: user.clone(),
        lookup: "abcd1234".to_owned(),
        hash: vec![9; 32],
        last_four: "wxyz".to_owned(),
        name: Name::parse("ci").unwrap(),
        scopes: Json(Scopes::new(Some(vec![Scope::Models]))),
        models: Json(None),
        caps: caps(),
        created_at: db.now(),
        expires_at: db.now().plus_days(90),
        last_used_at: None,
    };

    let mut tx = db.vault.write().await.unwrap();
    passwords::set(&mut tx, &user, "old", db.now())
        .await
        .unwrap();
    passwords::set(&mut tx, &user, "new", db.now())
        .await
        .unwrap();
    sessions::add(&mut tx, &session).await.unwrap();
    keys::add(&mut tx, &user, &key).await.unwrap();
    keys::used(&mut tx, key.id, db.now()).await.unwrap();
    tx.commit().await.unwrap();

    let mut conn = db.vault.read().await.unwrap();
    assert_eq!(
        passwords::of(&mut conn, &user).await.unwrap().as_deref(),
        Some("new")
    );
    let by_token = sessions::live_by_token(&mut conn, &[7; 32], db.now())
        .await
        .unwrap();
    assert_eq!(by_token.unwrap().id, session.id);
    let over = sessions::live(&mut conn, session.id, db.now().plus_days(8))
        .await
        .unwrap();
    assert!(over.is_none());
    let found = keys::by_lookup(&mut conn, "abcd1234")
        .await
        .unwrap()
        .unwrap();
    assert!(found.scopes.allow(Scope::Models) && !found.scopes.allow(Scope::Completions));
    assert_eq!(found.last_used_at, Some(db.now()));
    assert_eq!(found.caps, caps());
    drop(conn);
    let mut tx = db.vault.write().await.unwrap();
    assert!(
        !keys::remove(&mut tx, &UserId::new(&db.clock), key.id)
            .await
            .unwrap()
    );
    assert!(keys::remove(&mut tx, &user, key.id).await.unwrap());
    assert_eq!(
        sessions::sweep(&mut tx, db.now().plus_days(8))
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn the_oldest_logins_make_room() {
    let db = Databases::open().await;
    let user = UserId::new(&db.clock);
    let mut tx = db.vault.write().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..4_u8 {
        db.clock.advance(std::time::Duration::from_millis(1));
        let session = sessions::Session {
            id: concierge::domain::SessionId::new(&db.clock),
            user_id: user.clone(),
            token_hash: vec![number; 32],
            remember: false,
            created_at: db.now(),
            last_seen_at: db.now(),
            expires_at: db.now().plus_days(1),
            ip: None,
            user_agent: None,
            refresh_counter: 0,
            refreshed_at: db.now(),
            refresh_until: db.now().plus_days(30),
            token_version: None,
        };
        sessions::add(&mut tx, &session).await.unwrap();
        ids.push(session.id);
    }

    let mut evicted = sessions::evict(&mut tx, &user, 2).await.unwrap();

    evicted.sort();
    assert_eq!(evicted, ids[..2]);
}

#[tokio::test]
async fn migrating_twice_changes_nothing_and_leaves_nothing_pending() {
    let db = Databases::open().await;

    db.main.migrate().await.unwrap();
    db.vault.migrate().await.unwrap();

    assert_eq!(db.main.unapplied().await.unwrap(), 0);
    assert_eq!(db.vault.unapplied().await.unwrap(), 0);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_told_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("not-a-database.db");
    std::fs::write(&file, vec![b'x'; 8192]).unwrap();

    let error = Db::<Main>::open(Address::Sqlite(&file), LIMITS)
        .await
        .unwrap_err();

    assert!(error.to_string().contains("not-a-database.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("main.db");
    let db = Db::<Main>::open(Address::Sqlite(&file), LIMITS)
        .await
        .unwrap();
    db.ping().await.unwrap();

    std::fs::remove_file(&file).unwrap();

    assert!(db.ping().await.is_err());
}

#[tokio::test]
async fn a_hash_is_replaced_only_where_the_old_one_still_stands() {
    let db = Databases::open().await;
    let user = UserId::new(&db.clock);
    let mut tx = db.vault.write().await.unwrap();
    passwords::set(&mut tx, &user, "old", db.now())
        .await
        .unwrap();

    let held = passwords::replace(&mut tx, &user, "old", "old").await;
    let renewed = passwords::replace(&mut tx, &user, "old", "new").await;
    let too_late = passwords::replace(&mut tx, &user, "old", "mine").await;

    assert!(held.unwrap() && renewed.unwrap() && !too_late.unwrap());
    let kept = passwords::of(&mut tx, &user).await.unwrap();
    assert_eq!(kept.as_deref(), Some("new"));
}

#[tokio::test]
async fn an_administrator_is_made_with_all_older_tokens_dead() {
    let db = Databases::open().await;
    let ada = db.user("ada");
    let mut tx = db.main.write().await.unwrap();
    users::add(&mut tx, &ada).await.unwrap().unwrap();

    let promoted = users::promote(&mut tx, &ada.id, db.now()).await.unwrap();
    let nobody = UserId::new(&db.clock);
    let missing = users::promote(&mut tx, &nobody, db.now()).await.unwrap();

    let admin = users::by_id(&mut tx, &ada.id).await.unwrap().unwrap();
    assert!(promoted && !missing);
    assert_eq!((admin.role, admin.token_version), (Role::Admin, 2));
}

// Who reads while statistics are missing would write them when it is closed, and may not.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_closed_has_everything_in_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("main.db");
    for round in 0..20 {
        let db = Db::<Main>::open(Address::Sqlite(&file), LIMITS).await;
        let db = db.unwrap();
        db.migrate().await.unwrap();
        let held = account(&format!("user:{round}"));
        let mut tx = db.write().await.unwrap();
        budgets::hold(&mut tx, &held).await.unwrap();
        tx.commit().await.unwrap();
        for _ in 0..4 {
            let mut conn = db.read().await.unwrap();
            let from = Ts::from_micros(NOON);
            let span = Span {
                user: Some(UserId::new(&Clock::standing_at(NOON))),
                from,
                until: from.plus_days(1),
            };
            ledger::by_model(&mut conn, &span).await.unwrap();
        }

        db.close().await;

        let names = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["main.db"], "round {round}");
    }
}
