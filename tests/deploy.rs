//! What ships and what guards it: the image, the compose file, the workflow, the scripts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test may fail the test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[test]
fn the_image_runs_as_a_numbered_user_without_rights() {
    let last_user = runtime_stage()
        .into_iter()
        .rfind(|line| line.starts_with("USER "));

    // A name would not do: Kubernetes can tell only from a number that it is not root.
    assert_eq!(last_user.as_deref(), Some("USER 1001:1001"));
}

#[test]
fn the_image_asks_its_own_binary_for_its_health() {
    let stage = runtime_stage();

    let check = starting_with(&stage, "HEALTHCHECK ");
    assert!(check.contains("--interval=30s --timeout=10s "), "{check}");
    assert!(
        check.ends_with(r#"CMD ["/usr/local/bin/concierge", "healthcheck"]"#),
        "{check}"
    );
}

#[test]
fn the_image_is_told_to_stop_gently_and_where_it_listens() {
    let stage = runtime_stage();

    assert!(stage.contains(&"EXPOSE 8000".to_owned()));
    assert!(stage.contains(&"STOPSIGNAL SIGTERM".to_owned()));
    assert!(stage.contains(&r#"ENTRYPOINT ["/usr/local/bin/concierge"]"#.to_owned()));
    assert!(starting_with(&stage, "ENV ").contains("DATA_DIR=/data"));
    assert!(
        stage
            .iter()
            .any(|line| line.starts_with("COPY ") && line.contains("--chown=1001:1001"))
    );
}

#[test]
fn nothing_is_installed_or_compiled_where_the_server_runs() {
    let stage = runtime_stage();

    assert!(
        stage.iter().all(|line| !line.starts_with("RUN ")),
        "{stage:#?}"
    );
    assert!(read("Dockerfile").contains("cargo build --locked --release"));
}

#[test]
fn everybody_builds_with_the_same_rust() {
    let manifest = read("Cargo.toml");
    let version = between(&manifest, "rust-version = \"", "\"");

    assert!(read("Dockerfile").contains(&format!("FROM rust:{version}-slim")));
    assert!(read(".github/workflows/ci.yml").contains(&format!("RUST_VERSION: \"{version}\"")));
}

#[test]
fn compose_sets_only_variables_that_exist() {
    let known = known_variables();
    let set = compose_variables("concierge");

    assert!(set.len() > 5, "{set:?}");
    for name in &set {
        assert!(known.contains(name), "{name} is not in .env.example");
    }
    for name in interpolated(&read("deploy/compose.yaml")) {
        assert!(known.contains(&name), "{name} is not in .env.example");
    }
}

#[test]
fn compose_refuses_to_start_without_a_secret() {
    let compose = read("deploy/compose.yaml");

    assert!(compose.contains("SECRET_KEY: ${SECRET_KEY:?set SECRET_KEY to "));
    assert!(compose.contains("- \"8000:8000\""));
    assert_eq!(compose.matches("condition: service_healthy").count(), 2);
    assert_eq!(compose.matches("healthcheck:").count(), 2);
}

#[test]
fn every_action_is_pinned_by_its_hash() {
    let uses = uses_of_all_workflows();

    assert!(uses.len() > 10, "{uses:?}");
    for action in &uses {
        let (hash, version) = between(action, "@", "\n")
            .split_once(" # v")
            .unwrap_or_else(|| panic!("{action} does not name its version"));
        assert!(
            hash.len() == 40 && hash.chars().all(|digit| digit.is_ascii_hexdigit()),
            "{action}"
        );
        assert!(version.starts_with(|digit: char| digit.is_ascii_digit()));
    }
}

#[test]
fn workflows_may_do_nothing_by_default() {
    for (file, text) in workflows() {
        let jobs = text.split_once("\njobs:\n").expect("a workflow has jobs").1;

        assert!(text.contains("\npermissions: {}\n"), "{file}");
        assert!(text.contains("\nconcurrency:\n"), "{file}");
        assert_eq!(
            jobs.matches("\n    permissions:\n").count(),
            jobs.matches("\n    runs-on: ").count(),
            "{file}: every job says what it may do"
        );
        assert_eq!(
            jobs.matches("actions/checkout@").count(),
            jobs.matches("persist-credentials: false").count(),
            "{file}: no token stays behind in .git"
        );
    }
}

#[test]
fn the_official_clients_are_pinned() {
    let python = read("tests/clients/python/requirements.txt");
    let browser = read("tests/clients/browser/requirements.txt");
    let node: serde_json::Value =
        serde_json::from_str(&read("tests/clients/node/package.json")).unwrap();

    let pins = python.lines().chain(browser.lines());
    for line in pins.filter(|line| !line.starts_with('#')) {
        assert!(line.contains("=="), "{line}");
    }
    for (name, version) in node["dependencies"].as_object().unwrap() {
        let version = version.as_str().unwrap();
        let is_exact = version.starts_with(|first: char| first.is_ascii_digit());
        assert!(is_exact, "{name} {version}");
    }
    assert!(!read("tests/clients/node/package-lock.json").contains("\"resolved\""));
}

#[test]
fn scripts_can_be_run() {
    for script in [
        ".ci/run",
        ".ci/coverage",
        "tests/clients/run",
        "tests/load/run",
    ] {
        let mode = fs::metadata(at(script)).unwrap().permissions().mode();

        assert!(mode & 0o111 != 0, "{script} is not executable");
    }
}

/// The instructions of the last stage of the Dockerfile, one a line.
fn runtime_stage() -> Vec<String> {
    let joined = read("Dockerfile").replace("\\\n", " ");
    let mut stage = Vec::new();
    for line in joined.lines() {
        if line.starts_with("FROM ") {
            stage.clear();
        }
        if !line.trim().is_empty() && !line.starts_with('#') {
            stage.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    stage
}

fn starting_with(stage: &[String], word: &str) -> String {
    stage
        .iter()
        .find(|line| line.starts_with(word))
        .unwrap_or_else(|| panic!("the image has no {word}"))
        .clone()
}

/// The names in `.env.example`, those that are commented out too.
fn known_variables() -> Vec<String> {
    read(".env.example")
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| is_variable(name))
        .collect()
}

/// The keys of `environment:` of one service of the compose file.
fn compose_variables(service: &str) -> Vec<String> {
    read("deploy/compose.yaml")
        .lines()
        .skip_while(|line| *line != format!("  {service}:"))
        .skip_while(|line| line.trim() != "environment:")
        .skip(1)
        .take_while(|line| line.starts_with("      "))
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, _)| name.to_owned())
        .filter(|name| is_variable(name))
        .collect()
}

fn interpolated(text: &str) -> Vec<String> {
    text.split("${")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|letter| is_variable(&letter.to_string()))
                .collect()
        })
        .collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}

fn uses_of_all_workflows() -> Vec<String> {
    workflows()
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.split_once("uses: "))
        .map(|(_, action)| format!("{action}\n"))
        .collect()
}

fn workflows() -> Vec<(String, String)> {
    fs::read_dir(at(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no `{before}`"))
        .1;
    rest.split_once(after)
        .unwrap_or_else(|| panic!("no `{after}` after `{before}`"))
        .0
}

fn read(name: &str) -> String {
    fs::read_to_string(at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
