//! Accounts, logins and keys from end to end, on SQLite always and on PostgreSQL where
//! `TEST_DATABASE_URL` names one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use concierge::auth::{
    Auth, Credential, KeyChange, LogIn, NewAccount, NewKey, NewProfile, PasswordAlgorithm,
    Settings, SignedIn, TokenAlgorithm, UserChange,
};
use concierge::clock::Clock;
use concierge::domain::{
    Actor, Email, FlatCaps, Name, Origin, Principal, Role, RowId, Scope, SessionId, Ts, User,
    UserId, Username,
};
use concierge::error::{Error, Kind, Result};
use concierge::outbox::{Carriers, Outbox};
use concierge::store::vault::{passwords, sessions};
use concierge::store::{Address, Db, Limits, Main, Vault, users};
use concierge::telemetry::Metrics;
use futures_util::future::{join, join_all};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use zeroize::Zeroizing;

const NOON: i64 = 1_763_726_400_000_000; // 2025-11-21T12:00:00Z
const LIMITS: Limits = Limits { most: 8 };
const PASSWORD: &str = "plum tree, river";
const DAY: Duration = Duration::from_hours(24);

/// Nothing that is put in is ever sent.
fn outbox(main: &Db<Main>, clock: &Clock) -> Outbox {
    let needs = (main.clone(), clock.clone(), Metrics::new().unwrap());
    Outbox::new(&[Zeroizing::new([7; 32])], Carriers::default(), needs).unwrap()
}

/// One replica with its databases.
struct World {
    auth: Auth,
    main: Db<Main>,
    vault: Db<Vault>,
    clock: Clock,
    postgres: Option<String>,
    folder: tempfile::TempDir,
}

impl World {
    async fn open() -> Self {
        Self::with(settings()).await
    }

    async fn with(settings: Settings) -> Self {
        let postgres = postgres_schema().await;
        Self::on(postgres, settings).await
    }

    async fn on(postgres: Option<String>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            folder.path().join("main.db"),
            folder.path().join("vault.db"),
        ];
        let address = |file: usize| match &postgres {
            Some(url) => Address::Postgres(url),
            None => Address::Sqlite(&files[file]),
        };
        let main = Db::<Main>::open(address(0), LIMITS).await.unwrap();
        let vault = Db::<Vault>::open(address(1), LIMITS).await.unwrap();
        main.migrate().await.unwrap();
        vault.migrate().await.unwrap();
        let clock = Clock::standing_at(NOON);
        let auth = Auth::new(
            settings,
            (main.clone(), vault.clone()),
            outbox(&main, &clock),
            clock.clone(),
        )
        .unwrap();
        Self {
            auth,
            main,
            vault,
            clock,
            postgres,
            folder,
        }
    }

    /// Another process on the same databases.
    fn replica(&self) -> Auth {
        let (main, vault) = (self.main.clone(), self.vault.clone());
        Auth::new(
            settings(),
            (main.clone(), vault),
            outbox(&main, &self.clock),
            self.clock.clone(),
        )
        .unwrap()
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.clock.micros())
    }

    async fn register(&self, name: &str) -> User {
        self.auth.register(account(name), &nowhere()).await.unwrap()
    }

    async fn log_in(&self, login: &str) -> SignedIn {
        self.auth.log_in(attempt(login, PASSWORD)).await.unwrap()
    }

    async fn fails(&self, login: &str, password: &str) -> Error {
        self.auth
            .log_in(attempt(login, password))
            .await
            .unwrap_err()
    }

    async fn hash_of(&self, user: &UserId) -> Option<String> {
        let mut conn = self.vault.read().await.unwrap();
        passwords::of(&mut conn, user).await.unwrap()
    }

    async fn set_hash(&self, user: &UserId, hash: &str) {
        let mut tx = self.vault.write().await.unwrap();
        passwords::set(&mut tx, user, hash, self.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Changes rows behind everybody's back.
    async fn change(&self, sql: &str) {
        self.change_in("main.db", sql).await;
    }

    async fn change_in(&self, file: &str, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        if let Some(url) = &self.postgres {
            let pool = PgPool::connect(url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
        } else {
            let pool = open_file(&self.folder.path().join(file)).await;
            sqlx::query(sql).execute(&pool).await.unwrap();
        }
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        if let Some(url) = &self.postgres {
            let pool = PgPool::connect(url).await.unwrap();
            return sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        }
        let file = if table == "users" {
            "main.db"
        } else {
            "vault.db"
        };
        let pool = open_file(&self.folder.path().join(file)).await;
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    }
}

async fn open_file(file: &Path) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", file.display()))
        .await
        .unwrap()
}

async fn postgres_schema() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are told of their servers"
    )]
    let url = std::env::var("TEST_DATABASE_URL").ok()?;
    let id = RowId::new(&Clock::system()).to_string();
    let schema = format!("auth_{}", id.replace('-', ""));
    let pool = PgPool::connect(&url)
        .await
        .expect("TEST_DATABASE_URL must answer");
    let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(&pool).await.unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{mark}options=-csearch_path%3D{schema}"))
}

fn settings() -> Settings {
    Settings {
        secret_key: "a secret of more than thirty-two characters".into(),
        previous_secret_key: None,
        token_algorithm: TokenAlgorithm::EdDsa,
        issuer: "http://localhost:8000".to_owned(),
        audience: "concierge".to_owned(),
        issuers: Vec::new(),
        access_token_ttl: Duration::from_mins(15),
        session_ttl: 7 * DAY,
        session_max_ttl: 30 * DAY,
        refresh_token_ttl: Duration::from_hours(30 * 24),
        refresh_max_ttl: Duration::from_hours(90 * 24),
        password_algorithm: PasswordAlgorithm::Argon2id,
        password_pepper: None,
        previous_password_pepper: None,
        password_min_length: 8,
        registration_enabled: true,
        audit_retention: 365 * DAY,
        locks: None,
        product: "Concierge".to_owned(),
        verification_required: false,
        reset_page: None,
    }
}

