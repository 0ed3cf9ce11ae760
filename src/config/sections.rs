//! The manual of what stands in the tables of a configuration file.

use super::settings::writable;

/// A table of a configuration file. `*` stands for a name of the reader's choosing.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    pub path: &'static str,
    pub keys: &'static [Key],
}

/// A key of a [`Section`].
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `*` for any.
    pub name: &'static str,
    /// For people: `5s`, `none`.
    pub default: &'static str,
    /// One sentence.
    pub meaning: &'static str,
    /// Whether its value is hidden, and `NAME_file` may name a file that holds it.
    pub secret: bool,
}

impl Key {
    /// The default as one would write it, unless there is none or it depends on something else.
    pub fn default_value(&self) -> Option<&'static str> {
        writable(self.default)
    }

    const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }
}

impl Section {
    /// The section whose path these names match.
    pub(super) fn at<S: AsRef<str>>(names: &[S]) -> Option<&'static Self> {
        SECTIONS.iter().find(|section| {
            section.path.split('.').count() == names.len() && section.begins_with(names)
        })
    }

    /// Whether these names lead to this section, or are it.
    pub(super) fn begins_with<S: AsRef<str>>(&self, names: &[S]) -> bool {
        self.path.split('.').count() >= names.len()
            && self
                .path
                .split('.')
                .zip(names)
                .all(|(pattern, name)| pattern == "*" || pattern == name.as_ref())
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys
            .iter()
            .find(|key| key.name == "*" || key.name == name)
    }
}

macro_rules! sections {
    ($($path:literal { $($name:literal = $default:literal $($flag:ident)*: $meaning:literal;)* })*) => {
        &[$(Section {
            path: $path,
            keys: &[$(Key {
                name: $name,
                default: $default,
                meaning: $meaning,
                secret: false,
            }$(.$flag())*,)*],
        },)*]
    };
}

/// Every key that stands in a table of a file. `CONCIERGE__RELAY__IDLE_TIMEOUT` reaches it from the
/// environment.
pub const SECTIONS: &[Section] = sections! {
    "providers.*" {
        "kind" = "the provider's name": "What it speaks: openai (any compatible server) or offline.";
        "base_url" = "none (https://api.openai.com/v1 for the provider openai)": "What stands before /chat/completions and /embeddings.";
        "api_key" = "none" secret: "Its key; servers that ask for none need none.";
        "api_keys" = "none" secret: "Several keys in place of one; they take turns, and a busy one is spared.";
        "headers" = "none": "Headers sent with every request.";
        "stream_usage" = "true": "False for a server that does not know stream_options.";
    }
    "providers.*.headers" {
        "*" = "none" secret: "The header's value.";
    }
    "models.*" {
        "targets" = "none (required)": "provider/upstream-model, tried in this order unless strategy says otherwise.";
        "strategy" = "ordered": "Who is asked first: ordered, weighted (by lot) or least_latency.";
        "weights" = "none": "For weighted: one number a target; 0 is a last resort.";
        "price" = "none": "What it costs, in USD per million tokens.";
        "max_output_tokens" = "none": "The longest answer, for reservations.";
        "first_token_timeout" = "that of [relay]": "Streams: until the first content.";
    }
    "models.*.price" {
        "input" = "none (required)": "What is sent.";
        "cached_input" = "that of input": "What the provider had cached.";
        "cache_write" = "that of input": "What the provider caches.";
        "output" = "none (required)": "What is answered.";
    }
    "relay" {
        "connect_timeout" = "5s": "Until the upstream is connected.";
        "first_token_timeout" = "120s": "Streams: until the first content.";
        "idle_timeout" = "60s": "Between two frames of a stream.";
        "total_timeout" = "15m": "The whole answer.";
        "keepalive_interval" = "15s": "Between keep-alive comments while the upstream is silent.";
        "commit_after" = "5s": "How long a stream waits for the upstream's verdict before it answers 200.";
        "max_attempts" = "4": "Over all targets of one request.";
        "max_retry_after_wait" = "5s": "An upstream that asks to wait longer is skipped.";
        "breaker_failures" = "5": "Failures in a row after which a target is left alone.";
        "breaker_cooldown" = "30s": "How long it is left alone.";
        "max_concurrent_upstream" = "0": "Requests that run upstream at once, beyond which 503; 0 sets no bound.";
        "direct_models" = "true": "Whether provider/model names are served.";
    }
    "limits.user" {
        "budget_microusd" = "none": "USER_BUDGET_MICROUSD.";
        "budget_period" = "month": "USER_BUDGET_PERIOD.";
        "rpm" = "none": "USER_RPM.";
        "tpm" = "none": "USER_TPM.";
    }
    "issuers" {
        "iss" = "none (required)": "The issuer's name in its tokens.";
        "jwks_url" = "none": "Where it publishes its keys, https:// or on this machine; this or hs256_secret.";
        "hs256_secret" = "none" secret: "A secret shared with it.";
        "audiences" = "none (required)": "The audiences that its tokens must be for.";
        "algorithms" = "those that fit the keys": "EdDSA, ES256, RS256, PS256 for published keys; HS256 for a secret.";
        "trust_role" = "false": "Whether its role claim counts here, be it user or admin.";
    }
    "rate_limits" {
        "login" = "20/1m": "Of one address: signing in, and whatever else asks for a password.";
        "register" = "10/1h": "New accounts.";
    }
};
