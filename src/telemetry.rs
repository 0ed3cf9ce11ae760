//! What the process tells of itself: log lines, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts the log. Once a process; a second call changes nothing.
pub fn start(log: &Log) {
    let format = log.format.unwrap_or_else(suitable_format);
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stdout);
    let started = match format {
        LogFormat::Pretty => lines.with_ansi(std::io::stdout().is_terminal()).try_init(),
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

fn suitable_format() -> LogFormat {
    if std::io::stdout().is_terminal() {
        LogFormat::Pretty
    } else {
        LogFormat::Json
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
