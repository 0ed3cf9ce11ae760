//! Every setting: what it means, what it is by default, and what is wrong with it.
//!
//! `load` layers the sources; the result is one `Config` that is valid as a whole, or the list of
//! all its `Problem`s. `SETTINGS` and `SECTIONS` are the manual.

mod app;
mod auth;
mod check;
mod cookie;
mod databases;
mod effective;
mod features;
mod http;
mod issuers;
mod layer;
mod limits;
mod load;
mod mail;
mod models;
mod parse;
mod problem;
mod providers;
mod rate_limits;
mod reader;
mod relay;
mod secret;
mod sections;
mod settings;
mod settle;
mod sources;
mod stripe;
mod text;
mod traces;

use std::collections::BTreeMap;

pub use app::{App, AppEnv, Log, LogFormat, Shutdown};
pub use auth::{Auth, JwtAlgorithm, PasswordHash};
pub use cookie::{Cookie, SameSite};
pub use databases::{DatabaseUrl, Databases, Redis};
pub use effective::Effective;
pub use features::{Agent, Features};
pub use http::{Cors, Http, Network};
pub use issuers::{Issuer, IssuerKeys};
pub use limits::{BudgetPeriod, UserLimits};
pub use load::{Loaded, load};
pub use mail::Mail;
pub use models::{Model, Price, Strategy, Target};
pub use problem::Problem;
pub use providers::{Provider, ProviderKind};
pub use rate_limits::{Quota, RateLimits};
pub use relay::Relay;
pub use secrecy::{ExposeSecret, SecretString};
pub use sections::{Key, SECTIONS, Section};
pub use settings::{SETTINGS, Setting};
pub use sources::Sources;
pub use stripe::Stripe;
pub use traces::{Sampler, Traces};

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub env: AppEnv,
    pub app: App,
    pub http: Http,
    pub cors: Cors,
    pub databases: Databases,
    pub redis: Redis,
    pub auth: Auth,
    pub cookie: Cookie,
    pub issuers: Vec<Issuer>,
    pub mail: Mail,
    pub stripe: Stripe,
    pub features: Features,
    pub limits: UserLimits,
    /// `[providers.NAME]`, in the order in which they were configured; the first is the default.
    pub providers: Vec<Provider>,
    /// `[models."NAME"]` by public name.
    pub models: BTreeMap<String, Model>,
    pub rate_limits: RateLimits,
    pub relay: Relay,
    pub agent: Agent,
    pub shutdown: Shutdown,
    pub log: Log,
    /// None where none are wanted.
    pub traces: Option<Traces>,
}
