//! The commands, one file each.

pub mod completions;
pub mod man;
pub mod report;
pub mod scan;
pub mod status;
pub mod statusline;
pub mod up;

use crate::cli::{Cli, Command, StatusArgs};
use crate::error::Result;

/// Does what the command line asks for.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Some(Command::Scan(args)) => scan::run(&args).await,
        Some(Command::Report(args)) => report::run(&args).await,
        Some(Command::Completions { shell }) => completions::run(shell),
        Some(Command::Man) => man::run(),
        Some(Command::Status(args)) => status::run(&args).await,
        None => status::run(&StatusArgs::default()).await,
        Some(Command::Statusline(args)) => statusline::run(&args).await,
        Some(Command::Up(args)) => up::run(&args).await,
        _ => Ok(()),
    }
}
