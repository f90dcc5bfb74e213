//! The command line of what people pay for: accounts, polls, and who pays for which source.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::dates::Day;

/// `aimon account`
#[derive(Subcommand, Debug)]
pub enum AccountCommand {
    /// Add an account: asks for the key, checks it, keeps it in the keychain, and fetches what the provider keeps
    Add(AddArgs),
    /// Show the accounts, which devices hold a key, and how the last polls went
    List(AccountListArgs),
    /// Put another key in the place of this device's
    Rekey(RekeyArgs),
    /// Call an account something
    Rename(RenameAccountArgs),
    /// Say that two accounts are one, so that what both report counts once; or that they are two
    Merge(MergeAccountArgs),
    /// Forget this device's key; what is known of the account stays
    Remove(RemoveArgs),
}

/// `aimon account add`
#[derive(Args, Debug)]
pub struct AddArgs {
    /// openai, anthropic, openrouter or litellm
    #[arg(value_name = "PROVIDER")]
    pub provider: String,
    /// What you call it [default: as the provider does]
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
    /// The base address, as the provider's SDK takes it, where it is not the provider's own; it holds for this device alone
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Read the key from the standard input
    #[arg(long)]
    pub key_stdin: bool,
    /// Don't fetch the past now: `aimon poll` and `aimon up` do it
    #[arg(long)]
    pub no_backfill: bool,
}

/// `aimon account list`
#[derive(Args, Debug, Default)]
pub struct AccountListArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon account rekey`
#[derive(Args, Debug)]
pub struct RekeyArgs {
    /// The account: its name, its id, or how that begins
    pub account: String,
    /// Read the key from the standard input
    #[arg(long)]
    pub key_stdin: bool,
}

/// `aimon account rename`
#[derive(Args, Debug)]
pub struct RenameAccountArgs {
    /// The account: its name, its id, or how that begins
    pub account: String,
    /// What you call it
    pub name: String,
}

/// `aimon account merge`
#[derive(Args, Debug)]
pub struct MergeAccountArgs {
    /// One: its name, its id, or how that begins
    pub account: String,
    /// The other one
    pub other: String,
    /// They are two, and both count
    #[arg(long, conflicts_with = "undo")]
    pub apart: bool,
    /// Take back what was said of them
    #[arg(long)]
    pub undo: bool,
}

/// `aimon account remove`
#[derive(Args, Debug)]
pub struct RemoveArgs {
    /// The account: its name, its id, or how that begins
    pub account: String,
}

/// `aimon poll`
#[derive(Args, Debug, Default)]
pub struct PollArgs {
    /// Only this account: its name, its id, or how that begins
    pub account: Option<String>,
    /// Ask for everything now, due or not; all the same not before a pause is over that a provider has asked for
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon source`
#[derive(Subcommand, Debug)]
pub enum SourceCommand {
    /// Say who pays for what a source's logs tell of, so that nothing is counted twice
    Cover(CoverArgs),
    /// Say that this device asks for the windows of a subscription, with the login that the agent keeps here
    #[command(long_about = ASK)]
    Ask(AskArgs),
    /// Show the sources, whose calls they have, who pays for them, and whose windows are asked for
    List(SourceListArgs),
}

/// `aimon source cover`
#[derive(Args, Debug)]
pub struct CoverArgs {
    /// The source: claude-code, codex, gemini, opencode
    pub source: String,
    /// Who pays: an account, `subscription`, or `nobody` to take back what was said
    #[arg(long, value_name = "PAYER")]
    pub by: String,
    /// From this UTC day on; what is before it stays as it is [default: all days]
    #[arg(long, value_name = "DAY")]
    pub from: Option<Day>,
    /// Only what this device has seen: its name, its id, or how that begins
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Only calls of whom the log says that they are this owner's; `-` where it says nothing. `source list` names them
    #[arg(long, value_name = "OWNER")]
    pub owner: Option<String>,
    /// Only calls that this device has read in this folder of the source's, and of whom the log says nothing: of two installations of one
    /// agent each may be paid by somebody else. `doctor` names the folders
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["device", "owner"])]
    pub root: Option<PathBuf>,
}

/// What `aimon source ask --help` says.
const ASK: &str = "\
Say that this device asks for the windows of a subscription, with the login that the agent keeps here

Off unless you turn it on, for each device. Nothing is needed for it where `aimon statusline` (Claude Code) or the logs (Codex) tell of the
windows already. The login is read where it lies, each time anew; it is never renewed, written or kept. At most each five minutes; where
the provider says that it is too often, not before the pause is over that it asks for, or an hour. `aimon source list` shows how it goes.
The endpoints are the agents' own, and not documented for others: they may change or refuse at any time.";

/// `aimon source ask`
#[derive(Args, Debug)]
pub struct AskArgs {
    /// The source: claude-code, codex
    pub source: String,
    /// From here on
    #[arg(long, conflicts_with = "off", required_unless_present = "off")]
    pub on: bool,
    /// Not any more
    #[arg(long)]
    pub off: bool,
}

/// `aimon source list`
#[derive(Args, Debug, Default)]
pub struct SourceListArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}
