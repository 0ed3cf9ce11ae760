//! The schema, embedded in the binary and applied in order.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::{Db, Main, Pool, Vault};
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
    /// Applies what is missing. Several processes may try at once: on PostgreSQL one does it.
    pub async fn migrate(&self) -> Result<()> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => S::sqlite().run(writer).await?,
            Pool::Postgres(pool) => S::postgres().run(pool).await?,
        }
        Ok(())
    }

    /// How many migrations have not been applied.
    pub async fn unapplied(&self) -> Result<usize> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => {
                missing(&S::sqlite(), &mut *writer.acquire().await?).await
            }
            Pool::Postgres(pool) => missing(&S::postgres(), &mut *pool.acquire().await?).await,
        }
    }
}

async fn missing(migrator: &Migrator, conn: &mut impl Migrate) -> Result<usize> {
    conn.ensure_migrations_table(&migrator.table_name).await?;
    let applied = conn.list_applied_migrations(&migrator.table_name).await?;
    let is_applied = |version| applied.iter().any(|one| one.version == version);
    let missing = migrator.iter().filter(|one| !is_applied(one.version));
    Ok(missing.count())
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
