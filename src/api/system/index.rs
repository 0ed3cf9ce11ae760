//! The front doors: `/`, `/api/v1`, and what a frontend needs to know.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, VARY};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::kit::accept;
use crate::api::kit::extract::Json;
use crate::state::App;

const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
);

/// Where to go from here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"message": "Welcome to concierge", "name": "concierge",
    "version": "0.1.0", "api_version": "v1", "environment": "development", "docs": "/docs",
    "openapi": "/openapi.json", "health": "/health"})))]
pub struct Welcome {
    message: String,
    name: String,
    /// Of the program (semver).
    version: &'static str,
    api_version: &'static str,
    environment: &'static str,
    /// Null where the documentation is switched off.
    #[schema(required = true)]
    docs: Option<&'static str>,
    #[schema(required = true)]
    openapi: Option<&'static str>,
    health: &'static str,
}

/// The doors of this version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"name": "concierge", "version": "0.1.0", "api_version": "v1",
    "links": {"register": "/api/v1/auth/register", "login": "/api/v1/auth/login",
        "me": "/api/v1/auth/me", "api_keys": "/api/v1/api-keys",
        "chat_completions": "/api/v1/chat/completions", "embeddings": "/api/v1/embeddings",
        "models": "/api/v1/models",
        "usage": "/api/v1/usage", "health": "/api/v1/health", "status": "/api/v1/status",
        "config": "/api/v1/config"}})))]
pub struct Index {
    name: String,
    version: &'static str,
    api_version: &'static str,
    links: Links,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    register: &'static str,
    login: &'static str,
    me: &'static str,
    api_keys: &'static str,
    chat_completions: &'static str,
    embeddings: &'static str,
    models: &'static str,
    usage: &'static str,
    health: &'static str,
    status: &'static str,
    config: &'static str,
}

/// What a frontend may know of the configuration.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"name": "concierge", "version": "0.1.0", "api_version": "v1",
    "environment": "development",
    "features": {"registration": true, "email_verification": false, "docs": true},
    "auth_modes": ["password", "api_key"],
    "limits": {"password_min_length": 8, "password_max_length": 256, "max_body_bytes": 1_048_576,
        "max_completion_body_bytes": 33_554_432},
    "stripe_publishable_key": null})))]
pub struct PublicConfig {
    name: String,
    version: &'static str,
    api_version: &'static str,
    environment: &'static str,
    features: Features,
    /// How a person may sign in.
    auth_modes: &'static [&'static str],
    limits: Limits,
    #[schema(required = true)]
    stripe_publishable_key: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Features {
    registration: bool,
    email_verification: bool,
    docs: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Limits {
    password_min_length: usize,
    password_max_length: usize,
    max_body_bytes: usize,
    max_completion_body_bytes: usize,
}

/// Welcome
///
/// JSON, or a small page where the caller prefers `text/html`.
#[utoipa::path(get, path = "/", operation_id = "system_welcome", tag = "system", security(()),
    responses((status = 200, description = "Where to go from here.", body = Welcome)))]
pub async fn welcome(app: App, headers: HeaderMap) -> Response {
    let docs = app.config.features.docs;
    let welcome = Welcome {
        message: format!("Welcome to {}", app.config.app.name),
        name: app.config.app.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        api_version: "v1",
        environment: app.config.env.as_str(),
        docs: docs.then_some("/docs"),
        openapi: docs.then_some("/openapi.json"),
        health: "/health",
    };
    let mut response = if accept::prefers(&headers, "text/html", "application/json") {
        let policy = [(CONTENT_SECURITY_POLICY, PAGE_POLICY)];
        (policy, Html(page(&welcome))).into_response()
    } else {
        Json(welcome).into_response()
    };
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept"));
    response
}

fn page(welcome: &Welcome) -> String {
    let name = escape(&welcome.name);
    let docs = welcome.docs.map_or("", |_| r#"<li><a href="/docs">API documentation</a></li><li><a href="/openapi.json">OpenAPI document</a></li>"#);
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}}</style></head>
<body><h1>Welcome to {name}</h1><p>Version {version}, {environment}.</p><ul>{docs}<li><a href="/health">Health</a></li></ul></body></html>
"#,
        version = welcome.version,
        environment = welcome.environment,
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// What this version of the API offers
///
/// Links to the areas of the API.
#[utoipa::path(get, path = "/api/v1", operation_id = "system_index", tag = "system", security(()),
    responses((status = 200, description = "The doors of this version.", body = Index)))]
pub async fn index(app: App) -> Json<Index> {
    Json(Index {
        name: app.config.app.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        api_version: "v1",
        links: Links {
            register: "/api/v1/auth/register",
            login: "/api/v1/auth/login",
            me: "/api/v1/auth/me",
            api_keys: "/api/v1/api-keys",
            chat_completions: "/api/v1/chat/completions",
            embeddings: "/api/v1/embeddings",
            models: "/api/v1/models",
            usage: "/api/v1/usage",
            health: "/api/v1/health",
            status: "/api/v1/status",
            config: "/api/v1/config",
        },
    })
}

/// Configuration for frontends
///
/// What a frontend may know before anybody has signed in. Holds no secret.
#[utoipa::path(get, path = "/api/v1/config", operation_id = "system_config", tag = "system",
    security(()), responses(
        (status = 200, description = "What a frontend may know.", body = PublicConfig)))]
pub async fn config(app: App) -> Json<PublicConfig> {
    let config = &app.config;
    Json(PublicConfig {
        name: config.app.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        api_version: "v1",
        environment: config.env.as_str(),
        features: Features {
            registration: config.auth.registration_enabled,
            email_verification: config.auth.require_email_verification,
            docs: config.features.docs,
        },
        auth_modes: &["password", "api_key"],
        limits: Limits {
            password_min_length: config.auth.password_min_length,
            password_max_length: crate::auth::PASSWORD_MAX_LENGTH,
            max_body_bytes: config.http.max_body_bytes,
            max_completion_body_bytes: config.http.max_openai_body_bytes,
        },
        stripe_publishable_key: config.stripe.publishable_key.clone(),
    })
}