fn account(name: &str) -> NewAccount {
    NewAccount {
        email: email(name),
        password: PASSWORD.into(),
        username: Username::parse(name),
        name: Name::parse("Ada Lovelace"),
    }
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).unwrap()
}

fn attempt(login: &str, password: &str) -> LogIn {
    LogIn {
        login: login.to_owned(),
        password: password.into(),
        remember: true,
        origin: Origin {
            ip: "192.0.2.7".parse().ok(),
            user_agent: Some("test".to_owned()),
            request_id: None,
        },
        replacing: None,
        device: None,
    }
}

fn nowhere() -> Origin {
    Origin::default()
}

fn acting(principal: &Principal) -> Actor {
    Actor {
        principal: principal.clone(),
        origin: nowhere(),
    }
}

fn new_key() -> NewKey {
    NewKey {
        name: Name::parse("ci").unwrap(),
        scopes: None,
        models: None,
        caps: FlatCaps::default(),
        expires_at: None,
    }
}

fn bearer(login: &SignedIn) -> Credential<'_> {
    Credential::Bearer(login.access_token.expose_secret())
}

fn cookie(login: &SignedIn) -> Credential<'_> {
    Credential::Cookie(login.session_token.expose_secret())
}

fn code<T>(result: Result<T>) -> Option<&'static str> {
    result.err().map(|error| error.code)
}

#[tokio::test]
async fn an_account_is_opened_used_and_left() {
    let world = World::open().await;
    let user = world.register("ada").await;

    let login = world.log_in(" Ada@Example.COM ").await;
    let by_cookie = world.auth.verify(cookie(&login)).await.unwrap();
    let by_token = world.auth.verify(bearer(&login)).await.unwrap();

    assert_eq!(login.user, user);
    assert_eq!(login.expires_in, Duration::from_mins(15));
    assert_eq!(login.session_lifetime, Some(30 * DAY));
    assert_eq!((&by_cookie.user, by_cookie.role), (&user.id, Role::User));
    assert_eq!(by_cookie.session(), by_token.session());
    let me = world.auth.user(&by_token.user).await.unwrap();
    assert_eq!(me.last_seen_at, Some(world.now()));

    world
        .auth
        .log_out(&cookie(&login), &nowhere())
        .await
        .unwrap();

    let refused = Some("invalid_token");
    assert_eq!(code(world.auth.verify(cookie(&login)).await), refused);
    assert_eq!(code(world.auth.verify(bearer(&login)).await), refused);
    world
        .auth
        .log_out(&cookie(&login), &nowhere())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_username_signs_in_as_well_as_an_address() {
    let world = World::open().await;
    let user = world.register("ada").await;

    assert_eq!(world.log_in("ADA").await.user.id, user.id);
}

#[tokio::test]
async fn names_belong_to_one_account() {
    let world = World::open().await;
    world.register("ada").await;
    let other_email = NewAccount {
        email: email("other"),
        ..account("ada")
    };

    let by_email = world
        .auth
        .register(account("ada"), &nowhere())
        .await
        .unwrap_err();
    let by_name = world
        .auth
        .register(other_email, &nowhere())
        .await
        .unwrap_err();

    assert_eq!(
        (by_email.kind, by_email.code),
        (Kind::Conflict, "email_taken")
    );
    assert_eq!(
        (by_name.kind, by_name.code),
        (Kind::Conflict, "username_taken")
    );
    assert_eq!(world.count("passwords").await, 1);
}

#[tokio::test]
async fn a_weak_password_opens_no_account() {
    let world = World::open().await;
    let weak = NewAccount {
        password: "password123".into(),
        ..account("ada")
    };

    let error = world.auth.register(weak, &nowhere()).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Invalid, "validation_error")
    );
    assert_eq!(error.fields[0].name, "password");
    assert_eq!(world.count("users").await, 0);
}

#[tokio::test]
async fn a_closed_house_opens_no_accounts_but_makes_administrators() {
    let world = World::with(Settings {
        registration_enabled: false,
        ..settings()
    })
    .await;

    let error = world
        .auth
        .register(account("ada"), &nowhere())
        .await
        .unwrap_err();
    let admin = world
        .auth
        .create_admin(email("root"), PASSWORD.into())
        .await
        .unwrap();

    assert_eq!(error.code, "registration_disabled");
    assert_eq!(admin.role, Role::Admin);
    assert!(world.log_in("root@example.com").await.user.role == Role::Admin);
}

#[tokio::test]
async fn twenty_at_once_get_one_account_and_leave_no_orphan() {
    let world = World::open().await;

    let nowhere = nowhere();
    let tries = (0..20).map(|_| world.auth.register(account("ada"), &nowhere));
    let (opened, refused): (Vec<_>, Vec<_>) =
        join_all(tries).await.into_iter().partition(Result::is_ok);

    assert_eq!(opened.len(), 1);
    for error in refused {
        let code = error.unwrap_err().code;
        assert!(
            ["email_taken", "service_unavailable"].contains(&code),
            "{code}"
        );
    }
    assert_eq!(world.count("users").await, 1);
    assert_eq!(world.count("passwords").await, 1);
    world.log_in("ada").await;
}

