//! What runs here and how it ends, says what it does, and is called.

use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::parse::{Parsed, auto, boolean, choice, duration, text};
use super::reader::Reader;

/// Where the process runs: `APP_ENV`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppEnv {
    #[default]
    Development,
    Test,
    Staging,
    Production,
}

impl AppEnv {
    const WORDS: &[(&str, Self)] = &[
        ("development", Self::Development),
        ("test", Self::Test),
        ("staging", Self::Staging),
        ("production", Self::Production),
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// Development and test: what is missing is made up instead of refused.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Development | Self::Test)
    }

    pub(super) fn parse(value: &str) -> Parsed<Self> {
        choice(Self::WORDS)(value)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader.value("APP_ENV", Self::parse)
    }
}

#[derive(Clone, Debug)]
pub struct App {
    /// `APP_NAME`
    pub name: String,
    /// `DEBUG`
    pub debug: bool,
    /// `DATA_DIR`
    pub data_dir: PathBuf,
}

impl App {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv) -> Self {
        reader.option("API_VERSION", choice(&[("v1", ())]));
        let debug = reader.value("DEBUG", boolean);
        if debug && env == AppEnv::Production {
            reader.problem("DEBUG", "is true in production", "false");
        }
        Self {
            name: reader.value("APP_NAME", one_line),
            debug,
            data_dir: reader.value("DATA_DIR", text).into(),
        }
    }
}

fn one_line(value: &str) -> Parsed<String> {
    if value.contains(char::is_control) || value.chars().count() > 100 {
        return Err("at most 100 characters on one line".into());
    }
    text(value)
}

#[derive(Clone, Debug)]
pub struct Shutdown {
    /// `SHUTDOWN_DRAIN_SECONDS`: how long to keep serving after the signal.
    pub drain: Duration,
    /// `SHUTDOWN_TIMEOUT_SECONDS`: when to be gone, counted from the signal.
    pub timeout: Duration,
}

impl Shutdown {
    pub(super) fn read(reader: &mut Reader<'_>, env: AppEnv) -> Self {
        let default = Duration::from_secs(if env.is_local() { 0 } else { 5 });
        let drain = reader
            .option("SHUTDOWN_DRAIN_SECONDS", duration)
            .unwrap_or(default);
        let timeout = reader.value("SHUTDOWN_TIMEOUT_SECONDS", duration);
        if drain >= timeout {
            reader.problem(
                "SHUTDOWN_TIMEOUT_SECONDS",
                "is not longer than SHUTDOWN_DRAIN_SECONDS",
                "more time than draining takes",
            );
        }
        Self { drain, timeout }
    }
}

#[derive(Clone, Debug)]
pub struct Log {
    /// `RUST_LOG`, else `LOG_LEVEL`: a tracing filter.
    pub filter: String,
    /// `LOG_FORMAT`; None is `auto`: pretty on a terminal, else JSON.
    pub format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>, debug: bool) -> Self {
        let level = reader.value("LOG_LEVEL", level);
        let level = if debug && !reader.is_set("LOG_LEVEL") {
            "debug"
        } else {
            level
        };
        Self {
            filter: reader
                .option("RUST_LOG", filter)
                .unwrap_or_else(|| level.to_owned()),
            format: reader.value("LOG_FORMAT", auto(choice(FORMATS))),
        }
    }
}

const FORMATS: &[(&str, LogFormat)] = &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];

fn level(value: &str) -> Parsed<&'static str> {
    choice(&[
        ("off", "off"),
        ("error", "error"),
        ("warn", "warn"),
        ("warning", "warn"),
        ("info", "info"),
        ("debug", "debug"),
        ("trace", "trace"),
    ])(value)
}

fn filter(value: &str) -> Parsed<String> {
    EnvFilter::try_new(value)
        .map(|_| value.to_owned())
        .map_err(|_| "a filter such as info,concierge=debug".into())
}
