//! What keeps the program from starting: one clear sentence, and a code that is not 0.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use sqlx::{Connection, SqliteConnection};

use crate::support::{Place, Schema, free_port};

const HOST: (&str, &str) = ("API_HOST", "127.0.0.1");
const ANY_PORT: &[(&str, &str)] = &[HOST, ("API_PORT", "0")];

/// What `concierge serve` says when it cannot start with this main database.
fn refusal_of(place: &Place, database: &str) -> String {
    let mut settings = ANY_PORT.to_vec();
    settings.push(("DATABASE_URL", database));
    let done = place.run(&["serve"], &settings);
    assert_eq!(done.code, Some(1), "{done:?}");
    done.refusal().to_owned()
}

#[test]
fn a_port_in_use_is_named_with_the_way_out_and_nothing_is_left_behind() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();

    let done = place.run(&["serve"], &[HOST, ("API_PORT", &port)]);

    assert_eq!(done.code, Some(1));
    let said = done.refusal();
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("in use") && said.contains("--port"), "{said}");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn an_address_of_another_machine_is_told() {
    let place = Place::new();

    let done = place.run(&["serve"], &[("API_HOST", "192.0.2.1"), ("API_PORT", "0")]);

    let said = done.refusal();
    assert!(said.contains("192.0.2.1"), "{said}");
    assert!(said.contains("no such address"), "{said}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let place = Place::new();
    place.write(
        "notes.db",
        "this is a diary and no database, page after page".repeat(99),
    );

    let said = refusal_of(&place, "sqlite://notes.db");

    assert!(said.contains("notes.db"), "{said}");
    assert!(said.contains("not a database"), "{said}");
    // What the driver says is said once.
    assert_eq!(said.matches("not a database").count(), 1, "{said}");
}

#[test]
fn a_damaged_database_is_named() {
    let place = Place::new();
    let done = place.run(&["migrate"], &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let file = place.path("data/concierge.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();

    let said = refusal_of(&place, "sqlite://data/concierge.db");

    assert!(said.contains("concierge.db"), "{said}");
    assert!(said.contains("malformed"), "{said}");
}

#[test]
fn a_folder_in_the_place_of_the_file_is_named() {
    let place = Place::new();
    std::fs::create_dir(place.path("things.db")).unwrap();

    let said = refusal_of(&place, "sqlite://things.db");

    assert!(said.contains("things.db"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let place = Place::new();
    place.write("data", "a file where the folder should be");

    for arguments in [&["serve"][..], &["migrate"]] {
        let done = place.run(arguments, ANY_PORT);
        let said = done.refusal();
        assert!(said.contains("data/concierge.db"), "{said}");
    }
    let said = refusal_of(&place, "sqlite:///proc/nowhere/things.db");
    assert!(said.contains("/proc/nowhere/things.db"), "{said}");
}

#[test]
fn a_folder_that_cannot_hold_the_key_is_named() {
    let place = Place::new();
    place.write("kept", "a file where the folder should be");

    let done = place.run(
        &["serve"],
        &[
            HOST,
            ("API_PORT", "0"),
            ("DATA_DIR", "kept"),
            ("DATABASE_URL", "sqlite://a.db"),
        ],
    );

    let said = done.refusal();
    assert!(said.contains("kept/secret_key"), "{said}");
}

#[test]
fn a_postgres_that_is_down_is_told_in_a_few_seconds() {
    let place = Place::new();
    let port = free_port();
    let began = Instant::now();

    let said = refusal_of(
        &place,
        &format!("postgres://ada:swordfish@127.0.0.1:{port}/things"),
    );

    assert!(began.elapsed() < Duration::from_secs(6));
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("refused"), "{said}");
    assert!(!said.contains("swordfish"), "{said}");
}

#[test]
fn a_postgres_that_says_nothing_is_given_up_in_a_few_seconds() {
    let place = Place::new();
    // It takes connections, and not a word follows.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let began = Instant::now();

    let said = refusal_of(&place, &format!("postgres://ada@{address}/things"));

    assert!(began.elapsed() < Duration::from_secs(12));
    assert!(said.contains(&address.to_string()), "{said}");
}

#[tokio::test]
async fn a_postgres_that_does_not_let_us_in_is_told_with_its_reason() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let place = Place::new();
    let mut url = url::Url::parse(schema.url()).unwrap();
    url.set_path("/no_such_database");

    let said = refusal_of(&place, url.as_str());

    assert!(said.contains("no_such_database"), "{said}");
    assert!(said.contains("does not exist"), "{said}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let place = Place::new();
    assert_eq!(place.run(&["migrate"], &[]).code, Some(0));
    from_the_future(&place, "data/credentials.db", "_vault_migrations").await;

    for (arguments, auto) in [
        (&["serve"][..], "true"),
        (&["serve"], "false"),
        (&["migrate"], "true"),
    ] {
        let mut settings = ANY_PORT.to_vec();
        settings.push(("DB_AUTO_MIGRATE", auto));
        let done = place.run(arguments, &settings);
        let said = done.refusal();
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(said.contains("newer"), "{said}");
        assert!(said.contains("credentials.db"), "{said}");
    }
}

#[tokio::test]
async fn a_postgres_of_a_newer_version_is_left_alone() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let place = Place::new();
    let settings = [HOST, ("API_PORT", "0"), ("DATABASE_URL", schema.url())];
    assert_eq!(place.run(&["migrate"], &settings).code, Some(0));
    schema
        .run(
            "INSERT INTO _main_migrations (version, description, success, checksum, execution_time)
             VALUES (99990101, 'from the future', true, '\\x00', 0)",
        )
        .await;

    let done = place.run(&["serve"], &settings);

    assert!(done.refusal().contains("newer"), "{done:?}");
}

#[test]
fn missing_migrations_are_told_with_the_command_that_applies_them() {
    let place = Place::new();
    let mut settings = ANY_PORT.to_vec();
    settings.push(("DB_AUTO_MIGRATE", "false"));

    let done = place.run(&["serve"], &settings);

    let said = done.refusal();
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(said.contains("`concierge migrate`"), "{said}");
}

/// Records a migration that no version of ours has.
async fn from_the_future(place: &Place, file: &str, table: &str) {
    let url = format!("sqlite://{}", place.path(file).display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let sql = format!(
        "INSERT INTO {table} (version, description, success, checksum, execution_time)
         VALUES (99990101, 'from the future', 1, x'00', 0)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}
