//! A folder in which the program is started, with nothing in it and nothing in the environment.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::PATIENCE;
use super::running::{Running, kill};

/// An empty folder, gone at the end of the test.
pub(crate) struct Place(tempfile::TempDir);

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    /// What lies in the folder, by name.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Done {
        self.run_with_input(arguments, settings, "")
    }

    /// Runs a command that reads `input`.
    pub(crate) fn run_with_input(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
        input: &str,
    ) -> Done {
        let mut command = program(self.0.path(), settings);
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who does not read its input has closed the pipe.
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        let id = child.id();
        let (ended, end) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let output = child.wait_with_output().unwrap();
            ended.send(()).ok();
            output
        });
        let in_time = end.recv_timeout(PATIENCE).is_ok();
        if !in_time {
            kill("KILL", id);
        }
        let output = waiting.join().unwrap();
        assert!(in_time, "{arguments:?} took longer than {PATIENCE:?}");
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A server on a free port of this machine, once it listens.
    pub(crate) async fn serve(&self, settings: &[(&str, &str)]) -> Running {
        let mut all = vec![("API_HOST", "127.0.0.1"), ("API_PORT", "0")];
        all.extend(settings);
        let mut server = self.start(&[], &all);
        server.listens().await;
        server
    }

    /// A server that may never come to listen.
    pub(crate) fn start(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Running {
        let mut command = program(self.0.path(), settings);
        Running::start(command.args(arguments))
    }
}

impl Done {
    /// The one thing that went wrong, and that it was told as a sentence and not as an accident.
    pub(crate) fn refusal(&self) -> &str {
        assert!(!matches!(self.code, Some(0) | None), "{self:?}");
        // A command's log stands there too, as JSON.
        let mut lines = self.stderr.lines().filter(|line| !line.starts_with('{'));
        let said = lines.next().unwrap_or_default();
        assert!(said.starts_with("error: "), "{self:?}");
        assert_eq!(lines.next(), None, "{self:?}");
        for accident in ["panicked", "backtrace", "RUST_", "went wrong on our side"] {
            assert!(!said.contains(accident), "{self:?}");
        }
        said
    }
}

/// The binary with these settings and no others.
pub(crate) fn program(folder: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concierge"));
    command.current_dir(folder).env_clear();
    // The second is where a binary that counts its own lines writes them.
    for name in ["PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(settings.iter().copied());
    command
}
