//! A PostgreSQL schema for one test, where `TEST_DATABASE_URL` names a server.

use concierge::clock::Clock;
use concierge::domain::RowId;
use sqlx::Connection;

pub(crate) struct Schema {
    server: String,
    name: String,
    url: String,
}

impl Schema {
    /// None without a server: what the test would show is not shown.
    pub(crate) async fn create() -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "how tests are told of their servers"
        )]
        let server = std::env::var("TEST_DATABASE_URL").ok()?;
        let unique = RowId::new(&Clock::system()).to_string().replace('-', "");
        let name = format!("process_{unique}");
        run(&server, format!("CREATE SCHEMA {name}")).await;
        let mark = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{mark}options=-csearch_path%3D{name}");
        Some(Self { server, name, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same schema by way of another address.
    pub(crate) fn url_by_way_of(&self, address: &str) -> String {
        let mut url = url::Url::parse(&self.url).unwrap();
        let (host, port) = address.split_once(':').unwrap();
        url.set_host(Some(host)).unwrap();
        url.set_port(Some(port.parse().unwrap())).unwrap();
        url.into()
    }

    /// `host:port` of the server.
    pub(crate) fn address(&self) -> String {
        let url = url::Url::parse(&self.url).unwrap();
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))
    }

    /// Keeps every migration waiting until the connection is dropped.
    pub(crate) async fn hold_migrations(&self) -> sqlx::PgConnection {
        let mut conn = sqlx::PgConnection::connect(&self.url).await.unwrap();
        for sql in ["BEGIN", "CREATE TABLE _main_migrations (held boolean)"] {
            sqlx::query(sql).execute(&mut conn).await.unwrap();
        }
        conn
    }

    /// All that its tables hold, as text.
    pub(crate) async fn dump(&self) -> String {
        let mut conn = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&mut conn)
            .await
            .unwrap();
        let mut dump = Vec::new();
        for table in tables {
            let rows = format!("SELECT row_to_json(t)::text FROM {table} t");
            let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
                .fetch_all(&mut conn)
                .await
                .unwrap();
            dump.push(table);
            dump.extend(rows);
        }
        conn.close().await.unwrap();
        dump.join("\n")
    }

    /// Runs one statement in the schema.
    pub(crate) async fn run(&self, sql: &str) {
        run(&self.url, sql.to_owned()).await;
    }
}

async fn run(url: &str, sql: String) {
    let mut conn = sqlx::PgConnection::connect(url)
        .await
        .expect("TEST_DATABASE_URL must answer");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

impl Drop for Schema {
    /// On a thread of its own: the test's runtime may be the one that waits here.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&server, format!("DROP SCHEMA {name} CASCADE")));
        });
        dropped.join().ok();
    }
}
