//! Both databases, as they are configured.

use secrecy::ExposeSecret;

use crate::config::{self, DatabaseUrl};
use crate::error::Result;
use crate::store::{Address, Db, Limits, Main, Vault};

/// The application's data, and the credentials apart from it. Cloning it copies pointers.
#[derive(Clone, Debug)]
pub struct Databases {
    pub main: Db<Main>,
    pub vault: Db<Vault>,
}

impl Databases {
    pub async fn open(config: &config::Databases) -> Result<Self> {
        let limits = Limits {
            most: config.max_connections,
        };
        Ok(Self {
            main: Db::open(address(&config.main), limits).await?,
            vault: Db::open(address(&config.vault), limits).await?,
        })
    }

    /// Applies what is missing in either.
    pub async fn migrate(&self) -> Result<()> {
        self.main.migrate().await?;
        self.vault.migrate().await
    }

    /// How many migrations are missing in both together.
    pub async fn unapplied(&self) -> Result<usize> {
        Ok(self.main.unapplied().await? + self.vault.unapplied().await?)
    }

    pub async fn close(&self) {
        self.main.close().await;
        self.vault.close().await;
    }
}

fn address(url: &DatabaseUrl) -> Address<'_> {
    match url {
        DatabaseUrl::Sqlite(file) => Address::Sqlite(file),
        DatabaseUrl::Postgres(url) => Address::Postgres(url.expose_secret()),
    }
}
