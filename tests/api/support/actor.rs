//! Somebody who asks, and what they are answered.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::app::TestApp;

/// A client with its own headers: a token, a key, cookies, or nothing.
#[derive(Clone)]
pub struct Actor<'a> {
    app: &'a TestApp,
    headers: HeaderMap,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl<'a> Actor<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self {
            app,
            headers: HeaderMap::new(),
        }
    }

    /// The same, sending one header more (or another value of it).
    pub fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        let value = HeaderValue::from_str(value.as_ref()).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.post_bytes(path, body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.clone()
            .or_header(CONTENT_TYPE, "application/json")
            .send(Method::PATCH, path, body.to_string().into())
            .await
    }

    /// JSON exactly as written.
    pub async fn post_bytes(&self, path: &str, body: impl Into<Body>) -> Reply {
        self.clone()
            .or_header(CONTENT_TYPE, "application/json")
            .send(Method::POST, path, body.into())
            .await
    }

    pub async fn send(&self, method: Method, path: &str, body: Body) -> Reply {
        self.app.send(self.request(method, path, body)).await
    }

    /// The response before its body is read.
    pub async fn open(&self, path: &str, body: Value) -> http::Response<Body> {
        let actor = self.clone().or_header(CONTENT_TYPE, "application/json");
        let request = actor.request(Method::POST, path, Body::from(body.to_string()));
        self.app.open(request).await
    }

    /// A new API key of this actor, as the actor that sends it.
    pub async fn with_key(&self, wanted: Value) -> Actor<'a> {
        let key = self.key(wanted).await;
        Actor::new(self.app).header("authorization", format!("Bearer {key}"))
    }

    /// A new API key of this actor.
    pub async fn key(&self, wanted: Value) -> String {
        let mut body = json!({"name": "a key"});
        let (Value::Object(fields), Value::Object(wanted)) = (&mut body, wanted) else {
            panic!("a key is asked for by an object");
        };
        fields.extend(wanted);
        let reply = self.post("/api/v1/api-keys", body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["key"].as_str().unwrap().to_owned()
    }

    /// What this actor puts into a header, for a client that is none of ours.
    pub fn authorization(&self) -> &str {
        self.headers["authorization"].to_str().unwrap()
    }

    fn or_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
        self
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Request<Body> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(body)
            .unwrap();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Reply {
    pub async fn read(response: http::Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The slug of an error, in either envelope.
    pub fn code(&self) -> String {
        let body = self.json();
        let code = body["code"].as_str().or(body["error"]["code"].as_str());
        code.unwrap_or_default().to_owned()
    }

    /// The cookies that are set, as they stand.
    pub fn cookies(&self) -> Vec<&str> {
        let set = self.headers.get_all("set-cookie").iter();
        set.map(|value| value.to_str().unwrap()).collect()
    }
}
