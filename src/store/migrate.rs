//! The schema, embedded in the binary and applied in order.

use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{Connection, SqlitePool};

use super::{Db, Main, Pool, Vault, open};
use crate::error::{Error, Result};

static MAIN_SQLITE: Migrator = sqlx::migrate!("migrations/main/sqlite");
static MAIN_POSTGRES: Migrator = sqlx::migrate!("migrations/main/postgres");
static VAULT_SQLITE: Migrator = sqlx::migrate!("migrations/vault/sqlite");
static VAULT_POSTGRES: Migrator = sqlx::migrate!("migrations/vault/postgres");

/// The migrations of one database, for each engine.
pub trait Schema {
    fn sqlite() -> Migrator;
    fn postgres() -> Migrator;
}

impl Schema for Main {
    fn sqlite() -> Migrator {
        recorded(&MAIN_SQLITE, "_main_migrations")
    }

    fn postgres() -> Migrator {
        recorded(&MAIN_POSTGRES, "_main_migrations")
    }
}

impl Schema for Vault {
    fn sqlite() -> Migrator {
        recorded(&VAULT_SQLITE, "_vault_migrations")
    }

    fn postgres() -> Migrator {
        recorded(&VAULT_POSTGRES, "_vault_migrations")
    }
}

/// Each database records what was applied in a table of its own: both may be one PostgreSQL, and
/// another program's `_sqlx_migrations` may be there already.
fn recorded(embedded: &Migrator, table: &'static str) -> Migrator {
    let mut own = Migrator::with_migrations(embedded.migrations.to_vec());
    own.dangerous_set_table_name(table);
    own
}

impl<S: Schema> Db<S> {
    /// Applies what is missing. Several processes may try at once: one does it, the others wait.
    pub async fn migrate(&self) -> Result<()> {
        let applied = match &self.pool {
            Pool::Sqlite { writer, .. } => apply_to_file(&S::sqlite(), writer).await,
            // A connection of its own: the lock that other processes wait for ends with it.
            Pool::Postgres(pool) => {
                let mut conn = open::connect(pool).await?;
                let applied = apply(&S::postgres(), &mut conn).await;
                conn.close().await.ok();
                applied
            }
        };
        applied.map_err(|error| self.cannot_migrate(error))
    }

    /// How many migrations have not been applied. Writes nothing, and needs no right to.
    pub async fn unapplied(&self) -> Result<usize> {
        let missing = match &self.pool {
            Pool::Sqlite { writer, .. } => {
                missing(&S::sqlite(), &mut *writer.acquire().await?).await
            }
            Pool::Postgres(pool) => missing(&S::postgres(), &mut open::connect(pool).await?).await,
        };
        missing.map_err(|error| self.cannot_migrate(error))
    }

    /// Told to whoever starts the program, so it says which database and what to do.
    fn cannot_migrate(&self, error: MigrateError) -> Error {
        let (what, why) = match error {
            MigrateError::VersionMissing(number) => (
                format!(
                    "was migrated by a newer version of this program (to {number}); run that one"
                ),
                None,
            ),
            MigrateError::VersionMismatch(number) => (
                format!("holds another migration {number} than this program; it may not be ours"),
                None,
            ),
            MigrateError::Dirty(number) => (
                format!("has been left in the middle of migration {number}; restore a backup"),
                None,
            ),
            MigrateError::ExecuteMigration(error, number) => (
                format!("was left as it is: migration {number} failed"),
                Some(open::reason(&error)),
            ),
            MigrateError::Execute(error) => {
                ("cannot be migrated".to_owned(), Some(open::reason(&error)))
            }
            other => ("cannot be migrated".to_owned(), Some(other.to_string())),
        };
        let error = Error::unavailable("migration_failed", format!("The database {self} {what}."));
        match why {
            Some(why) => error.because(why),
            None => error,
        }
    }
}

/// All of it in one transaction that begins as a writer, so that a second process waits for it and
/// then finds nothing to do: SQLite has no lock to wait for otherwise.
async fn apply_to_file(migrator: &Migrator, writer: &SqlitePool) -> Result<(), MigrateError> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    apply(migrator, &mut *tx).await?;
    Ok(tx.commit().await?)
}

/// `Migrator::run` on a lone connection gives a future that cannot be sent to another thread.
async fn apply(migrator: &Migrator, conn: &mut impl Migrate) -> Result<(), MigrateError> {
    migrator.run_direct(None, conn, false).await
}

async fn missing(migrator: &Migrator, conn: &mut impl Migrate) -> Result<usize, MigrateError> {
    let applied = match conn.list_applied_migrations(&migrator.table_name).await {
        Err(MigrateError::Execute(error)) if is_missing_table(&error) => {
            return Ok(migrator.iter().count());
        }
        listed => listed?,
    };
    let newer = applied
        .iter()
        .find(|one| !migrator.version_exists(one.version));
    if let Some(newer) = newer {
        return Err(MigrateError::VersionMissing(newer.version));
    }
    let is_applied = |version| applied.iter().any(|one| one.version == version);
    let missing = migrator.iter().filter(|one| !is_applied(one.version));
    Ok(missing.count())
}

/// Nothing was ever recorded: PostgreSQL has a code for it, SQLite only words.
fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    })
}
