//! `docs/requirements.md` and `docs/security.md` name tests that exist.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many rows each document has, and how many conflicts there are between them.
const ROWS: [(char, usize); 6] = [
    ('A', 34),
    ('B', 36),
    ('C', 40),
    ('D', 49),
    ('E', 27),
    ('X', 27),
];

struct Row {
    key: String,
    words: String,
    place: String,
    held_by: Vec<String>,
}

#[test]
fn every_test_that_is_named_exists() {
    for row in rows() {
        assert!(!row.held_by.is_empty(), "{}: nothing holds it", row.key);
        for held_by in &row.held_by {
            assert!(exists(held_by), "{}: there is no {held_by}", row.key);
        }
    }
}

#[test]
fn every_row_is_one_of_the_documents_and_stands_there_once() {
    let keys: Vec<String> = rows().into_iter().map(|row| row.key).collect();
    let mut sorted = keys.clone();
    sorted.sort();
    sorted.dedup();

    assert_eq!(keys, sorted);
    assert!(keys.len() > 50, "only {} rows were found", keys.len());
    for key in &keys {
        let (document, number) = key.split_at(1);
        let known = ROWS
            .iter()
            .find(|(letter, _)| document.starts_with(*letter));
        let number: usize = number.parse().unwrap_or_else(|_| panic!("{key}"));
        assert!(
            known.is_some_and(|(_, last)| (1..=*last).contains(&number)),
            "{key}"
        );
        assert_eq!(key.len(), 3, "{key}");
    }
}

#[test]
fn every_row_says_in_a_few_words_what_and_where() {
    for row in rows() {
        let count = row.words.split_whitespace().count();

        assert!((1..=12).contains(&count), "{}: {count} words", row.key);
        assert!(!row.place.is_empty(), "{}", row.key);
    }
}

#[test]
fn every_promise_of_security_has_a_number_of_its_own_and_tests_that_exist() {
    let promises = promises();
    let numbers: BTreeSet<_> = promises.iter().map(|row| &row.key).collect();

    assert_eq!(numbers.len(), promises.len(), "a number stands there twice");
    assert!(promises.len() > 50, "only {} were found", promises.len());
    for row in &promises {
        assert!(row.words.ends_with('.'), "{}: {}", row.key, row.words);
        assert!(!row.held_by.is_empty(), "{}: nothing holds it", row.key);
        for held_by in &row.held_by {
            let is_test = held_by.contains("::") && exists(held_by);
            assert!(is_test, "{}: there is no test {held_by}", row.key);
        }
    }
}

/// The rows of `docs/security.md`: a letter and a number, the promise, its measure, its tests.
fn promises() -> Vec<Row> {
    let text = fs::read_to_string(at("docs/security.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, key, words, measure, held_by, _] = cells.as_slice() else {
                return None;
            };
            key.ends_with(|last: char| last.is_ascii_digit())
                .then(|| Row {
                    key: (*key).to_owned(),
                    words: (*words).to_owned(),
                    place: (*measure).to_owned(),
                    held_by: in_backticks(held_by),
                })
        })
        .collect()
}

/// The rows of all tables, in their order.
fn rows() -> Vec<Row> {
    let text = fs::read_to_string(at("docs/requirements.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, key, words, place, held_by, _] = cells.as_slice() else {
                return None;
            };
            let is_row = key.len() == 3 && key.ends_with(|last: char| last.is_ascii_digit());
            is_row.then(|| Row {
                key: (*key).to_owned(),
                words: (*words).to_owned(),
                place: (*place).to_owned(),
                held_by: in_backticks(held_by),
            })
        })
        .collect()
}

fn in_backticks(cell: &str) -> Vec<String> {
    let pieces = cell.split('`').skip(1).step_by(2);
    pieces.map(str::to_owned).collect()
}

/// A file or folder, or a test in a file: `tests/auth.rs::a_stranger_is_refused`.
fn exists(held_by: &str) -> bool {
    let Some((file, test)) = held_by.split_once("::") else {
        return at(held_by).exists();
    };
    let source = fs::read_to_string(at(file)).unwrap_or_default();
    source.contains(&format!("fn {test}(")) || source.contains(&format!("def {test}("))
}

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
