//! Opening a database: pools, pragmas, patience.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool};

use super::{Db, Pool};
use crate::error::{Error, Result};

/// Where a database is.
#[derive(Clone, Copy, Debug)]
pub enum Address<'a> {
    Sqlite(&'a Path),
    /// A `postgres://` URL.
    Postgres(&'a str),
}

/// How many connections a PostgreSQL pool keeps, and how many it may open.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub kept: u32,
    pub most: u32,
}

/// Readers of one SQLite file; more gain nothing on the machines that we run on.
const SQLITE_READERS: u32 = 4;
/// A request waits no longer than this for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
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
    prepare_folder(file)?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .optimize_on_close(true, 400)
        .pragma("cache_size", "-8192")
        .pragma("mmap_size", "134217728");
    let writer = sqlite_pool(1)
        .connect_with(options.clone())
        .await
        .map_err(|error| cannot_open(file, error))?;
    let readers = sqlite_pool(SQLITE_READERS).connect_lazy_with(options.read_only(true));
    Ok(Pool::Sqlite {
        writer,
        readers,
        file: file.to_owned(),
    })
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// The folder is made if it is missing: a first start needs no preparation.
fn prepare_folder(file: &Path) -> Result<()> {
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder).map_err(|error| cannot_open(file, error))
}

fn cannot_open(file: &Path, why: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unavailable(
        "service_unavailable",
        format!("The database file {} cannot be opened.", file.display()),
    )
    .because(why)
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
