//! The commands, one file each.

pub mod account;
pub mod blocks;
pub mod completions;
pub mod demo;
pub mod device;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod join;
pub mod man;
pub mod mcp;
pub mod pair;
pub mod poll;
pub mod project;
pub mod purge;
pub mod report;
pub mod scan;
pub mod secrets;
pub mod settings;
pub mod source;
pub mod status;
pub mod statusline;
pub mod sync;
pub mod up;
pub mod windows;
pub mod workspace;

use crate::cli::{Cli, Command, StatusArgs};
use crate::error::Result;
pub(crate) use crate::place::PATIENCE;

/// Does what the command line asks for.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        None => status::run(&StatusArgs::default()).await,
        Some(Command::Scan(args)) => scan::run(&args).await,
        Some(Command::Report(args)) => report::run(&args).await,
        Some(Command::Explain(args)) => explain::run(&args).await,
        Some(Command::Status(args)) => status::run(&args).await,
        Some(Command::Blocks(args)) => blocks::run(&args).await,
        Some(Command::Windows(args)) => windows::run(&args).await,
        Some(Command::Statusline(args)) => statusline::run(&args).await,
        Some(Command::Up(args)) => up::run(&args).await,
        Some(Command::Account { command }) => account::run(&command).await,
        Some(Command::Poll(args)) => poll::run(&args).await,
        Some(Command::Source { command }) => source::run(&command).await,
        Some(Command::Workspace { command }) => workspace::run(&command).await,
        Some(Command::Pair(args)) => pair::run(&args).await,
        Some(Command::Join(args)) => join::run(&args).await,
        Some(Command::Sync(args)) => sync::run(&args).await,
        Some(Command::Device { command }) => device::run(&command).await,
        Some(Command::Settings { command }) => settings::run(&command).await,
        Some(Command::Purge(args)) => purge::run(&args).await,
        Some(Command::Mcp(args)) => mcp::run(&args).await,
        Some(Command::Project { command }) => project::run(&command).await,
        Some(Command::Secrets { command }) => secrets::run(&command).await,
        Some(Command::Doctor(args)) => doctor::run(&args).await,
        Some(Command::Export(args)) => export::run(&args).await,
        Some(Command::Demo(args)) => demo::run(&args).await,
        Some(Command::Completions { shell }) => completions::run(shell),
        Some(Command::Man) => man::run(),
    }
}
