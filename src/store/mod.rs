//! Every line of SQL, one text for both engines.
//!
//! A query is a function here: reads take a `Conn`, writes a `Tx`; which of the two databases
//! is meant stands in the type, so a password query on the main one does not compile.

#[macro_use]
mod on;
mod file;
mod migrate;
mod open;

pub mod audit;
pub mod budgets;
pub mod identities;
pub mod ledger;
pub mod messages;
pub mod replays;
pub mod users;
pub mod vault;

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use futures_util::TryFutureExt;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::error::{Error, Kind, Result};

use file::File;

pub use migrate::Schema;
pub use open::{Address, Limits};

/// Marks the application's own data.
#[derive(Clone, Copy, Debug)]
pub enum Main {}

/// Marks the credentials, kept apart from it.
#[derive(Clone, Copy, Debug)]
pub enum Vault {}

/// A handle to one database. Cloning it copies a pointer.
pub struct Db<S> {
    pool: Pool,
    of: PhantomData<S>,
}

/// SQLite has one writer, so that writers queue here instead of failing there, and some readers.
#[derive(Clone)]
enum Pool {
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        file: File,
    },
    Postgres(PgPool),
}

/// Connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub used: u32,
    pub idle: u32,
}

/// A connection to read from; each statement stands alone.
pub struct Conn<S> {
    engine: Engine,
    of: PhantomData<S>,
}

/// One unit of work. Nothing is kept until [`Tx::commit`].
pub struct Tx<S>(Conn<S>);

pub(crate) enum Engine {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

impl<S> Db<S> {
    /// For single reads, and for several that need not agree.
    pub async fn read(&self) -> Result<Conn<S>> {
        Ok(Conn::new(match &self.pool {
            Pool::Sqlite { readers, .. } => Engine::Sqlite(Box::pin(readers.acquire()).await?),
            Pool::Postgres(pool) => Engine::Postgres(Box::pin(pool.acquire()).await?),
        }))
    }

    /// For everything that changes a row.
    pub async fn write(&self) -> Result<Tx<S>> {
        Ok(Tx(Conn::new(match &self.pool {
            // Two writers on SQLite must queue, not fail: take the lock before the first read.
            Pool::Sqlite { writer, .. } => {
                Engine::SqliteTx(Box::pin(writer.begin_with("BEGIN IMMEDIATE")).await?)
            }
            Pool::Postgres(pool) => Engine::PostgresTx(Box::pin(pool.begin()).await?),
        })))
    }

    /// Whether the database answers and is still the one that was opened.
    pub async fn ping(&self) -> Result<()> {
        const SQL: &str = "SELECT 1";
        if let Pool::Sqlite { file, .. } = &self.pool
            && !file.is_in_place()
        {
            return Err(Error::unavailable(
                "service_unavailable",
                "The database file is gone, or is another one.",
            ));
        }
        let mut conn = self.read().await?;
        on!(conn, |c| sqlx::query(SQL).execute(c).map_ok(drop))?;
        Ok(())
    }

    /// How many connections there are, and of those how many wait for work.
    pub fn usage(&self) -> Usage {
        let of = |size: u32, idle: usize| {
            let idle = u32::try_from(idle).unwrap_or(size).min(size);
            Usage {
                used: size - idle,
                idle,
            }
        };
        match &self.pool {
            Pool::Sqlite {
                writer, readers, ..
            } => of(
                writer.size() + readers.size(),
                writer.num_idle() + readers.num_idle(),
            ),
            Pool::Postgres(pool) => of(pool.size(), pool.num_idle()),
        }
    }

    /// Closes every connection, and lets SQLite fold its write-ahead log into the file.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                    .execute(writer)
                    .await
                {
                    tracing::warn!(error = %error, "The write-ahead log was not folded in");
                }
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

impl<S> Conn<S> {
    fn new(engine: Engine) -> Self {
        Self {
            engine,
            of: PhantomData,
        }
    }
}

impl<S> Tx<S> {
    pub async fn commit(self) -> Result<()> {
        match self.0.engine {
            Engine::SqliteTx(tx) => tx.commit().await?,
            Engine::PostgresTx(tx) => tx.commit().await?,
            Engine::Sqlite(_) | Engine::Postgres(_) => {}
        }
        Ok(())
    }
}

impl<S> Deref for Tx<S> {
    type Target = Conn<S>;

    fn deref(&self) -> &Conn<S> {
        &self.0
    }
}

impl<S> DerefMut for Tx<S> {
    fn deref_mut(&mut self) -> &mut Conn<S> {
        &mut self.0
    }
}

impl<S> Clone for Db<S> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            of: PhantomData,
        }
    }
}

/// Which database it is, without the way in: a file, or `host:port/name`.
impl<S> fmt::Display for Db<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pool {
            Pool::Sqlite { file, .. } => write!(f, "{}", file.path().display()),
            Pool::Postgres(pool) => f.write_str(&open::place(&pool.connect_options())),
        }
    }
}

impl<S> fmt::Debug for Db<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pool {
            Pool::Sqlite { .. } => "Db(sqlite)",
            Pool::Postgres(_) => "Db(postgres)",
        })
    }
}

impl<S> fmt::Debug for Conn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.engine {
            Engine::Sqlite(_) | Engine::SqliteTx(_) => "Conn(sqlite)",
            Engine::Postgres(_) | Engine::PostgresTx(_) => "Conn(postgres)",
        })
    }
}

impl<S> fmt::Debug for Tx<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A database that cannot be reached is unavailable; everything else that it says is our mistake.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let is_down = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
        );
        if is_down {
            Self::new(
                Kind::Unavailable,
                "service_unavailable",
                "The database cannot be reached.",
            )
            .because(error)
        } else {
            Self::internal(error)
        }
    }
}
