//! What is switched on.

use std::path::PathBuf;

use secrecy::SecretString;

use super::AppEnv;
use super::parse::{auto, boolean, number, text};
use super::reader::Reader;

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Features {
    /// `DOCS_ENABLED`; auto is on unless production.
    pub docs: bool,
    /// `STATIC_DIR`
    pub static_dir: PathBuf,
    /// `WS_ALLOW_ANONYMOUS`; auto is on in development and test.
    pub ws_allow_anonymous: bool,
    /// `WS_BROADCAST`; auto is on unless production.
    pub ws_broadcast: bool,
    /// `WS_ECHO`
    pub ws_echo: bool,
    /// `METRICS_TOKEN`
    pub metrics_token: Option<SecretString>,
    /// `METRICS_PORT`
    pub metrics_port: Option<u16>,
}

impl Features {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv, port: u16) -> Self {
        let shown = env != AppEnv::Production;
        let metrics_port = reader.option("METRICS_PORT", number(1..=u16::MAX));
        if metrics_port == Some(port) {
            reader.problem("METRICS_PORT", "is API_PORT", "a port of its own");
        }
        let mut switch = |name, default| reader.value(name, auto(boolean)).unwrap_or(default);
        let docs = switch("DOCS_ENABLED", shown);
        let ws_broadcast = switch("WS_BROADCAST", shown);
        let ws_allow_anonymous = switch("WS_ALLOW_ANONYMOUS", env.is_local());
        Self {
            docs,
            static_dir: reader.value("STATIC_DIR", text).into(),
            ws_allow_anonymous,
            ws_broadcast,
            ws_echo: reader.value("WS_ECHO", boolean),
            metrics_token: reader.secret("METRICS_TOKEN"),
            metrics_port,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Agent {
    /// `CHAT_MODEL`
    pub model: Option<String>,
    /// `AGENT_MAX_STEPS`
    pub max_steps: u32,
    /// `CHAT_TITLES`
    pub titles: bool,
}

impl Agent {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            model: reader.option("CHAT_MODEL", text),
            max_steps: reader.value("AGENT_MAX_STEPS", number(1..=100)),
            titles: reader.value("CHAT_TITLES", boolean),
        }
    }
}
