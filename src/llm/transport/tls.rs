//! Whom a connection trusts: the certificates that the system trusts, read once.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::error::{Error, Result};

static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// For connections that speak HTTP/1.
pub(in crate::llm) fn config() -> Result<Arc<ClientConfig>> {
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let config = build().map_err(Error::internal)?;
    Ok(CONFIG.get_or_init(|| config.into()).clone())
}

fn build() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
