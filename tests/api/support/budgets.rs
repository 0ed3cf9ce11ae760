//! The budgets as they stand in the database.

use std::time::Duration;

use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::time::sleep;

use super::app::TestApp;

/// What one holder has spent in one period, and what is leased of the rest.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Account {
    pub(crate) holder: String,
    pub(crate) period: String,
    pub(crate) spent_microusd: i64,
    pub(crate) leased_microusd: i64,
}

const SQL: &str = "SELECT holder, period, spent_microusd, leased_microusd FROM budgets
    ORDER BY spent_microusd, period";
const LEASES: &str = "SELECT COUNT(*) FROM leases";

impl TestApp {
    pub(crate) async fn accounts(&self) -> Vec<Account> {
        let url = self.database_url();
        if self.is_on_postgres() {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            return sqlx::query_as(SQL).fetch_all(&mut conn).await.unwrap();
        }
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_as(SQL).fetch_all(&mut conn).await.unwrap()
    }

    /// The accounts once nothing is leased any more: what is idle goes back within a second or two.
    pub(crate) async fn accounts_at_rest(&self) -> Vec<Account> {
        for _ in 0..500 {
            let accounts = self.accounts().await;
            let is_leased = |account: &Account| account.leased_microusd != 0;
            if !accounts.iter().any(is_leased) && self.leases().await == 0 {
                return accounts;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("leases were never given back: {:?}", self.accounts().await);
    }

    pub(crate) async fn leases(&self) -> i64 {
        let url = self.database_url();
        if self.is_on_postgres() {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            return sqlx::query_scalar(LEASES)
                .fetch_one(&mut conn)
                .await
                .unwrap();
        }
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar(LEASES)
            .fetch_one(&mut conn)
            .await
            .unwrap()
    }
}
