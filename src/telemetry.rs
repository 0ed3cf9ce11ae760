//! What the process tells of itself: log lines, for people or for machines.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// Where the log goes.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// A server's log is all that it says.
    Stdout,
    /// A command's answer stands on standard output.
    Stderr,
}

/// PostgreSQL notes at every start that what is there already is there already.
const QUIET: &str = "sqlx::postgres::notice=warn";

/// Starts the log. Once a process; a second call changes nothing.
pub fn start(log: &Log, output: Output) {
    let format = log.format.unwrap_or_else(|| output.suitable_format());
    let filter = EnvFilter::try_new(format!("{QUIET},{}", log.filter))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(output);
    let started = match format {
        LogFormat::Pretty => lines.with_ansi(output.is_terminal()).try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    if started.is_ok() {
        tell_of_panics();
    }
}

impl Output {
    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }

    fn suitable_format(self) -> LogFormat {
        if self.is_terminal() {
            LogFormat::Pretty
        } else {
            LogFormat::Json
        }
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines(*self)
    }
}

/// Writes whole lines while somebody reads them. That nobody does any more is no reason to fail:
/// the library would complain on standard error, and panic where that is closed too.
#[derive(Debug)]
pub struct Lines(Output);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.0 {
            Output::Stdout => io::stdout().write_all(line).ok(),
            Output::Stderr => io::stderr().write_all(line).ok(),
        };
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {
            Output::Stdout => io::stdout().flush().ok(),
            Output::Stderr => io::stderr().flush().ok(),
        };
        Ok(())
    }
}

/// Where it panicked and not what it said: the message may quote a caller's text.
fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "Panicked at {place}");
    }));
}
