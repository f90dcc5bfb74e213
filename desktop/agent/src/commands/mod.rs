//! The commands, one file each.

pub mod completions;
pub mod man;
pub mod report;
pub mod scan;

use crate::cli::{Cli, Command};
use crate::error::Result;

/// Does what the command line asks for.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Some(Command::Scan(args)) => scan::run(&args).await,
        Some(Command::Report(args)) => report::run(&args).await,
        Some(Command::Completions { shell }) => completions::run(shell),
        Some(Command::Man) => man::run(),
        _ => Ok(()),
    }
}
