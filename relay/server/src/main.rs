//! The command `aimon-relay`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use aimon_relay_server::error::{Error, Result};
use aimon_relay_server::serve::Options;
use aimon_relay_server::{folder, keep, serve};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Stores and forwards what the devices of AI Monitor encrypt. It can read nothing of it.
#[derive(Parser)]
#[command(name = "aimon-relay", version)]
struct Cli {
    /// The folder with the relay's data
    #[arg(long, global = true, value_name = "DIR", env = "AIMON_RELAY_DATA", default_value = "aimon-relay-data")]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the relay
    Serve(Box<Options>),
    /// Writes what the relay holds into another folder, also while it runs
    Backup {
        /// A folder that holds no relay's data
        folder: PathBuf,
    },
    /// Puts a backup into the data folder; what came in since then devices bring again
    Restore {
        /// The backup's folder
        folder: PathBuf,
    },
    /// Lists the workspaces that the relay holds: ids and sizes are all that it knows
    Workspaces,
    /// Takes a workspace out, with all that is held of it
    Purge {
        /// Its id, 64 hexadecimal digits
        workspace: String,
    },
    /// Shows what whoever opens a workspace has to show
    Token {
        /// Reads another one from the standard input
        #[arg(long)]
        set: bool,
    },
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("AIMON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match Cli::try_parse() {
        Ok(cli) => end(run(&cli)),
        // `--help` and `--version` arrive as errors too.
        Err(e) if !e.use_stderr() => {
            say(e.render().ansi().to_string().trim_end());
            ExitCode::SUCCESS
        }
        Err(e) => end(Err(Error::Usage(usage(&e)))),
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

fn end(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "error[{}]: {error}\n  help: {}", error.code(), error.help());
            ExitCode::from(error.exit())
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Serve(options) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            let runtime = runtime.map_err(|source| Error::System { what: "cannot start", source })?;
            runtime.block_on(serve::serve(&cli.data, options, stopped(), say))
        }
        Command::Backup { folder } => keep::backup(&cli.data, folder),
        Command::Restore { folder } => keep::restore(folder, &cli.data),
        Command::Workspaces => {
            for listed in keep::workspaces(&cli.data)? {
                let keep::Listed { id, chunks, bytes, statements } = listed;
                say(&format!("{id}  {chunks} chunks  {bytes} bytes  {statements} statements"));
            }
            Ok(())
        }
        Command::Purge { workspace } => keep::purge(&cli.data, workspace),
        Command::Token { set: false } => {
            say(&folder::registration_token(&cli.data)?);
            Ok(())
        }
        Command::Token { set: true } => {
            let mut token = zeroize::Zeroizing::new(String::new());
            let read = std::io::stdin().read_line(&mut token);
            read.map_err(|source| Error::System { what: "cannot read the token", source })?;
            folder::set_registration_token(&cli.data, &token)
        }
    }
}

fn say(line: &str) {
    let mut out = anstream::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Done when the process is told to end.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut ended) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = ended.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}
