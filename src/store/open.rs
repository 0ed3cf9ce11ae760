//! Opening a database: pools, pragmas, patience.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgConnection, PgPool, SqlitePool};
use tokio::time::{Instant, sleep, timeout};

use super::file::File;
use super::{Db, Pool};
use crate::error::{Error, Result};

/// Where a database is.
#[derive(Clone, Copy, Debug)]
pub enum Address<'a> {
    Sqlite(&'a Path),
    /// A `postgres://` URL.
    Postgres(&'a str),
}

/// How many connections a PostgreSQL pool may open.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub most: u32,
}

/// Readers of one SQLite file; more gain nothing on the machines that we run on.
const SQLITE_READERS: u32 = 4;
/// A request waits no longer than this for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause before asking again a server that is not there yet, or a file that is busy.
const PAUSE: Duration = Duration::from_millis(100);
/// A connection that has rested longer is asked whether it still stands.
const RESTED: Duration = Duration::from_secs(15);

impl<S> Db<S> {
    /// Prepares the pools. PostgreSQL is reached by the first statement, a SQLite file is opened now.
    pub async fn open(address: Address<'_>, limits: Limits) -> Result<Self> {
        let pool = match address {
            Address::Sqlite(file) => open_sqlite(file).await?,
            Address::Postgres(url) => Pool::Postgres(postgres_pool(url, limits)?),
        };
        Ok(Self {
            pool,
            of: std::marker::PhantomData,
        })
    }
}

async fn open_sqlite(file: &Path) -> Result<Pool> {
    let prepared = File::prepare(file).map_err(|error| cannot_open(file, error))?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .optimize_on_close(true, 400)
        .pragma("cache_size", "-8192")
        .pragma("mmap_size", "134217728");
    let writer = open_writer(file, &options).await?;
    // Who may only read cannot write statistics: its attempt would fail, and the connection would
    // then be closed some time after the pool says that it is.
    let options = options.read_only(true).optimize_on_close(false, None);
    let readers = sqlite_pool(SQLITE_READERS).connect_lazy_with(options);
    Ok(Pool::Sqlite {
        writer,
        readers,
        file: prepared,
    })
}

/// Waits for another process that opens the same new file: SQLite itself does not wait for the
/// lock under which the write-ahead log is begun.
async fn open_writer(file: &Path, options: &SqliteConnectOptions) -> Result<SqlitePool> {
    let until = Instant::now() + PATIENCE;
    loop {
        match sqlite_pool(1).connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < until => sleep(PAUSE).await,
            opened => return opened.map_err(|error| cannot_open(file, reason(&error))),
        }
    }
}

/// `SQLITE_BUSY`, whatever its extension.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let number = code.and_then(|code| code.parse::<u32>().ok());
    number.is_some_and(|number| number & 0xff == 5)
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn cannot_open(file: &Path, why: impl Into<Cause>) -> Error {
    Error::unavailable(
        "service_unavailable",
        format!("The database file {} cannot be opened.", file.display()),
    )
    .because(why)
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a driver says, in its own words and once.
pub(super) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// A connection of its own, for what takes long or must not be shared, and to learn why a
/// PostgreSQL cannot be reached: a pool says only that it waited.
pub(super) async fn connect(pool: &PgPool) -> Result<PgConnection> {
    let options = pool.connect_options();
    let until = Instant::now() + PATIENCE;
    loop {
        let why = match timeout(PATIENCE, PgConnection::connect_with(&options)).await {
            Ok(Ok(conn)) => return Ok(conn),
            Ok(Err(error)) if may_pass(&error) && Instant::now() < until => {
                sleep(PAUSE).await;
                continue;
            }
            Ok(Err(error)) => reason(&error),
            Err(_) => "it does not answer".to_owned(),
        };
        let message = format!("The database {} cannot be reached.", place(&options));
        return Err(Error::unavailable("service_unavailable", message).because(why));
    }
}

/// Whether the server may only be starting.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
        _ => false,
    }
}

/// `host:port/name`: where it is, and not the way in.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("{}/{name}", socket.display()),
        None => format!("{}:{}/{name}", options.get_host(), options.get_port()),
    }
}

fn postgres_pool(url: &str, limits: Limits) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("concierge")
        .statement_cache_capacity(256);
    Ok(PgPoolOptions::new()
        .min_connections(0)
        .max_connections(limits.most.max(1))
        .acquire_timeout(PATIENCE)
        .idle_timeout(Duration::from_mins(10))
        .max_lifetime(Duration::from_mins(30))
        .test_before_acquire(false)
        .after_connect(|conn, _| {
            Box::pin(async move {
                // A process that is frozen in the middle of its work must not hold up all others.
                const SQL: &str = "SET idle_in_transaction_session_timeout = '15s'";
                sqlx::query(SQL).execute(conn).await.map(drop)
            })
        })
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for > RESTED {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options))
}
