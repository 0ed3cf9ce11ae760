//! Requests and tokens a minute, of the key and of its user: taken before a request runs, told in
//! headers whatever it is answered, and corrected to what was used.

mod headers;
mod limit;
mod refusal;

use std::sync::Arc;

use http::HeaderName;

use super::estimate::Estimate;
use crate::cache::{Hold, Limiter};
use crate::domain::{Caps, Charge, Principal, Via};
use crate::error::Result;
use headers::{headers, millis};
use limit::{Family, Holder, Limit};
use refusal::refusal;

pub(super) use headers::Told;

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// How fast everybody may ask.
#[derive(Debug)]
pub(super) struct Rates {
    limiter: Limiter,
    /// What holds for a user of whom nothing else is said.
    everybody: Caps,
}

impl Rates {
    pub(super) fn new(limiter: Limiter, everybody: Caps) -> Self {
        Self { limiter, everybody }
    }

    /// Takes a place in all limits of the caller, or in none.
    pub(super) async fn take(
        &self,
        principal: &Principal,
        estimate: Estimate,
        told: &Told,
    ) -> Result<Place> {
        let limits: Vec<Limit> = self.limits(principal).collect();
        if limits.is_empty() {
            return Ok(Place::default());
        }
        let tokens = estimate.tokens();
        let buckets = limits.iter().map(|limit| limit.bucket(principal, tokens));
        match self.limiter.take(buckets.collect()).await {
            Ok(hold) => {
                told.tell(headers(&limits, hold.levels()));
                let hold = Some(hold);
                Ok(Place { limits, hold })
            }
            Err(levels) => {
                let (error, wait) = refusal(&limits, &levels, tokens);
                let mut headers = headers(&limits, &levels);
                if let Some(wait) = wait {
                    headers.insert(RETRY_AFTER_MS, millis(wait).into());
                }
                told.tell(headers);
                Err(error)
            }
        }
    }

    /// Where this caller's answer will have its headers from.
    pub(super) fn told(&self, principal: &Principal) -> Told {
        let is_limited = self.limits(principal).next().is_some();
        Told(is_limited.then(Arc::default))
    }

    pub(super) fn close(&self) {
        self.limiter.close();
    }

    fn limits(&self, principal: &Principal) -> impl Iterator<Item = Limit> + use<> {
        let of_key = match &principal.via {
            Via::Key { caps, .. } => *caps,
            Via::Session(_) | Via::Foreign => Caps::default(),
        };
        let of_user = principal.caps.or(self.everybody);
        let limit = |holder, family, most: Option<u64>| {
            most.map(|most| Limit {
                holder,
                family,
                most,
            })
        };
        [
            limit(Holder::Key, Family::Requests, of_key.rpm),
            limit(Holder::Key, Family::Tokens, of_key.tpm),
            limit(Holder::User, Family::Requests, of_user.rpm),
            limit(Holder::User, Family::Tokens, of_user.tpm),
        ]
        .into_iter()
        .flatten()
    }
}

/// A request's place in its limits. Dropped, it has never been there.
#[derive(Debug, Default)]
pub(super) struct Place {
    limits: Vec<Limit>,
    hold: Option<Hold>,
}

