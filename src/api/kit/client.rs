//! Where a request comes from, as far as that can be believed.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{Extensions, HeaderMap};

use crate::config::{Config, Network};
use crate::domain::{Origin, RequestId};
use crate::state::App;

/// The other end of the connection; the server puts it into each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The machine and program that ask.
#[derive(Clone, Debug)]
pub struct Client {
    pub origin: Origin,
    /// Whether a browser sees us under https.
    pub is_https: bool,
}

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let proxies = &app.config.http.trusted_proxies;
        let ip = peer(&parts.extensions).map(|peer| {
            if is_within(peer, proxies) {
                behind(peer, &parts.headers, proxies)
            } else {
                peer
            }
        });
        let origin = Origin {
            ip,
            user_agent: user_agent(&parts.headers),
            request_id: parts.extensions.get::<RequestId>().cloned(),
        };
        Ok(Self {
            origin,
            is_https: is_https(&app.config, &parts.extensions, &parts.headers),
        })
    }
}

/// Whether a browser sees us under https: as is configured, else as a proxy of ours says.
pub fn is_https(config: &Config, extensions: &Extensions, headers: &HeaderMap) -> bool {
    let is_proxied =
        || peer(extensions).is_some_and(|ip| is_within(ip, &config.http.trusted_proxies));
    match &config.http.public_url {
        Some(url) => url.scheme() == "https",
        None => is_proxied() && forwarded_scheme(headers) == Some("https"),
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let Peer(at) = extensions.get::<Peer>()?;
    Some(at.ip().to_canonical())
}

/// The right-most hop that is not a proxy of ours: what stands left of it anybody can write.
fn behind(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = ip.to_canonical();
        if !is_within(client, proxies) {
            break;
        }
    }
    client
}

/// What the last proxy says; what stands before it the caller may have written.
fn forwarded_scheme(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("x-forwarded-proto").iter();
    let value = values.next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(
        text.chars()
            .filter(|letter| !letter.is_control())
            .take(256)
            .collect(),
    )
}

fn is_within(ip: IpAddr, networks: &[Network]) -> bool {
    networks.iter().any(|network| network.contains(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        let (address, prefix) = text.split_once('/').unwrap();
        Network {
            address: address.parse().unwrap(),
            prefix: prefix.parse().unwrap(),
        }
    }

    fn client(forwarded: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let proxies = [network("10.0.0.0/8"), network("fd00::/8")];
        behind("10.0.0.1".parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_not_ours() {
        assert_eq!(client("1.1.1.1, 2.2.2.2"), "2.2.2.2");
        assert_eq!(client("1.1.1.1, 2.2.2.2, 10.9.9.9"), "2.2.2.2");
        assert_eq!(client("::ffff:3.3.3.3"), "3.3.3.3");
        assert_eq!(client("spoofed, fd00::5"), "fd00::5");
        assert_eq!(client("spoofed"), "10.0.0.1");
    }
}
