//! The schema: the same on both engines, whole after one migration, two databases in one PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use concierge::store::{Address, Db, Limits, Main, Vault};
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

const LIMITS: Limits = Limits { most: 2 };

/// Of each table its columns, and whether each may be null.
type Tables = BTreeMap<String, BTreeMap<String, bool>>;

#[test]
fn both_engines_have_the_same_migrations() {
    for database in ["main", "vault"] {
        let sqlite = names(database, "sqlite");
        let postgres = names(database, "postgres");

        assert!(!sqlite.is_empty());
        assert_eq!(sqlite, postgres, "migrations/{database}");
        for (place, name) in (1..).zip(&sqlite) {
            assert!(
                name.starts_with(&format!("{place:04}_")),
                "{name} is out of order"
            );
        }
    }
}

fn names(database: &str, engine: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = fs::read_dir(root.join(database).join(engine)).unwrap();
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn one_migration_is_enough_and_a_second_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/main.db");
    let main: Db<Main> = Db::open(Address::Sqlite(&file), LIMITS).await.unwrap();
    assert!(main.unapplied().await.unwrap() > 0);

    main.migrate().await.unwrap();
    assert_eq!(main.unapplied().await.unwrap(), 0);
    main.migrate().await.unwrap();

    assert_eq!(main.unapplied().await.unwrap(), 0);
}

#[tokio::test]
async fn both_engines_come_to_the_same_tables_and_columns() {
    let (main, vault) = sqlite_tables().await;
    let both: Vec<_> = main.keys().chain(vault.keys()).collect();
    assert!(both.contains(&&"users".to_owned()) && both.contains(&&"api_keys".to_owned()));
    let Some(server) = server() else { return };

    let postgres = Postgres::create(&server).await;
    let found = postgres.tables().await;
    postgres.drop().await;

    let mut expected = main;
    expected.extend(vault);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn main_and_vault_in_one_postgresql_do_not_collide() {
    let (main, vault) = sqlite_tables().await;
    let shared: Vec<_> = main
        .keys()
        .filter(|table| vault.contains_key(*table))
        .collect();
    assert!(shared.is_empty(), "both have {shared:?}");
    let Some(server) = server() else { return };

    let postgres = Postgres::create(&server).await;
    let (main, vault) = (&postgres.main, &postgres.vault);
    let missing = main.unapplied().await.unwrap() + vault.unapplied().await.unwrap();
    // Whichever comes first the next time: each knows its own.
    vault.migrate().await.unwrap();
    main.migrate().await.unwrap();
    postgres.drop().await;

    assert_eq!(missing, 0);
}

#[tokio::test]
async fn processes_that_start_together_migrate_once() {
    let Some(server) = server() else { return };
    let postgres = Postgres::empty(&server).await;
    let others: [Db<Main>; 3] = [
        postgres.open().await,
        postgres.open().await,
        postgres.open().await,
    ];

    let (first, second, third) = tokio::join!(
        others[0].migrate(),
        others[1].migrate(),
        others[2].migrate()
    );
    let missing = others[0].unapplied().await.unwrap();
    for other in others {
        other.close().await;
    }
    postgres.drop().await;

    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(missing, 0);
}

async fn sqlite_tables() -> (Tables, Tables) {
    let folder = tempfile::tempdir().unwrap();
    let (main, vault) = (
        folder.path().join("main.db"),
        folder.path().join("vault.db"),
    );
    let db: Db<Main> = Db::open(Address::Sqlite(&main), LIMITS).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
    let db: Db<Vault> = Db::open(Address::Sqlite(&vault), LIMITS).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
    (columns_of_file(&main).await, columns_of_file(&vault).await)
}

async fn columns_of_file(file: &Path) -> Tables {
    let url = format!("sqlite://{}", file.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let rows = sqlx::query(
        "SELECT t.name AS table_name, c.name AS column_name, c.\"notnull\" AS required
         FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_%' ESCAPE '\\'",
    );
    let rows = rows.fetch_all(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let column =
        |row: &sqlx::sqlite::SqliteRow| (row.get(0), row.get(1), row.get::<i64, _>(2) == 0);
    gathered(rows.iter().map(column))
}

fn gathered(columns: impl Iterator<Item = (String, String, bool)>) -> Tables {
    let mut tables = Tables::new();
    for (table, column, may_be_null) in columns {
        tables.entry(table).or_default().insert(column, may_be_null);
    }
    tables
}

fn server() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are told of their servers"
    )]
    std::env::var("TEST_DATABASE_URL").ok()
}

