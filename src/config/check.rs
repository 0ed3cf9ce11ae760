//! Reads every section, and judges what only shows when they are seen together.

use super::providers::Provider;
use super::reader::Reader;
use super::settings::SETTINGS;
use super::{
    Agent, App, AppEnv, Auth, Config, Cookie, Cors, Databases, Features, Http, Issuer, Log, Mail,
    Model, RateLimits, Redis, Relay, Shutdown, Stripe, Traces, UserLimits,
};

/// The configuration, of use only if the reader has found no problem.
pub(super) fn check(reader: &mut Reader<'_>) -> Config {
    let env = AppEnv::read(reader);
    let app = App::read(reader, env);
    let http = Http::read(reader);
    let cors = Cors::read(reader, env);
    let providers = Provider::read_all(reader, env);
    let config = Config {
        env,
        databases: Databases::read(reader, env, &app.data_dir),
        redis: Redis::read(reader),
        auth: Auth::read(reader, env),
        cookie: Cookie::read(reader, env, &http, &cors),
        issuers: Issuer::read_all(reader, env),
        mail: Mail::read(reader),
        stripe: Stripe::read(reader),
        features: Features::read(reader, env, http.port),
        limits: UserLimits::read(reader),
        models: Model::read_all(reader, &providers),
        rate_limits: RateLimits::read(reader),
        relay: Relay::read(reader),
        agent: Agent::read(reader),
        shutdown: Shutdown::read(reader, env),
        log: Log::read(reader, app.debug),
        traces: Traces::read(reader, &app.name),
        app,
        http,
        cors,
        providers,
    };
    warn_of_open_purse(reader, &config);
    warn_of_links_to_nowhere(reader, &config);
    warn_of_what_is_not_read(reader);
    config
}

fn warn_of_open_purse(reader: &mut Reader<'_>, config: &Config) {
    if config.env == AppEnv::Production
        && config.auth.registration_enabled
        && !config.providers.is_empty()
        && !config.limits.caps_anything()
    {
        reader.warn(
            "Anyone may register and use the providers without a cap: REGISTRATION_ENABLED is true, \
             and none of USER_BUDGET_MICROUSD, USER_RPM and USER_TPM is set.",
        );
    }
}

fn warn_of_links_to_nowhere(reader: &mut Reader<'_>, config: &Config) {
    if !config.env.is_local()
        && config.mail.smtp_url.is_some()
        && config.http.public_url.is_none()
        && config.auth.password_reset_url.is_none()
    {
        reader.warn(
            "Nobody can set a forgotten password anew: neither PUBLIC_URL nor PASSWORD_RESET_URL is \
             set, so there is no address for the link.",
        );
    }
}

fn warn_of_what_is_not_read(reader: &mut Reader<'_>) {
    let flat = SETTINGS.iter().filter(|setting| !setting.in_effect);
    let unread: Vec<&str> = flat
        .map(|setting| setting.name)
        .filter(|name| reader.is_set(name))
        .collect();
    for name in unread {
        reader.warn(format!(
            "{name} is set, but nothing in this version reads it."
        ));
    }
}
