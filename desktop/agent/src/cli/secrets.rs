//! The command line of where secrets are kept.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `aimon secrets`
#[derive(Subcommand, Debug)]
pub enum SecretsCommand {
    /// Show where this device's secrets lie, and whether a passphrase protects them; no secret is shown
    Show(SecretsShowArgs),
    /// Put secrets in files under a passphrase, or under another one; it is asked for on the terminal
    #[command(long_about = PASSPHRASE)]
    Passphrase(PassphraseArgs),
}

const PASSPHRASE: &str = "\
Put secrets in files under a passphrase, or under another one. It is asked for on the terminal.

Where the secrets are in the system's keychain, that is what protects them. Files are used where AIMON_SECRET_STORE=file says
so, or where there is no keychain. Each process that needs a secret asks for the passphrase once, `aimon up` at its start. A
service reads it from the file that AIMON_PASSPHRASE_FILE names. A passphrase that is forgotten can't be brought back.";

/// `aimon secrets show`
#[derive(Args, Debug, Default)]
pub struct SecretsShowArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon secrets passphrase`
#[derive(Args, Debug, Default)]
pub struct PassphraseArgs {
    /// Read the new passphrase from a file's first line
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    pub new_from: Option<PathBuf>,
    /// Take the passphrase off: the files are then as open as their rights say
    #[arg(long)]
    pub remove: bool,
}
