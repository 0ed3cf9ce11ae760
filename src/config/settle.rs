//! Makes one name out of many: aliases, `NAME_FILE`, and spellings of the environment.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use config::{Map, Value, ValueKind};

use super::layer::{Entry, Kind, Layer, dotted};
use super::problem::Report;
use super::sections::{SECTIONS, Section};
use super::settings::Setting;
use super::text::read_text;

/// The names that files give to providers and models.
pub(super) type Names = BTreeSet<(String, String)>;

/// Where an entry's value belongs.
#[derive(PartialEq, Eq)]
struct Target {
    path: Vec<String>,
    /// Whether the value is the name of a file that holds it.
    through_file: bool,
}

impl Target {
    fn direct(path: &[String]) -> Self {
        Self {
            path: path.to_vec(),
            through_file: false,
        }
    }
}

/// A layer as a tree in which each setting stands once, under its own name.
pub(super) fn settle(layer: Layer, names: &Names, report: &mut Report) -> Map<String, Value> {
    let Layer {
        origin,
        kind,
        entries,
    } = layer;
    let mut tree = Map::new();
    let mut seen: HashMap<Vec<String>, (Entry, bool)> = HashMap::new();
    for mut entry in entries {
        if kind == Kind::Variables {
            respell(&mut entry.path, names);
        }
        let Some(target) = target_of(&entry) else {
            unknown(&entry, kind, &origin, report);
            continue;
        };
        if target.through_file && is_blank(&entry.value) {
            continue;
        }
        if let Some((first, through_file)) = seen.get(&target.path) {
            judge(first, &entry, *through_file != target.through_file, report);
            continue;
        }
        if let Some(value) = value_of(&entry, &target, &origin, report) {
            insert(&mut tree, &target.path, value);
        }
        seen.insert(target.path, (entry, target.through_file));
    }
    tree
}

/// The names of providers and models in these layers.
pub(super) fn names_in<'a>(layers: impl Iterator<Item = &'a Layer>) -> Names {
    layers
        .filter(|layer| layer.kind == Kind::File)
        .flat_map(|layer| &layer.entries)
        .filter_map(|entry| match entry.path.as_slice() {
            [section, name, ..] if is_named(section) => Some((section.clone(), name.clone())),
            _ => None,
        })
        .collect()
}

fn is_named(section: &str) -> bool {
    matches!(section, "providers" | "models")
}

/// A variable's name can hold neither small letters nor dashes, dots and slashes: it is taken for
/// the name in the files that it is nearest to.
fn respell(path: &mut [String], names: &Names) {
    let [section, name, rest @ ..] = path else {
        return;
    };
    if !is_named(section) {
        return;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '.', '/', ':'], "_");
    if let Some((_, known)) = names
        .iter()
        .find(|(of, known)| of == section && plain(known) == plain(name))
    {
        name.clone_from(known);
    }
    if let [headers, header] = rest
        && headers == "headers"
    {
        *header = header.replace('_', "-");
    }
}

fn target_of(entry: &Entry) -> Option<Target> {
    let target = match entry.path.as_slice() {
        [issuers] if issuers == "issuers" => Some(Target::direct(&entry.path)),
        [key] => flat(key),
        [limits, user, key] if limits == "limits" && user == "user" => user_limit(key),
        [section @ .., key] => sectioned(section, key),
        [] => None,
    };
    target.or_else(|| empty_table(entry).then(|| Target::direct(&entry.path)))
}

fn flat(key: &str) -> Option<Target> {
    // Keys of files are lower-case: a name in capitals there is a mistake to be told.
    let lower = !key.contains(|c: char| c.is_ascii_uppercase());
    let name = lower.then(|| key.to_ascii_uppercase())?;
    let target = |setting: &Setting, through_file| Target {
        path: vec![setting.name.to_ascii_lowercase()],
        through_file,
    };
    if let Some(setting) = Setting::named(&name) {
        return Some(target(setting, false));
    }
    Setting::named(name.strip_suffix("_FILE")?)
        .filter(|setting| setting.secret)
        .map(|setting| target(setting, true))
}

