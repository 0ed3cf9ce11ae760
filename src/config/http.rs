//! The door: where it is, under which name it is known, and whose pages may knock.

use std::net::{IpAddr, Ipv4Addr};

use url::Url;

use super::AppEnv;
use super::parse::{Parsed, number, size, web_url};
use super::reader::Reader;

#[derive(Clone, Debug)]
pub struct Http {
    /// `API_HOST`
    pub host: IpAddr,
    /// `API_PORT`; 0 takes any free port.
    pub port: u16,
    /// `PUBLIC_URL`: scheme and authority under which browsers reach us.
    pub public_url: Option<Url>,
    /// `TRUSTED_PROXIES`: networks whose `X-Forwarded-*` headers count.
    pub trusted_proxies: Vec<Network>,
    /// `MAX_BODY_BYTES`, or 1 MiB.
    pub max_body_bytes: usize,
    /// `MAX_BODY_BYTES` on the OpenAI routes, or 32 MiB.
    pub max_openai_body_bytes: usize,
}

impl Http {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        const MIB: usize = 1 << 20;

        let body = reader.option("MAX_BODY_BYTES", size);
        let proxies = reader.list("TRUSTED_PROXIES", Network::parse);
        let trusted_proxies = proxies.unwrap_or_default();
        if trusted_proxies.iter().any(|network| network.prefix == 0) {
            reader.warn("TRUSTED_PROXIES trusts every address: callers can claim to be anyone.");
        }
        Self {
            host: reader
                .option("API_HOST", address)
                .unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            port: reader.value("API_PORT", number(0..=u16::MAX)),
            public_url: reader.option("PUBLIC_URL", bare_url),
            trusted_proxies,
            max_body_bytes: body.unwrap_or(MIB),
            max_openai_body_bytes: body.unwrap_or(32 * MIB),
        }
    }

    /// Whether browsers may reach us over https, as far as anyone can tell before the first request.
    pub(super) fn may_be_https(&self) -> bool {
        match &self.public_url {
            Some(url) => url.scheme() == "https",
            None => !self.trusted_proxies.is_empty(),
        }
    }
}

fn address(value: &str) -> Parsed<IpAddr> {
    if value.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let bare = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(value);
    bare.parse()
        .map_err(|_| "an IP address such as 0.0.0.0, 127.0.0.1 or ::".into())
}

fn bare_url(value: &str) -> Parsed<Url> {
    web_url(value)
        .ok()
        .filter(|url| url.path() == "/" && url.query().is_none())
        .ok_or_else(|| "http:// or https:// and a host, without path and query".into())
}

/// An address with a prefix length: `10.0.0.0/8`, `::1/128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Network {
    /// Whether an address lies in it. An IPv4 address in IPv6 clothes counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX
                    .checked_shl(32_u32.saturating_sub(self.prefix.into()))
                    .unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX
                    .checked_shl(128_u32.saturating_sub(self.prefix.into()))
                    .unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }

    fn parse(value: &str) -> Parsed<Self> {
        let (address, prefix) = match value.split_once('/') {
            Some((address, prefix)) => (address, prefix.parse::<u8>().ok()),
            None => (value, Some(u8::MAX)),
        };
        address
            .parse::<IpAddr>()
            .ok()
            .zip(prefix)
            .and_then(|(address, prefix)| {
                let longest = if address.is_ipv4() { 32 } else { 128 };
                let prefix = if value.contains('/') { prefix } else { longest };
                (prefix <= longest).then_some(Self { address, prefix })
            })
            .ok_or_else(|| "addresses or networks such as 10.0.0.0/8 or ::1".into())
    }
}

#[derive(Clone, Debug)]
pub struct Cors {
    /// `ALLOWED_ORIGINS`: exact origins, lower-cased, without a trailing slash. May be empty.
    pub origins: Vec<String>,
}

impl Cors {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv) -> Self {
        let default = || {
            let local = env.is_local().then(|| "http://localhost:3000".to_owned());
            local.into_iter().collect()
        };
        let mut origins: Vec<String> = Vec::new();
        for origin in reader
            .list("ALLOWED_ORIGINS", origin)
            .unwrap_or_else(default)
        {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Self { origins }
    }
}

fn origin(value: &str) -> Parsed<String> {
    if value.contains('*') {
        return Err(
            "each origin by its name: the API takes cookies, and a wildcard would hand them to any page".into(),
        );
    }
    let url = Url::parse(value)
        .ok()
        .filter(|url| url.has_host() && matches!(url.path(), "" | "/"))
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .filter(|url| url.query().is_none() && url.fragment().is_none());
    let serialized = url.and_then(|url| {
        let origin = url.origin();
        if origin.is_tuple() {
            return Some(origin.ascii_serialization());
        }
        // The pages of packaged apps: `capacitor://localhost`.
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let host = url.host_str()?.to_ascii_lowercase();
        (!host.is_empty()).then(|| format!("{}://{host}{port}", url.scheme()))
    });
    serialized.ok_or_else(|| "an origin such as https://app.example.com, without path".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(
            origin("HTTPS://App.Example.com:443/").as_deref(),
            Ok("https://app.example.com")
        );
        assert_eq!(
            origin("http://localhost:3000").as_deref(),
            Ok("http://localhost:3000")
        );
        assert_eq!(origin("http://[::1]:80").as_deref(), Ok("http://[::1]"));
        assert_eq!(
            origin("capacitor://localhost").as_deref(),
            Ok("capacitor://localhost")
        );
        for bad in [
            "*",
            "null",
            "localhost:3000",
            "https://*.example.com",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://u:p@a",
            "file:///x",
            "https://",
            "https://a#b",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_is_an_address_or_a_prefix_that_fits_it() {
        let network = |text| Network::parse(text).map(|n| (n.address.to_string(), n.prefix));
        assert_eq!(network("10.0.0.0/8"), Ok(("10.0.0.0".into(), 8)));
        assert_eq!(network("127.0.0.1"), Ok(("127.0.0.1".into(), 32)));
        assert_eq!(network("::1"), Ok(("::1".into(), 128)));
        for bad in [
            "10.0.0.0/33",
            "::/129",
            "proxy",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_holds_the_addresses_under_its_prefix() {
        let holds = |network, address: &str| {
            Network::parse(network)
                .unwrap()
                .contains(address.parse().unwrap())
        };
        assert!(holds("10.1.2.3/8", "10.200.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(!holds("10.0.0.0/8", "::1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("::1", "::2"));
    }

    #[test]
    fn a_host_is_an_address_or_this_machine() {
        assert_eq!(address("localhost").unwrap().to_string(), "127.0.0.1");
        assert_eq!(address("[::]").unwrap().to_string(), "::");
        assert!(address("example.com").is_err());
    }
}
