//! Swagger UI from the binary itself, and the document that it shows.

use std::sync::{Arc, LazyLock};

use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use utoipa_swagger_ui::{Config, serve};

use crate::api::kit::extract::Path;
use crate::api::openapi;
use crate::error::{Error, Result};
use crate::state::App;

/// Swagger UI styles its elements inline and draws its icons from data URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'self'",
);

/// Absolute paths, so that `/docs` and `/docs/` are the same page.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png" sizes="32x32">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-standalone-preset.js"></script>
<script src="/docs/swagger-initializer.js"></script>
</body>
</html>
"#;

static SETTINGS: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/openapi.json")
        .persist_authorization(true)
        .display_request_duration(true)
        // Else a badge asks a server of Swagger's about the document.
        .validator_url("none")
        .try_it_out_enabled(true);
    Arc::new(config)
});

static DOCUMENT: LazyLock<std::result::Result<String, String>> = LazyLock::new(|| {
    serde_json::to_string(&openapi::document()).map_err(|error| error.to_string())
});

pub async fn page(app: App) -> Result<Response> {
    require_docs(&app)?;
    Ok(([(CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response())
}

pub async fn asset(app: App, Path(file): Path<String>) -> Result<Response> {
    require_docs(&app)?;
    let found =
        serve(&file, SETTINGS.clone()).map_err(|error| Error::internal(error.to_string()))?;
    let found = found
        .filter(|_| file != "index.html")
        .ok_or_else(nothing_here)?;
    let kind = HeaderValue::from_str(&found.content_type).map_err(Error::internal)?;
    let kept = HeaderValue::from_static("public, max-age=3600");
    let mut response = (
        [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, kept),
            (CONTENT_SECURITY_POLICY, POLICY),
        ],
        found.bytes,
    )
        .into_response();
    if found.gzpipped {
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
    }
    Ok(response)
}

pub async fn document(app: App) -> Result<Response> {
    require_docs(&app)?;
    let text = DOCUMENT
        .as_deref()
        .map_err(|error| Error::internal(error.clone()))?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

fn require_docs(app: &App) -> Result<()> {
    if app.config.features.docs {
        Ok(())
    } else {
        Err(nothing_here())
    }
}

fn nothing_here() -> Error {
    Error::not_found("path")
}
