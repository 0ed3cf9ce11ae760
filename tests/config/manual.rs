//! `.env.example`, the README and the shipped files say what the code does.

use std::fmt::Write;
use std::fs;

use concierge::config::{AppEnv, SECTIONS, SETTINGS, Setting, Sources};

use crate::{loaded, repository, variables, with};

#[test]
fn the_example_lists_every_setting_with_its_default() {
    let expected = example();

    let found = fs::read_to_string(repository(".env.example")).unwrap();

    assert!(found == expected, ".env.example should be:\n\n{expected}");
}

#[test]
fn the_readme_lists_every_setting() {
    assert_block("settings", &settings_table());
    assert_block("sections", &sections_table());
}

#[test]
fn the_example_works_as_it_is() {
    let sources = Sources {
        dotenv: Some(repository(".env.example")),
        ..with(&[])
    };

    let loaded = loaded(&sources);

    assert_eq!(loaded.config.env, AppEnv::Development);
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn every_default_in_the_manual_is_a_value_that_is_taken() {
    let defaults: Vec<_> = SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.name, setting.default_value()?)))
        .collect();

    let written = loaded(&with(&defaults)).config;

    let mut unwritten = loaded(&with(&[])).config;
    // Naming the address makes the provider: that one default is not the same as silence.
    unwritten.providers.clone_from(&written.providers);
    assert_eq!(format!("{written:?}"), format!("{unwritten:?}"));
}

#[test]
fn the_shipped_files_hold_no_mistake() {
    for (env, more) in [
        ("development", &[][..]),
        ("test", &[]),
        ("staging", &crate::PRODUCTION[1..]),
        ("production", &crate::PRODUCTION[1..]),
    ] {
        let sources = Sources {
            environment: variables(&[&[("APP_ENV", env)], more].concat()),
            folder: repository("config"),
            ..Sources::default()
        };

        let loaded = loaded(&sources);

        assert_eq!(loaded.config.env.as_str(), env);
        assert_eq!(loaded.warnings, [""; 0], "{env}");
    }
}

#[test]
fn the_built_in_file_says_what_the_manual_says() {
    let text = fs::read_to_string(repository("config/default.toml")).unwrap();
    let whole = SECTIONS
        .iter()
        .filter(|it| ["relay", "rate_limits"].contains(&it.path));

    for key in whole.flat_map(|section| section.keys) {
        let quoted = format!("\n{} = \"{}\"\n", key.name, key.default);
        let bare = format!("\n{} = {}\n", key.name, key.default);
        assert!(
            text.contains(&quoted) || text.contains(&bare),
            "{}",
            key.name
        );
    }
}

fn assert_block(name: &str, expected: &str) {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let begin = format!("<!-- {name}:begin -->\n");
    let found = readme
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&format!("<!-- {name}:end -->")))
        .map_or("", |(block, _)| block);

    assert!(
        found == expected,
        "README.md should hold:\n\n{begin}{expected}<!-- {name}:end -->"
    );
}

/// Prose begins with `# `, a setting that is commented out with `#` alone.
fn example() -> String {
    let mut text = String::from(
        "# Copy this file to .env and take out the # before what you want to change. Nothing here has\n\
         # to be set in development. Quotes keep spaces; 'single ones' keep $ and \\ too.\n\
         #\n\
         # NAME_FILE reads a secret from a file. CONCIERGE__SECTION__KEY reaches what else stands in\n\
         # config/default.toml, as in CONCIERGE__RELAY__IDLE_TIMEOUT=30s.\n",
    );
    let mut topic = "";
    for setting in SETTINGS {
        if setting.topic != topic {
            topic = setting.topic;
            let _ = write!(text, "\n# --- {topic} ---\n");
        }
        let _ = write!(
            text,
            "\n# {}{}\n#{}={}\n",
            setting.meaning,
            remarks(setting),
            setting.name,
            setting.default_value().unwrap_or_default(),
        );
    }
    text
}

fn remarks(setting: &Setting) -> String {
    let mut remarks = String::new();
    if setting.default_value().is_none() {
        let _ = write!(remarks, " Default: {}.", setting.default);
    }
    if !setting.aliases.is_empty() {
        let _ = write!(remarks, " Also {}.", setting.aliases.join(", "));
    }
    if !setting.in_effect {
        remarks.push_str(" Not read by this version.");
    }
    remarks
}

fn settings_table() -> String {
    let mut table = String::from("| setting | default | meaning |\n| --- | --- | --- |\n");
    for setting in SETTINGS {
        let names: Vec<_> = std::iter::once(&setting.name)
            .chain(setting.aliases)
            .map(|name| format!("`{name}`"))
            .collect();
        let later = if setting.in_effect {
            ""
        } else {
            " *Not read by this version.*"
        };
        let _ = writeln!(
            table,
            "| {} | {} | {}{later} |",
            names.join(", "),
            setting.default,
            setting.meaning
        );
    }
    table
}

fn sections_table() -> String {
    let mut table = String::from("| key | default | meaning |\n| --- | --- | --- |\n");
    for section in SECTIONS {
        for key in section.keys {
            let _ = writeln!(
                table,
                "| `{}.{}` | {} | {} |",
                section.path, key.name, key.default, key.meaning
            );
        }
    }
    table
}
