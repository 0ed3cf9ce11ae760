//! The pages say where things are, and things are there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Named in the pages on purpose, and not part of the repository.
const ABSENT: [&str; 2] = ["rust-toolchain.toml", "concierge.toml"];

#[test]
fn every_link_leads_somewhere() {
    let mut looked_at = 0;
    for page in pages() {
        for link in links(&prose(&page)) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            if file.contains("://") {
                continue;
            }
            looked_at += 1;
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: ({link})", page.display());
            assert!(
                anchor.is_empty() || anchors(&target).contains(&anchor.to_owned()),
                "{}: ({link}) names no heading",
                page.display()
            );
        }
    }
    assert!(looked_at > 20, "only {looked_at} links were found");
}

#[test]
fn every_file_that_is_named_exists() {
    let mut files = Vec::new();
    for folder in [
        "src",
        "tests",
        "config",
        "docs",
        "deploy",
        "migrations",
        ".github",
        ".config",
    ] {
        collect(&at(folder), &mut files);
    }
    for entry in fs::read_dir(at("")).unwrap() {
        files.push(entry.unwrap().path());
    }
    let mut looked_at = 0;
    for page in pages() {
        for name in named_files(&prose(&page)) {
            looked_at += 1;
            assert!(
                files.iter().any(|file| file.ends_with(&name)),
                "{}: there is no {}",
                page.display(),
                name.display()
            );
        }
    }
    assert!(looked_at > 50, "only {looked_at} files were named");
}

#[test]
fn a_decision_is_a_page_of_at_most_forty_lines() {
    let mut decisions = Vec::new();
    collect(&at("docs/decisions"), &mut decisions);
    decisions.sort();

    assert!(decisions.len() >= 8);
    for (place, file) in decisions.iter().enumerate() {
        let name = file.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        let number = format!("{:04}", place + 1);

        assert!(name.starts_with(&format!("{number}-")), "{name}");
        assert!(text.starts_with(&format!("# {number} ")), "{name}");
        assert!(text.lines().count() <= 40, "{name}");
        for heading in ["\n## Context\n", "\n## Choice\n", "\n## Price\n"] {
            assert!(text.contains(heading), "{name}");
        }
    }
}

#[test]
fn a_heading_is_linked_to_as_it_is_shown() {
    assert_eq!(slug("Kinds, statuses, codes"), "kinds-statuses-codes");
    assert_eq!(
        slug("A login: `POST /api/v1/auth/login`"),
        "a-login-post-apiv1authlogin"
    );
}

/// The pages for people: at the top, and under `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![at("README.md"), at("CHANGELOG.md")];
    collect(&at("docs"), &mut pages);
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// A page without its blocks of code.
fn prose(page: &Path) -> String {
    let text =
        fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let mut in_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

fn links(prose: &str) -> Vec<String> {
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect()
}

/// What stands in backticks and looks like a file: `store/on.rs`, `tests/auth.rs::a_test`.
fn named_files(prose: &str) -> Vec<PathBuf> {
    prose
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|name| name.split("::").next().unwrap_or(name))
        .filter(|name| {
            let ending = Path::new(name)
                .extension()
                .and_then(|ending| ending.to_str());
            let is_file = matches!(ending, Some("rs" | "md" | "toml" | "yaml" | "yml"));
            is_file && !name.contains(['{', ' ', '*', '$', '<']) && !ABSENT.contains(name)
        })
        .map(PathBuf::from)
        .collect()
}

fn anchors(page: &Path) -> Vec<String> {
    prose(page)
        .lines()
        .filter_map(|line| {
            line.trim_start_matches('#')
                .strip_prefix(' ')
                .filter(|_| line.starts_with('#'))
        })
        .map(slug)
        .collect()
}

/// As GitHub and its like make an anchor of a heading.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
