//! Reads typed values out of a table, and keeps what is wrong with them.

use config::{Map, Value, ValueKind};
use secrecy::SecretString;

use super::layer::dotted;
use super::parse::{Parsed, Wanted, list};
use super::problem::{Report, quoted};
use super::sections::Section;
use super::settings::Setting;

/// A table under the eyes of a reader. Flat settings are asked for by name (`API_PORT`), keys of
/// sections as they stand there (`idle_timeout`).
pub(super) struct Reader<'a> {
    path: Vec<String>,
    table: &'a Map<String, Value>,
    report: &'a mut Report,
}

/// What the manual says about a key.
#[derive(Default)]
struct Row {
    default: Option<&'static str>,
    secret: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn of(table: &'a Map<String, Value>, report: &'a mut Report) -> Self {
        Self {
            path: Vec::new(),
            table,
            report,
        }
    }

    /// Reads the table at this key, if there is one.
    pub(super) fn inside<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> Option<T> {
        let ValueKind::Table(table) = &self.table.get(key)?.kind else {
            return None;
        };
        let mut path = self.path.clone();
        path.push(key.to_owned());
        Some(read(&mut Reader {
            path,
            table,
            report: self.report,
        }))
    }

    /// Reads each table of a list.
    pub(super) fn each_inside<T>(
        &mut self,
        key: &str,
        read: impl Fn(&mut Reader<'_>) -> T,
    ) -> Vec<T> {
        let table = self.table;
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let ValueKind::Array(items) = &value.kind else {
            self.problem(key, "is not a list", format!("[[{key}]] tables"));
            return Vec::new();
        };
        let mut results = Vec::new();
        for item in items {
            let ValueKind::Table(table) = &item.kind else {
                self.problem(key, "holds something else", format!("[[{key}]] tables"));
                continue;
            };
            results.push(read(&mut Reader {
                path: vec![key.to_owned()],
                table,
                report: self.report,
            }));
        }
        results
    }

    /// The keys of this table, in their order.
    pub(super) fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Keys that the manual does not know, in a table that layering has not seen.
    pub(super) fn refuse_unknown_keys(&mut self) {
        for key in self.keys() {
            if Section::at(&self.path).is_some_and(|section| section.key(&key).is_none()) {
                self.problem(&key, "is no setting", "a key that the manual names");
            }
        }
    }

    /// Whether someone has set it to something.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.value_at(key).is_some_and(|value| match &value.kind {
            ValueKind::String(text) => !text.trim().is_empty(),
            ValueKind::Array(items) => !items.is_empty(),
            _ => true,
        })
    }

    /// The value as it was written, blank or not.
    pub(super) fn raw(&mut self, key: &str) -> Option<String> {
        let value = self.value_at(key)?;
        let text = scalar(&value.kind);
        if text.is_none() {
            self.problem(key, "is a list or a table", "one value");
        }
        text
    }

    /// The value, else the manual's default, else None. What is blank counts as not set.
    pub(super) fn option<T>(&mut self, key: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let row = self.row(key);
        let written = self.raw(key).filter(|text| !text.trim().is_empty());
        let text = written.as_deref().or(row.default)?.trim();
        match parse(text) {
            Ok(value) => Some(value),
            Err(wanted) => {
                self.unfit(key, "is", text, wanted);
                None
            }
        }
    }

    /// The value, else the manual's default. After a problem, any value at all: the configuration
    /// will not be used.
    pub(super) fn value<T: Default>(&mut self, key: &str, parse: impl Fn(&str) -> Parsed<T>) -> T {
        self.option(key, parse).unwrap_or_default()
    }

    /// A secret as it was written, if it is not blank.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretString> {
        self.raw(key)
            .filter(|text| !text.trim().is_empty())
            .map(SecretString::from)
    }

    /// The items of a list, each parsed; None if nothing is set or one does not parse. What is
    /// blank is an empty list.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        let (mut values, mut whole) = (Vec::new(), true);
        for item in self.items(key)? {
            match parse(item.trim()) {
                Ok(value) => values.push(value),
                Err(wanted) => {
                    self.unfit(key, "holds", item.trim(), wanted);
                    whole = false;
                }
            }
        }
        whole.then_some(values)
    }

    fn items(&mut self, key: &str) -> Option<Vec<String>> {
        let items = match &self.value_at(key)?.kind {
            ValueKind::Array(items) => items.iter().map(|item| scalar(&item.kind)).collect(),
            other => scalar(other).and_then(|text| list(&text).ok()),
        };
        if items.is_none() {
            let wanted = "a list, or items separated by commas";
            self.problem(key, "is not a list of texts", wanted);
        }
        items
    }

    pub(super) fn problem(
        &mut self,
        key: &str,
        found: impl Into<String>,
        wanted: impl Into<Wanted>,
    ) {
        let place = self.place(key);
        self.report
            .problem(self.name(key), format!("{}{place}", found.into()), wanted);
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.report.warn(warning);
    }

    /// The key as its author knows it: `API_PORT`, `relay.idle_timeout`.
    pub(super) fn name(&self, key: &str) -> String {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        dotted(&path)
    }

    fn unfit(&mut self, key: &str, verb: &str, text: &str, wanted: Wanted) {
        let shown = if self.row(key).secret {
            "something not valid".to_owned()
        } else {
            quoted(text)
        };
        self.problem(key, format!("{verb} {shown}"), wanted);
    }

    /// Where the value stands, if not in the environment under its own name.
    fn place(&self, key: &str) -> String {
        self.value_at(key)
            .and_then(Value::origin)
            .filter(|origin| *origin != "environment")
            .map(|origin| format!(" ({origin})"))
            .unwrap_or_default()
    }

    fn value_at(&self, key: &str) -> Option<&'a Value> {
        if self.path.is_empty() {
            self.table.get(&key.to_ascii_lowercase())
        } else {
            self.table.get(key)
        }
    }

    fn row(&self, key: &str) -> Row {
        if self.path.is_empty() {
            return Setting::named(key).map_or_else(Row::default, |setting| Row {
                default: setting.default_value(),
                secret: setting.secret,
            });
        }
        Section::at(&self.path)
            .and_then(|section| section.key(key))
            .map_or_else(Row::default, |key| Row {
                default: key.default_value(),
                secret: key.secret,
            })
    }
}

fn scalar(kind: &ValueKind) -> Option<String> {
    match kind {
        ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => None,
        ValueKind::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
