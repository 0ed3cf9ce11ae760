//! What a person who configures the server meets: names, order, rules, and what is told.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod layering;
mod manual;
mod rules;
mod secrecy;
mod traces;
mod upstreams;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use concierge::config::{Config, Loaded, Sources, load};

/// A secret that no rule objects to.
const GOOD_SECRET: &str = "q3J9v0Zt7Lk2WmX8sBcD4fGhR5yNpUaE";

/// What production asks for at least.
const PRODUCTION: &[(&str, &str)] = &[
    ("APP_ENV", "production"),
    ("SECRET_KEY", GOOD_SECRET),
    ("DATABASE_URL", "postgres://app:pw@db/app"),
    ("PUBLIC_URL", "https://api.example.com"),
];

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A process with this environment and no files.
fn with(pairs: &[(&str, &str)]) -> Sources {
    Sources {
        environment: variables(pairs),
        folder: PathBuf::from("/nonexistent"),
        ..Sources::default()
    }
}

fn in_production(pairs: &[(&str, &str)]) -> Sources {
    with(&[PRODUCTION, pairs].concat())
}

fn loaded(sources: &Sources) -> Loaded {
    load(sources).unwrap_or_else(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    })
}

fn config(pairs: &[(&str, &str)]) -> Config {
    loaded(&with(pairs)).config
}

fn problems(sources: &Sources) -> Vec<String> {
    let problems = load(sources).map(|_| ()).expect_err("it should be refused");
    problems.iter().map(ToString::to_string).collect()
}

/// Asserts that this is refused with one problem, and returns its line.
fn problem(pairs: &[(&str, &str)]) -> String {
    let mut problems = problems(&with(pairs));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

/// A process with this `config/default.toml` and no environment.
fn with_toml(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("default.toml"), text).unwrap();
    let sources = Sources {
        folder: folder.path().to_owned(),
        ..Sources::default()
    };
    (folder, sources)
}

fn config_of_toml(text: &str) -> Config {
    let (_folder, sources) = with_toml(text);
    loaded(&sources).config
}

/// The problems of a file, without its name.
fn problems_of_toml(text: &str) -> Vec<String> {
    let (folder, sources) = with_toml(text);
    let place = format!(" ({}/default.toml)", folder.path().display());
    problems(&sources)
        .iter()
        .map(|line| line.replace(&place, ""))
        .collect()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
