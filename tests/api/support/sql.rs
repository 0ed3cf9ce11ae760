//! Reaching into the databases where no route does.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, FromRow, PgConnection, SqliteConnection};

use super::app::TestApp;

impl TestApp {
    /// Changes what the main database holds, as another program would.
    pub(crate) async fn execute(&self, sql: &'static str) {
        let url = self.database_url();
        let changed = if self.is_on_postgres() {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            let done = sqlx::query(sql).execute(&mut conn).await;
            done.unwrap().rows_affected()
        } else {
            let mut conn = SqliteConnection::connect(&url).await.unwrap();
            let done = sqlx::query(sql).execute(&mut conn).await;
            done.unwrap().rows_affected()
        };
        assert!(changed > 0, "nothing has changed");
    }

    /// How many rows of the main database a `SELECT COUNT(*)` finds.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let url = self.database_url();
        if self.is_on_postgres() {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            return sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
        }
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
    }

    /// What a query finds in the main database, by a connection of its own: the application may have
    /// closed its databases.
    pub(crate) async fn rows<T>(&self, sql: &'static str) -> Vec<T>
    where
        T: Send + Unpin,
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>,
    {
        let url = self.database_url();
        if self.is_on_postgres() {
            let mut conn = PgConnection::connect(&url).await.unwrap();
            return sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap();
        }
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_as(sql).fetch_all(&mut conn).await.unwrap()
    }

    /// One text that the vault holds.
    pub(crate) async fn text_in_vault(&self, sql: &'static str) -> String {
        if self.is_on_postgres() {
            let url = self.database_url();
            let mut conn = PgConnection::connect(&url).await.unwrap();
            return sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
        }
        let url = format!("sqlite://{}/credentials.db", self.folder().display());
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
    }
}
