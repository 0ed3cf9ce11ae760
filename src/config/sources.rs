//! Where settings come from, gathered so that a test can say what the process would.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::rc::Rc;

use super::layer::path_of_variable;
use super::problem::Report;
use super::text::read_text;

/// All that loading looks at.
#[derive(Clone, Default)]
pub struct Sources {
    /// What the command line says, by setting: `API_PORT`.
    pub flags: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    /// Variables of ours whose value is not UTF-8.
    pub unreadable: Vec<String>,
    /// The `.env` file, which need not be there.
    pub dotenv: Option<PathBuf>,
    /// Where `default.toml` and `{APP_ENV}.toml` are looked for; neither need be there.
    pub folder: PathBuf,
}

impl Sources {
    /// The process's environment, and `.env` and `config/` in its working directory.
    pub fn of_process(flags: BTreeMap<String, String>) -> Self {
        let mut sources = Self {
            flags,
            dotenv: Some(PathBuf::from(".env")),
            folder: PathBuf::from("config"),
            ..Self::default()
        };
        for (name, value) in std::env::vars_os() {
            sources.take(name, value);
        }
        sources
    }

    /// What is not UTF-8 matters only where it is ours.
    fn take(&mut self, name: OsString, value: OsString) {
        let Ok(name) = name.into_string() else { return };
        match value.into_string() {
            Ok(value) => {
                self.environment.insert(name, value);
            }
            Err(_) if path_of_variable(&name).is_some() => self.unreadable.push(name),
            Err(_) => {}
        }
    }

    /// The variables of `.env`.
    pub(super) fn dotenv_variables(&self, report: &mut Report) -> BTreeMap<String, String> {
        // A folder of that name is a Python environment, not a list of settings.
        let Some(path) = self.dotenv.as_deref().filter(|path| path.is_file()) else {
            return BTreeMap::new();
        };
        match read_text(path) {
            Ok(text) => dotenv(&text, report),
            Err(reason) => {
                report.problem(".env", reason, "a text file");
                BTreeMap::new()
            }
        }
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("flags", &self.flags.keys())
            .field("dotenv", &self.dotenv)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn dotenv(text: &str, report: &mut Report) -> BTreeMap<String, String> {
    let text = format!("{}\n", text.trim_start_matches('\u{feff}'));
    let count = Rc::new(Cell::new(0));
    let lines = Lines {
        rest: text.as_bytes(),
        count: Rc::clone(&count),
    };
    let mut variables = BTreeMap::new();
    for item in dotenvy::from_read_iter(lines) {
        match item {
            Ok((name, value)) => {
                if variables.insert(name.clone(), value).is_some() {
                    report.warn(format!("{name} stands twice in .env; the last one counts."));
                }
            }
            Err(dotenvy::Error::LineParse(logical, _)) => {
                let lines = logical.strip_suffix('\n').unwrap_or(&logical);
                let line = count.get() - lines.matches('\n').count();
                report.problem(
                    format!(".env, line {line}"),
                    "cannot be read",
                    "NAME=value, with quotes around a value that holds spaces",
                );
            }
            Err(_) => break,
        }
    }
    variables
}

/// Hands out one line at a time and counts them: the parser does not say where it stands.
struct Lines<'a> {
    rest: &'a [u8],
    count: Rc<Cell<usize>>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let length = end.min(buffer.len());
        let (line, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(line);
        self.rest = rest;
        if line.ends_with(b"\n") {
            self.count.set(self.count.get() + 1);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mut report = Report::default();
        dotenv(text, &mut report);
        report.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_broken_line_is_named_without_its_value() {
        let found = problems("# a comment\nA=1\n\nSECRET_KEY=hunter2 hunter3\nB=2\nno equals\n");

        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with(".env, line 4: "), "{}", found[0]);
        assert!(found[1].starts_with(".env, line 6: "), "{}", found[1]);
        assert!(!found.concat().contains("hunter"));
    }

    #[test]
    fn a_quote_left_open_is_named_where_it_opens() {
        let found = problems("A=1\nB=\"two\nC=3\n");

        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(".env, line 2: "), "{}", found[0]);
    }

    #[test]
    fn a_byte_order_mark_and_a_last_line_without_end_do_no_harm() {
        let mut report = Report::default();

        let variables = dotenv("\u{feff}A=1\r\nB='two words' ", &mut report);

        assert_eq!(variables["A"], "1");
        assert_eq!(variables["B"], "two words");
        assert!(report.problems.is_empty());
    }

    #[test]
    #[cfg(unix)]
    fn only_a_variable_of_ours_has_to_be_readable() {
        use std::os::unix::ffi::OsStringExt;

        let garbage = || OsString::from_vec(vec![0xff, 0xfe]);
        let mut sources = Sources::default();

        for name in ["SECRET_KEY", "LS_COLORS", "CONCIERGE__RELAY__IDLE_TIMEOUT"] {
            sources.take(name.into(), garbage());
        }
        sources.take(garbage(), "value".into());

        assert_eq!(
            sources.unreadable,
            ["SECRET_KEY", "CONCIERGE__RELAY__IDLE_TIMEOUT"]
        );
        assert!(sources.environment.is_empty());
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "(?s).{0,200}") {
            problems(&text);
        }
    }
}
