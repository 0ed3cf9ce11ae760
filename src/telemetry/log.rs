//! The log: lines for people or for machines.

use std::io::{self, IsTerminal, Write};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use super::traces::Traces;
use crate::config::{Config, LogFormat};
use crate::error::Result;

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

/// Spans of the traces are not the log's.
const NOT_OURS: &str = "otel=off";

/// Starts the log, and the traces where they are wanted: those are a server's. Once a process; a
/// second call changes nothing.
pub fn start(config: &Config, output: Output) -> Result<Option<Traces>> {
    let log = &config.log;
    let format = log.format.unwrap_or_else(|| output.suitable_format());
    let filter = EnvFilter::try_new(format!("{QUIET},{NOT_OURS},{}", log.filter))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let wanted = config.traces.as_ref().filter(|_| output.is_of_server());
    let traces = wanted.map(Traces::open).transpose()?;
    let started = match &traces {
        // A filter of its own for each costs something at every line.
        None => registry()
            .with(filter)
            .with(lines(format, output))
            .try_init(),
        Some(traces) => registry()
            .with(lines(format, output).with_filter(filter))
            .with(traces.layer())
            .try_init(),
    };
    if started.is_ok() {
        tell_of_panics();
    }
    Ok(traces)
}

fn lines<S>(format: LogFormat, output: Output) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = fmt::layer().with_writer(output);
    match format {
        LogFormat::Pretty => lines.with_ansi(output.is_terminal()).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    }
}

impl Output {
    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }

    fn is_of_server(self) -> bool {
        matches!(self, Self::Stdout)
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
