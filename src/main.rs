//! The program; what it can be told to do stands in `cli`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Chosen by measurement: `docs/decisions/0013-mimalloc.md`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(concierge::cli::run())
}
