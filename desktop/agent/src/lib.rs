//! AI Monitor's agent: the command `aimon`, and what it is made of.
//!
//! * [`cli`]: the command line; [`commands`]: one file for each command.
//! * [`place`]: the data folder and whose logs are read; [`scan`]: taking in what is new;
//!   [`view`]: opening, scanning and reading, as most commands begin.
//! * [`render`]: figures as tables, JSON, CSV and templates.
//! * [`agent`]: what `aimon up` runs (watching, the local HTTP API), and how the other commands
//!   talk to it.
//! * [`mcp`]: what coding agents are answered, by the Model Context Protocol.
//! * [`accounts`]: whom this device asks with which key, and what became of it.
//! * [`subscriptions`]: whose windows it asks for with an agent's own login.
//! * [`secrets`]: the device's keys, and providers', in the operating system's keychain or a file.
//! * [`error`]: every error with its code, its help and its exit code.

pub mod accounts;
pub mod agent;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod dates;
pub mod demo;
pub mod error;
pub mod explain;
pub mod filter;
pub mod hidden;
pub mod home;
pub mod limits;
pub mod lines;
pub mod mcp;
pub mod note;
pub mod output;
pub mod paint;
pub mod place;
pub mod pricing;
pub mod render;
pub mod scan;
pub mod secrets;
pub mod status;
pub mod statusline;
pub mod subscriptions;
pub mod view;
pub mod windows;
pub mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::error::{Error, Result};

/// Runs the command of this process' arguments.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::from(error::exit::OK),
        Err(e) => {
            output::error(&e);
            ExitCode::from(e.exit())
        }
    }
}

fn run() -> Result<()> {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        // `--help` and `--version` arrive as errors too.
        Err(e) if !e.use_stderr() => return output::print(&e.render().ansi().to_string()),
        Err(e) => return Err(Error::Usage(usage(&e))),
    };
    log();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "cannot start", source })?;
    runtime.block_on(commands::run(cli))
}

/// `AIMON_LOG=debug` says what happens, on stderr; without it nothing is set up.
fn log() {
    if let Some(filter) = std::env::var_os("AIMON_LOG").filter(|f| !f.is_empty()) {
        let filter = tracing_subscriber::EnvFilter::new(filter.to_string_lossy());
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // It fails where somebody who embeds this has set one up already.
        drop(log.try_init());
    }
}

/// clap's words, without the heading that ours replaces.
fn usage(e: &clap::Error) -> String {
    let text = e.render().to_string();
    // Its words are the whole help then.
    if e.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("it has to be said what is to be done\n\n{}", text.trim_end());
    }
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}