/// `[limits.user]` is the four `USER_*` settings in a table.
fn user_limit(key: &str) -> Option<Target> {
    Section::at(&["limits", "user"])?.key(key)?;
    Some(Target::direct(&[format!("user_{key}")]))
}

fn sectioned(names: &[String], key: &str) -> Option<Target> {
    let section = Section::at(names)?;
    let path = |key: &str| [names, &[key.to_owned()]].concat();
    if section.key(key).is_some() {
        return Some(Target::direct(&path(key)));
    }
    let secret = key.strip_suffix("_file")?;
    section
        .key(secret)
        .filter(|key| key.secret)
        .map(|_| Target {
            path: path(secret),
            through_file: true,
        })
}

/// `[providers.local]` with nothing in it yet, which another layer may fill.
fn empty_table(entry: &Entry) -> bool {
    matches!(&entry.value, ValueKind::Table(_))
        && SECTIONS
            .iter()
            .any(|section| section.begins_with(&entry.path))
}

fn unknown(entry: &Entry, kind: Kind, origin: &str, report: &mut Report) {
    let Entry { path, written, .. } = entry;
    match kind {
        Kind::Variables => report.warn(format!("{written} is set ({origin}), and is no setting.")),
        Kind::File => {
            let section = &path[..path.len().saturating_sub(1)];
            let keys = Section::at(section).map(|section| {
                let keys: Vec<_> = section.keys.iter().map(|key| key.name).collect();
                format!("one of {}", keys.join(", "))
            });
            report.problem(
                written,
                format!("is no setting ({origin})"),
                keys.unwrap_or_else(|| "the name of a setting in lower case".to_owned()),
            );
        }
    }
}

fn judge(first: &Entry, second: &Entry, mixed: bool, report: &mut Report) {
    let names = format!("{} and {}", first.written, second.written);
    if mixed {
        report.problem(names, "are both set", "one of them");
    } else if !same(&first.value, &second.value) {
        report.problem(names, "disagree", "one of them, or the same value");
    }
}

fn same(first: &ValueKind, second: &ValueKind) -> bool {
    match (first, second) {
        (ValueKind::String(first), ValueKind::String(second)) => first.trim() == second.trim(),
        _ => first == second,
    }
}

fn is_blank(value: &ValueKind) -> bool {
    matches!(value, ValueKind::String(text) if text.trim().is_empty())
}

fn value_of(entry: &Entry, target: &Target, origin: &str, report: &mut Report) -> Option<Value> {
    let origin = if entry.path == target.path {
        origin.to_owned()
    } else {
        format!("{origin}, as {}", entry.written)
    };
    let kind = if target.through_file {
        ValueKind::String(secret_in(entry, report)?)
    } else {
        entry.value.clone()
    };
    Some(Value::new(Some(&origin), kind))
}

fn secret_in(entry: &Entry, report: &mut Report) -> Option<String> {
    let ValueKind::String(path) = &entry.value else {
        report.problem(&entry.written, "is not text", "the path of a file");
        return None;
    };
    // The path is not told: it might be the secret itself, put in the wrong variable.
    match read_text(Path::new(path.trim())) {
        Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(reason) => {
            let found = format!("names a file that {reason}");
            report.problem(&entry.written, found, "the path of a text file");
            None
        }
    }
}

fn insert(table: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let inner = table
                .entry(key.clone())
                .or_insert_with(|| Value::new(None, Map::<String, Value>::new()));
            if !matches!(inner.kind, ValueKind::Table(_)) {
                inner.kind = ValueKind::Table(Map::new());
            }
            if let ValueKind::Table(inner) = &mut inner.kind {
                insert(inner, rest, value);
            }
        }
    }
}

/// Names a path as its author would: `API_PORT`, `relay.idle_timeout`.
pub(super) fn shown_name(path: &[String]) -> String {
    match path {
        [key] if Setting::named(&key.to_ascii_uppercase()).is_some() => key.to_ascii_uppercase(),
        _ => dotted(path),
    }
}
