//! From where something is asked.

use std::net::IpAddr;

use derive_more::Deref;

use super::{Principal, RequestId};

/// The machine, the program and the request. The default is the command line's: nothing of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The last hop that no proxy of ours vouches for.
    pub ip: Option<IpAddr>,
    /// As the program calls itself: at most 256 characters, without control characters.
    pub user_agent: Option<String>,
    pub request_id: Option<RequestId>,
}

/// Somebody who has shown who they are, asking from somewhere.
#[derive(Clone, Debug, Deref)]
pub struct Actor {
    #[deref]
    pub principal: Principal,
    pub origin: Origin,
}
