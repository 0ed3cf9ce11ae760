//! The OpenAPI document: one for the program, whatever is configured.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes,
    SecurityScheme,
};
use utoipa::{Modify, OpenApi as _};

use crate::api::kit::envelope::{Envelope, OpenAiEnvelope, Problem};

/// What stands above the operations.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(
        title = "Concierge",
        description = "The backend of an AI application: accounts, and chat completions from any \
            OpenAI-compatible provider. Sign in with the Authorize button, or send an API key.",
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "system", description = "Where things are."),
        (name = "health", description = "How the service does: for people, dashboards and orchestrators."),
        (name = "status", description = "Whether it works, and for whom."),
        (name = "auth", description = "Joining, signing in and out, sessions, one's own account."),
        (name = "api-keys", description = "What programs sign in with."),
        (name = "users", description = "Accounts, for administrators."),
        (name = "completions", description = "What OpenAI's clients speak to."),
        (name = "usage", description = "What was used, and what it cost."),
    ),
    components(schemas(Envelope<'static>, OpenAiEnvelope<'static>, Problem<'static>)),
    modifiers(&Security),
    security(("bearerAuth" = []), ("cookieAuth" = []), ("apiKeyAuth" = []), ("oauth2Password" = [])),
)]
struct Head;

/// How a caller shows who they are.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "An access token, a token of a foreign issuer, or an API key.",
            ))
            .build();
        let cookie = ApiKeyValue::with_description("session_token", "Set by signing in.");
        let refresh = ApiKeyValue::with_description(
            "refresh_token",
            "Set by signing in, and sent to `/api/v1/auth/refresh` alone.",
        );
        let key = ApiKeyValue::with_description("X-API-Key", "An API key.");
        let password = Password::new("/api/v1/auth/login", Scopes::new());
        for (name, scheme) in [
            ("bearerAuth", SecurityScheme::Http(bearer)),
            ("cookieAuth", SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
            (
                "refreshCookie",
                SecurityScheme::ApiKey(ApiKey::Cookie(refresh)),
            ),
            ("apiKeyAuth", SecurityScheme::ApiKey(ApiKey::Header(key))),
            (
                "oauth2Password",
                SecurityScheme::OAuth2(OAuth2::new([Flow::Password(password)])),
            ),
        ] {
            components.add_security_scheme(name, scheme);
        }
    }
}

/// What stands above the operations, for the routes to be added to.
pub(super) fn head() -> OpenApi {
    let mut head = Head::openapi();
    head.info.license = None;
    head
}

/// The whole document.
pub fn document() -> OpenApi {
    super::routes().into_openapi()
}
