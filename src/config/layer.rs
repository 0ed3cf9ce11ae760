//! One source's settings as they were written: paths of keys, and values.

use std::collections::BTreeMap;
use std::path::Path;

use config::{File, FileFormat, Map, Source, Value, ValueKind};

use super::problem::Report;
use super::settings::Setting;
use super::text::read_text;

const PREFIX: &str = "CONCIERGE__";

/// The settings of one source.
pub(super) struct Layer {
    /// For people: `environment`, `config/default.toml`.
    pub(super) origin: String,
    pub(super) kind: Kind,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Shared with other programs: what is unknown is not ours to judge.
    Variables,
    /// Ours alone: what is unknown is a mistake.
    File,
}

pub(super) struct Entry {
    /// `["relay", "idle_timeout"]`
    pub(super) path: Vec<String>,
    /// As its author wrote it: `CONCIERGE__RELAY__IDLE_TIMEOUT`.
    pub(super) written: String,
    pub(super) value: ValueKind,
}

impl Layer {
    pub(super) fn of_variables(origin: &str, variables: &BTreeMap<String, String>) -> Self {
        let entries = variables.iter().filter_map(|(name, value)| {
            Some(Entry {
                path: path_of_variable(name)?,
                written: name.clone(),
                value: ValueKind::String(value.clone()),
            })
        });
        Self {
            origin: origin.to_owned(),
            kind: Kind::Variables,
            entries: entries.collect(),
        }
    }

    pub(super) fn of_toml(origin: &str, text: &str, report: &mut Report) -> Self {
        let table = File::from_str(text, FileFormat::Toml)
            .collect()
            .unwrap_or_else(|error| {
                report.problem(origin, place(&error), "TOML");
                Map::new()
            });
        let mut entries = Vec::new();
        flatten(&mut Vec::new(), &table, &mut |path, value| {
            entries.push(Entry {
                path: path.to_vec(),
                written: dotted(path),
                value: value.kind.clone(),
            });
        });
        Self {
            origin: origin.to_owned(),
            kind: Kind::File,
            entries,
        }
    }

    /// A file that need not be there.
    pub(super) fn of_optional_file(path: &Path, report: &mut Report) -> Option<Self> {
        path.exists().then(|| Self::of_file(path, report))
    }

    pub(super) fn of_file(path: &Path, report: &mut Report) -> Self {
        let origin = path.display().to_string();
        let text = read_text(path).unwrap_or_else(|reason| {
            report.problem(origin.clone(), reason, "a TOML file");
            String::new()
        });
        Self::of_toml(&origin, &text, report)
    }

    /// The text of a flat setting here, under any of its names.
    pub(super) fn flat(&self, name: &str) -> Option<&str> {
        self.entries.iter().find_map(|entry| {
            let ([key], ValueKind::String(text)) = (entry.path.as_slice(), &entry.value) else {
                return None;
            };
            Setting::named(&key.to_ascii_uppercase())
                .filter(|setting| setting.name == name && !text.trim().is_empty())
                .map(|_| text.trim())
        })
    }
}

/// Where a variable belongs, if it is ours.
pub(super) fn path_of_variable(name: &str) -> Option<Vec<String>> {
    if let Some(rest) = name.strip_prefix(PREFIX) {
        return Some(rest.split("__").map(str::to_ascii_lowercase).collect());
    }
    let direct = Setting::named(name);
    let through_file = || Setting::named(name.strip_suffix("_FILE")?).filter(|it| it.secret);
    direct
        .or_else(through_file)
        .map(|_| vec![name.to_ascii_lowercase()])
}

/// Calls back for everything that is not a table, and for empty tables.
pub(super) fn flatten(
    path: &mut Vec<String>,
    table: &Map<String, Value>,
    each: &mut dyn FnMut(&[String], &Value),
) {
    for (key, value) in table {
        path.push(key.clone());
        match &value.kind {
            ValueKind::Table(inner) if !inner.is_empty() => flatten(path, inner, each),
            _ => each(path, value),
        }
        path.pop();
    }
}

/// `models."gpt-4o/mini".price`
pub(super) fn dotted(path: &[String]) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let keys: Vec<_> = path
        .iter()
        .map(|key| {
            if !key.is_empty() && key.chars().all(bare) {
                key.clone()
            } else {
                format!("{key:?}")
            }
        })
        .collect();
    keys.join(".")
}

/// Where a file stops being TOML. The rest of what the parser says quotes the file, which may hold
/// a secret.
fn place(error: &config::ConfigError) -> String {
    let config::ConfigError::FileParse { cause, .. } = error else {
        return "cannot be read".to_owned();
    };
    let said = cause.to_string();
    said.lines()
        .next()
        .and_then(|line| line.strip_prefix("TOML parse error at "))
        .map_or_else(
            || "cannot be read".to_owned(),
            |place| format!("cannot be read from {place} on"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_names_the_place_and_not_what_stands_there() {
        let mut report = Report::default();

        Layer::of_toml("here.toml", "a = 1\nsecret_key = hunter2\n", &mut report);

        let said = report.problems[0].to_string();
        assert!(
            said.contains("here.toml: cannot be read from line 2"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn names_in_a_file_keep_their_spelling_and_order() {
        let mut report = Report::default();
        let text = "[models.\"Zeta/4.5\"]\nweights = [1]\n[models.Alpha]\nweights = [2]\n";

        let layer = Layer::of_toml("here.toml", text, &mut report);

        let names: Vec<_> = layer.entries.iter().map(|e| e.path[1].as_str()).collect();
        assert_eq!(names, ["Zeta/4.5", "Alpha"]);
        assert_eq!(layer.entries[0].written, "models.\"Zeta/4.5\".weights");
    }

    #[test]
    fn only_variables_of_ours_are_taken() {
        assert_eq!(path_of_variable("PORT"), Some(vec!["port".into()]));
        assert_eq!(path_of_variable("port"), None);
        assert_eq!(path_of_variable("API_PORT_FILE"), None);
        assert_eq!(
            path_of_variable("JWT_SECRET_KEY_FILE"),
            Some(vec!["jwt_secret_key_file".into()])
        );
        // What Kubernetes sets for a service of our name is not meant for us.
        assert_eq!(path_of_variable("CONCIERGE_PORT"), None);
        assert_eq!(
            path_of_variable("CONCIERGE__RELAY__IDLE_TIMEOUT"),
            Some(vec!["relay".into(), "idle_timeout".into()])
        );
    }
}
