//! What the program can be told to do.

mod admin;
mod flags;
mod health;
mod serve;
mod settings;

use std::io::Write;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::error::{Error, Result, chain};
use crate::server::{self, Databases};
use crate::{api, telemetry};
use flags::Flags;
use settings::configured;

/// The backend of an AI application in one binary.
#[derive(Debug, Parser)]
#[command(name = "concierge", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Answer requests (what happens without any verb).
    Serve,
    /// Say what is configured, or everything that is wrong with it. Touches no network.
    CheckConfig,
    /// Bring both databases to the schema of this version.
    Migrate,
    /// Ask a running server how it does; for container health checks.
    Healthcheck {
        /// What to ask, unless it is this machine's own server.
        url: Option<String>,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Create an administrator, or make an existing account one and set its password.
    CreateAdmin {
        #[arg(long)]
        email: String,
        /// Read the password from standard input, up to the end of its first line.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Print the version.
    Version,
}

/// Does what the command line says. The process's exit code.
pub fn run() -> u8 {
    let Cli { verb, flags } = Cli::parse();
    match verb.unwrap_or(Verb::Serve) {
        Verb::Serve => configured(&flags, telemetry::Output::Stdout, serve::serve),
        Verb::CheckConfig => settings::check(&flags),
        Verb::Migrate => command(&flags, migrate),
        Verb::Healthcheck { url } => health::check(&flags, url),
        Verb::Openapi => openapi(),
        Verb::CreateAdmin { email, .. } => command(&flags, |config| admin::create(config, email)),
        Verb::Version => say(concat!("concierge ", env!("CARGO_PKG_VERSION"))),
    }
}

/// Does something once. What it says at its end is its answer, so its log goes elsewhere.
fn command<F>(flags: &Flags, work: impl FnOnce(Config) -> F) -> u8
where
    F: Future<Output = Result<String>>,
{
    configured(flags, telemetry::Output::Stderr, |config| {
        exit_code(on_runtime(work(config)).map(|done| say(&done)))
    })
}

/// What still blocks a thread at the end (a hash, a name looked up) is not waited for.
fn on_runtime<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = Runtime::new().map_err(|error| {
        Error::unavailable("no_threads", "No threads can be started.").because(error)
    })?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

fn exit_code(ended: Result<u8>) -> u8 {
    ended.unwrap_or_else(|error| {
        complain(&format!("error: {}", chain(&error)));
        1
    })
}

async fn migrate(config: Config) -> Result<String> {
    server::install_crypto()?;
    let databases = Databases::open(&config.databases).await?;
    let missing = databases.unapplied().await?;
    databases.migrate().await?;
    databases.close().await;
    Ok(match missing {
        0 => "Both databases are up to date.".to_owned(),
        1 => "1 migration was applied.".to_owned(),
        missing => format!("{missing} migrations were applied."),
    })
}

fn openapi() -> u8 {
    match serde_json::to_string_pretty(&api::openapi::document()) {
        Ok(document) => say(&document),
        Err(error) => exit_code(Err(Error::internal(error))),
    }
}

/// A line on standard output. Who has closed it wants no more.
fn say(line: &str) -> u8 {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn complain(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}