/// One schema of a PostgreSQL with both databases in it.
struct Postgres {
    server: String,
    schema: String,
    main: Db<Main>,
    vault: Db<Vault>,
}

impl Postgres {
    async fn empty(server: &str) -> Self {
        let id = concierge::domain::RowId::new(&concierge::clock::Clock::system());
        let schema = format!("migrations_{}", id.to_string().replace('-', ""));
        execute(server, format!("CREATE SCHEMA {schema}")).await;
        let url = within(server, &schema);
        let main = Db::open(Address::Postgres(&url), LIMITS).await.unwrap();
        let vault = Db::open(Address::Postgres(&url), LIMITS).await.unwrap();
        Self {
            server: server.to_owned(),
            schema,
            main,
            vault,
        }
    }

    async fn create(server: &str) -> Self {
        let empty = Self::empty(server).await;
        empty.main.migrate().await.unwrap();
        empty.vault.migrate().await.unwrap();
        empty
    }

    async fn open<S>(&self) -> Db<S> {
        let url = within(&self.server, &self.schema);
        Db::open(Address::Postgres(&url), LIMITS).await.unwrap()
    }

    async fn tables(&self) -> Tables {
        let mut conn = PgConnection::connect(&self.server).await.unwrap();
        let rows = sqlx::query(
            "SELECT table_name::text, column_name::text, is_nullable = 'YES'
             FROM information_schema.columns
             WHERE table_schema = $1 AND table_name NOT LIKE '\\_%'",
        );
        let rows = rows.bind(&self.schema).fetch_all(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        gathered(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))))
    }

    async fn drop(self) {
        self.main.close().await;
        self.vault.close().await;
        execute(&self.server, format!("DROP SCHEMA {} CASCADE", self.schema)).await;
    }
}

fn within(server: &str, schema: &str) -> String {
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options=-csearch_path%3D{schema}")
}

async fn execute(server: &str, sql: String) {
    let mut conn = PgConnection::connect(server)
        .await
        .expect("TEST_DATABASE_URL must answer");
    let done = sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&mut conn)
        .await;
    conn.close().await.unwrap();
    done.unwrap();
}

/// SQLite makes the table of users anew: what was there stays, and so does what belongs to it.
#[tokio::test]
async fn an_older_file_keeps_its_users_and_what_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("old.db").display()
    );
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let all = names("main", "sqlite");
    let (before, after): (Vec<_>, Vec<_>) = all.iter().partition(|name| name.as_str() < "0007");
    apply(&mut conn, &before).await;
    let rows =
        "INSERT INTO users (id, email, role, status, email_verified, created_at, updated_at, rpm)
            VALUES ('ada', 'ada@example.com', 'admin', 'active', 1, 5, 6, 7);
        INSERT INTO replays (user_id, operation, idempotency_key, fingerprint, claim, expires_at)
            VALUES ('ada', 'o', 'k', x'00', x'01', 9);";
    sqlx::raw_sql(rows).execute(&mut conn).await.unwrap();

    apply(&mut conn, &after).await;

    let kept = "SELECT u.email || u.role || u.rpm || r.operation FROM users u
        JOIN replays r ON r.user_id = u.id WHERE u.foreign_email IS NULL AND r.expires_at = 9";
    let kept: String = sqlx::query_scalar(kept).fetch_one(&mut conn).await.unwrap();
    assert_eq!(kept, "ada@example.comadmin7o");
    let removed = "DELETE FROM users; SELECT COUNT(*) FROM replays";
    let left: i64 = sqlx::query_scalar(removed)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(left, 0, "what belongs to a user goes with them");
}

async fn apply(conn: &mut SqliteConnection, names: &[&String]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/main/sqlite");
    for name in names {
        let sql = fs::read_to_string(folder.join(name)).unwrap();
        let mut tx = conn.begin().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}