#[tokio::test]
async fn whoever_does_not_know_the_password_learns_nothing() {
    let world = World::open().await;
    world.register("ada").await;
    world.register("eve").await;
    let ghost = world.register("ghost").await;
    world
        .change("UPDATE users SET status = 'inactive' WHERE username = 'eve'")
        .await;
    let mut tx = world.vault.write().await.unwrap();
    passwords::remove(&mut tx, &ghost.id).await.unwrap();
    tx.commit().await.unwrap();

    let mut answers = HashSet::new();
    for (login, password) in [
        ("ada", "wrong password"),
        ("ada", ""),
        ("ada", "plum\u{0}tree"),
        ("ada@example.com", &*"x".repeat(100_000)),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("a\u{0}b@example.com", PASSWORD),
        ("eve", "wrong password"),
        ("ghost", PASSWORD),
    ] {
        let error = world.fails(login, password).await;
        assert_eq!(error.kind, Kind::Unauthenticated, "{login}");
        answers.insert(format!(
            "{} {} {:?}",
            error.code, error.message, error.fields
        ));
    }

    assert_eq!(answers.len(), 1, "{answers:?}");
    let disabled = world.fails("eve", PASSWORD).await;
    assert_eq!(
        (disabled.kind, disabled.code),
        (Kind::Forbidden, "account_disabled")
    );
}

// supabase/auth#2674: no hash was computed for an address without an account.
#[tokio::test]
async fn a_stranger_waits_as_long_as_whoever_types_wrong() {
    let world = World::open().await;
    world.register("ada").await;
    let mut fastest = [Duration::MAX; 2];

    for _ in 0..10 {
        for (login, best) in ["ada", "nobody"].into_iter().zip(&mut fastest) {
            let start = Instant::now();
            world.fails(login, "wrong password").await;
            *best = start.elapsed().min(*best);
        }
    }

    // Wide enough for a busy machine; without the work a stranger is told a hundred times sooner.
    let [known, unknown] = fastest;
    assert!(unknown > known / 8 && known > unknown / 8, "{fastest:?}");
}

