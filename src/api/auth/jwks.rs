//! The public keys of our access tokens, for services that verify these themselves.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::kit::extract::Json;
use crate::auth::PublicKey;
use crate::state::App;

/// A set of keys (RFC 7517), the one that signs first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"keys": [{"kty": "OKP", "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA"}]})))]
pub struct Jwks {
    keys: Vec<Jwk>,
}

/// An Ed25519 key (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwk {
    #[schema(examples("OKP"))]
    kty: &'static str,
    #[schema(examples("Ed25519"))]
    crv: &'static str,
    /// The key's 32 bytes, in base64url.
    x: String,
    /// Its thumbprint (RFC 7638), which stands in the header of its tokens.
    kid: String,
    #[serde(rename = "use")]
    #[schema(examples("sig"))]
    purpose: &'static str,
    #[schema(examples("EdDSA"))]
    alg: &'static str,
}

/// Public keys of access tokens
///
/// By these anybody can verify our access tokens. The key before the current one stays here as long as
/// its tokens are accepted. Where tokens are signed with HS256, there is no public key, and the list
/// is empty.
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "auth_jwks", tag = "auth",
    security(()),
    responses((status = 200, description = "The keys.", body = Jwks,
        headers(("Cache-Control" = String, description = "They may be kept for five minutes.")))))]
pub async fn get(app: App) -> Response {
    let keys = app.auth.public_keys().into_iter().map(Jwk::from);
    let keys = Jwks {
        keys: keys.collect(),
    };

    let kept = HeaderValue::from_static("public, max-age=300");
    ([(CACHE_CONTROL, kept)], Json(keys)).into_response()
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            x: key.x,
            kid: key.kid,
            purpose: "sig",
            alg: "EdDSA",
        }
    }
}
