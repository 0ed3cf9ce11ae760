//! How often one address may ask. Standing before the extractors of bodies, it refuses before these
//! are read.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::client::Client;
use super::problem;
use crate::cache::{Bucket, Level};
use crate::config::{self, RateLimits};
use crate::error::{Error, Kind, Quota, Result};
use crate::state::App;

/// An address that has not asked too often for what `R` stands for.
pub struct Limited<R> {
    /// None where nothing is limited.
    quota: Option<Quota>,
    rule: PhantomData<R>,
}

/// A limit by address as a type.
pub trait Rule {
    /// Of the bucket: each has its own.
    const NAME: &'static str;

    fn quota(limits: &RateLimits) -> config::Quota;
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $field:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Rule for $name {
            const NAME: &'static str = stringify!($field);

            fn quota(limits: &RateLimits) -> config::Quota {
                limits.$field
            }
        }
    )*};
}

rules! {
    /// Whatever asks for a password.
    Passwords = login;
    /// New accounts.
    Registrations = register;
}

impl<R: Rule> FromRequestParts<App> for Limited<R> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let limits = &app.config.rate_limits;
        let Ok(client) = Client::from_request_parts(parts, app).await;
        // Who comes by no socket comes from this program.
        let (Some(ip), true) = (client.origin.ip, limits.enabled) else {
            return Ok(Self::of(None));
        };
        let quota = R::quota(limits);
        let bucket = Bucket {
            name: format!("address:{}:{}", R::NAME, network(ip)),
            limit: quota.limit,
            per: quota.per,
            cost: 1,
        };
        match app.limiter.take(vec![bucket]).await {
            Ok(hold) => {
                let quota = hold.levels().first().map(told);
                hold.settle(vec![1]);
                Ok(Self::of(quota))
            }
            Err(levels) => Err(too_many(levels.first())),
        }
    }
}

impl<R> Limited<R> {
    fn of(quota: Option<Quota>) -> Self {
        Self {
            quota,
            rule: PhantomData,
        }
    }

    /// The answer, a refusal as well, with what is left of the limit.
    pub fn tell(self, answer: Result<impl IntoResponse>) -> Response {
        let mut response = match answer {
            Ok(answer) => answer.into_response(),
            Err(error) => error.into_response(),
        };
        if let Some(quota) = self.quota {
            problem::tell_quota(response.headers_mut(), quota);
        }
        response
    }
}

impl<R> fmt::Debug for Limited<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Limited").field(&self.quota).finish()
    }
}

/// Whoever has one address of a /64 has them all.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

fn told(level: &Level) -> Quota {
    let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Quota {
        limit: short(level.limit),
        remaining: short(level.remaining),
        reset: short(problem::whole_seconds(level.full_in)),
    }
}

fn too_many(level: Option<&Level>) -> Error {
    let wait = level.and_then(|level| level.fits_in);
    let kind = Kind::TooMany {
        retry_after: wait.unwrap_or(Duration::from_mins(1)),
        quota: level.map(told),
    };
    let message = "This is asked too often from your address. Try again later.";
    Error::new(kind, "rate_limited", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();

        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        assert_ne!(of("2001:db8:1:3::"), "2001:db8:1:2::");
    }
}
