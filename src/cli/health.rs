//! Asking a running server how it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use url::Url;

use super::flags::Flags;
use super::{exit_code, on_runtime, say, settings};
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::server;

const PATIENCE: Duration = Duration::from_secs(5);

/// 0 where the answer is a success.
pub(super) fn check(flags: &Flags, url: Option<String>) -> u8 {
    let url = match url {
        Some(url) => url,
        None => match config::load(&flags.sources()) {
            Ok(loaded) => own_address(&loaded.config),
            Err(problems) => return settings::refuse(&problems),
        },
    };
    exit_code(on_runtime(ask(&url)).map(|()| say(&format!("{url} is healthy."))))
}

fn own_address(config: &Config) -> String {
    let host = match config.http.host {
        host if !host.is_unspecified() => host,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}/health", SocketAddr::new(host, config.http.port))
}

async fn ask(url: &str) -> Result<()> {
    server::install_crypto()?;
    let unhealthy = || Error::unavailable("unhealthy", format!("{url} is not healthy."));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(Error::internal)?;
    let answer = client
        .get(parsed(url)?)
        .send()
        .await
        .map_err(|error| unhealthy().because(error.without_url()))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(unhealthy().because(format!("it answered {status}"))),
    }
}

fn parsed(url: &str) -> Result<Url> {
    Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            Error::invalid(
                "validation_error",
                format!("{url:?} is no address, such as http://127.0.0.1:8000/health."),
            )
        })
}