impl Place {
    /// A request that has run is one, and used so many tokens; one that has not is none.
    pub(super) fn settle(&mut self, charge: &Charge) {
        let Some(hold) = self.hold.take() else { return };
        if charge.attempts == 0 {
            return;
        }
        let tokens = charge
            .prompt_tokens
            .saturating_add(charge.completion_tokens);
        let used = self.limits.iter().map(|limit| limit.cost(tokens));
        hold.settle(used.collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::{KeyId, Outcome, RequestId, Role, RowId, Scopes, Ts, UserId};
    use crate::shutdown::Shutdown;

    fn per_minute(rpm: Option<u64>, tpm: Option<u64>) -> Caps {
        Caps {
            budget: None,
            rpm,
            tpm,
        }
    }

    fn key_of(user: &UserId, of_user: Caps, of_key: Caps) -> Principal {
        Principal {
            user: user.clone(),
            role: Role::User,
            caps: of_user,
            via: Via::Key {
                id: KeyId::new(&Clock::system()),
                scopes: Scopes::default(),
                models: None,
                expires_at: Ts::from_micros(i64::MAX),
                caps: of_key,
            },
        }
    }

    fn rates(everybody: Caps) -> Rates {
        let limiter = Limiter::new(None, Clock::standing_at(0), &Shutdown::new());
        Rates::new(limiter, everybody)
    }

    fn charge(attempts: u32, tokens: u64) -> Charge {
        let clock = Clock::standing_at(0);
        Charge {
            id: RowId::new(&clock),
            at: Ts::from_micros(0),
            user_id: UserId::new(&clock),
            key_id: None,
            provider: String::new(),
            model: String::new(),
            upstream_model: String::new(),
            status: Outcome::Ok,
            http_status: None,
            prompt_tokens: tokens / 2,
            cached_tokens: 0,
            completion_tokens: tokens - tokens / 2,
            reasoning_tokens: 0,
            cost_microusd: 0,
            ttft_ms: None,
            duration_ms: 0,
            attempts,
            request_id: RequestId::new(&clock),
            estimated: false,
        }
    }

    /// Takes a place for so many tokens, and gives what the headers say is left.
    async fn take(rates: &Rates, who: &Principal, tokens: u64) -> (Result<Place>, [String; 2]) {
        let estimate = Estimate {
            prompt: tokens,
            completion: 0,
        };
        let told = rates.told(who);
        let place = rates.take(who, estimate, &told).await;
        let headers = told.0.unwrap_or_default().get().cloned();
        let left = |family: &str| {
            let name = format!("x-ratelimit-remaining-{family}");
            let value = headers.as_ref().and_then(|headers| headers.get(name));
            value.map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        (place, [left("requests"), left("tokens")])
    }

    #[tokio::test]
    async fn a_request_must_fit_its_keys_limits_and_its_users() {
        let rates = rates(Caps::default());
        let ada = UserId::new(&Clock::system());
        let of_ada = per_minute(Some(3), Some(1_000));
        let tight = key_of(&ada, of_ada, per_minute(Some(1), None));
        let wide = key_of(&ada, of_ada, per_minute(None, Some(5_000)));

        let (first, left) = take(&rates, &tight, 100).await;
        assert_eq!(left, ["0", "900"]);
        let (refused, left) = take(&rates, &tight, 100).await;
        assert_eq!(refused.unwrap_err().code, "rate_limited");
        assert_eq!(left, ["0", "900"]);
        let (second, left) = take(&rates, &wide, 900).await;
        assert_eq!(left, ["1", "0"]);
        let (refused, _) = take(&rates, &wide, 1).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code, "token_rate_limited");
        assert!(error.message.contains("your account"), "{error}");

        drop((first, second));
        assert_eq!(take(&rates, &tight, 1_000).await.1, ["0", "0"]);
    }

    #[tokio::test]
    async fn who_has_no_limit_of_their_own_has_everybodys() {
        let rates = rates(per_minute(Some(1), Some(10)));
        let own = per_minute(None, Some(50));
        let ada = key_of(&UserId::new(&Clock::system()), own, Caps::default());

        let (place, left) = take(&rates, &ada, 20).await;
        assert_eq!(left, ["0", "30"]);
        assert!(take(&rates, &ada, 1).await.0.is_err());
        drop(place);
    }

    #[tokio::test]
    async fn a_request_that_never_ran_gives_back_all_and_one_that_has_what_it_did_not_use() {
        let rates = rates(Caps::default());
        let caps = per_minute(Some(10), Some(1_000));
        let ada = key_of(&UserId::new(&Clock::system()), caps, caps);
        for (attempts, left) in [(0, ["9", "600"]), (1, ["8", "450"])] {
            let (mut place, _) = take(&rates, &ada, 500).await;
            place.as_mut().unwrap().settle(&charge(attempts, 150));

            assert_eq!(take(&rates, &ada, 400).await.1, left);
        }
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_kept() {
        let rates = rates(Caps::default());
        let ada = key_of(
            &UserId::new(&Clock::system()),
            Caps::default(),
            Caps::default(),
        );

        assert!(rates.told(&ada).0.is_none());
        let (place, left) = take(&rates, &ada, u64::MAX).await;
        assert!(place.unwrap().hold.is_none());
        assert_eq!(left, ["", ""]);
    }
}
