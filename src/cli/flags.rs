//! Settings on the command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use crate::config::Sources;

/// Settings that go before every other source.
#[derive(Clone, Debug, Default, Args)]
#[expect(clippy::doc_markdown, reason = "the help is plain text")]
pub(super) struct Flags {
    /// Address to listen on (API_HOST).
    #[arg(long, global = true)]
    host: Option<String>,
    /// Port to listen on (API_PORT).
    #[arg(long, short, global = true)]
    port: Option<String>,
    /// Where the process runs: development, test, staging or production (APP_ENV).
    #[arg(long, global = true)]
    env: Option<String>,
    /// A TOML file with settings (CONFIG_FILE).
    #[arg(long, global = true)]
    config: Option<PathBuf>,
}

impl Flags {
    /// The flags, and all that the process finds around it.
    pub(super) fn sources(&self) -> Sources {
        let config = self.config.as_ref().map(|path| path.display().to_string());
        let flags = [
            ("API_HOST", self.host.clone()),
            ("API_PORT", self.port.clone()),
            ("APP_ENV", self.env.clone()),
            ("CONFIG_FILE", config),
        ];
        let given = flags
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Sources::of_process(given.collect::<BTreeMap<_, _>>())
    }
}