#[tokio::test]
async fn nobody_is_told_by_the_time_whose_hash_is_an_old_one() {
    let world = World::open().await;
    let ada = world.register("ada").await;
    let bob = world.register("bob").await;
    world.register("eve").await;
    let dear = bcrypt::hash(PASSWORD, 12).unwrap();
    let start = Instant::now();
    assert!(!bcrypt::verify("wrong password", &dear).unwrap());
    let floor = start.elapsed().max(Duration::from_millis(250));
    world.set_hash(&ada.id, &dear).await;
    let cheap = bcrypt::hash(PASSWORD, 4).unwrap();
    world.set_hash(&bob.id, &cheap).await;
    world.auth.warm_up().await.unwrap();

    for (login, password) in [
        ("ada", "wrong password"),
        ("bob", "wrong password"),
        ("eve", "wrong password"),
        ("nobody@example.com", PASSWORD),
        ("nobody", "plum\u{0}tree"),
    ] {
        let start = Instant::now();
        world.fails(login, password).await;
        // The server has taken its own measure: half of ours leaves room for a busy machine.
        let least = Duration::from_millis(250).max(floor / 2);
        assert!(start.elapsed() >= least, "{login}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn the_first_login_finds_the_old_hashes_by_itself() {
    let world = World::open().await;
    let user = world.register("ada").await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    world.set_hash(&user.id, &old).await;

    for login in ["nobody", "ada"] {
        let start = Instant::now();
        world.fails(login, "wrong password").await;
        assert!(start.elapsed() >= Duration::from_millis(250), "{login}");
    }
}

#[tokio::test]
async fn after_a_change_to_bcrypt_the_hashes_of_before_are_not_told_apart() {
    let world = World::open().await;
    world.register("ada").await;
    let bcrypt = Settings {
        password_algorithm: PasswordAlgorithm::Bcrypt,
        ..settings()
    };
    let (main, vault) = (world.main.clone(), world.vault.clone());
    let changed = Auth::new(
        bcrypt,
        (main.clone(), vault),
        outbox(&main, &world.clock),
        world.clock.clone(),
    )
    .unwrap();
    changed.warm_up().await.unwrap();

    for login in ["nobody", "ada"] {
        let start = Instant::now();
        let refused = changed.log_in(attempt(login, "wrong password")).await;
        assert_eq!(code(refused), Some("invalid_credentials"));
        assert!(start.elapsed() >= Duration::from_millis(250), "{login}");
    }
}

#[tokio::test]
async fn an_old_hash_is_renewed_by_whoever_knows_the_password() {
    let world = World::open().await;
    let user = world.register("ada").await;
    let old = bcrypt::hash(PASSWORD, 4).unwrap();
    world.set_hash(&user.id, &old).await;

    world.fails("ada", "wrong password").await;
    assert_eq!(world.hash_of(&user.id).await.as_ref(), Some(&old));

    world.log_in("ada").await;
    let renewed = world.hash_of(&user.id).await.unwrap();
    assert!(
        renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{renewed}"
    );

    world.log_in("ada").await;
    assert_eq!(world.hash_of(&user.id).await, Some(renewed));
}

#[tokio::test]
async fn bcrypt_by_choice_takes_no_more_than_it_reads() {
    let world = World::with(Settings {
        password_algorithm: PasswordAlgorithm::Bcrypt,
        ..settings()
    })
    .await;
    let long = "x9".repeat(36);
    let too_long = NewAccount {
        password: long.as_str().into(),
        ..account("ada")
    };

    let error = world.auth.register(too_long, &nowhere()).await.unwrap_err();
    assert_eq!(error.fields[0].code, "too_long");
    let user = world.register("ada").await;
    assert!(
        world
            .hash_of(&user.id)
            .await
            .unwrap()
            .starts_with("$2b$12$")
    );

    world.fails("ada", &format!("{PASSWORD}{long}")).await;
    world.log_in("ada").await;
}

#[tokio::test]
async fn a_hostile_hash_in_the_database_is_a_wrong_password() {
    let world = World::open().await;
    let user = world.register("ada").await;

    for hash in [
        "",
        "$2b$",
        "$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde",
        "$2b$04$éééééééééééééééééééééééééé",
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64,t=4294967295,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA",
        "plum tree, river",
    ] {
        world.set_hash(&user.id, hash).await;
        assert_eq!(
            world.fails("ada", PASSWORD).await.code,
            "invalid_credentials"
        );
    }
}

#[tokio::test]
async fn a_token_past_its_time_says_so_and_still_signs_out() {
    let world = World::open().await;
    world.register("ada").await;
    let login = world.log_in("ada").await;
    world.auth.verify(bearer(&login)).await.unwrap();

    world.clock.advance(Duration::from_mins(16));
    let expired = world.auth.verify(bearer(&login)).await;
    assert_eq!(code(expired), Some("token_expired"));
    world.auth.verify(cookie(&login)).await.unwrap();

    world
        .auth
        .log_out(&bearer(&login), &nowhere())
        .await
        .unwrap();
    let refused = world.auth.verify(cookie(&login)).await;
    assert_eq!(code(refused), Some("invalid_token"));
}

#[tokio::test]
async fn one_login_ends_and_the_others_go_on() {
    let world = World::open().await;
    world.register("ada").await;
    let (first, second) = (world.log_in("ada").await, world.log_in("ada").await);

    world
        .auth
        .log_out(&bearer(&first), &nowhere())
        .await
        .unwrap();

    assert!(world.auth.verify(cookie(&first)).await.is_err());
    assert!(world.auth.verify(cookie(&second)).await.is_ok());
    assert!(world.auth.verify(bearer(&second)).await.is_ok());
}

#[tokio::test]
async fn a_login_lives_while_it_is_used_and_no_longer_than_a_month() {
    let world = World::open().await;
    world.register("ada").await;
    let (used, idle) = (world.log_in("ada").await, world.log_in("ada").await);

    for _ in 0..4 {
        world.clock.advance(6 * DAY);
        world.auth.verify(cookie(&used)).await.unwrap();
    }
    assert!(world.auth.verify(cookie(&idle)).await.is_err());

    world.clock.advance(Duration::from_secs(6 * 24 * 3_600 - 1));
    world.auth.verify(cookie(&used)).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert!(world.auth.verify(cookie(&used)).await.is_err());
    assert_eq!(world.auth.sweep().await.unwrap(), 2);
    assert_eq!(world.count("sessions").await, 0);
}

#[tokio::test]
async fn a_login_that_is_not_remembered_ends_within_the_day() {
    let world = World::open().await;
    world.register("ada").await;
    let forgetful = LogIn {
        remember: false,
        ..attempt("ada", PASSWORD)
    };
    let login = world.auth.log_in(forgetful).await.unwrap();
    assert_eq!(login.session_lifetime, None);

    world.clock.advance(Duration::from_hours(11));
    world.auth.verify(cookie(&login)).await.unwrap();
    world.clock.advance(Duration::from_hours(1));

    assert!(world.auth.verify(cookie(&login)).await.is_err());
}

#[tokio::test]
async fn a_session_that_was_there_before_is_never_taken_over() {
    let world = World::open().await;
    world.register("ada").await;
    world.register("eve").await;
    let planted = world.log_in("eve").await;
    world.auth.verify(cookie(&planted)).await.unwrap();
    let replacing = |token: &SecretString| LogIn {
        replacing: Some(token.clone()),
        ..attempt("ada", PASSWORD)
    };

    let login = world
        .auth
        .log_in(replacing(&planted.session_token))
        .await
        .unwrap();
    let made_up = SecretString::from("x".repeat(43));
    world.auth.log_in(replacing(&made_up)).await.unwrap();

    assert!(world.auth.verify(cookie(&login)).await.is_ok());
    assert!(world.auth.verify(cookie(&planted)).await.is_err());
    let adopted = Credential::Cookie(made_up.expose_secret());
    assert!(world.auth.verify(adopted).await.is_err());
}

#[tokio::test]
async fn the_fifty_first_login_ends_the_first() {
    let world = World::open().await;
    let user = world.register("ada").await;
    let first = world.log_in("ada").await;
    world.auth.verify(cookie(&first)).await.unwrap();
    let mut tx = world.vault.write().await.unwrap();
    for number in 0..49_u8 {
        world.clock.advance(Duration::from_millis(1));
        let session = sessions::Session {
            id: SessionId::new(&world.clock),
            user_id: user.id.clone(),
            token_hash: vec![number; 32],
            remember: true,
            created_at: world.now(),
            last_seen_at: world.now(),
            expires_at: world.now().plus(DAY),
            ip: None,
            user_agent: None,
            refresh_counter: 0,
            refreshed_at: world.now(),
            refresh_until: world.now(),
            token_version: None,
        };
        sessions::add(&mut tx, &session).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert!(world.auth.verify(cookie(&first)).await.is_ok());

    world.clock.advance(Duration::from_millis(1));
    let last = world.log_in("ada").await;

    assert!(world.auth.verify(cookie(&first)).await.is_err());
    assert!(world.auth.verify(cookie(&last)).await.is_ok());
    assert_eq!(world.count("sessions").await, 50);
}

#[tokio::test]
async fn another_replica_knows_of_a_sign_out_within_five_seconds() {
    let world = World::open().await;
    let replica = world.replica();
    world.register("ada").await;
    let login = world.log_in("ada").await;
    replica.verify(cookie(&login)).await.unwrap();
    replica.verify(bearer(&login)).await.unwrap();

    world
        .auth
        .log_out(&cookie(&login), &nowhere())
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(5));

    assert!(replica.verify(cookie(&login)).await.is_err());
    assert!(replica.verify(bearer(&login)).await.is_err());
}

/// What a change of somebody's standing leaves when the vault cannot be reached after it.
#[tokio::test]
async fn a_login_of_before_is_over_even_if_its_row_is_still_there() {
    let world = World::open().await;
    world.register("ada").await;
    let login = world.log_in("ada").await;
    world
        .change("UPDATE users SET token_version = token_version + 1")
        .await;
    let elsewhere = world.replica();

    assert_eq!(world.count("sessions").await, 1);
    for credential in [cookie(&login), bearer(&login)] {
        let refused = elsewhere.verify(credential).await;
        assert_eq!(code(refused), Some("invalid_token"));
    }
    let refreshed = elsewhere.refresh(&login.refresh_token, &nowhere()).await;
    assert_eq!(code(refreshed), Some("invalid_token"));
    assert!(
        elsewhere
            .verify(bearer(&world.log_in("ada").await))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_administrator_is_made_of_an_address_whose_account_is_being_removed() {
    let world = World::open().await;
    let ada = world.register("ada").await;
    world.change("UPDATE users SET status = 'deleted'").await;

    let admin = world
        .auth
        .create_admin(email("ada"), PASSWORD.into())
        .await
        .unwrap();

    assert_ne!(admin.id, ada.id);
    assert_eq!(world.count("users").await, 1);
    assert_eq!(world.log_in("ada@example.com").await.user.id, admin.id);
    assert_eq!(world.hash_of(&ada.id).await, None);
}

#[tokio::test]
async fn a_password_of_before_a_pepper_is_peppered_when_it_is_used() {
    let world = World::open().await;
    let ada = world.register("ada").await;
    let plain = world.hash_of(&ada.id).await.unwrap();
    let with = |settings| {
        let (main, vault) = (world.main.clone(), world.vault.clone());
        Auth::new(
            settings,
            (main.clone(), vault),
            outbox(&main, &world.clock),
            world.clock.clone(),
        )
        .unwrap()
    };
    let peppered = Settings {
        password_pepper: Some("a pepper of more than thirty-two characters".into()),
        ..settings()
    };
    let rotated = Settings {
        password_pepper: Some("another pepper of many, many characters".into()),
        previous_password_pepper: peppered.password_pepper.clone(),
        ..settings()
    };

    with(peppered)
        .log_in(attempt("ada", PASSWORD))
        .await
        .unwrap();
    let first = world.hash_of(&ada.id).await.unwrap();
    with(rotated.clone())
        .log_in(attempt("ada", PASSWORD))
        .await
        .unwrap();
    let second = world.hash_of(&ada.id).await.unwrap();
    let again = with(rotated).log_in(attempt("ada", PASSWORD)).await;

    assert!(!plain.contains("keyid") && first.contains("keyid") && first != second);
    assert!(again.is_ok());
    assert_eq!(world.hash_of(&ada.id).await.unwrap(), second);
    // The database alone does not open the account any more.
    assert_eq!(
        world.fails("ada", PASSWORD).await.code,
        "invalid_credentials"
    );
}

#[tokio::test]
async fn requests_under_way_do_not_bring_a_login_back() {
    let world = World::open().await;
    world.register("ada").await;

    for round in 0..12 {
        let login = world.log_in("ada").await;
        let session = world.auth.verify(bearer(&login)).await.unwrap();
        let requests = join_all((0..50).map(|_| world.auth.verify(cookie(&login))));
        let (_, left) = join(requests, async {
            tokio::task::yield_now().await;
            match round % 3 {
                0 => world.auth.log_out(&bearer(&login), &nowhere()).await,
                1 => world.auth.end_sessions(&acting(&session)).await,
                _ => end(&world, &session).await,
            }
        })
        .await;
        left.unwrap();

        for _ in 0..3 {
            assert!(world.auth.verify(cookie(&login)).await.is_err());
            assert!(world.auth.verify(bearer(&login)).await.is_err());
        }
    }
}

async fn end(world: &World, session: &Principal) -> Result<()> {
    let id = session.session().unwrap();
    world.auth.end_session(&acting(session), id).await
}

#[tokio::test]
async fn a_login_is_over_for_its_user_too_where_its_lifetime_was_shortened() {
    let world = World::open().await;
    let before = signed_in(&world).await;
    world.clock.advance(2 * DAY);
    let login = world.log_in("ada").await;
    let shorter = Settings {
        session_max_ttl: DAY,
        refresh_max_ttl: DAY,
        ..settings()
    };
    let (main, vault) = (world.main.clone(), world.vault.clone());
    let shorter = Auth::new(
        shorter,
        (main.clone(), vault),
        outbox(&main, &world.clock),
        world.clock.clone(),
    )
    .unwrap();

    let now = shorter.verify(cookie(&login)).await.unwrap();
    let (listed, total) = shorter.sessions(&now, 1, 20).await.unwrap();

    let listed: Vec<_> = listed.iter().map(|session| Some(session.id)).collect();
    assert_eq!((listed, total), (vec![now.session()], 1));
    assert_eq!(world.auth.sessions(&before, 1, 20).await.unwrap().1, 2);
}

#[tokio::test]
async fn a_disabled_account_is_shut_out_with_everything_it_holds() {
    let world = World::open().await;
    world.register("ada").await;
    let login = world.log_in("ada").await;
    let session = world.auth.verify(cookie(&login)).await.unwrap();
    let (_, key) = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap();
    let all = [
        cookie(&login),
        bearer(&login),
        Credential::Key(key.expose_secret()),
    ];
    for credential in all {
        world.auth.verify(credential).await.unwrap();
    }

    world.change("UPDATE users SET status = 'inactive'").await;
    world.clock.advance(Duration::from_secs(5));

    for credential in all {
        let refused = world.auth.verify(credential).await;
        assert_eq!(code(refused), Some("invalid_token"), "{credential:?}");
    }
}

// Half a change would leave logins of before that no second try ends.
#[tokio::test]
async fn a_change_whose_logins_cannot_be_swept_out_ends_them_all_the_same() {
    let world = World::open().await;
    let ada = world.register("ada").await;
    let login = world.log_in("ada").await;
    let admin = acting(&world.auth.verify(cookie(&login)).await.unwrap());
    let changed = || UserChange {
        role: Some(Role::Admin),
        password: Some("a staple that nobody guesses".into()),
        ..UserChange::default()
    };

    world
        .change_in("vault.db", "ALTER TABLE sessions RENAME TO away")
        .await;
    let failed = world.auth.change_user(&admin, &ada.id, changed()).await;
    world
        .change_in("vault.db", "ALTER TABLE away RENAME TO sessions")
        .await;

    assert_eq!(failed.unwrap_err().kind, Kind::Internal);
    assert_eq!(world.count("sessions").await, 1);
    for credential in [cookie(&login), bearer(&login)] {
        assert!(world.auth.verify(credential).await.is_err());
    }
    // The password is the one of before, and a second try sets the other.
    assert!(world.log_in("ada").await.user.role == Role::Admin);
    let again = world.auth.change_user(&admin, &ada.id, changed()).await;
    again.unwrap();
    assert_eq!(
        world.fails("ada", PASSWORD).await.code,
        "invalid_credentials"
    );
    let another = attempt("ada", "a staple that nobody guesses");
    assert!(world.auth.log_in(another).await.is_ok());
}

#[tokio::test]
async fn a_token_of_an_older_version_is_dead() {
    let world = World::open().await;
    world.register("ada").await;
    let login = world.log_in("ada").await;

    world.change("UPDATE users SET token_version = 2").await;

    let refused = world.auth.verify(bearer(&login)).await;
    assert_eq!(code(refused), Some("invalid_token"));
}

#[tokio::test]
async fn a_credential_opens_only_the_door_that_it_is_for() {
    let world = World::open().await;
    world.register("ada").await;
    let login = world.log_in("ada").await;
    let session = world.auth.verify(cookie(&login)).await.unwrap();
    world.auth.verify(bearer(&login)).await.unwrap();
    let (_, key) = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap();
    world
        .auth
        .verify(Credential::Key(key.expose_secret()))
        .await
        .unwrap();
    let token = login.access_token.expose_secret();
    let in_cookie = login.session_token.expose_secret();

    for wrong in [
        Credential::Bearer(in_cookie),
        Credential::Key(in_cookie),
        Credential::Key(token),
        Credential::Cookie(token),
        Credential::Cookie(key.expose_secret()),
    ] {
        assert_eq!(code(world.auth.verify(wrong).await), Some("invalid_token"));
    }
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_deleted() {
    let world = World::open().await;
    let user = world.register("ada").await;
    let login = world.log_in("ada").await;
    let session = world.auth.verify(cookie(&login)).await.unwrap();
    let wanted = NewKey {
        scopes: Some(vec![Scope::Models, Scope::Models]),
        models: Some(vec!["small".to_owned()]),
        ..new_key()
    };

    let (key, secret) = world
        .auth
        .create_key(&acting(&session), wanted)
        .await
        .unwrap();
    let secret = secret.expose_secret();
    let by_bearer = world.auth.verify(Credential::Bearer(secret)).await.unwrap();
    let by_header = world.auth.verify(Credential::Key(secret)).await.unwrap();
    let (listed, total) = world.auth.keys(&user.id, 1, 20).await.unwrap();

    assert!(secret.starts_with(&key.prefix) && secret.ends_with(&key.last_four));
    assert_eq!(key.scopes, Some(vec![Scope::Models]));
    assert_eq!(key.expires_at, world.now().plus_days(90));
    for principal in [by_bearer, by_header] {
        assert_eq!((&principal.user, principal.key()), (&user.id, Some(key.id)));
        assert!(principal.may(Scope::Models) && !principal.may(Scope::Completions));
        assert!(principal.may_use_model("small") && !principal.may_use_model("large"));
    }
    assert_eq!((listed.len(), total), (1, 1));
    assert_eq!(listed[0].last_used_at, Some(world.now()));

    let mut stranger = acting(&session);
    stranger.principal.user = UserId::new(&world.clock);
    let not_theirs = world.auth.remove_key(&stranger, key.id).await.unwrap_err();
    assert_eq!(not_theirs.kind, Kind::NotFound);
    assert!(world.auth.verify(Credential::Key(secret)).await.is_ok());

    world
        .auth
        .remove_key(&acting(&session), key.id)
        .await
        .unwrap();
    let refused = world.auth.verify(Credential::Key(secret)).await;
    assert_eq!(code(refused), Some("invalid_token"));
    assert!(
        world
            .auth
            .remove_key(&acting(&session), key.id)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_key_ends_when_it_said_it_would() {
    let world = World::open().await;
    let session = signed_in(&world).await;
    let wanted = NewKey {
        expires_at: Some(world.now().plus(Duration::from_secs(3))),
        ..new_key()
    };
    let (_, secret) = world
        .auth
        .create_key(&acting(&session), wanted)
        .await
        .unwrap();
    let key = Credential::Key(secret.expose_secret());

    world.clock.advance(Duration::from_secs(2));
    assert!(world.auth.verify(key).await.is_ok());
    world.clock.advance(Duration::from_secs(1));

    assert!(world.auth.verify(key).await.is_err());
}

#[tokio::test]
async fn half_a_key_opens_nothing() {
    let world = World::open().await;
    let session = signed_in(&world).await;
    let (key, _) = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap();
    // The public part and a right checksum, round a secret that was guessed.
    let body = format!("{}{}", key.prefix, "x".repeat(43));
    let mut rest = crc32fast::hash(body.as_bytes());
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut check = Vec::new();
    for _ in 0..6 {
        check.insert(0, digits[rest as usize % 62]);
        rest /= 62;
    }

    let guessed = body + std::str::from_utf8(&check).unwrap();
    let refused = world.auth.verify(Credential::Key(&guessed)).await;

    assert_eq!(code(refused), Some("invalid_token"));
}

#[tokio::test]
async fn a_hundred_keys_are_enough() {
    let world = World::open().await;
    let session = signed_in(&world).await;
    for _ in 0..100 {
        world
            .auth
            .create_key(&acting(&session), new_key())
            .await
            .unwrap();
    }

    let error = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap_err();
    let (page, total) = world.auth.keys(&session.user, 4, 30).await.unwrap();
    let (beyond, _) = world.auth.keys(&session.user, u32::MAX, 100).await.unwrap();

    assert_eq!((error.kind, error.code), (Kind::Conflict, "conflict"));
    assert_eq!((page.len(), total), (10, 100));
    assert!(beyond.is_empty());
}

#[tokio::test]
async fn whoever_was_there_before_the_administrator_is_shut_out() {
    let world = World::open().await;
    let squatter = world.register("ada").await;
    let login = world.log_in("ada").await;
    let session = world.auth.verify(cookie(&login)).await.unwrap();
    let (_, key) = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap();
    world.auth.verify(bearer(&login)).await.unwrap();
    world
        .auth
        .verify(Credential::Key(key.expose_secret()))
        .await
        .unwrap();

    let chosen = "another river, another plum";
    let admin = world
        .auth
        .create_admin(email("ada"), chosen.into())
        .await
        .unwrap();

    assert_eq!((&admin.id, admin.role), (&squatter.id, Role::Admin));
    for held in [
        cookie(&login),
        bearer(&login),
        Credential::Key(key.expose_secret()),
    ] {
        assert!(world.auth.verify(held).await.is_err(), "{held:?}");
    }
    assert_eq!(
        world.fails("ada", PASSWORD).await.code,
        "invalid_credentials"
    );
    let login = world.auth.log_in(attempt("ada", chosen)).await.unwrap();
    let admin = world.auth.verify(bearer(&login)).await.unwrap();
    assert!(admin.is_admin());
    let wanted = NewKey {
        scopes: Some(vec![Scope::Admin]),
        ..new_key()
    };
    let (_, key) = world
        .auth
        .create_key(&acting(&admin), wanted)
        .await
        .unwrap();
    let by_key = world
        .auth
        .verify(Credential::Key(key.expose_secret()))
        .await;
    assert!(by_key.unwrap().is_admin());
}

#[tokio::test]
async fn an_administrator_who_is_made_anew_holds_nothing_of_before() {
    let world = World::open().await;
    let root = || world.auth.create_admin(email("root"), PASSWORD.into());
    root().await.unwrap();
    let login = world.log_in("root@example.com").await;
    let session = world.auth.verify(cookie(&login)).await.unwrap();
    let (_, key) = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap();
    let key = Credential::Key(key.expose_secret());
    world.auth.verify(key).await.unwrap();

    root().await.unwrap();

    for held in [cookie(&login), bearer(&login), key] {
        assert!(world.auth.verify(held).await.is_err(), "{held:?}");
    }
    assert_eq!(world.count("api_keys").await, 0);
}

// Better Auth keeps its session tokens as they are.
#[tokio::test]
async fn a_copy_of_the_files_opens_nothing() {
    let world = World::on(None, settings()).await;
    let session = signed_in(&world).await;
    let login = world.log_in("ada").await;
    world.auth.verify(cookie(&login)).await.unwrap();
    world.auth.verify(bearer(&login)).await.unwrap();
    let (_, key) = world
        .auth
        .create_key(&acting(&session), new_key())
        .await
        .unwrap();
    let key = key.expose_secret();
    world.auth.verify(Credential::Key(key)).await.unwrap();
    let token = login.access_token.expose_secret();
    let signature = token.rsplit('.').next().unwrap();
    let refresh_token = login.refresh_token.expose_secret();

    let mut copied = Vec::new();
    for file in std::fs::read_dir(world.folder.path()).unwrap() {
        copied.extend(std::fs::read(file.unwrap().path()).unwrap());
    }

    let found = |text: &str| {
        let text = text.as_bytes();
        copied.windows(text.len()).any(|window| window == text)
    };
    assert!(found("ada@example.com") && found("$argon2id$"));
    for secret in [
        PASSWORD,
        login.session_token.expose_secret(),
        token,
        signature,
        refresh_token,
        refresh_token.rsplit('.').next().unwrap(),
        key,
        &key[14..57],
    ] {
        assert!(!found(secret), "{secret}");
    }
}

#[tokio::test]
async fn nothing_secret_is_shown_by_debug() {
    let world = World::open().await;
    world.register("ada").await;
    let login = world.log_in("ada").await;

    let shown = format!(
        "{:?} {:?} {:?} {login:?} {:?} {:?}",
        settings(),
        account("ada"),
        attempt("ada", PASSWORD),
        world.auth,
        cookie(&login),
    );

    for secret in [
        PASSWORD,
        settings().secret_key.expose_secret(),
        login.access_token.expose_secret(),
        login.session_token.expose_secret(),
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn the_server_is_told_of_settings_that_cannot_work() {
    let world = World::open().await;
    let refused = |settings| {
        let (main, vault) = (world.main.clone(), world.vault.clone());
        Auth::new(
            settings,
            (main.clone(), vault),
            outbox(&main, &world.clock),
            world.clock.clone(),
        )
        .is_err()
    };

    assert!(refused(Settings {
        access_token_ttl: 2 * DAY,
        ..settings()
    }));
    assert!(refused(Settings {
        token_algorithm: TokenAlgorithm::Hs256,
        secret_key: "short".into(),
        ..settings()
    }));
    assert!(refused(Settings {
        token_algorithm: TokenAlgorithm::Hs256,
        previous_secret_key: Some("".into()),
        ..settings()
    }));
}

#[tokio::test]
async fn hs256_by_choice_signs_with_the_secret_as_it_is() {
    let world = World::with(Settings {
        token_algorithm: TokenAlgorithm::Hs256,
        ..settings()
    })
    .await;
    world.register("ada").await;

    let login = world.log_in("ada").await;

    assert!(world.auth.verify(bearer(&login)).await.is_ok());
    let key =
        jsonwebtoken::DecodingKey::from_secret(settings().secret_key.expose_secret().as_bytes());
    let token = login.access_token.expose_secret();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let algorithm = jsonwebtoken::Algorithm::HS256;
    assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap());
}

#[tokio::test]
async fn a_user_is_noted_as_seen_every_five_minutes() {
    let world = World::open().await;
    let user = world.register("ada").await;
    let login = world.log_in("ada").await;
    let start = world.now();
    let seen = async || {
        world.auth.verify(cookie(&login)).await.unwrap();
        let mut conn = world.main.read().await.unwrap();
        let user = users::by_id(&mut conn, &user.id).await.unwrap();
        user.unwrap().last_seen_at.unwrap()
    };

    assert_eq!(seen().await, start);
    world.clock.advance(Duration::from_mins(4));
    assert_eq!(seen().await, start);
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(seen().await, start.plus(Duration::from_mins(5)));
}

#[test]
fn garbage_is_refused_and_never_worse() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::on(None, settings()));
    let login = runtime.block_on(async {
        world.register("ada").await;
        world.log_in("ada").await
    });
    let token = login.access_token.expose_secret().to_owned();
    let base64 = "[A-Za-z0-9_-]{0,60}";
    let like_a_token = format!("{base64}\\.{base64}\\.{base64}");

    let refused = |text: &str| {
        runtime.block_on(async {
            for credential in [
                Credential::Bearer(text),
                Credential::Key(text),
                Credential::Cookie(text),
            ] {
                let error = world.auth.verify(credential).await.unwrap_err();
                assert_eq!(error.kind, Kind::Unauthenticated, "{text:?}");
                world.auth.log_out(&credential, &nowhere()).await.unwrap();
            }
        });
    };
    proptest!(|(text in any::<String>())| refused(&text));
    proptest!(|(text in "sk-cg-\\PC{0,80}")| refused(&text));
    proptest!(|(text in "[A-Za-z0-9_-]{43}")| refused(&text));
    proptest!(|(text in like_a_token.as_str())| refused(&text));
    proptest!(|(at in 0..token.len(), letter in any::<char>())| {
        let mut broken = token.clone();
        broken.replace_range(at..=at, &letter.to_string());
        prop_assume!(broken != token);
        refused(&broken);
    });
    runtime.block_on(async {
        assert!(world.auth.verify(cookie(&login)).await.is_ok());
    });
}

async fn signed_in(world: &World) -> Principal {
    world.register("ada").await;
    let login = world.log_in("ada").await;
    world.auth.verify(cookie(&login)).await.unwrap()
}

#[tokio::test]
async fn every_door_can_be_held_open_by_any_thread() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let world = World::open().await;
    let auth = &world.auth;

    send(auth.warm_up()).await.unwrap();
    let user = send(auth.register(account("ada"), &nowhere()))
        .await
        .unwrap();
    let login = send(auth.log_in(attempt("ada", PASSWORD))).await.unwrap();
    let session = send(auth.verify(cookie(&login))).await.unwrap();
    let (key, _) = send(auth.create_key(&acting(&session), new_key()))
        .await
        .unwrap();
    send(auth.keys(&user.id, 1, 20)).await.unwrap();
    send(auth.key(&user.id, key.id)).await.unwrap();
    let change = KeyChange::default();
    send(auth.change_key(&acting(&session), key.id, change))
        .await
        .unwrap();
    send(auth.remove_key(&acting(&session), key.id))
        .await
        .unwrap();
    send(auth.user(&user.id)).await.unwrap();
    let profile = NewProfile::default();
    send(auth.change_profile(&acting(&session), profile))
        .await
        .unwrap();
    send(auth.sessions(&session, 1, 20)).await.unwrap();
    let other = auth.log_in(attempt("ada", PASSWORD)).await.unwrap();
    let other = auth.verify(cookie(&other)).await.unwrap();
    let other = other.session().unwrap();
    send(auth.end_session(&acting(&session), other))
        .await
        .unwrap();
    send(auth.end_sessions(&acting(&session))).await.unwrap();
    send(auth.log_out(&cookie(&login), &nowhere()))
        .await
        .unwrap();
    send(auth.create_admin(email("ada"), PASSWORD.into()))
        .await
        .unwrap();
    send(auth.sweep()).await.unwrap();
}
