//! The configuration: what it is, or everything that is wrong with it.

use super::flags::Flags;
use super::serve::INTERRUPTED;
use super::{complain, exit_code, say};
use crate::config::{self, Config, Loaded, Problem};
use crate::telemetry;

/// `EX_CONFIG` of sysexits(3).
const EX_CONFIG: u8 = 78;

/// Does something with a valid configuration, or tells all that is wrong with it.
pub(super) fn configured(
    flags: &Flags,
    output: telemetry::Output,
    act: impl FnOnce(Config) -> u8,
) -> u8 {
    match config::load(&flags.sources()) {
        Ok(Loaded {
            config, warnings, ..
        }) => {
            let traces = match telemetry::start(&config, output) {
                Ok(traces) => traces,
                Err(error) => return exit_code(Err(error)),
            };
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            let code = act(config);
            // Who is interrupted does not wait for a collector.
            if let Some(traces) = traces.filter(|_| code != INTERRUPTED) {
                traces.close();
            }
            code
        }
        Err(problems) => refuse(&problems),
    }
}

pub(super) fn check(flags: &Flags) -> u8 {
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

pub(super) fn refuse(problems: &[Problem]) -> u8 {
    complain(&format!(
        "The configuration cannot be used ({} to mend):",
        problems.len()
    ));
    for problem in problems {
        complain(&format!("  {problem}"));
    }
    EX_CONFIG
}
