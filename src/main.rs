//! The program; what it can be told to do stands in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(concierge::cli::run())
}
