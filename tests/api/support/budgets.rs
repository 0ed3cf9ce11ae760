//! The budgets as they stand in the database.

use std::time::Duration;

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

impl TestApp {
    pub(crate) async fn accounts(&self) -> Vec<Account> {
        self.rows(SQL).await
    }

    /// The accounts of keys (`key:`) or users (`user:`) for a period, once nothing is leased any more:
    /// what is idle goes back within a second or two.
    pub(crate) async fn accounts_at_rest(&self, of: &str, period: &str) -> Vec<Account> {
        self.rests().await;
        let mut accounts = self.accounts().await;
        accounts.retain(|it| it.holder.starts_with(of) && it.period == period);
        accounts
    }

    /// What the only key has spent in this month, likewise.
    pub(crate) async fn spent_by_the_key(&self) -> i64 {
        let accounts = self.accounts_at_rest("key:", "2026-11").await;
        let [account] = &accounts[..] else {
            panic!("not one account: {accounts:?}");
        };
        account.spent_microusd
    }

    /// Waits until nothing is leased.
    pub(crate) async fn rests(&self) {
        for _ in 0..500 {
            let accounts = self.accounts().await;
            let is_leased = |account: &Account| account.leased_microusd != 0;
            if !accounts.iter().any(is_leased) && self.leases().await == 0 {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("leases were never given back: {:?}", self.accounts().await);
    }

    pub(crate) async fn leases(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM leases").await
    }
}
