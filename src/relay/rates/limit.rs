//! One limit, and the bucket that holds it.

use std::time::Duration;

use crate::cache::Bucket;
use crate::domain::Principal;

pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// One limit of one holder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) holder: Holder,
    pub(super) family: Family,
    pub(super) most: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Holder {
    Key,
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Requests,
    Tokens,
}

impl Limit {
    pub(super) fn bucket(&self, principal: &Principal, tokens: u64) -> Bucket {
        let kind = match self.family {
            Family::Requests => "rpm",
            Family::Tokens => "tpm",
        };
        let name = match (self.holder, principal.key()) {
            (Holder::Key, Some(key)) => format!("key:{key}:{kind}"),
            _ => format!("user:{}:{kind}", principal.user),
        };
        Bucket {
            name,
            limit: self.most,
            per: MINUTE,
            cost: self.cost(tokens),
        }
    }

    pub(super) fn cost(&self, tokens: u64) -> u64 {
        match self.family {
            Family::Requests => 1,
            Family::Tokens => tokens,
        }
    }

    /// `The limit of this API key is 3 requests a minute`
    pub(super) fn said(&self) -> String {
        let holder = match self.holder {
            Holder::Key => "this API key",
            Holder::User => "your account",
        };
        let what = match self.family {
            Family::Requests => "requests",
            Family::Tokens => "tokens",
        };
        format!("The limit of {holder} is {} {what} a minute", self.most)
    }
}
