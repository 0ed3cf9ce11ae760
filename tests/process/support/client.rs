//! Somebody who asks over a socket.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use serde_json::{Value, json};

use super::{PATIENCE, eventually};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A client with headers of its own: a token, a key, a cookie, or nothing.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    http: reqwest::Client,
    headers: HeaderMap,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn of(url: &str) -> Self {
        Self::with(url, reqwest::Client::builder())
    }

    pub(super) fn over_http_2(url: &str) -> Self {
        Self::with(url, reqwest::Client::builder().http2_prior_knowledge())
    }

    fn with(url: &str, builder: reqwest::ClientBuilder) -> Self {
        concierge::server::install_crypto().unwrap();
        Self {
            url: url.to_owned(),
            http: builder.no_proxy().timeout(PATIENCE).build().unwrap(),
            headers: HeaderMap::new(),
        }
    }

    /// The same, sending one header more.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::read(self.send(Method::GET, path, None).await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        Reply::read(self.open(path, body).await).await
    }

    /// The answer before its body is read.
    pub(crate) async fn open(&self, path: &str, body: Value) -> reqwest::Response {
        self.send(Method::POST, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .headers(self.headers.clone());
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        request.send().await
    }

    /// The login of somebody who has just registered.
    pub(crate) async fn sign_up(&self, email: &str) -> Reply {
        let body = json!({"email": email, "password": PASSWORD});
        let joined = self.post("/api/v1/auth/register", body).await;
        assert_eq!(joined.status, 201, "{joined:?}");
        self.log_in(email).await
    }

    pub(crate) async fn log_in(&self, email: &str) -> Reply {
        let body = json!({"email": email, "password": PASSWORD});
        let reply = self.post("/api/v1/auth/login", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    /// The same with a new key of the caller, where a client is signed in.
    pub(crate) async fn key(&self) -> String {
        let reply = self
            .post("/api/v1/api-keys", json!({"name": "a key"}))
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["key"].as_str().unwrap().to_owned()
    }

    /// A program of a new user, with a key.
    pub(crate) async fn newcomer(&self) -> Self {
        let token = self.sign_up("ada@example.com").await.token();
        let key = self.clone().bearer(&token).key().await;
        self.clone().bearer(&key)
    }

    pub(crate) async fn complete(&self, stream: bool) -> reqwest::Response {
        self.open("/api/v1/chat/completions", question(stream))
            .await
    }

    /// How many requests of the caller are in the ledger.
    pub(crate) async fn requests(&self) -> i64 {
        let usage = self.get("/api/v1/usage").await;
        usage.json()["total"]["requests"].as_i64().unwrap()
    }

    /// Waits until there are so many of them.
    pub(crate) async fn has_used(&self, requests: i64) {
        eventually("the requests in the ledger", async || {
            (self.requests().await == requests).then_some(())
        })
        .await;
    }
}

/// What the clients ask; the words must appear in no log.
pub(crate) fn question(stream: bool) -> Value {
    json!({
        "model": "gpt-4o-mini",
        "stream": stream,
        "messages": [{"role": "user", "content": "the wombat sings at midnight"}],
    })
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            version: response.version(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The access token of a login.
    pub(crate) fn token(&self) -> String {
        self.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The refresh token of a login, or of the refreshing after it.
    pub(crate) fn refresh_token(&self) -> String {
        self.json()["refresh_token"].as_str().unwrap().to_owned()
    }

    /// `session_token=…` of a login.
    pub(crate) fn cookie(&self) -> String {
        let set = self.headers["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }
}
