//! The configuration as it came out, fit to be printed.

use std::fmt;

use config::{Map, Value, ValueKind};
use url::Url;

use super::layer::flatten;
use super::problem::quoted;
use super::sections::Section;
use super::settings::{SETTINGS, Setting};
use super::settle::shown_name;

const HIDDEN: &str = "(hidden)";

/// One setting. Displayed as `API_PORT = "9000" (environment, as PORT)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    pub name: String,
    /// Hidden if it is a secret.
    pub value: String,
    /// `default`, `environment`, `config/production.toml`.
    pub origin: String,
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.name, self.value, self.origin)
    }
}

/// Every flat setting in the manual's order, then what sections hold.
pub(super) fn effective(values: &Map<String, Value>) -> Vec<Effective> {
    let mut shown: Vec<_> = SETTINGS
        .iter()
        .map(|setting| of_setting(setting, values))
        .collect();
    flatten(&mut Vec::new(), values, &mut |path, value| {
        if path.len() > 1 || path == ["issuers"] {
            shown.push(of_section(path, value));
        }
    });
    shown
}

fn of_setting(setting: &Setting, values: &Map<String, Value>) -> Effective {
    let (value, origin) = match values.get(&setting.name.to_ascii_lowercase()) {
        Some(value) if !is_blank(value) => (of_flat(setting, value), origin_of(value)),
        _ => (setting.default.to_owned(), "default".to_owned()),
    };
    Effective {
        name: setting.name.to_owned(),
        value,
        origin,
    }
}

fn of_flat(setting: &Setting, value: &Value) -> String {
    match &value.kind {
        ValueKind::String(url) if setting.name.ends_with("DATABASE_URL") => database(url),
        _ if setting.secret => HIDDEN.to_owned(),
        kind => text(kind),
    }
}

fn of_section(path: &[String], value: &Value) -> Effective {
    let secret = path
        .split_last()
        .and_then(|(key, section)| Section::at(section)?.key(key))
        .is_none_or(|key| key.secret);
    Effective {
        name: shown_name(path),
        value: match &value.kind {
            ValueKind::Table(_) => "{}".to_owned(),
            _ if secret => HIDDEN.to_owned(),
            kind => text(kind),
        },
        origin: origin_of(value),
    }
}

/// Which database it is, without the way in.
fn database(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return quoted(url);
    }
    match Url::parse(url) {
        Ok(url) if url.has_host() => {
            let port = url
                .port()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            let host = url.host_str().unwrap_or_default();
            format!("postgres://{host}{port}{} {HIDDEN}", url.path())
        }
        _ => HIDDEN.to_owned(),
    }
}

fn text(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| text(&item.kind)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::String(text) => quoted(text),
        ValueKind::Table(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

fn is_blank(value: &Value) -> bool {
    matches!(&value.kind, ValueKind::String(text) if text.trim().is_empty())
}

fn origin_of(value: &Value) -> String {
    value.origin().unwrap_or("built in").to_owned()
}
