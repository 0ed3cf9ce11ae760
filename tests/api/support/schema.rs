//! A PostgreSQL schema for one test, where `TEST_DATABASE_URL` names a server.

use super::app::unique;

pub struct Schema {
    server: String,
    name: String,
    url: String,
}

impl Schema {
    /// None without a server: the test runs on SQLite.
    pub async fn create() -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "how tests are told of their servers"
        )]
        let server = std::env::var("TEST_DATABASE_URL").ok()?;
        let name = format!("test_{}", unique());
        run(&server, format!("CREATE SCHEMA {name}")).await;
        let mark = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{mark}options=-csearch_path%3D{name}");
        Some(Self { server, name, url })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn run(server: &str, sql: String) {
    use sqlx::Connection;
    let mut conn = sqlx::PgConnection::connect(server)
        .await
        .expect("TEST_DATABASE_URL must answer");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

/// By the locks: the application names its connections itself.
fn end_what_holds(schema: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(held.pid) FROM pg_locks held
         JOIN pg_class c ON c.oid = held.relation
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = '{schema}' AND held.pid <> pg_backend_pid()"
    )
}

impl Drop for Schema {
    /// On a thread of its own: the test's runtime may be the one that waits here. What it has left
    /// in the middle of a transaction would wait for us as we for it, and is ended.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&server, end_what_holds(&name)));
            runtime.block_on(run(&server, format!("DROP SCHEMA {name} CASCADE")));
        });
        dropped.join().ok();
    }
}
