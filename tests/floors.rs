//! The house keeps its floors: a module imports only what stands below it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. Two modules on one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["error", "clock", "shutdown"],
    &["domain", "llm", "cache", "config", "mail"],
    &["store", "events", "telemetry"],
    &["replays", "outbox"],
    &["auth", "todos", "conversations", "relay"],
    &["agent", "health"],
    &["state"],
    &["api"],
    &["server"],
    &["cli"],
];

#[test]
fn every_import_runs_downward() {
    let mut looked_at = 0;
    for (file, own) in modules() {
        let source = fs::read_to_string(&file).unwrap();
        for used in imports(&source) {
            looked_at += 1;
            assert!(
                used == own || floor_of(&used) < floor_of(&own),
                "{}: `{own}` must not import `{used}`",
                file.display()
            );
        }
    }
    assert!(looked_at > 100, "only {looked_at} imports were found");
}

#[test]
fn an_upward_import_would_be_seen() {
    let source =
        "use crate::api::Json;\nuse crate::{error::Error, store};\n#[macro_use] crate::on!(x)";

    assert_eq!(imports(source), ["api", "error", "store"]);
    assert!(floor_of("api") > floor_of("store"));
}

/// Every source file with the module that it belongs to; `main.rs` and `lib.rs` belong to none.
fn modules() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .into_iter()
        .filter_map(|file| {
            let inside = file.strip_prefix(&root).unwrap().to_owned();
            let first = inside
                .iter()
                .next()?
                .to_str()?
                .trim_end_matches(".rs")
                .to_owned();
            (first != "main" && first != "lib").then_some((file, first))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The modules named after `crate::`, one by one or in braces. Macros stand at the root and are none.
fn imports(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in source.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group_members(group));
        } else {
            found.extend(module_name(rest));
        }
    }
    found
}

fn group_members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            _ if depth == 0 => members.last_mut().unwrap().push(letter),
            _ => {}
        }
    }
    members
        .iter()
        .filter_map(|member| module_name(member.trim()))
        .collect()
}

fn module_name(rest: &str) -> Option<String> {
    let name: String = rest
        .chars()
        .take_while(|letter| letter.is_ascii_lowercase() || *letter == '_')
        .collect();
    let is_macro = rest[name.len()..].starts_with('!');
    (!name.is_empty() && !is_macro).then_some(name)
}

fn floor_of(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("`{module}` has no floor in tests/floors.rs"))
}
