//! From a configuration to an [`App`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use tokio::sync::Semaphore;
use url::Url;

use super::databases::Databases;
use super::secret;
use crate::auth::{
    self, Auth, ForeignAlgorithm, ForeignIssuer, ForeignKeys, PasswordAlgorithm, TokenAlgorithm,
};
use crate::cache::{Limiter, Locks, Redis};
use crate::clock::Clock;
use crate::config::{Config, ExposeSecret, IssuerKeys, JwtAlgorithm, PasswordHash, SecretString};
use crate::domain::Ts;
use crate::error::{Error, Result};
use crate::health::{Health, Needs};
use crate::mail::{Carrier, Logged, Smtp};
use crate::outbox::{Carriers, Outbox};
use crate::relay::{self, Relay};
use crate::replays::Replays;
use crate::shutdown::Shutdown;
use crate::state::{App, Parts, Vitals};
use crate::telemetry::{Metrics, Requests};

/// Bytes of request bodies that are held at once: sixteen of the largest.
const BODY_ROOM: usize = 512 << 20;

/// Builds everything that a request may reach. Nothing is asked of a database yet.
pub fn build(
    config: Config,
    databases: &Databases,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<App> {
    install_crypto()?;
    let redis = redis(&config)?;
    let locks = Locks::new(redis.clone(), clock.clone());
    let locks = config.rate_limits.enabled.then_some(locks);
    let metrics = Metrics::new()?;
    let key = secret::key(&config)?;
    let outbox = outbox(&config, &key, (databases, &clock, &metrics))?;
    let auth = accounts(&config, key, locks, (databases, &outbox, &clock))?;
    let replays = Replays::open(databases.main.clone(), clock.clone(), shutdown.clone());
    let limiter = Limiter::new(redis.clone(), clock.clone(), &shutdown);
    let relay = Relay::new(
        &config,
        relay::Needs {
            main: databases.main.clone(),
            limiter: limiter.clone(),
            replays: replays.clone(),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
            metrics: metrics.clone(),
        },
    )?;
    let needs = Needs {
        main: databases.main.clone(),
        vault: databases.vault.clone(),
        redis,
        redis_is_required: config.redis.required,
        relay: relay.clone(),
    };
    let health = Health::new(needs, clock.clone());
    let vitals = Vitals {
        started_at: Ts::from_micros(clock.micros()),
        is_started: AtomicBool::new(false),
        connections: AtomicUsize::new(0),
        body_room: Arc::new(Semaphore::new(BODY_ROOM)),
        requests: Requests::new(metrics.clone()),
    };
    Ok(App::new(Parts {
        auth,
        limiter,
        relay,
        replays,
        outbox,
        health,
        main: databases.main.clone(),
        clock,
        shutdown,
        metrics,
        vitals,
        config,
    }))
}

/// Accounts, as they are configured, for whom nobody guesses at.
pub fn auth(config: &Config, databases: &Databases, clock: &Clock) -> Result<Auth> {
    let key = secret::key(config)?;
    let metrics = Metrics::new()?;
    let outbox = outbox(config, &key, (databases, clock, &metrics))?;
    accounts(config, key, None, (databases, &outbox, clock))
}

/// Messages that wait, and the ways that are set up to send them.
fn outbox(
    config: &Config,
    key: &SecretString,
    (databases, clock, metrics): (&Databases, &Clock, &Metrics),
) -> Result<Outbox> {
    let previous = config.auth.secret_key_previous.as_ref();
    let keys = [Some(key), previous].into_iter().flatten();
    let keys = keys
        .map(|key| auth::expand(key.expose_secret().as_bytes(), b"concierge outbox v1"))
        .collect::<Result<Vec<_>>>()?;
    let carriers = Carriers {
        mail: mail(config)?,
        sms: None,
    };
    let needs = (databases.main.clone(), clock.clone(), metrics.clone());
    Outbox::new(&keys, carriers, needs)
}

/// The mail server; on a developer's machine that has none, the log.
fn mail(config: &Config) -> Result<Option<Arc<dyn Carrier>>> {
    match (&config.mail.smtp_url, &config.mail.from) {
        (Some(url), Some(from)) => Ok(Some(Arc::new(Smtp::new(url, from)?))),
        _ if config.env.is_local() => Ok(Some(Arc::new(Logged))),
        _ => Ok(None),
    }
}

/// Where a forgotten password is set anew: never where a request says that we are.
fn reset_page(config: &Config) -> Option<Url> {
    if let Some(page) = &config.auth.password_reset_url {
        return Some(page.clone());
    }
    if let Some(public) = &config.http.public_url {
        return public.join("/reset-password").ok();
    }
    let here = format!("http://localhost:{}/reset-password", config.http.port);
    config
        .env
        .is_local()
        .then(|| Url::parse(&here).ok())
        .flatten()
}

fn accounts(
    config: &Config,
    secret_key: SecretString,
    locks: Option<Locks>,
    (databases, outbox, clock): (&Databases, &Outbox, &Clock),
) -> Result<Auth> {
    let own = &config.auth;
    let settings = auth::Settings {
        secret_key,
        previous_secret_key: own.secret_key_previous.clone(),
        token_algorithm: match own.jwt_algorithm {
            JwtAlgorithm::EdDsa => TokenAlgorithm::EdDsa,
            JwtAlgorithm::Hs256 => TokenAlgorithm::Hs256,
        },
        issuer: issuer(config),
        audience: config.app.name.clone(),
        issuers: issuers(config)?,
        access_token_ttl: own.access_token_ttl,
        session_ttl: own.session_ttl,
        session_max_ttl: own.session_max_ttl,
        refresh_token_ttl: own.refresh_token_ttl,
        refresh_max_ttl: own.refresh_max_ttl,
        password_algorithm: match own.password_hash {
            PasswordHash::Argon2id => PasswordAlgorithm::Argon2id,
            PasswordHash::Bcrypt => PasswordAlgorithm::Bcrypt,
        },
        password_pepper: own.password_pepper.clone(),
        previous_password_pepper: own.password_pepper_previous.clone(),
        password_min_length: own.password_min_length,
        registration_enabled: own.registration_enabled,
        audit_retention: own.audit_retention,
        locks,
        product: config.app.name.clone(),
        verification_required: own.require_email_verification,
        reset_page: reset_page(config),
    };
    let both = (databases.main.clone(), databases.vault.clone());
    Auth::new(settings, both, outbox.clone(), clock.clone())
}

fn issuers(config: &Config) -> Result<Vec<ForeignIssuer>> {
    let issuers = config.issuers.iter().map(|issuer| {
        Ok(ForeignIssuer {
            iss: issuer.iss.clone(),
            keys: match &issuer.keys {
                IssuerKeys::Jwks(url) => {
                    ForeignKeys::Published(url.as_str().parse().map_err(Error::internal)?)
                }
                IssuerKeys::Hs256(secret) => ForeignKeys::Secret(secret.clone()),
            },
            audiences: issuer.audiences.clone(),
            algorithms: ForeignAlgorithm::ALL
                .into_iter()
                .filter(|it| issuer.algorithms.iter().any(|name| name == it.name()))
                .collect(),
            trust_role: issuer.trust_role,
            name: issuer.name().to_owned(),
            sub_is_user_id: issuer.sub_is_user_id,
        })
    });
    issuers.collect()
}

fn redis(config: &Config) -> Result<Option<Redis>> {
    let url = config.redis.url.as_ref();
    let Some(url) = url else { return Ok(None) };
    let namespace = auth::namespace(&secret::key(config)?)?;
    Redis::open(url.expose_secret(), &namespace).map(Some)
}

/// Where we are known to be; a name where that is not said.
fn issuer(config: &Config) -> String {
    match &config.http.public_url {
        Some(url) => url.origin().ascii_serialization(),
        None => config.app.name.clone(),
    }
}

/// One cryptography for TLS and for tokens. Once a process; a second call changes nothing.
pub fn install_crypto() -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
        .install_default()
        .ok();
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(Error::internal("no cryptography is installed"));
    }
    Ok(())
}
