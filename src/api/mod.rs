//! The HTTP edge: what can be asked, by whom, and how it is answered.
//!
//! `routes` is the table of contents, area by area; `layered` is what all of them stand behind.

pub mod auth;
pub mod kit;
pub mod layers;
pub mod openai;
pub mod openapi;
pub mod system;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Error, Kind};
use crate::state::App;

/// Everything that answers requests. Each route answers with and without a slash at its end.
pub fn service(app: App) -> NormalizePath<Router> {
    let (documented, _) = routes().split_for_parts();
    layered(documented.merge(aliases()), app)
}

/// What is answered on the port for metrics.
pub fn metrics(app: App) -> NormalizePath<Router> {
    let only = Router::new().route("/metrics", get(system::metrics::get_inside));
    layered(only, app)
}

/// The layers around these routes, from the outside in. They are one for the router: it would box
/// each that it is given by itself, and every request would pay for it.
pub fn layered(routes: Router<App>, app: App) -> NormalizePath<Router> {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), layers::trace::identify))
        .layer(from_fn_with_state(app.clone(), layers::headers::harden))
        // Outside of all that may refuse, so that a page can read every refusal.
        .layer(layers::cors::layer(&app.config.cors))
        .layer(from_fn_with_state(app.clone(), layers::trace::follow))
        .layer(from_fn_with_state(app.clone(), kit::dialect::render))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), layers::csrf::check))
        .layer(from_fn(layers::head::check));
    let whole = routes
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(layers)
        .with_state(app);
    NormalizePathLayer::trim_trailing_slash().layer(whole)
}

/// The operations of the OpenAPI document, area by area.
pub(crate) fn routes() -> OpenApiRouter<App> {
    let ordinary = OpenApiRouter::new()
        .routes(routes!(system::index::welcome))
        .routes(routes!(system::index::index))
        .routes(routes!(system::index::config))
        .routes(routes!(system::health::shallow))
        .routes(routes!(system::health::deep))
        .routes(routes!(system::probes::live))
        .routes(routes!(system::probes::ready))
        .routes(routes!(system::probes::startup))
        .routes(routes!(system::metrics::get))
        .routes(routes!(system::status::service))
        .routes(routes!(system::status::user))
        .routes(routes!(auth::register::register))
        .routes(routes!(auth::session::log_in))
        .routes(routes!(auth::session::log_out))
        .routes(routes!(auth::refresh::refresh))
        .routes(routes!(auth::password::change))
        .routes(routes!(auth::recovery::forgot))
        .routes(routes!(auth::recovery::reset))
        .routes(routes!(auth::verification::send))
        .routes(routes!(auth::verification::confirm))
        .routes(routes!(auth::verification::change_email))
        .routes(routes!(auth::session::log_out_all))
        .routes(routes!(auth::me::me, auth::me::change, auth::me::delete))
        .routes(routes!(auth::export::get))
        .routes(routes!(auth::sessions::list))
        .routes(routes!(auth::sessions::end))
        .routes(routes!(auth::jwks::get))
        .routes(routes!(auth::keys::create, auth::keys::list))
        .routes(routes!(
            auth::keys::get,
            auth::keys::change,
            auth::keys::delete
        ))
        .routes(routes!(auth::users::list, auth::users::create))
        .routes(routes!(
            auth::users::get,
            auth::users::change,
            auth::users::delete
        ))
        .routes(routes!(auth::audit::list))
        .routes(routes!(openai::models::list))
        .routes(routes!(openai::usage::get))
        .layer(from_fn(layers::deadline::keep));
    OpenApiRouter::with_openapi(openapi::head())
        .merge(ordinary)
        .routes(routes!(openai::completions::create))
        .routes(routes!(openai::embeddings::create))
        .merge(model_by_name())
}

/// The document writes `{id}` where the router must say that slashes may stand in it.
fn model_by_name() -> OpenApiRouter<App> {
    let (_, document) = OpenApiRouter::<App>::new()
        .routes(routes!(openai::models::one))
        .split_for_parts();
    OpenApiRouter::with_openapi(document).route("/api/v1/models/{*id}", get(openai::models::one))
}

/// The same under other names. They are left out of the document, so that clients stay small.
fn aliases() -> Router<App> {
    Router::new()
        .route("/healthz", get(system::health::shallow))
        .route("/api/v1/health/live", get(system::probes::live))
        .route("/api/v1/health/ready", get(system::probes::ready))
        .route("/api/v1/health/startup", get(system::probes::startup))
        .route("/status", get(system::status::service))
        .route("/status/user", get(system::status::user))
        .route("/reset-password", get(auth::reset_page::get))
        .route("/docs", get(system::docs::page))
        .route("/docs/{file}", get(system::docs::asset))
        .route("/openapi.json", get(system::docs::document))
        .route("/api/v1/openapi.json", get(system::docs::document))
        .route("/v1/models", get(openai::models::list))
        .route("/v1/models/{*id}", get(openai::models::one))
        .layer(from_fn(layers::deadline::keep))
        .route("/v1/chat/completions", post(openai::completions::create))
        .route("/v1/embeddings", post(openai::embeddings::create))
}

async fn nowhere() -> Error {
    Error::not_found("path")
}

/// The `Allow` header is the router's.
async fn wrong_method() -> Error {
    Error::new(
        Kind::NotAllowed,
        "method_not_allowed",
        "This path does not take this method; the Allow header names those that it takes.",
    )
}

/// What was said when it panicked may hold a caller's text, so nobody is told.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Error::internal("a handler panicked").into_response()
}
