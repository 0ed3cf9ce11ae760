//! A whole application for one test: its own databases, a clock that stands still, an upstream that
//! says what the test has told it to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use concierge::clock::Clock;
use concierge::config::{self, Config, Sources};
use concierge::domain::RowId;
use concierge::server::{self, Databases, Server};
use concierge::shutdown::Shutdown;
use concierge::state::App;
use http::Request;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use tower_http::normalize_path::NormalizePath;

use super::actor::{Actor, Reply};
use super::schema::Schema;

/// 2026-11-21T09:30:00Z, when every test begins.
pub const BEGINNING: i64 = 1_795_253_400_000_000;
pub const PASSWORD: &str = "correct horse battery";

pub struct TestApp {
    pub app: App,
    pub clock: Clock,
    pub databases: Databases,
    service: NormalizePath<Router>,
    folder: Arc<tempfile::TempDir>,
    schema: Option<Arc<Schema>>,
}

/// The same application behind a real socket.
pub struct Listening {
    pub url: String,
    pub address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<concierge::error::Result<()>>,
}

impl TestApp {
    /// With the offline model, as on a fresh machine.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings beside the usual ones.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let schema = Schema::create().await.map(Arc::new);
        let config = configuration(settings, &folder, schema.as_deref());
        let clock = Clock::standing_at(BEGINNING);
        Self::of(config, clock, folder, schema).await
    }

    /// Another process of the same service: the same settings, databases and time.
    pub async fn replica(&self) -> Self {
        let config = self.app.config.clone();
        let (folder, schema) = (self.folder.clone(), self.schema.clone());
        Self::of(config, self.clock.clone(), folder, schema).await
    }

    async fn of(
        config: Config,
        clock: Clock,
        folder: Arc<tempfile::TempDir>,
        schema: Option<Arc<Schema>>,
    ) -> Self {
        let databases = Databases::open(&config.databases).await.unwrap();
        databases.migrate().await.unwrap();
        let app = server::build(config, &databases, clock.clone(), Shutdown::new()).unwrap();
        app.vitals.is_started.store(true, Ordering::Release);
        Self {
            service: concierge::api::service(app.clone()),
            app,
            clock,
            databases,
            folder,
            schema,
        }
    }

    /// Somebody without an account.
    pub fn anonymous(&self) -> Actor<'_> {
        Actor::new(self)
    }

    /// Somebody with an account, who sends an access token.
    pub async fn sign_up(&self, name: &str) -> Actor<'_> {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "username": name, "name": name});
        let joined = self.anonymous().post("/api/v1/auth/register", body).await;
        assert_eq!(joined.status, 201, "{}", joined.text());
        self.log_in(name).await
    }

    /// A new session of somebody who has an account.
    pub async fn log_in(&self, name: &str) -> Actor<'_> {
        let body = json!({"username": name, "password": PASSWORD});
        let reply = self.anonymous().post("/api/v1/auth/login", body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let token = reply.json()["access_token"].as_str().unwrap().to_owned();
        self.anonymous()
            .header("authorization", format!("Bearer {token}"))
    }

    /// An administrator.
    pub async fn admin(&self) -> Actor<'_> {
        let email = concierge::domain::Email::parse("root@example.com").unwrap();
        let made = self
            .app
            .auth
            .create_admin(email, PASSWORD.to_owned().into())
            .await;
        made.unwrap();
        let body = json!({"email": "root@example.com", "password": PASSWORD});
        let reply = self.anonymous().post("/api/v1/auth/login", body).await;
        let token = reply.json()["access_token"].as_str().unwrap().to_owned();
        self.anonymous()
            .header("authorization", format!("Bearer {token}"))
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.service.clone().oneshot(request).await.unwrap();
        Reply::read(response).await
    }

    /// The response before its body is read.
    pub async fn open(&self, request: Request<Body>) -> http::Response<Body> {
        self.service.clone().oneshot(request).await.unwrap()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where the main database is.
    pub fn database_url(&self) -> String {
        match &self.schema {
            Some(schema) => schema.url().to_owned(),
            None => format!("sqlite://{}", self.folder().join("concierge.db").display()),
        }
    }

    pub fn is_on_postgres(&self) -> bool {
        self.schema.is_some()
    }

    /// The usage rows of `actor` once there are `requests` of them. The ledger is written behind the
    /// answers, within a tenth of a second.
    pub async fn usage(&self, actor: &Actor<'_>, requests: i64) -> serde_json::Value {
        let mut last = serde_json::Value::Null;
        for _ in 0..200 {
            last = actor
                .get("/api/v1/usage?group_by=model&from=2026-01-01&to=2026-12-31")
                .await
                .json();
            if last["total"]["requests"] == requests {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the ledger never showed {requests} requests: {last}");
    }

    /// Serves on a free port of this machine until it is told to stop.
    pub async fn listen(&self) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = Server::new(self.app.clone(), self.databases.clone(), listener);
        #[expect(clippy::disallowed_methods, reason = "a test is not shut down")]
        let ended = tokio::spawn(server.run(async { stopped.await.unwrap_or(()) }));
        Listening {
            url: format!("http://{address}"),
            address,
            stop,
            ended,
        }
    }
}

impl Listening {
    /// As SIGTERM does; returns when everything has come to its end.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }

    /// Begins to stop, and goes on in the background.
    pub fn begin_to_stop(self) -> JoinHandle<concierge::error::Result<()>> {
        self.stop.send(()).unwrap();
        self.ended
    }
}

fn configuration(
    settings: &[(&str, &str)],
    folder: &tempfile::TempDir,
    schema: Option<&Schema>,
) -> Config {
    let mut environment: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| environment.insert(name.to_owned(), value.to_owned());
    set("APP_ENV", "test");
    set("DATA_DIR", folder.path().to_str().unwrap());
    if let Some(schema) = schema {
        set("DATABASE_URL", schema.url());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are told of their servers"
    )]
    if let Ok(redis) = std::env::var("TEST_REDIS_URL") {
        set("REDIS_URL", &redis);
    }
    for (name, value) in settings {
        set(name, value);
    }
    let sources = Sources {
        environment,
        folder: folder.path().join("no-config"),
        ..Sources::default()
    };
    match config::load(&sources) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{problems:?}"),
    }
}

/// A name that no other test has.
pub fn unique() -> String {
    RowId::new(&Clock::system()).to_string().replace('-', "")
}
