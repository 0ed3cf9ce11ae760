//! What the program can be told to do.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;
use tokio::runtime::Runtime;

use crate::clock::Clock;
use crate::config::{self, Config, Loaded, Sources};
use crate::domain::Email;
use crate::error::{Error, Result, chain};
use crate::server::{self, Databases, Server};
use crate::{api, telemetry};

/// `EX_CONFIG` of sysexits(3).
const CONFIG: u8 = 78;
/// What a shell reports of a program that an interrupt ended.
const INTERRUPTED: u8 = 130;
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The backend of an AI application in one binary.
#[derive(Debug, Parser)]
#[command(name = "concierge", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    flags: Flags,
}

/// Settings that go before every other source.
#[derive(Clone, Debug, Default, Args)]
struct Flags {
    /// Address to listen on (`API_HOST`).
    #[arg(long, global = true)]
    host: Option<String>,
    /// Port to listen on (`API_PORT`).
    #[arg(long, short, global = true)]
    port: Option<String>,
    /// Where the process runs: development, test, staging or production (`APP_ENV`).
    #[arg(long, global = true)]
    env: Option<String>,
    /// A TOML file with settings (`CONFIG_FILE`).
    #[arg(long, global = true)]
    config: Option<PathBuf>,
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
        Verb::Serve => configured(flags, serve),
        Verb::CheckConfig => check_config(flags),
        Verb::Migrate => configured(flags, |config| on_runtime(migrate(config))),
        Verb::Healthcheck { url } => healthcheck(flags, url),
        Verb::Openapi => openapi(),
        Verb::CreateAdmin { email, .. } => {
            configured(flags, |config| on_runtime(create_admin(config, email)))
        }
        Verb::Version => say(concat!("concierge ", env!("CARGO_PKG_VERSION"))),
    }
}

impl Flags {
    fn sources(self) -> Sources {
        let config = self.config.map(|path| path.display().to_string());
        let flags = [
            ("API_HOST", self.host),
            ("API_PORT", self.port),
            ("APP_ENV", self.env),
            ("CONFIG_FILE", config),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Sources::of_process(given.collect::<BTreeMap<_, _>>())
    }
}

/// Does something with a valid configuration, or tells all that is wrong with it.
fn configured(flags: Flags, act: impl FnOnce(Config) -> u8) -> u8 {
    match config::load(&flags.sources()) {
        Ok(Loaded {
            config, warnings, ..
        }) => {
            telemetry::start(&config.log);
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            act(config)
        }
        Err(problems) => refuse(&problems),
    }
}

fn refuse(problems: &[config::Problem]) -> u8 {
    complain(&format!(
        "The configuration cannot be used ({} to mend):",
        problems.len()
    ));
    for problem in problems {
        complain(&format!("  {problem}"));
    }
    CONFIG
}

fn check_config(flags: Flags) -> u8 {
    match config::load(&flags.sources()) {
        Ok(loaded) => {
            for setting in &loaded.effective {
                say(&setting.to_string());
            }
            for warning in &loaded.warnings {
                complain(&format!("warning: {warning}"));
            }
            say("The configuration can be used.")
        }
        Err(problems) => refuse(&problems),
    }
}

fn serve(config: Config) -> u8 {
    let Some(runtime) = runtime() else { return 1 };
    let ended = runtime.block_on(async {
        let server = Server::bind(config).await?;
        let (told, stop) = tokio::sync::oneshot::channel();
        tokio::select! {
            ended = server.run(async { stop.await.unwrap_or(()) }) => ended.map(|()| 0),
            () = stopped_twice(told) => Ok(INTERRUPTED),
        }
    });
    // What still blocks a thread (a hash, a file) is not waited for: everything is closed.
    runtime.shutdown_background();
    exit_code(ended)
}

/// Resolves at the second signal to stop; the first is passed on.
async fn stopped_twice(first: tokio::sync::oneshot::Sender<()>) {
    server::asked_to_stop().await;
    first.send(()).ok();
    server::asked_to_stop().await;
}

fn on_runtime(work: impl Future<Output = Result<String>>) -> u8 {
    let Some(runtime) = runtime() else { return 1 };
    let ended = runtime.block_on(work);
    exit_code(ended.map(|done| say(&done)))
}

fn runtime() -> Option<Runtime> {
    match Runtime::new() {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            complain(&format!("error: no threads can be started: {error}"));
            None
        }
    }
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
        missing => format!("{missing} migrations were applied."),
    })
}

async fn create_admin(config: Config, email: String) -> Result<String> {
    server::install_crypto()?;
    let address = Email::parse(&email).ok_or_else(|| {
        Error::invalid(
            "validation_error",
            "--email must be an e-mail address, such as ada@example.com.",
        )
    })?;
    let password = password_from_stdin()?;
    let databases = Databases::open(&config.databases).await?;
    if config.databases.auto_migrate {
        databases.migrate().await?;
    }
    let auth = server::auth(&config, &databases, &Clock::system())?;
    let admin = auth.create_admin(address, password).await?;
    databases.close().await;
    Ok(format!("{} is an administrator.", admin.email))
}

fn password_from_stdin() -> Result<SecretString> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Error::invalid(
            "validation_error",
            "The password is read from standard input, which is a terminal here: pipe it in.",
        ));
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| {
        Error::invalid("validation_error", "The password cannot be read.").because(error)
    })?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn healthcheck(flags: Flags, url: Option<String>) -> u8 {
    let url = match url {
        Some(url) => url,
        None => match config::load(&flags.sources()) {
            Ok(loaded) => own_address(&loaded.config),
            Err(problems) => return refuse(&problems),
        },
    };
    on_runtime(probe(url))
}

fn own_address(config: &Config) -> String {
    let host = match config.http.host {
        host if !host.is_unspecified() => host,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!(
        "http://{}/health",
        std::net::SocketAddr::new(host, config.http.port)
    )
}

async fn probe(url: String) -> Result<String> {
    server::install_crypto()?;
    let unhealthy = || Error::unavailable("unhealthy", format!("{url} is not healthy."));
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PROBE_TIMEOUT)
        .build()
        .map_err(Error::internal)?;
    let answer = client
        .get(&url)
        .send()
        .await
        .map_err(|error| unhealthy().because(error))?;
    match answer.status() {
        status if status.is_success() => Ok(format!("{url} is healthy.")),
        status => Err(unhealthy().because(format!("it answered {status}"))),
    }
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
